//! The queue: how many run at once, and in which order.
use crate::at_rest;
use futures::TryStreamExt;
use k8s_openapi::api::batch::v1::Job;
use kube::api::ListParams;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::env;
use std::pin::pin;
use tokio::fs;
use vessel_crds::{MediaAsset, Phase, TranscodeJob};
use vessel_e2e::media::Studio;
use vessel_e2e::operator::Metrics;
use vessel_e2e::scene::play;
use vessel_e2e::specs::from_s3;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, Scene, note, tests};

tests! { thirty_assets_keep_to_the_limit_and_then_cost_nothing }

/// Assets, if `VESSEL_E2E_ASSETS` says nothing else.
const ASSETS: usize = 30;

fn how_many() -> usize {
    let asked = env::var("VESSEL_E2E_ASSETS").ok();
    asked.map_or(ASSETS, |count| {
        count.parse().expect("VESSEL_E2E_ASSETS is a number")
    })
}

/// The last of them, which is to go before those that wait.
const URGENT: &str = "urgent";

async fn thirty_assets_keep_to_the_limit_and_then_cost_nothing(cluster: &Cluster) {
    play(cluster, "queue", async |scene| {
        let store = cluster.store().await;
        let tone = fs::read(Studio::new().tone("tiny.wav", 1).await)
            .await
            .unwrap();
        let key = store.put_sample("e2e-tiny.wav", tone).await;
        let limit = Metrics::read(cluster).await.max("vessel_concurrency_limit");
        assert_eq!(
            limit,
            Some(3.0),
            "the release under test has queue.maxRunning: 3"
        );
        for number in 1..how_many() {
            scene
                .apply(&format!("tiny-{number:03}"), &from_s3(&key))
                .await;
        }
        let mut urgent = from_s3(&key);
        urgent["priority"] = 100.into();
        scene.apply(URGENT, &urgent).await;
        let most = Cell::new(0);
        let depths = tokio::select! {
            depths = depths(cluster, scene) => depths,
            () = watch_jobs(scene, &most) => panic!("the watch of Jobs ended"),
        };
        let most = most.get();
        note(format!(
            "queue depth over time: {depths:?}; most Jobs at once: {most}"
        ));
        assert!((2..=3).contains(&most), "{most} unfinished Jobs at once");
        assert!(
            depths.iter().any(|depth| *depth >= 10),
            "it rises: {depths:?}"
        );
        assert_eq!(depths.last(), Some(&0), "it falls: {depths:?}");
        every_asset_was_encoded_once(scene).await;
        the_urgent_one_went_first(scene).await;
        at_rest::costs_nothing(scene).await;
    })
    .await;
}

async fn every_asset_was_encoded_once(scene: &Scene<'_>) {
    let assets = scene
        .api::<MediaAsset>()
        .list(&ListParams::default())
        .await
        .unwrap();
    assert_eq!(assets.items.len(), how_many());
    for asset in assets {
        assert_eq!(
            asset.status.as_ref().unwrap().phase,
            Phase::Ready,
            "{}",
            asset.name_any()
        );
    }
    assert_eq!(
        scene.recorder.jobs().len(),
        how_many(),
        "one batch Job an asset"
    );
}

/// Only those that had started before it was there went before the one with a priority.
async fn the_urgent_one_went_first(scene: &Scene<'_>) {
    let jobs = scene.api::<TranscodeJob>();
    let jobs = jobs.list(&ListParams::default()).await.unwrap().items;
    let start = |job: &TranscodeJob| job.status.as_ref().unwrap().start_time.clone().unwrap().0;
    let urgent = jobs.iter().find(|job| job.spec.work.asset_name == URGENT);
    let urgent = start(urgent.unwrap());
    let before = jobs.iter().filter(|job| start(job) < urgent).count();
    assert!(
        before <= how_many() / 3,
        "{before} jobs started before the urgent one"
    );
}

/// Samples of the depth of the queue until all assets are Ready and it is empty.
async fn depths(cluster: &Cluster, scene: &Scene<'_>) -> Vec<u64> {
    let mut depths = Vec::new();
    until(
        "all assets are Ready",
        seconds(10 * how_many() as u64),
        async || {
            let depth = Metrics::read(cluster)
                .await
                .sum("vessel_queue_depth", &[])
                .unwrap_or_default();
            if depths.last() != Some(&(depth as u64)) {
                depths.push(depth as u64);
            }
            let ready = ready(scene).await;
            if ready == how_many() && depth == 0.0 {
                Ok(())
            } else {
                Err(format!("{ready} Ready, {depths:?}"))
            }
        },
    )
    .await;
    depths
}

async fn ready(scene: &Scene<'_>) -> usize {
    let selected = ListParams::default().fields("status.phase=Ready");
    scene
        .api::<MediaAsset>()
        .list(&selected)
        .await
        .unwrap()
        .items
        .len()
}

/// Raises `most` to the number of Jobs that are unfinished at once in the whole cluster, for
/// as long as it is polled.
async fn watch_jobs(scene: &Scene<'_>, most: &Cell<usize>) {
    let jobs: Api<Job> = Api::all(scene.cluster.client.clone());
    let ours = watcher::Config::default().labels("app.kubernetes.io/managed-by=vessel");
    let mut events = pin!(watcher(jobs, ours).default_backoff());
    let mut unfinished = BTreeSet::new();
    loop {
        match events.try_next().await {
            Ok(Some(Event::Apply(job) | Event::InitApply(job))) if !is_finished(&job) => {
                unfinished.insert(job.uid());
            }
            Ok(Some(Event::Apply(job) | Event::InitApply(job) | Event::Delete(job))) => {
                unfinished.remove(&job.uid());
            }
            Ok(Some(Event::Init)) => unfinished.clear(),
            // After an error the watcher tries again by itself.
            Ok(Some(Event::InitDone)) | Err(_) => {}
            Ok(None) => return,
        }
        most.set(most.get().max(unfinished.len()));
    }
}

fn is_finished(job: &Job) -> bool {
    let conditions = job
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| {
        all.iter()
            .any(|c| ["Complete", "Failed"].contains(&c.type_.as_str()) && c.status == "True")
    })
}
