//! `put-sample`: one file into a bucket, once.
use clap::Args;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use vessel_crds::media_store::Addressing;
use vessel_storage::bucket::{
    Bucket, BucketError, ConnectError, Connection, Creation, Credentials, ErrorClass, Unobserved,
};
use vessel_storage::key::Key;

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(2);

/// Puts one file into a bucket, unless its key is there already.
#[derive(Args, Clone, Debug)]
pub struct PutSample {
    /// Address of the S3 server.
    #[arg(long)]
    pub endpoint: String,
    /// Name of the bucket.
    #[arg(long)]
    pub bucket: String,
    /// Key of the object.
    #[arg(long)]
    pub key: String,
    /// The file.
    #[arg(long)]
    pub file: PathBuf,
    /// Region of the bucket.
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// Content type of the object.
    #[arg(long, default_value = "application/octet-stream")]
    pub content_type: String,
    /// Seconds to wait for the server and the bucket.
    #[arg(long, default_value_t = 600)]
    pub wait_seconds: u64,
    /// Access key.
    #[arg(long, env = "VESSEL_STORE_ACCESS_KEY_ID", hide_env_values = true)]
    pub access_key_id: String,
    /// Secret key.
    #[arg(long, env = "VESSEL_STORE_SECRET_ACCESS_KEY", hide_env_values = true)]
    pub secret_access_key: String,
}

/// A file that could not be put.
#[derive(Debug, thiserror::Error)]
pub enum PutSampleError {
    /// The settings make no client.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server refused, or did not answer in time.
    #[error("{0}")]
    Bucket(#[from] BucketError),
}

/// Puts the file, waiting until the server answers and the bucket is there.
pub async fn run(arguments: PutSample) -> Result<(), PutSampleError> {
    let connection = Connection {
        bucket: arguments.bucket,
        region: arguments.region,
        endpoint: Some(arguments.endpoint),
        addressing: Addressing::Path,
        ca_bundle: None,
        credentials: Credentials::Static {
            access_key_id: arguments.access_key_id,
            secret_access_key: arguments.secret_access_key,
            session_token: None,
        },
    };
    let bucket = Bucket::connect(connection, Arc::new(Unobserved)).await?;
    let key = Key::foreign(arguments.key);
    let deadline = Instant::now() + Duration::from_secs(arguments.wait_seconds);
    loop {
        let put = bucket.create_from_file(&key, &arguments.file, &arguments.content_type);
        match put.await {
            Ok(Creation::Created(_)) => tracing::info!(%key, "put"),
            Ok(Creation::Exists) => tracing::info!(%key, "was there already"),
            Err(error) if waits_for(&error) && Instant::now() < deadline => {
                tracing::info!(%error, "waiting for the store");
                sleep(AGAIN).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        return Ok(());
    }
}

/// The server comes up, and the operator makes the bucket.
fn waits_for(error: &BucketError) -> bool {
    matches!(error.class, ErrorClass::Unavailable | ErrorClass::NotFound)
}
