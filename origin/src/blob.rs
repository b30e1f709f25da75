//! An object in memory that can be read while it still arrives, by any number of viewers at
//! once: the first one's wait for the bucket is everybody's only wait.
use crate::upstream::Fault;
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use headers::ETag;
use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};
use tokio::sync::watch;

/// Most bytes that a viewer gets at a time: so much of an object is his own.
pub const PIECE: u64 = 64 << 10;

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

/// One who reads a blob; holds nothing of it.
pub struct Reader(watch::Receiver<Progress>);

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

    /// The beginning of `range`, if it has arrived. A copy: what a viewer has not taken yet
    /// does not keep the whole object in memory.
    pub fn copy(&self, range: &Range<u64>) -> Option<Bytes> {
        let range = range.start..range.end.min(range.start.saturating_add(PIECE));
        let arrived = match self.whole.get() {
            Some(whole) => Some(slice(whole, range.clone())),
            None => self.chunk(&range),
        };
        arrived.map(|bytes| Bytes::copy_from_slice(&bytes))
    }

    /// One who reads it. As long as there is one, [`Self::left`] waits.
    pub fn reader(&self) -> Reader {
        Reader(self.progress.subscribe())
    }

    /// Ends when nobody reads it.
    pub async fn left(&self) {
        self.progress.closed().await;
    }

    /// Takes what the bucket sends, to the end.
    pub async fn fill(&self, mut body: BoxStream<'static, Result<Bytes, Fault>>) -> Filled {
        let mut arrived = 0;
        // One that is longer than it said takes more room than it was given.
        while arrived <= self.length
            && let Some(chunk) = body.next().await
        {
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

    /// At least one byte of `range`, which is not empty, and what has arrived behind it.
    pub async fn piece(&self, range: Range<u64>, reader: &mut Reader) -> Result<Bytes, Fault> {
        loop {
            if let Some(bytes) = self.copy(&range) {
                return Ok(bytes);
            }
            let seen = reader
                .0
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
    use futures::FutureExt;
    use futures::channel::mpsc;
    use proptest::prelude::*;
    use std::sync::Arc;

    async fn collect(blob: &Arc<Blob>, range: Range<u64>) -> Result<Vec<u8>, Fault> {
        let (mut at, mut read, mut reader) = (range.start, Vec::new(), blob.reader());
        while at < range.end {
            let bytes = blob.piece(at..range.end, &mut reader).await?;
            at += bytes.len() as u64;
            read.extend_from_slice(&bytes);
        }
        Ok(read)
    }

    #[tokio::test]
    async fn the_first_bytes_are_read_before_the_last_have_come() {
        let blob = Arc::new(Blob::arriving(6, None));
        let (sender, receiver) = mpsc::unbounded();
        let filling = tokio::spawn({
            let blob = Arc::clone(&blob);
            async move { blob.fill(receiver.boxed()).await }
        });
        let mut early = blob.reader();
        sender
            .unbounded_send(Ok(Bytes::from_static(b"abc")))
            .unwrap();
        assert_eq!(blob.piece(0..6, &mut early).await.unwrap(), "abc");
        let late = tokio::spawn({
            let blob = Arc::clone(&blob);
            async move { collect(&blob, 4..6).await }
        });
        sender
            .unbounded_send(Ok(Bytes::from_static(b"def")))
            .unwrap();
        drop(sender);
        assert_eq!(blob.piece(3..6, &mut early).await.unwrap(), "def");
        assert_eq!(late.await.unwrap().unwrap(), b"ef");
        assert_eq!(filling.await.unwrap(), Filled::Whole);
        assert_eq!(blob.copy(&(1..3)).unwrap(), "bc");
        blob.left().now_or_never().ok_or("read").unwrap_err();
        drop(early);
        blob.left().await;
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
        }
    }

    #[tokio::test]
    async fn one_that_is_longer_than_it_said_is_given_up() {
        let blob = Arc::new(Blob::arriving(4, None));
        let endless = futures::stream::repeat_with(|| Ok(Bytes::from_static(b"abc")));
        assert_eq!(blob.fill(endless.boxed()).await, Filled::Broken);
    }

    #[tokio::test]
    async fn an_empty_object_is_there_at_once() {
        let blob = Arc::new(Blob::arriving(0, None));
        assert_eq!(collect(&blob, 0..0).await.unwrap(), b"");
        assert_eq!(blob.copy(&(0..0)), Some(Bytes::new()));
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
