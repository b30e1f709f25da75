//! Assets, jobs, profiles and stores for the tests of this crate.
use super::validate::{ChosenProfile, CurrentProfile, Valid};
use crate::store::{NotReady, ReadyStore, StoreHandle, StoreState};
use serde_json::{Value, json};
use std::sync::Arc;
use vessel_crds::media_asset::{Resolved, SourceStatus};
use vessel_crds::{MediaAsset, TranscodeJob, TranscodeProfile};
use vessel_storage::bucket::{Bucket, Connection, Credentials, Unobserved};
use vessel_storage::digest::Sha256;
use vessel_storage::key::Prefix;

/// UID of every asset here.
pub const ASSET_UID: &str = "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11";
/// UID of every store here.
pub const STORE_UID: &str = "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e";

/// `value` with the fields of `change` laid over it.
pub fn over(mut value: Value, change: &Value) -> Value {
    json_patch::merge(&mut value, change);
    value
}

/// An asset with a public s3 source, settled into the store `main`, with `change` over it.
pub fn asset(change: &Value) -> MediaAsset {
    let asset = json!({
        "apiVersion": "vessel.media/v1alpha1",
        "kind": "MediaAsset",
        "metadata": {
            "name": "night-drive", "namespace": "music", "uid": ASSET_UID, "generation": 1,
            "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z",
            "finalizers": ["vessel.media/storage"],
        },
        "spec": {"source": {"s3": {"key": "samples/night-drive.flac"}}, "visibility": "Public"},
        "status": {
            "observedGeneration": 1,
            "resolved": {"storeName": "main", "storeUid": STORE_UID, "profiles": ["adaptive"]},
        },
    });
    serde_json::from_value(over(asset, change)).unwrap()
}

/// A profile with an audio ladder, with `change` over it.
pub fn profile(name: &str, change: &Value) -> TranscodeProfile {
    let profile = json!({
        "metadata": {"name": name},
        "spec": {"encoding": {"audio": {"bitratesKbps": [64, 128]}}, "default": name == "adaptive"},
    });
    serde_json::from_value(over(profile, change)).unwrap()
}

/// What an asset gets that asks for `profiles`, all with the ladder of [`profile`].
pub fn valid(profiles: &[&str]) -> Valid {
    let store = store("main", &json!({}));
    let ready = store.ready().unwrap().clone();
    let chosen = |name: &&str| ChosenProfile {
        name: (*name).to_owned(),
        current: Some(current(&profile(name, &json!({})))),
    };
    Valid {
        resolved: Resolved {
            store_name: "main".to_owned(),
            store_uid: Some(STORE_UID.to_owned()),
            profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
        },
        profiles: profiles.iter().map(chosen).collect(),
        store,
        ready,
    }
}

/// What `profile` says.
pub fn current(profile: &TranscodeProfile) -> CurrentProfile {
    CurrentProfile {
        encoding: profile.spec.encoding.clone(),
        execution: profile.spec.execution.clone(),
    }
}

/// The source as it was found.
pub fn source(version: &str) -> SourceStatus {
    SourceStatus {
        version: version.to_owned(),
        ..SourceStatus::default()
    }
}

/// A ready store with `spec` over its own; nothing ever reaches its bucket.
pub fn store(name: &str, spec: &Value) -> Arc<StoreHandle> {
    let own = json!({"bucket": "vessel", "prefix": "vessel/", "default": true});
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let connection = Connection {
        bucket: "vessel".to_owned(),
        region: "us-east-1".to_owned(),
        endpoint: Some("http://127.0.0.1:9".to_owned()),
        addressing: vessel_crds::media_store::Addressing::Path,
        ca_bundle: None,
        credentials: Credentials::Static {
            access_key_id: "id".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: None,
        },
    };
    let bucket = std::thread::scope(|scope| {
        let connect =
            scope.spawn(|| runtime.block_on(Bucket::connect(connection, Arc::new(Unobserved))));
        connect.join().unwrap().unwrap()
    });
    Arc::new(StoreHandle {
        name: name.to_owned(),
        spec: serde_json::from_value(over(own, spec)).unwrap(),
        state: StoreState::Ready(ReadyStore {
            uid: STORE_UID.parse().unwrap(),
            prefix: Prefix::new("vessel/"),
            upload: bucket.clone(),
            bucket,
        }),
    })
}

/// A store that can't be used.
pub fn store_not_ready(name: &str) -> Arc<StoreHandle> {
    Arc::new(StoreHandle {
        state: StoreState::NotReady(NotReady {
            reason: "StorageDenied".to_owned(),
            message: "the key is wrong".to_owned(),
        }),
        ..store(name, &json!({})).as_ref().clone()
    })
}

/// The job that `asset` has for `profile` at a source version, with `status` as its status.
pub fn job(
    asset: &MediaAsset,
    profile: &TranscodeProfile,
    version: &str,
    status: &Value,
) -> Arc<TranscodeJob> {
    let name = profile.metadata.name.clone().unwrap();
    let work = super::build::work(
        asset,
        &source(version),
        ("main", STORE_UID),
        (&name, &profile.spec.encoding),
    );
    let mut job = super::build::transcode_job(asset, work, profile.spec.execution.clone());
    job.metadata.uid = Some(uid(&job.spec.work.key));
    job.metadata.resource_version = Some("11".to_owned());
    job.metadata.generation = Some(1);
    job.metadata.creation_timestamp =
        Some(serde_json::from_value(json!("2026-01-01T00:00:01Z")).unwrap());
    job.status = serde_json::from_value(status.clone()).unwrap();
    Arc::new(job)
}

/// A UID that is always the same for the same text.
pub fn uid(text: &str) -> String {
    let digits = Sha256::of(text.as_bytes()).to_string();
    format!(
        "{}-{}-4{}-8{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..32]
    )
}

/// The status of a job that was committed.
pub fn committed() -> Value {
    json!({
        "observedGeneration": 1, "phase": "Ready", "attemptsStarted": 1, "progressPercent": 100,
        "output": {
            "prefix": "vessel/pub/a/j/p/", "manifestKey": "vessel/pub/a/j/p/manifest.json",
            "manifestSha256": "0".repeat(64), "podUid": "00000000-0000-4000-8000-000000000001",
            "bytes": 13_000_000, "objects": 40, "hls": "master.m3u8", "sourceSha256": "1".repeat(64),
        },
        "media": {"durationMillis": 204_100, "container": "flac"},
    })
}

/// The status of a job that has given up.
pub fn failed(reason: &str) -> Value {
    json!({
        "observedGeneration": 1, "phase": "Failed", "attemptsStarted": 1,
        "message": format!("{reason}: it is broken. Permanent, not retried: replace the source or set spec.restartToken."),
        "failure": {"reason": reason, "message": "it is broken", "permanent": true},
    })
}

/// The status of a job that runs.
pub fn running(percent: i32) -> Value {
    json!({
        "observedGeneration": 1, "phase": "Running", "attemptsStarted": 1, "progressPercent": percent,
        "attempts": [{"number": 1, "job": "night-drive-1", "startTime": "2026-01-01T00:00:05Z"}],
    })
}
