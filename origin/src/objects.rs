//! Segments in memory, within a budget of bytes. Viewers who ask for the same cold segment at
//! once cause one read of the bucket.
use crate::blob::{Blob, Filled};
use crate::metrics::{Metrics, Reuse};
use crate::upstream::{Fault, Head, Opened, Part, Upstream};
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vessel_storage::key::Key;

/// After this long a segment is read again, however often it is asked for: what was swept from
/// the bucket does not live on here.
const LIFETIME: Duration = Duration::from_mins(10);
/// Bytes that an entry takes beside its content.
const OVERHEAD: u64 = 512;
/// Objects that are arriving may fill this part of the memory a second time: the cache can
/// evict them, but their readers hold them until they are whole.
const ARRIVING_SHARE: u64 = 2;
/// Bytes of arriving content that one permit stands for.
const PERMIT: u64 = 1024;
/// How long a cold segment waits for others to have arrived: longer, and a player gives up.
const PATIENCE: Duration = Duration::from_secs(2);
/// Most objects that are asked for at once whose bytes have no room yet: each holds a
/// connection to the store.
const OPENING: usize = 256;
/// How long one that the cache does not keep stays for those who came while it arrived. Who
/// takes longer reads the rest from the bucket.
const LINGER: Duration = Duration::from_secs(5);
/// Most objects whose length and tag alone are remembered.
const HEADS: u64 = 4096;

/// Segments in memory.
#[derive(Clone)]
pub struct Objects {
    cache: Cache<Key, Entry>,
    heads: Cache<Key, Head>,
    opening: Arc<Semaphore>,
    arriving: Arc<Semaphore>,
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
    Large(Head),
}

impl Entry {
    /// Length and tag.
    pub fn head(&self) -> Head {
        match self {
            Self::Kept(blob) => Head {
                length: blob.length(),
                etag: blob.etag().cloned(),
            },
            Self::Large(head) => head.clone(),
        }
    }

    fn weight(&self) -> u32 {
        let content = match self {
            Self::Kept(blob) => blob.length(),
            Self::Large(_) => 0,
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
        let heads = Cache::builder()
            .max_capacity(HEADS)
            .time_to_live(LIFETIME)
            .build();
        let arriving = usize::try_from((capacity / ARRIVING_SHARE).div_ceil(PERMIT))
            .map_or(Semaphore::MAX_PERMITS, |n| n.min(Semaphore::MAX_PERMITS));
        Self {
            cache,
            heads,
            opening: Arc::new(Semaphore::new(OPENING)),
            arriving: Arc::new(Semaphore::new(arriving)),
            upstream,
            metrics,
            largest: capacity / 8,
        }
    }

    /// The object at `key`. Answers as soon as its length is known.
    pub async fn get(&self, key: &Key) -> Result<Entry, Fault> {
        if let Some(entry) = self.cache.get(key).await {
            self.metrics.reused(match entry {
                Entry::Large(_) => Reuse::Bypass,
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

    /// Length and tag of the object at `key`, for those who want none of its bytes.
    pub async fn look(&self, key: &Key) -> Result<Head, Fault> {
        if let Some(entry) = self.cache.get(key).await {
            self.metrics.reused(Reuse::Hit);
            return Ok(entry.head());
        }
        let looking = async { self.upstream.look(key).await };
        let head = self.heads.entry_by_ref(key).or_try_insert_with(looking);
        let head = head.await.map_err(|fault| Fault::clone(&fault))?;
        self.metrics.reused(if head.is_fresh() {
            Reuse::Miss
        } else {
            Reuse::Hit
        });
        Ok(head.into_value())
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
        let opening = in_turn(&self.opening, 1).await?;
        let Opened { length, etag, body } = self.upstream.open(key, Part::Whole).await?;
        if length > self.largest {
            return Ok(Entry::Large(Head { length, etag }));
        }
        let permits = u32::try_from(length.div_ceil(PERMIT)).unwrap_or(u32::MAX);
        let room = in_turn(&self.arriving, permits).await?;
        drop(opening);
        let blob = Arc::new(Blob::arriving(length, etag));
        let (cache, key, filling) = (self.cache.clone(), key.clone(), Arc::clone(&blob));
        // The reader of an object outlives the viewer who asked first: others read it too.
        tokio::spawn(async move {
            if filling.fill(body).await == Filled::Broken {
                tracing::warn!(%key, "an object broke off while it was read");
                cache.invalidate(&key).await;
            }
            // What this one displaces is let go before another takes its room.
            cache.run_pending_tasks().await;
            if !cache.contains_key(&key) {
                // Its viewers would all read the bucket again. A limit, not a failure.
                let _ = tokio::time::timeout(LINGER, filling.left()).await;
            }
            drop(filling);
            drop(room);
        });
        Ok(Entry::Kept(blob))
    }
}

/// Permits in the order of asking; gives up when that takes too long.
async fn in_turn(of: &Arc<Semaphore>, permits: u32) -> Result<OwnedSemaphorePermit, Fault> {
    let turn = Arc::clone(of).acquire_many_owned(permits);
    match tokio::time::timeout(PATIENCE, turn).await {
        Ok(Ok(permits)) => Ok(permits),
        Ok(Err(_)) | Err(_) => Err(Fault::Crowded),
    }
}
