//! How much of everything does a measurement of a fleet take?

use std::time::Duration;

pub(crate) struct Scale {
    /// Sizes of the fleets; the first is 1.
    pub(crate) sizes: Vec<usize>,
    /// Objects that the bare rates are measured with.
    pub(crate) bare: usize,
    pub(crate) foreign: usize,
    /// How long memory is left to settle.
    pub(crate) settle: Duration,
    /// How long CPU is measured for while nothing is due.
    pub(crate) idle: Duration,
}

impl Scale {
    /// The usual scale, or a small one.
    pub(crate) fn of(quick: bool, sizes: &[usize]) -> Self {
        if quick {
            return Self {
                sizes: vec![1, 200],
                bare: 200,
                foreign: 500,
                settle: Duration::from_secs(3),
                idle: Duration::from_secs(5),
            };
        }
        let sizes = std::iter::once(1).chain(sizes.iter().copied()).collect();
        Self {
            sizes,
            bare: 1000,
            foreign: 5000,
            settle: Duration::from_secs(8),
            idle: Duration::from_mins(1),
        }
    }
}
