//! Sources that are sent to Vessel: a presigned PUT in a Secret of the asset's namespace, and
//! a look for the object until it is there.
//!
//! Secrets are created and deleted, never read. What was seen first counts: a second PUT
//! meets readers that ask for the first one's ETag.
use super::{Located, SourceStep, asset_uid, fingerprint, replaced};
use crate::apiserver::{self, ApiError};
use crate::asset::build::{children_labels, owner};
use crate::asset::validate::Valid;
use crate::controllers::Leader;
use crate::metrics::UploadResult;
use crate::work::WorkError;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::ResourceExt;
use std::time::Duration;
use vessel_crds::MediaAsset;
use vessel_crds::media_asset::{SourceState, SourceStatus, UploadStatus};
use vessel_crds::source::UploadSource;
use vessel_storage::bucket::ObjectHead;
use vessel_storage::digest::Sha256;

/// Somebody may be about to send the file: look often for so long,
const EAGER_FOR: SignedDuration = SignedDuration::from_secs(600);
/// with so much time between two looks,
const EAGER: SignedDuration = SignedDuration::from_secs(5);
/// and with so much afterwards.
const PATIENT: SignedDuration = SignedDuration::from_secs(30);
/// Most Secrets that are tried before somebody has to clean up.
const NAMES: u32 = 16;
/// Longest part of the asset's name in a child's.
const NAME_BYTES: usize = 40;

/// The step for an upload that is not there yet. A generation that has expired once stays
/// expired: the status keeps its time.
pub(super) fn step<'a>(
    source: &'a UploadSource,
    asked: Option<&UploadStatus>,
    now: Timestamp,
) -> SourceStep<'a> {
    match asked.filter(|asked| asked.generation == source.generation) {
        None => SourceStep::Ask(source),
        Some(asked) if asked.expires_at.0 <= now && asked.secret_uid.is_none() => {
            SourceStep::Expired(asked.clone())
        }
        Some(asked) => SourceStep::Poll(source, asked.clone()),
    }
}

/// When to look for the upload again.
pub fn next_look(asked_at: Timestamp, now: Timestamp) -> Timestamp {
    let pause = if now.duration_since(asked_at) < EAGER_FOR {
        EAGER
    } else {
        PATIENT
    };
    now.saturating_add(pause).unwrap_or(now)
}

/// Name of the `n`th Secret that was tried for an upload.
pub fn secret_name(asset: &str, uid: &str, generation: i64, n: u32) -> String {
    let digest = Sha256::of(format!("{uid}/{generation}/{n}").as_bytes()).to_string();
    let (asset, _) = asset.split_at(asset.floor_char_boundary(NAME_BYTES));
    let digits = digest.get(..8).unwrap_or_default();
    format!("{asset}-upload-{digits}")
}

/// Asks for the upload: signs a URL and puts it into a Secret.
pub(super) async fn ask(
    source: &UploadSource,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
    now: Timestamp,
) -> Result<Located, WorkError> {
    let store = &valid.ready;
    let uid = asset_uid(asset)?;
    let grave = store.prefix.upload_tombstone(uid, source.generation);
    if store.bucket.head(&grave).await?.is_some() {
        return Ok(Located::Removed(format!(
            "the upload of generation {} is being freed: raise spec.source.upload.generation to get another URL",
            source.generation
        )));
    }
    replaced::forget_asked(source, asset, valid, leader, now).await?;
    let key = store.prefix.upload(uid, source.generation);
    let seconds = leader.context.settings.limits.upload_expiry_seconds;
    let signed = store
        .upload
        .presign_upload(&key, Duration::from_secs(seconds))
        .await?;
    let valid = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    let expires = now.saturating_add(valid).unwrap_or(now);
    let expires = Timestamp::from_second(expires.as_second()).unwrap_or(expires);
    let (name, uid) = create_secret(asset, source, &signed.url, expires, leader).await?;
    let status = UploadStatus {
        secret_name: name,
        secret_uid: Some(uid),
        generation: source.generation,
        expires_at: Time(expires),
    };
    Ok(Located::Awaited(status, next_look(now, now)))
}

/// A name that is taken, by whomever, is left alone: the next one is tried.
async fn create_secret(
    asset: &MediaAsset,
    source: &UploadSource,
    url: &str,
    expires: Timestamp,
    leader: &Leader,
) -> Result<(String, String), ApiError> {
    let uid = asset.uid().unwrap_or_default();
    let mut n = 0;
    loop {
        let name = secret_name(&asset.name_any(), &uid, source.generation, n);
        let secret = secret(asset, &name, url, expires);
        match apiserver::create_new(&leader.context.client, &secret).await {
            Ok(Some(created)) => return Ok((name, created.uid().unwrap_or_default())),
            Ok(None) if n < NAMES => n += 1,
            Ok(None) => return Err(ApiError::exists::<Secret>(&name)),
            Err(error) => return Err(error),
        }
    }
}

fn secret(asset: &MediaAsset, name: &str, url: &str, expires: Timestamp) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: asset.namespace(),
            labels: Some(children_labels(asset)),
            owner_references: Some(vec![owner(asset)]),
            ..ObjectMeta::default()
        },
        string_data: Some(
            [
                ("url".to_owned(), url.to_owned()),
                ("expiresAt".to_owned(), expires.to_string()),
            ]
            .into(),
        ),
        ..Secret::default()
    }
}

/// Looks whether the upload is there. Once it is, its Secret goes; so does that of an upload
/// that did not come.
pub(super) async fn poll(
    source: &UploadSource,
    asked: UploadStatus,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
    now: Timestamp,
) -> Result<Located, WorkError> {
    let store = &valid.ready;
    let key = store.prefix.upload(asset_uid(asset)?, source.generation);
    if let Some(head) = store.bucket.head(&key).await? {
        replaced::bury_found(source, asset, valid, leader).await?;
        delete_secret(asset, &asked, leader).await?;
        leader
            .context
            .metrics
            .jobs
            .upload_ended(UploadResult::Received);
        return Ok(Located::Found(found(head, source, asset)));
    }
    if asked.expires_at.0 <= now {
        delete_secret(asset, &asked, leader).await?;
        leader
            .context
            .metrics
            .jobs
            .upload_ended(UploadResult::Expired);
        let expired = UploadStatus {
            secret_uid: None,
            ..asked
        };
        return Ok(Located::Expired(expired));
    }
    let seconds = leader.context.settings.limits.upload_expiry_seconds;
    let valid = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    let asked_at = asked.expires_at.0.saturating_sub(valid).unwrap_or(now);
    let next = next_look(asked_at, now).min(asked.expires_at.0);
    Ok(Located::Awaited(asked, next))
}

/// Deletes the Secret of an upload, by its UID.
pub(super) async fn delete_secret(
    asset: &MediaAsset,
    asked: &UploadStatus,
    leader: &Leader,
) -> Result<(), ApiError> {
    let Some(uid) = &asked.secret_uid else {
        return Ok(());
    };
    let namespace = asset.namespace().unwrap_or_default();
    apiserver::delete::<Secret>(
        &leader.context.client,
        &namespace,
        &asked.secret_name,
        Some(uid.clone()),
    )
    .await
}

fn found(head: ObjectHead, source: &UploadSource, asset: &MediaAsset) -> SourceStatus {
    SourceStatus {
        version: format!("{}-{}", source.generation, head.etag),
        fingerprint: Some(fingerprint(&asset.spec.source, &asset.spec.restart_token)),
        etag: Some(head.etag),
        bytes: i64::try_from(head.bytes).ok(),
        sha256: None,
        generation: Some(source.generation),
        state: SourceState::Present,
    }
}
