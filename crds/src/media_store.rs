//! `MediaStore`: a bucket that Vessel publishes to.
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bucket that Vessel publishes to. Its `Ready` condition says whether a conditional
/// write, a read, a list and a delete really worked there.
#[derive(Clone, CustomResource, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "vessel.media",
    version = "v1alpha1",
    kind = "MediaStore",
    doc = "A bucket that Vessel publishes to.",
    status = "MediaStoreStatus",
    derive = "PartialEq",
    shortname = "ms",
    category = "vessel",
    annotation("vessel.media/schema-version", "1"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Bucket", type_ = "string", json_path = ".spec.bucket"),
    printcolumn(name = "Size", type_ = "string", json_path = ".status.size", description = "Bytes of everything that is published"),
    printcolumn(name = "Default", type_ = "boolean", json_path = ".spec.default"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Message", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = 1),
    validation = Rule::new("self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must be a DNS label: at most 63 lower-case letters, digits and '-', with a letter or digit at both ends")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.bucket == oldSelf.bucket").message("bucket is immutable: create another MediaStore"))]
#[x_kube(validation = Rule::new("self.prefix == oldSelf.prefix").message("prefix is immutable: create another MediaStore"))]
#[x_kube(validation = Rule::new("has(self.endpoint) == has(oldSelf.endpoint) && (!has(self.endpoint) || self.endpoint == oldSelf.endpoint)").message("endpoint is immutable: create another MediaStore"))]
pub struct MediaStoreSpec {
    /// Name of the bucket. Immutable.
    #[schemars(
        length(min = 3, max = 63),
        regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")
    )]
    pub bucket: String,
    /// What every key begins with, such as `vessel/`; ends with `/` unless it is empty.
    /// Immutable.
    #[serde(default)]
    #[schemars(length(max = 256), regex(pattern = r"^$|^[A-Za-z0-9._/-]*/$"))]
    pub prefix: String,
    /// Region of the bucket.
    #[serde(default = "us_east_1")]
    #[schemars(length(min = 1, max = 64))]
    pub region: String,
    /// Address of the S3 server; absent for AWS itself. Immutable.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 10, max = 512), regex(pattern = r"^https?://"))]
    pub endpoint: Option<String>,
    /// Address that upload URLs for people are signed for, where it differs from the one
    /// that pods use: the host is part of the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 10, max = 512), regex(pattern = r"^https?://"))]
    pub presign_endpoint: Option<String>,
    /// Whether the bucket's name goes into the path (`Path`) or into the host (`VirtualHost`).
    #[serde(default)]
    pub addressing: Addressing,
    /// Secret in the operator's namespace with `accessKeyId`, `secretAccessKey` and, for
    /// temporary keys, `sessionToken`. Absent: the operator's workload identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub credentials_secret_name: Option<String>,
    /// Certificates (PEM) of the authority that signed the endpoint's, if it is a private one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub ca_bundle: Option<String>,
    /// Where viewers reach the origin that serves this store: `https://media.example.com`.
    /// Empty: statuses carry paths without a host.
    #[serde(
        default,
        rename = "publicBaseURL",
        skip_serializing_if = "String::is_empty"
    )]
    #[schemars(length(max = 512), regex(pattern = r"^$|^https?://"))]
    pub public_base_url: String,
    /// Which namespaces may use the store. Default: all.
    #[serde(default)]
    pub allowed_namespaces: AllowedNamespaces,
    /// What the assets of a namespace may read as a source. Default: nothing but uploads
    /// and public https.
    #[serde(default)]
    pub sources: AllowedSources,
    /// How stale storage is freed.
    #[serde(default)]
    pub sweep: Sweep,
    /// Whether assets that name no store get this one.
    #[serde(default)]
    pub default: bool,
    /// UID of the cluster (of its `kube-system` namespace) whose claim on the prefix this
    /// store takes over. Only for moving a store between clusters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 36, max = 36))]
    pub take_over_from: Option<String>,
}

fn us_east_1() -> String {
    "us-east-1".to_owned()
}

/// How a bucket is addressed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Addressing {
    /// `https://endpoint/bucket/key`; every server understands it.
    #[default]
    Path,
    /// `https://bucket.endpoint/key`; AWS asks for it.
    VirtualHost,
}

/// Which namespaces may use something.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.from != 'Selector' || has(self.selector)").message("from: Selector needs a selector"))]
pub struct AllowedNamespaces {
    /// `All`, or `Selector` for those whose labels match.
    #[serde(default)]
    pub from: NamespacesFrom,
    /// Labels of the namespaces, for `from: Selector`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// See [`AllowedNamespaces::from`].
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum NamespacesFrom {
    /// Every namespace.
    #[default]
    All,
    /// Those whose labels match.
    Selector,
}

/// What assets may read as a source.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllowedSources {
    /// Which objects `source.s3` may name. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub s3: Vec<AllowedS3Source>,
    /// Which addresses `source.http` may name.
    #[serde(default)]
    pub http: AllowedHttpSources,
}

/// Objects that assets of some namespaces may read.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllowedS3Source {
    /// The bucket. Default: the store's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 63),
        regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")
    )]
    pub bucket: Option<String>,
    /// What their keys begin with. Never reaches into the store's own prefix.
    #[schemars(length(max = 1024))]
    pub prefix: String,
    /// The namespaces that may read them. Default: all.
    #[serde(default)]
    pub namespaces: AllowedNamespaces,
}

/// Addresses that assets may download from.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AllowedHttpSources {
    /// Whether plain `http` is allowed.
    #[serde(default)]
    pub scheme: HttpScheme,
    /// Private address ranges that may be opened all the same, such as `10.20.0.0/16`.
    #[serde(
        default,
        rename = "allowedCIDRs",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(max = 64), inner(length(max = 64)))]
    pub allowed_cidrs: Vec<String>,
}

/// See [`AllowedHttpSources::scheme`].
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum HttpScheme {
    /// `https` alone.
    #[default]
    HttpsOnly,
    /// `http` too.
    HttpAllowed,
}

/// How stale storage is freed.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sweep {
    /// Seconds between two sweeps.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1, max = 86_400))]
    pub interval_seconds: i64,
    /// Seconds that what was withdrawn can still be played by those who play it already.
    #[serde(default = "one_day")]
    #[schemars(range(min = 0, max = 31_536_000))]
    pub grace_seconds: i64,
    /// Seconds by which clocks may differ.
    #[serde(default = "one_minute")]
    #[schemars(range(min = 0, max = 3600))]
    pub skew_seconds: i64,
    /// `true` deletes nothing and says what it would have deleted.
    #[serde(default)]
    pub dry_run: bool,
    /// Largest share of the store's published objects, in percent, that one sweep may
    /// delete before it halts and raises an alarm.
    #[serde(default = "half")]
    #[schemars(range(min = 1, max = 100))]
    pub max_share_percent: i32,
}

const fn ten_minutes() -> i64 {
    600
}
const fn one_day() -> i64 {
    86_400
}
const fn one_minute() -> i64 {
    60
}
const fn half() -> i32 {
    50
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            interval_seconds: ten_minutes(),
            grace_seconds: one_day(),
            skew_seconds: one_minute(),
            dry_run: false,
            max_share_percent: half(),
        }
    }
}

/// What is so, as observed. Written by Vessel alone.
#[derive(Clone, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MediaStoreStatus {
    /// The generation of the spec that this status speaks of; -1 before the first look.
    #[serde(default)]
    pub observed_generation: i64,
    /// `Ready`, and `Reconciling` or `Stalled`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    #[schemars(length(max = 16))]
    pub conditions: Vec<Condition>,
    /// `storeUID` of the bucket's claim document: stays the same when the MediaStore is
    /// deleted and made again in the same cluster.
    #[serde(rename = "storeUID", skip_serializing_if = "Option::is_none")]
    pub store_uid: Option<String>,
    /// Bytes of everything that is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_bytes: Option<i64>,
    /// `publishedBytes` for people: `12.4 MiB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// What the last sweep found and did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepStatus>,
}

/// What the last sweep found and did.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SweepStatus {
    /// Tombstones that wait for their time.
    pub pending: i64,
    /// When the next of them is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>,
    /// Why the sweep stands still, if it does, or what a dry run would delete.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}
