//! The bucket, seen through presigned requests.
use crate::cost::Meter;
use crate::grant::CONNECT;
use crate::stop::{Stop, chain, failed, internal};
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use reqwest::{Certificate, Client, Method, Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use vessel_crds::reason::FailureReason;
use vessel_storage::grant::SignedRequest;

/// How long a transfer may stand still.
pub const IDLE: Duration = Duration::from_secs(30);
/// How long a request is repeated while the bucket does not answer.
const PATIENCE: Duration = Duration::from_mins(3);

/// The bucket, seen through presigned requests.
#[derive(Clone, Debug)]
pub struct Store {
    http: Client,
    meter: Arc<Meter>,
}

/// How the bucket took a request.
#[derive(Debug)]
pub enum Answer {
    /// 2xx.
    Done(Response),
    /// 412: If-None-Match found an object, or If-Match another one.
    PreconditionFailed,
    /// 404.
    NotFound,
    /// 401 or 403: the signature has expired, or the credentials behind it have no right.
    Denied(String),
}

/// A request without a usable answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Worth another try: no connection, 5xx, 429, 408, and 409 (a conditional write that ran
    /// into another one).
    #[error("{0}")]
    Passing(String),
    /// Any other status.
    #[error("{0}")]
    Final(String),
    /// 507.
    #[error("the bucket has no room left: {0}")]
    Full(String),
    /// It was never sent.
    #[error("the signed request is not one: {0}")]
    Request(String),
}

impl Store {
    /// A client that trusts the system's certificate authorities and those in `ca` (PEM).
    pub fn new(ca: Option<&str>, meter: Arc<Meter>) -> Result<Self, Stop> {
        let builder = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .read_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none());
        let builder = match ca {
            None => builder,
            Some(pem) => builder.tls_certs_merge(
                Certificate::from_pem_bundle(pem.as_bytes())
                    .map_err(|error| internal("VESSEL_STORE_CA does not parse", &error))?,
            ),
        };
        let http = builder
            .build()
            .map_err(|error| internal("no client for the bucket", &error))?;
        Ok(Self { http, meter })
    }

    /// Sends a signed request, again while the bucket does not answer.
    pub async fn send(&self, request: &SignedRequest, body: Bytes) -> Result<Answer, Stop> {
        let attempt = || async { self.once(request, body.clone(), &[]).await };
        attempt
            .retry(patience())
            .when(|error| matches!(error, RequestError::Passing(_)))
            .notify(|error, pause| tracing::warn!(%error, ?pause, "request is sent again"))
            .await
            .map_err(Stop::from)
    }

    /// Sends a signed GET for the bytes from `offset` on; once.
    pub async fn get_from(
        &self,
        request: &SignedRequest,
        offset: u64,
    ) -> Result<Answer, RequestError> {
        let range = [("range", format!("bytes={offset}-"))];
        let extra = if offset == 0 { &range[..0] } else { &range[..] };
        self.once(request, Bytes::new(), extra).await
    }

    async fn once(
        &self,
        request: &SignedRequest,
        body: Bytes,
        extra: &[(&str, String)],
    ) -> Result<Answer, RequestError> {
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|error| RequestError::Request(error.to_string()))?;
        self.meter.requested(body.len() as u64);
        let mut builder = self.http.request(method, &request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        for (name, value) in extra {
            builder = builder.header(*name, value);
        }
        let answer = builder
            .body(body)
            .send()
            .await
            .map_err(|error| RequestError::Passing(chain(&error.without_url())))?;
        sort(answer).await
    }
}

async fn sort(answer: Response) -> Result<Answer, RequestError> {
    let status = answer.status();
    match status {
        _ if status.is_success() => Ok(Answer::Done(answer)),
        StatusCode::PRECONDITION_FAILED => Ok(Answer::PreconditionFailed),
        StatusCode::NOT_FOUND => Ok(Answer::NotFound),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            Ok(Answer::Denied(described(answer).await))
        }
        StatusCode::INSUFFICIENT_STORAGE => Err(RequestError::Full(described(answer).await)),
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            Err(RequestError::Passing(described(answer).await))
        }
        _ if status.is_server_error() => Err(RequestError::Passing(described(answer).await)),
        _ => Err(RequestError::Final(described(answer).await)),
    }
}

/// Status and the beginning of the body: S3 says there what is wrong.
async fn described(answer: Response) -> String {
    let status = answer.status();
    let body = answer.bytes().await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let text: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let beginning: String = text.chars().take(300).collect();
    format!("the bucket answered {status}: {beginning}")
}

/// From 300 ms to ten seconds, for three minutes.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(300))
        .with_max_delay(Duration::from_secs(10))
        .with_total_delay(Some(PATIENCE))
        .without_max_times()
        .with_jitter()
}

impl From<RequestError> for Stop {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Full(_) => crate::stop::Failure::permanent(
                FailureReason::StorageUnavailable,
                format!("{error}; make room or raise its quota, then change restartToken"),
            )
            .into(),
            RequestError::Passing(_) => failed(FailureReason::StorageUnavailable, error),
            RequestError::Final(_) | RequestError::Request(_) => {
                failed(FailureReason::Internal, error)
            }
        }
    }
}
