//! Keeps [`Stores`] at what the cluster says: MediaStores, and the Secrets of their keys.
use super::connect;
use super::registry::{NotReady, Stores, Wire, Wired};
use crate::metrics::Metrics;
use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use vessel_crds::MediaStore;
use vessel_storage::bucket::{Connection, Credentials};

/// Follows the MediaStores and the Secrets of the operator's own namespace for ever.
pub async fn follow(client: Client, namespace: String, metrics: Arc<Metrics>, stores: Stores) {
    let mut follower = Follower {
        namespace: namespace.clone(),
        metrics,
        stores,
        secrets: BTreeMap::new(),
        written: BTreeMap::new(),
        listed: Listed::default(),
    };
    // Releases of Helm lie in Secrets too, and are large.
    let no_releases = watcher::Config::default().fields("type!=helm.sh/release.v1");
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let mut secrets = watcher(secrets, no_releases).default_backoff().boxed();
    let written: Api<DeserializeGuard<MediaStore>> = Api::all(client);
    let mut written = watcher(written, watcher::Config::default())
        .default_backoff()
        .boxed();
    loop {
        tokio::select! {
            Some(event) = secrets.next() => match event {
                Ok(event) => follower.secret(event).await,
                Err(error) => tracing::warn!(%error, "the watch of Secrets broke; it starts again"),
            },
            Some(event) = written.next() => match event {
                Ok(event) => follower.store(event).await,
                Err(error) => tracing::warn!(%error, "the watch of MediaStores broke; it starts again"),
            },
            else => return,
        }
    }
}

struct Follower {
    namespace: String,
    metrics: Arc<Metrics>,
    stores: Stores,
    secrets: BTreeMap<String, Credentials>,
    written: BTreeMap<String, MediaStore>,
    listed: Listed,
}

/// How far the first lists have come, and what the current one has named.
#[derive(Default)]
struct Listed {
    secrets: Progress,
    stores: Progress,
}

#[derive(Default)]
struct Progress {
    done: Option<()>,
    seen: BTreeSet<String>,
}

impl Follower {
    async fn secret(&mut self, event: Event<Secret>) {
        match event {
            Event::Init => self.listed.secrets.seen.clear(),
            Event::InitApply(secret) => {
                self.listed.secrets.seen.insert(secret.name_any());
                self.keys(&secret).await;
            }
            Event::Apply(secret) => self.keys(&secret).await,
            Event::Delete(secret) => self.no_keys(&secret.name_any()).await,
            Event::InitDone => {
                let gone = gone(&self.secrets, &self.listed.secrets.seen);
                for name in gone {
                    self.no_keys(&name).await;
                }
                self.listed.secrets.done = Some(());
                self.synced().await;
            }
        }
    }

    async fn store(&mut self, event: Event<DeserializeGuard<MediaStore>>) {
        match event {
            Event::Init => self.listed.stores.seen.clear(),
            Event::InitApply(store) => {
                self.listed.stores.seen.insert(store.name_any());
                self.write(store).await;
            }
            Event::Apply(store) => self.write(store).await,
            Event::Delete(store) => self.remove(&store.name_any()),
            Event::InitDone => {
                for name in gone(&self.written, &self.listed.stores.seen) {
                    self.remove(&name);
                }
                self.listed.stores.done = Some(());
                self.synced().await;
            }
        }
    }

    async fn keys(&mut self, secret: &Secret) {
        let name = secret.name_any();
        match connect::credentials(secret) {
            Some(found) if self.secrets.get(&name) == Some(&found) => {}
            Some(found) => {
                self.secrets.insert(name.clone(), found);
                self.rewire(&name).await;
            }
            None => self.no_keys(&name).await,
        }
    }

    async fn no_keys(&mut self, name: &str) {
        if self.secrets.remove(name).is_some() {
            self.rewire(name).await;
        }
    }

    async fn rewire(&self, secret: &str) {
        for store in self.written.values() {
            if store.spec.credentials_secret_name.as_deref() == Some(secret) {
                self.put(store.clone()).await;
            }
        }
    }

    async fn write(&mut self, store: DeserializeGuard<MediaStore>) {
        let name = store.name_any();
        match store.0 {
            Ok(store) => {
                self.written.insert(name, store.clone());
                self.put(store).await;
            }
            Err(error) => {
                tracing::warn!(store = %name, %error, "a MediaStore can't be read; it counts as missing");
                self.remove(&name);
            }
        }
    }

    /// Before both lists are there a missing Secret is not missing.
    async fn put(&self, store: MediaStore) {
        if self.listed.secrets.done.is_some() {
            let wire = self.wire(&store).await;
            self.stores.put(Wired { store, wire });
        }
    }

    async fn wire(&self, store: &MediaStore) -> Result<Wire, NotReady> {
        let name = store.name_any();
        let secret = store.spec.credentials_secret_name.as_ref();
        let found = secret.and_then(|name| self.secrets.get(name));
        let connection = connect::connection(&store.spec, found, &self.namespace)?;
        if let Some(wire) = self.same_as_before(&name, store, &connection) {
            return Ok(wire);
        }
        let presign = store.spec.presign_endpoint.as_ref();
        connect::wire(connection, presign, &name, &self.metrics).await
    }

    /// Clients hold connections: one whose settings are the same is kept.
    fn same_as_before(&self, name: &str, store: &MediaStore, new: &Connection) -> Option<Wire> {
        let before = self.stores.wired(name)?;
        let wire = before.wire.as_ref().ok()?;
        let same_upload = before.store.spec.presign_endpoint == store.spec.presign_endpoint;
        (wire.connection == *new && same_upload).then(|| wire.clone())
    }

    fn remove(&mut self, name: &str) {
        self.written.remove(name);
        self.stores.remove(name);
        self.metrics.stores.store_gone(name);
        self.metrics.sweep.store_gone(name);
    }

    async fn synced(&self) {
        if self.listed.secrets.done.is_none() || self.listed.stores.done.is_none() {
            return;
        }
        for store in self.written.values() {
            self.put(store.clone()).await;
        }
        self.stores.synced();
    }
}

fn gone<T>(known: &BTreeMap<String, T>, seen: &BTreeSet<String>) -> Vec<String> {
    known
        .keys()
        .filter(|name| !seen.contains(*name))
        .cloned()
        .collect()
}
