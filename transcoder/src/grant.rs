//! The client of the operator's grant endpoint: presigned URLs for exactly this execution.
use crate::settings::GrantEndpoint;
use crate::stop::{Stop, chain, failed, internal};
use backon::{ExponentialBuilder, Retryable};
use reqwest::{Certificate, Client, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;
use vessel_crds::reason::FailureReason;
use vessel_storage::grant::{
    COMMIT_PATH, CommitGrant, CommitRequest, OBJECTS_PATH, ObjectDeclaration, ObjectGrant,
    ObjectsGrant, ObjectsRequest, PROGRESS_PATH, Progress, Refusal, RefusalReason, SOURCE_PATH,
    SourceGrant,
};

/// How long a connection may take.
pub const CONNECT: Duration = Duration::from_secs(10);
/// How long a call may take.
const CALL: Duration = Duration::from_secs(30);
/// How long a call is repeated: an operator that is being replaced is back by then.
const PATIENCE: Duration = Duration::from_mins(5);

/// The client of the grant endpoint.
#[derive(Clone, Debug)]
pub struct GrantClient {
    http: Client,
    endpoint: GrantEndpoint,
}

/// How a call failed.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("the token {0} can't be read: {1}")]
    Token(String, std::io::Error),
    #[error("the operator's grant endpoint does not answer: {0}")]
    Connection(String),
    #[error("the operator refused {path}: {}", refusal.message)]
    Refused {
        path: &'static str,
        refusal: Refusal,
    },
    #[error("the operator's grant endpoint answered {0} with something else than a grant: {1}")]
    Answer(StatusCode, String),
}

impl GrantClient {
    /// A client that trusts the endpoint's own certificate authority alone.
    pub fn new(endpoint: GrantEndpoint) -> Result<Self, Stop> {
        let builder = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .redirect(reqwest::redirect::Policy::none());
        let builder = match &endpoint.ca {
            None => builder,
            Some(pem) => builder.tls_certs_only(
                Certificate::from_pem_bundle(pem.as_bytes())
                    .map_err(|error| internal("VESSEL_GRANT_CA does not parse", &error))?,
            ),
        };
        let http = builder
            .build()
            .map_err(|error| internal("no client for the grant endpoint", &error))?;
        Ok(Self { http, endpoint })
    }

    /// A GET of the source.
    pub async fn source(&self) -> Result<SourceGrant, Stop> {
        self.call(SOURCE_PATH, &serde_json::json!({})).await
    }

    /// A PUT and a GET for each of 1 to [`vessel_storage::grant::MAX_OBJECTS`] objects.
    pub async fn objects(
        &self,
        objects: Vec<ObjectDeclaration>,
    ) -> Result<(ObjectsGrant, Vec<ObjectDeclaration>), Stop> {
        let request = ObjectsRequest { objects };
        let grant: ObjectsGrant = self.call(OBJECTS_PATH, &request).await?;
        if grant.objects.len() == request.objects.len() {
            Ok((grant, request.objects))
        } else {
            let (asked, got) = (request.objects.len(), grant.objects.len());
            Err(failed(
                FailureReason::Internal,
                format!("the operator granted {got} objects where {asked} were asked for"),
            ))
        }
    }

    /// A PUT and a GET for one object.
    pub async fn object(&self, object: ObjectDeclaration) -> Result<ObjectGrant, Stop> {
        let (grant, _) = self.objects(vec![object]).await?;
        let granted = grant.objects.into_iter().next();
        granted.ok_or_else(|| failed(FailureReason::Internal, "the operator granted nothing"))
    }

    /// The PUT that commits.
    pub async fn commit(&self, request: &CommitRequest) -> Result<CommitGrant, Stop> {
        self.call(COMMIT_PATH, request).await
    }

    /// Says how far the work is. `Err` only when the job was called off: all else about
    /// progress is information, and its loss harms nothing.
    pub async fn progress(&self, progress: &Progress) -> Result<(), Stop> {
        match self.send(PROGRESS_PATH, progress).await {
            Ok(_) => Ok(()),
            Err(error) if error.means_cancelled() => Err(error.into()),
            Err(error) => {
                tracing::debug!(%error, "progress was not taken");
                Ok(())
            }
        }
    }

    async fn call<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &'static str,
        body: &B,
    ) -> Result<T, Stop> {
        let attempt = || async move {
            let answer = self.send(path, body).await?;
            let status = answer.status();
            let bytes = answer.bytes().await.map_err(CallError::connection)?;
            serde_json::from_slice(&bytes)
                .map_err(|error| CallError::Answer(status, error.to_string()))
        };
        attempt
            .retry(patience())
            .when(CallError::passes)
            .notify(|error, pause| tracing::warn!(%error, ?pause, "grant is asked for again"))
            .await
            .map_err(Stop::from)
    }

    async fn send<B: Serialize>(
        &self,
        path: &'static str,
        body: &B,
    ) -> Result<reqwest::Response, CallError> {
        let file = &self.endpoint.token_file;
        let token = tokio::fs::read_to_string(file)
            .await
            .map_err(|error| CallError::Token(file.display().to_string(), error))?;
        let mut url = self.endpoint.url.clone();
        url.set_path(path);
        let answer = self
            .http
            .post(url)
            .bearer_auth(token.trim())
            .json(body)
            .send()
            .await
            .map_err(CallError::connection)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(CallError::connection)?;
        Err(match serde_json::from_slice(&bytes) {
            Ok(refusal) => CallError::Refused { path, refusal },
            Err(_) => CallError::Answer(status, String::from_utf8_lossy(&bytes).into_owned()),
        })
    }
}

/// From half a second to fifteen, for five minutes.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(15))
        .with_total_delay(Some(PATIENCE))
        .without_max_times()
        .with_jitter()
}

impl CallError {
    fn connection(error: reqwest::Error) -> Self {
        Self::Connection(chain(&error.without_url()))
    }

    /// Whether the same call can succeed later. A token that has just expired is renewed by
    /// the kubelet, so that `Unauthenticated` passes too.
    fn passes(&self) -> bool {
        match self {
            Self::Token(..) | Self::Connection(_) => true,
            Self::Refused { refusal, .. } => matches!(
                refusal.reason,
                RefusalReason::RateLimited
                    | RefusalReason::Unavailable
                    | RefusalReason::Unauthenticated
            ),
            Self::Answer(status, _) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
        }
    }

    fn means_cancelled(&self) -> bool {
        matches!(self, Self::Refused { refusal, .. } if refusal.reason == RefusalReason::NotCurrent)
    }
}

impl From<CallError> for Stop {
    fn from(error: CallError) -> Self {
        let reason = match &error {
            CallError::Refused { refusal, .. } => match refusal.reason {
                RefusalReason::NotCurrent => return Self::Cancelled(refusal.message.clone()),
                RefusalReason::SourceChanged => FailureReason::SourceChanged,
                RefusalReason::SourceNotFound => FailureReason::SourceNotFound,
                RefusalReason::Unavailable => FailureReason::StorageUnavailable,
                _ => FailureReason::Internal,
            },
            _ => FailureReason::Internal,
        };
        failed(reason, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: RefusalReason) -> CallError {
        let refusal = Refusal {
            reason,
            message: "so".to_owned(),
        };
        CallError::Refused {
            path: OBJECTS_PATH,
            refusal,
        }
    }

    #[test]
    fn what_passes_is_tried_again() {
        let cases = [
            (RefusalReason::RateLimited, true),
            (RefusalReason::Unavailable, true),
            (RefusalReason::Unauthenticated, true),
            (RefusalReason::NotCurrent, false),
            (RefusalReason::Invalid, false),
            (RefusalReason::SourceChanged, false),
            (RefusalReason::SourceNotFound, false),
            (RefusalReason::Unknown, false),
        ];
        for (reason, passes) in cases {
            assert_eq!(refused(reason).passes(), passes, "{reason:?}");
        }
        assert!(CallError::Answer(StatusCode::BAD_GATEWAY, String::new()).passes());
        assert!(!CallError::Answer(StatusCode::OK, String::new()).passes());
    }

    #[test]
    fn a_refusal_ends_in_the_words_of_the_api() {
        let reason = |reason| match Stop::from(refused(reason)) {
            Stop::Failed(failure) => Some(failure.reason),
            Stop::Cancelled(_) | Stop::Superseded(_) => None,
        };
        assert_eq!(reason(RefusalReason::NotCurrent), None);
        assert_eq!(
            reason(RefusalReason::SourceChanged),
            Some(FailureReason::SourceChanged)
        );
        assert_eq!(
            reason(RefusalReason::Unavailable),
            Some(FailureReason::StorageUnavailable)
        );
        assert_eq!(
            reason(RefusalReason::Invalid),
            Some(FailureReason::Internal)
        );
    }
}
