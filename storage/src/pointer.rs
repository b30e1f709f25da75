//! `ptr/{asset}.json` and `names/…`: what plays, and under which name.
use crate::digest::Sha256;
use crate::path::ObjectPath;
use crate::uid::{AssetUid, JobUid, PodUid, StoreUid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vessel_crds::media_asset::Visibility;

/// What plays of an asset: all that the origin knows. Swapped with If-Match; never deleted
/// by a finalizer, only withdrawn.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pointer {
    /// Rises with every write, so that no two versions have equal bytes and no ETag returns.
    pub revision: u64,
    /// `spec.leaseTransitions` of the leader that wrote it, to tell writers apart.
    pub lease_transitions: i64,
    /// Whether anything plays.
    pub state: PointerState,
    /// Who may play it.
    pub visibility: Visibility,
    /// The asset.
    #[serde(rename = "assetUID")]
    pub asset_uid: AssetUid,
    /// The store's identity.
    #[serde(rename = "storeUID")]
    pub store_uid: StoreUid,
    /// Namespace of the asset.
    pub namespace: String,
    /// Name of the asset.
    pub name: String,
    /// Title for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `spec.metadata` of the asset.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Length in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_millis: Option<i64>,
    /// What plays, in the asset's order of profiles.
    pub renditions: Vec<PointedRendition>,
}

/// Whether anything plays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum PointerState {
    /// The renditions play.
    Live,
    /// The asset was deleted or has expired: the origin answers 410.
    Withdrawn,
}

/// One committed rendition.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PointedRendition {
    /// Name of the profile.
    pub profile: String,
    /// The TranscodeJob.
    #[serde(rename = "jobUID")]
    pub job_uid: JobUid,
    /// The committed execution.
    #[serde(rename = "podUID")]
    pub pod_uid: PodUid,
    /// Digest of its manifest.
    #[serde(rename = "manifestSHA256")]
    pub manifest_sha256: Sha256,
    /// HLS master playlist, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hls: Option<ObjectPath>,
    /// DASH manifest, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dash: Option<ObjectPath>,
    /// Whether it has moving pictures.
    pub kind: PresentationKind,
}

/// What a player shows.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum PresentationKind {
    /// Sound alone.
    Audio,
    /// Moving pictures, with or without sound.
    Video,
}

/// Which asset bears a name.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Name {
    /// Rises with every write.
    pub revision: u64,
    /// The asset.
    #[serde(rename = "assetUID")]
    pub asset_uid: AssetUid,
}
