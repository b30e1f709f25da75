//! Whether a bucket keeps what is deleted.
use super::Bucket;
use super::observe::Op;
use aws_sdk_s3::types::BucketVersioningStatus;
use std::time::Instant;

/// What a bucket does with an object that is deleted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Versioning {
    /// It is gone; or the server does not tell, or not to us.
    #[default]
    Off,
    /// It stays as an older version, and is paid for.
    KeepsDeleted,
}

impl Bucket {
    /// Whether the bucket keeps what is deleted. Servers without versions and credentials
    /// without `s3:GetBucketVersioning` refuse the question, which is no error: nothing
    /// depends on the answer.
    pub async fn versioning(&self) -> Versioning {
        let started = Instant::now();
        let request = self.client.get_bucket_versioning().bucket(&self.name);
        let result = request.send().await;
        if result.is_ok() {
            self.observe(Op::Head, started, &result);
        }
        let status = result.ok().and_then(|answer| answer.status);
        match status {
            Some(BucketVersioningStatus::Enabled) => Versioning::KeepsDeleted,
            _ => Versioning::Off,
        }
    }
}
