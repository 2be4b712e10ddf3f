//! How do the sources of this project hang together? It reads them as text and runs nothing of them.
//!
//! A *file* is a module with its inline modules. Tests (`#[cfg(test)]`, `#[test]`) are left out everywhere.

pub mod circles;
pub mod homonyms;
pub mod lengths;
mod load;
mod read;
mod resolve;
mod tree;
pub mod walk;

pub use load::sources;
pub use tree::{Error, File, Package, Sources, Tree};
