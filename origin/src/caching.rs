//! How long an answer may be kept, and by whom.
use http::HeaderValue;

/// How long an answer may be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Caching {
    /// Never changes: kept as long as the setting says.
    Immutable(MaxAge),
    /// Asked for by name: may change at any publication.
    Stable,
    /// Not there now; it may be in a moment.
    Missing,
    /// Withdrawn.
    Gone,
    /// An answer about this moment, or to this viewer alone.
    Never,
}

/// Seconds that caches may keep segments for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MaxAge(pub u32);

impl Caching {
    /// The value of `Cache-Control` (RFC 9111 §5.2, RFC 5861, RFC 8246).
    pub fn header(self) -> HeaderValue {
        match self {
            Self::Immutable(MaxAge(seconds)) => {
                HeaderValue::try_from(format!("public, max-age={seconds}, immutable"))
                    .unwrap_or(HeaderValue::from_static("public, immutable"))
            }
            Self::Stable => HeaderValue::from_static("max-age=5, stale-while-revalidate=30"),
            Self::Missing => HeaderValue::from_static("max-age=1"),
            Self::Gone => HeaderValue::from_static("max-age=60"),
            Self::Never => HeaderValue::from_static("no-store"),
        }
    }
}
