//! Others write too.
use super::world::{ASSETS, JOBS, TRANSCODES, World};
use crate::asset::fixtures::{STORE_UID, uid};
use crate::metrics::ReconcileErrorClass;
use crate::{asset, job};
use serde_json::{Value, json};
use std::sync::Arc;

/// The one TranscodeJob.
fn transcode(world: &World) -> Value {
    let mut jobs = world.api.all("/transcodejobs/");
    assert_eq!(jobs.len(), 1);
    jobs.remove(0)
}

fn condition<'a>(object: &'a Value, kind: &str) -> &'a Value {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    conditions
        .iter()
        .find(|condition| condition["type"] == kind)
        .unwrap()
}

/// A world in which the TranscodeJob is there, but has not been looked at.
async fn with_transcode() -> World {
    let world = World::new().await;
    let mut process = world.process();
    for _ in 0..4 {
        process.watch();
        for asset in process.leader.caches.assets.state() {
            asset::reconcile(asset, Arc::clone(&process.leader))
                .await
                .unwrap();
        }
    }
    world
}

#[tokio::test]
async fn a_foreign_job_of_our_name_is_a_condition_and_never_touched() {
    let world = with_transcode().await;
    let name = format!(
        "{}-1",
        transcode(&world)["metadata"]["name"].as_str().unwrap()
    );
    let foreign = json!({"metadata": {"name": name, "namespace": "music", "labels": {}}, "spec": {"parallelism": 7}});
    world.api.put(&format!("{JOBS}/{name}"), foreign);
    let before = world.api.get(&format!("{JOBS}/{name}"));
    let mut process = world.process();
    process.settle().await;
    assert_eq!(world.api.get(&format!("{JOBS}/{name}")), before);
    assert_eq!(
        condition(&transcode(&world), "Admitted")["reason"],
        "NameTaken"
    );

    // Once it is gone, the job goes on by itself.
    world.api.remove(&format!("{JOBS}/{name}"));
    process.settle().await;
    assert_eq!(transcode(&world)["status"]["attemptsStarted"], 1);
}

#[tokio::test]
async fn a_foreign_transcodejob_of_our_name_is_a_condition() {
    let world = with_transcode().await;
    let ours = transcode(&world);
    let name = ours["metadata"]["name"].as_str().unwrap().to_owned();
    let path = format!("{TRANSCODES}/{name}");
    world.api.remove(&path);
    let mut foreign = ours;
    foreign["metadata"]["ownerReferences"] = json!([]);
    foreign["metadata"]["finalizers"] = json!([]);
    world.api.put(&path, foreign);
    let mut process = world.process();
    process.settle().await;
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    assert_eq!(condition(&asset, "Ready")["reason"], "NameTaken");
    assert_eq!(world.api.all("/jobs/"), Vec::<Value>::new());
}

#[tokio::test]
async fn a_stale_cache_starts_nothing() {
    let world = with_transcode().await;
    let mut process = world.process();
    process.watch();
    // Somebody else writes after the cache was filled: another leader, for one.
    let path = format!(
        "{TRANSCODES}/{}",
        transcode(&world)["metadata"]["name"].as_str().unwrap()
    );
    world
        .api
        .change(&path, &json!({"metadata": {"labels": {"touched": "yes"}}}));
    process.look().await;
    assert_eq!(world.api.all("/jobs/"), Vec::<Value>::new());
    process.settle().await;
    assert_eq!(world.api.all("/jobs/").len(), 1);
}

#[tokio::test]
async fn a_status_that_somebody_else_wrote_first_is_observed_again() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.watch();
    let path = format!(
        "{TRANSCODES}/{}",
        transcode(&world)["metadata"]["name"].as_str().unwrap()
    );
    world
        .api
        .change(&path, &json!({"status": {"progressPercent": 50}}));
    for job in process.leader.caches.transcodes.state() {
        let error = job::reconcile(job, Arc::clone(&process.leader))
            .await
            .unwrap_err();
        assert_eq!(error.class(), ReconcileErrorClass::Conflict);
    }
    process.settle().await;
    assert_eq!(transcode(&world)["status"]["phase"], "Ready");
}

#[tokio::test]
async fn two_leaders_at_once_start_one_attempt() {
    let world = with_transcode().await;
    let (mut one, mut other) = (world.process(), world.process());
    one.watch();
    other.watch();
    tokio::join!(one.look(), other.look());
    one.settle().await;
    other.settle().await;
    assert_eq!(world.api.all("/jobs/").len(), 1);
    assert_eq!(transcode(&world)["status"]["attemptsStarted"], 1);
}

#[tokio::test]
async fn a_job_that_is_void_when_its_pointer_is_written_is_replaced() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    // The job is recorded as committed; then the sweep voids the commit.
    process.watch();
    for job in process.leader.caches.transcodes.state() {
        job::reconcile(job, Arc::clone(&process.leader))
            .await
            .unwrap();
    }
    let first = transcode(&world)["metadata"]["uid"].clone();
    let commit = world.objects.keys("/commit.json").remove(0);
    world.objects.put(&commit, br#"{"void":true}"#);
    for _ in 0..6 {
        process.watch();
        process.look().await;
        let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
        assert_ne!(asset["status"]["phase"], "Ready");
    }
    assert_ne!(transcode(&world)["metadata"]["uid"], first);
    world.pods_commit();
    process.settle().await;
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    assert_eq!(asset["status"]["phase"], "Ready");
}

#[tokio::test]
async fn a_late_writer_never_gives_a_name_back_to_a_dead_asset() {
    let world = World::new().await;
    let mut late = world.process();
    late.settle().await;
    world.pods_commit();
    late.watch();
    for job in late.leader.caches.transcodes.state() {
        job::reconcile(job, Arc::clone(&late.leader)).await.unwrap();
    }
    late.watch();
    // Meanwhile the asset was deleted and made anew under the same name, and bears it.
    let path = format!("{ASSETS}/night-drive");
    let reborn = uid("reborn");
    world.api.remove(&path);
    world.asset("night-drive", &json!({}));
    world
        .api
        .change(&path, &json!({"metadata": {"uid": reborn}}));
    let name = json!({"revision": 1, "assetUID": reborn});
    world
        .objects
        .put("vessel/names/music/night-drive.json", name.to_string());
    late.look().await;
    assert_eq!(
        world.objects.json("vessel/names/music/night-drive.json"),
        Some(name)
    );
}

#[tokio::test]
async fn a_job_deleted_by_hand_after_its_success_runs_nothing_again() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    for job in world.api.all("/jobs/") {
        world.api.remove(&format!(
            "{JOBS}/{}",
            job["metadata"]["name"].as_str().unwrap()
        ));
    }
    process.settle().await;
    assert_eq!(world.api.all("/jobs/"), Vec::<Value>::new());
    assert_eq!(transcode(&world)["status"]["attemptsStarted"], 1);
}

#[tokio::test]
async fn a_transcodejob_that_nobody_should_have_written_is_not_worked_on() {
    let world = with_transcode().await;
    let job = transcode(&world);
    let path = format!("{TRANSCODES}/{}", job["metadata"]["name"].as_str().unwrap());
    world.api.change(
        &path,
        &json!({"spec": {"work": {"sourceVersion": "forged"}}}),
    );
    let mut process = world.process();
    process.watch();
    for job in process.leader.caches.transcodes.state() {
        job::reconcile(job, Arc::clone(&process.leader))
            .await
            .unwrap();
    }
    assert_eq!(world.api.all("/jobs/"), Vec::<Value>::new());
    assert_eq!(
        condition(&transcode(&world), "Admitted")["reason"],
        "Untrusted"
    );
}

/// The sweep lets go of a job that still plays when it comes by; once another job plays, its
/// storage has to be marked all the same.
#[tokio::test]
async fn a_transcodejob_deleted_by_hand_plays_on_and_is_marked_once_it_does_not() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    let first = transcode(&world);
    let uid = first["metadata"]["uid"].as_str().unwrap().to_owned();
    let name = first["metadata"]["name"].as_str().unwrap().to_owned();
    let deletion = json!({"metadata": {"deletionTimestamp": "2026-01-01T01:00:00Z"}});
    world.api.change(&format!("{TRANSCODES}/{name}"), &deletion);
    for job in world.api.all("/jobs/") {
        let job = job["metadata"]["name"].as_str().unwrap().to_owned();
        world.api.remove(&format!("{JOBS}/{job}"));
    }
    process.settle().await;
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    assert_eq!(condition(&asset, "Playable")["status"], "True");
    // What the sweep does with a tombstone of what plays.
    let tombstone = format!("vessel/sweep/{uid}.json");
    assert!(world.objects.json(&tombstone).is_some());
    world.objects.remove(&tombstone);

    world.pods_commit();
    process.settle().await;
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    assert_eq!(asset["status"]["phase"], "Ready");
    assert_ne!(
        transcode(&world)["metadata"]["uid"],
        first["metadata"]["uid"]
    );
    assert_eq!(
        world.objects.json(&tombstone).unwrap()["cause"],
        "Superseded"
    );
}

/// The process was paused before it published; meanwhile the asset was deleted.
#[tokio::test]
async fn a_late_leader_brings_nothing_back_to_life() {
    let world = World::new().await;
    let mut late = world.process();
    late.settle().await;
    world.pods_commit();
    late.watch();
    for job in late.leader.caches.transcodes.state() {
        job::reconcile(job, Arc::clone(&late.leader)).await.unwrap();
    }
    late.watch();
    let path = format!("{ASSETS}/night-drive");
    let uid = world.api.get(&path).unwrap()["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    let withdrawn = json!({
        "revision": 6, "leaseTransitions": 1, "state": "Withdrawn", "visibility": "Public", "assetUID": uid,
        "storeUID": STORE_UID, "namespace": "music", "name": "night-drive", "renditions": [],
    });
    let key = format!("vessel/ptr/{uid}.json");
    world.objects.put(&key, withdrawn.to_string());
    world.api.remove(&path);
    late.look().await;
    assert_eq!(world.objects.json(&key), Some(withdrawn));
}

/// The last attempt is given up while its commit is on its way.
#[tokio::test]
async fn a_commit_that_is_late_is_refused_or_counts() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    for number in 1..=3 {
        let job = format!(
            "{}-{number}",
            transcode(&world)["metadata"]["name"].as_str().unwrap()
        );
        world.finish(&job, "Failed");
        process.settle().await;
        world.pass(700);
        process.settle().await;
    }
    assert_eq!(transcode(&world)["status"]["phase"], "Failed");
    // Whoever comes now finds the key taken.
    let commit = world.objects.keys("/commit.json").remove(0);
    assert_eq!(world.objects.json(&commit), Some(json!({"void": true})));
    // A process that died before it wrote the status comes to the same end.
    let path = format!(
        "{TRANSCODES}/{}",
        transcode(&world)["metadata"]["name"].as_str().unwrap()
    );
    assert_eq!(
        transcode(&world)["status"]["attempts"]
            .as_array()
            .map(Vec::len),
        Some(3)
    );
    let again = json!({"status": {"phase": "Running", "failure": null, "failures": 2}});
    world.api.change(&path, &again);
    let mut attempts = transcode(&world)["status"]["attempts"].clone();
    attempts[2]["outcome"] = Value::Null;
    world
        .api
        .change(&path, &json!({"status": {"attempts": attempts}}));
    process.settle().await;
    assert_eq!(transcode(&world)["status"]["phase"], "Failed");
    assert_eq!(transcode(&world)["status"]["failure"]["reason"], "Internal");
}

/// A namespace is emptied in any order.
#[tokio::test]
async fn what_is_to_be_retained_survives_a_job_that_goes_before_its_asset() {
    let world = World::new().await;
    world.asset("night-drive", &json!({"deletionPolicy": "Retain"}));
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    let path = format!(
        "{TRANSCODES}/{}",
        transcode(&world)["metadata"]["name"].as_str().unwrap()
    );
    let deletion = json!({"metadata": {"deletionTimestamp": "2026-01-01T01:00:00Z"}});
    world.api.change(&path, &deletion);
    process.watch();
    for job in process.leader.caches.transcodes.state() {
        job::reconcile(job, Arc::clone(&process.leader))
            .await
            .unwrap();
    }
    assert!(world.api.get(&path).is_none());
    world
        .api
        .change(&format!("{ASSETS}/night-drive"), &deletion);
    process.settle().await;
    assert_eq!(world.api.all("/mediaassets/"), Vec::<Value>::new());
    assert_eq!(world.objects.keys("/sweep/"), Vec::<String>::new());
    let pointer = world.objects.json(&world.objects.keys("/ptr/")[0]).unwrap();
    assert_eq!(pointer["state"], "Withdrawn");
}

#[tokio::test]
async fn a_job_that_has_not_started_follows_its_asset() {
    let world = with_transcode().await;
    let suspended =
        json!({"spec": {"suspend": true, "priority": 7}, "metadata": {"generation": 2}});
    world
        .api
        .change(&format!("{ASSETS}/night-drive"), &suspended);
    // What a profile no longer asks for goes.
    let path = format!(
        "{TRANSCODES}/{}",
        transcode(&world)["metadata"]["name"].as_str().unwrap()
    );
    let resources = json!({"spec": {"execution": {"resources": {"limits": {"cpu": "2"}}}}});
    world.api.change(&path, &resources);
    let mut process = world.process();
    process.watch();
    for asset in process.leader.caches.assets.state() {
        asset::reconcile(asset, Arc::clone(&process.leader))
            .await
            .unwrap();
    }
    process.settle().await;
    let spec = &transcode(&world)["spec"];
    assert_eq!(spec["scheduling"], json!({"priority": 7, "suspend": true}));
    assert!(spec["execution"].get("resources").is_none(), "{spec:#}");
    assert_eq!(world.api.all("/jobs/"), Vec::<Value>::new());
    assert_eq!(
        condition(&transcode(&world), "Admitted")["reason"],
        "Suspended"
    );
}

/// An object of a newer version, or one that was written past the schema.
#[tokio::test]
async fn an_asset_that_can_not_be_read_says_so_once_and_is_as_it_was_when_it_can() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    let path = format!("{ASSETS}/night-drive");
    let broken = json!({"spec": {"priority": "high"}, "metadata": {"generation": 2}});
    world.api.change(&path, &broken);
    for _ in 0..3 {
        process.watch();
        process.look().await;
    }
    let asset = world.api.get(&path).unwrap();
    assert_eq!(condition(&asset, "Stalled")["reason"], "Invalid");
    assert_eq!(condition(&asset, "Playable")["status"], "True");
    assert_eq!(asset["status"]["resolved"]["storeName"], "main");
    world.api.take_writes();
    process.watch();
    process.look().await;
    assert_eq!(world.api.take_writes(), Vec::<String>::new());

    let mended = json!({"spec": {"priority": 7}, "metadata": {"generation": 3}});
    world.api.change(&path, &mended);
    process.settle().await;
    let asset = world.api.get(&path).unwrap();
    assert_eq!(asset["status"]["phase"], "Ready");
    assert_eq!(world.api.all("/transcodejobs/").len(), 1);
}
