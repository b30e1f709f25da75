//! A bucket in memory, with the faults that a real one has.
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use vessel_origin::upstream::{Fault, Head, Opened, Part, Upstream};
use vessel_storage::digest::Sha256;
use vessel_storage::key::Key;

/// How large the pieces are in which an object arrives.
const PIECE: usize = 1000;

#[derive(Default)]
pub struct MemoryBucket {
    objects: Mutex<HashMap<String, Bytes>>,
    fault: Mutex<Option<Fault>>,
    readable: Mutex<Option<Vec<String>>>,
    gate: Mutex<Option<Arc<Semaphore>>>,
    stalled: AtomicBool,
    reads: AtomicUsize,
    looks: AtomicUsize,
    begun: Arc<AtomicUsize>,
}

impl MemoryBucket {
    pub fn put(&self, key: &Key, content: impl Into<Bytes>) {
        let content = content.into();
        self.objects
            .lock()
            .unwrap()
            .insert(key.to_string(), content);
    }

    pub fn remove(&self, key: &Key) {
        self.objects.lock().unwrap().remove(key.as_str());
    }

    /// From now on every read fails so; `None` mends it.
    pub fn fail(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// From now on a policy allows reading below these prefixes alone.
    pub fn allow_only(&self, prefixes: &[String]) {
        *self.readable.lock().unwrap() = Some(prefixes.to_vec());
    }

    /// From now on a piece arrives for every permit.
    pub fn hold(&self) -> Arc<Semaphore> {
        let gate = Arc::new(Semaphore::new(0));
        *self.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    /// From now on no read is answered.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// How often it was read.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// How often an object's length and tag alone were asked for.
    pub fn looks(&self) -> usize {
        self.looks.load(Ordering::SeqCst)
    }

    /// How many bodies somebody has begun to read.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn find(&self, key: &Key) -> Result<Bytes, Fault> {
        if let Some(fault) = self.fault.lock().unwrap().clone() {
            return Err(fault);
        }
        let readable = self.readable.lock().unwrap();
        if let Some(prefixes) = readable.as_ref()
            && !prefixes
                .iter()
                .any(|prefix| key.as_str().starts_with(prefix))
        {
            return Err(Fault::Refused("403 AccessDenied".to_owned()));
        }
        let objects = self.objects.lock().unwrap();
        objects.get(key.as_str()).cloned().ok_or(Fault::Missing)
    }
}

impl Upstream for MemoryBucket {
    fn open(&self, key: &Key, part: Part) -> BoxFuture<'static, Result<Opened, Fault>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let found = self.find(key);
        let gate = self.gate.lock().unwrap().clone();
        let begun = Arc::clone(&self.begun);
        let stalled = self.stalled.load(Ordering::SeqCst);
        async move {
            if stalled {
                futures::future::pending::<()>().await;
            }
            let content = found?;
            let Head { length, etag } = head(&content);
            let wanted = match part {
                Part::Whole => content.clone(),
                Part::Bytes(range) => slice(&content, &range),
            };
            let pieces: Vec<Bytes> = wanted.chunks(PIECE).map(Bytes::copy_from_slice).collect();
            let body = futures::stream::iter(pieces).then(move |piece| {
                let gate = gate.clone();
                async move {
                    if let Some(gate) = gate {
                        gate.acquire().await.unwrap().forget();
                    }
                    Ok(piece)
                }
            });
            let first = async move {
                begun.fetch_add(1, Ordering::SeqCst);
                body
            };
            Ok(Opened {
                length,
                etag,
                body: futures::stream::once(first).flatten().boxed(),
            })
        }
        .boxed()
    }

    fn look(&self, key: &Key) -> BoxFuture<'static, Result<Head, Fault>> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let found = self.find(key).map(|content| head(&content));
        async move { found }.boxed()
    }
}

fn head(content: &Bytes) -> Head {
    Head {
        length: content.len() as u64,
        etag: format!("\"{}\"", Sha256::of(content)).parse().ok(),
    }
}

fn slice(content: &Bytes, range: &Range<u64>) -> Bytes {
    let place = |at: u64| usize::try_from(at).unwrap();
    content.slice(place(range.start)..place(range.end))
}
