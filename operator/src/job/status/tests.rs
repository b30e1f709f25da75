use super::*;
use crate::asset::fixtures::{asset, job, profile};
use crate::job::state::seen_etag;
use serde_json::{Value, json};
use vessel_crds::condition::{find, is_true};
use vessel_crds::reason::FailureReason;
use vessel_storage::commit::Published;
use vessel_storage::digest::Sha256;
use vessel_storage::manifest::Manifest;

const POD: &str = "00000000-0000-4000-8000-000000000001";

fn time(second: i64) -> Time {
    Time(Timestamp::from_second(second).unwrap())
}

fn with(status: &Value) -> TranscodeJob {
    job(
        &asset(&json!({})),
        &profile("adaptive", &json!({})),
        "v",
        status,
    )
    .as_ref()
    .clone()
}

/// The job after several things have happened to it, 10 s apart.
fn after_all(events: &[Applied]) -> TranscodeJob {
    let mut job = with(&json!({}));
    for (second, applied) in (0..).step_by(10).zip(events) {
        job.status = Some(after(&job, applied, &time(second)));
    }
    job
}

fn waiting(reason: WaitingReason) -> Applied {
    Applied::Waiting(Waiting::new(reason, "that is so"))
}

fn ended(reason: FailureReason, counts: Counts) -> Ended {
    Ended {
        counts,
        ..Ended::new(reason, "it broke")
    }
}

fn committed() -> Applied {
    let manifest: Manifest = serde_json::from_value(json!({
        "formatVersion": 1, "jobUID": POD, "podUID": POD, "attempt": 1,
        "source": {"bytes": 10, "sha256": "1".repeat(64)},
        "profileName": "adaptive", "encoding": {"audio": {"bitratesKbps": [64]}},
        "media": {"durationMillis": 12_000}, "kind": "Audio", "hls": "master.m3u8",
        "rungs": [], "tools": {"vessel": "0", "ffmpeg": "7"}, "commands": [],
        "objects": [
            {"path": "master.m3u8", "bytes": 100, "sha256": "2".repeat(64)},
            {"path": "audio-64k/init.mp4", "bytes": 900, "sha256": "3".repeat(64)},
        ],
        "cost": {"cpuMillis": 0, "wallMillis": 0, "peakMemoryBytes": 0, "bytesRead": 0, "bytesWritten": 0, "storeRequests": 0},
    }))
    .unwrap();
    Applied::Committed(Box::new(Committed {
        published: Published {
            pod_uid: POD.parse().unwrap(),
            attempt: 1,
            manifest_key: "k/manifest.json".to_owned(),
            manifest_sha256: Sha256::of(b"m"),
        },
        folder: "k/".to_owned(),
        manifest,
    }))
}

fn status(job: &TranscodeJob) -> &TranscodeJobStatus {
    job.status.as_ref().unwrap()
}

#[test]
fn a_job_from_the_queue_to_its_commit() {
    let job = after_all(&[
        waiting(WaitingReason::QueueFull),
        Applied::Started(1),
        Applied::GoesOn(None, PodSeen::Running),
        committed(),
    ]);
    insta::assert_json_snapshot!(status(&job));
}

#[test]
fn a_failure_is_told_counted_and_tried_again() {
    let next = Timestamp::from_second(40).unwrap();
    let job = after_all(&[
        Applied::Started(1),
        Applied::Retried(
            Box::new(ended(FailureReason::SourceUnreachable, Counts::Failure)),
            next,
        ),
    ]);
    let status = status(&job);
    assert_eq!(
        (status.phase, status.failures, status.attempts_started),
        (Phase::Pending, 1, 1)
    );
    assert_eq!(status.next_attempt_time, Some(Time(next)));
    assert_eq!(status.attempts[0].outcome, Some(AttemptOutcome::Failed));
    assert_eq!(
        status.message.as_deref(),
        Some("SourceUnreachable: it broke. Attempt 2 starts at 1970-01-01 00:00:40 UTC.")
    );
    assert!(!status.failure.as_ref().unwrap().permanent);
}

/// An attempt that did not get as far as its source does not make an earlier one forgotten.
#[test]
fn the_next_attempt_has_to_find_what_an_earlier_one_found() {
    let next = Timestamp::from_second(40).unwrap();
    let retried = |etag: Option<&str>| {
        let ended = Ended {
            source_etag: etag.map(ToOwned::to_owned),
            ..ended(FailureReason::EncoderFailed, Counts::Failure)
        };
        Applied::Retried(Box::new(ended), next)
    };
    let job = after_all(&[
        Applied::Started(1),
        retried(Some("\"v1\"")),
        Applied::Started(2),
        retried(None),
    ]);
    assert_eq!(seen_etag(status(&job)), Some("\"v1\""));
    assert_eq!(seen_etag(&TranscodeJobStatus::default()), None);
}

#[test]
fn the_last_failure_says_what_to_do() {
    let permanent = after_all(&[
        Applied::Started(1),
        Applied::GaveUp(Box::new(ended(
            FailureReason::SourceInvalid,
            Counts::Permanent,
        ))),
    ]);
    assert_eq!(status(&permanent).phase, Phase::Failed);
    assert_eq!(
        status(&permanent).message.as_deref(),
        Some(
            "SourceInvalid: it broke. Permanent, not retried: replace the source or set spec.restartToken."
        )
    );
    let spent = after_all(&[
        Applied::Started(1),
        Applied::GaveUp(Box::new(ended(
            FailureReason::SourceUnreachable,
            Counts::Failure,
        ))),
    ]);
    assert!(
        status(&spent)
            .message
            .as_deref()
            .unwrap()
            .contains("Given up after 1 attempts")
    );
    assert!(!is_true(
        &status(&spent).conditions,
        ConditionType::Succeeded
    ));
}

#[test]
fn a_disruption_is_not_a_failure() {
    let next = Timestamp::from_second(40).unwrap();
    let job = after_all(&[
        Applied::Started(1),
        Applied::Retried(
            Box::new(ended(FailureReason::Disrupted, Counts::Disruption)),
            next,
        ),
    ]);
    assert_eq!((status(&job).failures, status(&job).disruptions), (0, 1));
}

#[test]
fn the_same_wait_is_the_same_status() {
    let job = after_all(&[waiting(WaitingReason::QueueFull)]);
    let again = after(&job, &waiting(WaitingReason::QueueFull), &time(99));
    assert_eq!(&again, status(&job));
    assert_eq!(status(&job).queued_time, Some(time(0)));
}

#[test]
fn who_leaves_the_queue_joins_it_anew() {
    let job = after_all(&[
        waiting(WaitingReason::QueueFull),
        waiting(WaitingReason::StoreNotReady),
        waiting(WaitingReason::NamespaceLimit),
    ]);
    assert_eq!(status(&job).queued_time, Some(time(20)));
    let admitted = find(&status(&job).conditions, ConditionType::Admitted).unwrap();
    assert_eq!(admitted.reason, "NamespaceLimit");
    assert_eq!(admitted.last_transition_time, time(0));
}

#[test]
fn a_pod_that_can_t_start_says_so() {
    let stuck = Waiting::new(WaitingReason::Unschedulable, "0/1 nodes are available");
    let job = after_all(&[
        Applied::Started(1),
        Applied::GoesOn(Some(stuck), PodSeen::NotYet),
    ]);
    assert_eq!(status(&job).phase, Phase::Pending);
    assert_eq!(
        status(&job).message.as_deref(),
        Some("Unschedulable: 0/1 nodes are available.")
    );
    assert!(is_true(&status(&job).conditions, ConditionType::Admitted));
}

#[test]
fn a_status_lists_the_last_ten_attempts() {
    let next = Timestamp::from_second(0).unwrap();
    let events: Vec<_> = (1..=12)
        .flat_map(|number| {
            [
                Applied::Started(number),
                Applied::Retried(
                    Box::new(ended(FailureReason::Disrupted, Counts::Disruption)),
                    next,
                ),
            ]
        })
        .collect();
    let job = after_all(&events);
    let numbers: Vec<_> = status(&job)
        .attempts
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    assert_eq!(numbers, (3..=12).collect::<Vec<_>>());
    assert_eq!(
        (status(&job).attempts_started, status(&job).disruptions),
        (12, 12)
    );
}

#[test]
fn a_foreign_object_in_the_way_is_a_condition() {
    let job = after_all(&[Applied::NameTaken("night-drive-1".to_owned())]);
    let admitted = find(&status(&job).conditions, ConditionType::Admitted).unwrap();
    assert_eq!(admitted.reason, "NameTaken");
    assert!(!crate::job::state::wants_slot(&job, Timestamp::UNIX_EPOCH));
}

#[test]
fn a_void_job_is_done_and_has_no_output() {
    let job = after_all(&[Applied::Started(1), Applied::Void]);
    assert_eq!(
        crate::job::state::JobState::of(&job),
        crate::job::state::JobState::Void
    );
    assert_eq!(
        status(&job).attempts[0].outcome,
        Some(AttemptOutcome::Cancelled)
    );
}

#[test]
fn more_memory_is_kept_for_the_attempts_that_follow() {
    let next = Timestamp::from_second(0).unwrap();
    let doubled = Box::new(Ended {
        next_memory_bytes: Some(2 << 30),
        ..ended(FailureReason::OutOfMemory, Counts::Failure)
    });
    let job = after_all(&[
        Applied::Started(1),
        Applied::Retried(doubled, next),
        Applied::Started(2),
    ]);
    assert_eq!(status(&job).memory_limit_bytes, Some(2 << 30));
}

#[test]
fn a_stage_is_told_only_while_a_pod_works() {
    let next = Timestamp::from_second(0).unwrap();
    let failure = || Box::new(ended(FailureReason::EncoderFailed, Counts::Failure));
    for end in [
        committed(),
        Applied::Void,
        Applied::Retried(failure(), next),
        Applied::GaveUp(failure()),
    ] {
        let mut job = after_all(&[Applied::Started(1)]);
        let told = job.status.as_mut().unwrap();
        told.progress_percent = Some(40);
        told.stage = Some("Encode".to_owned());
        told.speed = Some("12.3x".to_owned());
        told.remaining = Some("2m10s".to_owned());
        assert_eq!(
            working(&job).as_deref(),
            Some("Encode 40 %, 12.3x, about 2m10s left")
        );
        let goes_on = Applied::GoesOn(None, PodSeen::Running);
        assert!(after(&job, &goes_on, &time(10)).stage.is_some());
        job.status = Some(after(&job, &end, &time(20)));
        let status = status(&job);
        assert_eq!(
            (&status.stage, &status.speed, &status.remaining),
            (&None, &None, &None),
            "{end:?}"
        );
        assert_eq!(working(&job), None);
    }
}

#[test]
fn what_is_not_known_of_the_work_is_not_told() {
    let job = with(&json!({"stage": "Fetch", "progressPercent": 0}));
    assert_eq!(working(&job).as_deref(), Some("Fetch"));
    let job = with(&json!({"stage": "Encode", "progressPercent": 20, "speed": "0.9x"}));
    assert_eq!(working(&job).as_deref(), Some("Encode 20 %, 0.9x"));
}
