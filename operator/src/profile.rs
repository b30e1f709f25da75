//! The reconciler of TranscodeProfiles: says in words what they make.
use crate::context::Context;
use crate::metrics::{Controller as Loop, ReconcileErrorClass};
use futures::StreamExt;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::runtime::{Controller, watcher};
use kube::{Api, Resource, ResourceExt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use vessel_crds::encoding::Encoding;
use vessel_crds::labels::FIELD_MANAGER;
use vessel_crds::{TranscodeProfile, TranscodeProfileStatus};

/// Between two tries to write a status.
const AFTER_ERROR: Duration = Duration::from_secs(5);

/// Keeps the status of every TranscodeProfile until `stop`. On the leader alone.
pub async fn run(context: Arc<Context>, stop: CancellationToken) {
    let profiles: Api<DeserializeGuard<TranscodeProfile>> = Api::all(context.client.clone());
    Controller::new(profiles, watcher::Config::default())
        .graceful_shutdown_on(async move { stop.cancelled().await })
        .run(reconcile, on_error, context)
        .for_each(|_| async {})
        .await;
}

async fn reconcile(
    profile: Arc<DeserializeGuard<TranscodeProfile>>,
    context: Arc<Context>,
) -> Result<Action, kube::Error> {
    let started = Instant::now();
    context.metrics.jobs.profile_seen(&profile.name_any());
    let Ok(profile) = &profile.0 else {
        // A newer version wrote it: nothing is said about it.
        return Ok(Action::await_change());
    };
    let next = TranscodeProfileStatus {
        observed_generation: profile.metadata.generation.unwrap_or_default(),
        summary: Some(summary(&profile.spec.encoding)),
    };
    if profile.status.as_ref() != Some(&next) {
        write(&context, profile, &next).await?;
    }
    let metrics = &context.metrics.process;
    metrics.reconciled(Loop::Profile, started.elapsed());
    Ok(Action::await_change())
}

#[allow(clippy::needless_pass_by_value)] // The signature is the controller's.
fn on_error(
    profile: Arc<DeserializeGuard<TranscodeProfile>>,
    error: &kube::Error,
    context: Arc<Context>,
) -> Action {
    tracing::warn!(profile = %profile.name_any(), %error, "TranscodeProfile");
    let metrics = &context.metrics.process;
    metrics.reconcile_failed(Loop::Profile, ReconcileErrorClass::Kubernetes);
    Action::requeue(AFTER_ERROR)
}

async fn write(
    context: &Context,
    profile: &TranscodeProfile,
    status: &TranscodeProfileStatus,
) -> kube::Result<()> {
    let profiles: Api<TranscodeProfile> = Api::all(context.client.clone());
    let body = serde_json::json!({
        "apiVersion": TranscodeProfile::api_version(&()),
        "kind": TranscodeProfile::kind(&()),
        "metadata": ObjectMeta {
            name: profile.metadata.name.clone(),
            resource_version: profile.resource_version(),
            ..ObjectMeta::default()
        },
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let name = profile.name_any();
    match profiles
        .patch_status(&name, &params, &Patch::Apply(&body))
        .await
    {
        Ok(_) => Ok(()),
        // Somebody wrote first, or it is gone: its event comes.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The ladders in words: `64/128/192/256k`, and `, 360/720/1080p` when there is video.
fn summary(encoding: &Encoding) -> String {
    let rungs = |numbers: Vec<i32>, unit: &str| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        numbers.join("/") + unit
    };
    let audio = encoding.audio.as_ref();
    let audio = audio.map(|ladder| rungs(ladder.bitrates_kbps.clone(), "k"));
    let video = encoding.video.as_ref();
    let video = video.map(|ladder| {
        rungs(
            ladder.rungs.iter().map(|rung| rung.height_pixels).collect(),
            "p",
        )
    });
    audio
        .into_iter()
        .chain(video)
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ladders_in_words() {
        let words = |json| summary(&serde_json::from_value(json).unwrap());
        let audio = serde_json::json!({"bitratesKbps": [64, 128, 192, 256]});
        assert_eq!(
            words(serde_json::json!({"audio": audio})),
            "64/128/192/256k"
        );
        let rung = |height| serde_json::json!({"heightPixels": height, "bitrateKbps": 800, "audioBitrateKbps": 128});
        let video = serde_json::json!({"rungs": [rung(360), rung(720), rung(1080)]});
        assert_eq!(
            words(serde_json::json!({"audio": audio, "video": video})),
            "64/128/192/256k, 360/720/1080p"
        );
    }
}
