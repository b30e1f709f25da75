//! Where the media comes from.
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the media comes from: exactly one of `upload`, `http` and `s3`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.upload), has(self.http), has(self.s3)].filter(x, x).size() == 1")
    .message("source takes exactly one of upload, http and s3: add the one you mean and remove the others"))]
pub struct Source {
    /// The file is sent by a person or a program with one HTTP PUT. Vessel answers with a
    /// Secret (`status.upload.secretName`) whose key `url` takes a bare `curl -T file URL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<UploadSource>,
    /// The file is downloaded from a web server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpSource>,
    /// The file lies in the store's bucket, or in another that the store may read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3Source>,
}

/// A file that is sent to Vessel.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.generation >= oldSelf.generation")
    .message("upload.generation only rises: a higher number asks for a new upload"))]
pub struct UploadSource {
    /// What the file is called, for people; it plays no part in how the file is read.
    #[schemars(length(min = 1, max = 255))]
    pub filename: String,
    /// A higher number asks for a new upload that replaces the last one.
    #[serde(default = "first_generation")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub generation: i64,
}

const fn first_generation() -> i64 {
    1
}

/// A file on a web server.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpSource {
    /// Address of the file. `https` unless the store allows `http`. Addresses inside the
    /// cluster and other private ranges are refused unless the store allows them.
    #[schemars(length(min = 10, max = 2048), regex(pattern = r"^https?://[^\s/]+.*$"))]
    pub url: String,
    /// A Secret in the asset's namespace with the keys `headers` (lines `Name: value`) and
    /// `hosts` (one host name a line: the only ones to which the headers are sent).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub headers_secret_name: Option<String>,
    /// SHA-256 of the file, 64 hexadecimal digits. Checked before anything is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 64, max = 64), regex(pattern = r"^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
}

/// A file in an S3 bucket.
// A server that keeps objects as files would follow `..` out of what a namespace may read.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.key.split('/').all(part, part != '' && part != '.' && part != '..')")
    .message("s3.key must not begin or end with '/', nor have the parts '', '.' or '..': name the object by its plain key"))]
pub struct S3Source {
    /// Key of the object. The store's `spec.sources` says which keys a namespace may read.
    #[schemars(length(min = 1, max = 1024))]
    pub key: String,
    /// Bucket of the object. Default: the store's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 3, max = 63),
        regex(pattern = r"^[a-z0-9][a-z0-9.-]*[a-z0-9]$")
    )]
    pub bucket: Option<String>,
    /// A version of the object in a versioned bucket. Default: the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub version_id: Option<String>,
}
