use super::*;
use crate::job::pod_end::Disruption;
use vessel_crds::reason::WaitingReason;
use vessel_storage::digest::Sha256;
use vessel_storage::manifest::Cost;

fn evidence() -> Evidence {
    Evidence {
        commit: CommitSeen::None,
        verdict: None,
        pod: None,
        job: JobEnd::Unfinished,
        history: History {
            memory_limit_bytes: Some(1 << 30),
            ..History::default()
        },
    }
}

fn pod() -> PodEnd {
    PodEnd {
        exit_code: Some(1),
        container_reason: "Error".to_owned(),
        ..PodEnd::default()
    }
}

fn with_pod(pod: PodEnd) -> Evidence {
    Evidence {
        pod: Some(pod),
        job: JobEnd::Finished("BackoffLimitExceeded".to_owned()),
        ..evidence()
    }
}

fn verdict(outcome: VerdictOutcome, reason: Option<FailureReason>, permanent: bool) -> Verdict {
    Verdict {
        outcome,
        reason,
        message: "as the execution says".to_owned(),
        permanent,
        media: None,
        cost: Cost::default(),
        stages: Vec::new(),
    }
}

fn failed(reason: FailureReason) -> Verdict {
    verdict(VerdictOutcome::Failed, Some(reason), false)
}

fn disrupted_by(reason: &str) -> PodEnd {
    PodEnd {
        disruption: Some(Disruption {
            reason: reason.to_owned(),
            message: "because".to_owned(),
        }),
        ..pod()
    }
}

fn published() -> Published {
    Published {
        pod_uid: "00000000-0000-4000-8000-000000000001".parse().unwrap(),
        attempt: 1,
        manifest_key: "k".to_owned(),
        manifest_sha256: Sha256::of(b"manifest"),
    }
}

fn ended(evidence: &Evidence) -> Ended {
    match conclude(evidence) {
        End::Ended(ended) => *ended,
        other => panic!("{other:?}"),
    }
}

/// Name of the case, what is known, and what follows.
type Case = (&'static str, Evidence, FailureReason, AttemptOutcome, Counts);

#[test]
fn the_table_of_outcomes() {
    use AttemptOutcome::{Disrupted, Failed};
    use Counts::{Disruption as Spared, Failure, Permanent};
    use FailureReason as R;
    let verdict_of = |verdict| Evidence {
        verdict: Some(verdict),
        ..with_pod(pod())
    };
    let cases: Vec<Case> = vec![
        ("a permanent reason", verdict_of(failed(R::SourceInvalid)), R::SourceInvalid, Failed, Permanent),
        ("a missing source", verdict_of(failed(R::SourceNotFound)), R::SourceNotFound, Failed, Permanent),
        ("a dead host", verdict_of(failed(R::SourceUnreachable)), R::SourceUnreachable, Failed, Failure),
        ("a missing headers Secret", verdict_of(failed(R::SourceDenied)), R::SourceDenied, Failed, Failure),
        ("ffmpeg broke", verdict_of(failed(R::EncoderFailed)), R::EncoderFailed, Failed, Failure),
        ("the gate", verdict_of(failed(R::VerificationFailed)), R::VerificationFailed, Failed, Failure),
        ("the bucket was away", verdict_of(failed(R::StorageUnavailable)), R::StorageUnavailable, Failed, Failure),
        ("told to stop by the platform", verdict_of(failed(R::Disrupted)), R::Disrupted, Disrupted, Spared),
        (
            "an execution that knows better than its reason",
            verdict_of(verdict(VerdictOutcome::Failed, Some(R::StorageUnavailable), true)),
            R::StorageUnavailable,
            Failed,
            Permanent,
        ),
        ("a failure without a reason", verdict_of(verdict(VerdictOutcome::Failed, None, false)), R::Internal, Failed, Failure),
        ("a word of a newer version", verdict_of(failed(R::Unknown)), R::Unknown, Failed, Failure),
        ("called off", verdict_of(verdict(VerdictOutcome::Cancelled, None, false)), R::Disrupted, Disrupted, Spared),
        ("says committed, is not", verdict_of(verdict(VerdictOutcome::Committed, None, false)), R::Internal, Failed, Failure),
        ("says superseded, is not", verdict_of(verdict(VerdictOutcome::Superseded, None, false)), R::Internal, Failed, Failure),
        (
            "killed for its memory",
            with_pod(PodEnd { container_reason: "OOMKilled".to_owned(), ..pod() }),
            R::OutOfMemory,
            Failed,
            Failure,
        ),
        (
            "evicted for its own scratch",
            with_pod(PodEnd { reason: "Evicted".to_owned(), ..pod() }),
            R::LimitExceeded,
            Failed,
            Permanent,
        ),
        (
            "evicted by the kubelet for the node's sake",
            with_pod(PodEnd { reason: "Evicted".to_owned(), ..disrupted_by("TerminationByKubelet") }),
            R::Disrupted,
            Disrupted,
            Spared,
        ),
        ("preempted", with_pod(disrupted_by("PreemptionByScheduler")), R::Disrupted, Disrupted, Spared),
        ("drained", with_pod(disrupted_by("EvictionByEvictionAPI")), R::Disrupted, Disrupted, Spared),
        (
            "its node is lost",
            Evidence { job: JobEnd::NodeLost(Timestamp::UNIX_EPOCH), ..evidence() },
            R::Disrupted,
            Disrupted,
            Spared,
        ),
        (
            "ran too long",
            with_pod(PodEnd { reason: "DeadlineExceeded".to_owned(), ..pod() }),
            R::DeadlineExceeded,
            Failed,
            Failure,
        ),
        ("never started", Evidence { job: JobEnd::NotStarted(None), ..evidence() }, R::DeadlineExceeded, Failed, Failure),
        ("no verdict", with_pod(pod()), R::Internal, Failed, Failure),
        ("the Job was deleted by hand", Evidence { job: JobEnd::Vanished, ..evidence() }, R::Internal, Failed, Failure),
        (
            "the Job failed and its pod is gone",
            Evidence { job: JobEnd::Finished("BackoffLimitExceeded".to_owned()), ..evidence() },
            R::Internal,
            Failed,
            Failure,
        ),
        (
            "the verdict comes before the platform's word",
            Evidence { verdict: Some(failed(R::SourceInvalid)), ..with_pod(disrupted_by("PreemptionByScheduler")) },
            R::SourceInvalid,
            Failed,
            Permanent,
        ),
        (
            "memory comes before the deadline",
            with_pod(PodEnd {
                container_reason: "OOMKilled".to_owned(),
                reason: "DeadlineExceeded".to_owned(),
                ..pod()
            }),
            R::OutOfMemory,
            Failed,
            Failure,
        ),
    ];
    for (name, evidence, reason, outcome, counts) in cases {
        let ended = ended(&evidence);
        assert_eq!((ended.reason, ended.outcome, ended.counts), (reason, outcome, counts), "{name}");
        assert!(!ended.message.is_empty(), "{name}");
    }
}

#[test]
fn a_commit_wins_over_everything_else() {
    let all_wrong = Evidence {
        verdict: Some(failed(FailureReason::SourceInvalid)),
        ..with_pod(PodEnd {
            container_reason: "OOMKilled".to_owned(),
            ..disrupted_by("TerminationByKubelet")
        })
    };
    let committed = Evidence {
        commit: CommitSeen::Published(published()),
        ..all_wrong.clone()
    };
    assert_eq!(conclude(&committed), End::Committed(published()));
    let vanished = Evidence {
        commit: CommitSeen::Published(published()),
        job: JobEnd::Vanished,
        ..evidence()
    };
    assert_eq!(conclude(&vanished), End::Committed(published()));
    let void = Evidence {
        commit: CommitSeen::Void,
        ..all_wrong
    };
    assert_eq!(conclude(&void), End::Void);
}

#[test]
fn memory_is_doubled_once() {
    let killed = with_pod(PodEnd {
        container_reason: "OOMKilled".to_owned(),
        ..pod()
    });
    assert_eq!(ended(&killed).next_memory_bytes, Some(2 << 30));
    let again = Evidence {
        history: History {
            memory: MemoryRaised::Yes,
            memory_limit_bytes: Some(2 << 30),
            ..killed.history
        },
        ..killed.clone()
    };
    let end = ended(&again);
    assert_eq!((end.counts, end.next_memory_bytes), (Counts::Permanent, None));
    assert!(end.message.contains("resources.limits.memory"), "{}", end.message);
}

#[test]
fn memory_is_never_raised_beyond_the_cap() {
    let killed = |limit| {
        ended(&Evidence {
            verdict: Some(failed(FailureReason::OutOfMemory)),
            history: History {
                memory_limit_bytes: Some(limit),
                ..History::default()
            },
            ..evidence()
        })
    };
    assert_eq!(killed(12 << 30).next_memory_bytes, Some(16 << 30));
    assert_eq!(killed(16 << 30).counts, Counts::Permanent);
}

#[test]
fn the_kubelet_twice_running_counts() {
    let by = |last, now: &str| {
        let mut evidence = with_pod(disrupted_by(now));
        evidence.history.last_disruptor = last;
        ended(&evidence).counts
    };
    let (kubelet, platform) = (Some(Disruptor::Kubelet), Some(Disruptor::Platform));
    assert_eq!(by(None, "TerminationByKubelet"), Counts::Disruption);
    assert_eq!(by(kubelet, "TerminationByKubelet"), Counts::Failure);
    assert_eq!(by(platform, "TerminationByKubelet"), Counts::Disruption);
    assert_eq!(by(kubelet, "PreemptionByScheduler"), Counts::Disruption);
}

#[test]
fn what_kept_a_pod_from_starting_is_told() {
    let waiting = Waiting::new(WaitingReason::ImagePull, "no such image");
    let end = ended(&Evidence {
        job: JobEnd::NotStarted(Some(waiting)),
        ..evidence()
    });
    assert_eq!(end.message, "the pod did not start in time (ImagePull: no such image)");
}
