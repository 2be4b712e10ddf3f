//! Single sessions on a small stage: what is asked for in which order, and how it ends.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: what panics here fails it"
)]

mod claim;
mod doubt;
mod elsewhere;
mod failing;
mod identity;
mod login;
mod open;
mod other_key;
mod restored;
mod rules;
mod stage;
mod turns;
