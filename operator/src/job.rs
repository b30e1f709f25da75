//! TranscodeJobs: one attempt after another until one commits or all are spent.
//!
//! [`observe`] reads the caches, [`plan`] decides, [`apply`] acts, [`status`] tells.
//! [`outcome`] holds the rules by which an attempt ends, [`pod`] what runs in it.
pub mod apply;
pub mod backoff;
pub mod evidence;
pub mod finalize;
pub mod observe;
pub mod outcome;
pub mod plan;
pub mod pod;
pub mod pod_end;
mod report;
pub mod state;
pub mod status;
pub mod trust;
pub mod waiting;

use crate::apiserver::{ApiError, write_status};
use crate::caches::Transcode;
use crate::controllers::{Leader, look_again};
use crate::grant;
use crate::metrics::ReconcileErrorClass;
use crate::work::WorkError;
use finalize::Finalized;
use kube::Resource;
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;
use std::sync::Arc;
use std::time::Duration;
use vessel_crds::{TranscodeJob, TranscodeJobStatus};

/// How long a finalizer waits for its store before it looks again.
const FINALIZE_RETRY: Duration = Duration::from_secs(15);

/// Why a TranscodeJob could not be reconciled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not deserialise.
    #[error("the TranscodeJob can't be read: {0}")]
    Invalid(#[source] Box<InvalidObject>),
    /// The plan could not be carried out.
    #[error("the attempt: {0}")]
    Apply(#[source] WorkError),
    /// The status could not be written.
    #[error("the status: {0}")]
    Status(#[source] ApiError),
    /// The storage could not be accounted for.
    #[error("the finalizer: {0}")]
    Finalize(#[source] WorkError),
}

impl Error {
    /// What follows.
    pub fn class(&self) -> ReconcileErrorClass {
        match self {
            Self::Invalid(_) => ReconcileErrorClass::Invalid,
            Self::Apply(error) | Self::Finalize(error) => error.class(),
            Self::Status(error) => error.class(),
        }
    }
}

/// Looks at a TranscodeJob and does what comes next.
pub async fn reconcile(job: Arc<Transcode>, leader: Arc<Leader>) -> Result<Action, Error> {
    if job.meta().deletion_timestamp.is_some() {
        return let_go(&job, &leader).await;
    }
    let job = job
        .0
        .as_ref()
        .map_err(|broken| Error::Invalid(Box::new(broken.clone())))?;
    let now = leader.context.clock.now();
    let observed = observe::observe(job, &leader, now);
    let plan = plan::plan(&observed.view, now);
    let (applied, again) = apply::apply(plan, job, &leader, &observed, now)
        .await
        .map_err(Error::Apply)?;
    record(job, &applied, &leader).await?;
    Ok(look_again(again, now))
}

/// Writes the status, if it differs, and then tells of it.
async fn record(
    job: &TranscodeJob,
    applied: &apply::Applied,
    leader: &Leader,
) -> Result<(), Error> {
    let context = &leader.context;
    let status = status::after(job, applied, &context.clock.now_meta());
    let same = match &job.status {
        Some(before) => *before == status,
        None => matches!(applied, apply::Applied::Nothing),
    };
    if same {
        return Ok(());
    }
    let mut body = status.clone();
    status::forget_stage(&mut body);
    if !status::owns_progress(applied) {
        // Any replica writes these, under a field manager of their own.
        body.progress = None;
        body.progress_percent = None;
    }
    write_status(&context.client, job, &body)
        .await
        .map_err(Error::Status)?;
    let told = |status: &TranscodeJobStatus| status.stage.is_some();
    if job.status.as_ref().is_some_and(told) && !told(&status) {
        // Information alone: what stays behind is seen again at the next look.
        if let Err(error) = grant::take_back(&context.client, job, &status).await {
            tracing::debug!(%error, "a stage was not taken back");
        }
    }
    report::report(job, applied, &status, context).await;
    Ok(())
}

async fn let_go(job: &Transcode, leader: &Leader) -> Result<Action, Error> {
    let finalized = finalize::finalize(job, leader)
        .await
        .map_err(Error::Finalize)?;
    Ok(match finalized {
        Finalized::Done => Action::await_change(),
        Finalized::Ending => Action::requeue(FINALIZE_RETRY),
        Finalized::Waits(why) => {
            tracing::info!(name = ?job.meta().name, %why, "a finalizer waits for its store");
            Action::requeue(FINALIZE_RETRY)
        }
    })
}
