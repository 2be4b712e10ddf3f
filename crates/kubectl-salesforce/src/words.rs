//! How are times written? As kubectl writes an age.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// `in 41m`, or `3m ago`.
pub fn relative(time: &Time, now: Timestamp) -> String {
    let seconds = time.0.as_second() - now.as_second();
    if seconds >= 0 {
        format!("in {}", span(seconds))
    } else {
        format!("{} ago", span(-seconds))
    }
}

/// `3m ago`, of what has happened: a clock that is a little behind does not make it lie ahead.
pub fn ago(time: &Time, now: Timestamp) -> String {
    format!("{} ago", span((now.as_second() - time.0.as_second()).max(0)))
}

/// A span in its two largest units: `45s`, `12m`, `1h48m`, `3d4h`.
pub fn span(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: i64, unit: char, small: i64, smaller: char| match small {
        0 => format!("{large}{unit}"),
        _ => format!("{large}{unit}{small}{smaller}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0 | 1) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => two(hours, 'h', minutes % 60, 'm'),
        (_, _, _) => two(days, 'd', hours % 24, 'h'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_at_most_two_units() {
        let seconds = [0, 45, 119, 120, 3599, 3600, 6480, 86_400, 273_600];
        assert_eq!(
            seconds.map(span),
            ["0s", "45s", "119s", "2m", "59m", "1h", "1h48m", "1d", "3d4h"]
        );
    }

    #[test]
    fn a_time_is_ahead_or_ago() {
        let now: Timestamp = "2026-11-27T10:00:00Z".parse().expect("a time");
        let at = |text: &str| Time(text.parse().expect("a time"));
        assert_eq!(relative(&at("2026-11-27T10:30:00Z"), now), "in 30m");
        assert_eq!(relative(&at("2026-11-27T09:59:00Z"), now), "60s ago");
        assert_eq!(ago(&at("2026-11-27T10:00:01Z"), now), "0s ago");
    }
}
