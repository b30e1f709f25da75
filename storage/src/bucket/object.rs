//! Single objects: read, look, create, compare-and-set.
use super::Bucket;
use super::error::{Answer, BucketError};
use super::observe::{Code, Op};
use crate::content::NO_CACHE;
use crate::key::Key;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Instant;

/// Largest document that is read into memory, in bytes. A manifest of 50,000 objects takes
/// about 8 MB.
const DOCUMENT_BYTES: i64 = 32 << 20;

/// An object of this bucket or, for `s3` sources, of another one on the same server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectRef {
    /// Another bucket than the store's own.
    pub bucket: Option<String>,
    /// The key.
    pub key: Key,
    /// A version of the object, in a versioned bucket.
    pub version_id: Option<String>,
}

impl From<&Key> for ObjectRef {
    fn from(key: &Key) -> Self {
        Self {
            bucket: None,
            key: key.clone(),
            version_id: None,
        }
    }
}

/// What was read, with the ETag that a compare-and-set of it needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stored<T> {
    /// The document.
    pub value: T,
    /// Its ETag, quotes included, as S3 takes it back.
    pub etag: String,
}

/// What HEAD tells of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectHead {
    /// ETag, quotes included.
    pub etag: String,
    /// Length.
    pub bytes: u64,
    /// Version, in a versioned bucket.
    pub version_id: Option<String>,
    /// When it was written, by the server's clock.
    pub modified: Option<Timestamp>,
}

/// How a create ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Creation {
    /// It is ours; its ETag.
    Created(String),
    /// Something was there already. After a lost answer that may be our own: read it.
    Exists,
}

/// How a compare-and-set ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Replacement {
    /// It is replaced; its new ETag.
    Replaced(String),
    /// The object has changed, or is gone: read it again. After a lost answer it may be our
    /// own write that changed it.
    Changed,
}

impl Bucket {
    /// Reads a JSON document; `None` when it is not there.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        key: &Key,
    ) -> Result<Option<Stored<T>>, BucketError> {
        let Some(Stored { value, etag }) = self.get_bytes(key).await? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&value).map_err(|error| {
            let message = format!("the document does not parse: {error}");
            BucketError::broken(Op::Get, key.as_str(), message, error)
        })?;
        Ok(Some(Stored { value, etag }))
    }

    /// Reads a small object; `None` when it is not there.
    pub async fn get_bytes(&self, key: &Key) -> Result<Option<Stored<Vec<u8>>>, BucketError> {
        let started = Instant::now();
        let request = self.client.get_object().bucket(&self.name);
        let result = request.key(key.as_str()).send().await;
        self.observe(Op::Get, started, &result);
        let output = match result {
            Ok(output) => output,
            Err(error) if Answer::of(&error).is_missing_object() => return Ok(None),
            Err(error) => return Err(BucketError::of(Op::Get, key.as_str(), error)),
        };
        let length = output.content_length.unwrap_or_default();
        if length > DOCUMENT_BYTES {
            let message = format!("{length} bytes are too many for a document");
            return Err(BucketError::other(Op::Get, key.as_str(), message));
        }
        let etag = etag(Op::Get, key.as_str(), output.e_tag)?;
        let body = output.body.collect().await.map_err(|error| BucketError {
            class: super::ErrorClass::Unavailable,
            ..BucketError::broken(Op::Get, key.as_str(), "the answer broke off", error)
        })?;
        Ok(Some(Stored {
            value: body.to_vec(),
            etag,
        }))
    }

    /// Looks at an object; `None` when it is not there.
    pub async fn head(
        &self,
        object: impl Into<ObjectRef>,
    ) -> Result<Option<ObjectHead>, BucketError> {
        let object = object.into();
        let started = Instant::now();
        let result = self
            .client
            .head_object()
            .bucket(self.bucket_of(&object))
            .key(object.key.as_str())
            .set_version_id(object.version_id.clone())
            .send()
            .await;
        self.observe(Op::Head, started, &result);
        match result {
            Ok(output) => Ok(Some(ObjectHead {
                etag: etag(Op::Head, object.key.as_str(), output.e_tag)?,
                bytes: u64::try_from(output.content_length.unwrap_or_default()).unwrap_or(0),
                version_id: output.version_id,
                modified: output
                    .last_modified
                    .and_then(|date| Timestamp::from_second(date.secs()).ok()),
            })),
            Err(error) if Answer::of(&error).status == Some(404) => Ok(None),
            Err(error) => Err(BucketError::of(Op::Head, object.key.as_str(), error)),
        }
    }

    /// Creates a JSON document if there is none (`If-None-Match: *`).
    pub async fn create_json<T: Serialize + Sync>(
        &self,
        key: &Key,
        value: &T,
    ) -> Result<Creation, BucketError> {
        self.create(key, json(key, value)?).await
    }

    /// Creates a small object if there is none (`If-None-Match: *`).
    pub async fn create(&self, key: &Key, body: Vec<u8>) -> Result<Creation, BucketError> {
        match self.put(key, body, Condition::Absent).await? {
            Some(etag) => Ok(Creation::Created(etag)),
            None => Ok(Creation::Exists),
        }
    }

    /// Replaces a JSON document if it is still the one with that ETag (`If-Match`).
    pub async fn replace_json<T: Serialize + Sync>(
        &self,
        key: &Key,
        value: &T,
        etag: &str,
    ) -> Result<Replacement, BucketError> {
        self.replace(key, json(key, value)?, etag).await
    }

    /// Replaces a small object if it is still the one with that ETag (`If-Match`).
    pub async fn replace(
        &self,
        key: &Key,
        body: Vec<u8>,
        etag: &str,
    ) -> Result<Replacement, BucketError> {
        match self.put(key, body, Condition::Matches(etag)).await? {
            Some(etag) => Ok(Replacement::Replaced(etag)),
            None => Ok(Replacement::Changed),
        }
    }

    /// Creates an object from a file, whatever its length up to 5 GiB.
    pub async fn create_from_file(
        &self,
        key: &Key,
        path: &std::path::Path,
        content_type: &str,
    ) -> Result<Creation, BucketError> {
        let body = ByteStream::from_path(path).await.map_err(|error| {
            let message = format!("{} can't be read: {error}", path.display());
            BucketError::broken(Op::PutConditional, key.as_str(), message, error)
        })?;
        let request = self
            .client
            .put_object()
            .content_type(content_type)
            .if_none_match("*")
            .body(body);
        let put = self.send_put(key, request).await?;
        Ok(put.map_or(Creation::Exists, Creation::Created))
    }

    /// The server's time, from the answer to a HEAD of the bucket.
    pub async fn server_time(&self) -> Result<Timestamp, BucketError> {
        let started = Instant::now();
        let result = self.client.head_bucket().bucket(&self.name).send().await;
        self.observe(Op::Head, started, &result);
        result.map_err(|error| BucketError::of(Op::Head, &self.name, error))?;
        self.clock.last().ok_or_else(|| {
            BucketError::other(Op::Head, &self.name, "the server's answers carry no Date")
        })
    }

    async fn put(
        &self,
        key: &Key,
        body: Vec<u8>,
        condition: Condition<'_>,
    ) -> Result<Option<String>, BucketError> {
        let length = body.len() as u64;
        let request = self
            .client
            .put_object()
            .content_type("application/json")
            .cache_control(NO_CACHE)
            .body(body.into());
        let request = match condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Matches(etag) => request.if_match(etag),
        };
        let put = self.send_put(key, request).await?;
        if put.is_some() {
            self.observer.wrote(length);
        }
        Ok(put)
    }

    async fn send_put(
        &self,
        key: &Key,
        request: aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder,
    ) -> Result<Option<String>, BucketError> {
        let op = Op::PutConditional;
        let started = Instant::now();
        let request = request.bucket(&self.name).key(key.as_str());
        let result = request.send().await;
        self.observe(op, started, &result);
        match result {
            Ok(output) => etag(op, key.as_str(), output.e_tag).map(Some),
            // A compare-and-set of an object that is gone: 404 by S3's rules.
            Err(error) => {
                let answer = Answer::of(&error);
                if answer.is_failed_condition() || answer.is_missing_object() {
                    Ok(None)
                } else {
                    Err(BucketError::of(op, key.as_str(), error))
                }
            }
        }
    }

    pub(super) fn bucket_of<'a>(&'a self, object: &'a ObjectRef) -> &'a str {
        object.bucket.as_deref().unwrap_or(&self.name)
    }

    pub(super) fn observe<T, E: ProvideErrorMetadata>(
        &self,
        op: Op,
        started: Instant,
        result: &Result<T, SdkError<E, HttpResponse>>,
    ) {
        let code = match result {
            Ok(_) => Code::Success,
            Err(error) => Answer::of(error).code(),
        };
        self.observer.answered(op, code, started.elapsed());
    }
}

enum Condition<'a> {
    Absent,
    Matches(&'a str),
}

fn etag(op: Op, key: &str, etag: Option<String>) -> Result<String, BucketError> {
    etag.ok_or_else(|| BucketError::other(op, key, "the server's answer carries no ETag"))
}

fn json<T: Serialize>(key: &Key, value: &T) -> Result<Vec<u8>, BucketError> {
    serde_json::to_vec(value).map_err(|error| {
        let message = format!("the document can't be written as JSON: {error}");
        BucketError::broken(Op::PutConditional, key.as_str(), message, error)
    })
}
