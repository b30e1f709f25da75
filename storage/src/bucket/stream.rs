//! Objects of any length, read as they arrive.
use super::error::{Answer, BucketError};
use super::observe::Op;
use super::{Bucket, ErrorClass};
use crate::key::Key;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, unfold};
use std::ops::Range;
use std::time::Instant;

/// An object whose bytes are on their way.
pub struct Opened {
    /// Length of the whole object in bytes, whatever part of it is read.
    pub length: u64,
    /// ETag, quotes included.
    pub etag: Option<String>,
    /// The bytes; nothing limits how long it waits for the next of them.
    pub body: BoxStream<'static, Result<Bytes, BucketError>>,
}

impl Bucket {
    /// Opens an object, or a range of its bytes (exclusive end, not empty); `None` when it is
    /// not there. Answers when the head of the answer is there.
    pub async fn open(
        &self,
        key: &Key,
        range: Option<Range<u64>>,
    ) -> Result<Option<Opened>, BucketError> {
        let started = Instant::now();
        let last =
            |range: Range<u64>| format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let request = self.client.get_object().bucket(&self.name);
        let request = request.key(key.as_str()).set_range(range.map(last));
        let result = request.send().await;
        self.observe(Op::Get, started, &result);
        match result {
            Ok(output) => opened(key, output).map(Some),
            Err(error) if Answer::of(&error).is_missing_object() => Ok(None),
            Err(error) => Err(BucketError::of(Op::Get, key.as_str(), error)),
        }
    }
}

fn opened(key: &Key, output: GetObjectOutput) -> Result<Opened, BucketError> {
    // `bytes 0-9/1000` (RFC 9110 §14.4): with a range, Content-Length is that of the range.
    let whole = match output.content_range.as_deref() {
        Some(range) => range
            .rsplit_once('/')
            .and_then(|(_, length)| length.parse().ok()),
        None => output
            .content_length
            .and_then(|length| u64::try_from(length).ok()),
    };
    let length = whole.ok_or_else(|| {
        BucketError::other(
            Op::Get,
            key.as_str(),
            "the server's answer carries no length",
        )
    })?;
    Ok(Opened {
        length,
        etag: output.e_tag,
        body: chunks(key.clone(), output.body),
    })
}

fn chunks(key: Key, body: ByteStream) -> BoxStream<'static, Result<Bytes, BucketError>> {
    unfold((key, body), |(key, mut body)| async move {
        let chunk = body.next().await?.map_err(|error| BucketError {
            class: ErrorClass::Unavailable,
            ..BucketError::broken(Op::Get, key.as_str(), "the answer broke off", error)
        });
        Some((chunk, (key, body)))
    })
    .boxed()
}
