//! Uploads that a higher `spec.source.upload.generation` has replaced. The generation only
//! rises, so what is marked here is never asked for again.
use super::asset_uid;
use super::upload::delete_secret;
use crate::asset::dropped::{Owner, bury};
use crate::asset::validate::Valid;
use crate::controllers::Leader;
use crate::work::WorkError;
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use vessel_crds::MediaAsset;
use vessel_crds::source::UploadSource;
use vessel_storage::tombstone::{Cause, Target};

/// Gives up an upload that was asked for and has not come: its URL still works for a while.
pub(super) async fn forget_asked(
    source: &UploadSource,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
    now: Timestamp,
) -> Result<(), WorkError> {
    let asked = asset
        .status
        .as_ref()
        .and_then(|status| status.upload.as_ref());
    let Some(asked) = asked.filter(|asked| asked.generation < source.generation) else {
        return Ok(());
    };
    let writable_for = asked.expires_at.0.duration_since(now);
    let writable_for = writable_for.max(SignedDuration::ZERO);
    mark(asked.generation, writable_for, asset, valid, leader).await?;
    Ok(delete_secret(asset, asked, leader).await?)
}

/// Gives up the upload before the one that has just been found.
pub(super) async fn bury_found(
    source: &UploadSource,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
) -> Result<(), WorkError> {
    let before = asset
        .status
        .as_ref()
        .and_then(|status| status.source.as_ref());
    let before = before.and_then(|before| before.generation);
    match before.filter(|before| *before < source.generation) {
        Some(before) => mark(before, SignedDuration::ZERO, asset, valid, leader).await,
        None => Ok(()),
    }
}

async fn mark(
    generation: i64,
    writable_for: SignedDuration,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
) -> Result<(), WorkError> {
    let asset_uid = asset_uid(asset)?;
    let owner = Owner {
        namespace: &asset.namespace().unwrap_or_default(),
        name: &asset.name_any(),
        cause: Cause::Superseded,
        writable_for,
    };
    let target = Target::Upload {
        asset: asset_uid,
        generation,
    };
    bury([target], owner, &valid.store, &valid.ready, leader).await
}
