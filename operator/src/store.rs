//! MediaStores: their buckets, and whether they really work.
mod registry;

pub use registry::{NotReady, Published, ReadyStore, StoreHandle, StoreState, Stores};
