//! `MediaAsset`: a song or a film that should play.
use crate::media::MediaFacts;
use crate::phase::Phase;
use crate::source::Source;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A song or a film that should play. Vessel encodes its source by the profiles that it
/// names, publishes the result to its store, and keeps this status true.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "vessel.media",
    version = "v1alpha1",
    kind = "MediaAsset",
    doc = "A song or a film that should play, adaptively, everywhere.",
    namespaced,
    status = "MediaAssetStatus",
    derive = "PartialEq",
    shortname = "ma",
    category = "vessel",
    selectable = ".status.phase",
    annotation("vessel.media/schema-version", "1"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase", description = "Pending, Running, Ready or Failed"),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress", description = "How much of the work is done"),
    printcolumn(name = "Profiles", type_ = "string", json_path = ".status.profilesReady", description = "Profiles that play, of those asked for"),
    printcolumn(name = "Duration", type_ = "string", json_path = ".status.duration", description = "Length of the media"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Size", type_ = "string", json_path = ".status.size", priority = 1, description = "Bytes in the store"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url", priority = 1, description = "Where it plays"),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.message", priority = 1, description = "What is going on, or what to change"),
    validation = Rule::new("self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be a DNS label: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.storeName) == has(oldSelf.storeName) && (!has(self.storeName) || self.storeName == oldSelf.storeName)")
    .message("storeName is immutable: create another asset for another store"))]
#[x_kube(validation = Rule::new("self.visibility == oldSelf.visibility")
    .message("visibility is immutable: delete the asset and create it again with the other visibility"))]
#[x_kube(validation = Rule::new("!has(self.retention) || !has(self.retention.source) || self.retention.source != 'DeleteWhenReady' || has(self.source.upload)")
    .message("retention.source: DeleteWhenReady is for uploads alone, Vessel never deletes what it was not sent: remove it, or use source.upload"))]
pub struct MediaAssetSpec {
    /// Title for people, shown on the watch page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub title: Option<String>,
    /// Facts for libraries and search, such as `artist` or `album`. At most 32.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32), transform = bounded_values)]
    pub metadata: BTreeMap<String, String>,
    /// Where the media comes from: exactly one of `upload`, `http` and `s3`.
    pub source: Source,
    /// Names of the TranscodeProfiles that should play. Default: every profile marked
    /// `default` when the asset is first seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub profiles: Vec<String>,
    /// Name of the MediaStore. Default: the store marked `default`. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub store_name: Option<String>,
    /// Who may play it: `Private` (with a signed URL) or `Public` (everybody). Immutable.
    #[serde(default)]
    pub visibility: Visibility,
    /// Higher goes first in the queue of its namespace; equal ones by age.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    /// `true` starts nothing new; what runs, finishes.
    #[serde(default)]
    pub suspend: bool,
    /// What becomes of the storage in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Whether an edited profile re-encodes this asset: `Pinned` (no) or `Follow` (yes).
    #[serde(default)]
    pub profile_updates: ProfileUpdates,
    /// A new value tries a permanent failure again, and reads an http source anew.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub restart_token: String,
    /// What happens to the storage when the asset is deleted: `Delete` or `Retain`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// `additionalProperties` of the metadata map: every value is bounded, so that an asset
/// stays small.
fn bounded_values(schema: &mut schemars::Schema) {
    schema.insert(
        "additionalProperties".to_owned(),
        serde_json::json!({"type": "string", "maxLength": 1024}),
    );
}

/// Who may play an asset.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    Deserialize,
    Eq,
    Hash,
    JsonSchema,
    Ord,
    PartialEq,
    PartialOrd,
    Serialize,
)]
pub enum Visibility {
    /// Whoever holds a signed URL.
    #[default]
    Private,
    /// Everybody.
    Public,
}

/// What becomes of an asset's storage in time. The object itself always stays: an object
/// that GitOps declares is never deleted behind its back.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// What happens to an uploaded source once the asset is Ready. For `upload` alone: what
    /// lies at an `http` or `s3` source is somebody else's and is never deleted.
    #[serde(default)]
    pub source: SourceRetention,
    /// Seconds after a permanent failure at which the storage is freed: what the failed jobs
    /// left, and an uploaded source. The asset stays Failed, and what plays goes on playing.
    /// Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub cleanup_after_failed_seconds: Option<i64>,
    /// Seconds after `status.readyTime` at which the asset stops playing and its storage is
    /// freed, an uploaded source included, whatever `deletionPolicy` says. It is encoded
    /// again once the source, the list of profiles or `restartToken` changes, or once this
    /// is raised or removed. Default: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub expire_after_seconds: Option<i64>,
}

/// What happens to an uploaded source.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum SourceRetention {
    /// It stays as long as the asset.
    #[default]
    Keep,
    /// It is freed once the asset is Ready. A profile that is added later needs another
    /// upload: a higher `source.upload.generation`.
    DeleteWhenReady,
}

/// Whether an edited profile re-encodes an asset.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ProfileUpdates {
    /// The asset keeps what it has; `UpToDate` says that the profile has moved on.
    #[default]
    Pinned,
    /// The asset is encoded anew.
    Follow,
}

/// What happens to the storage when an asset is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// It stops playing at once and its storage is freed after the grace.
    #[default]
    Delete,
    /// It stops playing at once; the objects stay in the bucket.
    Retain,
}

/// What is so, as observed. Written by Vessel alone.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaAssetStatus {
    /// The generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default)]
    pub observed_generation: i64,
    /// Pending, Running, Ready or Failed; derived from the conditions, for people.
    #[serde(default)]
    pub phase: Phase,
    /// `Playable`, `Ready`, `UpToDate`, and `Reconciling` or `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// What is going on, or what to change: the message of the condition that matters most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Store and profiles as they were resolved when the asset was first seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved: Option<Resolved>,
    /// The source as it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceStatus>,
    /// The upload that is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadStatus>,
    /// What the source turned out to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFacts>,
    /// One entry for each profile asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["profile".into()]))]
    #[schemars(length(max = 32))]
    pub renditions: Vec<RenditionStatus>,
    /// Where it plays, one entry for each profile that does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["profile".into()]))]
    #[schemars(length(max = 32))]
    pub playback: Vec<Playback>,
    /// Revision of the pointer document that this status was written after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer_revision: Option<i64>,
    /// SHA-256 of what the pointer document says, without its revision: a settled asset is
    /// told by it without reading the bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer_digest: Option<String>,
    /// Bytes that what plays takes in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<i64>,
    /// Percent of the work that is done, over all profiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<i32>,
    /// `progressPercent` for people: `71%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// Profiles that play, of those asked for: `1/1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles_ready: Option<String>,
    /// Length of the media for people: `3m24s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// `storageBytes` for people: `12.4 MiB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// Where the first profile plays; empty when the store has no public base URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When everything that was asked for first played. Another source, restart token or
    /// list of profiles sets it anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_time: Option<Time>,
    /// SHA-256 of the source, restart token and profiles that `readyTime` belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready_for: Option<String>,
    /// Storage that `spec.retention` has given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freed: Option<Freed>,
}

/// Storage that `spec.retention` has given up.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Freed {
    /// Why.
    pub cause: FreedCause,
    /// How far it is.
    pub state: FreedState,
    /// SHA-256 of the source, restart token and profiles that it belongs to: with others the
    /// asset is encoded again.
    pub work: String,
    /// Since when.
    pub time: Time,
}

/// Why storage was given up.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum FreedCause {
    /// `expireAfterSeconds` have passed since it was Ready.
    Expired,
    /// `cleanupAfterFailedSeconds` have passed since it failed.
    Failed,
    /// Written by a newer version of Vessel.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// How far storage is given up.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum FreedState {
    /// It is decided.
    Freeing,
    /// It is marked; the sweep frees it after the grace.
    Freed,
    /// Written by a newer version of Vessel.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// Defaults as they were resolved, once.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// Name of the MediaStore.
    pub store_name: String,
    /// `storeUID` that the bucket's claim document carries; keys are made with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_uid: Option<String>,
    /// Names of the profiles, used where the spec names none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
}

/// The source as it was found.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceStatus {
    /// What tells this source from another: a hash for http, an ETag or version for s3,
    /// generation and ETag for an upload.
    pub version: String,
    /// SHA-256 of the `spec.source` and `spec.restartToken` that this was found for: another
    /// one asks for another look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// ETag of the object, for `s3` and `upload`: later reads carry it as If-Match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its length in bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<i64>,
    /// SHA-256 of the bytes that were encoded, 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// `spec.source.upload.generation` of an upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Whether the source is still there: `Present`, `Removing` or `Removed`.
    #[serde(default)]
    pub state: SourceState,
}

/// Whether an uploaded source is still there.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum SourceState {
    /// It can be read.
    #[default]
    Present,
    /// It is being freed: no new profile can be made from it.
    Removing,
    /// It is marked, and freed after the grace; no new profile can be made from it.
    Removed,
    /// Written by a newer version of Vessel.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// An upload that is awaited.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadStatus {
    /// Secret in the asset's namespace: `url` takes one HTTP PUT of the file.
    pub secret_name: String,
    /// UID of that Secret: it is deleted by it, and never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_uid: Option<String>,
    /// `spec.source.upload.generation` that the URL belongs to.
    pub generation: i64,
    /// Until when the URL works.
    pub expires_at: Time,
}

/// One profile of an asset.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RenditionStatus {
    /// Name of the profile.
    pub profile: String,
    /// Name of the TranscodeJob that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Source version that it was made from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Where it stands.
    #[serde(default)]
    pub phase: Phase,
}

/// Where a profile plays. URLs are absolute when the store has a public base URL, else
/// paths without a host.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Playback {
    /// Name of the profile.
    pub profile: String,
    /// HLS master playlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls: Option<String>,
    /// DASH manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dash: Option<String>,
    /// Page that plays it in a browser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<String>,
}
