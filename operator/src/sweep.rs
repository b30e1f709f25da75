//! The sweep: frees the storage that a tombstone has proved dead, and nothing else.
//!
//! [`mark`] writes a tombstone. The leader's [`run`] finds those that are due, and for each:
//! [`claim`] makes the commit void and then asks the pointer, [`plan`] says which of the
//! listed keys go in which order, [`delete`] lets them go, batch by batch. What is doubtful
//! halts it, and says so.
mod claim;
mod delete;
mod graves;
mod halt;
mod mark;
mod pass;
mod plan;
mod run;
mod unclaimed;

pub use graves::Graves;
pub use mark::{Grave, Waits, mark};
pub use run::run;

#[cfg(test)]
mod tests;
