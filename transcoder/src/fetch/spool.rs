//! The file in scratch, with its limits and its digest, while it is written.
//!
//! What has once been written stays as it is, for readers may have it already: a transfer that
//! has to begin again is compared with what is there, not written over it.
use super::Source;
use super::arriving::{Arriving, Growth};
use crate::cost::Meter;
use crate::stop::{Failure, Stop, failed, internal};
use sha2::{Digest, Sha256 as Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::sync::watch;
use vessel_crds::reason::FailureReason;
use vessel_storage::digest::Sha256;
use vessel_storage::order::Limits;

/// The source while it arrives.
#[derive(Debug)]
pub struct Spool<'a> {
    path: PathBuf,
    file: File,
    hasher: Hasher,
    bytes: u64,
    replay: Option<Replay>,
    limit: u64,
    meter: &'a Meter,
    growth: watch::Sender<Growth>,
    announced: Arc<OnceLock<u64>>,
}

/// Bytes that have arrived before and come again.
#[derive(Debug)]
struct Replay {
    hasher: Hasher,
    left: u64,
}

/// An empty file under a fixed name, and its readers' end.
pub async fn create<'a>(
    scratch: &Path,
    limits: &Limits,
    meter: &'a Meter,
) -> Result<(Spool<'a>, Arriving), Stop> {
    let path = scratch.join("source");
    let file = File::create(&path)
        .await
        .map_err(|error| internal("the scratch volume", &error))?;
    let (growth, watched) = watch::channel(Growth::Growing(0));
    let announced = Arc::default();
    let arriving = Arriving::new(path.clone(), watched, Arc::clone(&announced));
    let spool = Spool {
        path,
        file,
        hasher: Hasher::new(),
        bytes: 0,
        replay: None,
        limit: limits.max_source_bytes.min(limits.scratch_bytes),
        meter,
        growth,
        announced,
    };
    Ok((spool, arriving))
}

impl Spool<'_> {
    /// Takes down a length that was announced, if it is within the limits.
    pub fn announce(&self, bytes: u64) -> Result<(), Stop> {
        self.within_limit(bytes)?;
        self.announced.get_or_init(|| bytes);
        Ok(())
    }

    fn within_limit(&self, bytes: u64) -> Result<(), Stop> {
        if bytes > self.limit {
            Err(self.too_long().into())
        } else {
            Ok(())
        }
    }

    /// Takes bytes in; counts them first.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.meter.read(bytes.len() as u64);
        let bytes = self.beyond_replay(bytes)?;
        self.within_limit(self.bytes + bytes.len() as u64)?;
        if bytes.is_empty() {
            return Ok(());
        }
        self.hasher.update(bytes);
        let written = async {
            self.file.write_all(bytes).await?;
            self.file.flush().await
        };
        written.await.map_err(|error| full(&error))?;
        self.bytes += bytes.len() as u64;
        self.growth.send_replace(Growth::Growing(self.bytes));
        Ok(())
    }

    /// Holds what comes again against what is there; answers the rest.
    fn beyond_replay<'b>(&mut self, bytes: &'b [u8]) -> Result<&'b [u8], Stop> {
        let Some(replay) = &mut self.replay else {
            return Ok(bytes);
        };
        let left = usize::try_from(replay.left).unwrap_or(usize::MAX);
        let (again, rest) = bytes.split_at_checked(left).unwrap_or((bytes, &[]));
        replay.hasher.update(again);
        replay.left -= again.len() as u64;
        if replay.left > 0 {
            return Ok(rest);
        }
        let same = replay.hasher.clone().finalize() == self.hasher.clone().finalize();
        self.replay = None;
        if same { Ok(rest) } else { Err(changed()) }
    }

    /// The source comes from its beginning again.
    pub fn restart(&mut self) {
        self.replay = (self.bytes > 0).then(|| Replay {
            hasher: Hasher::new(),
            left: self.bytes,
        });
    }

    /// What has arrived so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it has arrived.
    pub fn finish(&mut self, etag: Option<String>) -> Result<Source, Stop> {
        if self.replay.is_some() {
            return Err(changed());
        }
        if self.bytes == 0 {
            return Err(failed(FailureReason::SourceInvalid, "the source is empty"));
        }
        Ok(Source {
            path: self.path.clone(),
            bytes: self.bytes,
            sha256: Sha256::from_hasher(self.hasher.clone()),
            etag,
        })
    }

    /// Tells the readers how the transfer ended.
    pub fn end(&self, ended: &Result<Source, Stop>) {
        self.growth.send_replace(match ended {
            Ok(source) => Growth::Whole(source.bytes),
            Err(stop) => Growth::Broken(stop.clone()),
        });
    }

    fn too_long(&self) -> Failure {
        Failure::new(
            FailureReason::LimitExceeded,
            format!(
                "the source is larger than {} bytes: shrink it, or raise limits.maxSourceBytes \
                 and the scratch volume",
                self.limit
            ),
        )
    }
}

fn changed() -> Stop {
    failed(
        FailureReason::SourceChanged,
        "the source was another one when it was read again: a new restartToken takes it as it \
         is now",
    )
}

fn full(error: &std::io::Error) -> Stop {
    if error.kind() == std::io::ErrorKind::StorageFull {
        return failed(
            FailureReason::LimitExceeded,
            "the scratch volume is full: raise its size",
        );
    }
    internal("the scratch volume", error)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use vessel_storage::order::SandboxMode;

    pub fn limits(max_source_bytes: u64) -> Limits {
        Limits {
            max_source_bytes,
            max_duration_seconds: 1,
            max_objects: 1,
            memory_bytes: 1,
            scratch_bytes: 1 << 30,
            allowed_cidrs: Vec::new(),
            denied_cidrs: Vec::new(),
            sandbox: SandboxMode::Required,
        }
    }

    fn is_change(result: Result<impl std::fmt::Debug, Stop>) -> bool {
        let Stop::Failed(failure) = result.unwrap_err() else {
            return false;
        };
        failure.reason == FailureReason::SourceChanged
    }

    #[tokio::test]
    async fn bytes_are_counted_while_they_arrive() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let spool = create(folder.path(), &limits(10), &meter).await;
        let (mut spool, _) = spool.unwrap();
        assert!(spool.announce(10).is_ok());
        assert!(spool.announce(11).is_err());
        spool.write(b"0123456789").await.unwrap();
        let error = spool.write(b"x").await.unwrap_err();
        assert!(error.to_string().contains("maxSourceBytes"), "{error}");
    }

    #[tokio::test]
    async fn what_comes_again_is_compared_and_not_written_again() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let spool = create(folder.path(), &limits(10), &meter).await;
        let (mut spool, _) = spool.unwrap();
        spool.write(b"01234").await.unwrap();
        // It breaks again before all of that has come.
        spool.restart();
        spool.write(b"012").await.unwrap();
        assert!(is_change(spool.finish(None)));
        spool.restart();
        spool.write(b"0123").await.unwrap();
        spool.write(b"456789").await.unwrap();
        let source = spool.finish(None).unwrap();
        assert_eq!(source.sha256, Sha256::of(b"0123456789"));
        assert_eq!(std::fs::read(source.path).unwrap(), b"0123456789");
    }

    #[tokio::test]
    async fn other_bytes_at_the_second_reading_are_another_source() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let spool = create(folder.path(), &limits(100), &meter).await;
        let (mut spool, _) = spool.unwrap();
        spool.write(b"01234").await.unwrap();
        spool.restart();
        assert!(is_change(spool.write(b"01x3456").await));
    }

    #[tokio::test]
    async fn nothing_is_no_source() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let spool = create(folder.path(), &limits(10), &meter).await;
        let (mut spool, _) = spool.unwrap();
        assert!(spool.finish(None).is_err());
    }
}
