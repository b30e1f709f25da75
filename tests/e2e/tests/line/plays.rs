//! Real recordings through every kind of source: they get Ready, and what comes out is
//! judged by programs that did not make it.
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, Volume};
use kube::ResourceExt;
use kube::api::PostParams;
use serde_json::json;
use std::path::Path;
use tokio::fs;
use url::Url;
use vessel_crds::MediaAsset;
use vessel_crds::condition::{ConditionType, is_true};
use vessel_e2e::hls::{Library, Presentation, Rung, decoded};
use vessel_e2e::judges::judged;
use vessel_e2e::media::{self, Studio, probe, samples_at_48_khz};
use vessel_e2e::scene::play;
use vessel_e2e::server::SourceServer;
use vessel_e2e::specs::{from_http, from_s3, from_upload, in_test_store};
use vessel_e2e::{Cluster, Scene, tests};

tests! {
    an_mp3_with_cover_art_from_an_upload,
    an_ogg_vorbis_from_http,
    a_flac_of_24_bits_from_s3,
    a_mono_wav_from_http,
    an_opus_from_s3_plays_as_it_lies_in_the_bucket,
    the_same_ladder_as_transport_streams,
    a_private_asset_is_refused_to_strangers,
}

/// The rungs of the `audio` profile.
const LADDER: [&str; 4] = ["audio-64k", "audio-128k", "audio-192k", "audio-256k"];

async fn an_mp3_with_cover_art_from_an_upload(cluster: &Cluster) {
    play(cluster, "mp3", async |scene| {
        let studio = Studio::new();
        let file = media::mp3_with_cover(&studio).await;
        scene.apply("song", &from_upload("covered.mp3")).await;
        scene.upload("song", &file).await;
        let played = plays(scene, "song", &file).await;
        // A mono source of 128 kbit/s has nothing to fill the higher rungs with.
        same(&played, &LADDER[..2]);
    })
    .await;
}

async fn an_ogg_vorbis_from_http(cluster: &Cluster) {
    play(cluster, "vorbis", async |scene| {
        let server = SourceServer::start().await;
        let file = media::vorbis().await;
        let url = server.put("/front-center.oga", fs::read(&file).await.unwrap());
        scene.apply("voice", &from_http(&url)).await;
        let played = plays(scene, "voice", &file).await;
        same(&played, &LADDER[..2]);
    })
    .await;
}

async fn a_flac_of_24_bits_from_s3(cluster: &Cluster) {
    play(cluster, "flac", async |scene| {
        let studio = Studio::new();
        let file = media::flac_24_bit(&studio).await;
        let bytes = fs::read(&file).await.unwrap();
        let key = cluster
            .store()
            .await
            .put_sample("e2e-studio.flac", bytes)
            .await;
        scene.apply("studio", &from_s3(&key)).await;
        let played = plays(scene, "studio", &file).await;
        same(&played, &LADDER);
        assert_eq!(played.rungs[0].net_samples().await, 30 * 48_000);
        no_pod_held_more_than_it_needs(scene).await;
    })
    .await;
}

async fn a_mono_wav_from_http(cluster: &Cluster) {
    play(cluster, "wav", async |scene| {
        let server = SourceServer::start().await;
        let file = media::mono_wav().await;
        let url = server.put("/center.wav", fs::read(&file).await.unwrap());
        scene.apply("center", &from_http(&url)).await;
        let played = plays(scene, "center", &file).await;
        same(&played, &LADDER[..2]);
        for rung in &played.rungs {
            assert_eq!(
                probe(rung.whole().path(), "stream=channels").await,
                "1",
                "{}",
                rung.uri
            );
        }
        assert_eq!(server.requests("/center.wav").len(), 1, "read once");
    })
    .await;
}

async fn an_opus_from_s3_plays_as_it_lies_in_the_bucket(cluster: &Cluster) {
    play(cluster, "opus", async |scene| {
        let store = cluster.store().await;
        let file = media::opus().await;
        let key = store
            .put_source("loop.opus", fs::read(&file).await.unwrap())
            .await;
        scene.apply("loop", &in_test_store(from_s3(&key))).await;
        scene.ready("loop").await;
        let job = scene.jobs_of("loop").await.pop().unwrap();
        let output = job.status.unwrap().output.unwrap();
        let prefix = output.prefix.trim_end_matches('/');
        let master = Url::parse(&format!("bucket:///{prefix}/{}", output.hls.unwrap())).unwrap();
        let played = Presentation::load(Library::Bucket(store), &master).await;
        judge(&played, &file).await;
        // 34 kbit/s of Opus are not worth more than the lowest rung.
        same(&played, &LADDER[..1]);
    })
    .await;
}

async fn the_same_ladder_as_transport_streams(cluster: &Cluster) {
    play(cluster, "ts", async |scene| {
        let studio = Studio::new();
        let file = studio.tone("tone.flac", 20).await;
        let bytes = fs::read(&file).await.unwrap();
        let key = cluster
            .store()
            .await
            .put_sample("e2e-tone-20.flac", bytes)
            .await;
        let mut spec = from_s3(&key);
        spec["profiles"] = json!(["audio-ts"]);
        scene.apply("old-players", &spec).await;
        scene.ready("old-players").await;
        let played = load(scene, "old-players", "audio-ts").await;
        same(&played, &LADDER);
        played.states_measured_bandwidths();
        for rung in &played.rungs {
            assert!(rung.init.is_empty(), "{} has an init segment", rung.uri);
            rung.decodes_segment_by_segment().await;
            let samples = decoded(rung.whole().path(), &rung.uri).await;
            let expected = 20 * 48_000;
            // Transport streams have no edit list: priming and padding are heard.
            assert!(
                (expected..=expected + 3 * 1024).contains(&samples),
                "{}: {samples}",
                rung.uri
            );
        }
    })
    .await;
}

async fn a_private_asset_is_refused_to_strangers(cluster: &Cluster) {
    play(cluster, "private", async |scene| {
        let studio = Studio::new();
        let bytes = fs::read(studio.tone("tone.wav", 1).await).await.unwrap();
        let key = cluster
            .store()
            .await
            .put_sample("e2e-tone-1.wav", bytes)
            .await;
        let mut spec = from_s3(&key);
        spec["visibility"] = "Private".into();
        scene.apply("secret", &spec).await;
        let asset = scene.ready("secret").await;
        let message = asset.status.unwrap().message.unwrap_or_default();
        assert!(
            message.to_lowercase().contains("private"),
            "who can play it? {message:?}"
        );
        let url = format!(
            "{}{}",
            cluster.origin().await,
            path(scene, "secret", "audio")
        );
        assert_eq!(cluster.http.get(url).send().await.unwrap().status(), 401);
    })
    .await;
}

/// Waits until an asset is Ready, and holds what it plays against its source.
async fn plays(scene: &Scene<'_>, name: &str, source: &Path) -> Presentation {
    let asset = scene.ready(name).await;
    tells_the_truth(&asset, source).await;
    let presentation = load(scene, name, "audio").await;
    judge(&presentation, source).await;
    presentation
}

/// What people read in the status.
async fn tells_the_truth(asset: &MediaAsset, source: &Path) {
    let status = asset.status.as_ref().unwrap();
    for kind in [
        ConditionType::Playable,
        ConditionType::Ready,
        ConditionType::UpToDate,
    ] {
        assert!(
            is_true(&status.conditions, kind),
            "{kind}: {:?}",
            status.conditions
        );
    }
    assert!(
        !is_true(&status.conditions, ConditionType::Reconciling),
        "{:?}",
        status.conditions
    );
    assert_eq!(
        status.observed_generation,
        asset.metadata.generation.unwrap()
    );
    assert_eq!(status.profiles_ready.as_deref(), Some("1/1"));
    assert_eq!(status.progress.as_deref(), Some("100%"));
    let length = i64::try_from(samples_at_48_khz(source).await).unwrap() / 48;
    let stated = status.media.as_ref().unwrap().duration_millis.unwrap();
    assert!(
        (stated - length).abs() <= 1,
        "{stated} ms, but the source has {length} ms"
    );
    assert!(status.storage_bytes.unwrap() > 0);
    let playback = &status.playback[0];
    let (namespace, name) = (asset.namespace().unwrap(), asset.name_any());
    let expected = format!("/v1/{namespace}/{name}/audio/master.m3u8");
    assert!(
        playback.hls.as_deref().unwrap().ends_with(&expected),
        "{playback:?}"
    );
}

/// Loads what the origin serves for a profile, after others have judged it.
async fn load(scene: &Scene<'_>, name: &str, profile: &str) -> Presentation {
    let url = format!(
        "{}{}",
        scene.cluster.origin().await,
        path(scene, name, profile)
    );
    judged(url.trim_end_matches("master.m3u8")).await;
    Presentation::load(
        Library::Web(&scene.cluster.http),
        &Url::parse(&url).unwrap(),
    )
    .await
}

fn path(scene: &Scene<'_>, name: &str, profile: &str) -> String {
    format!("/v1/{}/{name}/{profile}/master.m3u8", scene.namespace)
}

/// Every segment of every rung decodes, the rates are measured, and no sample was lost.
async fn judge(presentation: &Presentation, source: &Path) {
    let expected = samples_at_48_khz(source).await;
    presentation.states_measured_bandwidths();
    for rung in &presentation.rungs {
        assert_eq!(rung.stated().codecs, "mp4a.40.2", "{}", rung.uri);
        rung.decodes_segment_by_segment().await;
        assert_eq!(rung.net_samples().await, expected, "{}", rung.uri);
        let seconds = expected as f64 / 48_000.0;
        assert!(
            (rung.seconds() - seconds).abs() < 0.05,
            "{}: {} s",
            rung.uri,
            rung.seconds()
        );
    }
}

/// Panics unless the rungs are these, in whatever order.
fn same(presentation: &Presentation, expected: &[&str]) {
    let mut names: Vec<&str> = presentation.rungs.iter().map(Rung::name).collect();
    let mut expected = expected.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

/// No pod had a credential of the bucket, nor a token that the API server takes.
async fn no_pod_held_more_than_it_needs(scene: &Scene<'_>) {
    let pods = scene.recorder.pods();
    assert!(!pods.is_empty(), "the recorder saw no pod");
    let [_, secret] = &scene.cluster.store().await.credentials;
    for pod in &pods {
        let text = serde_json::to_string(&pod.spec).unwrap();
        assert!(
            !text.contains(secret.as_str()),
            "the store's key is in {}",
            pod.name_any()
        );
        assert!(!text.to_lowercase().contains("accesskey"), "{text}");
        let spec = pod.spec.as_ref().unwrap();
        assert_eq!(spec.automount_service_account_token, Some(false));
        assert!(
            !text.contains("secretKeyRef") && !text.contains("secretRef"),
            "{text}"
        );
        let volumes = spec.volumes.as_deref().unwrap_or_default();
        assert!(
            volumes.iter().all(|volume| volume.secret.is_none()),
            "{text}"
        );
        let audiences: Vec<String> = volumes.iter().flat_map(audiences).collect();
        assert_eq!(audiences, ["grant.vessel.media/vessel/vessel"]);
        the_api_server_refuses(scene, pod, &audiences).await;
        rights_of(scene, pod).await;
    }
}

fn audiences(volume: &Volume) -> Vec<String> {
    let projected = volume
        .projected
        .iter()
        .flat_map(|p| p.sources.iter().flatten());
    let tokens = projected.filter_map(|source| source.service_account_token.as_ref());
    tokens
        .map(|token| token.audience.clone().unwrap_or_default())
        .collect()
}

/// A token like that of the pod is no key to the API server.
async fn the_api_server_refuses(scene: &Scene<'_>, pod: &Pod, audiences: &[String]) {
    let request = TokenRequest {
        spec: TokenRequestSpec {
            audiences: audiences.to_vec(),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let accounts = scene.api::<ServiceAccount>();
    let (name, how) = (account(pod), PostParams::default());
    let answer = accounts
        .create_token_request(&name, &how, &request)
        .await
        .unwrap();
    let token = answer.status.unwrap().token;
    match scene.cluster.client_with(&token).apiserver_version().await {
        Err(kube::Error::Api(status)) => assert_eq!(status.code, 401, "{status:?}"),
        other => panic!("the API server took the pod's token: {other:?}"),
    }
}

/// The account itself has no rights beyond what everybody has.
async fn rights_of(scene: &Scene<'_>, pod: &Pod) {
    let user = format!("system:serviceaccount:{}:{}", scene.namespace, account(pod));
    for (verb, resource) in [
        ("get", "secrets"),
        ("list", "pods"),
        ("get", "mediaassets.vessel.media"),
    ] {
        assert!(
            !scene.may(&user, verb, resource).await,
            "{user} may {verb} {resource}"
        );
    }
}

fn account(pod: &Pod) -> String {
    let name = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.service_account_name.clone());
    name.unwrap_or_else(|| "default".to_owned())
}
