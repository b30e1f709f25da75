use super::*;
use crate::asset::fixtures::{
    asset, committed, failed, job, over, profile, running, source, valid,
};
use crate::asset::plan;
use crate::asset::validate::BlockReason;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use vessel_crds::TranscodeJob;
use vessel_crds::condition::{find, is_true};
use vessel_crds::media_asset::UploadStatus;

const VERSION: &str = "\"etag\"";

fn now() -> Time {
    Time("2026-01-01T00:10:00Z".parse::<Timestamp>().unwrap())
}

fn published() -> Applied {
    Applied {
        playing: Playing::Published {
            revision: Some(1),
            digest: "digest".to_owned(),
        },
        ..Applied::default()
    }
}

fn planned(asset: &MediaAsset, jobs: &[Arc<TranscodeJob>], applied: Applied) -> Outcome {
    let valid = valid(&["adaptive"]);
    let source = source(VERSION);
    Outcome::Planned {
        plan: Box::new(plan::plan(asset, &valid, &source, jobs)),
        valid: Box::new(valid),
        source,
        applied,
        tidy: Tidy::default(),
    }
}

/// The status when the one job of the asset has that status.
fn with_job(asset: &MediaAsset, status: &Value, applied: Applied) -> MediaAssetStatus {
    let job = job(asset, &profile("adaptive", &json!({})), VERSION, status);
    after(asset, &planned(asset, &[job], applied), &now())
}

/// kstatus: never both; and Ready, phase and the two agree.
fn hold_together(status: &MediaAssetStatus) {
    let has = |kind| is_true(&status.conditions, kind);
    let (ready, reconciling, stalled) = (
        has(ConditionType::Ready),
        has(ConditionType::Reconciling),
        has(ConditionType::Stalled),
    );
    assert!(!(reconciling && stalled), "{status:?}");
    assert_eq!(ready, status.phase == Phase::Ready, "{status:?}");
    assert_eq!(stalled, status.phase == Phase::Failed, "{status:?}");
    assert!(!ready || !(reconciling || stalled), "{status:?}");
    if stalled {
        let reason =
            |kind| find(&status.conditions, kind).map(|condition| condition.reason.clone());
        assert_eq!(reason(ConditionType::Ready), reason(ConditionType::Stalled));
    }
    assert!(status.message.is_some(), "{status:?}");
}

#[test]
fn a_ready_asset() {
    let status = with_job(&asset(&json!({})), &committed(), published());
    hold_together(&status);
    insta::assert_json_snapshot!(status);
}

#[test]
fn the_same_outcome_is_the_same_status() {
    let mut settled = asset(&json!({}));
    let status = with_job(&settled, &committed(), published());
    settled.status = Some(status.clone());
    let later = Time("2026-01-02T00:00:00Z".parse::<Timestamp>().unwrap());
    let job = job(
        &settled,
        &profile("adaptive", &json!({})),
        VERSION,
        &committed(),
    );
    // What was recorded of the source is what the next look starts from.
    let mut outcome = planned(&settled, &[job], published());
    if let Outcome::Planned { source, .. } = &mut outcome {
        *source = status.source.clone().unwrap();
    }
    assert_eq!(after(&settled, &outcome, &later), status);
}

/// The status of a job that waits.
fn waits(is_admitted: &str, admitted: &str, succeeded: &str) -> Value {
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        })
    };
    json!({
        "phase": "Pending", "message": "as it says",
        "conditions": [
            condition("Admitted", is_admitted, admitted),
            condition("Succeeded", "Unknown", succeeded),
        ],
    })
}

#[test]
fn phases_follow_the_job() {
    let asset = asset(&json!({}));
    let cases = [
        (json!({}), Phase::Pending, "JobCreated"),
        (
            waits("False", "QueueFull", "Pending"),
            Phase::Pending,
            "QueueFull",
        ),
        (
            waits("False", "BackingOff", "Pending"),
            Phase::Pending,
            "BackingOff",
        ),
        (
            waits("True", "Started", "Unschedulable"),
            Phase::Pending,
            "Unschedulable",
        ),
        (running(40), Phase::Running, "Encoding"),
        (failed("SourceInvalid"), Phase::Failed, "SourceInvalid"),
    ];
    for (job, phase, reason) in cases {
        let status = with_job(&asset, &job, Applied::default());
        hold_together(&status);
        let ready = find(&status.conditions, ConditionType::Ready).unwrap();
        assert_eq!(
            (status.phase, ready.reason.as_str()),
            (phase, reason),
            "{job}"
        );
        assert!(!is_true(&status.conditions, ConditionType::Playable));
        assert_eq!(status.profiles_ready.as_deref(), Some("0/1"));
    }
}

#[test]
fn progress_is_that_of_the_job() {
    let status = with_job(&asset(&json!({})), &running(40), Applied::default());
    assert_eq!(status.progress.as_deref(), Some("40%"));
    assert_eq!(status.message.as_deref(), Some("a pod works on it"));
    let told = json!({"stage": "Encode", "speed": "12.3x", "remaining": "2m10s"});
    let told = over(running(40), &told);
    let status = with_job(&asset(&json!({})), &told, Applied::default());
    assert_eq!(
        status.message.as_deref(),
        Some("Encode 40 %, 12.3x, about 2m10s left")
    );
}

#[test]
fn what_plays_goes_on_playing_while_something_better_is_made() {
    let mut asset = asset(&json!({}));
    asset.status = Some(with_job(&asset, &committed(), published()));
    let old = job(
        &asset,
        &profile("adaptive", &json!({})),
        "old",
        &committed(),
    );
    let new = job(
        &asset,
        &profile("adaptive", &json!({})),
        VERSION,
        &failed("SourceInvalid"),
    );
    let status = after(&asset, &planned(&asset, &[old, new], published()), &now());
    hold_together(&status);
    assert!(is_true(&status.conditions, ConditionType::Playable));
    assert_eq!(status.phase, Phase::Failed);
    assert_eq!(status.playback.len(), 1);
    let blocked = Outcome::Blocked(Blocked {
        reason: BlockReason::StoreNotReady,
        message: "away".to_owned(),
        resolved: None,
    });
    asset.status = Some(status);
    let status = after(&asset, &blocked, &now());
    assert!(is_true(&status.conditions, ConditionType::Playable));
    assert_eq!(status.phase, Phase::Pending);
}

#[test]
fn a_private_asset_says_who_can_play_it() {
    let status = with_job(
        &asset(&json!({"spec": {"visibility": "Private"}})),
        &committed(),
        published(),
    );
    assert!(status.message.unwrap().contains("signed URL"));
}

#[test]
fn an_unsettled_pointer_is_not_ready() {
    let unsettled = Applied {
        playing: Playing::Unsettled,
        ..Applied::default()
    };
    let status = with_job(&asset(&json!({})), &committed(), unsettled);
    hold_together(&status);
    assert_eq!(status.phase, Phase::Pending);
    assert_eq!(status.pointer_digest, None);
}

#[test]
fn sources_that_are_not_there() {
    let asset = asset(&json!({}));
    let upload = UploadStatus {
        secret_name: "night-drive-upload-01234567".to_owned(),
        secret_uid: Some("u".to_owned()),
        generation: 1,
        expires_at: now(),
    };
    let cases = [
        (
            Located::Awaited(upload.clone(), now().0),
            Phase::Pending,
            "AwaitingUpload",
        ),
        (Located::Expired(upload), Phase::Failed, "UploadExpired"),
        (
            Located::Missing("nothing there".to_owned(), now().0),
            Phase::Failed,
            "SourceNotFound",
        ),
        (
            Located::Denied("not allowed".to_owned()),
            Phase::Failed,
            "SourceDenied",
        ),
    ];
    for (located, phase, reason) in cases {
        let outcome = Outcome::Unlocated(Box::new(valid(&["adaptive"])), located);
        let status = after(&asset, &outcome, &now());
        hold_together(&status);
        let ready = find(&status.conditions, ConditionType::Ready).unwrap();
        assert_eq!((status.phase, ready.reason.as_str()), (phase, reason));
    }
}

/// Awaiting an upload: neither Reconciling nor Stalled, and the message is what to type.
#[test]
fn who_is_awaited_is_told_where_to_send_the_file() {
    let upload = UploadStatus {
        secret_name: "night-drive-upload-01234567".to_owned(),
        secret_uid: None,
        generation: 1,
        expires_at: now(),
    };
    let outcome = Outcome::Unlocated(
        Box::new(valid(&["adaptive"])),
        Located::Awaited(upload, now().0),
    );
    let status = after(&asset(&json!({})), &outcome, &now());
    assert!(find(&status.conditions, ConditionType::Reconciling).is_none());
    insta::assert_snapshot!(status.message.unwrap());
}

#[test]
fn blocks_that_need_help_are_stalled() {
    let asset = asset(&json!({}));
    for (reason, phase) in [
        (BlockReason::AmbiguousDefault, Phase::Failed),
        (BlockReason::StoreNotAllowed, Phase::Failed),
        (BlockReason::ProfileNotAllowed, Phase::Failed),
        (BlockReason::StoreNotReady, Phase::Pending),
        (BlockReason::ProfileNotFound, Phase::Pending),
    ] {
        let outcome = Outcome::Blocked(Blocked {
            reason,
            message: "so it is".to_owned(),
            resolved: None,
        });
        let status = after(&asset, &outcome, &now());
        hold_together(&status);
        assert_eq!(status.phase, phase, "{reason:?}");
    }
}

#[test]
fn an_absolute_address_needs_a_base() {
    let asset = asset(&json!({}));
    let job = job(
        &asset,
        &profile("adaptive", &json!({})),
        VERSION,
        &committed(),
    );
    let mut outcome = planned(&asset, &[job], published());
    if let Outcome::Planned { valid, .. } = &mut outcome {
        let base = json!({"publicBaseURL": "https://media.example.com/"});
        valid.store = crate::asset::fixtures::store("main", &base);
    }
    let status = after(&asset, &outcome, &now());
    let url = "https://media.example.com/v1/music/night-drive/adaptive/master.m3u8";
    assert_eq!(status.url.as_deref(), Some(url));
    assert_eq!(
        status.playback[0].watch.as_deref(),
        Some("https://media.example.com/watch/music/night-drive")
    );
}

#[test]
fn a_changed_profile_is_told_and_plays_on() {
    let asset = asset(&json!({}));
    let made = job(
        &asset,
        &profile("adaptive", &json!({})),
        VERSION,
        &committed(),
    );
    let mut valid = valid(&["adaptive"]);
    let edited = profile(
        "adaptive",
        &over(
            json!({}),
            &json!({"spec": {"encoding": {"audio": {"bitratesKbps": [96]}}}}),
        ),
    );
    valid.profiles[0].current = Some(crate::asset::fixtures::current(&edited));
    let source = source(VERSION);
    let outcome = Outcome::Planned {
        plan: Box::new(plan::plan(&asset, &valid, &source, &[made])),
        valid: Box::new(valid),
        source,
        applied: published(),
        tidy: Tidy::default(),
    };
    let status = after(&asset, &outcome, &now());
    hold_together(&status);
    assert_eq!(status.phase, Phase::Ready);
    let fresh = find(&status.conditions, ConditionType::UpToDate).unwrap();
    assert_eq!(
        (fresh.status.as_str(), fresh.reason.as_str()),
        ("False", "ProfileChanged")
    );
}

#[test]
fn what_has_expired_says_what_to_do_and_names_nothing_that_plays() {
    let mut asset = asset(&json!({}));
    asset.status = Some(with_job(&asset, &committed(), published()));
    let freed = |state| Freed {
        cause: vessel_crds::media_asset::FreedCause::Expired,
        state,
        work: retention::work(&asset),
        time: now(),
    };
    let status = after(
        &asset,
        &Outcome::Expired(freed(FreedState::Freeing)),
        &now(),
    );
    hold_together(&status);
    assert!(is_true(&status.conditions, ConditionType::Playable));
    assert!(status.pointer_digest.is_some());

    let mut expiring = asset.clone();
    expiring.spec = over_spec(&asset, &json!({"retention": {"expireAfterSeconds": 1}}));
    expiring.status = Some(status);
    let rests = Freed {
        work: retention::work(&expiring),
        ..freed(FreedState::Freed)
    };
    let later = Time("2026-01-01T01:00:00Z".parse::<Timestamp>().unwrap());
    let status = after(&expiring, &Outcome::Expired(rests.clone()), &later);
    hold_together(&status);
    assert_eq!(status.freed, Some(rests.clone()));
    assert!(!is_true(&status.conditions, ConditionType::Playable));
    assert_eq!((&status.url, &status.pointer_digest), (&None, &None));
    assert!(status.playback.is_empty() && status.renditions.is_empty());
    let message = status.message.clone().unwrap();
    assert!(message.contains("spec.restartToken"), "{message}");
    expiring.status = Some(status.clone());
    assert_eq!(after(&expiring, &Outcome::Expired(rests), &later), status);
}

fn over_spec(asset: &MediaAsset, change: &Value) -> vessel_crds::MediaAssetSpec {
    let spec = serde_json::to_value(&asset.spec).unwrap();
    serde_json::from_value(over(spec, change)).unwrap()
}

#[test]
fn a_profile_that_came_too_late_for_the_source_is_told() {
    let asset = asset(&json!({}));
    let job = job(
        &asset,
        &profile("adaptive", &json!({})),
        VERSION,
        &committed(),
    );
    let mut outcome = planned(&asset, &[job], published());
    if let Outcome::Planned { source, plan, .. } = &mut outcome {
        source.state = SourceState::Removed;
        let valid = valid(&["adaptive", "audio"]);
        let jobs: Vec<_> = plan.play.clone();
        **plan = plan::plan(&asset, &valid, source, &jobs);
    }
    let status = after(&asset, &outcome, &now());
    hold_together(&status);
    assert!(is_true(&status.conditions, ConditionType::Playable));
    let ready = find(&status.conditions, ConditionType::Ready).unwrap();
    assert_eq!(ready.reason, "SourceRemoved");
    assert_eq!(status.renditions[1].phase, Phase::Failed);
}

/// A title changes nothing of it; another source counts anew.
#[test]
fn the_time_of_what_plays_is_counted_anew_for_other_work() {
    let mut asset = asset(&json!({}));
    asset.status = Some(with_job(&asset, &committed(), published()));
    let later = Time("2026-01-02T00:00:00Z".parse::<Timestamp>().unwrap());
    let ready_at = |asset: &MediaAsset| {
        let made = job(
            asset,
            &profile("adaptive", &json!({})),
            VERSION,
            &committed(),
        );
        after(asset, &planned(asset, &[made], published()), &later).ready_time
    };
    asset.spec.title = Some("Night Drive".to_owned());
    assert_eq!(ready_at(&asset), Some(now()));
    asset.spec.restart_token = "again".to_owned();
    assert_eq!(ready_at(&asset), Some(later.clone()));
}
