//! Is the image what it should be, and does the operator run in it? umoci unpacks it, and runc runs it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends when its helpers fail"
)]

mod archive;
mod bundle;
mod names;
mod packed;
mod releases;
mod runs;
