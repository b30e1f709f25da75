//! What `spec.retention` gives up goes in an order that no crash and no late writer upsets.
use super::world::{ASSETS, World};
use serde_json::{Value, json};

/// Lets time and watches pass, dying at the `n`th write, and then lives on in another process.
async fn killed_at(world: &World, n: usize, lands: bool) {
    let mut doomed = world.process();
    world.api.die(Some(n), lands);
    for _ in 0..8 {
        doomed.watch();
        doomed.look().await;
    }
    world.api.die(None, true);
    world.process().settle().await;
}

fn asset(world: &World) -> Value {
    world.api.get(&format!("{ASSETS}/night-drive")).unwrap()
}

fn change(world: &World, generation: i64, spec: &Value) {
    let change = json!({"metadata": {"generation": generation}, "spec": spec});
    world.api.change(&format!("{ASSETS}/night-drive"), &change);
}

fn reason(world: &World, kind: &str) -> Value {
    let asset = asset(world);
    let conditions = asset["status"]["conditions"].as_array().unwrap();
    let found = conditions.iter().find(|found| found["type"] == kind);
    found.map_or(Value::Null, |found| found["reason"].clone())
}

fn pointer(world: &World) -> Value {
    world.objects.json(&world.objects.keys("/ptr/")[0]).unwrap()
}

fn uid_of(object: &Value) -> String {
    object["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// A world whose asset has come as far as its pods can bring it.
async fn encoded(world: &World) {
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    // The log of its Job is kept for a while.
    world.pass(601);
    process.settle().await;
}

/// A world in which an upload was encoded.
async fn uploaded(retention: &Value) -> World {
    let world = World::new().await;
    let source = json!({"s3": null, "upload": {"filename": "night-drive.flac", "generation": 1}});
    let spec = json!({"source": source, "retention": retention});
    world.asset("night-drive", &spec);
    world.process().settle().await;
    world.upload("night-drive", 1);
    world
}

/// A world whose asset expires in the next second.
async fn expiring(spec: &Value) -> World {
    let world = World::new().await;
    let mut own = json!({"retention": {"expireAfterSeconds": 3600}});
    json_patch::merge(&mut own, spec);
    world.asset("night-drive", &own);
    encoded(&world).await;
    assert_eq!(asset(&world)["status"]["phase"], "Ready");
    world
}

#[tokio::test]
async fn what_expires_stops_playing_and_is_marked_wherever_a_process_dies() {
    for lands in [false, true] {
        for n in 1..8 {
            let world = expiring(&json!({"deletionPolicy": "Retain"})).await;
            let job = uid_of(&world.api.all("/transcodejobs/")[0]);
            world.pass(3600);
            killed_at(&world, n, lands).await;
            let when = format!("killed at write {n}, which landed: {lands}");
            assert_eq!(reason(&world, "Ready"), "Expired", "{when}");
            assert_eq!(reason(&world, "Playable"), "Expired", "{when}");
            assert_eq!(asset(&world)["status"]["phase"], "Failed", "{when}");
            assert_eq!(pointer(&world)["state"], "Withdrawn", "{when}");
            assert_eq!(world.api.all("/transcodejobs/"), Vec::<Value>::new());
            let tombstone = world.objects.json(&format!("vessel/sweep/{job}.json"));
            assert_eq!(tombstone.unwrap()["cause"], "Expired", "{when}");
        }
    }
}

#[tokio::test]
async fn what_has_expired_costs_nothing_and_is_not_encoded_again() {
    let world = expiring(&json!({})).await;
    world.pass(3600);
    let mut process = world.process();
    process.settle().await;
    change(&world, 2, &json!({"title": "Another title"}));
    process.settle().await;
    assert_eq!(reason(&world, "Ready"), "Expired");
    world.pass(86_400);
    world.api.take_reads();
    world.objects.take_requests();
    process.settle().await;
    assert_eq!(world.api.take_reads(), Vec::<String>::new());
    assert_eq!(world.objects.take_requests(), 0);
    assert_eq!(world.api.all("/transcodejobs/"), Vec::<Value>::new());
}

#[tokio::test]
async fn what_has_expired_plays_again_when_somebody_asks_for_it() {
    let world = expiring(&json!({})).await;
    world.pass(3600);
    world.process().settle().await;
    change(&world, 2, &json!({"restartToken": "again"}));
    encoded(&world).await;
    assert_eq!(asset(&world)["status"]["phase"], "Ready");
    assert_eq!(asset(&world)["status"]["freed"], Value::Null);
    assert_eq!(pointer(&world)["state"], "Live");
    // Its time is counted from then.
    world.pass(2900);
    world.process().settle().await;
    assert_eq!(asset(&world)["status"]["phase"], "Ready");
    world.pass(700);
    world.process().settle().await;
    assert_eq!(reason(&world, "Ready"), "Expired");
}

/// The process was paused when it was about to withdraw what has expired; meanwhile another
/// one did, and somebody asked for it again.
#[tokio::test]
async fn a_late_leader_withdraws_nothing_that_plays_again() {
    let world = expiring(&json!({})).await;
    world.pass(3600);
    let mut late = world.process();
    late.watch();
    late.look().await;
    late.watch();
    assert_eq!(reason(&world, "Ready"), "Expiring");
    world.process().settle().await;
    change(&world, 2, &json!({"restartToken": "again"}));
    encoded(&world).await;
    late.look().await;
    assert_eq!(pointer(&world)["state"], "Live");
    assert_eq!(world.api.all("/transcodejobs/").len(), 1);
}

#[tokio::test]
async fn a_source_goes_once_the_asset_is_ready_wherever_a_process_dies() {
    for lands in [false, true] {
        for n in 1..14 {
            let world = uploaded(&json!({"source": "DeleteWhenReady"})).await;
            killed_at(&world, n, lands).await;
            let asset_uid = uid_of(&asset(&world));
            let tombstone = format!("vessel/sweep/in-{asset_uid}-1.json");
            assert_eq!(world.objects.json(&tombstone), None, "{n}");
            world.pods_commit();
            killed_at(&world, n, lands).await;
            let status = asset(&world)["status"].clone();
            let when = format!("killed at write {n}, which landed: {lands}: {status:#}");
            assert_eq!(status["phase"], "Ready", "{when}");
            assert_eq!(status["source"]["state"], "Removed", "{when}");
            assert_eq!(
                world.objects.json(&tombstone).unwrap()["target"]["generation"],
                1,
                "{when}"
            );
        }
    }
}

/// R15: the source is removed while a profile is added.
#[tokio::test]
async fn a_profile_that_is_added_before_the_removal_is_recorded_keeps_the_source() {
    let world = uploaded(&json!({"source": "DeleteWhenReady"})).await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    while asset(&world)["status"]["phase"] != "Ready" {
        process.watch();
        process.look().await;
    }
    process.watch();
    change(&world, 2, &json!({"profiles": ["adaptive", "audio"]}));
    // What this process has seen is Ready and has no need of the source.
    process.look().await;
    assert_eq!(asset(&world)["status"]["source"]["state"], "Present");
}

/// R15: a profile that comes later can't be made, and what plays goes on playing.
#[tokio::test]
async fn a_profile_that_is_added_after_the_removal_needs_another_upload() {
    let world = uploaded(&json!({"source": "DeleteWhenReady"})).await;
    encoded(&world).await;
    let token = json!({"restartToken": "again"});
    change(&world, 2, &token);
    let mut process = world.process();
    process.settle().await;
    assert_eq!(reason(&world, "Ready"), "SourceRemoved");
    assert_eq!(reason(&world, "Playable"), "Published");
    assert_eq!(pointer(&world)["state"], "Live");
    assert_eq!(world.api.all("/transcodejobs/").len(), 1);

    change(&world, 3, &json!({"source": {"upload": {"generation": 2}}}));
    process.settle().await;
    assert_eq!(reason(&world, "Ready"), "AwaitingUpload");
    world.upload("night-drive", 2);
    world.pass(30);
    encoded(&world).await;
    assert_eq!(asset(&world)["status"]["phase"], "Ready");
}

#[tokio::test]
async fn what_a_failure_has_left_goes_in_its_time_wherever_a_process_dies() {
    for n in 1..6 {
        let world = uploaded(&json!({"cleanupAfterFailedSeconds": 60})).await;
        let mut process = world.process();
        process.settle().await;
        let job = world.api.all("/transcodejobs/").remove(0);
        let name = job["metadata"]["name"].as_str().unwrap();
        for number in 1..=3 {
            world.pass(700);
            process.settle().await;
            world.finish(&format!("{name}-{number}"), "Failed");
            process.settle().await;
        }
        assert_eq!(world.objects.keys("/sweep/"), Vec::<String>::new());
        world.pass(61);
        killed_at(&world, n, true).await;
        let status = asset(&world)["status"].clone();
        assert_eq!(
            (&status["phase"], reason(&world, "Ready")),
            (&json!("Failed"), json!("Internal"))
        );
        assert_eq!(status["freed"]["state"], "Freed", "{n}: {status:#}");
        assert_eq!(status["source"]["state"], "Removed", "{n}");
        let graves = world.objects.keys("/sweep/");
        let of_job = format!("vessel/sweep/{}.json", uid_of(&job));
        let of_upload = format!("vessel/sweep/in-{}-1.json", uid_of(&asset(&world)));
        let mut expected = [of_job, of_upload];
        expected.sort();
        assert_eq!(graves, expected, "{n}");
    }
}

#[tokio::test]
async fn an_upload_that_another_generation_replaces_is_marked_once_that_is_there() {
    let world = uploaded(&json!({})).await;
    encoded(&world).await;
    change(&world, 2, &json!({"source": {"upload": {"generation": 2}}}));
    let mut process = world.process();
    process.settle().await;
    assert_eq!(world.objects.keys("/sweep/"), Vec::<String>::new());
    // The second one never comes; the third does.
    change(&world, 3, &json!({"source": {"upload": {"generation": 3}}}));
    process.settle().await;
    let grave = |number: u8| format!("vessel/sweep/in-{}-{number}.json", uid_of(&asset(&world)));
    assert_eq!(world.objects.keys("/sweep/"), [grave(2)]);
    world.upload("night-drive", 3);
    world.pass(30);
    process.settle().await;
    assert_eq!(world.objects.keys("/sweep/"), [grave(1), grave(2)]);
    assert_eq!(pointer(&world)["state"], "Live");
}
