//! Vessel operator.
fn main() {}
