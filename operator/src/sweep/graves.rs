//! Which tombstones wait, so that a sweep that has nothing to do costs nothing.
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use vessel_storage::key::Key;

/// The tombstones of every store that are known to wait, with the time at which each is
/// due by the bucket's clock.
#[derive(Clone, Debug, Default)]
pub struct Graves(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    due: Mutex<BTreeMap<String, BTreeMap<Key, Timestamp>>>,
    changed: Notify,
}

impl Graves {
    /// A tombstone was written or found.
    pub fn note(&self, store: &str, tombstone: Key, not_before: Timestamp) {
        self.with(|due| {
            let store = due.entry(store.to_owned()).or_default();
            store.insert(tombstone, not_before);
        });
        self.0.changed.notify_one();
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, BTreeMap<Key, Timestamp>>) -> T) -> T {
        act(&mut self.0.due.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
