//! What time is it, where the machine's clock and Salesforce's differ?
//!
//! Salesforce judges assertions and ends sessions by its own clock, and shows that clock in each answer (`Date`). Between
//! answers the boot-time clock carries it on, which no setting of the machine's clock touches.

use std::time::Duration;

use jiff::Timestamp;

use crate::core::schedule::time::later;

/// Clocks that differ by no more agree: an answer takes its time, and `Date` has whole seconds.
pub const TOLERANCE: Duration = Duration::from_mins(1);

/// For how long an answer counts in both directions. A virtual machine can be paused with its boot-time clock: if its wall
/// clock is later than an older answer tells, the wall clock may well be right. A token is then renewed too early at worst.
const FRESH: Duration = Duration::from_hours(1);

/// What a wall clock shows at a moment of the boot-time clock.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub time: Timestamp,
    pub boot: Duration,
}

impl Reading {
    /// What the same clock shows at a later moment.
    fn at(self, boot: Duration) -> Timestamp {
        later(self.time, boot.saturating_sub(self.boot))
    }

    fn agrees(self, other: Self) -> bool {
        self.at(other.boot).duration_since(other.time).unsigned_abs() <= TOLERANCE
    }
}

/// What an answer has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    Unchanged,
    /// The machine's clock is wrong, and Salesforce's counts from now on.
    MachineWrong,
    /// The machine's clock counts again.
    MachineRight,
}

/// What is known of Salesforce's clock.
#[derive(Debug, Default)]
pub struct ReferenceClock {
    reference: Option<Reading>,
    /// An answer that nothing else agrees with, such as one that waited here while the process stood still.
    unconfirmed: Option<Reading>,
    machine_wrong: bool,
}

impl ReferenceClock {
    /// The time that counts, when the machine's clock shows this.
    pub fn time(&self, machine: Reading) -> Timestamp {
        let Some(reference) = self.reference.filter(|reference| !reference.agrees(machine)) else {
            return machine.time;
        };
        let salesforces = reference.at(machine.boot);
        let fresh = machine.boot.saturating_sub(reference.boot) <= FRESH;
        if fresh {
            salesforces
        } else {
            salesforces.max(machine.time)
        }
    }

    /// Takes what Salesforce's clock shows. A clock that differs from the machine's counts once two answers agree.
    pub fn observe(&mut self, salesforces: Timestamp, machine: Reading) -> Finding {
        let answer = Reading {
            time: salesforces,
            ..machine
        };
        let known = [Some(machine), self.reference, self.unconfirmed];
        if known.into_iter().flatten().any(|known| known.agrees(answer)) {
            self.reference = Some(answer);
            self.unconfirmed = None;
        } else {
            self.unconfirmed = Some(answer);
        }
        let before = self.machine_wrong;
        self.machine_wrong = self.time(machine) != machine.time;
        match (before, self.machine_wrong) {
            (false, true) => Finding::MachineWrong,
            (true, false) => Finding::MachineRight,
            (true, true) | (false, false) => Finding::Unchanged,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;
    use crate::core::testing::fixtures::after;

    const HOUR: i64 = 3600;

    /// The machine's clock, `off` seconds from the true one, at a moment.
    fn machine(moment: u64, off: i64) -> Reading {
        Reading {
            time: after(moment.cast_signed() + off),
            boot: Duration::from_secs(moment),
        }
    }

    fn truly(moment: u64) -> Timestamp {
        after(moment.cast_signed())
    }

    #[test]
    fn a_clock_that_two_answers_contradict_no_longer_counts_until_it_is_right_again() {
        for off in [6 * HOUR, -6 * HOUR] {
            let mut clock = ReferenceClock::default();
            assert_eq!(clock.time(machine(0, off)), after(off));
            assert_eq!(clock.observe(truly(1), machine(1, off)), Finding::Unchanged);
            assert_eq!(
                clock.time(machine(1, off)),
                after(1 + off),
                "one answer may be late"
            );
            assert_eq!(clock.observe(truly(5), machine(5, off)), Finding::MachineWrong);
            assert_eq!(clock.time(machine(600, off)), truly(600));
            assert_eq!(clock.time(machine(600, 0)), truly(600), "it was set right");
            assert_eq!(clock.observe(truly(700), machine(700, off)), Finding::Unchanged);
            assert_eq!(clock.observe(truly(800), machine(800, 1)), Finding::MachineRight);
            assert_eq!(clock.time(machine(800, 1)), after(801));
        }
    }

    #[test]
    fn a_clock_that_jumps_after_an_answer_does_not_count() {
        let mut clock = ReferenceClock::default();
        assert_eq!(clock.observe(truly(1), machine(1, 0)), Finding::Unchanged);
        for off in [24 * HOUR, -24 * HOUR] {
            assert_eq!(clock.time(machine(60, off)), truly(60));
        }
    }

    #[test]
    fn an_answer_of_long_ago_counts_only_against_a_clock_that_is_behind_it() {
        let mut clock = ReferenceClock::default();
        clock.observe(truly(1), machine(1, 0));
        let moment = 5 * HOUR.cast_unsigned();
        assert_eq!(clock.time(machine(moment, -HOUR)), truly(moment));
        assert_eq!(clock.time(machine(moment, HOUR)), after(6 * HOUR));
    }

    #[test]
    fn an_answer_that_was_read_late_changes_nothing() {
        let mut clock = ReferenceClock::default();
        clock.observe(truly(1), machine(1, 0));
        assert_eq!(clock.observe(truly(10), machine(1000, 0)), Finding::Unchanged);
        assert_eq!(clock.time(machine(1001, 0)), truly(1001));
        assert_eq!(clock.observe(truly(1002), machine(1002, 0)), Finding::Unchanged);
    }

    proptest! {
        #[test]
        fn after_two_answers_no_setting_of_the_machines_clock_matters(
            first in any::<i32>(), then in any::<i32>(), gap in 0..600_u64, wait in 0..3600_u64,
        ) {
            let mut clock = ReferenceClock::default();
            clock.observe(truly(0), machine(0, first.into()));
            clock.observe(truly(gap), machine(gap, first.into()));
            let time = clock.time(machine(gap + wait, then.into()));
            let off = time.duration_since(truly(gap + wait));
            prop_assert!(off.abs() <= SignedDuration::from_mins(1), "{off:?}");
        }
    }
}
