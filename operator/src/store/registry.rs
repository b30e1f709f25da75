//! Every MediaStore as this process knows it.
//!
//! On every replica the registry follows the MediaStores and their credentials; what it says
//! of readiness is what the leader's last probe wrote into the status, so replicas agree.
use futures::{Stream, StreamExt};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;
use vessel_crds::MediaStoreSpec;
use vessel_storage::bucket::Bucket;
use vessel_storage::key::Prefix;
use vessel_storage::uid::StoreUid;

/// Every MediaStore as this process knows it.
#[derive(Clone, Debug)]
pub struct Stores(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stores: RwLock<BTreeMap<String, Arc<StoreHandle>>>,
    published: RwLock<BTreeMap<String, Published>>,
    changes: watch::Sender<Known>,
}

/// How far the first look has come, and how often something changed since.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    synced: bool,
    revision: u64,
}

/// What is published in a store: bytes and objects of every live commit.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Published {
    /// Bytes of all objects.
    pub bytes: i64,
    /// Number of objects.
    pub objects: i64,
}

/// A MediaStore.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    /// Its name.
    pub name: String,
    /// Its settings.
    pub spec: MediaStoreSpec,
    /// Whether it can be used.
    pub state: StoreState,
}

/// Whether a store can be used.
#[derive(Clone, Debug)]
pub enum StoreState {
    /// The last probe succeeded.
    Ready(ReadyStore),
    /// Nothing may be granted, written or swept there.
    NotReady(NotReady),
}

/// Why a store can't be used, in the words of its condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NotReady {
    /// One word.
    pub reason: String,
    /// A sentence that says what to do.
    pub message: String,
}

/// A store that can be used.
#[derive(Clone, Debug)]
pub struct ReadyStore {
    /// Its identity, as the claim of the prefix has it.
    pub uid: StoreUid,
    /// What its keys begin with.
    pub prefix: Prefix,
    /// Its bucket, under the address that pods and the operator use.
    pub bucket: Bucket,
    /// The same bucket under the address that people upload to: only for signing.
    pub upload: Bucket,
}

impl StoreHandle {
    /// The store, if it can be used.
    pub const fn ready(&self) -> Option<&ReadyStore> {
        match &self.state {
            StoreState::Ready(ready) => Some(ready),
            StoreState::NotReady(_) => None,
        }
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self(Arc::new(Inner {
            stores: RwLock::default(),
            published: RwLock::default(),
            changes: watch::Sender::new(Known::default()),
        }))
    }
}

impl Stores {
    /// The MediaStore of that name.
    pub fn get(&self, name: &str) -> Option<Arc<StoreHandle>> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.get(name).cloned()
    }

    /// Every MediaStore, by name.
    pub fn all(&self) -> Vec<Arc<StoreHandle>> {
        let stores = self.0.stores.read().unwrap_or_else(PoisonError::into_inner);
        stores.values().cloned().collect()
    }

    /// Whether the MediaStores were read at all: before that, a missing one is not missing.
    pub fn is_synced(&self) -> bool {
        self.0.changes.borrow().synced
    }

    /// An item whenever a store has changed.
    pub fn changes(&self) -> impl Stream<Item = ()> + Send + 'static {
        let receiver = self.0.changes.subscribe();
        futures::stream::unfold(receiver, |mut receiver| async move {
            receiver.changed().await.ok().map(|()| ((), receiver))
        })
        .boxed()
    }

    /// What is published in a store, as the committed jobs tell.
    pub fn published(&self, name: &str) -> Option<Published> {
        let published = self.0.published.read().unwrap_or_else(PoisonError::into_inner);
        published.get(name).copied()
    }

    /// Tells what is published in every store: the sums over committed jobs that are not
    /// tombstoned. Stores that are not named hold nothing.
    pub fn set_published(&self, sums: BTreeMap<String, Published>) {
        *self.0.published.write().unwrap_or_else(PoisonError::into_inner) = sums;
    }

    pub(super) fn put(&self, handle: StoreHandle) {
        let mut stores = self.0.stores.write().unwrap_or_else(PoisonError::into_inner);
        stores.insert(handle.name.clone(), Arc::new(handle));
        drop(stores);
        self.bump();
    }

    pub(super) fn remove(&self, name: &str) {
        let mut stores = self.0.stores.write().unwrap_or_else(PoisonError::into_inner);
        stores.remove(name);
        drop(stores);
        self.bump();
    }

    pub(super) fn synced(&self) {
        self.0.changes.send_modify(|known| known.synced = true);
    }

    fn bump(&self) {
        self.0.changes.send_modify(|known| known.revision += 1);
    }
}
