//! Segments in memory, within a budget of bytes. Viewers who ask for the same cold segment at
//! once cause one read of the bucket.
use crate::blob::{Blob, Filled};
use crate::metrics::{Metrics, Reuse};
use crate::upstream::{Fault, Opened, Part, Upstream};
use headers::ETag;
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;
use vessel_storage::key::Key;

/// After this long a segment is read again, however often it is asked for: what was swept from
/// the bucket does not live on here.
const LIFETIME: Duration = Duration::from_mins(10);
/// Bytes that an entry takes beside its content.
const OVERHEAD: u64 = 512;

/// Segments in memory.
#[derive(Clone)]
pub struct Objects {
    cache: Cache<Key, Entry>,
    upstream: Arc<dyn Upstream>,
    metrics: Arc<Metrics>,
    largest: u64,
}

/// What is known of an object.
#[derive(Clone)]
pub enum Entry {
    /// It is in memory, or arriving there.
    Kept(Arc<Blob>),
    /// It is too large to be kept: every viewer reads the bucket.
    Large {
        /// Its length in bytes.
        length: u64,
        /// Its tag.
        etag: Option<ETag>,
    },
}

impl Entry {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Kept(blob) => blob.length(),
            Self::Large { length, .. } => *length,
        }
    }

    /// Tag.
    pub fn etag(&self) -> Option<&ETag> {
        match self {
            Self::Kept(blob) => blob.etag(),
            Self::Large { etag, .. } => etag.as_ref(),
        }
    }

    fn weight(&self) -> u32 {
        let content = match self {
            Self::Kept(blob) => blob.length(),
            Self::Large { .. } => 0,
        };
        u32::try_from(content + OVERHEAD).unwrap_or(u32::MAX)
    }
}

impl Objects {
    /// A cache of at most `capacity` bytes.
    pub fn new(capacity: u64, upstream: Arc<dyn Upstream>, metrics: Arc<Metrics>) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, entry: &Entry| entry.weight())
            .time_to_live(LIFETIME)
            .build();
        Self {
            cache,
            upstream,
            metrics,
            largest: capacity / 8,
        }
    }

    /// The object at `key`. Answers as soon as its length is known.
    pub async fn get(&self, key: &Key) -> Result<Entry, Fault> {
        if let Some(entry) = self.cache.get(key).await {
            self.metrics.reused(match entry {
                Entry::Large { .. } => Reuse::Bypass,
                Entry::Kept(_) => Reuse::Hit,
            });
            return Ok(entry);
        }
        let entry = self
            .cache
            .entry_by_ref(key)
            .or_try_insert_with(self.load(key))
            .await;
        self.metrics.reused(match &entry {
            Ok(entry) if !entry.is_fresh() => Reuse::Coalesced,
            _ => Reuse::Miss,
        });
        entry
            .map(moka::Entry::into_value)
            .map_err(|fault| Fault::clone(&fault))
    }

    /// A part of an object that is too large to be kept.
    pub async fn pass(&self, key: &Key, part: Part) -> Result<Opened, Fault> {
        self.upstream.open(key, part).await
    }

    /// Bytes that are in use.
    pub async fn bytes(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.weighted_size()
    }

    async fn load(&self, key: &Key) -> Result<Entry, Fault> {
        let Opened { length, etag, body } = self.upstream.open(key, Part::Whole).await?;
        if length > self.largest {
            return Ok(Entry::Large { length, etag });
        }
        let blob = Arc::new(Blob::arriving(length, etag));
        let (cache, key, filling) = (self.cache.clone(), key.clone(), Arc::clone(&blob));
        // The reader of an object outlives the viewer who asked first: others read it too.
        tokio::spawn(async move {
            if filling.fill(body).await == Filled::Broken {
                tracing::warn!(%key, "an object broke off while it was read");
                cache.invalidate(&key).await;
            }
        });
        Ok(Entry::Kept(blob))
    }
}
