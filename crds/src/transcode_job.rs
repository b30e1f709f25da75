//! `TranscodeJob`: one (asset, profile), encoded once.
use crate::encoding::Encoding;
use crate::execution::Execution;
use crate::media::MediaFacts;
use crate::media_asset::Visibility;
use crate::phase::Phase;
use crate::reason::FailureReason;
use crate::source::Source;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One (asset, profile), encoded once. Written by the operator; what it works on never
/// changes, so that it can be run again at any time with the same result.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "vessel.media",
    version = "v1alpha1",
    kind = "TranscodeJob",
    doc = "One asset and profile, encoded once. Written by the operator, owned by its MediaAsset.",
    namespaced,
    status = "TranscodeJobStatus",
    derive = "PartialEq",
    shortname = "tj",
    category = "vessel",
    selectable = ".status.phase",
    annotation("vessel.media/schema-version", "1"),
    printcolumn(
        name = "Phase",
        type_ = "string",
        json_path = ".status.phase",
        description = "Pending, Running, Ready or Failed"
    ),
    printcolumn(name = "Asset", type_ = "string", json_path = ".spec.work.assetName"),
    printcolumn(
        name = "Profile",
        type_ = "string",
        json_path = ".spec.work.profileName"
    ),
    printcolumn(
        name = "Attempts",
        type_ = "integer",
        json_path = ".status.attemptsStarted",
        description = "Attempts that were started"
    ),
    printcolumn(name = "Progress", type_ = "string", json_path = ".status.progress"),
    printcolumn(
        name = "Duration",
        type_ = "string",
        json_path = ".status.duration",
        description = "How long the work took"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.message",
        priority = 1,
        description = "What is going on, or what to change"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct TranscodeJobSpec {
    /// What is encoded, from what, by what. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("spec.work is immutable: it is what the job's identity was made from"))]
    pub work: Work,
    /// When it runs; follows the asset.
    #[serde(default)]
    pub scheduling: Scheduling,
    /// How its pods run; follows the profile while the job is unfinished.
    #[serde(default)]
    pub execution: Execution,
}

/// What is encoded, from what, by what: a snapshot.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// Name of the MediaAsset.
    #[schemars(length(min = 1, max = 63))]
    pub asset_name: String,
    /// UID of the MediaAsset.
    #[schemars(length(min = 36, max = 36))]
    pub asset_uid: String,
    /// Identity of the work, 64 hexadecimal digits: a hash of asset UID, source version,
    /// store, encoding and restart token.
    #[schemars(length(min = 64, max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub key: String,
    /// Name of the profile.
    #[schemars(length(min = 1, max = 63))]
    pub profile_name: String,
    /// The profile's encoding as it was.
    pub encoding: Encoding,
    /// The asset's source as it was.
    pub source: Source,
    /// Version of the source: see `MediaAsset.status.source.version`.
    #[schemars(length(min = 1, max = 1100))]
    pub source_version: String,
    /// ETag that reads of an `s3` or `upload` source must find.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub source_etag: Option<String>,
    /// Length of the source in bytes, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_bytes: Option<i64>,
    /// Name of the MediaStore.
    #[schemars(length(min = 1, max = 63))]
    pub store_name: String,
    /// UID of the store, as the bucket's claim document has it.
    #[schemars(length(min = 36, max = 36))]
    pub store_uid: String,
    /// Which tree of the bucket it is published in.
    pub visibility: Visibility,
    /// The asset's restart token as it was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 64))]
    pub restart_token: String,
}

/// When a job runs.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scheduling {
    /// Higher goes first in the queue of its namespace.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    /// `true` starts nothing new.
    #[serde(default)]
    pub suspend: bool,
}

/// What is so, as observed. Written by Vessel alone.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TranscodeJobStatus {
    /// The generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default)]
    pub observed_generation: i64,
    /// Pending, Running, Ready or Failed; derived from the conditions, for people.
    #[serde(default)]
    pub phase: Phase,
    /// `Admitted` and `Succeeded`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// What is going on, or what to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The last attempts, oldest first; at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["number".into()]))]
    #[schemars(length(max = 10))]
    pub attempts: Vec<Attempt>,
    /// Attempts that were started.
    #[serde(default)]
    pub attempts_started: i32,
    /// Attempts that count as failures.
    #[serde(default)]
    pub failures: i32,
    /// Attempts that the platform interrupted.
    #[serde(default)]
    pub disruptions: i32,
    /// The next attempt does not start before this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
    /// Memory limit of the next attempt in bytes, after the last one ran out of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit_bytes: Option<i64>,
    /// When the job last joined the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_time: Option<Time>,
    /// When the first attempt started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When the job succeeded or failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,
    /// Percent of the work that is done, in steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<i32>,
    /// `progressPercent` for people: `71%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<String>,
    /// What the pod was at when it last told: Fetch, Probe, Encode, Upload, Verify or Commit.
    /// Absent while no pod works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub stage: Option<String>,
    /// Media time that was encoded in a wall-clock time, in thousandths; told while it encodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed_permille: Option<i64>,
    /// `speedPermille` for people: `12.3x`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<String>,
    /// Seconds from then until everything is encoded, at that speed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining_seconds: Option<i64>,
    /// `remainingSeconds` for people: `2m10s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<String>,
    /// How long the work took, for people: `12s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// What was committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// What the source turned out to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFacts>,
    /// Why the last attempt, or the job, failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// One attempt: one batch Job with one pod.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its number, from 1.
    pub number: i32,
    /// Name of the batch Job.
    pub job: String,
    /// When its batch Job was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When its outcome was recorded. From then on its pod is granted nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<Time>,
    /// How it ended; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<AttemptOutcome>,
    /// Why it did not succeed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<FailureReason>,
    /// What ffmpeg, the pod or the platform said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Who interrupted it, for `Disrupted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disrupted_by: Option<Disruptor>,
    /// ETag that it found at an `http` source: a later attempt that finds another one is
    /// `SourceChanged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub source_etag: Option<String>,
}

/// Who interrupted an attempt.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum Disruptor {
    /// The kubelet of its node, for want of memory or disk: twice running counts as a failure.
    Kubelet,
    /// The scheduler, an eviction, or the loss of its node.
    Platform,
    /// Written by a newer version of Vessel.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum AttemptOutcome {
    /// It committed, or another attempt of the same job had.
    Succeeded,
    /// It failed.
    Failed,
    /// The platform interrupted it.
    Disrupted,
    /// It was called off.
    Cancelled,
    /// Written by a newer version of Vessel.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What was committed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Folder of the execution in the bucket, with the store's prefix.
    pub prefix: String,
    /// Key of the manifest.
    pub manifest_key: String,
    /// SHA-256 of the manifest, 64 hexadecimal digits.
    pub manifest_sha256: String,
    /// UID of the pod whose execution was committed.
    pub pod_uid: String,
    /// Bytes of all objects.
    pub bytes: i64,
    /// Number of objects.
    pub objects: i64,
    /// Path of the HLS master playlist below `prefix`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls: Option<String>,
    /// Path of the DASH manifest below `prefix`, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dash: Option<String>,
    /// SHA-256 of the source that was encoded, 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_sha256: Option<String>,
    /// Whether its storage was given up: superseded, expired or lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tombstoned: Option<bool>,
}

/// Why a job failed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// One word of the vocabulary.
    pub reason: FailureReason,
    /// What happened and what to change.
    pub message: String,
    /// Whether the job has given up.
    pub permanent: bool,
}
