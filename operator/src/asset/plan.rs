//! Which jobs ought to exist, which may go, and what plays. Pure.
use super::build;
use super::validate::{ChosenProfile, Valid};
use crate::job::state::JobState;
use kube::{Resource, ResourceExt};
use std::cmp::Reverse;
use std::sync::Arc;
use vessel_crds::TranscodeJob;
use vessel_crds::execution::Execution;
use vessel_crds::media_asset::{ProfileUpdates, SourceState, SourceStatus};
use vessel_crds::transcode_job::Scheduling;
use vessel_crds::{MediaAsset, TranscodeJobSpec};

/// What an asset's jobs ought to be.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// One entry for each profile asked for, in the asset's order.
    pub wanted: Vec<Wanted>,
    /// Jobs to create.
    pub create: Vec<TranscodeJob>,
    /// Jobs whose spec has to follow the asset or the profile.
    pub follow: Vec<(Arc<TranscodeJob>, Follow)>,
    /// Jobs that are of no use any more.
    pub retire: Vec<Arc<TranscodeJob>>,
    /// Jobs that are of no use as soon as the pointer names others.
    pub retire_after_publish: Vec<Arc<TranscodeJob>>,
    /// What plays: the asset's profiles in its order, then what still plays of others.
    pub play: Vec<Arc<TranscodeJob>>,
    /// Profiles that are gone and of which nothing was made.
    pub missing_profiles: Vec<String>,
    /// Profiles that can't be made any more: the source was given up.
    pub source_removed: Vec<String>,
}

/// A profile that was asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Its name.
    pub profile: String,
    /// The job that makes it, if it exists.
    pub job: Option<Arc<TranscodeJob>>,
    /// Whether what it makes is what the profile says now.
    pub freshness: Freshness,
}

/// Whether a job makes what its profile says now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// It does.
    Fresh,
    /// The profile has changed since.
    Changed,
    /// The profile is gone.
    ProfileGone,
}

/// What of a job's spec follows others.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Follow {
    /// From the asset.
    pub scheduling: Scheduling,
    /// From the profile.
    pub execution: Execution,
}

/// What the jobs of `asset` ought to be, when its source is `source` and `jobs` exist.
pub fn plan(
    asset: &MediaAsset,
    valid: &Valid,
    source: &SourceStatus,
    jobs: &[Arc<TranscodeJob>],
) -> Plan {
    // What a newer version of Vessel has written is neither planned with nor deleted.
    let live: Vec<_> = jobs
        .iter()
        .filter(|job| job.meta().deletion_timestamp.is_none())
        .filter(|job| JobState::of(job) != JobState::Unknown)
        .cloned()
        .collect();
    let mut plan = Plan::default();
    for profile in &valid.profiles {
        plan_profile(&mut plan, asset, valid, source, profile, &live);
    }
    plan_leaving(&mut plan, &live);
    plan
}

fn plan_profile(
    plan: &mut Plan,
    asset: &MediaAsset,
    valid: &Valid,
    source: &SourceStatus,
    profile: &ChosenProfile,
    live: &[Arc<TranscodeJob>],
) {
    let of_profile: Vec<_> = live
        .iter()
        .filter(|job| job.spec.work.profile_name == profile.name)
        .cloned()
        .collect();
    let existing = existing(asset, valid, source, profile, &of_profile);
    let succeeded = existing.as_ref().is_some_and(|job| is_committed(job));
    let fallback = (!succeeded)
        .then(|| newest_committed(&of_profile))
        .flatten();
    for job in &of_profile {
        retire(plan, job, existing.as_ref(), fallback.as_ref());
    }
    let playing = if succeeded {
        existing.clone()
    } else {
        fallback
    };
    plan.play.extend(playing);
    match (&existing, &profile.current) {
        (Some(job), current) => {
            let execution = current.as_ref().map(|current| &current.execution);
            plan.follow.extend(follow(asset, job, execution));
        }
        (None, Some(_)) if source.state != SourceState::Present => {
            plan.source_removed.push(profile.name.clone());
        }
        (None, Some(current)) => {
            let store = (
                valid.resolved.store_name.as_str(),
                valid.ready.uid.to_string(),
            );
            let work = build::work(
                asset,
                source,
                (store.0, &store.1),
                (&profile.name, &current.encoding),
            );
            plan.create
                .push(build::transcode_job(asset, work, current.execution.clone()));
        }
        (None, None) => plan.missing_profiles.push(profile.name.clone()),
    }
    plan.wanted.push(Wanted {
        freshness: freshness(existing.as_deref(), profile),
        profile: profile.name.clone(),
        job: existing,
    });
}

/// The job that makes `profile` as the asset asks for it. A pinned asset keeps what it has
/// when the profile changes.
fn existing(
    asset: &MediaAsset,
    valid: &Valid,
    source: &SourceStatus,
    profile: &ChosenProfile,
    of_profile: &[Arc<TranscodeJob>],
) -> Option<Arc<TranscodeJob>> {
    let store_uid = valid.ready.uid.to_string();
    let fits = |job: &&Arc<TranscodeJob>| {
        let work = &job.spec.work;
        work.source_version == source.version
            && work.store_uid == store_uid
            && work.restart_token == asset.spec.restart_token
            && JobState::of(job) != JobState::Void
    };
    let is_current = |job: &&Arc<TranscodeJob>| {
        let current = profile.current.as_ref();
        current.is_some_and(|current| current.encoding == job.spec.work.encoding)
    };
    let fitting: Vec<_> = of_profile.iter().filter(fits).collect();
    let current = fitting.iter().copied().find(is_current);
    let pinned = asset.spec.profile_updates == ProfileUpdates::Pinned || profile.current.is_none();
    match current {
        Some(job) if !pinned => Some(Arc::clone(job)),
        _ if !pinned => None,
        // The first that was made is the one that was pinned.
        _ => fitting
            .into_iter()
            .min_by_key(|job| created(job))
            .map(Arc::clone),
    }
}

fn created(job: &TranscodeJob) -> Option<jiff::Timestamp> {
    job.creation_timestamp().map(|time| time.0)
}

/// Whether `job` was committed, and its storage is still there.
pub fn is_committed(job: &TranscodeJob) -> bool {
    matches!(JobState::of(job), JobState::Succeeded(_))
}

fn newest_committed(jobs: &[Arc<TranscodeJob>]) -> Option<Arc<TranscodeJob>> {
    jobs.iter()
        .filter(|job| is_committed(job))
        .max_by_key(|job| created(job))
        .cloned()
}

fn retire(
    plan: &mut Plan,
    job: &Arc<TranscodeJob>,
    existing: Option<&Arc<TranscodeJob>>,
    fallback: Option<&Arc<TranscodeJob>>,
) {
    let is = |other: Option<&Arc<TranscodeJob>>| other.is_some_and(|other| Arc::ptr_eq(other, job));
    if is(existing) || is(fallback) {
        return;
    }
    if is_committed(job) {
        plan.retire_after_publish.push(Arc::clone(job));
    } else {
        plan.retire.push(Arc::clone(job));
    }
}

/// Jobs of profiles that are not asked for any more: what plays goes on playing until all
/// that is asked for does.
fn plan_leaving(plan: &mut Plan, live: &[Arc<TranscodeJob>]) {
    let complete = plan
        .wanted
        .iter()
        .all(|wanted| wanted.job.as_deref().is_some_and(is_committed));
    let asked: Vec<String> = plan
        .wanted
        .iter()
        .map(|wanted| wanted.profile.clone())
        .collect();
    let mut leaving: Vec<_> = live
        .iter()
        .filter(|job| !asked.contains(&job.spec.work.profile_name))
        .cloned()
        .collect();
    leaving.sort_by_key(|job| (job.spec.work.profile_name.clone(), Reverse(created(job))));
    let mut last_profile = None;
    for job in leaving {
        let profile = Some(job.spec.work.profile_name.clone());
        let plays = !complete && is_committed(&job) && last_profile != profile;
        if plays {
            last_profile = profile;
            plan.play.push(job);
        } else if is_committed(&job) {
            plan.retire_after_publish.push(job);
        } else {
            plan.retire.push(job);
        }
    }
}

fn follow(
    asset: &MediaAsset,
    job: &Arc<TranscodeJob>,
    execution: Option<&Execution>,
) -> Option<(Arc<TranscodeJob>, Follow)> {
    let spec: &TranscodeJobSpec = &job.spec;
    let follow = Follow {
        scheduling: build::scheduling(asset),
        execution: execution.unwrap_or(&spec.execution).clone(),
    };
    let differs = follow.scheduling != spec.scheduling || follow.execution != spec.execution;
    (differs && !JobState::of(job).is_terminal()).then(|| (Arc::clone(job), follow))
}

fn freshness(job: Option<&TranscodeJob>, profile: &ChosenProfile) -> Freshness {
    match (job, &profile.current) {
        (_, None) => Freshness::ProfileGone,
        (Some(job), Some(current)) if job.spec.work.encoding != current.encoding => {
            Freshness::Changed
        }
        _ => Freshness::Fresh,
    }
}

#[cfg(test)]
mod tests;
