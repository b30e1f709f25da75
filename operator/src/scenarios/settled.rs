//! A settled object costs nothing.
use super::world::{ASSETS, World};
use serde_json::json;

#[tokio::test]
async fn an_asset_becomes_ready_and_then_costs_nothing() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    let asset = world.api.get(&format!("{ASSETS}/night-drive")).unwrap();
    assert_eq!(asset["status"]["phase"], "Ready", "{asset:#}");
    assert_eq!(asset["status"]["profilesReady"], "1/1");
    assert_eq!(asset["status"]["duration"], "12s");
    let pointer = world.objects.keys("/ptr/");
    assert_eq!(pointer.len(), 1);
    let pointer = world.objects.json(&pointer[0]).unwrap();
    assert_eq!(
        (&pointer["state"], &pointer["revision"]),
        (&json!("Live"), &json!(1))
    );

    // The Job's log is kept for a while; then nothing is left to do.
    world.pass(3600);
    process.settle().await;
    world.api.take_reads();
    world.objects.take_requests();
    process.watch();
    process.look().await;
    assert_eq!(world.api.take_writes(), Vec::<String>::new());
    assert_eq!(world.api.take_reads(), Vec::<String>::new());
    assert_eq!(world.objects.take_requests(), 0);
}

#[tokio::test]
async fn a_new_process_writes_nothing_about_what_is_settled() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    world.api.take_writes();
    let mut second = world.process();
    second.watch();
    second.look().await;
    assert_eq!(world.api.take_writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_title_changes_the_pointer_and_encodes_nothing() {
    let world = World::new().await;
    let mut process = world.process();
    process.settle().await;
    world.pods_commit();
    process.settle().await;
    let change = json!({"spec": {"title": "Night Drive"}, "metadata": {"generation": 2}});
    world.api.change(&format!("{ASSETS}/night-drive"), &change);
    process.settle().await;
    let pointer = world.objects.json(&world.objects.keys("/ptr/")[0]).unwrap();
    assert_eq!(
        (&pointer["title"], &pointer["revision"]),
        (&json!("Night Drive"), &json!(2))
    );
    assert_eq!(world.api.all("/transcodejobs/").len(), 1);
}
