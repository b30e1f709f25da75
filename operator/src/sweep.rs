//! The sweep: frees the storage that a tombstone has proved dead, and nothing else.
mod graves;
mod mark;

pub use graves::Graves;
pub use mark::{Grave, Waits, mark};
