//! The sweep against a real S3 server: the interleavings of `docs/protocol.md`.
use super::claim::{self, Standing};
use super::graves::Graves;
use super::halt::Halt;
use super::pass::Pass;
use super::unclaimed::{Unclaimed, measure};
use super::{Grave, Waits, mark};
use crate::leader::LeaseView;
use crate::metrics::{Metrics, SweepErrorReason};
use crate::store::ReadyStore;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vessel_crds::media_asset::Visibility;
use vessel_crds::media_store::Sweep;
use vessel_storage::bucket::{Creation, Replacement};
use vessel_storage::claim::Claim;
use vessel_storage::commit::{Commit, Published};
use vessel_storage::digest::Sha256;
use vessel_storage::gateway::Gateway;
use vessel_storage::key::{ExecutionFolder, JobFolder, Key, Prefix, Tree};
use vessel_storage::manifest::Manifest;
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::{PointedRendition, Pointer, PointerState, PresentationKind};
use vessel_storage::tombstone::{Cause, Target};
use vessel_storage::uid::{AssetUid, ClusterUid, JobUid, PodUid, StoreUid};

const TTL: SignedDuration = SignedDuration::from_secs(30);
const SETTLED: [&str; 2] = ["claim", "ptr"];

fn uid(digit: u8) -> uuid::Uuid {
    uuid::Uuid::from_bytes([digit; 16])
}

fn job(digit: u8) -> JobFolder {
    JobFolder {
        tree: Tree::Public,
        asset: AssetUid(uid(1)),
        job: JobUid(uid(digit)),
    }
}

/// A store with a claim of ours.
struct Yard {
    _gateway: Gateway,
    store: ReadyStore,
    settings: Sweep,
    graves: Graves,
    lease: LeaseView,
    metrics: Arc<Metrics>,
}

impl Yard {
    async fn new() -> Self {
        let gateway = Gateway::start().unwrap();
        let bucket = gateway.bucket().await.unwrap();
        let store = ReadyStore {
            uid: StoreUid(uid(9)),
            prefix: Prefix::new("v/"),
            upload: bucket.clone(),
            bucket,
        };
        let claim = Claim {
            cluster_uid: ClusterUid(uid(8)),
            store_uid: store.uid,
        };
        store
            .bucket
            .create_json(&store.prefix.claim(), &claim)
            .await
            .unwrap();
        let lease = LeaseView::default();
        lease.renewed(0, Instant::now() + Duration::from_mins(10));
        Self {
            _gateway: gateway,
            store,
            settings: Sweep {
                grace_seconds: 5,
                skew_seconds: 1,
                ..Sweep::default()
            },
            graves: Graves::default(),
            lease,
            metrics: Metrics::new().unwrap(),
        }
    }

    /// A committed job with a few objects; its commit.
    async fn publish(&self, folder: JobFolder) -> Commit {
        let execution = folder.execution(PodUid(uid(7)));
        let manifest = manifest(execution);
        for name in [
            "audio-64k/00001.m4s",
            "audio-64k/playlist.m3u8",
            "master.m3u8",
        ] {
            self.put(execution, name, b"x".to_vec()).await;
        }
        self.put(execution, "manifest.json", manifest.clone()).await;
        let commit = Commit::Published(Published {
            pod_uid: execution.pod,
            attempt: 2,
            manifest_key: self
                .store
                .prefix
                .object(execution, &ObjectPath::Manifest)
                .to_string(),
            manifest_sha256: Sha256::of(&manifest),
        });
        let key = self.store.prefix.commit(folder);
        self.store.bucket.create_json(&key, &commit).await.unwrap();
        commit
    }

    async fn put(&self, execution: ExecutionFolder, name: &str, body: Vec<u8>) {
        let key = self.store.prefix.object(execution, &name.parse().unwrap());
        self.store.bucket.create(&key, body).await.unwrap();
    }

    async fn point(&self, state: PointerState, folder: JobFolder) {
        let key = self.store.prefix.pointer(folder.asset);
        let found = self.store.bucket.get_json::<Pointer>(&key).await.unwrap();
        let revision = found.as_ref().map_or(1, |found| found.value.revision + 1);
        let pointer = pointer(state, folder, revision);
        match found {
            None => {
                let created = self.store.bucket.create_json(&key, &pointer).await.unwrap();
                assert!(matches!(created, Creation::Created(_)));
            }
            Some(found) => {
                let etag = &found.etag;
                let replaced = self
                    .store
                    .bucket
                    .replace_json(&key, &pointer, etag)
                    .await
                    .unwrap();
                assert!(matches!(replaced, Replacement::Replaced(_)));
            }
        }
    }

    async fn mark(&self, target: Target) -> Timestamp {
        let grave = Grave {
            target,
            cause: Cause::AssetDeleted,
            namespace: "music".to_owned(),
            name: "night-drive".to_owned(),
            pods_for: SignedDuration::ZERO,
        };
        let waits = Waits {
            sweep: &self.settings,
            grant_ttl: TTL,
        };
        mark(&self.store, "main", &grave, waits, &self.graves)
            .await
            .unwrap();
        self.graves.next_due("main").unwrap()
    }

    async fn sweep(&self, now: Timestamp) -> Result<Option<String>, Halt> {
        let pass = Pass {
            name: "main",
            store: &self.store,
            settings: &self.settings,
            cluster: ClusterUid(uid(8)),
            lease: &self.lease,
            grant_ttl: TTL,
            published: 0,
            graves: &self.graves,
            metrics: &self.metrics,
        };
        pass.run(now).await
    }

    /// Every key, without the store's prefix.
    async fn keys(&self) -> Vec<String> {
        let all = self.store.bucket.list_all(&Key::foreign("")).await.unwrap();
        all.iter().map(|object| object.key.to_string()).collect()
    }

    async fn commit(&self, folder: JobFolder) -> Option<Commit> {
        let key = self.store.prefix.commit(folder);
        self.store
            .bucket
            .get_json(&key)
            .await
            .unwrap()
            .map(|found| found.value)
    }
}

fn pointer(state: PointerState, folder: JobFolder, revision: u64) -> Pointer {
    let execution = folder.execution(PodUid(uid(7)));
    Pointer {
        revision,
        lease_transitions: 0,
        state,
        visibility: Visibility::Public,
        asset_uid: folder.asset,
        store_uid: StoreUid(uid(9)),
        namespace: "music".to_owned(),
        name: "night-drive".to_owned(),
        title: None,
        metadata: std::collections::BTreeMap::new(),
        duration_millis: None,
        renditions: vec![PointedRendition {
            profile: "adaptive".to_owned(),
            job_uid: folder.job,
            pod_uid: execution.pod,
            manifest_sha256: Sha256::of(&manifest(execution)),
            hls: Some(ObjectPath::Master),
            dash: None,
            kind: PresentationKind::Audio,
        }],
    }
}

fn manifest(execution: ExecutionFolder) -> Vec<u8> {
    let manifest: Manifest = serde_json::from_value(json!({
        "formatVersion": 1, "jobUID": execution.job.job, "podUID": execution.pod, "attempt": 2,
        "source": {"bytes": 1, "sha256": Sha256::of(b"source")},
        "profileName": "adaptive", "encoding": {"audio": {"bitratesKbps": [64]}},
        "media": {}, "kind": "Audio", "rungs": [], "objects": [],
        "tools": {"vessel": "0", "ffmpeg": "7"}, "commands": [],
        "cost": {"cpuMillis": 0, "wallMillis": 0, "peakMemoryBytes": 0, "bytesRead": 0,
            "bytesWritten": 0, "storeRequests": 0}
    }))
    .unwrap();
    serde_json::to_vec(&manifest).unwrap()
}

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}

#[tokio::test]
async fn dead_storage_goes_after_its_time_and_its_tombstone_goes_last() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    yard.point(PointerState::Withdrawn, job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    let before = yard.keys().await;
    yard.sweep(later(due, -1)).await.unwrap();
    assert_eq!(yard.keys().await, before, "nothing goes before its time");
    yard.sweep(due).await.unwrap();
    assert_eq!(yard.commit(job(2)).await, Some(Commit::Void));
    assert_eq!(
        yard.keys().await.len(),
        4,
        "claim, pointer, void commit, tombstone"
    );
    yard.sweep(later(due, 30)).await.unwrap();
    assert_eq!(yard.keys().await.len(), 4, "granted URLs work still");
    yard.sweep(later(due, 31)).await.unwrap();
    assert_eq!(yard.keys().await.len(), SETTLED.len());
    assert_eq!(yard.graves.waiting("main"), 0);
}

/// R6: a profile was reverted, so what was superseded plays again.
#[tokio::test]
async fn what_a_pointer_names_is_spared_and_its_commit_is_what_it_was() {
    let yard = Yard::new().await;
    let commit = yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.point(PointerState::Live, job(2)).await;
    yard.sweep(due).await.unwrap();
    assert_eq!(yard.commit(job(2)).await, Some(commit));
    assert_eq!(yard.graves.waiting("main"), 0);
    assert!(!yard.keys().await.iter().any(|key| key.contains("sweep/")));
}

/// R6, with the sweep killed between making the commit void and asking the pointer.
#[tokio::test]
async fn a_commit_that_a_killed_sweep_left_void_is_restored() {
    let yard = Yard::new().await;
    let commit = yard.publish(job(2)).await;
    let key = yard.store.prefix.commit(job(2));
    let found = yard
        .store
        .bucket
        .get_json::<Commit>(&key)
        .await
        .unwrap()
        .unwrap();
    yard.store
        .bucket
        .replace_json(&key, &Commit::Void, &found.etag)
        .await
        .unwrap();
    yard.point(PointerState::Live, job(2)).await;
    assert_eq!(
        claim::claim(&yard.store, job(2)).await.unwrap(),
        Standing::Plays
    );
    assert_eq!(yard.commit(job(2)).await, Some(commit));
}

/// R8: a pod that wakes up after its job was swept can't commit any more.
#[tokio::test]
async fn a_zombie_finds_the_commit_void() {
    let yard = Yard::new().await;
    assert_eq!(
        claim::claim(&yard.store, job(2)).await.unwrap(),
        Standing::Dead
    );
    let key = yard.store.prefix.commit(job(2));
    let late = yard
        .store
        .bucket
        .create(&key, b"{}".to_vec())
        .await
        .unwrap();
    assert_eq!(late, Creation::Exists);
    assert_eq!(yard.commit(job(2)).await, Some(Commit::Void));
}

/// R7: a PUT that was granted before arrives after the folder was emptied.
#[tokio::test]
async fn a_late_object_goes_too() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.sweep(due).await.unwrap();
    let zombie = job(2).execution(PodUid(uid(6)));
    yard.put(zombie, "audio-64k/00009.m4s", b"late".to_vec())
        .await;
    yard.sweep(later(due, 31)).await.unwrap();
    assert_eq!(
        yard.commit(job(2)).await,
        Some(Commit::Void),
        "not done with: looked at again"
    );
    yard.sweep(later(due, 62)).await.unwrap();
    assert_eq!(yard.keys().await.len(), 1);
}

/// R9: the pointer belongs to what plays; a neighbour's death does not touch it.
#[tokio::test]
async fn a_neighbour_of_the_dead_is_not_touched() {
    let yard = Yard::new().await;
    let neighbour = yard.publish(job(3)).await;
    yard.publish(job(2)).await;
    yard.point(PointerState::Live, job(3)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.sweep(due).await.unwrap();
    yard.sweep(later(due, 31)).await.unwrap();
    assert_eq!(yard.commit(job(3)).await, Some(neighbour));
    assert_eq!(yard.keys().await.len(), SETTLED.len() + 5);
}

/// R5: the cluster was copied, and the copy shares the bucket.
#[tokio::test]
async fn a_prefix_that_is_no_longer_ours_halts_the_sweep() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    let key = yard.store.prefix.claim();
    let found = yard
        .store
        .bucket
        .get_json::<Claim>(&key)
        .await
        .unwrap()
        .unwrap();
    let theirs = Claim {
        cluster_uid: ClusterUid(uid(5)),
        ..found.value
    };
    yard.store
        .bucket
        .replace_json(&key, &theirs, &found.etag)
        .await
        .unwrap();
    let before = yard.keys().await;
    let halt = yard.sweep(due).await.unwrap_err();
    assert_eq!(halt.reason, SweepErrorReason::ClaimLost);
    assert_eq!(yard.keys().await, before);
}

/// R4: what etcd has forgotten has no owner; without a tombstone it stays.
#[tokio::test]
async fn absence_is_no_proof() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    let before = yard.keys().await;
    let far = Timestamp::now() + SignedDuration::from_hours(24 * 365);
    assert_eq!(yard.sweep(far).await, Ok(None));
    assert_eq!(yard.keys().await, before);
}

#[tokio::test]
async fn what_somebody_else_put_there_halts_the_sweep() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    let stray = Key::foreign(format!("{}notes.txt", yard.store.prefix.job(job(2))));
    yard.store
        .bucket
        .create(&stray, b"mine".to_vec())
        .await
        .unwrap();
    let due = yard.mark(Target::Job(job(2))).await;
    let before = yard.keys().await;
    let halt = yard.sweep(due).await.unwrap_err();
    assert_eq!(halt.reason, SweepErrorReason::Invalid);
    assert!(halt.message.contains("notes.txt"), "{halt}");
    assert_eq!(yard.keys().await, before);
}

#[tokio::test]
async fn a_dry_run_says_what_would_go_and_writes_nothing() {
    let mut yard = Yard::new().await;
    let commit = yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.settings.dry_run = true;
    let before = yard.keys().await;
    let said = yard.sweep(due).await.unwrap().unwrap();
    assert!(said.contains("4 objects"), "{said}");
    assert_eq!(yard.keys().await, before);
    assert_eq!(yard.commit(job(2)).await, Some(commit));
}

#[tokio::test]
async fn a_tombstone_of_another_store_proves_nothing() {
    let mut yard = Yard::new().await;
    yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.store.uid = StoreUid(uid(4));
    let halt = yard.sweep(due).await.unwrap_err();
    assert_eq!(halt.reason, SweepErrorReason::Invalid);
}

/// R13: a leader that was stopped for longer than its lease begins no batch.
#[tokio::test]
async fn without_a_lease_nothing_is_deleted() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.lease
        .renewed(0, Instant::now() + Duration::from_secs(3));
    let before = yard.keys().await;
    let halt = yard.sweep(due).await.unwrap_err();
    assert!(halt.passes(), "{halt}");
    assert_eq!(yard.keys().await, before);
}

#[tokio::test]
async fn uploads_of_a_deleted_asset_go() {
    let yard = Yard::new().await;
    let asset = AssetUid(uid(1));
    let other = AssetUid(uid(2));
    for key in [
        yard.store.prefix.upload(asset, 1),
        yard.store.prefix.upload(other, 1),
    ] {
        yard.store
            .bucket
            .create(&key, b"song".to_vec())
            .await
            .unwrap();
    }
    let due = yard.mark(Target::Source { asset }).await;
    yard.sweep(due).await.unwrap();
    yard.sweep(later(due, 31)).await.unwrap();
    let kept = yard.store.prefix.upload(other, 1).to_string();
    assert_eq!(
        yard.keys().await,
        [kept, yard.store.prefix.claim().to_string()]
    );
}

#[tokio::test]
async fn one_upload_goes_and_the_next_generation_stays() {
    let yard = Yard::new().await;
    let asset = AssetUid(uid(1));
    let upload = |generation| yard.store.prefix.upload(asset, generation);
    for generation in [1, 11] {
        let body = b"song".to_vec();
        yard.store
            .bucket
            .create(&upload(generation), body)
            .await
            .unwrap();
    }
    let generation = 1;
    let due = yard.mark(Target::Upload { asset, generation }).await;
    yard.sweep(due).await.unwrap();
    yard.sweep(later(due, 31)).await.unwrap();
    assert_eq!(
        yard.keys().await,
        [
            upload(11).to_string(),
            yard.store.prefix.claim().to_string()
        ]
    );
}

/// R3: the answer to a write was lost, so it is written again.
#[tokio::test]
async fn marking_twice_keeps_the_first_tombstone() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    let due = yard.mark(Target::Job(job(2))).await;
    yard.mark(Target::Job(job(2))).await;
    yard.sweep(due).await.unwrap();
    assert_eq!(
        yard.keys()
            .await
            .iter()
            .filter(|key| key.contains("sweep/"))
            .count(),
        1
    );
}

#[tokio::test]
async fn what_nobody_owns_is_counted_and_left_alone() {
    let yard = Yard::new().await;
    yard.publish(job(2)).await;
    yard.publish(job(3)).await;
    let asset = AssetUid(uid(1));
    let upload = yard.store.prefix.upload(asset, 1);
    yard.store
        .bucket
        .create(&upload, b"song".to_vec())
        .await
        .unwrap();
    let count = async |live: &[AssetUid]| {
        let live = live.iter().copied().collect();
        let found = measure("main", &yard.store, &yard.graves, async || Ok(live));
        found.await.unwrap()
    };
    assert_eq!(count(&[asset]).await, Unclaimed::default());
    let all = count(&[]).await;
    yard.mark(Target::Job(job(2))).await;
    let half = count(&[]).await;
    assert_eq!((half.objects - 1) * 2, all.objects - 1, "{all:?} {half:?}");
    yard.mark(Target::Job(job(3))).await;
    let left = Unclaimed {
        bytes: 4,
        objects: 1,
    };
    assert_eq!(count(&[]).await, left);
    yard.mark(Target::Source { asset }).await;
    assert_eq!(count(&[]).await, Unclaimed::default());
}
