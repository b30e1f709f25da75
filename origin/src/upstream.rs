//! What the origin asks of a bucket: to read, and nothing else.
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt};
use headers::ETag;
use std::ops::Range;
use std::time::Duration;
use vessel_storage::bucket::{Bucket, BucketError, ErrorClass};
use vessel_storage::key::Key;

/// How long an answer's head may take, retries of the client included.
const HEAD: Duration = Duration::from_secs(10);
/// How long a body may stand still.
const IDLE: Duration = Duration::from_secs(15);

/// An object that is being read.
pub struct Opened {
    /// Length of the whole object in bytes, whatever part of it is read.
    pub length: u64,
    /// Its tag.
    pub etag: Option<ETag>,
    /// The bytes that were asked for, as they come.
    pub body: BoxStream<'static, Result<Bytes, Fault>>,
}

/// What a bucket tells of an object without sending it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Its length in bytes.
    pub length: u64,
    /// Its tag.
    pub etag: Option<ETag>,
}

/// Which bytes are read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// All of them.
    Whole,
    /// These; the end is exclusive.
    Bytes(Range<u64>),
}

/// Why nothing could be read. Cloned to all who wait for the same object.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Fault {
    /// There is no such object.
    #[error("there is no such object")]
    Missing,
    /// The store does not answer, or says to come again.
    #[error("the store can't be reached: {0}")]
    Unavailable(String),
    /// Objects that are arriving fill the memory that there is for them.
    #[error("too much is asked for at once: segments that are arriving fill their memory")]
    Crowded,
    /// The store refuses the credentials, or its bucket is not there.
    #[error("the store refuses the origin: {0}")]
    Refused(String),
    /// What lies there can't be understood.
    #[error("the store holds something damaged: {0}")]
    Damaged(String),
}

/// A bucket, as far as the origin needs one.
pub trait Upstream: Send + Sync + 'static {
    /// Opens an object. The future ends when its length is known, before its bytes are there.
    fn open(&self, key: &Key, part: Part) -> BoxFuture<'static, Result<Opened, Fault>>;

    /// Asks for an object's length and tag alone.
    fn look(&self, key: &Key) -> BoxFuture<'static, Result<Head, Fault>>;
}

impl Upstream for Bucket {
    fn open(&self, key: &Key, part: Part) -> BoxFuture<'static, Result<Opened, Fault>> {
        let (bucket, key) = (self.clone(), key.clone());
        let range = match part {
            Part::Whole => None,
            Part::Bytes(range) => Some(range),
        };
        async move {
            let opened = tokio::time::timeout(HEAD, bucket.open(&key, range)).await;
            let opened = opened.map_err(|_| late(HEAD))??.ok_or(Fault::Missing)?;
            Ok(Opened {
                length: opened.length,
                etag: opened.etag.and_then(|etag| etag.parse().ok()),
                body: steady(opened.body.map(|chunk| chunk.map_err(Fault::from)).boxed()),
            })
        }
        .boxed()
    }

    fn look(&self, key: &Key) -> BoxFuture<'static, Result<Head, Fault>> {
        let (bucket, key) = (self.clone(), key.clone());
        async move {
            let head = tokio::time::timeout(HEAD, bucket.head(&key)).await;
            let head = head.map_err(|_| late(HEAD))??.ok_or(Fault::Missing)?;
            Ok(Head {
                length: head.bytes,
                etag: head.etag.parse().ok(),
            })
        }
        .boxed()
    }
}

/// Ends a body that stands still.
fn steady(
    body: BoxStream<'static, Result<Bytes, Fault>>,
) -> BoxStream<'static, Result<Bytes, Fault>> {
    futures::stream::unfold(body, |mut body| async move {
        match tokio::time::timeout(IDLE, body.next()).await {
            Ok(chunk) => Some((chunk?, body)),
            Err(_) => Some((Err(late(IDLE)), futures::stream::empty().boxed())),
        }
    })
    .boxed()
}

fn late(limit: Duration) -> Fault {
    Fault::Unavailable(format!("nothing came for {} s", limit.as_secs()))
}

impl From<BucketError> for Fault {
    fn from(error: BucketError) -> Self {
        let message = error.to_string();
        match error.class {
            ErrorClass::Unavailable => Self::Unavailable(message),
            ErrorClass::Denied | ErrorClass::NotFound => Self::Refused(message),
            ErrorClass::Other => Self::Damaged(message),
        }
    }
}
