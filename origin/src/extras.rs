//! What goes with the media and may be missing: a poster, a storyboard, peaks.
use crate::objects::Objects;
use crate::upstream::Fault;
use moka::future::Cache;
use std::time::Duration;
use vessel_storage::key::{ExecutionFolder, Key, Prefix};
use vessel_storage::path::ObjectPath;

/// How long a page waits to hear what goes with its media.
const GLANCE: Duration = Duration::from_secs(1);
/// How long it is remembered that something is not there, and of how many objects. What was
/// committed never changes; the limits are for our memory.
const LIFETIME: Duration = Duration::from_mins(10);
const ENTRIES: u64 = 4096;

/// Knows what goes with the media of committed executions.
pub struct Extras {
    prefix: Prefix,
    objects: Objects,
    absent: Cache<Key, ()>,
}

impl Extras {
    /// Nothing is known yet.
    pub fn new(prefix: Prefix, objects: Objects) -> Self {
        let absent = Cache::builder()
            .max_capacity(ENTRIES)
            .time_to_live(LIFETIME)
            .build();
        Self {
            prefix,
            objects,
            absent,
        }
    }

    /// Whether a committed execution made an object, for those who can do without: one that the
    /// store does not tell of in time is not there.
    pub async fn has(&self, folder: ExecutionFolder, path: &ObjectPath) -> bool {
        let key = self.prefix.object(folder, path);
        if self.absent.contains_key(&key) {
            return false;
        }
        match tokio::time::timeout(GLANCE, self.objects.look(&key)).await {
            Ok(Ok(_)) => true,
            Ok(Err(Fault::Missing)) => {
                self.absent.insert(key, ()).await;
                false
            }
            Ok(Err(_)) | Err(_) => false,
        }
    }
}
