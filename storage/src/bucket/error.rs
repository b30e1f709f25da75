//! Why a request failed, sorted by what to do about it.
use super::observe::{Code, Op};
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use std::error::Error;

/// What follows from a failed request.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorClass {
    /// No answer, or one that says to come again: tried again later.
    Unavailable,
    /// The credentials are wrong, or may not do this: somebody has to mend them.
    Denied,
    /// The bucket is not there.
    NotFound,
    /// Anything else: a server that speaks another dialect, a document that does not parse.
    Other,
}

/// A request that failed. A missing object or a lost race is no error but an answer.
#[derive(Debug, thiserror::Error)]
#[error("{op} {target}: {message}")]
pub struct BucketError {
    /// What follows.
    pub class: ErrorClass,
    /// What was asked.
    pub op: Op,
    /// The key, or the bucket.
    pub target: String,
    /// The server's word for it, and its sentence.
    pub message: String,
    /// Where it came from.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// What an S3 server answered, as far as it answered.
pub(super) struct Answer {
    pub status: Option<u16>,
    pub word: Option<String>,
}

impl Answer {
    pub fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        Self {
            status: error.raw_response().map(|r| r.status().as_u16()),
            word: error.code().map(ToOwned::to_owned),
        }
    }

    pub fn code(&self) -> Code {
        self.status.map_or(Code::Error, Code::of)
    }

    /// Whether the object is missing, as opposed to its bucket.
    pub fn is_missing_object(&self) -> bool {
        self.status == Some(404) && self.word.as_deref() != Some("NoSuchBucket")
    }

    /// Whether a condition of the request did not hold.
    pub fn is_failed_condition(&self) -> bool {
        self.status == Some(412)
    }

    fn class(&self) -> ErrorClass {
        let word = self.word.as_deref().unwrap_or_default();
        match (self.status, word) {
            (_, "RequestTimeTooSkewed" | "SlowDown" | "ConditionalRequestConflict") => {
                ErrorClass::Unavailable
            }
            (_, "NoSuchBucket") => ErrorClass::NotFound,
            (Some(401 | 403), _)
            | (
                _,
                "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "InvalidToken" | "ExpiredToken",
            ) => ErrorClass::Denied,
            (Some(404), _) => ErrorClass::NotFound,
            (None | Some(408 | 409 | 429 | 500..=599), _) => ErrorClass::Unavailable,
            _ => ErrorClass::Other,
        }
    }
}

impl BucketError {
    pub(super) fn of<E>(op: Op, target: &str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let answer = Answer::of(&error);
        Self {
            class: class_of(&error, &answer),
            op,
            target: target.to_owned(),
            message: sentence(&error, &answer),
            source: Some(Box::new(error)),
        }
    }

    pub(super) fn other(op: Op, target: &str, message: impl Into<String>) -> Self {
        Self {
            class: ErrorClass::Other,
            op,
            target: target.to_owned(),
            message: message.into(),
            source: None,
        }
    }

    pub(super) fn broken(
        op: Op,
        target: &str,
        message: impl Into<String>,
        source: impl Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..Self::other(op, target, message)
        }
    }
}

/// A request that could not even be built (no credentials to be had, a bad endpoint) is not
/// the server's fault; nor will it heal by asking again.
fn class_of<E>(error: &SdkError<E, HttpResponse>, answer: &Answer) -> ErrorClass {
    match error {
        SdkError::ConstructionFailure(_) => ErrorClass::Denied,
        _ => answer.class(),
    }
}

fn sentence<E>(error: &SdkError<E, HttpResponse>, answer: &Answer) -> String
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match (answer.status, &answer.word) {
        (Some(status), Some(word)) => match error.message() {
            Some(message) => format!("{status} {word}: {message}"),
            None => format!("{status} {word}"),
        },
        (Some(status), None) => format!("the server answered {status}"),
        (None, _) => DisplayErrorContext(error).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_sorted_by_what_to_do_about_it() {
        let cases = [
            (Some(403), "AccessDenied", ErrorClass::Denied),
            (Some(403), "SignatureDoesNotMatch", ErrorClass::Denied),
            (Some(400), "ExpiredToken", ErrorClass::Denied),
            (Some(403), "RequestTimeTooSkewed", ErrorClass::Unavailable),
            (Some(404), "NoSuchBucket", ErrorClass::NotFound),
            (
                Some(409),
                "ConditionalRequestConflict",
                ErrorClass::Unavailable,
            ),
            (Some(500), "InternalError", ErrorClass::Unavailable),
            (Some(503), "SlowDown", ErrorClass::Unavailable),
            (Some(501), "NotImplemented", ErrorClass::Unavailable),
            (Some(400), "InvalidArgument", ErrorClass::Other),
            (None, "", ErrorClass::Unavailable),
        ];
        for (status, word, class) in cases {
            let answer = Answer {
                status,
                word: Some(word.to_owned()),
            };
            assert_eq!(answer.class(), class, "{status:?} {word}");
        }
    }
}
