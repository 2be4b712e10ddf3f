//! When is something due?

pub mod backoff;
pub mod expiry;
pub mod fair_budget;
pub mod fair_queue;
pub mod jitter;
pub mod password_memory;
pub mod reference_clock;
pub mod resync;
pub mod retry_text;
pub mod time;
pub mod urgency;
