//! From a plan to what was done. What a status says comes from here or from an observation.
mod conclude;
mod start;

use super::observe::Observed;
use super::outcome::Ended;
use super::plan::{Plan, PodSeen, Standing};
use super::waiting::Waiting;
use crate::controllers::Leader;
use crate::store::ReadyStore;
use crate::work::WorkError;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use vessel_crds::TranscodeJob;
use vessel_storage::commit::Published;
use vessel_storage::key::JobFolder;
use vessel_storage::manifest::Manifest;
use vessel_storage::uid::InvalidUid;

pub use start::refused_as;

/// What was done, or found out.
#[derive(Clone, Debug)]
pub enum Applied {
    /// Nothing that a status would tell.
    Nothing,
    /// The job is not ours to work on.
    Distrusted(String),
    /// It waits.
    Waiting(Waiting),
    /// The Job of that attempt is there.
    Started(i32),
    /// A foreign object bears the name of its batch Job.
    NameTaken(String),
    /// The open attempt goes on.
    GoesOn(Option<Waiting>, PodSeen),
    /// It was committed.
    Committed(Box<Committed>),
    /// It can never be committed.
    Void,
    /// An attempt has ended, and there will be another.
    Retried(Box<Ended>, Timestamp),
    /// An attempt has ended, and it was the last.
    GaveUp(Box<Ended>),
}

/// A commit with its manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The commit.
    pub published: Published,
    /// Folder of the execution, with the store's prefix.
    pub folder: String,
    /// The manifest whose digest stands in the commit.
    pub manifest: Manifest,
}

/// A job with all that is needed to act for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub job: &'a TranscodeJob,
    pub leader: &'a Leader,
    pub observed: &'a Observed,
    pub now: Timestamp,
}

impl Subject<'_> {
    pub fn namespace(&self) -> String {
        self.job.namespace().unwrap_or_default()
    }

    pub fn uid(&self) -> String {
        self.job.uid().unwrap_or_default()
    }

    pub fn folder(&self) -> Result<JobFolder, InvalidUid> {
        Ok(JobFolder {
            tree: self.job.spec.work.visibility.into(),
            asset: self.job.spec.work.asset_uid.parse()?,
            job: self.uid().parse()?,
        })
    }

    /// The store, for plans that are only made when it is ready.
    pub fn ready(&self) -> Option<&ReadyStore> {
        self.observed.store.as_deref()?.ready()
    }
}

/// Carries out `plan`. Also: when to look again, if no event will tell.
pub async fn apply(
    plan: Plan,
    job: &TranscodeJob,
    leader: &Leader,
    observed: &Observed,
    now: Timestamp,
) -> Result<(Applied, Option<Timestamp>), WorkError> {
    let subject = Subject {
        job,
        leader,
        observed,
        now,
    };
    Ok(match plan {
        Plan::Nothing => (Applied::Nothing, None),
        Plan::LookAgain(time) => (Applied::Nothing, Some(time)),
        Plan::Distrust(why) => (Applied::Distrusted(why), None),
        Plan::Wait { waiting, until } => {
            leader.queue.give_back(&subject.uid());
            (Applied::Waiting(waiting), until)
        }
        Plan::Adopt(number) => (Applied::Started(number), None),
        Plan::CleanUp => {
            delete_last_job(&subject).await?;
            (Applied::Nothing, None)
        }
        Plan::Report {
            waiting,
            pod,
            until,
        } => {
            let waiting = match (waiting, pod) {
                (None, PodSeen::NotYet) => start::why_no_pod(&subject).await?,
                (waiting, _) => waiting,
            };
            (Applied::GoesOn(waiting, pod), until)
        }
        Plan::Start(number) => start::start(&subject, number).await?,
        Plan::Conclude(end) => conclude::conclude(&subject, end).await?,
    })
}

/// Deletes the Job of the last attempt, if the caches show it.
async fn delete_last_job(subject: &Subject<'_>) -> Result<(), WorkError> {
    delete_job(subject, subject.observed.view.started).await
}

async fn delete_job(subject: &Subject<'_>, number: i32) -> Result<(), WorkError> {
    let attempt = super::evidence::Observed::attempt(&subject.leader.caches, subject.job, number);
    if let Some(job) = attempt.job {
        crate::apiserver::delete::<Job>(
            &subject.leader.context.client,
            &subject.namespace(),
            &job.name_any(),
            job.uid(),
        )
        .await?;
    }
    Ok(())
}

/// Number of the open attempt.
fn open_number(observed: &Observed) -> i32 {
    match observed.view.standing {
        Standing::Open { number, .. } | Standing::Unrecorded { number } => number,
        _ => observed.view.started,
    }
}
