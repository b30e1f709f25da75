//! Leader election on a Lease, by client-go's rules: who holds it renews every 2 s and has
//! lost it when no renewal succeeded for 10 s; who waits takes it when it has not changed for
//! 15 s by its own clock, so that clocks need not agree.
//!
//! The lease keeps two leaders from working against each other; it is not what makes a write
//! safe. Every write is a create, a compare-and-set, or a delete inside of a dead folder.
mod elect;
mod rules;
mod view;

pub use elect::{Elector, LeaderError};
pub use rules::Timing;
pub use view::LeaseView;

#[cfg(test)]
mod tests;
