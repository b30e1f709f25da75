use super::*;
use crate::asset::fixtures::{
    asset, committed, failed, job, over, profile, running, source, valid,
};
use crate::asset::plan::plan;
use serde_json::{Value, json};
use std::sync::Arc;

const VERSION: &str = "1-etag";

fn at(time: &str) -> Time {
    Time(format!("2026-01-01T{time}Z").parse().unwrap())
}

/// An asset that has played since 01:00, with `change` over it.
fn playing(change: &Value) -> MediaAsset {
    let mut asset = asset(&over(
        json!({
            "spec": {"retention": {"expireAfterSeconds": 3600}},
            "status": {"phase": "Ready", "readyTime": "2026-01-01T01:00:00Z", "pointerDigest": "d"},
        }),
        change,
    ));
    let work = work(&asset);
    let status = asset.status.as_mut().unwrap();
    status.ready_for.get_or_insert(work);
    asset
}

fn freed(asset: &MediaAsset, cause: FreedCause, state: FreedState) -> Freed {
    Freed {
        cause,
        state,
        work: work(asset),
        time: at("02:00:00"),
    }
}

fn with_record(mut asset: MediaAsset, freed: Freed) -> MediaAsset {
    asset.status.as_mut().unwrap().freed = Some(freed);
    asset
}

#[test]
fn what_plays_expires_when_its_time_is_over() {
    let asset = playing(&json!({}));
    assert_eq!(expiry(&asset, &at("01:59:59")), Expiry::Runs);
    let begun = freed(&asset, FreedCause::Expired, FreedState::Freeing);
    assert_eq!(expiry(&asset, &at("02:00:00")), Expiry::Begin(begun));
    assert_eq!(
        next_look(&asset, None, at("01:30:00").0),
        Some(at("02:00:00").0)
    );
}

#[test]
fn what_does_not_expire() {
    let cases = [
        ("no retention", json!({"spec": {"retention": null}})),
        (
            "no expiry",
            json!({"spec": {"retention": {"expireAfterSeconds": null}}}),
        ),
        ("never ready", json!({"status": {"readyTime": null}})),
        ("nothing plays", json!({"status": {"pointerDigest": null}})),
        (
            "something better is being made",
            json!({"status": {"readyFor": "other", "phase": "Running"}}),
        ),
        (
            "a failure of an earlier spec",
            json!({"metadata": {"generation": 2}, "status": {"readyFor": "other", "phase": "Failed"}}),
        ),
        (
            "a time that no clock shows",
            json!({"spec": {"retention": {"expireAfterSeconds": i64::MAX}}}),
        ),
    ];
    for (name, change) in cases {
        let asset = playing(&change);
        assert_eq!(expiry(&asset, &at("23:00:00")), Expiry::Runs, "{name}");
        let again = next_look(&asset, None, at("23:00:00").0);
        assert_eq!(again, None, "{name}");
    }
}

#[test]
fn what_plays_expires_when_nothing_better_came_of_it() {
    let asset = playing(&json!({"status": {"readyFor": "other", "phase": "Failed"}}));
    assert!(matches!(expiry(&asset, &at("02:00:00")), Expiry::Begin(_)));
}

#[test]
fn what_was_begun_is_ended_whatever_the_spec_says_by_then() {
    let asset = playing(&json!({}));
    let record = freed(&asset, FreedCause::Expired, FreedState::Freeing);
    for change in [
        json!({}),
        json!({"spec": {"restartToken": "again"}}),
        json!({"spec": {"retention": null}}),
    ] {
        let asset = with_record(playing(&change), record.clone());
        let expected = Expiry::Finish(record.clone());
        assert_eq!(expiry(&asset, &at("02:00:01")), expected, "{change}");
        assert!(holds(&asset, &record, at("02:00:01").0), "{change}");
    }
}

#[test]
fn what_has_expired_rests_until_the_spec_asks_for_something_else() {
    let record = freed(&playing(&json!({})), FreedCause::Expired, FreedState::Freed);
    let cases = [
        (json!({}), true),
        (json!({"spec": {"title": "Another"}}), true),
        (json!({"spec": {"priority": 7}}), true),
        (json!({"spec": {"restartToken": "again"}}), false),
        (json!({"spec": {"profiles": ["audio"]}}), false),
        (
            json!({"spec": {"source": {"s3": {"key": "samples/b.flac"}}}}),
            false,
        ),
        (json!({"spec": {"retention": null}}), false),
        (
            json!({"spec": {"retention": {"expireAfterSeconds": 36_000}}}),
            false,
        ),
    ];
    for (change, rests) in cases {
        let mut asset = with_record(playing(&change), record.clone());
        asset.status.as_mut().unwrap().pointer_digest = None;
        let expected = if rests {
            Expiry::Rests(record.clone())
        } else {
            Expiry::Runs
        };
        assert_eq!(expiry(&asset, &at("02:00:01")), expected, "{change}");
    }
}

#[test]
fn what_a_newer_version_wrote_is_left_to_it() {
    let asset = playing(&json!({
        "status": {"freed": {"cause": "Sold", "state": "Freeing", "work": "w", "time": "2026-01-01T00:00:00Z"}},
    }));
    assert_eq!(expiry(&asset, &at("23:00:00")), Expiry::Unknown);
}

fn uploaded(change: &Value) -> MediaAsset {
    let own = json!({
        "spec": {"source": {"s3": null, "upload": {"filename": "a.flac"}}, "retention": {"source": "DeleteWhenReady"}},
        "status": {"phase": "Ready"},
    });
    asset(&over(own, change))
}

fn upload(state: SourceState) -> SourceStatus {
    SourceStatus {
        generation: Some(1),
        state,
        ..source(VERSION)
    }
}

/// What `asset` gives up whose jobs for `adaptive` and `audio` have these statuses.
fn gives_up(asset: &MediaAsset, source: &SourceStatus, jobs: [&Value; 2], now: &Time) -> Tidy {
    let of = |name: &str, status: &Value| job(asset, &profile(name, &json!({})), VERSION, status);
    let jobs: Vec<_> = [of("adaptive", jobs[0]), of("audio", jobs[1])].to_vec();
    let plan = plan(asset, &valid(&["adaptive", "audio"]), source, &jobs);
    tidy(asset, source, &plan, now.0)
}

#[test]
fn an_upload_goes_only_when_the_status_says_that_all_of_this_spec_plays() {
    let (done, works) = (committed(), running(40));
    let present = upload(SourceState::Present);
    let step = |change: &Value, source: &SourceStatus, jobs| {
        gives_up(&uploaded(change), source, jobs, &at("02:00:00")).source
    };
    assert_eq!(step(&json!({}), &present, [&done, &done]), Step::Begin);
    assert_eq!(step(&json!({}), &present, [&done, &works]), Step::Stay);
    let cases = [
        json!({"spec": {"retention": {"source": "Keep"}}}),
        json!({"spec": {"retention": null}}),
        json!({"status": {"phase": "Running"}}),
        json!({"metadata": {"generation": 2}}),
        json!({"spec": {"source": {"upload": {"generation": 2}}}}),
        json!({"spec": {"source": {"upload": null, "s3": {"key": "samples/a.flac"}}}}),
    ];
    for change in cases {
        assert_eq!(
            step(&change, &present, [&done, &done]),
            Step::Stay,
            "{change}"
        );
    }
    let removing = upload(SourceState::Removing);
    assert_eq!(step(&json!({}), &removing, [&done, &works]), Step::Finish);
    for state in [SourceState::Removed, SourceState::Unknown] {
        assert_eq!(step(&json!({}), &upload(state), [&done, &done]), Step::Stay);
    }
}

fn failed_at(time: &str) -> Value {
    let completion = json!({"completionTime": format!("2026-01-01T{time}Z")});
    over(failed("SourceInvalid"), &completion)
}

#[test]
fn a_failure_is_cleaned_up_once_everything_that_does_not_play_has_given_up() {
    let cleans = json!({
        "spec": {"retention": {"source": "Keep", "cleanupAfterFailedSeconds": 600}},
        "status": {"phase": "Failed"},
    });
    let asset = uploaded(&cleans);
    let present = upload(SourceState::Present);
    let (first, second) = (failed_at("01:00:00"), failed_at("01:05:00"));
    let (done, works) = (committed(), running(40));
    let both = |step| Tidy {
        source: step,
        failed: step,
    };
    let cases = [
        ([&first, &second], "01:14:59", Step::Stay),
        ([&first, &second], "01:15:00", Step::Begin),
        ([&first, &done], "01:10:00", Step::Begin),
        ([&first, &works], "23:00:00", Step::Stay),
        ([&done, &done], "23:00:00", Step::Stay),
    ];
    for (jobs, now, step) in cases {
        assert_eq!(
            gives_up(&asset, &present, jobs, &at(now)),
            both(step),
            "{now}"
        );
    }
    let never = uploaded(&json!({"spec": {"retention": {"source": "Keep"}}}));
    let jobs = [&first, &second];
    assert_eq!(
        gives_up(&never, &present, jobs, &at("23:00:00")),
        both(Step::Stay)
    );
}

#[test]
fn a_cleanup_is_recorded_done_and_then_over() {
    let cleans = json!({"spec": {"retention": {"cleanupAfterFailedSeconds": 0}}});
    let failure = failed_at("01:00:00");
    let (now, jobs) = (at("02:00:00"), [&failure, &failure]);
    let mut asset = uploaded(&cleans);
    let mut source = upload(SourceState::Present);
    for expected in [Step::Begin, Step::Finish, Step::Stay] {
        let tidy = gives_up(&asset, &source, jobs, &now);
        assert_eq!((tidy.source, tidy.failed), (expected, expected));
        let freed = tidy.freed_after(&asset, &now);
        source = tidy.source_after(source);
        asset.status.as_mut().unwrap().freed = freed;
    }
    let record = asset.status.as_ref().unwrap().freed.clone().unwrap();
    assert_eq!(record.state, FreedState::Freed);
    assert!(holds(&asset, &record, now.0));
    asset.spec.restart_token = "again".to_owned();
    assert!(!holds(&asset, &record, now.0));
}

#[test]
fn a_cleanup_is_looked_for_when_it_is_due() {
    let asset = uploaded(&json!({"spec": {"retention": {"cleanupAfterFailedSeconds": 600}}}));
    let job = |name| {
        job(
            &asset,
            &profile(name, &json!({})),
            VERSION,
            &failed_at("01:00:00"),
        )
    };
    let jobs: Vec<Arc<TranscodeJob>> = vec![job("adaptive")];
    let plan = plan(
        &asset,
        &valid(&["adaptive"]),
        &upload(SourceState::Present),
        &jobs,
    );
    let due = at("01:10:00").0;
    assert_eq!(next_look(&asset, Some(&plan), at("01:00:01").0), Some(due));
    assert_eq!(next_look(&asset, Some(&plan), due), None);
}
