//! What is mounted: a token for the grant endpoint alone, scratch of a bounded size, and the
//! headers Secret of an http source.
use super::{Attempt, PodSettings};
use k8s_openapi::api::core::v1::{
    EmptyDirVolumeSource, KeyToPath, ProjectedVolumeSource, SecretVolumeSource,
    ServiceAccountTokenProjection, Volume, VolumeMount, VolumeProjection,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use vessel_storage::order::{HEADERS_DIR, SCRATCH_DIR};

/// Seconds that the token lives; the kubelet renews it.
const TOKEN_SECONDS: i64 = 600;
/// Folder of [`vessel_storage::order::TOKEN_FILE`].
const TOKEN_DIR: &str = "/var/run/vessel/token";

pub(super) fn volumes(attempt: &Attempt<'_>, settings: &PodSettings) -> Vec<Volume> {
    let mut volumes = vec![
        token(&settings.audience),
        scratch(settings.transcoder.scratch_bytes),
    ];
    volumes.extend(headers_secret(attempt).map(headers));
    volumes
}

pub(super) fn mounts(attempt: &Attempt<'_>) -> Vec<VolumeMount> {
    let mut mounts = vec![
        VolumeMount {
            read_only: Some(true),
            ..mount("token", TOKEN_DIR)
        },
        mount("scratch", SCRATCH_DIR),
    ];
    mounts.extend(headers_secret(attempt).map(|_| VolumeMount {
        read_only: Some(true),
        ..mount("headers", HEADERS_DIR)
    }));
    mounts
}

fn headers_secret<'a>(attempt: &Attempt<'a>) -> Option<&'a str> {
    attempt
        .work
        .source
        .http
        .as_ref()?
        .headers_secret_name
        .as_deref()
}

fn mount(name: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

fn token(audience: &str) -> Volume {
    Volume {
        name: "token".to_owned(),
        projected: Some(ProjectedVolumeSource {
            default_mode: Some(0o440),
            sources: Some(vec![VolumeProjection {
                service_account_token: Some(ServiceAccountTokenProjection {
                    audience: Some(audience.to_owned()),
                    expiration_seconds: Some(TOKEN_SECONDS),
                    path: "token".to_owned(),
                }),
                ..VolumeProjection::default()
            }]),
        }),
        ..Volume::default()
    }
}

fn scratch(bytes: u64) -> Volume {
    Volume {
        name: "scratch".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            size_limit: Some(Quantity(bytes.to_string())),
            medium: None,
        }),
        ..Volume::default()
    }
}

/// Optional, so that the rest of a GitOps apply may come later: the pod says what is missing.
fn headers(secret: &str) -> Volume {
    let item = |key: &str| KeyToPath {
        key: key.to_owned(),
        path: key.to_owned(),
        mode: None,
    };
    Volume {
        name: "headers".to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret.to_owned()),
            items: Some(vec![item("headers"), item("hosts")]),
            default_mode: Some(0o440),
            optional: Some(true),
        }),
        ..Volume::default()
    }
}
