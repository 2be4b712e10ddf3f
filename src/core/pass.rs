//! How does one pass over a connector go?

pub mod connection_test;
