//! URLs that do one thing for a while. What the signature covers can't be changed by whoever
//! holds the URL.
use super::Bucket;
use super::error::BucketError;
use super::object::ObjectRef;
use super::observe::Op;
use crate::content::ContentType;
use crate::digest::Sha256;
use crate::grant::SignedRequest;
use crate::key::Key;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// What exactly may be PUT.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PutTerms {
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// What it is.
    pub content_type: ContentType,
    /// Its `Cache-Control`.
    pub cache_control: &'static str,
}

impl Bucket {
    /// GET of an object. With `if_match` the server refuses another version of it.
    pub async fn presign_get(
        &self,
        object: &ObjectRef,
        if_match: Option<&str>,
        ttl: Duration,
    ) -> Result<SignedRequest, BucketError> {
        let signed = self
            .client
            .get_object()
            .bucket(self.bucket_of(object))
            .key(object.key.as_str())
            .set_version_id(object.version_id.clone())
            .set_if_match(if_match.map(ToOwned::to_owned))
            .presigned(config(&object.key, Op::Get, ttl)?)
            .await
            .map_err(|error| BucketError::of(Op::Get, object.key.as_str(), error))?;
        Ok(request(&signed, ttl))
    }

    /// PUT of exactly these bytes, if nothing is there.
    pub async fn presign_put(
        &self,
        key: &Key,
        terms: &PutTerms,
        ttl: Duration,
    ) -> Result<SignedRequest, BucketError> {
        let signed = self
            .client
            .put_object()
            .bucket(self.name())
            .key(key.as_str())
            .if_none_match("*")
            .content_length(i64::try_from(terms.bytes).unwrap_or(i64::MAX))
            .content_type(terms.content_type.as_str())
            .cache_control(terms.cache_control)
            .checksum_sha256(terms.sha256.base64())
            .presigned(config(key, Op::PutConditional, ttl)?)
            .await
            .map_err(|error| BucketError::of(Op::PutConditional, key.as_str(), error))?;
        Ok(request(&signed, ttl))
    }

    /// PUT of anything: signs the host alone, so that a bare `curl -T` works.
    pub async fn presign_upload(
        &self,
        key: &Key,
        ttl: Duration,
    ) -> Result<SignedRequest, BucketError> {
        let signed = self
            .client
            .put_object()
            .bucket(self.name())
            .key(key.as_str())
            .presigned(config(key, Op::Put, ttl)?)
            .await
            .map_err(|error| BucketError::of(Op::Put, key.as_str(), error))?;
        Ok(request(&signed, ttl))
    }
}

fn config(key: &Key, op: Op, ttl: Duration) -> Result<PresigningConfig, BucketError> {
    PresigningConfig::expires_in(ttl)
        .map_err(|error| BucketError::broken(op, key.as_str(), error.to_string(), error))
}

fn request(signed: &PresignedRequest, ttl: Duration) -> SignedRequest {
    let headers: BTreeMap<String, String> = signed
        .headers()
        .filter(|(name, _)| !name.eq_ignore_ascii_case("host"))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let ttl = SignedDuration::try_from(ttl).unwrap_or(SignedDuration::ZERO);
    SignedRequest {
        method: signed.method().to_owned(),
        url: signed.uri().to_owned(),
        headers,
        expires_at: Timestamp::now()
            .saturating_add(ttl)
            .unwrap_or(Timestamp::MAX),
    }
}
