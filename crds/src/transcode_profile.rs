//! `TranscodeProfile`: what an asset should become.
use crate::encoding::Encoding;
use crate::execution::Execution;
use crate::media_store::AllowedNamespaces;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an asset should become: ladders and packaging, and how its pods run.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "vessel.media",
    version = "v1alpha1",
    kind = "TranscodeProfile",
    doc = "What an asset should become: ladders, packaging, and how its pods run.",
    status = "TranscodeProfileStatus",
    derive = "PartialEq",
    shortname = "tp",
    category = "vessel",
    annotation("vessel.media/schema-version", "1"),
    printcolumn(name = "Ladder", type_ = "string", json_path = ".status.summary", description = "The rungs in words"),
    printcolumn(name = "Default", type_ = "boolean", json_path = ".spec.default"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be a DNS label: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends")
)]
#[serde(rename_all = "camelCase")]
pub struct TranscodeProfileSpec {
    /// What changes bytes: a change here makes assets encode anew (see
    /// `MediaAsset.spec.profileUpdates`).
    pub encoding: Encoding,
    /// How the pods run: a change here re-encodes nothing.
    #[serde(default)]
    pub execution: Execution,
    /// Whether assets that name no profile get this one.
    #[serde(default)]
    pub default: bool,
    /// Which namespaces may use it. Default: all.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
}

/// What is so, as observed. Written by Vessel alone.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TranscodeProfileStatus {
    /// The generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default)]
    pub observed_generation: i64,
    /// The ladder in words: `64/128/192/256k`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}
