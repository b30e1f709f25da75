//! An object in memory that can be read while it still arrives, by any number of viewers at
//! once: the first one's wait for the bucket is everybody's only wait.
use crate::upstream::Fault;
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, Stream, StreamExt};
use headers::ETag;
use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::watch;

/// An object in memory, whole or arriving.
pub struct Blob {
    length: u64,
    etag: Option<ETag>,
    whole: OnceLock<Bytes>,
    chunks: Mutex<Vec<Chunk>>,
    progress: watch::Sender<Progress>,
}

struct Chunk {
    start: u64,
    bytes: Bytes,
}

#[derive(Clone, Debug)]
struct Progress {
    arrived: u64,
    broken: Option<Fault>,
}

/// How a blob was filled.
#[derive(Debug, Eq, PartialEq)]
pub enum Filled {
    /// All of it is there.
    Whole,
    /// The bucket's answer broke off.
    Broken,
}

impl Blob {
    /// An object of `length` bytes of which nothing has arrived yet.
    pub fn arriving(length: u64, etag: Option<ETag>) -> Self {
        let blob = Self {
            length,
            etag,
            whole: OnceLock::new(),
            chunks: Mutex::default(),
            progress: watch::Sender::new(Progress {
                arrived: 0,
                broken: None,
            }),
        };
        if length == 0 {
            blob.whole.get_or_init(Bytes::new);
        }
        blob
    }

    /// Its length in bytes.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Its tag.
    pub const fn etag(&self) -> Option<&ETag> {
        self.etag.as_ref()
    }

    /// The bytes of `range`, if the object has arrived.
    pub fn ready(&self, range: Range<u64>) -> Option<Bytes> {
        self.whole.get().map(|whole| slice(whole, range))
    }

    /// The bytes of `range` as they arrive.
    pub fn read(
        self: Arc<Self>,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, Fault>> + Send {
        futures::stream::try_unfold((self, range), |(blob, left)| async move {
            if left.is_empty() {
                return Ok(None);
            }
            let bytes = blob.piece(left.clone()).await?;
            let rest = left.start + bytes.len() as u64..left.end;
            Ok(Some((bytes, (blob, rest))))
        })
    }

    /// Takes what the bucket sends, to the end.
    pub async fn fill(&self, mut body: BoxStream<'static, Result<Bytes, Fault>>) -> Filled {
        let mut arrived = 0;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(bytes) => arrived = self.put(arrived, bytes),
                Err(fault) => return self.break_off(fault),
            }
        }
        if arrived == self.length {
            self.finish();
            Filled::Whole
        } else {
            let message = format!("{arrived} of {} bytes came", self.length);
            self.break_off(Fault::Unavailable(message))
        }
    }

    /// At least one byte of `range`, and what has arrived behind it.
    async fn piece(&self, range: Range<u64>) -> Result<Bytes, Fault> {
        let mut progress = self.progress.subscribe();
        loop {
            if let Some(bytes) = self.ready(range.clone()).or_else(|| self.chunk(&range)) {
                return Ok(bytes);
            }
            let seen = progress
                .wait_for(|p| p.arrived > range.start || p.broken.is_some())
                .await
                .map_err(|_| Fault::Unavailable("the transfer was given up".to_owned()))?;
            if let Some(fault) = seen.broken.clone() {
                return Err(fault);
            }
        }
    }

    fn chunk(&self, range: &Range<u64>) -> Option<Bytes> {
        let chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let behind = chunks.partition_point(|chunk| chunk.start <= range.start);
        let chunk = chunks.get(behind.checked_sub(1)?)?;
        let bytes = slice(
            &chunk.bytes,
            range.start - chunk.start..range.end - chunk.start,
        );
        (!bytes.is_empty()).then_some(bytes)
    }

    fn put(&self, start: u64, bytes: Bytes) -> u64 {
        let arrived = start + bytes.len() as u64;
        if !bytes.is_empty() {
            let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
            chunks.push(Chunk { start, bytes });
        }
        self.progress
            .send_modify(|progress| progress.arrived = arrived);
        arrived
    }

    /// One copy into one piece: later viewers get it with a single write, and the client's
    /// buffers, larger than what they hold, are let go.
    fn finish(&self) {
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut whole = BytesMut::with_capacity(chunks.iter().map(|c| c.bytes.len()).sum());
        for chunk in chunks.iter() {
            whole.extend_from_slice(&chunk.bytes);
        }
        self.whole.get_or_init(|| whole.freeze());
        chunks.clear();
    }

    fn break_off(&self, fault: Fault) -> Filled {
        self.progress
            .send_modify(|progress| progress.broken = Some(fault));
        Filled::Broken
    }
}

/// The part of `bytes` that lies in `range`, without copying.
fn slice(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    bytes.slice(place(range.start)..place(range.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;
    use futures::channel::mpsc;
    use proptest::prelude::*;

    async fn collect(blob: &Arc<Blob>, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let chunks: Vec<Bytes> = Arc::clone(blob).read(range).try_collect().await?;
        Ok(chunks.concat())
    }

    #[tokio::test]
    async fn the_first_bytes_are_read_before_the_last_have_come() {
        let blob = Arc::new(Blob::arriving(6, None));
        let (sender, receiver) = mpsc::unbounded();
        let filling = tokio::spawn({
            let blob = Arc::clone(&blob);
            async move { blob.fill(receiver.boxed()).await }
        });
        let mut early = Arc::clone(&blob).read(0..6).boxed();
        sender
            .unbounded_send(Ok(Bytes::from_static(b"abc")))
            .unwrap();
        assert_eq!(early.next().await, Some(Ok(Bytes::from_static(b"abc"))));
        let late = tokio::spawn({
            let blob = Arc::clone(&blob);
            async move { collect(&blob, 4..6).await }
        });
        sender
            .unbounded_send(Ok(Bytes::from_static(b"def")))
            .unwrap();
        drop(sender);
        assert_eq!(early.next().await, Some(Ok(Bytes::from_static(b"def"))));
        assert_eq!(early.next().await, None);
        assert_eq!(late.await.unwrap().unwrap(), b"ef");
        assert_eq!(filling.await.unwrap(), Filled::Whole);
        assert_eq!(blob.ready(1..3), Some(Bytes::from_static(b"bc")));
    }

    #[tokio::test]
    async fn a_transfer_that_breaks_off_breaks_off_for_everybody() {
        for body in [
            vec![Ok(Bytes::from_static(b"ab"))],
            vec![
                Ok(Bytes::from_static(b"ab")),
                Err(Fault::Unavailable("reset".to_owned())),
            ],
        ] {
            let blob = Arc::new(Blob::arriving(4, None));
            assert_eq!(
                blob.fill(futures::stream::iter(body).boxed()).await,
                Filled::Broken
            );
            assert_eq!(collect(&blob, 0..2).await.unwrap(), b"ab");
            assert!(collect(&blob, 0..4).await.is_err());
            assert_eq!(blob.ready(0..2), None);
        }
    }

    #[tokio::test]
    async fn an_empty_object_is_there_at_once() {
        let blob = Arc::new(Blob::arriving(0, None));
        assert_eq!(collect(&blob, 0..0).await.unwrap(), b"");
        assert_eq!(blob.ready(0..0), Some(Bytes::new()));
    }

    proptest! {
        #[test]
        fn every_range_reads_the_same_whole_or_in_pieces(
            content in proptest::collection::vec(any::<u8>(), 1..200),
            size in 1_usize..50,
            ends in (0_usize..200, 0_usize..200),
        ) {
            let start = ends.0.min(ends.1).min(content.len());
            let end = ends.0.max(ends.1).min(content.len());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let blob = Arc::new(Blob::arriving(content.len() as u64, None));
                let mut at = 0;
                for piece in content.chunks(size) {
                    at = blob.put(at, Bytes::copy_from_slice(piece));
                }
                let range = start as u64..end as u64;
                let pieces = collect(&blob, range.clone()).await.unwrap();
                assert_eq!(pieces, content[start..end]);
                blob.finish();
                assert_eq!(collect(&blob, range).await.unwrap(), content[start..end]);
            });
        }
    }
}
