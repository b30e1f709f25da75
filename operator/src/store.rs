//! MediaStores: their buckets, and whether they really work.
//!
//! [`follow`] runs on every replica and keeps [`Stores`] at what the cluster says. The
//! [`controller`] runs on the leader alone: it probes, and writes the status that all
//! replicas then follow.
mod claim;
mod connect;
pub mod controller;
mod follow;
mod probe;
mod registry;
mod status;

pub use follow::follow;
pub use registry::{NotReady, Published, ReadyStore, StoreHandle, StoreState, Stores};
