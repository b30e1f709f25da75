//! Vessel transcoder.
fn main() {}
