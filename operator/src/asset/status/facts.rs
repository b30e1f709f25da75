//! The conditions of an asset, the phase that follows from them, and the one message that
//! matters most.
use super::Outcome;
use crate::asset::apply::{Applied, Playing};
use crate::asset::plan::{Freshness, Plan, Wanted, is_committed};
use crate::asset::source::Located;
use crate::human;
use crate::job::state::JobState;
use vessel_crds::condition::{ConditionStatus, ConditionType, Fact, find, is_true};
use vessel_crds::media_asset::{Freed, FreedState, MediaAssetStatus, Visibility};
use vessel_crds::reason::{FailureReason, WaitingReason};
use vessel_crds::{MediaAsset, Phase, TranscodeJob};

/// Conditions, phase and message.
pub(super) struct Facts {
    pub conditions: Vec<Fact>,
    pub phase: Phase,
    pub message: String,
}

/// An upload was given up.
const SOURCE_REMOVED: &str = "SourceRemoved";

/// How an asset goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Which way.
    pub way: Way,
    /// One word.
    pub reason: String,
    /// A sentence.
    pub message: String,
}

/// Which way an asset goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// All that was asked for plays.
    Ready,
    /// A pod works on it.
    Running,
    /// It goes on by itself.
    Reconciling,
    /// It waits for a person, who was asked.
    Awaiting,
    /// It will not go on without somebody's help.
    Stalled,
}

impl Standing {
    fn new(way: Way, reason: &str, message: impl Into<String>) -> Self {
        Self {
            way,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }
}

pub(super) fn facts(asset: &MediaAsset, outcome: &Outcome, before: &MediaAssetStatus) -> Facts {
    let standing = standing(asset, outcome);
    let mut conditions = vec![playable(outcome, before), ready(&standing)];
    conditions.extend(up_to_date(outcome, before));
    conditions.extend(kstatus(&standing));
    Facts {
        conditions,
        phase: phase(standing.way),
        message: standing.message,
    }
}

const fn phase(way: Way) -> Phase {
    match way {
        Way::Ready => Phase::Ready,
        Way::Running => Phase::Running,
        Way::Reconciling | Way::Awaiting => Phase::Pending,
        Way::Stalled => Phase::Failed,
    }
}

fn ready(standing: &Standing) -> Fact {
    let status = if standing.way == Way::Ready {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    Fact::new(
        ConditionType::Ready,
        status,
        &standing.reason,
        &standing.message,
    )
}

/// kstatus: at most one of the two, and neither when all is well or a person is awaited.
fn kstatus(standing: &Standing) -> Option<Fact> {
    let kind = match standing.way {
        Way::Ready | Way::Awaiting => return None,
        Way::Running | Way::Reconciling => ConditionType::Reconciling,
        Way::Stalled => ConditionType::Stalled,
    };
    Some(Fact::new(
        kind,
        ConditionStatus::True,
        &standing.reason,
        &standing.message,
    ))
}

/// What plays goes on playing, whatever becomes of its jobs: only the end of the asset, or of
/// its time, takes its pointer away.
fn playable(outcome: &Outcome, before: &MediaAssetStatus) -> Fact {
    let kind = ConditionType::Playable;
    if let Outcome::Expired(freed) = outcome
        && freed.state == FreedState::Freed
    {
        let message = "its time was over";
        return Fact::new(kind, ConditionStatus::False, "Expired", message);
    }
    let published = matches!(
        outcome,
        Outcome::Planned { applied, .. } if matches!(applied.playing, Playing::Published { .. })
    );
    let plays = published || is_true(&before.conditions, kind);
    if plays {
        Fact::new(
            kind,
            ConditionStatus::True,
            "Published",
            "something plays now",
        )
    } else {
        Fact::new(
            kind,
            ConditionStatus::False,
            "NothingPublished",
            "nothing plays yet",
        )
    }
}

fn up_to_date(outcome: &Outcome, before: &MediaAssetStatus) -> Option<Fact> {
    let kind = ConditionType::UpToDate;
    if matches!(outcome, Outcome::Expired(freed) if freed.state == FreedState::Freed) {
        return None;
    }
    let Some(plan) = outcome.plan() else {
        return before
            .conditions
            .iter()
            .find(|condition| condition.type_ == kind.as_str())
            .map(|condition| {
                let status = if condition.status == "True" {
                    ConditionStatus::True
                } else {
                    ConditionStatus::False
                };
                Fact::new(kind, status, &condition.reason, &condition.message)
            });
    };
    let stale = |freshness| {
        let wanted = plan
            .wanted
            .iter()
            .filter(|wanted| wanted.freshness == freshness);
        wanted
            .map(|wanted| wanted.profile.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let (changed, gone) = (stale(Freshness::Changed), stale(Freshness::ProfileGone));
    Some(if !changed.is_empty() {
        let message = format!(
            "the profiles {changed} have changed: set spec.profileUpdates: Follow or a new spec.restartToken to encode anew"
        );
        Fact::new(kind, ConditionStatus::False, "ProfileChanged", &message)
    } else if !gone.is_empty() {
        let message =
            format!("the profiles {gone} are gone; what was made from them goes on playing");
        Fact::new(kind, ConditionStatus::False, "ProfileNotFound", &message)
    } else {
        Fact::new(
            kind,
            ConditionStatus::True,
            "ProfilesUnchanged",
            "made by the profiles as they are now",
        )
    })
}

fn standing(asset: &MediaAsset, outcome: &Outcome) -> Standing {
    match outcome {
        Outcome::Blocked(blocked) => {
            let way = if blocked.reason.is_stalled() {
                Way::Stalled
            } else {
                Way::Reconciling
            };
            let reason = blocked.reason.as_str();
            Standing::new(way, reason, format!("{reason}: {}", blocked.message))
        }
        Outcome::Resolved(valid) => {
            let message = format!("goes to the MediaStore {:?}", valid.resolved.store_name);
            Standing::new(Way::Reconciling, "Resolved", message)
        }
        // Not asked for: such a status stays as it was.
        Outcome::AsItWas => Standing::new(Way::Reconciling, "Settled", ""),
        Outcome::Located(..) => {
            Standing::new(Way::Reconciling, "SourceFound", "the source is there")
        }
        Outcome::Unlocated(_, located) => unlocated(located),
        Outcome::Planned { plan, applied, .. } => planned(asset, plan, applied),
        Outcome::Expired(freed) => expired(asset, freed),
    }
}

fn expired(asset: &MediaAsset, freed: &Freed) -> Standing {
    if freed.state != FreedState::Freed {
        let message = "spec.retention.expireAfterSeconds have passed: it stops playing";
        return Standing::new(Way::Reconciling, "Expiring", message);
    }
    let anew = if asset.spec.source.upload.is_some() {
        "raise spec.source.upload.generation and upload the file again"
    } else {
        "set a new spec.restartToken"
    };
    let message = format!(
        "Expired: its time was over at {}, nothing plays and its storage is freed: {anew} to make it play again",
        human::moment(freed.time.0)
    );
    Standing::new(Way::Stalled, "Expired", message)
}

fn unlocated(located: &Located) -> Standing {
    let failed = |reason: FailureReason, message: &str| {
        Standing::new(
            Way::Stalled,
            reason.as_str(),
            format!("{reason}: {message}"),
        )
    };
    match located {
        Located::Awaited(upload, _) => {
            let message = format!(
                "PUT the file to the URL in Secret {} (key url) before {}: curl -T FILE \"$URL\"",
                upload.secret_name,
                human::moment(upload.expires_at.0)
            );
            Standing::new(
                Way::Awaiting,
                WaitingReason::AwaitingUpload.as_str(),
                message,
            )
        }
        Located::Expired(upload) => {
            let message = format!(
                "nothing was uploaded before {}: raise spec.source.upload.generation to get another URL",
                human::moment(upload.expires_at.0)
            );
            Standing::new(Way::Stalled, "UploadExpired", message)
        }
        Located::Missing(message, _) => failed(FailureReason::SourceNotFound, message),
        Located::Denied(message) => failed(FailureReason::SourceDenied, message),
        Located::Removed(message) => {
            let message = format!("{SOURCE_REMOVED}: {message}");
            Standing::new(Way::Stalled, SOURCE_REMOVED, message)
        }
        Located::Found(_) => Standing::new(Way::Reconciling, "SourceFound", "the source is there"),
    }
}

fn planned(asset: &MediaAsset, plan: &Plan, applied: &Applied) -> Standing {
    if let Some(name) = applied.taken.first() {
        let message = format!(
            "NameTaken: a TranscodeJob {name:?} that is not ours is in the way: delete or rename it"
        );
        return Standing::new(Way::Stalled, "NameTaken", message);
    }
    if let Some(profile) = plan.missing_profiles.first() {
        let message = format!(
            "ProfileNotFound: there is no TranscodeProfile {profile:?}: create it or correct spec.profiles"
        );
        return Standing::new(Way::Reconciling, "ProfileNotFound", message);
    }
    let unready: Vec<_> = plan
        .wanted
        .iter()
        .filter(|wanted| !committed(wanted))
        .collect();
    if unready.is_empty() {
        return finished(asset, applied);
    }
    let is_removed = |wanted: &Wanted| plan.source_removed.contains(&wanted.profile);
    let pending = unready
        .iter()
        .find(|wanted| !failed(wanted) && !is_removed(wanted));
    match (pending, plan.source_removed.first()) {
        (Some(_), _) => unfinished(&unready),
        (None, Some(profile)) => source_removed(profile),
        (None, None) => given_up(&unready),
    }
}

fn source_removed(profile: &str) -> Standing {
    let message = format!(
        "{SOURCE_REMOVED}: the uploaded source was given up by spec.retention, so {profile:?} can't be made from it: raise spec.source.upload.generation and upload the file again; what plays goes on playing"
    );
    Standing::new(Way::Stalled, SOURCE_REMOVED, message)
}

fn committed(wanted: &Wanted) -> bool {
    wanted.job.as_deref().is_some_and(is_committed)
}

fn failed(wanted: &Wanted) -> bool {
    let state = wanted.job.as_deref().map(JobState::of);
    matches!(state, Some(JobState::Failed(_)))
}

fn finished(asset: &MediaAsset, applied: &Applied) -> Standing {
    match &applied.playing {
        Playing::Published { .. } => {
            let who = match asset.spec.visibility {
                Visibility::Public => "plays for everybody",
                Visibility::Private => {
                    "published, but Private: playing it needs a signed URL, which this version of Vessel does not issue; make the asset anew with spec.visibility: Public to let everybody play it"
                }
            };
            Standing::new(Way::Ready, "Published", who)
        }
        _ => Standing::new(
            Way::Reconciling,
            "Publishing",
            "what was made is being published",
        ),
    }
}

/// Whatever runs is told first, then whatever waits.
fn unfinished(unready: &[&Wanted]) -> Standing {
    let running = unready
        .iter()
        .find(|wanted| job_phase(wanted.job.as_deref()) == Phase::Running);
    if let Some(wanted) = running {
        let told = wanted.job.as_deref().and_then(crate::job::status::working);
        let message = told.unwrap_or_else(|| "a pod works on it".to_owned());
        return Standing::new(Way::Running, "Encoding", message);
    }
    let mut waiting = unready.iter().filter(|wanted| !failed(wanted));
    let told = waiting.find_map(|wanted| job_words(wanted.job.as_deref()?));
    let (reason, message) = told.unwrap_or_else(|| {
        (
            "JobCreated".to_owned(),
            "its job waits for its turn".to_owned(),
        )
    });
    Standing::new(Way::Reconciling, &reason, message)
}

/// Reason and message of a job that waits: of its queue, or of the attempt that it has.
fn job_words(job: &TranscodeJob) -> Option<(String, String)> {
    let status = job.status.as_ref()?;
    let kind = if is_true(&status.conditions, ConditionType::Admitted) {
        ConditionType::Succeeded
    } else {
        ConditionType::Admitted
    };
    let reason = find(&status.conditions, kind)?.reason.clone();
    Some((reason, status.message.clone()?))
}

fn given_up(unready: &[&Wanted]) -> Standing {
    let failure = unready.iter().find_map(|wanted| {
        let job = wanted.job.as_deref()?;
        match JobState::of(job) {
            JobState::Failed(failure) => Some((failure.reason, job)),
            _ => None,
        }
    });
    let Some((reason, job)) = failure else {
        return Standing::new(Way::Reconciling, "JobCreated", "its job waits for its turn");
    };
    let message = job
        .status
        .as_ref()
        .and_then(|status| status.message.clone());
    Standing::new(Way::Stalled, reason.as_str(), message.unwrap_or_default())
}

/// The phase of a rendition.
pub(super) fn phase_of(wanted: &Wanted, plan: &Plan) -> Phase {
    if plan.source_removed.contains(&wanted.profile) {
        return Phase::Failed;
    }
    job_phase(wanted.job.as_deref())
}

fn job_phase(job: Option<&TranscodeJob>) -> Phase {
    job.and_then(|job| job.status.as_ref())
        .map_or(Phase::Pending, |status| status.phase)
}
