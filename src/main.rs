//! Parses arguments, starts telemetry and runs; takes no decisions.

fn main() {}
