//! What the bucket and the grant endpoint can do to an execution, and what comes of it.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
mod support;

use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;
use support::bucket::{OTHER_POD, POD, published};
use support::execution::{Ended, Execution, encoding, media_folder};
use support::media::make;
use vessel_crds::encoding::Container;
use vessel_crds::reason::FailureReason;
use vessel_storage::verdict::VerdictOutcome;

/// Two seconds of sound, in one rung.
async fn short() -> Execution {
    let folder = media_folder();
    let source = make(
        folder.path(),
        "short.wav",
        "-f lavfi -i sine=440:r=48000:d=2",
    );
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(&[64], Container::FragmentedMp4);
    execution
}

fn outcome(ended: &Ended) -> (VerdictOutcome, Option<i32>) {
    (ended.verdict.outcome, ended.code)
}

#[tokio::test]
async fn calls_are_repeated_while_the_operator_is_busy_or_away() {
    let execution = short().await;
    execution.stub.with(|inner| {
        inner.faults.rate_limited = 2;
        inner.faults.unavailable = 1;
    });
    execution.commits().await;
}

#[tokio::test]
async fn a_put_is_repeated_and_a_lost_answer_is_found_by_its_checksum() {
    let execution = short().await;
    execution.stub.with(|inner| {
        inner.faults.put_unavailable = 1;
        inner.faults.put_answer_lost = 2;
    });
    let (manifest, verdict) = execution.commits().await;
    // One failed PUT, and two PUTs and GETs after a lost answer.
    assert!(verdict.cost.store_requests >= manifest.objects.len() as u64 + 5);
}

#[tokio::test]
async fn an_expired_signature_is_renewed_once() {
    let execution = short().await;
    execution.stub.with(|inner| inner.faults.put_denied = 1);
    execution.commits().await;
    let refused = short().await;
    refused.stub.with(|inner| inner.faults.put_denied = 100);
    let message = refused.fails(FailureReason::StorageDenied).await;
    assert!(
        message.contains("AccessDenied") && message.contains("s3:PutObject"),
        "{message}"
    );
}

#[tokio::test]
async fn another_object_at_a_key_of_ours_is_never_taken_for_ours() {
    let execution = short().await;
    execution
        .stub
        .put(&format!("{POD}/audio-64k/init.mp4"), &b"foreign"[..]);
    let message = execution.fails(FailureReason::Internal).await;
    assert!(message.contains("audio-64k/init.mp4"), "{message}");
}

#[tokio::test]
async fn a_source_that_the_store_denies_is_denied_and_a_final_answer_is_final() {
    let renewed = short().await;
    renewed.stub.with(|inner| inner.faults.get_denied = 1);
    renewed.commits().await;
    let denied = short().await;
    denied.stub.with(|inner| inner.faults.get_denied = 100);
    let message = denied.fails(FailureReason::StorageDenied).await;
    assert!(
        message.contains("AccessDenied") && message.contains("s3:GetObject"),
        "{message}"
    );
    let moved = short().await;
    moved
        .stub
        .with(|inner| inner.faults.source_status = Some(301));
    let message = moved.fails(FailureReason::Internal).await;
    assert!(message.contains("301"), "{message}");
    assert_eq!(moved.stub.with(|inner| inner.source_ranges.len()), 1);
}

#[tokio::test]
async fn what_is_read_back_is_read_again_when_the_answer_breaks_or_the_grant_has_expired() {
    for denied in [0, 1] {
        let execution = short().await;
        // The source is read first: its GET uses up no fault that is armed for later.
        execution.stub.with(|inner| {
            inner.faults.put_answer_lost = 1;
            inner.faults.read_back_breaks = 1 - denied;
            inner.faults.read_back_denied = denied;
        });
        execution.commits().await;
    }
    let denied = short().await;
    denied.stub.with(|inner| {
        inner.faults.put_answer_lost = 1;
        inner.faults.read_back_denied = 100;
    });
    let message = denied.fails(FailureReason::StorageDenied).await;
    assert!(message.contains("s3:GetObject"), "{message}");
    let broken = short().await;
    broken.stub.with(|inner| {
        inner.faults.put_answer_lost = 1;
        inner.faults.read_back_breaks = 100;
    });
    broken.fails(FailureReason::StorageUnavailable).await;
}

#[tokio::test]
async fn what_is_acknowledged_without_a_checksum_is_read_back() {
    let silent = short().await;
    silent
        .stub
        .with(|inner| inner.faults.put_unacknowledged = 100);
    let (manifest, verdict) = silent.commits().await;
    // A PUT and a GET of each.
    assert!(verdict.cost.store_requests >= 2 * manifest.objects.len() as u64);
    let wrong = short().await;
    wrong.stub.with(|inner| {
        inner.faults.put_unacknowledged = 1;
        inner.faults.put_kept_wrong = 1;
    });
    wrong.fails(FailureReason::VerificationFailed).await;
}

#[tokio::test]
async fn what_the_bucket_acknowledges_is_what_was_sent() {
    let execution = short().await;
    execution.stub.with(|inner| inner.faults.put_garbled = 1);
    let message = execution.fails(FailureReason::VerificationFailed).await;
    assert!(message.contains("checksum"), "{message}");
}

#[tokio::test]
async fn a_conflict_on_the_commit_is_repeated_and_a_lost_answer_is_harmless() {
    let execution = short().await;
    execution.stub.with(|inner| {
        inner.faults.commit_conflict = 1;
        inner.faults.commit_answer_lost = 1;
    });
    execution.commits().await;
    assert_eq!(
        execution.stub.get("commit.json").unwrap(),
        published(POD.parse().unwrap())
    );
}

#[tokio::test]
async fn a_commit_of_another_pod_supersedes_and_a_void_one_cancels() {
    let superseded = short().await;
    superseded
        .stub
        .put("commit.json", published(OTHER_POD.parse().unwrap()));
    assert_eq!(
        outcome(&superseded.run().await),
        (VerdictOutcome::Superseded, Some(0))
    );
    let cancelled = short().await;
    cancelled.stub.put("commit.json", &br#"{"void":true}"#[..]);
    assert_eq!(
        outcome(&cancelled.run().await),
        (VerdictOutcome::Cancelled, Some(0))
    );
}

#[tokio::test]
async fn a_pod_that_is_no_longer_current_stops_as_cancelled() {
    for calls in [0, 3] {
        let execution = short().await;
        execution
            .stub
            .with(|inner| inner.faults.not_current_after = Some(calls));
        assert_eq!(
            outcome(&execution.run().await),
            (VerdictOutcome::Cancelled, Some(0))
        );
        assert!(execution.stub.get("commit.json").is_none());
    }
}

#[tokio::test]
async fn a_broken_transfer_is_resumed_and_a_replaced_source_is_another() {
    let execution = short().await;
    execution
        .stub
        .with(|inner| inner.faults.source_breaks_after = Some(100_000));
    execution.commits().await;
    let ranges = execution.stub.with(|inner| inner.source_ranges.clone());
    assert_eq!(ranges[0], None);
    assert_eq!(ranges[1].as_deref(), Some("bytes=100000-"));

    let changing = short().await;
    changing.stub.with(|inner| {
        inner.faults.source_breaks_after = Some(100_000);
        inner.faults.source_changes = true;
    });
    changing.fails(FailureReason::SourceChanged).await;
    let missing = short().await;
    missing.stub.with(|inner| inner.objects.remove("source"));
    missing.fails(FailureReason::SourceNotFound).await;
}

#[tokio::test]
async fn the_commit_comes_last_and_the_manifest_just_before_it() {
    let execution = short().await;
    execution.commits().await;
    let order = execution.stub.with(|inner| inner.put_order.clone());
    let place = |name: &str| order.iter().position(|key| key.ends_with(name)).unwrap();
    assert!(place("manifest.json") < place("commit.json"));
    assert!(order.iter().all(|key| {
        key.ends_with("verdict.json") || place_of(&order, key) <= place("commit.json")
    }));
    execution.stub.with(|inner| {
        let playlist = &inner.objects[&format!("{POD}/master.m3u8")];
        assert_eq!(
            playlist.headers["content-type"],
            "application/vnd.apple.mpegurl"
        );
        assert!(playlist.headers["cache-control"].contains("immutable"));
    });
}

fn place_of(order: &[String], key: &str) -> usize {
    order
        .iter()
        .position(|other| other == key)
        .unwrap_or(usize::MAX)
}

#[tokio::test]
async fn sigterm_ends_it_quickly_with_a_verdict() {
    let execution = short().await;
    // The grant endpoint is busy for as long as it takes.
    execution
        .stub
        .with(|inner| inner.faults.unavailable = u32::MAX);
    let child = execution.start();
    while execution.stub.with(|inner| inner.grant_calls) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let pid = nix::unistd::Pid::from_raw(child.id().unwrap().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let ended = execution.ended(child).await;
    assert_eq!(ended.verdict.reason, Some(FailureReason::Disrupted));
    assert_eq!(ended.code, Some(75));
}

/// The last words come before everything that may hang, and nothing that hangs keeps the pod.
#[tokio::test]
async fn a_call_that_blocks_for_ever_holds_up_neither_the_last_words_nor_the_end() {
    let execution = short().await;
    let token = execution.folder.path().join("never");
    nix::unistd::mkfifo(&token, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let child = execution.start_with(|command| {
        command.env("VESSEL_TOKEN_FILE", &token);
    });
    // It opens for writing as soon as somebody reads, who then waits for a byte.
    let _writer = loop {
        let mut options = std::fs::OpenOptions::new();
        options.write(true);
        options.custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits());
        match options.open(&token) {
            Ok(writer) => break writer,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let pid = nix::unistd::Pid::from_raw(child.id().unwrap().try_into().unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let words = execution.folder.path().join("termination");
    let spoken = async {
        while std::fs::read(&words).unwrap_or_default().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(5), spoken).await;
    assert!(in_time.is_ok(), "no last words");
    let ended = tokio::time::timeout(Duration::from_secs(20), execution.ended(child)).await;
    let ended = ended.unwrap();
    assert_eq!(ended.verdict.reason, Some(FailureReason::Disrupted));
    assert_eq!(ended.code, Some(75));
}

#[tokio::test]
async fn a_bad_environment_is_an_internal_failure_with_a_termination_message() {
    let execution = short().await;
    let ended = execution
        .run_with(|command| {
            command.env_remove("VESSEL_JOB");
        })
        .await;
    assert_eq!(ended.verdict.reason, Some(FailureReason::Internal));
    assert!(
        ended.verdict.message.contains("VESSEL_JOB"),
        "{}",
        ended.verdict.message
    );
}

#[tokio::test]
async fn too_little_memory_is_not_blamed_on_the_source() {
    for mebibytes in [64, 200] {
        let mut execution = short().await;
        execution.limits.memory_bytes = mebibytes << 20;
        let message = execution.fails(FailureReason::OutOfMemory).await;
        assert!(message.contains("spec.execution.resources"), "{message}");
    }
}

#[tokio::test]
async fn limits_end_it_for_good() {
    let mut execution = short().await;
    execution.limits.max_source_bytes = 1000;
    let message = execution.fails(FailureReason::LimitExceeded).await;
    assert!(message.contains("maxSourceBytes"), "{message}");
    let mut execution = short().await;
    execution.limits.max_objects = 3;
    execution.fails(FailureReason::LimitExceeded).await;
    let mut execution = short().await;
    execution.limits.max_duration_seconds = 1;
    let message = execution.fails(FailureReason::LimitExceeded).await;
    assert!(message.contains("maxDurationSeconds"), "{message}");
}

#[tokio::test]
async fn the_grant_endpoint_is_trusted_by_its_own_authority_alone() {
    let execution = short().await;
    let (url, authority) = execution.stub.start_tls().await;
    let trusting = execution.run_with(|command| {
        command
            .env("VESSEL_GRANT_URL", &url)
            .env("VESSEL_GRANT_CA", authority);
    });
    assert_eq!(
        outcome(&trusting.await),
        (VerdictOutcome::Committed, Some(0))
    );

    let another = short().await;
    let (_, foreign) = another.stub.start_tls().await;
    let child = another.start_with(|command| {
        command
            .env("VESSEL_GRANT_URL", &url)
            .env("VESSEL_GRANT_CA", foreign);
    });
    let calls = execution.stub.with(|inner| inner.grant_calls);
    // It tries for minutes: a handshake that failed may be an operator that is being replaced.
    let ended = tokio::time::timeout(Duration::from_secs(3), another.ended(child)).await;
    assert!(ended.is_err(), "{ended:?}");
    assert_eq!(execution.stub.with(|inner| inner.grant_calls), calls);
}
