//! From the settings of a store to a client.
use super::clock::ServerClock;
use super::observe::Observe;
use super::{Bucket, BucketError, Op};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, IdentityCache, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, SharedCredentialsProvider,
};
use aws_sdk_s3::operation::create_bucket::CreateBucketError;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vessel_crds::media_store::Addressing;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one try may take. What is read and written here are small documents and lists.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How long a call may take with its retries.
pub(super) const CALL: Duration = Duration::from_secs(40);
/// Temporary credentials are renewed this long before they end, so that no URL outlives the
/// credentials that signed it.
const CREDENTIALS_BUFFER: Duration = Duration::from_mins(15);

/// Where a bucket is and how it is spoken to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connection {
    /// Name of the bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Address of the server; `None` for AWS itself.
    pub endpoint: Option<String>,
    /// How the bucket is addressed.
    pub addressing: Addressing,
    /// Certificates (PEM) of a private authority.
    pub ca_bundle: Option<String>,
    /// Who we are.
    pub credentials: Credentials,
}

/// Who we are to the server.
#[derive(Clone, Eq, PartialEq)]
pub enum Credentials {
    /// A key pair.
    Static {
        /// `accessKeyId`.
        access_key_id: String,
        /// `secretAccessKey`.
        secret_access_key: String,
        /// `sessionToken` of temporary keys.
        session_token: Option<String>,
    },
    /// What the platform gives to this pod: web identity, instance or container role.
    Workload,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static { access_key_id, .. } => write!(f, "Static({access_key_id})"),
            Self::Workload => f.write_str("Workload"),
        }
    }
}

/// A store whose settings make no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// `caBundle` can't be used.
    #[error("caBundle holds no usable certificates in PEM")]
    CaBundle(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// `caBundle` is no PEM at all.
    #[error(
        "caBundle holds no certificate: paste the PEM text of the authority, with its BEGIN CERTIFICATE line"
    )]
    NoCertificate,
}

impl Bucket {
    /// A client of the bucket. Nothing is sent yet.
    pub async fn connect(
        connection: Connection,
        observer: Arc<dyn Observe>,
    ) -> Result<Self, ConnectError> {
        let clock = ServerClock::default();
        let config = base()
            .region(Region::new(connection.region.clone()))
            .force_path_style(connection.addressing == Addressing::Path)
            .credentials_provider(provider(&connection).await)
            .http_client(http_client(connection.ca_bundle.as_deref())?)
            .interceptor(clock.clone());
        let config = match connection.endpoint {
            Some(endpoint) => config.endpoint_url(endpoint),
            None => config,
        };
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(config.build()),
            name: connection.bucket,
            clock,
            observer,
        })
    }

    /// Makes the bucket; one that is ours already is left as it is.
    pub async fn create_bucket(&self) -> Result<(), BucketError> {
        let started = Instant::now();
        let result = self.client.create_bucket().bucket(&self.name).send().await;
        self.observe(Op::Put, started, &result);
        match result {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(
                    CreateBucketError::BucketAlreadyOwnedByYou(_)
                    | CreateBucketError::BucketAlreadyExists(_),
                ) => Ok(()),
                _ => Err(BucketError::of(Op::Put, &self.name, error)),
            },
        }
    }
}

fn base() -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT)
                .operation_attempt_timeout(ATTEMPT)
                .operation_timeout(CALL)
                .build(),
        )
        .identity_cache(
            IdentityCache::lazy()
                .buffer_time(CREDENTIALS_BUFFER)
                .build(),
        )
}

async fn provider(connection: &Connection) -> SharedCredentialsProvider {
    match &connection.credentials {
        Credentials::Static {
            access_key_id,
            secret_access_key,
            session_token,
        } => SharedCredentialsProvider::new(aws_sdk_s3::config::Credentials::new(
            access_key_id,
            secret_access_key,
            session_token.clone(),
            None,
            "MediaStore",
        )),
        Credentials::Workload => SharedCredentialsProvider::new(
            aws_config::default_provider::credentials::DefaultCredentialsChain::builder()
                .region(Region::new(connection.region.clone()))
                .build()
                .await,
        ),
    }
}

fn http_client(ca_bundle: Option<&str>) -> Result<SharedHttpClient, ConnectError> {
    let trust = match ca_bundle {
        None => TrustStore::default(),
        Some(pem) if pem.contains("BEGIN CERTIFICATE") => {
            TrustStore::default().with_pem_certificate(pem.as_bytes())
        }
        Some(_) => return Err(ConnectError::NoCertificate),
    };
    let tls = TlsContext::builder()
        .with_trust_store(trust)
        .build()
        .map_err(|error| ConnectError::CaBundle(error.into()))?;
    Ok(aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(tls)
        .build_https())
}
