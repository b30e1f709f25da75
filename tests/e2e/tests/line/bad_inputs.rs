//! What can't be played says why and what to do, and stops nothing else.
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::time::Duration;
use tokio::fs;
use vessel_crds::condition::{ConditionType, find, is_true};
use vessel_crds::{MediaAsset, MediaStore, Phase};
use vessel_e2e::media::Studio;
use vessel_e2e::scene::play;
use vessel_e2e::server::{KEY, SourceServer};
use vessel_e2e::specs::{from_http, from_s3, in_store, in_test_store};
use vessel_e2e::store;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, Scene, tests};

tests! {
    a_missing_file_is_source_not_found,
    a_dead_host_is_source_unreachable_after_three_tries,
    missing_headers_are_source_denied,
    headers_that_come_later_heal,
    a_wrong_key_of_the_store_holds_its_assets_until_it_is_mended,
}

/// Those that hold a time within which an answer comes: others must not fill the queue.
pub mod timed {
    use super::what_is_no_media_is_source_invalid_at_the_first_try;
    use vessel_e2e::tests;

    tests! { what_is_no_media_is_source_invalid_at_the_first_try }
}

/// An address of the cluster's own range where nobody lives.
const DEAD_HOST: &str = "http://198.18.0.222/song.flac";

async fn what_is_no_media_is_source_invalid_at_the_first_try(cluster: &Cluster) {
    play(cluster, "invalid", async |scene| {
        let store = cluster.store().await;
        let studio = Studio::new();
        let whole = fs::read(studio.noise("whole.flac", 60).await)
            .await
            .unwrap();
        let text = b"It was a dark and stormy night; the rain fell in torrents.\n".repeat(40);
        let cases = [
            ("text", "text.mp3", text, ""),
            ("empty", "empty.wav", Vec::new(), ""),
            ("cut", "cut.flac", whole[..400_000].to_vec(), "truncated"),
        ];
        for (name, file, bytes, _) in &cases {
            let key = store.put_source(file, bytes.clone()).await;
            scene.apply(name, &in_test_store(from_s3(&key))).await;
        }
        let tone = fs::read(studio.tone("good.wav", 2).await).await.unwrap();
        let key = store.put_source("good.wav", tone).await;
        scene.apply("good", &in_test_store(from_s3(&key))).await;
        for (name, _, _, says) in &cases {
            let message = fails(scene, name, "SourceInvalid", seconds(60), 1).await;
            assert!(message.contains(says), "{name}: {message}");
            assert!(
                message.contains("restartToken"),
                "{name}: what to do? {message}"
            );
        }
        scene.ready("good").await;
    })
    .await;
}

async fn a_missing_file_is_source_not_found(cluster: &Cluster) {
    play(cluster, "missing", async |scene| {
        cluster.store().await;
        let server = SourceServer::start().await;
        scene
            .apply(
                "web",
                &in_test_store(from_http(&server.url("/nothing.flac"))),
            )
            .await;
        let message = fails(scene, "web", "SourceNotFound", seconds(60), 1).await;
        assert!(message.contains("404"), "{message}");
        assert_eq!(server.requests("/nothing.flac").len(), 1, "asked once");
    })
    .await;
}

async fn a_dead_host_is_source_unreachable_after_three_tries(cluster: &Cluster) {
    play(cluster, "dead", async |scene| {
        cluster.store().await;
        scene
            .apply("dead", &in_test_store(from_http(DEAD_HOST)))
            .await;
        fails(scene, "dead", "SourceUnreachable", seconds(180), 3).await;
    })
    .await;
}

async fn missing_headers_are_source_denied(cluster: &Cluster) {
    play(cluster, "headers", async |scene| {
        cluster.store().await;
        let server = SourceServer::start().await;
        let url = server.put("/protected/song.wav", vec![1; 100]);
        let mut spec = in_test_store(from_http(&url));
        spec["source"]["http"]["headersSecretName"] = "nobody-made-it".into();
        scene.apply("denied", &spec).await;
        let message = fails(scene, "denied", "SourceDenied", seconds(180), 3).await;
        assert!(message.contains("headers"), "{message}");
    })
    .await;
}

async fn headers_that_come_later_heal(cluster: &Cluster) {
    play(cluster, "gitops", async |scene| {
        cluster.store().await;
        let (server, studio) = (SourceServer::start().await, Studio::new());
        let tone = fs::read(studio.tone("tone.wav", 1).await).await.unwrap();
        let url = server.put("/protected/tone.wav", tone);
        let mut spec = in_test_store(from_http(&url));
        spec["source"]["http"]["headersSecretName"] = "library".into();
        scene.apply("late", &spec).await;
        let denied = |asset: &MediaAsset| {
            let status = serde_json::to_string(&asset.status).unwrap();
            status.contains("SourceDenied")
        };
        scene.satisfies("late", "denied for now", seconds(90), denied).await;
        let host = vessel_e2e::cluster::host_address().to_string();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "library"},
            "stringData": {"headers": format!("{}: {}\n", KEY.0, KEY.1), "hosts": format!("{host}\n")},
        });
        let how = PatchParams::apply("vessel-e2e");
        scene.api::<Secret>().patch("library", &how, &Patch::Apply(&secret)).await.unwrap();
        scene.ready("late").await;
    })
    .await;
}

async fn a_wrong_key_of_the_store_holds_its_assets_until_it_is_mended(cluster: &Cluster) {
    let name = "vessel-e2e-denied";
    let tests_own = cluster.store().await;
    let [access, secret] = tests_own.credentials.clone();
    let mut spec = tests_own.spec.clone();
    spec["prefix"] = "vessel-e2e-denied/".into();
    spec["credentialsSecretName"] = name.into();
    play(cluster, "denied", async |scene| {
        store::put_secret(
            cluster,
            name,
            &[access.clone(), "not the secret".to_owned()],
        )
        .await;
        store::put(cluster, name, &spec).await;
        let studio = Studio::new();
        let tone = fs::read(studio.tone("tone.wav", 1).await).await.unwrap();
        let key = tests_own.put_source("waits.wav", tone).await;
        scene.apply("waits", &in_store(from_s3(&key), name)).await;
        let stores: Api<MediaStore> = Api::all(cluster.client.clone());
        until(
            "the store says that its key is wrong",
            seconds(60),
            async || refuses_the_key(&stores, name).await,
        )
        .await;
        let waits = |asset: &MediaAsset| reason(asset) == "StoreNotReady";
        let asset = scene
            .satisfies("waits", "waiting for its store", seconds(30), waits)
            .await;
        assert_eq!(asset.status.unwrap().phase, Phase::Pending);
        assert!(
            scene.recorder.jobs().is_empty(),
            "a Job was started without a store"
        );
        store::put_secret(cluster, name, &[access.clone(), secret.clone()]).await;
        scene.ready("waits").await;
        scene.delete("waits").await;
    })
    .await;
    store::remove(cluster, name).await;
}

async fn refuses_the_key(stores: &Api<MediaStore>, name: &str) -> Result<(), String> {
    let store = stores.get(name).await.map_err(|e| e.to_string())?;
    let conditions = store
        .status
        .map(|status| status.conditions)
        .unwrap_or_default();
    match find(&conditions, ConditionType::Ready) {
        Some(ready) if ready.status == "False" && ready.reason == "StorageDenied" => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// The reason of an asset's `Ready` condition.
fn reason(asset: &MediaAsset) -> String {
    let conditions = asset
        .status
        .as_ref()
        .map(|s| s.conditions.as_slice())
        .unwrap_or_default();
    find(conditions, ConditionType::Ready)
        .map(|ready| ready.reason.clone())
        .unwrap_or_default()
}

/// Waits until an asset has failed for good, for that reason after so many attempts; returns
/// its message.
async fn fails(scene: &Scene<'_>, name: &str, why: &str, limit: Duration, attempts: i32) -> String {
    let asset = scene.reaches(name, Phase::Failed, limit).await;
    let status = asset.status.as_ref().unwrap();
    assert_eq!(reason(&asset), why, "{:?}", status.message);
    let stalled = find(&status.conditions, ConditionType::Stalled).unwrap();
    assert_eq!(
        (stalled.status.as_str(), stalled.reason.as_str()),
        ("True", why)
    );
    assert!(!is_true(&status.conditions, ConditionType::Reconciling));
    let jobs = scene.jobs_of(name).await;
    assert_eq!(jobs.len(), 1, "one TranscodeJob");
    let job = jobs[0].status.as_ref().unwrap();
    assert_eq!(job.attempts_started, attempts, "{:?}", job.attempts);
    let message = status.message.clone().unwrap_or_default();
    until(&format!("an Event says {why}"), seconds(20), async || {
        let events = scene.events_of(name).await;
        let says = events.iter().any(|event| event.contains(why));
        if says {
            Ok(())
        } else {
            Err(format!("{events:?}"))
        }
    })
    .await;
    message
}
