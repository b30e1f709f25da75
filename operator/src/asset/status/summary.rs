//! What people read of an asset: progress, length, size, addresses.
use crate::asset::plan::{Plan, is_committed};
use crate::human;
use kube::ResourceExt;
use std::sync::Arc;
use vessel_crds::media_asset::{MediaAssetStatus, Playback};
use vessel_crds::{MediaAsset, MediaStoreSpec, TranscodeJob};

/// Percent of the work that is done, over all profiles.
pub(super) fn progress(plan: &Plan) -> i32 {
    let of = |job: Option<&TranscodeJob>| match job {
        Some(job) if is_committed(job) => 100,
        Some(job) => job
            .status
            .as_ref()
            .and_then(|status| status.progress_percent)
            .unwrap_or_default()
            .clamp(0, 99),
        None => 0,
    };
    let sum: i32 = plan
        .wanted
        .iter()
        .map(|wanted| of(wanted.job.as_deref()))
        .sum();
    let count = i32::try_from(plan.wanted.len()).unwrap_or(i32::MAX).max(1);
    sum / count
}

/// Where it plays and how much it takes.
pub(super) fn playing(
    status: &mut MediaAssetStatus,
    asset: &MediaAsset,
    store: &MediaStoreSpec,
    play: &[Arc<TranscodeJob>],
) {
    let output = |job: &TranscodeJob| job.status.as_ref().and_then(|status| status.output.clone());
    status.storage_bytes = Some(
        play.iter()
            .filter_map(|job| output(job))
            .map(|output| output.bytes)
            .sum(),
    );
    status.playback = play.iter().map(|job| playback(asset, store, job)).collect();
    let first = status.playback.first();
    status.url = first
        .and_then(|playback| playback.hls.clone().or_else(|| playback.dash.clone()))
        .filter(|_| !store.public_base_url.is_empty());
}

fn playback(asset: &MediaAsset, store: &MediaStoreSpec, job: &TranscodeJob) -> Playback {
    let base = store.public_base_url.trim_end_matches('/');
    let asset_path = format!(
        "{}/{}",
        asset.namespace().unwrap_or_default(),
        asset.name_any()
    );
    let profile = &job.spec.work.profile_name;
    let output = job
        .status
        .as_ref()
        .and_then(|status| status.output.as_ref());
    let file =
        |path: Option<&String>| path.map(|path| format!("{base}/v1/{asset_path}/{profile}/{path}"));
    Playback {
        profile: profile.clone(),
        hls: file(output.and_then(|output| output.hls.as_ref())),
        dash: file(output.and_then(|output| output.dash.as_ref())),
        watch: Some(format!("{base}/watch/{asset_path}")),
    }
}

/// What the source turned out to be, from the first job that knows: what plays before what
/// is still made.
pub(super) fn media(status: &mut MediaAssetStatus, plan: &Plan) {
    let wanted = plan.wanted.iter().filter_map(|wanted| wanted.job.as_ref());
    let known = wanted
        .chain(&plan.play)
        .find_map(|job| job.status.as_ref()?.media.clone());
    if let Some(media) = known {
        status.duration = media.duration_millis.map(human::duration_of_millis);
        status.media = Some(media);
    }
    let committed = plan.wanted.iter().filter_map(|wanted| wanted.job.as_ref());
    let sha256 = committed
        .filter_map(|job| job.status.as_ref()?.output.clone())
        .find_map(|output| output.source_sha256);
    if let (Some(sha256), Some(source)) = (sha256, status.source.as_mut()) {
        source.sha256 = Some(sha256);
    }
}
