//! How a profile's pods run. Nothing here changes bytes, so nothing here is hashed.
use k8s_openapi::api::core::v1::ResourceRequirements;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the pods of a profile run: resources, deadline, retries. A change here re-encodes
/// nothing; it holds for the attempts that start after it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Execution {
    /// CPU and memory of the transcoder container. Default: requests 200m and 256Mi, limit
    /// 1Gi of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,
    /// Seconds after which an attempt is ended as `DeadlineExceeded`.
    #[serde(default = "four_hours")]
    #[schemars(range(min = 60, max = 604_800))]
    pub deadline_seconds: i64,
    /// Failed attempts after which a job gives up.
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 10))]
    pub max_failures: i32,
    /// Attempts that the platform may interrupt (evictions, lost nodes) before a job gives up.
    #[serde(default = "twenty")]
    #[schemars(range(min = 0, max = 100))]
    pub max_disruptions: i32,
}

const fn four_hours() -> i64 {
    14_400
}
const fn three() -> i32 {
    3
}
const fn twenty() -> i32 {
    20
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            resources: None,
            deadline_seconds: four_hours(),
            max_failures: three(),
            max_disruptions: twenty(),
        }
    }
}
