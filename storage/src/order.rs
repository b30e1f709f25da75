//! What a pod is told when it starts: `VESSEL_JOB` and `VESSEL_LIMITS`, both JSON.
use crate::uid::{AssetUid, JobUid};
use serde::{Deserialize, Serialize};
use vessel_crds::encoding::Encoding;

/// Where the kubelet mounts the headers Secret of an `http` source: files `headers` and
/// `hosts`, each absent when the Secret lacks it.
pub const HEADERS_DIR: &str = "/var/run/vessel/headers";
/// Where the projected token is mounted.
pub const TOKEN_FILE: &str = "/var/run/vessel/token/token";
/// Where the scratch volume is mounted.
pub const SCRATCH_DIR: &str = "/scratch";

/// `VESSEL_JOB`: what to encode.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Namespace of the TranscodeJob, for logs.
    pub namespace: String,
    /// Name of the TranscodeJob, for logs.
    pub name: String,
    /// The TranscodeJob.
    #[serde(rename = "jobUID")]
    pub job_uid: JobUid,
    /// The asset.
    #[serde(rename = "assetUID")]
    pub asset_uid: AssetUid,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Name of the profile.
    pub profile_name: String,
    /// What to make.
    pub encoding: Encoding,
    /// Where the source is.
    pub source: OrderedSource,
}

/// Where the source is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind")]
pub enum OrderedSource {
    /// An object of a bucket: the grant endpoint signs a GET of it. Exempt from the checks
    /// of addresses.
    Granted,
    /// A web server.
    #[serde(rename_all = "camelCase")]
    Http {
        /// Its address.
        url: String,
        /// SHA-256 that the bytes must have, 64 hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// ETag that an earlier attempt saw: another one is `SourceChanged`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_etag: Option<String>,
        /// Whether the asset names a headers Secret: then both files must be there.
        headers: HeadersSecret,
        /// Whether plain http is allowed.
        plain_http: PlainHttp,
    },
}

/// Whether an asset names a headers Secret.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum HeadersSecret {
    /// No extra headers are sent.
    None,
    /// The files in [`HEADERS_DIR`] must be there, else `SourceDenied`.
    Mounted,
}

/// Whether plain http is allowed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum PlainHttp {
    /// The store asks for https.
    Refused,
    /// The store allows http.
    Allowed,
}

/// `VESSEL_LIMITS`: what a pod must not exceed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of the source.
    pub max_source_bytes: u64,
    /// Length of the media in seconds.
    pub max_duration_seconds: u64,
    /// Objects of an execution.
    pub max_objects: u32,
    /// Bytes of the container's memory limit.
    pub memory_bytes: u64,
    /// Bytes of the scratch volume.
    pub scratch_bytes: u64,
    /// Private ranges that an http source may open all the same (CIDR).
    #[serde(default)]
    pub allowed_cidrs: Vec<String>,
    /// Further ranges that it must not open: services, pods, nodes (CIDR).
    #[serde(default)]
    pub denied_cidrs: Vec<String>,
    /// What to do on a kernel without Landlock.
    pub sandbox: SandboxMode,
}

/// What to do where the kernel can't build the whole sandbox.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum SandboxMode {
    /// Refuse to run.
    #[default]
    Required,
    /// Run with what there is, and say so in the log.
    BestEffort,
}
