//! Sources on web servers. The operator never opens a connection to a user's URL: what tells
//! one version from another is what the asset says of it.
use vessel_crds::media_asset::{SourceState, SourceStatus};
use vessel_crds::source::HttpSource;
use vessel_storage::digest::Sha256;

/// The source's version: its digest if the asset gives it, else a hash of the address.
pub fn version(http: &HttpSource, fingerprint: String) -> SourceStatus {
    let version = http
        .sha256
        .clone()
        .unwrap_or_else(|| Sha256::of(canonical(http).as_bytes()).to_string());
    SourceStatus {
        version,
        fingerprint: Some(fingerprint),
        etag: None,
        bytes: None,
        sha256: http.sha256.clone(),
        generation: None,
        state: SourceState::Present,
    }
}

/// `spec.source.http` as JSON, in the order of its fields and without those that are absent.
pub fn canonical(http: &HttpSource) -> String {
    serde_json::to_string(http).unwrap_or_default()
}
