//! What is deleted stops playing at once, and its storage goes after the grace.
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use std::time::Duration;
use tokio::fs;
use vessel_crds::labels::ABANDON_STORAGE;
use vessel_crds::{MediaAsset, Phase};
use vessel_e2e::media::Studio;
use vessel_e2e::proxy::{Line, Proxy};
use vessel_e2e::scene::play;
use vessel_e2e::specs::{from_s3, from_upload, in_store, in_test_store};
use vessel_e2e::wait::{seconds, steadily, until};
use vessel_e2e::{Cluster, Scene, store, tests};

tests! {
    a_deleted_asset_is_withdrawn_at_once_and_its_storage_freed_after_the_grace,
    a_slow_store_does_not_hold_an_asset,
    a_silent_store_is_given_up_only_by_name,
    a_namespace_with_assets_ends,
}

/// Longest time from a deletion to the last freed byte in a release whose grants live 30 s:
/// they must have run out before, and once more after, the objects are deleted.
const FREED_WITHIN: Duration = seconds(180);

async fn a_deleted_asset_is_withdrawn_at_once_and_its_storage_freed_after_the_grace(
    cluster: &Cluster,
) {
    play(cluster, "deleted", async |scene| {
        let store = cluster.store().await;
        let bytes = tone().await;
        let key = store.put_sample("e2e-deleted.wav", bytes).await;
        scene.apply("song", &from_s3(&key)).await;
        let uid = scene.ready("song").await.uid().unwrap();
        let master = format!(
            "{}/v1/{}/song/audio/master.m3u8",
            cluster.origin().await,
            scene.namespace
        );
        assert_eq!(
            cluster.http.get(&master).send().await.unwrap().status(),
            200
        );
        scene
            .api::<MediaAsset>()
            .delete("song", &DeleteParams::default())
            .await
            .unwrap();
        until("the origin answers 410", seconds(6), async || {
            let status = cluster
                .http
                .get(&master)
                .send()
                .await
                .map_err(|e| e.to_string())?
                .status();
            if status == 410 {
                Ok(())
            } else {
                Err(status.to_string())
            }
        })
        .await;
        scene.is_gone("song", seconds(20)).await;
        let prefix = &store.release_prefix;
        steadily(
            "what plays elsewhere goes on within the grace",
            seconds(4),
            async || {
                let keys = store.keys_of(prefix, &uid).await;
                if keys.is_empty() {
                    Err("the storage is gone already")
                } else {
                    Ok(())
                }
            },
        )
        .await;
        until("the storage is freed", FREED_WITHIN, async || {
            let keys = store.keys_of(prefix, &uid).await;
            if keys.is_empty() {
                Ok(())
            } else {
                Err(format!("{} keys: {:?}", keys.len(), keys.first()))
            }
        })
        .await;
        assert_eq!(
            cluster.http.get(&master).send().await.unwrap().status(),
            410,
            "afterwards"
        );
    })
    .await;
}

async fn a_slow_store_does_not_hold_an_asset(cluster: &Cluster) {
    through_a_proxy(cluster, "slow", async |scene, proxy| {
        proxy.set(Line::Slow(Duration::from_millis(1500)));
        scene
            .api::<MediaAsset>()
            .delete("song", &DeleteParams::default())
            .await
            .unwrap();
        scene.is_gone("song", seconds(60)).await;
        proxy.set(Line::Open);
    })
    .await;
}

async fn a_silent_store_is_given_up_only_by_name(cluster: &Cluster) {
    through_a_proxy(cluster, "silent", async |scene, proxy| {
        let assets = scene.api::<MediaAsset>();
        let uid = assets.get("song").await.unwrap().uid().unwrap();
        proxy.set(Line::Silent);
        let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
        namespaces
            .delete(&scene.namespace, &DeleteParams::default())
            .await
            .unwrap();
        let says_how = |asset: &MediaAsset| {
            let message = asset
                .status
                .as_ref()
                .and_then(|status| status.message.clone());
            message.is_some_and(|message| message.contains(ABANDON_STORAGE))
        };
        scene
            .satisfies("song", "saying how to let it go", seconds(90), says_how)
            .await;
        let wrong = json!({"metadata": {"annotations": {ABANDON_STORAGE: "another"}}});
        assets
            .patch("song", &PatchParams::default(), &Patch::Merge(&wrong))
            .await
            .unwrap();
        steadily("the asset stays", seconds(5), async || {
            assets
                .get("song")
                .await
                .map(|_| ())
                .map_err(|e| e.to_string())
        })
        .await;
        let right = json!({"metadata": {"annotations": {ABANDON_STORAGE: uid}}});
        assets
            .patch("song", &PatchParams::default(), &Patch::Merge(&right))
            .await
            .unwrap();
        ended(&namespaces, &scene.namespace, seconds(90)).await;
        proxy.set(Line::Open);
    })
    .await;
}

async fn a_namespace_with_assets_ends(cluster: &Cluster) {
    play(cluster, "ends", async |scene| {
        let store = cluster.store().await;
        let key = store.put_source("ends.wav", tone().await).await;
        let long = fs::read(Studio::new().noise("long.flac", 120).await)
            .await
            .unwrap();
        let long = store.put_source("long.flac", long).await;
        scene.apply("ready", &in_test_store(from_s3(&key))).await;
        scene
            .apply("awaited", &in_test_store(from_upload("never.wav")))
            .await;
        let uid = scene.ready("ready").await.uid().unwrap();
        scene.apply("running", &in_test_store(from_s3(&long))).await;
        scene.reaches("running", Phase::Running, seconds(90)).await;
        let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
        namespaces
            .delete(&scene.namespace, &DeleteParams::default())
            .await
            .unwrap();
        ended(&namespaces, &scene.namespace, seconds(90)).await;
        until("the storage is freed", FREED_WITHIN, async || {
            let keys = store.keys_of(&store.prefix, &uid).await;
            if keys.is_empty() {
                Ok(())
            } else {
                Err(format!("{} keys", keys.len()))
            }
        })
        .await;
    })
    .await;
}

/// A scene with a Ready asset `song` in a store that is reached through a proxy.
async fn through_a_proxy(
    cluster: &Cluster,
    name: &str,
    body: impl AsyncFnOnce(&Scene<'_>, &Proxy),
) {
    let tests_own = cluster.store().await;
    let address = cluster.service_url("vessel-store").await;
    let target = format!("{}:80", address.trim_start_matches("http://"));
    let proxy = Proxy::start(target).await;
    // A proxy gets a new port each time, and a store's endpoint never changes.
    let id = uuid::Uuid::new_v4().simple().to_string();
    let store_name = format!("vessel-e2e-{name}-{}", &id[..5]);
    let mut spec = tests_own.spec.clone();
    spec["prefix"] = format!("{store_name}/").into();
    spec["endpoint"] = proxy.url().into();
    store::put(cluster, &store_name, &spec).await;
    play(cluster, name, async |scene| {
        let key = tests_own
            .put_source(&format!("{name}.wav"), tone().await)
            .await;
        scene
            .apply("song", &in_store(from_s3(&key), &store_name))
            .await;
        scene.ready("song").await;
        body(scene, &proxy).await;
    })
    .await;
    store::remove(cluster, &store_name).await;
}

async fn ended(namespaces: &Api<Namespace>, name: &str, limit: Duration) {
    until(
        &format!("the namespace {name} ends"),
        limit,
        async || match namespaces.get_opt(name).await {
            Ok(None) => Ok(()),
            Ok(Some(namespace)) => Err(serde_json::to_string(&namespace.status).unwrap()),
            Err(e) => Err(e.to_string()),
        },
    )
    .await;
}

async fn tone() -> Vec<u8> {
    fs::read(Studio::new().tone("tone.wav", 2).await)
        .await
        .unwrap()
}
