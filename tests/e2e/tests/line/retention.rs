//! What `spec.retention` gives up goes in its time, and the object stays and says what to do.
use kube::ResourceExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::fs;
use vessel_crds::condition::{ConditionType, find, is_true};
use vessel_crds::media_asset::{FreedState, SourceState};
use vessel_crds::{MediaAsset, Phase};
use vessel_e2e::media::Studio;
use vessel_e2e::scene::play;
use vessel_e2e::specs::{from_s3, from_upload, in_test_store};
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, Scene, tests};

tests! {
    what_expires_stops_playing_and_plays_again_when_asked,
    an_upload_goes_once_its_asset_is_ready,
    what_a_failure_has_left_goes,
}

/// Longest time from a tombstone to the last freed byte: see `deletion`.
const FREED_WITHIN: Duration = seconds(180);

async fn what_expires_stops_playing_and_plays_again_when_asked(cluster: &Cluster) {
    play(cluster, "expires", async |scene| {
        let store = cluster.store().await;
        let key = store.put_sample("e2e-expires.wav", tone().await).await;
        let spec = from_s3(&key);
        scene
            .apply("song", &with(&spec, "expireAfterSeconds", 20))
            .await;
        let uid = scene.ready("song").await.uid().unwrap();
        let master = format!(
            "{}/v1/{}/song/audio/master.m3u8",
            cluster.origin().await,
            scene.namespace
        );
        answers(cluster, &master, 200, seconds(6)).await;

        let expired = scene
            .satisfies("song", "expired", seconds(60), |asset| {
                reason(asset) == "Expired"
            })
            .await;
        let status = expired.status.unwrap();
        assert_eq!(status.phase, Phase::Failed);
        assert!(!is_true(&status.conditions, ConditionType::Playable));
        let message = status.message.unwrap();
        assert!(message.contains("spec.restartToken"), "{message}");
        answers(cluster, &master, 410, seconds(10)).await;
        until("its job is gone", seconds(30), async || {
            match scene.jobs_of("song").await.len() {
                0 => Ok(()),
                count => Err(format!("{count} jobs")),
            }
        })
        .await;

        let mut again = with(&spec, "expireAfterSeconds", 3600);
        again["restartToken"] = "again".into();
        scene.apply("song", &again).await;
        scene
            .satisfies("song", "Ready again", seconds(180), |asset| {
                asset
                    .status
                    .as_ref()
                    .is_some_and(|status| status.phase == Phase::Ready)
            })
            .await;
        answers(cluster, &master, 200, seconds(10)).await;
        let job = scene.jobs_of("song").await.remove(0).uid().unwrap();
        until("only what plays is left", FREED_WITHIN, async || {
            let keys = store.keys_of(&store.release_prefix, &uid).await;
            let other = keys.iter().find(|key| !key.contains(&job));
            other.map_or(Ok(()), |key| Err(key.clone()))
        })
        .await;
        answers(cluster, &master, 200, seconds(1)).await;
    })
    .await;
}

async fn an_upload_goes_once_its_asset_is_ready(cluster: &Cluster) {
    play(cluster, "spent", async |scene| {
        let store = cluster.store().await;
        let studio = Studio::new();
        let file = studio.tone("tone.wav", 2).await;
        let mut spec = in_test_store(from_upload("tone.wav"));
        spec["retention"] = json!({"source": "DeleteWhenReady"});
        scene.apply("song", &spec).await;
        scene.upload("song", &file).await;
        let uid = scene.ready("song").await.uid().unwrap();
        scene
            .satisfies("song", "without its source", seconds(30), |asset| {
                source_state(asset) == Some(SourceState::Removed)
            })
            .await;
        gone(scene, &uid, "/in/").await;
        assert!(
            !store.keys_of(&store.prefix, &uid).await.is_empty(),
            "what plays stays"
        );

        spec["profiles"] = json!(["audio", "audio-ts"]);
        scene.apply("song", &spec).await;
        let late = scene
            .satisfies(
                "song",
                "too late for another profile",
                seconds(30),
                |asset| reason(asset) == "SourceRemoved",
            )
            .await;
        let conditions = late.status.unwrap().conditions;
        assert!(is_true(&conditions, ConditionType::Playable));

        spec["source"]["upload"]["generation"] = 2.into();
        scene.apply("song", &spec).await;
        scene
            .satisfies("song", "awaiting another upload", seconds(30), |asset| {
                reason(asset) == "AwaitingUpload"
            })
            .await;
        scene.upload("song", &file).await;
        let ready = scene
            .satisfies("song", "Ready with both", seconds(180), |asset| {
                asset
                    .status
                    .as_ref()
                    .is_some_and(|status| status.profiles_ready.as_deref() == Some("2/2"))
            })
            .await;
        assert_eq!(ready.status.unwrap().playback.len(), 2);
    })
    .await;
}

async fn what_a_failure_has_left_goes(cluster: &Cluster) {
    play(cluster, "cleaned", async |scene| {
        cluster.store().await;
        let studio = Studio::new();
        let file = studio.file("text.mp3");
        fs::write(&file, "It was a dark and stormy night.\n".repeat(400))
            .await
            .unwrap();
        let spec = in_test_store(from_upload("text.mp3"));
        scene
            .apply("song", &with(&spec, "cleanupAfterFailedSeconds", 1))
            .await;
        scene.upload("song", &file).await;
        let cleaned = scene
            .satisfies("song", "cleaned up", seconds(120), |asset| {
                let freed = asset.status.as_ref().and_then(|s| s.freed.as_ref());
                freed.is_some_and(|freed| freed.state == FreedState::Freed)
            })
            .await;
        assert_eq!(reason(&cleaned), "SourceInvalid");
        assert_eq!(source_state(&cleaned), Some(SourceState::Removed));
        assert_eq!(cleaned.status.as_ref().unwrap().phase, Phase::Failed);
        gone(scene, &cleaned.uid().unwrap(), "").await;
        scene.reaches("song", Phase::Failed, seconds(1)).await;
    })
    .await;
}

/// A spec with one field of its retention.
fn with(spec: &Value, field: &str, seconds: i64) -> Value {
    let mut spec = spec.clone();
    spec["retention"] = json!({field: seconds});
    spec
}

/// Why an asset is Ready, or is not.
fn reason(asset: &MediaAsset) -> String {
    let status = asset.status.as_ref();
    let ready = status.and_then(|status| find(&status.conditions, ConditionType::Ready));
    ready.map_or_else(String::new, |ready| ready.reason.clone())
}

fn source_state(asset: &MediaAsset) -> Option<SourceState> {
    Some(asset.status.as_ref()?.source.as_ref()?.state)
}

/// Waits until nothing of an asset in the tests' store has that in its key.
async fn gone(scene: &Scene<'_>, uid: &str, part: &str) {
    let store = scene.cluster.store().await;
    until("its storage is freed", FREED_WITHIN, async || {
        let keys = store.keys_of(&store.prefix, uid).await;
        let left = keys.iter().find(|key| key.contains(part));
        left.map_or(Ok(()), |key| Err(key.clone()))
    })
    .await;
}

/// Waits until an address answers with a status.
async fn answers(cluster: &Cluster, url: &str, expected: u16, limit: Duration) {
    until(&format!("{url} answers {expected}"), limit, async || {
        let answer = cluster.http.get(url).send().await;
        match answer.map(|answer| answer.status().as_u16()) {
            Ok(status) if status == expected => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await;
}

async fn tone() -> Vec<u8> {
    fs::read(Studio::new().tone("tone.wav", 2).await)
        .await
        .unwrap()
}
