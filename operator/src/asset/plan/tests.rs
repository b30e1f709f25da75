use super::*;
use crate::asset::fixtures::{
    asset, committed, current, failed, job, profile, running, source, valid,
};
use serde_json::{Value, json};
use vessel_crds::TranscodeProfile;

const VERSION: &str = "\"etag\"";

fn names(jobs: &[Arc<TranscodeJob>]) -> Vec<String> {
    jobs.iter().map(|job| job.name_any()).collect()
}

fn adaptive() -> TranscodeProfile {
    profile("adaptive", &json!({}))
}

fn other_ladder() -> TranscodeProfile {
    profile(
        "adaptive",
        &json!({"spec": {"encoding": {"audio": {"bitratesKbps": [96]}}}}),
    )
}

fn plan_of(
    asset: &MediaAsset,
    profiles: &[&str],
    version: &str,
    jobs: &[Arc<TranscodeJob>],
) -> Plan {
    plan(asset, &valid(profiles), &source(version), jobs)
}

/// The plan of an asset whose profile `adaptive` says something else now.
fn after_an_edit(asset: &MediaAsset, jobs: &[Arc<TranscodeJob>]) -> Plan {
    let mut valid = valid(&["adaptive"]);
    valid.profiles[0].current = Some(current(&other_ladder()));
    plan(asset, &valid, &source(VERSION), jobs)
}

#[test]
fn a_job_for_each_profile_with_a_name_that_its_key_decides() {
    let asset = asset(&json!({}));
    let plan = plan_of(&asset, &["adaptive", "audio"], VERSION, &[]);
    let again = plan_of(&asset, &["adaptive", "audio"], VERSION, &[]);
    let created = |plan: &Plan| {
        plan.create
            .iter()
            .map(ResourceExt::name_any)
            .collect::<Vec<_>>()
    };
    assert_eq!(created(&plan).len(), 2);
    assert_eq!(created(&plan), created(&again));
    let job = &plan.create[0];
    assert_eq!(
        job.name_any(),
        format!("night-drive-{}", &job.spec.work.key[..10])
    );
    assert_eq!(job.finalizers(), ["vessel.media/storage"]);
    assert_eq!(plan.wanted.len(), 2);
    assert!(plan.play.is_empty());
}

#[test]
fn a_settled_asset_has_nothing_to_do() {
    let asset = asset(&json!({}));
    let job = job(&asset, &adaptive(), VERSION, &committed());
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::clone(&job)]);
    assert!(plan.create.is_empty() && plan.retire.is_empty() && plan.follow.is_empty());
    assert!(plan.retire_after_publish.is_empty());
    assert_eq!(names(&plan.play), names(&[job]));
}

/// R15: a profile that is added once the source is going.
#[test]
fn nothing_is_made_from_a_source_that_was_given_up() {
    let asset = asset(&json!({}));
    let job = job(&asset, &adaptive(), VERSION, &committed());
    for state in [SourceState::Removing, SourceState::Removed] {
        let source = SourceStatus {
            state,
            ..source(VERSION)
        };
        let valid = valid(&["adaptive", "audio"]);
        let plan = plan(&asset, &valid, &source, &[Arc::clone(&job)]);
        assert!(plan.create.is_empty());
        assert_eq!(plan.source_removed, ["audio"]);
        assert_eq!(names(&plan.play), names(&[Arc::clone(&job)]));
    }
}

#[test]
fn a_new_source_plays_only_once_it_is_made() {
    let asset = asset(&json!({}));
    let old = job(&asset, &adaptive(), "old", &committed());
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::clone(&old)]);
    assert_eq!(plan.create.len(), 1);
    assert_eq!(names(&plan.play), names(&[Arc::clone(&old)]));
    assert!(plan.retire_after_publish.is_empty());

    let new = job(&asset, &adaptive(), VERSION, &committed());
    let plan = plan_of(
        &asset,
        &["adaptive"],
        VERSION,
        &[Arc::clone(&old), Arc::clone(&new)],
    );
    assert_eq!(names(&plan.play), names(&[new]));
    assert_eq!(names(&plan.retire_after_publish), names(&[old]));
}

#[test]
fn a_failed_attempt_at_a_new_source_takes_nothing_away() {
    let asset = asset(&json!({}));
    let old = job(&asset, &adaptive(), "old", &committed());
    let new = job(&asset, &adaptive(), VERSION, &failed("SourceInvalid"));
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::clone(&old), new]);
    assert_eq!(names(&plan.play), names(&[old]));
    assert!(plan.create.is_empty() && plan.retire.is_empty());
}

#[test]
fn what_is_superseded_while_it_runs_is_called_off() {
    let asset = asset(&json!({}));
    let old = job(&asset, &adaptive(), "old", &running(40));
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::clone(&old)]);
    assert_eq!(names(&plan.retire), names(&[old]));
    assert_eq!(plan.create.len(), 1);
}

#[test]
fn a_pinned_asset_keeps_what_it_has() {
    let asset = asset(&json!({}));
    let made = job(&asset, &adaptive(), VERSION, &committed());
    let plan = after_an_edit(&asset, &[Arc::clone(&made)]);
    assert!(plan.create.is_empty());
    assert_eq!(plan.wanted[0].freshness, Freshness::Changed);
    assert_eq!(names(&plan.play), names(&[made]));
}

#[test]
fn a_following_asset_is_made_anew() {
    let asset = asset(&json!({"spec": {"profileUpdates": "Follow"}}));
    let made = job(&asset, &adaptive(), VERSION, &committed());
    let plan = after_an_edit(&asset, &[Arc::clone(&made)]);
    assert_eq!(plan.create.len(), 1);
    assert_eq!(names(&plan.play), names(&[made]));
}

#[test]
fn a_restart_token_tries_a_failure_again() {
    let before = asset(&json!({}));
    let failed = job(&before, &adaptive(), VERSION, &failed("SourceInvalid"));
    let after = asset(&json!({"spec": {"restartToken": "again"}}));
    let plan = plan_of(&after, &["adaptive"], VERSION, &[Arc::clone(&failed)]);
    assert_eq!(plan.create.len(), 1);
    assert_eq!(names(&plan.retire), names(&[failed]));
}

#[test]
fn a_void_job_is_replaced() {
    let void: Value = json!({
        "phase": "Failed",
        "conditions": [{
            "type": "Succeeded", "status": "False", "reason": "Void", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
    });
    let asset = asset(&json!({}));
    let job = job(&asset, &adaptive(), VERSION, &void);
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::clone(&job)]);
    assert_eq!(names(&plan.retire), names(&[job]));
    assert_eq!(plan.create.len(), 1);
}

#[test]
fn a_profile_that_is_not_asked_for_plays_until_all_others_do() {
    let asset = asset(&json!({}));
    let gone = job(&asset, &profile("gone", &json!({})), VERSION, &committed());
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::clone(&gone)]);
    assert_eq!(names(&plan.play), names(&[Arc::clone(&gone)]));
    assert!(plan.retire_after_publish.is_empty());

    let made = job(&asset, &adaptive(), VERSION, &committed());
    let plan = plan_of(
        &asset,
        &["adaptive"],
        VERSION,
        &[Arc::clone(&gone), Arc::clone(&made)],
    );
    assert_eq!(names(&plan.play), names(&[made]));
    assert_eq!(names(&plan.retire_after_publish), names(&[gone]));
}

#[test]
fn a_deleted_profile_takes_nothing_away() {
    let asset = asset(&json!({}));
    let made = job(&asset, &adaptive(), VERSION, &committed());
    let mut valid = valid(&["adaptive"]);
    valid.profiles[0].current = None;
    let kept = plan(&asset, &valid, &source(VERSION), &[made]);
    assert_eq!(kept.play.len(), 1);
    assert!(kept.missing_profiles.is_empty());
    let missing = plan(&asset, &valid, &source(VERSION), &[]);
    assert_eq!(missing.missing_profiles, ["adaptive"]);
    assert!(missing.create.is_empty());
}

#[test]
fn scheduling_follows_the_asset_until_the_job_is_done() {
    let before = asset(&json!({}));
    let urgent = asset(&json!({"spec": {"priority": 10}}));
    let waiting = job(&before, &adaptive(), VERSION, &json!({}));
    let plan = plan_of(&urgent, &["adaptive"], VERSION, &[waiting]);
    assert_eq!(plan.follow.len(), 1);
    assert_eq!(plan.follow[0].1.scheduling.priority, 10);
    let done = job(&before, &adaptive(), VERSION, &committed());
    assert!(
        plan_of(&urgent, &["adaptive"], VERSION, &[done])
            .follow
            .is_empty()
    );
}

#[test]
fn a_job_that_is_going_is_not_there() {
    let asset = asset(&json!({}));
    let mut going = job(&asset, &adaptive(), VERSION, &committed())
        .as_ref()
        .clone();
    going.metadata.deletion_timestamp = going.metadata.creation_timestamp.clone();
    let plan = plan_of(&asset, &["adaptive"], VERSION, &[Arc::new(going)]);
    assert_eq!(plan.create.len(), 1);
    assert!(plan.play.is_empty() && plan.retire.is_empty());
}
