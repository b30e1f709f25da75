//! Every MediaStore as this process knows it.
//!
//! On every replica the registry follows the MediaStores and their credentials; what it says
//! of readiness is what the leader's last probe wrote into the status, so replicas agree.
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use kube::ResourceExt;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::watch;
use vessel_crds::condition::{self, ConditionType};
use vessel_crds::{MediaStore, MediaStoreSpec};
use vessel_storage::bucket::{Bucket, Connection};
use vessel_storage::key::Prefix;
use vessel_storage::uid::StoreUid;

/// Every MediaStore as this process knows it.
#[derive(Clone, Debug)]
pub struct Stores(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stores: RwLock<BTreeMap<String, Arc<StoreHandle>>>,
    wired: RwLock<BTreeMap<String, Arc<Wired>>>,
    published: RwLock<Option<BTreeMap<String, Published>>>,
    probes: RwLock<BTreeMap<String, Option<NotReady>>>,
    changes: watch::Sender<Known>,
    figures: watch::Sender<()>,
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

/// A MediaStore as it is written, with the client that its settings make.
#[derive(Clone, Debug)]
pub(super) struct Wired {
    pub store: MediaStore,
    pub wire: Result<Wire, NotReady>,
}

/// The clients of one store.
#[derive(Clone, Debug)]
pub(super) struct Wire {
    pub connection: Connection,
    pub bucket: Bucket,
    pub upload: Bucket,
}

impl Wired {
    fn handle(&self, probe: Option<&NotReady>) -> StoreHandle {
        StoreHandle {
            name: self.store.name_any(),
            spec: self.store.spec.clone(),
            state: probe.map_or_else(|| self.state(), |why| StoreState::NotReady(why.clone())),
        }
    }

    /// Ready by the last probe, else by its words, or by none yet. A probe of an older
    /// generation counts until the next one: what a prefix is claimed by can't be changed, and
    /// every asset of the store would wait for nothing.
    fn state(&self) -> StoreState {
        let wire = match &self.wire {
            Ok(wire) => wire,
            Err(not_ready) => return StoreState::NotReady(not_ready.clone()),
        };
        let status = self.store.status.as_ref();
        let condition = status.and_then(|s| condition::find(&s.conditions, ConditionType::Ready));
        let uid = status.and_then(|s| s.store_uid.as_ref()?.parse().ok());
        match (condition, uid) {
            (Some(condition), Some(uid)) if condition.status == "True" => {
                StoreState::Ready(ReadyStore {
                    uid,
                    prefix: Prefix::new(&self.store.spec.prefix),
                    bucket: wire.bucket.clone(),
                    upload: wire.upload.clone(),
                })
            }
            (Some(condition), _) if condition.status != "True" => StoreState::NotReady(NotReady {
                reason: condition.reason.clone(),
                message: condition.message.clone(),
            }),
            _ => StoreState::NotReady(NotReady::unprobed()),
        }
    }
}

impl NotReady {
    pub(super) fn new(reason: &str, message: impl Into<String>) -> Self {
        Self {
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    fn unprobed() -> Self {
        Self::new("Probing", "the store is being probed")
    }
}

impl StoreHandle {
    fn looks_like(&self, other: &Self) -> bool {
        let same_state = match (&self.state, &other.state) {
            (StoreState::Ready(a), StoreState::Ready(b)) => a.uid == b.uid,
            (StoreState::NotReady(a), StoreState::NotReady(b)) => a.reason == b.reason,
            _ => false,
        };
        same_state && self.spec == other.spec
    }

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
            wired: RwLock::default(),
            published: RwLock::default(),
            probes: RwLock::default(),
            changes: watch::Sender::new(Known::default()),
            figures: watch::Sender::new(()),
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
        rings(self.0.changes.subscribe())
    }

    /// An item whenever what a store holds, or what waits to be swept there, has changed.
    pub(super) fn figures(&self) -> impl Stream<Item = ()> + Send + 'static {
        rings(self.0.figures.subscribe())
    }

    /// What waits to be swept in a store has changed.
    pub fn figures_changed(&self) {
        self.0.figures.send_replace(());
    }

    /// What is published in a store, as the committed jobs tell; `None` before they were read.
    pub fn published(&self, name: &str) -> Option<Published> {
        let published = self
            .0
            .published
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let sums = published.as_ref()?;
        Some(sums.get(name).copied().unwrap_or_default())
    }

    /// Tells what is published in every store: the sums over committed jobs that are not
    /// tombstoned. Stores that are not named hold nothing.
    pub fn set_published(&self, sums: BTreeMap<String, Published>) {
        let mut published = self
            .0
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if published.as_ref() != Some(&sums) {
            *published = Some(sums);
            drop(published);
            self.figures_changed();
        }
    }

    /// A store as it is written and wired, whether or not it works.
    pub(super) fn wired(&self, name: &str) -> Option<Arc<Wired>> {
        let wired = self.0.wired.read().unwrap_or_else(PoisonError::into_inner);
        wired.get(name).cloned()
    }

    /// Every store, as it is written and wired.
    pub(super) fn all_wired(&self) -> Vec<Arc<Wired>> {
        let wired = self.0.wired.read().unwrap_or_else(PoisonError::into_inner);
        wired.values().cloned().collect()
    }

    /// What a probe of our own has just shown. A failure counts at once, before the status
    /// that tells it has come back.
    pub(super) fn probed(&self, name: &str, failure: Option<NotReady>) {
        let mut probes = self
            .0
            .probes
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        probes.insert(name.to_owned(), failure);
        drop(probes);
        if let Some(wired) = self.wired(name) {
            self.publish(&wired, wired.wire.as_ref().ok());
        }
        self.figures_changed();
    }

    /// Waits until every store was probed by this process. What a status said before may have
    /// been copied with the cluster.
    pub async fn all_probed(&self) {
        let mut figures = self.0.figures.subscribe();
        while !self.are_probed() && figures.changed().await.is_ok() {}
    }

    fn are_probed(&self) -> bool {
        let probes = self.0.probes.read().unwrap_or_else(PoisonError::into_inner);
        let wired = self.0.wired.read().unwrap_or_else(PoisonError::into_inner);
        wired.keys().all(|name| probes.contains_key(name))
    }

    pub(super) fn put(&self, wired: Wired) {
        let name = wired.store.name_any();
        let wired = Arc::new(wired);
        let mut all = self.0.wired.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.insert(name, Arc::clone(&wired));
        drop(all);
        let before = before.as_ref().and_then(|before| before.wire.as_ref().ok());
        self.publish(&wired, before);
    }

    /// Tells the readers of a store that looks different to them: a status that says the same
    /// again concerns nobody.
    fn publish(&self, wired: &Wired, wire_before: Option<&Wire>) {
        let probes = self.0.probes.read().unwrap_or_else(PoisonError::into_inner);
        let probe = probes.get(&wired.store.name_any()).and_then(Option::as_ref);
        let handle = wired.handle(probe);
        drop(probes);
        let connection = |wire: &Wire| wire.connection.clone();
        let same_wire = wire_before.map(connection) == wired.wire.as_ref().ok().map(connection);
        let mut stores = self
            .0
            .stores
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = stores.get(&handle.name);
        let same = same_wire && before.is_some_and(|before| before.looks_like(&handle));
        stores.insert(handle.name.clone(), Arc::new(handle));
        drop(stores);
        if !same {
            self.bump();
        }
    }

    /// A store in the state that a test wants.
    #[cfg(test)]
    pub(crate) fn put_for_tests(&self, handle: StoreHandle) {
        let mut stores = self.0.stores.write().unwrap();
        stores.insert(handle.name.clone(), Arc::new(handle));
    }

    pub(super) fn remove(&self, name: &str) {
        let mut all = self.0.wired.write().unwrap_or_else(PoisonError::into_inner);
        all.remove(name);
        drop(all);
        let mut probes = self
            .0
            .probes
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        probes.remove(name);
        drop(probes);
        let mut stores = self
            .0
            .stores
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        stores.remove(name);
        drop(stores);
        self.bump();
    }

    pub(super) fn synced(&self) {
        self.0.changes.send_modify(|known| known.synced = true);
    }

    /// A store that is what a test says it is.
    #[cfg(test)]
    pub(crate) fn put_handle(&self, handle: Arc<StoreHandle>) {
        let mut stores = self
            .0
            .stores
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        stores.insert(handle.name.clone(), handle);
    }

    fn bump(&self) {
        self.0.changes.send_modify(|known| known.revision += 1);
    }
}

/// An item for every change; several at once are one.
fn rings<T: Send + Sync + 'static>(receiver: watch::Receiver<T>) -> BoxStream<'static, ()> {
    futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.changed().await.ok().map(|()| ((), receiver))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::sync::Arc;
    use vessel_storage::bucket::{Credentials, Unobserved};

    const UID: &str = "00000000-0000-4000-8000-00000000000d";

    async fn wired(generation: i64, condition: Value) -> Wired {
        let store: MediaStore = serde_json::from_value(json!({
            "apiVersion": "vessel.media/v1alpha1", "kind": "MediaStore",
            "metadata": {"name": "main", "generation": generation},
            "spec": {"bucket": "media", "publicBaseURL": format!("https://v{generation}")},
            "status": {"observedGeneration": 1, "storeUID": UID, "conditions": [condition]}
        }))
        .unwrap();
        let connection = Connection {
            bucket: "media".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            addressing: store.spec.addressing,
            ca_bundle: None,
            credentials: Credentials::Static {
                access_key_id: "a".to_owned(),
                secret_access_key: "b".to_owned(),
                session_token: None,
            },
        };
        let observer = Arc::new(Unobserved);
        let bucket = Bucket::connect(connection.clone(), observer).await.unwrap();
        let wire = Ok(Wire {
            connection,
            upload: bucket.clone(),
            bucket,
        });
        Wired { store, wire }
    }

    fn condition(status: &str, message: &str) -> Value {
        json!({"type": "Ready", "status": status, "reason": "Probed", "message": message,
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    }

    fn is_ready(stores: &Stores) -> bool {
        stores.get("main").unwrap().ready().is_some()
    }

    fn revision(stores: &Stores) -> u64 {
        stores.0.changes.borrow().revision
    }

    #[tokio::test]
    async fn an_edited_store_that_worked_goes_on_working_until_it_is_probed() {
        let stores = Stores::default();
        stores.put(wired(1, condition("True", "")).await);
        stores.put(wired(2, condition("True", "")).await);
        assert!(is_ready(&stores));
    }

    #[tokio::test]
    async fn a_status_that_says_the_same_again_concerns_nobody() {
        let stores = Stores::default();
        stores.put(wired(1, condition("True", "")).await);
        let before = revision(&stores);
        stores.put(wired(1, condition("True", "12 MiB")).await);
        assert_eq!(revision(&stores), before);
        stores.put(wired(1, condition("False", "")).await);
        assert_ne!(revision(&stores), before);
    }

    #[tokio::test]
    async fn what_our_own_probe_has_refuted_is_not_ready_whatever_the_status_says() {
        let stores = Stores::default();
        stores.put(wired(1, condition("True", "")).await);
        assert!(!stores.are_probed());
        let why = NotReady::new("ClaimedByOther", "no");
        stores.probed("main", Some(why));
        assert!(stores.are_probed() && !is_ready(&stores));
        stores.put(wired(1, condition("True", "again")).await);
        assert!(!is_ready(&stores));
        stores.probed("main", None);
        assert!(is_ready(&stores));
    }
}
