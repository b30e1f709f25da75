//! MediaAssets: which TranscodeJobs ought to exist, and what plays.
//!
//! [`validate`] resolves store and profiles, [`source`] finds the source's version, [`plan`]
//! says which jobs there ought to be and what plays, [`apply`] does it, [`status`] tells. Before
//! all that, [`retention`] says whether the time of what plays is over.
pub mod allowed;
pub mod apply;
mod broken;
pub mod build;
pub mod dropped;
pub mod fence;
pub mod finalize;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod plan;
pub mod pointer;
pub mod publish;
mod release;
mod report;
pub mod retention;
pub mod source;
pub mod status;
pub mod validate;

use crate::apiserver::{ApiError, add_finalizer, write_status};
use crate::caches::Asset;
use crate::controllers::{Leader, look_again};
use crate::job::finalize::Finalized;
use crate::metrics::ReconcileErrorClass;
use crate::work::WorkError;
use apply::Playing;
use jiff::{SignedDuration, Timestamp};
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::Action;
use kube::{Resource, ResourceExt};
use retention::Expiry;
use source::Located;
use status::Outcome;
use std::sync::Arc;
use std::time::Duration;
use validate::{BlockReason, Choices};
use vessel_crds::media_asset::{FreedState, SourceStatus};
use vessel_crds::{MediaAsset, Phase, TranscodeJob, labels};

/// How long a finalizer waits for its store before it looks again.
const FINALIZE_RETRY: Duration = Duration::from_secs(15);
/// What could not be settled is looked at again after this.
const UNSETTLED: SignedDuration = SignedDuration::from_secs(2);
/// A foreign object in the way is looked for again after this.
const TAKEN: SignedDuration = SignedDuration::from_secs(30);

/// Why a MediaAsset could not be reconciled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not deserialise.
    #[error("the MediaAsset can't be read: {0}")]
    Invalid(#[source] Box<InvalidObject>),
    /// Its source could not be looked at.
    #[error("the source: {0}")]
    Source(#[source] WorkError),
    /// The plan could not be carried out.
    #[error("the plan: {0}")]
    Apply(#[source] apply::Error),
    /// The finalizer could not be set.
    #[error("the finalizer: {0}")]
    Adopt(#[source] ApiError),
    /// The status could not be written.
    #[error("the status: {0}")]
    Status(#[source] ApiError),
    /// The storage could not be accounted for.
    #[error("the finalizer: {0}")]
    Finalize(#[source] WorkError),
    /// Storage that is given up could not be marked.
    #[error("the retention: {0}")]
    Release(#[source] WorkError),
}

impl Error {
    /// What follows.
    pub fn class(&self) -> ReconcileErrorClass {
        match self {
            Self::Invalid(_) => ReconcileErrorClass::Invalid,
            Self::Source(error)
            | Self::Finalize(error)
            | Self::Release(error)
            | Self::Apply(apply::Error::Work(error)) => error.class(),
            Self::Apply(apply::Error::Output(_)) => ReconcileErrorClass::Internal,
            Self::Adopt(error) | Self::Status(error) => error.class(),
        }
    }
}

/// Looks at a MediaAsset and makes what it asks for true.
pub async fn reconcile(asset: Arc<Asset>, leader: Arc<Leader>) -> Result<Action, Error> {
    if asset.meta().deletion_timestamp.is_some() {
        return let_go(&asset, &leader).await;
    }
    let asset = match &asset.0 {
        Ok(readable) => readable,
        Err(broken) => return Err(broken::tell(&asset, broken, &leader).await),
    };
    if !asset
        .finalizers()
        .iter()
        .any(|name| name == labels::FINALIZER)
    {
        let client = &leader.context.client;
        add_finalizer(client, asset).await.map_err(Error::Adopt)?;
        return Ok(Action::await_change());
    }
    let now = leader.context.clock.now();
    let outcome = match expired(asset, &leader).await? {
        Some(outcome) => outcome,
        None => outcome(asset, &leader, now).await?,
    };
    record(asset, &outcome, &leader).await?;
    Ok(look_again(next_look(asset, &outcome, now), now))
}

/// What an asset comes to whose time is over; `None` when it is not.
async fn expired(asset: &MediaAsset, leader: &Leader) -> Result<Option<Outcome>, Error> {
    let freed = match retention::expiry(asset, &leader.context.clock.now_meta()) {
        Expiry::Runs => return Ok(None),
        Expiry::Unknown => return Ok(Some(Outcome::AsItWas)),
        Expiry::Begin(freed) => freed,
        Expiry::Rests(freed) => {
            release::retire_all(asset, leader)
                .await
                .map_err(Error::Release)?;
            freed
        }
        Expiry::Finish(freed) => release::expire(asset, freed, leader)
            .await
            .map_err(Error::Release)?,
    };
    Ok(Some(Outcome::Expired(freed)))
}

/// Resolves, locates, plans and applies.
async fn outcome(asset: &MediaAsset, leader: &Leader, now: Timestamp) -> Result<Outcome, Error> {
    let valid = match validate::validate(asset, &choices(asset, leader)) {
        Ok(valid) => Box::new(valid),
        Err(blocked) if blocked.reason == BlockReason::StoreNotReady && is_settled(asset) => {
            return Ok(Outcome::AsItWas);
        }
        Err(blocked) => return Ok(Outcome::Blocked(blocked)),
    };
    if is_unresolved(asset) {
        // Nothing is written to a store that the status does not name yet: its finalizer
        // would not find it.
        return Ok(Outcome::Resolved(valid));
    }
    let step = source::step(asset, now);
    let source = match source::locate(step, asset, &valid, leader, now)
        .await
        .map_err(Error::Source)?
    {
        Located::Found(source) => source,
        located => return Ok(Outcome::Unlocated(valid, located)),
    };
    if !is_recorded(asset, &source) {
        return Ok(Outcome::Located(valid, source));
    }
    let plan = Box::new(plan::plan(asset, &valid, &source, &jobs(asset, leader)));
    let tidy = retention::tidy(asset, &source, &plan, now);
    let applied = apply::apply(&plan, asset, &valid, leader)
        .await
        .map_err(Error::Apply)?;
    release::tidy(tidy, &plan, asset, &source, &valid, leader)
        .await
        .map_err(Error::Release)?;
    Ok(Outcome::Planned {
        valid,
        source,
        plan,
        applied,
        tidy,
    })
}

/// Whether all that this generation asks for plays.
fn is_settled(asset: &MediaAsset) -> bool {
    asset.status.as_ref().is_some_and(|status| {
        status.phase == Phase::Ready
            && Some(status.observed_generation) == asset.metadata.generation
    })
}

fn is_recorded(asset: &MediaAsset, source: &SourceStatus) -> bool {
    let status = asset.status.as_ref();
    let recorded = status.and_then(|status| status.source.as_ref());
    recorded.is_some_and(|recorded| {
        recorded.version == source.version && recorded.fingerprint == source.fingerprint
    })
}

fn is_unresolved(asset: &MediaAsset) -> bool {
    let resolved = asset
        .status
        .as_ref()
        .and_then(|status| status.resolved.as_ref());
    resolved.is_none_or(|resolved| resolved.store_uid.is_none())
}

/// What the asset can choose from, from the caches.
fn choices(asset: &MediaAsset, leader: &Leader) -> Choices {
    let profiles = leader.caches.profiles.state();
    Choices {
        stores: leader.context.stores.all(),
        profiles: profiles
            .iter()
            .filter_map(|profile| profile.0.as_ref().ok().cloned())
            .collect(),
        namespace: leader
            .caches
            .namespace(&asset.namespace().unwrap_or_default()),
    }
}

/// The jobs of the asset that can be read. One that can't is left alone.
fn jobs(asset: &MediaAsset, leader: &Leader) -> Vec<Arc<TranscodeJob>> {
    leader
        .caches
        .transcodes_of(
            &asset.namespace().unwrap_or_default(),
            &asset.uid().unwrap_or_default(),
        )
        .iter()
        .filter_map(|job| job.0.as_ref().ok().cloned().map(Arc::new))
        .collect()
}

/// When to look again, if no event will tell.
fn next_look(asset: &MediaAsset, outcome: &Outcome, now: Timestamp) -> Option<Timestamp> {
    let retained = retention::next_look(asset, outcome.plan(), now);
    [unsettled(outcome, now), retained]
        .into_iter()
        .flatten()
        .min()
}

/// Never for what is settled.
fn unsettled(outcome: &Outcome, now: Timestamp) -> Option<Timestamp> {
    let after = |pause| now.saturating_add(pause).ok();
    match outcome {
        Outcome::Expired(freed) if freed.state == FreedState::Freeing => after(UNSETTLED),
        Outcome::Unlocated(_, Located::Awaited(_, time) | Located::Missing(_, time)) => Some(*time),
        Outcome::Planned { applied, .. } if applied.playing == Playing::Unsettled => {
            after(UNSETTLED)
        }
        Outcome::Planned { applied, .. } if !applied.taken.is_empty() => after(TAKEN),
        _ => None,
    }
}

/// Writes the status, if it differs, and then tells of it.
async fn record(asset: &MediaAsset, outcome: &Outcome, leader: &Leader) -> Result<(), Error> {
    let context = &leader.context;
    let status = status::after(asset, outcome, &context.clock.now_meta());
    if asset.status.as_ref() == Some(&status) {
        return Ok(());
    }
    write_status(&context.client, asset, &status)
        .await
        .map_err(Error::Status)?;
    report::report(asset, outcome, &status, context).await;
    Ok(())
}

async fn let_go(asset: &Asset, leader: &Leader) -> Result<Action, Error> {
    let finalized = finalize::finalize(asset, leader)
        .await
        .map_err(Error::Finalize)?;
    Ok(match finalized {
        Finalized::Done => Action::await_change(),
        Finalized::Ending => Action::requeue(FINALIZE_RETRY),
        Finalized::Waits(why) => {
            report::leaving(asset, &why, leader).await?;
            Action::requeue(FINALIZE_RETRY)
        }
    })
}
