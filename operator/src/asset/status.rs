//! The status of an asset, from what was found and done. Pure.
mod facts;
mod summary;

pub use facts::Standing;

use super::apply::{Applied, Playing};
use super::plan::{Plan, Wanted};
use super::source::Located;
use super::validate::{Blocked, Valid};
use facts::{Facts, facts};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use vessel_crds::condition::{self, ConditionType, Fact};
use vessel_crds::media_asset::{MediaAssetStatus, RenditionStatus};
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
    },
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
        } => {
            status.resolved = Some(valid.resolved.clone());
            status.upload = None;
            status.source = Some(source.clone());
            planned(&mut status, asset, valid, plan, applied);
        }
    }
    conclude(&mut status, &before, facts(asset, outcome, &before), now);
    status
}

fn located_in(status: &mut MediaAssetStatus, located: &Located) {
    match located {
        Located::Awaited(upload, _) | Located::Expired(upload) => {
            status.upload = Some(upload.clone());
        }
        Located::Found(_) | Located::Missing(..) | Located::Denied(_) => status.upload = None,
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
        .map(|wanted| rendition(wanted, applied))
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

fn rendition(wanted: &Wanted, applied: &Applied) -> RenditionStatus {
    let created = applied
        .created
        .iter()
        .find(|job| job.spec.work.profile_name == wanted.profile);
    let job = wanted.job.as_deref().or(created);
    RenditionStatus {
        profile: wanted.profile.clone(),
        job: job.map(ResourceExt::name_any),
        version: job.map(|job| job.spec.work.source_version.clone()),
        phase: facts::phase_of(wanted.job.as_deref()),
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
    if facts.phase == Phase::Ready {
        status.ready_time.get_or_insert_with(|| now.clone());
    }
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
