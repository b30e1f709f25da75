//! What a caller learns of the requests, for metrics.
use std::fmt;
use std::time::Duration;

/// The kinds of requests, as metric labels have them.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Op {
    /// An object is read.
    Get,
    /// An object or the bucket is looked at.
    Head,
    /// Keys are listed.
    List,
    /// The bucket is made.
    Put,
    /// An object is created or replaced under a condition.
    PutConditional,
    /// Objects are deleted.
    Delete,
}

impl Op {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Head,
        Self::List,
        Self::Put,
        Self::PutConditional,
        Self::Delete,
    ];

    /// The word as it stands in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "Get",
            Self::Head => "Head",
            Self::List => "List",
            Self::Put => "Put",
            Self::PutConditional => "PutConditional",
            Self::Delete => "Delete",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Code {
    /// 2xx.
    Success,
    /// 3xx.
    Redirection,
    /// 4xx: a missing object or a lost race included.
    ClientError,
    /// 5xx.
    ServerError,
    /// No answer, or one that is no S3.
    Error,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 5] = [
        Self::Success,
        Self::Redirection,
        Self::ClientError,
        Self::ServerError,
        Self::Error,
    ];

    /// The class of an HTTP status.
    pub const fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Error,
        }
    }

    /// The word as it stands in metric labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirection => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::Error => "error",
        }
    }
}

/// Is told of every request.
pub trait Observe: Send + Sync {
    /// A request was answered, or was not, after `elapsed` (retries included).
    fn answered(&self, op: Op, code: Code, elapsed: Duration);
    /// That many bytes were written.
    fn wrote(&self, bytes: u64);
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observe for Unobserved {
    fn answered(&self, _: Op, _: Code, _: Duration) {}
    fn wrote(&self, _: u64) {}
}
