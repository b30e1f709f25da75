//! Films: they get Ready as a ladder of pictures with sound, which is judged by programs that
//! did not make it.
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};
use tokio::fs;
use url::Url;
use vessel_crds::media::{TrackKind, TrackUsage};
use vessel_crds::{MediaAsset, Phase};
use vessel_e2e::hls::{Library, Pictures, Presentation, Rung};
use vessel_e2e::judges::judged;
use vessel_e2e::media::{Studio, turned};
use vessel_e2e::scene::play;
use vessel_e2e::specs::{from_s3, from_upload};
use vessel_e2e::wait::seconds;
use vessel_e2e::{Cluster, Scene, tests};

tests! {
    a_film_from_s3_becomes_a_ladder,
    a_clip_of_a_phone_is_upright,
}

/// Pictures of half a minute at 30000/1001 a second.
const HALF_A_MINUTE: u64 = 900;

async fn a_film_from_s3_becomes_a_ladder(cluster: &Cluster) {
    play(cluster, "film", async |scene| {
        let studio = Studio::new();
        let file = studio.film("film.mp4", "1280x720", 30).await;
        let bytes = fs::read(&file).await.unwrap();
        let store = cluster.store().await;
        let key = store.put_sample("e2e-film.mp4", bytes).await;
        scene.apply("film", &adaptive(from_s3(&key))).await;
        let asset = ready(scene, "film").await;
        tells_the_truth(&asset);
        stayed_within_their_memory(&scene.recorder.pods_of("film"));

        let played = load(scene, "film").await;
        sizes(&played, &[(640, 360), (1280, 720)]);
        judge(&played, HALF_A_MINUTE).await;
        let found = judged(&folder(scene, "film").await).await;
        let rungs = json!(["audio-128k", "audio-64k", "video-360p", "video-720p"]);
        assert_eq!(found["hls"], rungs, "{found}");
        for rung in ["video-360p", "video-720p"] {
            let dash = found["dash"].as_array().unwrap();
            assert!(dash.contains(&rung.into()), "{found}");
            assert_eq!(found["mp4"][rung]["samples"], HALF_A_MINUTE, "{found}");
        }
        stills_are_served(scene, "film", &played).await;
    })
    .await;
}

async fn a_clip_of_a_phone_is_upright(cluster: &Cluster) {
    play(cluster, "phone", async |scene| {
        let studio = Studio::new();
        let lying = studio.film("lying.mp4", "640x360", 4).await;
        let file = studio.file("clip.mp4");
        let upright = turned(fs::read(&lying).await.unwrap());
        fs::write(&file, upright).await.unwrap();
        scene
            .apply("clip", &adaptive(from_upload("clip.mp4")))
            .await;
        scene.upload("clip", &file).await;
        ready(scene, "clip").await;
        let played = load(scene, "clip").await;
        sizes(&played, &[(360, 640)]);
        let pictures = 120;
        judge(&played, pictures).await;
        judged(&folder(scene, "clip").await).await;
    })
    .await;
}

fn adaptive(mut spec: Value) -> Value {
    spec["profiles"] = json!(["adaptive"]);
    spec
}

/// Waits until a film is Ready, and gives up early when it has failed for good.
async fn ready(scene: &Scene<'_>, name: &str) -> MediaAsset {
    let ended = |asset: &MediaAsset| {
        let phase = asset.status.as_ref().map(|status| status.phase);
        matches!(phase, Some(Phase::Ready | Phase::Failed))
    };
    let asset = scene.satisfies(name, "Ready", seconds(600), ended).await;
    let status = asset.status.as_ref().unwrap();
    assert_eq!(status.phase, Phase::Ready, "{name}: {:?}", status.message);
    asset
}

/// What people read in the status of the film of half a minute.
fn tells_the_truth(asset: &MediaAsset) {
    let status = asset.status.as_ref().unwrap();
    let media = status.media.as_ref().expect("facts about the source");
    let length = media.duration_millis.expect("a length");
    assert!((30_000..30_100).contains(&length), "{length} ms");
    let kinds: Vec<_> = media.tracks.iter().map(|t| (t.kind, t.usage)).collect();
    let both = [TrackKind::Video, TrackKind::Audio].map(|kind| (kind, TrackUsage::Used));
    assert_eq!(kinds, both, "{media:?}");
    assert!(status.storage_bytes.unwrap() > 0, "{status:?}");
    let playback = &status.playback[0];
    let dash = playback.dash.as_deref().unwrap_or_default();
    assert!(dash.ends_with("/adaptive/manifest.mpd"), "{playback:?}");
}

/// No pod was killed for its memory, nor came near to it by its own last words.
fn stayed_within_their_memory(pods: &[Pod]) {
    assert!(!pods.is_empty(), "the recorder saw no pod");
    for pod in pods {
        let name = pod.name_any();
        let container = &pod.spec.as_ref().unwrap().containers[0];
        let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
        let limit = limits.and_then(|limits| limits.get("memory"));
        let limit = bytes(&limit.unwrap_or_else(|| panic!("{name} has no limit")).0);
        let status = pod.status.as_ref().unwrap();
        let ended = status.container_statuses.iter().flatten();
        for ended in ended.filter_map(|s| s.state.as_ref()?.terminated.as_ref()) {
            assert_ne!(ended.reason.as_deref(), Some("OOMKilled"), "{name}");
            let words = ended.message.as_deref().unwrap_or_default();
            let verdict: Value = serde_json::from_str(words).unwrap_or_default();
            let peak = verdict["cost"]["peakMemoryBytes"].as_u64();
            let peak = peak.unwrap_or_else(|| panic!("{name} says no peak: {words}"));
            assert!(peak < limit, "{name}: {peak} of {limit} bytes of memory");
        }
    }
}

/// A quantity of memory in bytes.
fn bytes(quantity: &str) -> u64 {
    let units = [("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10), ("", 1)];
    let read = units.iter().find_map(|(unit, size)| {
        let number: u64 = quantity.strip_suffix(unit)?.parse().ok()?;
        Some(number * size)
    });
    read.unwrap_or_else(|| panic!("not a quantity of memory: {quantity}"))
}

/// Where the origin serves an asset's profile.
async fn folder(scene: &Scene<'_>, name: &str) -> String {
    let origin = scene.cluster.origin().await;
    format!("{origin}/v1/{}/{name}/adaptive/", scene.namespace)
}

async fn load(scene: &Scene<'_>, name: &str) -> Presentation {
    let master = Url::parse(&folder(scene, name).await).unwrap();
    let master = master.join("master.m3u8").unwrap();
    Presentation::load(Library::Web(&scene.cluster.http), &master).await
}

/// Panics unless the sizes that are seen are these, ascending.
fn sizes(played: &Presentation, expected: &[(usize, usize)]) {
    let seen = played.rungs.iter().filter_map(Rung::pictures);
    let mut seen: Vec<_> = seen
        .map(|Pictures { width, height, .. }| (width, height))
        .collect();
    seen.sort_unstable();
    assert_eq!(seen, expected, "{:?}", played.uris());
}

/// Every segment of every rung decodes alone, the rates are measured, and there are so many
/// pictures on each rung, with sound that goes with them.
async fn judge(played: &Presentation, pictures: u64) {
    played.states_measured_bandwidths();
    played.pictures_and_sound_go_together();
    for rung in played.all() {
        rung.decodes_segment_by_segment().await;
        if rung.pictures().is_some() {
            assert_eq!(rung.regular_pictures().await, pictures, "{}", rung.uri);
            assert!(rung.stated().codecs.starts_with("avc1."), "{}", rung.uri);
            assert!(rung.stated().codecs.ends_with(",mp4a.40.2"), "{}", rung.uri);
        } else {
            assert!(rung.net_samples().await > 0, "{}", rung.uri);
        }
    }
}

/// The poster and the index of the storyboard lie beside the rungs, with their types.
async fn stills_are_served(scene: &Scene<'_>, name: &str, played: &Presentation) {
    let master = Url::parse(&folder(scene, name).await).unwrap();
    let rung = master.join(&played.rungs[0].uri).unwrap();
    for (file, kind, begin) in [
        ("poster.jpg", "image/jpeg", &b"\xff\xd8\xff"[..]),
        ("storyboard.vtt", "text/vtt", b"WEBVTT\n"),
        ("storyboard/00001.jpg", "image/jpeg", b"\xff\xd8\xff"),
    ] {
        let url = rung.join("../").unwrap().join(file).unwrap();
        let answer = scene.cluster.http.get(url.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "GET {url}");
        let stated = answer.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(stated.starts_with(kind), "{url}: {stated}");
        let bytes = answer.bytes().await.unwrap();
        assert!(
            bytes.starts_with(begin),
            "{url}: {:?}",
            &bytes[..bytes.len().min(16)]
        );
    }
}
