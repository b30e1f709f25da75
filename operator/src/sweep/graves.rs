//! Which tombstones wait, so that a sweep that has nothing to do costs nothing.
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use vessel_crds::media_store::SweepStatus;
use vessel_storage::key::Key;

/// The tombstones of every store that are known to wait, with the time at which each is
/// due by the bucket's clock.
#[derive(Clone, Debug, Default)]
pub struct Graves(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stores: Mutex<BTreeMap<String, Yard>>,
    changed: Notify,
}

/// The tombstones of one store.
#[derive(Clone, Debug, Default)]
struct Yard {
    due: BTreeMap<Key, Timestamp>,
    emptied: BTreeSet<Key>,
    listed: bool,
    message: Option<String>,
}

impl Graves {
    /// A tombstone was written.
    pub fn note(&self, store: &str, tombstone: Key, not_before: Timestamp) {
        self.with(store, |yard| {
            yard.due.insert(tombstone, not_before);
        });
        self.0.changed.notify_one();
    }

    /// Every tombstone of a store, as a list has just shown them.
    pub fn list(&self, store: &str, due: BTreeMap<Key, Timestamp>) {
        self.with(store, |yard| {
            // What waits to be looked at once more is due later than its tombstone says.
            yard.emptied.retain(|key| due.contains_key(key));
            for (key, at) in due {
                let waits = yard.emptied.contains(&key);
                let known = yard.due.get(&key).copied().filter(|_| waits);
                yard.due.insert(key, known.unwrap_or(at));
            }
            yard.listed = true;
        });
    }

    /// A tombstone is gone: what it marked is freed, or was restored.
    pub fn remove(&self, store: &str, tombstone: &Key) {
        self.with(store, |yard| {
            yard.due.remove(tombstone);
            yard.emptied.remove(tombstone);
        });
    }

    /// Nothing is left of what a tombstone marks; it is looked at once more at `again`.
    pub fn emptied(&self, store: &str, tombstone: Key, again: Timestamp) {
        self.with(store, |yard| {
            yard.emptied.insert(tombstone.clone());
            yard.due.insert(tombstone, again);
        });
    }

    /// Whether nothing was left of what a tombstone marks the last time.
    pub fn was_empty(&self, store: &str, tombstone: &Key) -> bool {
        self.with(store, |yard| yard.emptied.contains(tombstone))
    }

    /// Why the sweep stands still, or what a dry run would delete.
    pub fn say(&self, store: &str, message: Option<String>) {
        self.with(store, |yard| yard.message = message);
    }

    /// The tombstones of a store that are due at `now` by its own clock.
    pub fn due(&self, store: &str, now: Timestamp) -> Vec<Key> {
        self.with(store, |yard| {
            let due = yard.due.iter().filter(|(_, at)| **at <= now);
            due.map(|(key, _)| key.clone()).collect()
        })
    }

    /// Whether the tombstones of a store were listed.
    pub fn is_listed(&self, store: &str) -> bool {
        self.with(store, |yard| yard.listed)
    }

    /// How many tombstones of a store wait.
    pub fn waiting(&self, store: &str) -> usize {
        self.with(store, |yard| yard.due.len())
    }

    /// When the next tombstone of a store is due.
    pub fn next_due(&self, store: &str) -> Option<Timestamp> {
        self.with(store, |yard| yard.due.values().min().copied())
    }

    /// What the status of the store says of its sweep; `None` before the first list.
    pub fn status(&self, store: &str) -> Option<SweepStatus> {
        self.with(store, |yard| {
            yard.listed.then(|| SweepStatus {
                pending: i64::try_from(yard.due.len()).unwrap_or(i64::MAX),
                next_due: yard.due.values().min().map(|at| whole_seconds(*at)),
                message: yard.message.clone(),
            })
        })
    }

    /// Whether a tombstone of a store waits.
    pub fn knows(&self, store: &str, tombstone: &Key) -> bool {
        self.with(store, |yard| yard.due.contains_key(tombstone))
    }

    /// Waits until a tombstone was written.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn with<T>(&self, store: &str, act: impl FnOnce(&mut Yard) -> T) -> T {
        let mut stores = self.0.stores.lock().unwrap_or_else(PoisonError::into_inner);
        act(stores.entry(store.to_owned()).or_default())
    }
}

/// meta/v1 writes whole seconds: what was written must read back equal.
fn whole_seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grave_is_due_by_its_own_time() {
        let graves = Graves::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let key = |name: &str| Key::foreign(name);
        assert_eq!(graves.status("main"), None);
        graves.list("main", BTreeMap::from([(key("a"), at(10))]));
        graves.note("main", key("b"), at(20));
        assert_eq!(graves.due("main", at(9)), []);
        assert_eq!(graves.due("main", at(10)), [key("a")]);
        assert_eq!(graves.next_due("main"), Some(at(10)));
        graves.remove("main", &key("a"));
        let status = graves.status("main").unwrap();
        assert_eq!((status.pending, status.next_due), (1, Some(Time(at(20)))));
        assert_eq!(graves.due("other", at(99)), []);
    }
}
