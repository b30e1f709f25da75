//! What a pod is made from.
use crate::settings::TranscoderConfig;
use bytesize::ByteSize;
use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;
use std::str::FromStr;
use vessel_crds::execution::Execution;
use vessel_crds::transcode_job::Work;
use vessel_storage::order::{Limits, PlainHttp};
use vessel_storage::uid::{AssetUid, JobUid};

/// CPU that a pod requests by default.
const CPU_REQUEST: &str = "200m";
/// Memory that a pod requests by default.
const MEMORY_REQUEST: &str = "256Mi";
/// Memory that a pod gets by default, in bytes: 1 GiB.
const MEMORY_LIMIT_BYTES: i64 = 1 << 30;

/// One attempt of a job.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// Namespace of the TranscodeJob.
    pub namespace: &'a str,
    /// Name of the TranscodeJob.
    pub name: &'a str,
    /// The TranscodeJob.
    pub job_uid: JobUid,
    /// The asset.
    pub asset_uid: AssetUid,
    /// Its number, from 1.
    pub number: i32,
    /// What is encoded.
    pub work: &'a Work,
    /// How the pod runs.
    pub execution: &'a Execution,
    /// Memory limit in bytes, after an attempt ran out of it.
    pub memory_limit_bytes: Option<i64>,
    /// Whether the store allows plain http sources.
    pub plain_http: PlainHttp,
    /// ETag that an earlier attempt found at the source.
    pub expected_etag: Option<&'a str>,
}

/// What every pod is told, whatever its job.
#[derive(Clone, Debug)]
pub struct PodSettings {
    /// How pods look, from the settings.
    pub transcoder: TranscoderConfig,
    /// Audience of the pod's token.
    pub audience: String,
    /// Where the grant endpoint is.
    pub grant_url: String,
    /// Who signed its certificate, in PEM.
    pub grant_ca: String,
    /// Who signed the store's certificate, in PEM, if it is a private authority.
    pub store_ca: Option<String>,
    /// What the pod must not exceed; its memory is filled in for each attempt.
    pub limits: Limits,
}

impl Attempt<'_> {
    /// The resources of the container, and its memory limit in bytes.
    pub fn resources(&self) -> (ResourceRequirements, i64) {
        let mut resources = self.execution.resources.clone().unwrap_or_default();
        let requests = resources.requests.get_or_insert_default();
        default_to(requests, "cpu", CPU_REQUEST.to_owned());
        default_to(requests, "memory", MEMORY_REQUEST.to_owned());
        let bytes = self
            .memory_limit_bytes
            .unwrap_or_else(|| memory_limit(self.execution));
        let limits = resources.limits.get_or_insert_default();
        if self.memory_limit_bytes.is_some() {
            limits.insert("memory".to_owned(), Quantity(bytes.to_string()));
        } else {
            default_to(limits, "memory", bytes.to_string());
        }
        (resources, bytes)
    }
}

/// Memory limit of a profile's pods in bytes. One that is no number of bytes is taken for
/// the default; the apiserver will have something to say about it.
pub fn memory_limit(execution: &Execution) -> i64 {
    execution
        .resources
        .as_ref()
        .and_then(|resources| resources.limits.as_ref()?.get("memory"))
        .and_then(|quantity| ByteSize::from_str(&quantity.0).ok())
        .and_then(|size| i64::try_from(size.as_u64()).ok())
        .unwrap_or(MEMORY_LIMIT_BYTES)
}

fn default_to(resources: &mut BTreeMap<String, Quantity>, name: &str, value: String) {
    resources
        .entry(name.to_owned())
        .or_insert_with(|| Quantity(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_limit_is_read_as_kubernetes_writes_it() {
        for (text, bytes) in [
            ("1Gi", 1 << 30),
            ("1536Mi", 1536 << 20),
            ("2G", 2_000_000_000),
            ("1073741824", 1 << 30),
            ("a lot", 1 << 30),
        ] {
            let execution = Execution {
                resources: Some(ResourceRequirements {
                    limits: Some([("memory".to_owned(), Quantity(text.to_owned()))].into()),
                    ..ResourceRequirements::default()
                }),
                ..Execution::default()
            };
            assert_eq!(memory_limit(&execution), bytes, "{text}");
        }
        assert_eq!(memory_limit(&Execution::default()), 1 << 30);
    }
}
