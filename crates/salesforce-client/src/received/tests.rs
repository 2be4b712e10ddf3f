use reqwest::header::HeaderValue;

use super::*;

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn retry_after_is_read_in_seconds_and_as_a_date_by_the_servers_own_clock() {
    let date = (DATE, "Mon, 23 Nov 2026 02:00:00 GMT");
    let of = |value| retry_after(&headers(&[date.clone(), (RETRY_AFTER, value)]));
    assert_eq!(of("120"), Some(Duration::from_secs(120)));
    assert_eq!(of("Mon, 23 Nov 2026 02:01:30 GMT"), Some(Duration::from_secs(90)));
    assert_eq!(of("Mon, 23 Nov 2026 01:00:00 GMT"), Some(Duration::ZERO));
    assert_eq!(of("soon"), None);
    assert_eq!(of("-1"), None);
    assert_eq!(retry_after(&HeaderMap::new()), None);
}

#[test]
fn no_retry_after_is_longer_than_a_day() {
    let day = Some(Duration::from_hours(24));
    let date = (DATE, "Mon, 23 Nov 2026 02:00:00 GMT");
    let of = |value| retry_after(&headers(&[date.clone(), (RETRY_AFTER, value)]));
    assert_eq!(of("86399"), Some(Duration::from_secs(86399)));
    assert_eq!(of("86401"), day);
    assert_eq!(of("18446744073709551615"), day);
    assert_eq!(of("99999999999999999999999999"), day, "more than 64 bits");
    assert_eq!(of("Fri, 31 Dec 2027 23:59:59 GMT"), day);
}

#[test]
fn the_servers_clock_is_read() {
    let date = server_date(&headers(&[(DATE, "Mon, 23 Nov 2026 02:00:00 GMT")]));
    assert_eq!(date, Some("2026-11-23T02:00:00Z".parse().unwrap()));
    assert_eq!(server_date(&headers(&[(DATE, "yesterday")])), None);
}

#[test]
fn a_refusal_that_was_understood_was_answered_and_server_trouble_may_have_acted() {
    let cases = [
        (400, Refusal::RefreshTokenExpired, Sent::Answered),
        (400, Refusal::UnknownRefusal, Sent::Answered),
        (302, Refusal::RedirectRefused, Sent::Answered),
        (403, Refusal::ForbiddenByNetwork, Sent::Answered),
        (420, Refusal::HostNotRouted, Sent::Answered),
        (429, Refusal::TooManyRequests, Sent::Answered),
        (408, Refusal::TimedOut, Sent::Unknown),
        (400, Refusal::SalesforceUnknownError, Sent::Unknown),
        (400, Refusal::SalesforceDown, Sent::Unknown),
        (500, Refusal::PasswordExpired, Sent::Unknown),
        (503, Refusal::MaintenancePage, Sent::Unknown),
        (200, Refusal::UnreadableAnswer, Sent::Unknown),
    ];
    for (status, refusal, expected) in cases {
        assert_eq!(sent(status, refusal), expected, "{status} {refusal}");
    }
}

fn answer(status: u16, body: &str, answerer: Answerer) -> Received {
    Received {
        status,
        headers: HeaderMap::new(),
        body: Zeroizing::new(body.as_bytes().to_vec()),
        redirect: None,
        answerer,
    }
}

#[test]
fn words_of_a_host_that_is_not_salesforces_are_not_repeated() {
    let bodies = [
        "<html><title>Internal wiki</title>",
        r#"{"error":"invalid_grant","error_description":"Internal wiki"}"#,
        r#"{"error":"Internal wiki"}"#,
        r#"[{"errorCode":"INVALID_SESSION_ID","message":"Internal wiki"}]"#,
        "Internal wiki",
    ];
    let detail = |body: &&str, answerer| {
        answer(400, body, answerer)
            .refusal(None, &Scrubber::default())
            .detail
    };
    for body in &bodies {
        assert!(
            detail(body, Answerer::Salesforce).contains("Internal wiki"),
            "{body}"
        );
    }
    assert_eq!(
        bodies.map(|body| detail(&body, Answerer::FurtherHost)),
        [
            "HTTP 400",
            "HTTP 400: invalid_grant",
            "HTTP 400",
            "HTTP 400",
            "HTTP 400"
        ]
    );
}
