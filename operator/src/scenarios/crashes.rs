//! The operator can be killed at any write, and its next start finds the truth.
use super::world::{ASSETS, World};
use serde_json::{Value, json};

/// What must be there once everything has settled, whatever happened on the way.
fn one_of_everything(world: &World, when: &str) {
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    assert_eq!(asset["status"]["phase"], "Ready", "{when}: {asset:#}");
    let jobs = world.api.all("/transcodejobs/");
    assert_eq!(jobs.len(), 1, "{when}");
    let status = &jobs[0]["status"];
    assert_eq!(status["attemptsStarted"], 1, "{when}: {status:#}");
    assert_eq!(
        status["attempts"].as_array().map(Vec::len),
        Some(1),
        "{when}"
    );
    assert_eq!(world.objects.keys("/commit.json").len(), 1, "{when}");
    let pointer = world.objects.json(&world.objects.keys("/ptr/")[0]).unwrap();
    assert_eq!(
        pointer["renditions"][0]["jobUID"], jobs[0]["metadata"]["uid"],
        "{when}"
    );
    assert_eq!(pointer["revision"], json!(1), "{when}");
}

/// Runs from nothing to Ready in a world whose process dies at its `n`th write; whether it
/// got that far.
async fn run(world: &World, n: usize, lands: bool) -> bool {
    let mut doomed = world.process();
    world.api.die(Some(n), lands);
    for _ in 0..12 {
        doomed.watch();
        doomed.look().await;
        if !world.api.all("/jobs/").is_empty() {
            world.pods_commit();
        }
    }
    drop(doomed);
    world.api.die(None, true);
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    let done = asset["status"]["phase"] == "Ready";
    let mut next = world.process();
    next.settle().await;
    world.pods_commit();
    next.settle().await;
    done
}

#[tokio::test]
async fn killed_at_any_write_there_is_one_job_one_attempt_one_commit() {
    for lands in [false, true] {
        let mut reached_the_end = false;
        for n in 1..20 {
            let world = World::new().await;
            reached_the_end = run(&world, n, lands).await;
            let when = format!(
                "killed at write {n}, which {}",
                if lands { "landed" } else { "did not" }
            );
            one_of_everything(&world, &when);
        }
        assert!(reached_the_end, "20 writes are enough for the whole line");
    }
}

#[tokio::test]
async fn killed_at_any_write_of_a_deletion_everything_goes_and_is_marked() {
    for n in 1..10 {
        let world = World::new().await;
        let mut first = world.process();
        first.settle().await;
        world.pods_commit();
        first.settle().await;
        let deletion = json!({"metadata": {"deletionTimestamp": "2026-01-01T01:00:00Z"}});
        world
            .api
            .change(&format!("{ASSETS}/night-drive"), &deletion);
        world.api.die(Some(n), true);
        for _ in 0..6 {
            first.watch();
            first.look().await;
        }
        world.api.die(None, true);
        let mut next = world.process();
        next.settle().await;
        assert_eq!(world.api.all("/mediaassets/"), Vec::<Value>::new(), "{n}");
        assert_eq!(world.api.all("/transcodejobs/"), Vec::<Value>::new(), "{n}");
        assert_eq!(world.objects.keys("/sweep/").len(), 2, "{n}");
        let pointer = world.objects.json(&world.objects.keys("/ptr/")[0]).unwrap();
        assert_eq!(pointer["state"], "Withdrawn", "{n}");
    }
}
