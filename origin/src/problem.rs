//! Answers that are no content: what is wrong, and what to do about it.
use crate::caching::Caching;
use crate::upstream::Fault;
use axum::response::{IntoResponse, Response};
use headers::{ContentLength, HeaderMapExt};
use http::header::{CACHE_CONTROL, CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};

/// Why a request gets no content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Problem {
    /// Nothing has this address.
    NotFound,
    /// The asset was deleted or has expired.
    Gone,
    /// The asset is private.
    Private,
    /// The range lies outside of an object of so many bytes.
    OutOfRange(u64),
    /// Neither GET nor HEAD.
    Method,
    /// The store does not answer.
    Unavailable,
    /// Too much is asked for at once.
    Busy,
    /// The store refuses the origin, or holds something damaged.
    Upstream,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Missing => Self::NotFound,
            Fault::Unavailable(_) => Self::Unavailable,
            Fault::Crowded => Self::Busy,
            Fault::Refused(_) | Fault::Damaged(_) => Self::Upstream,
        }
    }
}

impl Problem {
    /// The status that says it.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Gone => StatusCode::GONE,
            Self::Private => StatusCode::UNAUTHORIZED,
            Self::OutOfRange(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Unavailable | Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream => StatusCode::BAD_GATEWAY,
        }
    }

    /// How long it may be kept.
    pub const fn caching(&self) -> Caching {
        match self {
            Self::NotFound => Caching::Missing,
            Self::Gone => Caching::Gone,
            _ => Caching::Never,
        }
    }

    /// A sentence for people. Details of the store stay in the log.
    pub const fn sentence(&self) -> &'static str {
        match self {
            Self::NotFound => {
                "Nothing plays at this address. Check namespace, name and profile; \
                 an asset that is still being made appears here once it is Ready."
            }
            Self::Gone => "This recording was withdrawn.",
            Self::Private => {
                "This recording is private. This version of Vessel serves public assets alone: \
                 set spec.visibility: Public on a new asset to play it without a signed URL."
            }
            Self::OutOfRange(_) => "The range lies outside of this object.",
            Self::Method => "Only GET, HEAD and OPTIONS work here.",
            Self::Unavailable => "The store does not answer at the moment. Try again in a second.",
            Self::Busy => "Too much is asked for at the moment. Try again in a second.",
            Self::Upstream => {
                "The store's answer can't be used. The origin's log says why; \
                 trying again will not help until somebody has looked."
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = format!("{}\n", self.sentence());
        let length = ContentLength(body.len() as u64);
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.typed_insert(length);
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        decorate(&self, headers);
        response
    }
}

/// The headers that a problem has in whatever form it is told.
pub fn decorate(problem: &Problem, headers: &mut http::HeaderMap) {
    headers.insert(CACHE_CONTROL, problem.caching().header());
    match problem {
        Problem::OutOfRange(length) => {
            if let Ok(value) = HeaderValue::try_from(format!("bytes */{length}")) {
                headers.insert(CONTENT_RANGE, value);
            }
        }
        // RFC 9110 §15.5.2: a 401 names a scheme.
        Problem::Private => {
            headers.insert(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Vessel-Playback-Token"),
            );
        }
        Problem::Unavailable | Problem::Busy => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
}
