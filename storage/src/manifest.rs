//! `manifest.json`: everything that an execution made, and how.
use crate::digest::Sha256;
use crate::path::{ObjectPath, Rung};
use crate::pointer::PresentationKind;
use crate::uid::{JobUid, PodUid};
use serde::{Deserialize, Serialize};
use vessel_crds::encoding::Encoding;
use vessel_crds::media::MediaFacts;

/// Version of the format, in `formatVersion`.
pub const FORMAT: u32 = 1;

/// Everything that an execution made, and how. Its digest stands in the commit.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`FORMAT`].
    pub format_version: u32,
    /// The TranscodeJob.
    #[serde(rename = "jobUID")]
    pub job_uid: JobUid,
    /// The execution.
    #[serde(rename = "podUID")]
    pub pod_uid: PodUid,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// What was read.
    pub source: ManifestSource,
    /// Name of the profile.
    pub profile_name: String,
    /// The profile's encoding.
    pub encoding: Encoding,
    /// What the source turned out to be.
    pub media: MediaFacts,
    /// Whether there are moving pictures.
    pub kind: PresentationKind,
    /// HLS master playlist, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hls: Option<ObjectPath>,
    /// DASH manifest, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dash: Option<ObjectPath>,
    /// The rungs, ascending.
    pub rungs: Vec<ManifestRung>,
    /// Every object but this manifest and the verdict, in the order of their upload.
    pub objects: Vec<ManifestObject>,
    /// Which programs made it.
    pub tools: Tools,
    /// Command lines that ran, program first.
    pub commands: Vec<Vec<String>>,
    /// What it cost.
    pub cost: Cost,
}

/// What was read.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestSource {
    /// Length in bytes.
    pub bytes: u64,
    /// Digest of the bytes that were read.
    pub sha256: Sha256,
    /// ETag that the server gave, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// One rung as it came out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestRung {
    /// Its folder.
    pub rung: Rung,
    /// Codec by RFC 6381: `mp4a.40.2`.
    pub codec: String,
    /// What is seen, for a rung of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<ManifestPicture>,
    /// Largest rate over contiguous runs of segments, in bit/s (RFC 8216 §4.3.4.2).
    pub bandwidth: u64,
    /// Average rate in bit/s.
    pub average_bandwidth: u64,
    /// Segments.
    pub segments: u32,
    /// Length in milliseconds.
    pub duration_millis: i64,
}

/// What is seen of a rung.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestPicture {
    /// Width in pixels.
    pub width_pixels: u32,
    /// Height in pixels.
    pub height_pixels: u32,
    /// Pictures in 1000 s: 23976 for 24000/1001 a second.
    pub frame_rate_millihertz: u32,
}

/// One object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestObject {
    /// Its path below the execution's folder.
    pub path: ObjectPath,
    /// Length in bytes.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Sha256,
}

/// Which programs made it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Tools {
    /// Version of Vessel.
    pub vessel: String,
    /// Version of ffmpeg, as it says itself.
    pub ffmpeg: String,
}

/// What an execution cost.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cost {
    /// CPU time of all processes, in milliseconds.
    pub cpu_millis: u64,
    /// Wall-clock time, in milliseconds.
    pub wall_millis: u64,
    /// Largest resident set of any process, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes read from the source.
    pub bytes_read: u64,
    /// Bytes uploaded.
    pub bytes_written: u64,
    /// Requests sent to the bucket.
    pub store_requests: u64,
}
