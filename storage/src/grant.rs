//! What a pod and the grant endpoint say to each other, as JSON over TLS.
//!
//! Every call carries `Authorization: Bearer {projected token}`; the token is the identity:
//! no message names a job or a prefix. An answer other than 200 is an [`Refusal`].
use crate::content::ContentType;
use crate::digest::Sha256;
use crate::path::ObjectPath;
use crate::uid::PodUid;
use crate::verdict::Stage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// POST, empty object → [`SourceGrant`].
pub const SOURCE_PATH: &str = "/v1/grants/source";
/// POST [`ObjectsRequest`] → [`ObjectsGrant`].
pub const OBJECTS_PATH: &str = "/v1/grants/objects";
/// POST [`CommitRequest`] → [`CommitGrant`].
pub const COMMIT_PATH: &str = "/v1/grants/commit";
/// POST [`Progress`] → 204.
pub const PROGRESS_PATH: &str = "/v1/progress";

/// Most objects in one [`ObjectsRequest`].
pub const MAX_OBJECTS: usize = 64;
/// Largest object that is granted, in bytes: a segment of 10 s at 100 Mbit/s fits.
pub const MAX_OBJECT_BYTES: u64 = 256 << 20;

/// Audience of the projected token of a release.
pub fn audience(release_namespace: &str, release: &str) -> String {
    format!("grant.vessel.media/{release_namespace}/{release}")
}

/// A request that is signed: send exactly these headers with it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedRequest {
    /// GET, HEAD or PUT.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Headers that are part of the signature, by lower-case name; `host` left out.
    pub headers: BTreeMap<String, String>,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// Answer to [`SOURCE_PATH`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceGrant {
    /// GET of the source; carries If-Match. A `range` header may be added: it is not signed.
    pub get: SignedRequest,
    /// Length of the source in bytes.
    pub bytes: u64,
    /// ETag that If-Match asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// Body of [`OBJECTS_PATH`]: 1 to [`MAX_OBJECTS`] objects.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ObjectsRequest {
    /// What is going to be PUT.
    pub objects: Vec<ObjectDeclaration>,
}

/// An object that is going to be PUT.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectDeclaration {
    /// Its path below the execution's folder.
    pub path: ObjectPath,
    /// Its length.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
    /// What it is.
    pub content_type: ContentType,
}

/// Answer to [`OBJECTS_PATH`], in the order of the request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectsGrant {
    /// The execution that the token belongs to.
    #[serde(rename = "podUID")]
    pub pod_uid: PodUid,
    /// One entry an object.
    pub objects: Vec<ObjectGrant>,
}

/// What may be done with an object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ObjectGrant {
    /// PUT with If-None-Match, length, type, cache lifetime and checksum.
    pub put: SignedRequest,
    /// GET, to find out after a 412 whether the object there is ours. Its bytes are hashed:
    /// `x-amz-checksum-mode` can't be part of a presigned request, and is refused outside of it.
    pub get: SignedRequest,
}

/// Body of [`COMMIT_PATH`]: the manifest has been PUT.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitRequest {
    /// Length of the manifest in bytes.
    pub manifest_bytes: u64,
    /// Digest of the manifest.
    #[serde(rename = "manifestSHA256")]
    pub manifest_sha256: Sha256,
}

/// Answer to [`COMMIT_PATH`].
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitGrant {
    /// The execution that the token belongs to.
    #[serde(rename = "podUID")]
    pub pod_uid: PodUid,
    /// PUT of the commit with If-None-Match. 409 → again; 412 → read it.
    pub put: SignedRequest,
    /// The exact body of that PUT (a [`crate::commit::Commit`] as JSON).
    pub body: String,
    /// GET of the commit.
    pub get: SignedRequest,
}

/// Body of [`PROGRESS_PATH`]; information only.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What the pod is at.
    pub stage: Stage,
    /// Percent of the media that is encoded, where the length is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Milliseconds of media that are encoded.
    #[serde(default)]
    pub media_millis: u64,
    /// Media time that is encoded in a wall-clock time, in thousandths: 12,300 for a minute in
    /// 4.9 s. Known while encoding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_permille: Option<u64>,
    /// Seconds until everything is encoded, if it goes on at that speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<u64>,
}

/// Body of every answer other than 200 and 204.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Refusal {
    /// Why, for programs.
    pub reason: RefusalReason,
    /// Why, for people.
    pub message: String,
}

/// Why a grant was refused. The HTTP status goes with it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum RefusalReason {
    /// 401: no token, a bad or an expired one.
    Unauthenticated,
    /// 403: the pod is not that of the current attempt: stop, as Cancelled.
    NotCurrent,
    /// 400: the request is outside of the grammar or the limits.
    Invalid,
    /// 409: the source is not the one that was recorded: `SourceChanged`.
    SourceChanged,
    /// 404: the source is not there: `SourceNotFound`.
    SourceNotFound,
    /// 429: too many calls; try again after a moment.
    RateLimited,
    /// 503: the apiserver or the store does not answer; try again.
    Unavailable,
    /// A word of a newer version.
    #[serde(other)]
    Unknown,
}

impl RefusalReason {
    /// The HTTP status that goes with it.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid | Self::Unknown => 400,
            Self::Unauthenticated => 401,
            Self::NotCurrent => 403,
            Self::SourceNotFound => 404,
            Self::SourceChanged => 409,
            Self::RateLimited => 429,
            Self::Unavailable => 503,
        }
    }
}
