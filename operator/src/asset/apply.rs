//! From a plan to what was done: creates, follow-ups, the pointer, retirements.
use super::dropped::{Owner, bury};
use super::fence;
use super::plan::Plan;
use super::pointer::{Draft, InvalidOutput};
use super::publish::{Publication, publish};
use super::validate::Valid;
use crate::apiserver::{self, Created};
use crate::controllers::Leader;
use crate::work::WorkError;
use jiff::SignedDuration;
use kube::{Resource, ResourceExt};
use std::sync::Arc;
use vessel_crds::{MediaAsset, TranscodeJob};
use vessel_storage::key::JobFolder;
use vessel_storage::tombstone::{Cause, Target};

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// Jobs that were created now.
    pub created: Vec<TranscodeJob>,
    /// Names of jobs that foreign objects bear.
    pub taken: Vec<String>,
    /// What plays.
    pub playing: Playing,
}

/// What plays.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Playing {
    /// Nothing yet.
    #[default]
    Nothing,
    /// What the pointer of that revision and digest says.
    Published {
        /// Its revision.
        revision: Option<i64>,
        /// Digest of what it says.
        digest: String,
    },
    /// It could not be told: somebody else wrote, or a job's storage is being freed.
    Unsettled,
}

/// Why a plan could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A request failed.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A job's status can't be true.
    #[error(transparent)]
    Output(#[from] InvalidOutput),
}

impl From<apiserver::ApiError> for Error {
    fn from(error: apiserver::ApiError) -> Self {
        Self::Work(error.into())
    }
}

/// Carries out `plan`.
pub async fn apply(
    plan: &Plan,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
) -> Result<Applied, Error> {
    let mut applied = Applied::default();
    create(plan, asset, leader, &mut applied).await?;
    for (job, follow) in &plan.follow {
        apiserver::replace_in_spec(&leader.context.client, job.as_ref(), follow).await?;
    }
    if !plan.retire.is_empty() && fence::holds(asset, leader).await? {
        retire(&plan.retire, leader).await?;
    }
    applied.playing = play(plan, asset, valid, leader).await?;
    let replaced = matches!(applied.playing, Playing::Published { .. });
    if replaced && !plan.retire_after_publish.is_empty() && fence::holds(asset, leader).await? {
        retire(&plan.retire_after_publish, leader).await?;
    }
    Ok(applied)
}

async fn create(
    plan: &Plan,
    asset: &MediaAsset,
    leader: &Leader,
    applied: &mut Applied,
) -> Result<(), Error> {
    let uid = asset.uid().unwrap_or_default();
    for job in &plan.create {
        match apiserver::create(&leader.context.client, job, &uid).await? {
            // One that has just been made has no status; one that was there may be going.
            Created::Ours(found) if found.spec.work.key == job.spec.work.key => {
                applied.created.push(*found);
            }
            Created::Ours(_) | Created::Foreign => applied.taken.push(job.name_any()),
        }
    }
    Ok(())
}

/// Deletes jobs; their finalizer accounts for their storage.
async fn retire(jobs: &[Arc<TranscodeJob>], leader: &Leader) -> Result<(), Error> {
    for job in jobs {
        delete(job, leader).await?;
    }
    Ok(())
}

async fn delete(job: &TranscodeJob, leader: &Leader) -> Result<(), Error> {
    let namespace = job.namespace().unwrap_or_default();
    let client = &leader.context.client;
    Ok(apiserver::delete::<TranscodeJob>(client, &namespace, &job.name_any(), job.uid()).await?)
}

/// Publishes, if the status does not say already that the pointer says so.
async fn play(
    plan: &Plan,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
) -> Result<Playing, Error> {
    let Some(draft) = Draft::new(asset, &valid.ready, &plan.play)? else {
        return Ok(Playing::Nothing);
    };
    let digest = draft.digest();
    let status = asset.status.as_ref();
    if status.and_then(|status| status.pointer_digest.as_ref()) == Some(&digest) {
        let revision = status.and_then(|status| status.pointer_revision);
        return Ok(Playing::Published { revision, digest });
    }
    match publish(&draft, asset, &valid.ready, leader).await? {
        Publication::Said { revision, dropped } => {
            let dead = dropped
                .into_iter()
                .filter(|folder| is_dead(folder, plan, asset, leader));
            supersede(dead.collect(), asset, valid, leader).await?;
            Ok(Playing::Published {
                revision: i64::try_from(revision).ok(),
                digest,
            })
        }
        Publication::Contended => Ok(Playing::Unsettled),
        Publication::Void(names) => {
            for job in plan
                .play
                .iter()
                .filter(|job| names.contains(&job.name_any()))
            {
                delete(job, leader).await?;
            }
            Ok(Playing::Unsettled)
        }
    }
}

/// Whether nothing will ever name the job again: it is gone, or it is of no use to this plan.
/// A live job that this process does not understand is left alone.
fn is_dead(folder: &JobFolder, plan: &Plan, asset: &MediaAsset, leader: &Leader) -> bool {
    let uid = folder.job.to_string();
    let is = |job: &Arc<TranscodeJob>| job.metadata.uid.as_ref() == Some(&uid);
    let namespace = asset.namespace().unwrap_or_default();
    let owner = asset.uid().unwrap_or_default();
    let live = leader.caches.transcodes_of(&namespace, &owner);
    let lives = live.iter().any(|job| {
        job.meta().uid.as_ref() == Some(&uid) && job.meta().deletion_timestamp.is_none()
    });
    !lives || plan.retire_after_publish.iter().any(is)
}

/// Marks the storage of jobs that the pointer named before.
async fn supersede(
    dropped: Vec<JobFolder>,
    asset: &MediaAsset,
    valid: &Valid,
    leader: &Leader,
) -> Result<(), WorkError> {
    let owner = Owner {
        namespace: &asset.namespace().unwrap_or_default(),
        name: &asset.name_any(),
        cause: Cause::Superseded,
        writable_for: SignedDuration::ZERO,
    };
    let targets = dropped.into_iter().map(Target::Job);
    bury(targets, owner, &valid.store, &valid.ready, leader).await
}
