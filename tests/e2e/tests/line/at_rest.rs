//! What the operator costs when all is done.
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use std::time::{Duration, Instant};
use vessel_crds::MediaStore;
use vessel_e2e::audit::{Request, requests_of};
use vessel_e2e::operator::{Metrics, Process, cost, processes};
use vessel_e2e::scene::LABEL;
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, Scene, note};

/// How long the operator is watched.
const SPAN: Duration = seconds(40);

/// Watches the operator while nothing changes: it writes nothing and lists nothing. What it
/// costs is printed.
pub async fn costs_nothing(scene: &Scene<'_>) {
    let cluster = scene.cluster;
    settle(scene).await;
    let before = costs(cluster).await;
    let (since, start) = (Timestamp::now(), Instant::now());
    let calls_before = calls(cluster).await;
    tokio::time::sleep(SPAN).await;
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    let calls = (calls(cluster).await - calls_before) / minutes;
    let after = costs(cluster).await;
    assert!(
        !after.is_empty(),
        "no process of the operator on this machine"
    );
    for (process, (cpu, memory)) in &after {
        let earlier = before.iter().find(|(other, _)| other == process);
        let used = cpu - earlier.map_or(0.0, |(_, (cpu, _))| *cpu);
        let mebibytes = *memory as f64 / f64::from(1 << 20);
        let share = 100.0 * used / (minutes * 60.0);
        note(format!(
            "{} at rest: {mebibytes:.1} MiB, {share:.2} % of a CPU",
            process.pod
        ));
    }
    note(format!(
        "calls of the API by the operator's own count: {calls:.1} a minute"
    ));
    quiet(since, minutes);
}

/// By the API server's own log: no writes and no lists, the Lease apart.
fn quiet(since: Timestamp, minutes: f64) {
    let requests = requests_of("vessel-operator", since).expect("the audit log can be read");
    let (lease, others): (Vec<_>, Vec<_>) = requests
        .into_iter()
        .partition(|request| request.resource() == "leases");
    let [lease, all_else] = [&lease, &others].map(|calls| calls.len() as f64 / minutes);
    note(format!(
        "by the audit log: {lease:.1} of the Lease, {all_else:.1} others a minute"
    ));
    assert!(lease > 0.0, "the audit log has nothing of the leader");
    let loud = others
        .iter()
        .filter(|request| request.writes() || request.verb == "list");
    let lines: Vec<String> = loud.map(Request::line).collect();
    assert!(lines.is_empty(), "not at rest: {lines:#?}");
}

/// Waits until the other tests' namespaces are gone and no storage is about to be freed.
async fn settle(scene: &Scene<'_>) {
    let client = &scene.cluster.client;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let stores: Api<MediaStore> = Api::all(client.clone());
    until("all other work is done", seconds(240), async || {
        let scenes = ListParams::default().labels(LABEL);
        let all = namespaces.list(&scenes).await.map_err(|e| e.to_string())?;
        let mut names = all.iter().map(ResourceExt::name_any);
        if let Some(other) = names.find(|name| *name != scene.namespace) {
            return Err(format!("{other} is there"));
        }
        let all = stores
            .list(&ListParams::default())
            .await
            .map_err(|e| e.to_string())?;
        match all.iter().find(|store| is_about_to_sweep(store)) {
            Some(store) => Err(format!("{}: {:?}", store.name_any(), store.status)),
            None => Ok(()),
        }
    })
    .await;
    // The caches follow within moments; what is measured is the state after that.
    tokio::time::sleep(seconds(5)).await;
}

/// Whether a sweep of the store will change its status while the operator is watched. The
/// storage of jobs that were called off waits for hours, until their pods can't run any more.
fn is_about_to_sweep(store: &MediaStore) -> bool {
    let sweep = store
        .status
        .as_ref()
        .and_then(|status| status.sweep.as_ref());
    let soon = Timestamp::now() + SignedDuration::from_mins(5);
    sweep.is_some_and(|sweep| {
        sweep.pending > 0 && sweep.next_due.as_ref().is_none_or(|due| due.0 < soon)
    })
}

async fn costs(cluster: &Cluster) -> Vec<(Process, (f64, u64))> {
    let all = processes(cluster).await.into_iter();
    all.map(|process| (process.clone(), cost(&process)))
        .collect()
}

async fn calls(cluster: &Cluster) -> f64 {
    let metrics = Metrics::read(cluster).await;
    metrics
        .sum("vessel_kube_requests_total", &[])
        .unwrap_or_default()
}
