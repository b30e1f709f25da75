//! Who may do what.
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DynamicObject, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::fs;
use vessel_crds::{MediaAsset, TranscodeJob};
use vessel_e2e::audit::{Request, requests_of};
use vessel_e2e::cluster::RELEASE_NAMESPACE;
use vessel_e2e::media::Studio;
use vessel_e2e::scene::play;
use vessel_e2e::specs::{from_s3, in_test_store};
use vessel_e2e::{Cluster, Scene, note, tests};

tests! {
    a_tenant_writes_assets_and_nothing_else_of_vessel,
    nobody_but_the_operator_writes_transcode_jobs,
    the_operator_was_denied_nothing,
}

const TENANT: &str = "e2e-tenant";

async fn a_tenant_writes_assets_and_nothing_else_of_vessel(cluster: &Cluster) {
    play(cluster, "tenant", async |scene| {
        bind(scene, "edit").await;
        for (verb, resource, expected) in [
            ("create", "mediaassets.vessel.media", true),
            ("delete", "mediaassets.vessel.media", true),
            ("get", "transcodejobs.vessel.media", true),
            ("create", "transcodejobs.vessel.media", false),
            ("patch", "transcodejobs.vessel.media", false),
            ("delete", "transcodejobs.vessel.media", false),
            ("patch", "mediaassets.vessel.media/status", false),
            ("create", "mediastores.vessel.media", false),
            ("create", "transcodeprofiles.vessel.media", false),
        ] {
            assert_eq!(
                scene.may(TENANT, verb, resource).await,
                expected,
                "{verb} {resource}"
            );
        }
        let tenant = cluster.client_as(TENANT);
        let assets: Api<MediaAsset> = Api::namespaced(tenant, &scene.namespace);
        let asset = json!({
            "apiVersion": "vessel.media/v1alpha1", "kind": "MediaAsset",
            "metadata": {"name": "mine"},
            "spec": {"source": {"s3": {"key": "samples/none.flac"}}, "suspend": true},
        });
        let how = PatchParams::apply("tenant");
        assets
            .patch("mine", &how, &Patch::Apply(&asset))
            .await
            .unwrap();
    })
    .await;
}

async fn nobody_but_the_operator_writes_transcode_jobs(cluster: &Cluster) {
    play(cluster, "jobs", async |scene| {
        let store = cluster.store().await;
        let tone = fs::read(Studio::new().tone("tone.wav", 1).await)
            .await
            .unwrap();
        let key = store.put_source("jobs.wav", tone).await;
        scene.apply("mine", &in_test_store(from_s3(&key))).await;
        scene.ready("mine").await;
        let job = scene.jobs_of("mine").await.pop().unwrap();
        let (name, change) = (
            job.name_any(),
            json!({"spec": {"scheduling": {"priority": 7}}}),
        );
        // Not even an administrator: a job is trusted for what it says.
        let said = refusal(&cluster.client, scene, &name, &change).await;
        assert!(said.contains("operator"), "{said}");
        let created = forged(&job);
        let jobs: Api<DynamicObject> = scene.dynamic(&ApiResource::erase::<TranscodeJob>(&()));
        let answer = jobs.create(&PostParams::default(), &created).await;
        let said = answer
            .err()
            .map(|e| e.to_string())
            .expect("a forged job was accepted");
        assert!(said.contains("operator"), "{said}");
        // The operator itself can't change what a job works on.
        let operator = cluster.client_as("system:serviceaccount:vessel:vessel-operator");
        let change = json!({"spec": {"work": {"profileName": "another"}}});
        let said = refusal(&operator, scene, &name, &change).await;
        assert!(said.contains("spec.work is immutable"), "{said}");
    })
    .await;
}

/// What the API server says to a change of a job.
async fn refusal(client: &Client, scene: &Scene<'_>, name: &str, change: &Value) -> String {
    let jobs: Api<TranscodeJob> = Api::namespaced(client.clone(), &scene.namespace);
    let answer = jobs
        .patch(name, &PatchParams::default(), &Patch::Merge(change))
        .await;
    answer
        .err()
        .map(|e| e.to_string())
        .expect("the change was accepted")
}

fn forged(job: &TranscodeJob) -> DynamicObject {
    let object = json!({
        "apiVersion": "vessel.media/v1alpha1", "kind": "TranscodeJob",
        "metadata": {"name": "forged"}, "spec": job.spec,
    });
    serde_json::from_value(object).unwrap()
}

async fn bind(scene: &Scene<'_>, role: &str) {
    let binding = json!({
        "metadata": {"name": role},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": TENANT}],
    });
    let bindings = scene.api::<RoleBinding>();
    let binding = serde_json::from_value(binding).unwrap();
    bindings
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
}

/// RBAC grants all that the operator asks for; what it asked since its pods are there is printed.
async fn the_operator_was_denied_nothing(cluster: &Cluster) {
    let pods = cluster.operator_pods().await;
    assert!(!pods.is_empty(), "no operator");
    let births = pods.iter().filter_map(ResourceExt::creation_timestamp);
    let since = births.map(|time| time.0).min().unwrap();
    let requests = requests_of("vessel-operator", since).expect("the audit log can be read");
    let mut used: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    for request in &requests {
        *used
            .entry(request.resource())
            .or_default()
            .entry(request.verb.clone())
            .or_default() += 1;
    }
    for (resource, verbs) in &used {
        note(format!("the operator's use of {resource}: {verbs:?}"));
    }
    let denied: Vec<String> = requests
        .iter()
        .filter(|r| r.was_denied())
        .map(Request::line)
        .collect();
    assert!(denied.is_empty(), "denied: {denied:#?}");
    let read = requests
        .iter()
        .filter(|r| r.resource() == "secrets" && !r.writes());
    let elsewhere = read.filter(|r| r.namespace() != RELEASE_NAMESPACE);
    let lines: Vec<String> = elsewhere.map(Request::line).collect();
    assert!(lines.is_empty(), "Secrets of tenants were read: {lines:#?}");
    let origin = requests_of("vessel-origin", since).unwrap_or_default();
    assert!(
        origin.is_empty(),
        "the origin asked the API server: {:?}",
        origin[0].line()
    );
}
