//! Names that Vessel puts on objects: labels, annotations, finalizer, field managers.

/// Label on every child: `vessel`.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`].
pub const VESSEL: &str = "vessel";
/// Label: name of the asset (cut to 63 characters; asset names are DNS labels).
pub const ASSET: &str = "vessel.media/asset";
/// Label: UID of the asset.
pub const ASSET_UID: &str = "vessel.media/asset-uid";
/// Label: name of the profile.
pub const PROFILE: &str = "vessel.media/profile";
/// Label: name of the TranscodeJob.
pub const TRANSCODE_JOB: &str = "vessel.media/transcodejob";
/// Label: number of the attempt, from 1.
pub const ATTEMPT: &str = "vessel.media/attempt";
/// Annotation on CRDs: which schema they carry.
pub const SCHEMA_VERSION: &str = "vessel.media/schema-version";
/// Annotation on an asset under deletion: its UID, to let it go without its storage.
pub const ABANDON_STORAGE: &str = "vessel.media/abandon-storage";
/// Annotation on a Namespace: at most this many of its jobs run at once.
pub const MAX_RUNNING: &str = "vessel.media/max-running";
/// Annotation on a Namespace: its share of the queue against other namespaces; default 1.
pub const QUEUE_WEIGHT: &str = "vessel.media/queue-weight";
/// Annotation on a Namespace: priorities above this count as this.
pub const MAX_PRIORITY: &str = "vessel.media/max-priority";
/// Finalizer on assets and TranscodeJobs whose storage has to be accounted for.
pub const FINALIZER: &str = "vessel.media/storage";
/// Field manager of everything that the leader writes.
pub const FIELD_MANAGER: &str = "vessel-operator";
/// Field manager of a job's progress, which any replica may write.
pub const PROGRESS_MANAGER: &str = "vessel-progress";

/// The schema that this version of Vessel serves; see [`SCHEMA_VERSION`].
pub const SCHEMA: &str = "1";
