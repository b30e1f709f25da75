//! The readers' end of the spool: it is read while it grows, by as many readers as want to,
//! each from the beginning.
use super::shape::{HEAD, Shape, shape};
use crate::stop::{Stop, failed, internal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use vessel_crds::reason::FailureReason;

/// Bytes that are moved at once: as much as a pipe holds.
const CHUNK: u64 = 64 << 10;

/// How much of the source is there.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Growth {
    /// So many bytes, and more to come.
    Growing(u64),
    /// All of its bytes, which are those that were asked for.
    Whole(u64),
    /// No more come.
    Broken(Stop),
}

/// A source that arrives.
#[derive(Clone, Debug)]
pub struct Arriving {
    path: PathBuf,
    growth: watch::Receiver<Growth>,
    announced: Arc<OnceLock<u64>>,
}

impl Arriving {
    /// What is written into this file.
    pub const fn new(
        path: PathBuf,
        growth: watch::Receiver<Growth>,
        announced: Arc<OnceLock<u64>>,
    ) -> Self {
        Self {
            path,
            growth,
            announced,
        }
    }

    /// How many bytes it will have, if its server said so.
    pub fn announced(&self) -> Option<u64> {
        self.announced.get().copied()
    }

    /// The file. It is complete once [`Arriving::whole`] has answered.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for all of it.
    pub async fn whole(&self) -> Result<(), Stop> {
        let mut arriving = self.clone();
        let ended = |growth: &Growth| !matches!(growth, Growth::Growing(_));
        let growth = arriving.growth.wait_for(ended).await;
        match &*growth.map_err(|error| abandoned(&error))? {
            Growth::Broken(stop) => Err(stop.clone()),
            Growth::Growing(_) | Growth::Whole(_) => Ok(()),
        }
    }

    /// Waits until its first bytes tell how it can be read.
    pub async fn shape(&self) -> Result<Shape, Stop> {
        let mut arriving = self.clone();
        let mut file = arriving.open().await?;
        let mut head = Vec::new();
        while let Some(bytes) = arriving.beyond(head.len() as u64).await? {
            let missing = bytes.min(HEAD) - head.len() as u64;
            let mut more = (&mut file).take(missing);
            let read = more.read_to_end(&mut head).await;
            read.map_err(|error| internal("the scratch volume", &error))?;
            match shape(&head) {
                Shape::Unclear if (head.len() as u64) < HEAD => {}
                Shape::Unclear => break,
                told => return Ok(told),
            }
        }
        Ok(Shape::Spooled)
    }

    /// Its first bytes, of those that are there.
    pub async fn beginning(&self, bytes: u64) -> Result<Vec<u8>, Stop> {
        let mut head = Vec::new();
        let mut file = self.open().await?.take(bytes);
        let read = file.read_to_end(&mut head).await;
        read.map_err(|error| internal("the scratch volume", &error))?;
        Ok(head)
    }

    /// Writes it to a tool as it comes, and closes that end. One that reads no further has
    /// what it needs.
    pub async fn feed(&self, mut to: impl AsyncWrite + Unpin) -> Result<(), Stop> {
        let mut arriving = self.clone();
        let mut file = arriving.open().await?;
        let (mut fed, mut chunk) = (0, Vec::new());
        while let Some(bytes) = arriving.beyond(fed).await? {
            chunk.clear();
            let mut more = (&mut file).take(CHUNK.min(bytes - fed));
            let read = more.read_to_end(&mut chunk).await;
            let read = read.map_err(|error| internal("the scratch volume", &error))?;
            if read == 0 {
                return Err(failed(
                    FailureReason::Internal,
                    "the source in the scratch volume was cut",
                ));
            }
            fed += read as u64;
            if to.write_all(&chunk).await.is_err() {
                return Ok(());
            }
        }
        // It may have gone in the meantime, which is its right.
        let _ = to.shutdown().await;
        Ok(())
    }

    async fn open(&self) -> Result<File, Stop> {
        let file = File::open(&self.path).await;
        file.map_err(|error| internal("the scratch volume", &error))
    }

    /// Waits until there are more than so many bytes; answers how many. `None`: there are not.
    async fn beyond(&mut self, bytes: u64) -> Result<Option<u64>, Stop> {
        let news = |growth: &Growth| match growth {
            Growth::Growing(there) => *there > bytes,
            Growth::Whole(_) | Growth::Broken(_) => true,
        };
        let growth = self.growth.wait_for(news).await;
        match &*growth.map_err(|error| abandoned(&error))? {
            Growth::Growing(there) => Ok(Some(*there)),
            Growth::Whole(there) => Ok(Some(*there).filter(|&there| there > bytes)),
            Growth::Broken(stop) => Err(stop.clone()),
        }
    }
}

fn abandoned(error: &watch::error::RecvError) -> Stop {
    internal("the transfer was given up", error)
}

#[cfg(test)]
mod tests {
    use super::super::spool;
    use super::super::spool::tests::limits;
    use super::*;
    use crate::cost::Meter;
    use futures::FutureExt;

    #[tokio::test]
    async fn every_reader_gets_every_byte_as_it_comes() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let created = spool::create(folder.path(), &limits(1 << 20), &meter).await;
        let (mut spool, arriving) = created.unwrap();
        let (early, mut early_end) = tokio::io::duplex(16);
        let (late, mut late_end) = tokio::io::duplex(1 << 20);
        let early_feed = tokio::spawn({
            let arriving = arriving.clone();
            async move { arriving.feed(early).await }
        });
        spool.write(b"first ").await.unwrap();
        let mut first = [0; 6];
        early_end.read_exact(&mut first).await.unwrap();
        assert_eq!(&first, b"first ");
        spool.write(&vec![7; 200_000]).await.unwrap();
        let source = spool.finish(None);
        spool.end(&source);
        arriving.feed(late).await.unwrap();
        let (mut rest, mut all) = (Vec::new(), Vec::new());
        early_end.read_to_end(&mut rest).await.unwrap();
        late_end.read_to_end(&mut all).await.unwrap();
        assert_eq!(rest, vec![7; 200_000]);
        assert_eq!(all.len(), 200_006);
        assert!(early_feed.await.unwrap().is_ok());
        assert!(arriving.whole().await.is_ok());
    }

    #[tokio::test]
    async fn a_transfer_that_breaks_never_looks_like_the_end() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let created = spool::create(folder.path(), &limits(10), &meter).await;
        let (mut spool, arriving) = created.unwrap();
        spool.write(b"01234").await.unwrap();
        let (mut to, mut end) = tokio::io::duplex(100);
        let stop = failed(FailureReason::SourceUnreachable, "it broke");
        spool.end(&Err(stop.clone()));
        assert_eq!(arriving.feed(&mut to).await, Err(stop.clone()));
        assert_eq!(arriving.whole().await, Err(stop));
        assert!(end.read_u8().now_or_never().is_none(), "it is still open");
    }

    #[tokio::test]
    async fn a_reader_that_has_enough_is_no_failure() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let created = spool::create(folder.path(), &limits(1 << 20), &meter).await;
        let (mut spool, arriving) = created.unwrap();
        spool.write(&vec![0; 100_000]).await.unwrap();
        let (to, end) = tokio::io::duplex(16);
        drop(end);
        assert!(arriving.feed(to).await.is_ok());
    }

    #[tokio::test]
    async fn the_shape_is_told_as_soon_as_the_bytes_allow() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let created = spool::create(folder.path(), &limits(1 << 20), &meter).await;
        let (mut spool, arriving) = created.unwrap();
        spool.write(b"fLaC").await.unwrap();
        assert!(arriving.shape().now_or_never().is_none());
        spool.write(&vec![0; 20_000]).await.unwrap();
        assert_eq!(arriving.shape().await.unwrap(), Shape::Streamed);
        let created = spool::create(folder.path(), &limits(1 << 20), &meter).await;
        let (mut short, arriving) = created.unwrap();
        short.write(b"fLaC").await.unwrap();
        let source = short.finish(None);
        short.end(&source);
        assert_eq!(arriving.shape().await.unwrap(), Shape::Spooled);
    }
}
