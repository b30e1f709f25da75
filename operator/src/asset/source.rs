//! Where the media comes from, and which version of it. [`step`] is pure; the modules below
//! ask the bucket.
pub mod http;
mod replaced;
pub mod s3;
pub mod upload;

use crate::asset::validate::Valid;
use crate::controllers::Leader;
use crate::work::WorkError;
use jiff::Timestamp;
use kube::ResourceExt;
use vessel_crds::MediaAsset;
use vessel_crds::media_asset::{SourceStatus, UploadStatus};
use vessel_crds::source::{S3Source, Source, UploadSource};
use vessel_storage::digest::Sha256;

/// What has to be done to know the source's version.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceStep<'a> {
    /// Nothing: it is known.
    Known(SourceStatus),
    /// Nothing can be done: it is of a kind that this version does not know.
    Unknown,
    /// Look at an object of a bucket.
    LookAt(&'a S3Source),
    /// Ask for an upload.
    Ask(&'a UploadSource),
    /// Look whether the upload that was asked for is there.
    Poll(&'a UploadSource, UploadStatus),
    /// The upload did not come in time.
    Expired(UploadStatus),
}

/// What is known of the source after the step.
#[derive(Clone, Debug, PartialEq)]
pub enum Located {
    /// It is there.
    Found(SourceStatus),
    /// It is awaited; when to look again.
    Awaited(UploadStatus, Timestamp),
    /// The upload did not come in time.
    Expired(UploadStatus),
    /// There is nothing at its address; when to look again.
    Missing(String, Timestamp),
    /// The store does not allow it.
    Denied(String),
    /// It was given up.
    Removed(String),
}

/// The step for `asset` at `now`.
pub fn step(asset: &MediaAsset, now: Timestamp) -> SourceStep<'_> {
    let source = &asset.spec.source;
    let fingerprint = fingerprint(source, &asset.spec.restart_token);
    let status = asset.status.as_ref();
    let known = status
        .and_then(|status| status.source.clone())
        .filter(|known| known.fingerprint.as_deref() == Some(fingerprint.as_str()));
    if let Some(known) = known {
        return SourceStep::Known(known);
    }
    match (&source.http, &source.s3, &source.upload) {
        (Some(http), _, _) => SourceStep::Known(http::version(http, fingerprint)),
        (_, Some(s3), _) => SourceStep::LookAt(s3),
        (_, _, Some(upload)) => upload::step(
            upload,
            status.and_then(|status| status.upload.as_ref()),
            now,
        ),
        // The schema asks for exactly one of the three: a source of a newer version of it.
        (None, None, None) => SourceStep::Unknown,
    }
}

/// What a recorded version belongs to. An s3 source is looked at again for a new restart
/// token; a new upload takes a new generation; http is never looked at.
pub fn fingerprint(source: &Source, restart_token: &str) -> String {
    let text = match (&source.upload, &source.http, &source.s3) {
        (Some(upload), _, _) => format!("upload/{}", upload.generation),
        (_, Some(http), _) => format!("http/{}", http::canonical(http)),
        (_, _, s3) => format!("s3/{}/{restart_token}", canonical_s3(s3.as_ref())),
    };
    Sha256::of(text.as_bytes()).to_string()
}

fn canonical_s3(s3: Option<&S3Source>) -> String {
    serde_json::to_string(&s3).unwrap_or_default()
}

/// Takes the step.
pub async fn locate(
    step: SourceStep<'_>,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
    now: Timestamp,
) -> Result<Located, WorkError> {
    let store = &valid.ready;
    match step {
        SourceStep::Known(source) => Ok(Located::Found(source)),
        SourceStep::Expired(upload) => Ok(Located::Expired(upload)),
        SourceStep::Unknown => Ok(Located::Denied(
            "spec.source is of a kind that this version of Vessel does not know".to_owned(),
        )),
        SourceStep::LookAt(source) => {
            let namespace = leader
                .caches
                .namespace(&asset.namespace().unwrap_or_default());
            match s3::allowed(&valid.store.spec, source, namespace.as_deref()) {
                Ok(()) => s3::look_at(source, asset, store, now).await,
                Err(denied) => Ok(Located::Denied(denied.to_string())),
            }
        }
        SourceStep::Ask(source) => upload::ask(source, asset, valid, leader, now).await,
        SourceStep::Poll(source, status) => {
            upload::poll(source, status, asset, valid, leader, now).await
        }
    }
}

/// The UID of an asset as the bucket's keys take it.
pub fn asset_uid(
    asset: &MediaAsset,
) -> Result<vessel_storage::uid::AssetUid, vessel_storage::uid::InvalidUid> {
    asset.uid().unwrap_or_default().parse()
}

#[cfg(test)]
mod tests;
