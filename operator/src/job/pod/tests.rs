use super::*;
use crate::settings::TranscoderConfig;
use k8s_openapi::api::core::v1::PodSpec;
use serde_json::json;
use vessel_crds::execution::Execution;
use vessel_crds::transcode_job::Work;
use vessel_storage::order::{Limits, Order, OrderedSource, PlainHttp, SandboxMode};

fn work(source: &serde_json::Value) -> Work {
    serde_json::from_value(json!({
        "assetName": "night-drive",
        "assetUid": "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11",
        "key": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "profileName": "adaptive",
        "encoding": {"audio": {"bitratesKbps": [64, 128]}},
        "source": source,
        "sourceVersion": "\"etag\"",
        "sourceEtag": "\"etag\"",
        "sourceBytes": 1000,
        "storeName": "main",
        "storeUid": "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e",
        "visibility": "Public",
    }))
    .unwrap()
}

fn settings() -> PodSettings {
    PodSettings {
        transcoder: TranscoderConfig {
            image: "vesselmedia/transcoder:test".to_owned(),
            pod_labels: [("team".to_owned(), "media".to_owned())].into(),
            ..TranscoderConfig::default()
        },
        audience: "grant.vessel.media/vessel/vessel".to_owned(),
        grant_url: "https://vessel-operator.vessel.svc".to_owned(),
        grant_ca: "PEM".to_owned(),
        store_ca: None,
        limits: Limits {
            max_source_bytes: 5 << 30,
            max_duration_seconds: 43_200,
            max_objects: 50_000,
            memory_bytes: 0,
            scratch_bytes: 6 << 30,
            allowed_cidrs: Vec::new(),
            denied_cidrs: vec!["198.19.0.0/16".to_owned()],
            sandbox: SandboxMode::Required,
        },
    }
}

fn attempt<'a>(work: &'a Work, execution: &'a Execution) -> Attempt<'a> {
    Attempt {
        namespace: "music",
        name: "night-drive-0123456789",
        job_uid: "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e".parse().unwrap(),
        asset_uid: work.asset_uid.parse().unwrap(),
        number: 1,
        work,
        execution,
        memory_limit_bytes: None,
        plain_http: PlainHttp::Refused,
        expected_etag: None,
    }
}

fn job(source: &serde_json::Value, memory_limit_bytes: Option<i64>) -> Job {
    let (work, execution) = (work(source), Execution::default());
    let attempt = Attempt {
        memory_limit_bytes,
        ..attempt(&work, &execution)
    };
    build(&attempt, &settings())
}

fn pod(job: &Job) -> &PodSpec {
    job.spec.as_ref().unwrap().template.spec.as_ref().unwrap()
}

fn env<'a>(job: &'a Job, name: &str) -> &'a str {
    let env = pod(job).containers[0].env.as_ref().unwrap();
    let variable = env.iter().find(|variable| variable.name == name).unwrap();
    variable.value.as_deref().unwrap()
}

fn s3() -> serde_json::Value {
    json!({"s3": {"key": "samples/night-drive.flac"}})
}

fn http() -> serde_json::Value {
    json!({"http": {"url": "https://example.com/a.flac", "headersSecretName": "headers"}})
}

#[test]
fn an_http_source_has_to_be_what_an_earlier_attempt_found() {
    let (work, execution) = (work(&http()), Execution::default());
    let attempt = Attempt {
        expected_etag: Some("\"v1\""),
        ..attempt(&work, &execution)
    };
    let order: Order =
        serde_json::from_str(env(&build(&attempt, &settings()), "VESSEL_JOB")).unwrap();
    let OrderedSource::Http { expected_etag, .. } = order.source else {
        panic!("not from a web server");
    };
    assert_eq!(expected_etag.as_deref(), Some("\"v1\""));
}

#[test]
fn the_job_of_an_s3_source() {
    insta::assert_yaml_snapshot!(job(&s3(), None));
}

#[test]
fn an_http_source_mounts_its_headers_and_nothing_else() {
    let job = job(&http(), None);
    insta::assert_yaml_snapshot!((
        pod(&job).volumes.as_ref().unwrap(),
        pod(&job).containers[0].volume_mounts.as_ref().unwrap()
    ));
    let order: Order = serde_json::from_str(env(&job, "VESSEL_JOB")).unwrap();
    assert!(matches!(
        order.source,
        OrderedSource::Http {
            plain_http: PlainHttp::Refused,
            ..
        }
    ));
}

#[test]
fn more_memory_after_the_last_attempt_ran_out_of_it() {
    let job = job(&s3(), Some(2 << 30));
    let limits = pod(&job).containers[0]
        .resources
        .as_ref()
        .unwrap()
        .limits
        .clone()
        .unwrap();
    assert_eq!(limits["memory"].0, (2_i64 << 30).to_string());
    let told: Limits = serde_json::from_str(env(&job, "VESSEL_LIMITS")).unwrap();
    assert_eq!(told.memory_bytes, 2 << 30);
}

#[test]
fn a_store_with_an_authority_of_its_own_is_told_to_the_pod() {
    let settings = PodSettings {
        store_ca: Some("STORE PEM".to_owned()),
        ..settings()
    };
    let (work, execution) = (work(&s3()), Execution::default());
    let told = build(&attempt(&work, &execution), &settings);
    assert_eq!(env(&told, "VESSEL_STORE_CA"), "STORE PEM");
}

/// Pod Security "restricted", as its controls are listed in the Kubernetes documentation.
#[test]
fn a_pod_is_restricted() {
    for source in [s3(), http()] {
        let job = job(&source, None);
        let pod = pod(&job);
        let security = pod.containers[0].security_context.as_ref().unwrap();
        assert_eq!(security.allow_privilege_escalation, Some(false));
        assert_eq!(security.run_as_non_root, Some(true));
        assert_eq!(security.read_only_root_filesystem, Some(true));
        let capabilities = security.capabilities.as_ref().unwrap();
        assert_eq!(capabilities.drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(capabilities.add, None);
        assert_eq!(
            security.seccomp_profile.as_ref().unwrap().type_,
            "RuntimeDefault"
        );
        assert_eq!(pod.automount_service_account_token, Some(false));
        assert_eq!(pod.service_account_name, None);
        assert!(
            [pod.host_network, pod.host_pid, pod.host_ipc]
                .iter()
                .all(Option::is_none)
        );
        for volume in pod.volumes.as_ref().unwrap() {
            let kinds = [
                volume.projected.is_some(),
                volume.empty_dir.is_some(),
                volume.secret.is_some(),
            ];
            assert_eq!(
                kinds.iter().filter(|kind| **kind).count(),
                1,
                "{}",
                volume.name
            );
        }
    }
}

#[test]
fn what_the_chart_adds_never_hides_our_labels() {
    let mut settings = settings();
    settings.transcoder.pod_labels = [
        (labels::TRANSCODE_JOB.to_owned(), "another".to_owned()),
        ("team".to_owned(), "media".to_owned()),
    ]
    .into();
    let (work, execution) = (work(&s3()), Execution::default());
    let labels = pod_labels(&attempt(&work, &execution), &settings);
    assert_eq!(
        labels["vessel.media/transcodejob"],
        "night-drive-0123456789"
    );
    assert_eq!(labels["team"], "media");
}

#[test]
fn names_fit() {
    let longest = format!("{}-{}", "a".repeat(40), "0".repeat(10));
    assert!(job_name(&longest, 1_000_000).len() <= 63);
}
