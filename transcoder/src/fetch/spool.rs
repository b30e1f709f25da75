//! The file in scratch, with its limits and its digest.
use super::Source;
use crate::cost::Meter;
use crate::stop::{Failure, Stop, failed, internal};
use sha2::{Digest, Sha256 as Hasher};
use std::path::{Path, PathBuf};
use tokio::fs::File;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
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
    limit: u64,
    meter: &'a Meter,
}

impl<'a> Spool<'a> {
    /// An empty file under a fixed name.
    pub async fn create(scratch: &Path, limits: &Limits, meter: &'a Meter) -> Result<Self, Stop> {
        let path = scratch.join("source");
        let file = File::create(&path)
            .await
            .map_err(|error| internal("the scratch volume", &error))?;
        Ok(Self {
            path,
            file,
            hasher: Hasher::new(),
            bytes: 0,
            limit: limits.max_source_bytes.min(limits.scratch_bytes),
            meter,
        })
    }

    /// Whether a length that was announced is within the limits.
    pub fn announce(&self, bytes: u64) -> Result<(), Stop> {
        if bytes > self.limit {
            Err(self.too_long().into())
        } else {
            Ok(())
        }
    }

    /// Takes bytes in; counts them first.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        self.meter.read(bytes.len() as u64);
        self.announce(self.bytes + bytes.len() as u64)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .await
            .map_err(|error| full(&error))
    }

    /// Forgets what has arrived.
    pub async fn restart(&mut self) -> Result<(), Stop> {
        let reset = async {
            self.file.set_len(0).await?;
            self.file.rewind().await
        };
        reset.await.map_err(|error: std::io::Error| full(&error))?;
        self.hasher = Hasher::new();
        self.bytes = 0;
        Ok(())
    }

    /// What has arrived so far.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// All of it has arrived.
    pub async fn finish(mut self, etag: Option<String>) -> Result<Source, Stop> {
        self.file.flush().await.map_err(|error| full(&error))?;
        if self.bytes == 0 {
            return Err(failed(FailureReason::SourceInvalid, "the source is empty"));
        }
        Ok(Source {
            path: self.path,
            bytes: self.bytes,
            sha256: Sha256::from_hasher(self.hasher),
            etag,
        })
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
mod tests {
    use super::*;
    use vessel_storage::order::SandboxMode;

    fn limits(max_source_bytes: u64) -> Limits {
        Limits {
            max_source_bytes,
            max_duration_seconds: 1,
            max_objects: 1,
            memory_bytes: 1,
            scratch_bytes: 100,
            allowed_cidrs: Vec::new(),
            denied_cidrs: Vec::new(),
            sandbox: SandboxMode::Required,
        }
    }

    #[tokio::test]
    async fn bytes_are_counted_while_they_arrive() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let mut spool = Spool::create(folder.path(), &limits(10), &meter)
            .await
            .unwrap();
        assert!(spool.announce(10).is_ok());
        assert!(spool.announce(11).is_err());
        spool.write(b"0123456789").await.unwrap();
        let error = spool.write(b"x").await.unwrap_err();
        assert!(error.to_string().contains("maxSourceBytes"), "{error}");
    }

    #[tokio::test]
    async fn a_restart_forgets_everything() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let mut spool = Spool::create(folder.path(), &limits(100), &meter)
            .await
            .unwrap();
        spool.write(b"wrong and longer").await.unwrap();
        spool.restart().await.unwrap();
        spool.write(b"right").await.unwrap();
        let source = spool.finish(None).await.unwrap();
        assert_eq!(source.sha256, Sha256::of(b"right"));
        assert_eq!(std::fs::read(source.path).unwrap(), b"right");
    }

    #[tokio::test]
    async fn nothing_is_no_source() {
        let (folder, meter) = (tempfile::tempdir().unwrap(), Meter::start());
        let spool = Spool::create(folder.path(), &limits(10), &meter)
            .await
            .unwrap();
        assert!(spool.finish(None).await.is_err());
    }
}
