//! What metrics and Events tell of an asset, once, on the write that records it.
use super::Error;
use super::source::Located;
use super::status::{Outcome, became_ready};
use crate::apiserver::write_status;
use crate::caches::Asset;
use crate::context::Context;
use crate::controllers::Leader;
use kube::ResourceExt;
use std::time::Duration;
use vessel_crds::condition::{ConditionStatus, ConditionType, Fact, find};
use vessel_crds::media_asset::{FreedState, MediaAssetStatus};
use vessel_crds::{MediaAsset, Phase};

/// Tells of `outcome` after `status` was written.
pub async fn report(
    asset: &MediaAsset,
    outcome: &Outcome,
    status: &MediaAssetStatus,
    context: &Context,
) {
    let before = asset.status.as_ref();
    let message = status.message.as_deref().unwrap_or_default();
    if let Outcome::Planned { applied, .. } = outcome {
        for job in &applied.created {
            let note = format!(
                "TranscodeJob {} makes the profile {}",
                job.name_any(),
                job.spec.work.profile_name
            );
            context.events.normal(asset, "JobCreated", &note).await;
        }
    }
    if became_ready(before, status) {
        ready_in(asset, status, context);
        let note = status
            .url
            .as_deref()
            .map_or_else(|| message.to_owned(), |url| format!("{message}: {url}"));
        context.events.normal(asset, "Ready", &note).await;
    } else if reason(before) != reason(Some(status)) {
        tell(asset, outcome, status, context).await;
    }
}

/// A change of the reason why an asset is not Ready: only what asks somebody to act.
async fn tell(asset: &MediaAsset, outcome: &Outcome, status: &MediaAssetStatus, context: &Context) {
    let reason = reason(Some(status)).unwrap_or_default();
    let message = status.message.as_deref().unwrap_or_default();
    match outcome {
        Outcome::Unlocated(_, Located::Awaited(..)) => {
            context.events.normal(asset, &reason, message).await;
        }
        Outcome::Expired(freed) if freed.state == FreedState::Freed => {
            context.events.normal(asset, &reason, message).await;
        }
        Outcome::Blocked(_) => context.events.warning(asset, &reason, message).await,
        _ if status.phase == Phase::Failed => context.events.warning(asset, &reason, message).await,
        _ => {}
    }
}

fn reason(status: Option<&MediaAssetStatus>) -> Option<String> {
    let ready = find(&status?.conditions, ConditionType::Ready)?;
    Some(ready.reason.clone())
}

/// From the creation of the asset to the moment in which everything played.
fn ready_in(asset: &MediaAsset, status: &MediaAssetStatus, context: &Context) {
    let first_time = asset
        .status
        .as_ref()
        .is_none_or(|before| before.ready_time.is_none());
    let (Some(created), Some(ready), true) = (
        asset.creation_timestamp(),
        status.ready_time.as_ref(),
        first_time,
    ) else {
        return;
    };
    let took = Duration::try_from(ready.0.duration_since(created.0)).unwrap_or_default();
    for rendition in &status.renditions {
        context.metrics.jobs.asset_ready(&rendition.profile, took);
    }
}

/// Says on an asset that is going why it is still there.
pub async fn leaving(asset: &Asset, why: &str, leader: &Leader) -> Result<(), Error> {
    tracing::info!(name = asset.name_any(), %why, "a finalizer waits");
    let Ok(asset) = &asset.0 else { return Ok(()) };
    let mut status = asset.status.clone().unwrap_or_default();
    let message = format!("is being deleted, but: {why}");
    if status.message.as_ref() == Some(&message) {
        return Ok(());
    }
    let now = leader.context.clock.now_meta();
    let facts = [
        Fact::new(
            ConditionType::Playable,
            ConditionStatus::False,
            "Deleting",
            &message,
        ),
        Fact::new(
            ConditionType::Ready,
            ConditionStatus::False,
            "Deleting",
            &message,
        ),
        Fact::new(
            ConditionType::Reconciling,
            ConditionStatus::True,
            "Deleting",
            &message,
        ),
    ];
    status.observed_generation = asset.metadata.generation.unwrap_or_default();
    status.conditions = Fact::merge(&facts, &status.conditions, status.observed_generation, &now);
    status.message = Some(message);
    write_status(&leader.context.client, asset, &status)
        .await
        .map_err(Error::Status)
}
