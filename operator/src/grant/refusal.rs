//! Why a call is refused, as HTTP.
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use vessel_storage::bucket::{BucketError, ErrorClass};
use vessel_storage::grant::{Refusal, RefusalReason};

/// A call that is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Refused(pub Refusal);

impl Refused {
    pub fn new(reason: RefusalReason, message: impl Into<String>) -> Self {
        Self(Refusal {
            reason,
            message: message.into(),
        })
    }

    pub fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::Unauthenticated, message)
    }

    pub fn not_current(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::NotCurrent, message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::Invalid, message)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(RefusalReason::Unavailable, message)
    }
}

/// The apiserver did not do what it should: the pod tries again.
impl From<kube::Error> for Refused {
    fn from(error: kube::Error) -> Self {
        tracing::warn!(%error, "the apiserver did not answer a grant");
        Self::unavailable("the apiserver does not answer; try again")
    }
}

impl From<BucketError> for Refused {
    fn from(error: BucketError) -> Self {
        if error.class != ErrorClass::Unavailable {
            tracing::warn!(%error, "the bucket did not answer a grant");
        }
        Self::unavailable(format!("the store does not answer: {error}"))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.reason.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self.0)).into_response()
    }
}
