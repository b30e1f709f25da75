//! The pod: one container that may do nothing but read its source and write its own folder.
use super::volumes::{mounts, volumes};
use super::{Attempt, CONTAINER, PodSettings};
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EnvVar, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext,
};
use vessel_crds::source::{HttpSource, Source};
use vessel_storage::order::{HeadersSecret, Limits, Order, OrderedSource, TOKEN_FILE};

/// User and group of every image of ours.
const USER: i64 = 65_532;
/// Seconds that a pod has between SIGTERM and SIGKILL: enough to write a verdict.
const GRACE_SECONDS: i64 = 30;

pub(super) fn pod_spec(attempt: &Attempt<'_>, settings: &PodSettings) -> PodSpec {
    let transcoder = &settings.transcoder;
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        active_deadline_seconds: Some(attempt.execution.deadline_seconds),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(pod_security()),
        containers: vec![container(attempt, settings)],
        volumes: Some(volumes(attempt, settings)),
        image_pull_secrets: some(transcoder.image_pull_secrets.clone()),
        tolerations: some(transcoder.tolerations.clone()),
        node_selector: (!transcoder.node_selector.is_empty())
            .then(|| transcoder.node_selector.clone()),
        affinity: transcoder.affinity.clone(),
        priority_class_name: named(&transcoder.priority_class_name),
        runtime_class_name: named(&transcoder.runtime_class_name),
        ..PodSpec::default()
    }
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn named(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

fn pod_security() -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: Some(USER),
        run_as_group: Some(USER),
        fs_group: Some(USER),
        seccomp_profile: Some(runtime_default()),
        ..PodSecurityContext::default()
    }
}

fn runtime_default() -> SeccompProfile {
    SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    }
}

fn container(attempt: &Attempt<'_>, settings: &PodSettings) -> Container {
    let (resources, memory_bytes) = attempt.resources();
    Container {
        name: CONTAINER.to_owned(),
        image: Some(settings.transcoder.image.clone()),
        image_pull_policy: Some(settings.transcoder.image_pull_policy.as_str().to_owned()),
        env: Some(environment(attempt, settings, memory_bytes)),
        resources: Some(resources),
        volume_mounts: Some(mounts(attempt)),
        termination_message_policy: Some("File".to_owned()),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                add: None,
            }),
            privileged: Some(false),
            read_only_root_filesystem: Some(true),
            run_as_non_root: Some(true),
            seccomp_profile: Some(runtime_default()),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}

fn environment(attempt: &Attempt<'_>, settings: &PodSettings, memory_bytes: i64) -> Vec<EnvVar> {
    let limits = Limits {
        memory_bytes: u64::try_from(memory_bytes).unwrap_or_default(),
        ..settings.limits.clone()
    };
    let store_ca = settings
        .store_ca
        .clone()
        .map(|pem| ("VESSEL_STORE_CA", pem));
    [
        ("VESSEL_JOB", json(&order(attempt))),
        ("VESSEL_LIMITS", json(&limits)),
        ("VESSEL_GRANT_URL", settings.grant_url.clone()),
        ("VESSEL_GRANT_CA", settings.grant_ca.clone()),
        ("VESSEL_TOKEN_FILE", TOKEN_FILE.to_owned()),
    ]
    .into_iter()
    .chain(store_ca)
    .map(|(name, value)| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    })
    .collect()
}

/// Both types are plain structures with string keys: they always have a JSON form.
fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn order(attempt: &Attempt<'_>) -> Order {
    Order {
        namespace: attempt.namespace.to_owned(),
        name: attempt.name.to_owned(),
        job_uid: attempt.job_uid,
        asset_uid: attempt.asset_uid,
        attempt: u32::try_from(attempt.number).unwrap_or_default(),
        profile_name: attempt.work.profile_name.clone(),
        encoding: attempt.work.encoding.clone(),
        source: ordered_source(attempt, &attempt.work.source),
    }
}

fn ordered_source(attempt: &Attempt<'_>, source: &Source) -> OrderedSource {
    let Some(http) = &source.http else {
        return OrderedSource::Granted;
    };
    OrderedSource::Http {
        url: http.url.clone(),
        sha256: http.sha256.clone(),
        expected_etag: attempt.expected_etag.map(ToOwned::to_owned),
        headers: headers(http),
        plain_http: attempt.plain_http,
    }
}

fn headers(http: &HttpSource) -> HeadersSecret {
    match http.headers_secret_name {
        Some(_) => HeadersSecret::Mounted,
        None => HeadersSecret::None,
    }
}
