//! Playlists in memory: plain and in gzip, at their own path or moved to a stable one.
use crate::documents::read;
use crate::encoding::{Encoding, gzip};
use crate::metrics::{Metrics, Reuse};
use crate::path::{Format, relative_folder};
use crate::playlist;
use crate::upstream::{Fault, Upstream};
use bytes::Bytes;
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;
use vessel_storage::digest::Sha256;
use vessel_storage::key::{ExecutionFolder, Key, Prefix};
use vessel_storage::path::ObjectPath;

/// Largest playlist that is served, in bytes: 50,000 segments need about 2 MB.
const LARGEST: u64 = 16 << 20;
/// As for segments.
const LIFETIME: Duration = Duration::from_mins(10);
/// Bytes that an entry takes beside its content.
const OVERHEAD: usize = 512;

/// A playlist, ready to be sent.
pub struct Text {
    plain: Bytes,
    packed: Option<Bytes>,
    tag: String,
}

impl Text {
    /// `tag` names the content for ever, and needs no quotes.
    pub fn new(plain: Bytes, tag: String) -> Self {
        let packed = gzip(&plain);
        Self { plain, packed, tag }
    }

    /// The body in the best encoding that the viewer takes, with that encoding.
    pub fn body(&self, accepted: Encoding) -> (Bytes, Encoding) {
        match (accepted, &self.packed) {
            (Encoding::Gzip, Some(packed)) => (packed.clone(), Encoding::Gzip),
            _ => (self.plain.clone(), Encoding::Identity),
        }
    }

    /// The strong tag of the body in that encoding (RFC 9110 §8.8.3.3), without quotes.
    pub fn tag(&self, encoding: Encoding) -> String {
        match encoding {
            Encoding::Identity => self.tag.clone(),
            Encoding::Gzip => format!("{}-gzip", self.tag),
        }
    }

    fn weight(&self) -> u32 {
        let packed = self.packed.as_ref().map_or(0, Bytes::len);
        u32::try_from(self.plain.len() + packed + OVERHEAD).unwrap_or(u32::MAX)
    }
}

/// Where a text is asked for.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct Id {
    key: Key,
    place: Place,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    Own,
    Moved(Format),
}

/// Playlists in memory.
pub struct Texts {
    prefix: Prefix,
    upstream: Arc<dyn Upstream>,
    metrics: Arc<Metrics>,
    cache: Cache<Id, Arc<Text>>,
}

impl Texts {
    /// A cache of at most `capacity` bytes.
    pub fn new(
        capacity: u64,
        prefix: Prefix,
        upstream: Arc<dyn Upstream>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let cache = Cache::builder()
            .max_capacity(capacity)
            .weigher(|_, text: &Arc<Text>| text.weight())
            .time_to_live(LIFETIME)
            .build();
        Self {
            prefix,
            upstream,
            metrics,
            cache,
        }
    }

    /// A playlist at its own path.
    pub async fn own(
        &self,
        folder: ExecutionFolder,
        path: &ObjectPath,
    ) -> Result<Arc<Text>, Fault> {
        let key = self.prefix.object(folder, path);
        let id = Id {
            key: key.clone(),
            place: Place::Own,
        };
        self.get(id, async { Ok(digested(self.read(&key).await?)) })
            .await
    }

    /// A committed description, moved to the stable path of its asset.
    pub async fn moved(
        &self,
        folder: ExecutionFolder,
        path: &ObjectPath,
        format: Format,
    ) -> Result<Arc<Text>, Fault> {
        let key = self.prefix.object(folder, path);
        let id = Id {
            key: key.clone(),
            place: Place::Moved(format),
        };
        self.get(id, async {
            let text = self.read(&key).await?;
            let moved = playlist::moved(format, &text, &relative_folder(folder));
            let moved = moved.map_err(|error| Fault::Damaged(format!("{key}: {error}")))?;
            Ok(digested(moved.into()))
        })
        .await
    }

    /// Bytes that are in use.
    pub async fn bytes(&self) -> u64 {
        self.cache.run_pending_tasks().await;
        self.cache.weighted_size()
    }

    async fn read(&self, key: &Key) -> Result<Bytes, Fault> {
        read(self.upstream.as_ref(), key, LARGEST).await
    }

    async fn get(
        &self,
        id: Id,
        load: impl Future<Output = Result<Text, Fault>>,
    ) -> Result<Arc<Text>, Fault> {
        let load = async { load.await.map(Arc::new) };
        let entry = self.cache.entry(id).or_try_insert_with(load).await;
        let entry = entry.map_err(|fault: Arc<Fault>| Fault::clone(&fault))?;
        self.metrics.reused(if entry.is_fresh() {
            Reuse::Miss
        } else {
            Reuse::Hit
        });
        Ok(entry.into_value())
    }
}

/// Tagged by its digest: replicas that read the same object send the same tag.
fn digested(text: Bytes) -> Text {
    let tag = Sha256::of(&text).to_string();
    Text::new(text, tag.get(..32).unwrap_or(&tag).to_owned())
}
