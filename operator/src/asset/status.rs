//! The status of an asset, from what was found and done. Pure.
mod facts;
mod summary;

pub use facts::Standing;

use super::apply::{Applied, Playing};
use super::plan::{Plan, Wanted};
use super::retention::{self, Tidy};
use super::source::Located;
use super::validate::{Blocked, Valid};
use facts::{Facts, facts};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use vessel_crds::condition::{self, ConditionType, Fact};
use vessel_crds::media_asset::{Freed, FreedState, MediaAssetStatus, RenditionStatus, SourceState};
use vessel_crds::{MediaAsset, Phase};

/// What a reconciliation has come to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The asset gets nothing, for now or until somebody helps.
    Blocked(Blocked),
    /// It is settled, and its store can't be asked: it is as it was.
    AsItWas,
    /// Its store and profiles are known now; nothing else was done.
    Resolved(Box<Valid>),
    /// The version of its source is known now; nothing else was done: what is recorded first
    /// counts.
    Located(Box<Valid>, vessel_crds::media_asset::SourceStatus),
    /// Its source is not there.
    Unlocated(Box<Valid>, Located),
    /// Its jobs are what they ought to be.
    Planned {
        /// What it gets.
        valid: Box<Valid>,
        /// The source as it was found.
        source: vessel_crds::media_asset::SourceStatus,
        /// What its jobs ought to be.
        plan: Box<Plan>,
        /// What was done.
        applied: Applied,
        /// What it gives up.
        tidy: Tidy,
    },
    /// The time of what plays is over.
    Expired(Freed),
}

impl Outcome {
    /// What its jobs ought to be, where that is known.
    pub fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Planned { plan, .. } => Some(plan),
            _ => None,
        }
    }
}

/// The status of `asset` after `outcome`. Equal to the one before when nothing has changed.
pub fn after(asset: &MediaAsset, outcome: &Outcome, now: &Time) -> MediaAssetStatus {
    let before = asset.status.clone().unwrap_or_default();
    let mut status = MediaAssetStatus {
        observed_generation: asset.meta().generation.unwrap_or_default(),
        ..before.clone()
    };
    match outcome {
        Outcome::AsItWas => return before,
        Outcome::Blocked(blocked) => {
            if blocked.resolved.is_some() {
                status.resolved.clone_from(&blocked.resolved);
            }
        }
        Outcome::Located(valid, source) => {
            status.resolved = Some(valid.resolved.clone());
            status.upload = None;
            status.source = Some(source.clone());
        }
        Outcome::Resolved(valid) => status.resolved = Some(valid.resolved.clone()),
        Outcome::Unlocated(valid, located) => {
            status.resolved = Some(valid.resolved.clone());
            located_in(&mut status, located);
        }
        Outcome::Planned {
            valid,
            source,
            plan,
            applied,
            tidy,
        } => {
            status.resolved = Some(valid.resolved.clone());
            status.upload = None;
            status.source = Some(tidy.source_after(source.clone()));
            status.freed = tidy.freed_after(asset, now);
            planned(&mut status, asset, valid, plan, applied);
        }
        Outcome::Expired(freed) => expired(&mut status, asset, freed),
    }
    let holds = |freed: &Freed| retention::holds(asset, freed, now.0);
    status.freed = status.freed.filter(holds);
    conclude(&mut status, &before, facts(asset, outcome, &before), now);
    if status.phase == Phase::Ready {
        ready_since(&mut status, asset, now);
    }
    status
}

/// From when the time of what plays is counted: anew for other work.
fn ready_since(status: &mut MediaAssetStatus, asset: &MediaAsset, now: &Time) {
    let work = Some(retention::work(asset));
    // An older version of Vessel did not record what its time belongs to.
    let counts = status.ready_for.is_none() || status.ready_for == work;
    if status.ready_time.is_none() || !counts {
        status.ready_time = Some(now.clone());
    }
    status.ready_for = work;
}

/// Nothing plays any more, and nothing can be made from an upload.
fn expired(status: &mut MediaAssetStatus, asset: &MediaAsset, freed: &Freed) {
    status.freed = Some(freed.clone());
    if freed.state != FreedState::Freed {
        return;
    }
    status.pointer_revision = None;
    status.pointer_digest = None;
    status.renditions.clear();
    status.playback.clear();
    status.url = None;
    status.storage_bytes = None;
    status.progress_percent = None;
    let profiles = status
        .resolved
        .as_ref()
        .map_or(0, |resolved| resolved.profiles.len());
    status.profiles_ready = Some(format!("0/{profiles}"));
    if let Some(source) = status.source.as_mut()
        && retention::generation(asset, source).is_some()
    {
        source.state = SourceState::Removed;
    }
}

fn located_in(status: &mut MediaAssetStatus, located: &Located) {
    match located {
        Located::Awaited(upload, _) | Located::Expired(upload) => {
            status.upload = Some(upload.clone());
        }
        Located::Found(_) | Located::Missing(..) | Located::Denied(_) | Located::Removed(_) => {
            status.upload = None;
        }
    }
}

fn planned(
    status: &mut MediaAssetStatus,
    asset: &MediaAsset,
    valid: &Valid,
    plan: &Plan,
    applied: &Applied,
) {
    status.renditions = plan
        .wanted
        .iter()
        .map(|wanted| rendition(wanted, plan, applied))
        .collect();
    status.progress_percent = Some(summary::progress(plan));
    if let Playing::Published { revision, digest } = &applied.playing {
        status.pointer_revision = *revision;
        status.pointer_digest = Some(digest.clone());
        summary::playing(status, asset, &valid.store.spec, &plan.play);
    }
    summary::media(status, plan);
    let ready = plan.wanted.iter().filter(|wanted| is_ready(wanted)).count();
    status.profiles_ready = Some(format!("{ready}/{}", plan.wanted.len()));
}

fn rendition(wanted: &Wanted, plan: &Plan, applied: &Applied) -> RenditionStatus {
    let created = applied
        .created
        .iter()
        .find(|job| job.spec.work.profile_name == wanted.profile);
    let job = wanted.job.as_deref().or(created);
    RenditionStatus {
        profile: wanted.profile.clone(),
        job: job.map(ResourceExt::name_any),
        version: job.map(|job| job.spec.work.source_version.clone()),
        phase: facts::phase_of(wanted, plan),
    }
}

fn is_ready(wanted: &Wanted) -> bool {
    wanted.job.as_deref().is_some_and(super::plan::is_committed)
}

fn conclude(status: &mut MediaAssetStatus, before: &MediaAssetStatus, facts: Facts, now: &Time) {
    let generation = status.observed_generation;
    status.conditions = Fact::merge(&facts.conditions, &before.conditions, generation, now);
    status.phase = facts.phase;
    status.message = Some(facts.message).filter(|message| !message.is_empty());
    status.progress = status.progress_percent.map(crate::human::percent);
    status.size = status.storage_bytes.map(crate::human::size);
}

/// Whether an asset became Ready with this status.
pub fn became_ready(before: Option<&MediaAssetStatus>, after: &MediaAssetStatus) -> bool {
    let ready =
        |status: &MediaAssetStatus| condition::is_true(&status.conditions, ConditionType::Ready);
    ready(after) && !before.is_some_and(ready)
}

#[cfg(test)]
mod tests;
