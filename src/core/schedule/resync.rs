//! How often are the Secrets read that connectors mention, where nobody is told that they changed?

use std::time::Duration;

/// Reads of the API server that the resync may cause, a second, over all connectors.
const READS_PER_SECOND: f64 = 12.0;
/// A resync reads a connector's input Secret and its target Secret; and a third one for every method but client
/// credentials: a second input, the memory of refused passwords, or the stored grant.
const READS_PER_CONNECTOR: f64 = 3.0;
/// No connector is looked at more often than this by the resync.
pub const RESYNC_SHORTEST: Duration = Duration::from_mins(1);

/// How many connectors there are, as far as one namespace is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Population {
    pub in_namespace: u32,
    pub in_all: u32,
    /// Namespaces with at least one.
    pub namespaces: u32,
}

/// Period of the resync in a namespace, so that all of them together stay within the budget of `READS_PER_SECOND`. One half
/// of the budget is shared by connector, the other by namespace: a tenant with very many connectors slows its own, and others by
/// a factor of two at most. 1,000 connectors: 250 s, however they are spread evenly, and less than 300 s with the jitter.
pub fn resync_period(population: Population) -> Duration {
    let [own, all, namespaces] = [population.in_namespace, population.in_all, population.namespaces]
        .map(|count| f64::from(count.max(1)));
    let reads_per_second = READS_PER_SECOND / 2.0 * (own / all + 1.0 / namespaces);
    Duration::from_secs_f64(own * READS_PER_CONNECTOR / reads_per_second).max(RESYNC_SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(in_namespace: u32, in_all: u32, namespaces: u32) -> Duration {
        resync_period(Population {
            in_namespace,
            in_all,
            namespaces,
        })
    }

    #[test]
    fn a_thousand_connectors_are_resynced_within_5_minutes_and_few_every_minute() {
        for (in_namespace, namespaces) in [(1000, 1), (50, 20), (1, 1000)] {
            assert_eq!(period(in_namespace, 1000, namespaces), Duration::from_secs(250));
        }
        let longest = Duration::from_secs(250).mul_f64(1.1);
        assert!(longest <= Duration::from_mins(5), "with the longest jitter");
        assert_eq!(period(3, 3, 1), RESYNC_SHORTEST);
        assert_eq!(period(0, 0, 0), RESYNC_SHORTEST);
    }

    #[test]
    fn a_hundred_thousand_connectors_of_one_tenant_double_the_period_of_others_at_most() {
        let before = period(5, 1000, 200);
        let with = period(5, 101_000, 201);
        assert_eq!(before, Duration::from_secs(250));
        assert!(with < before * 2 + Duration::from_secs(5), "{with:?}");
        let own = period(100_000, 101_000, 201);
        assert!(own > Duration::from_hours(13), "{own:?}");
        let reads = 1000.0 / with.as_secs_f64() + 100_000.0 / own.as_secs_f64();
        assert!(reads * READS_PER_CONNECTOR < READS_PER_SECOND + 0.1, "{reads}");
    }
}
