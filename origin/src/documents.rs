//! Names and pointers: what plays now. Kept for so short a time that a withdrawal is seen
//! within seconds.
use crate::metrics::{Metrics, Reuse};
use crate::path::AssetName;
use crate::upstream::{Fault, Part, Upstream};
use bytes::Bytes;
use futures::TryStreamExt;
use moka::future::Cache;
use moka::policy::Expiry;
use serde::de::DeserializeOwned;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;
use vessel_storage::key::{Key, Prefix};
use vessel_storage::pointer::{Name, Pointer};
use vessel_storage::uid::AssetUid;

/// Documents that are kept at once: some hundred bytes each.
const ENTRIES: u64 = 20_000;
/// Largest document that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// No asset has this UID.
const NOBODY: AssetUid = AssetUid(Uuid::nil());

/// How long documents are kept, counted from the moment in which the bucket was asked.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// One that is there. A deleted asset answers 410 after this and one read of the bucket.
    pub found: Duration,
    /// One that is not: an asset that is published in this moment plays in the next.
    pub missing: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            found: Duration::from_secs(4),
            missing: Duration::from_secs(1),
        }
    }
}

/// Names and pointers.
pub struct Documents {
    prefix: Prefix,
    upstream: Arc<dyn Upstream>,
    metrics: Arc<Metrics>,
    names: Cache<AssetName, Lookup<Name>>,
    pointers: Cache<AssetUid, Lookup<Pointer>>,
}

struct Lookup<T> {
    asked: Instant,
    found: Option<Arc<T>>,
}

impl<T> Clone for Lookup<T> {
    fn clone(&self) -> Self {
        Self {
            asked: self.asked,
            found: self.found.clone(),
        }
    }
}

impl<K, T> Expiry<K, Lookup<T>> for Lifetimes {
    fn expire_after_create(&self, _: &K, value: &Lookup<T>, now: Instant) -> Option<Duration> {
        let lifetime = match value.found {
            Some(_) => self.found,
            None => self.missing,
        };
        Some(lifetime.saturating_sub(now.saturating_duration_since(value.asked)))
    }
}

impl Documents {
    /// Documents of the store below `prefix`.
    pub fn new(
        prefix: Prefix,
        upstream: Arc<dyn Upstream>,
        metrics: Arc<Metrics>,
        lifetimes: Lifetimes,
    ) -> Self {
        Self {
            prefix,
            upstream,
            metrics,
            names: Cache::builder()
                .max_capacity(ENTRIES)
                .expire_after(lifetimes)
                .build(),
            pointers: Cache::builder()
                .max_capacity(ENTRIES)
                .expire_after(lifetimes)
                .build(),
        }
    }

    /// What plays under a name; `None` if no asset bears it, or nothing was ever published.
    pub async fn named(&self, name: &AssetName) -> Result<Option<Arc<Pointer>>, Fault> {
        let key = self
            .prefix
            .name(name.namespace.as_str(), name.name.as_str());
        match self.lookup(&self.names, name.clone(), key).await? {
            Some(name) => self.pointer(name.asset_uid).await,
            None => Ok(None),
        }
    }

    /// What plays of an asset.
    pub async fn pointer(&self, asset: AssetUid) -> Result<Option<Arc<Pointer>>, Fault> {
        self.lookup(&self.pointers, asset, self.prefix.pointer(asset))
            .await
    }

    /// Whether the store answers at all: reads the pointer of no asset, which a bucket policy
    /// that lets the origin read no more than it needs allows too.
    pub async fn probe(&self) -> Result<(), Fault> {
        match self
            .upstream
            .open(&self.prefix.pointer(NOBODY), Part::Whole)
            .await
        {
            Ok(_) | Err(Fault::Missing) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    async fn lookup<K, T>(
        &self,
        cache: &Cache<K, Lookup<T>>,
        id: K,
        key: Key,
    ) -> Result<Option<Arc<T>>, Fault>
    where
        K: Hash + Eq + Send + Sync + 'static,
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let lookup = cache.entry(id).or_try_insert_with(self.load(&key)).await;
        let lookup = lookup.map_err(|fault| Fault::clone(&fault))?;
        self.metrics.reused(if lookup.is_fresh() {
            Reuse::Miss
        } else {
            Reuse::Hit
        });
        Ok(lookup.into_value().found)
    }

    async fn load<T: DeserializeOwned>(&self, key: &Key) -> Result<Lookup<T>, Fault> {
        let asked = Instant::now();
        let found = match read(self.upstream.as_ref(), key, LARGEST).await {
            Ok(text) => Some(Arc::new(serde_json::from_slice(&text).map_err(
                |error| Fault::Damaged(format!("{key} does not parse: {error}")),
            )?)),
            Err(Fault::Missing) => None,
            Err(fault) => return Err(fault),
        };
        Ok(Lookup { asked, found })
    }
}

/// Reads a whole object of at most `largest` bytes.
pub async fn read(upstream: &dyn Upstream, key: &Key, largest: u64) -> Result<Bytes, Fault> {
    let opened = upstream.open(key, Part::Whole).await?;
    if opened.length > largest {
        return Err(Fault::Damaged(format!(
            "{key} has {} bytes: more than {largest}",
            opened.length
        )));
    }
    let chunks: Vec<Bytes> = opened.body.try_collect().await?;
    Ok(chunks.concat().into())
}
