//! Vessel origin.
fn main() {}
