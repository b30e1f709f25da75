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
        source_etag: None,
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
type Case = (&'static str, Evidence, FailureReason, Counts);

/// What an attempt counts as tells how it ended.
fn hold(cases: Vec<Case>) {
    for (name, evidence, reason, counts) in cases {
        let ended = ended(&evidence);
        assert_eq!((ended.reason, ended.counts), (reason, counts), "{name}");
        let disrupted = ended.outcome == AttemptOutcome::Disrupted;
        assert_eq!(disrupted, reason == FailureReason::Disrupted, "{name}");
        assert!(!ended.message.is_empty(), "{name}");
    }
}

/// An attempt whose execution said that.
fn said(verdict: Verdict) -> Evidence {
    Evidence {
        verdict: Some(verdict),
        ..with_pod(pod())
    }
}

/// A pod that ended with that reason of its own.
fn pod_reason(reason: &str) -> PodEnd {
    PodEnd {
        reason: reason.to_owned(),
        ..pod()
    }
}

/// A pod whose container the runtime ended for that reason.
fn container_reason(reason: &str) -> PodEnd {
    PodEnd {
        container_reason: reason.to_owned(),
        ..pod()
    }
}

/// An attempt that left no pod, and this of its Job.
fn without_pod(job: JobEnd) -> Evidence {
    Evidence { job, ..evidence() }
}

#[test]
fn the_executions_own_reason_decides() {
    use Counts::{Failure, Permanent};
    use FailureReason as R;
    let cases = [
        (R::SourceInvalid, Permanent),
        (R::SourceUnsupported, Permanent),
        (R::SourceNotFound, Permanent),
        (R::SourceChanged, Permanent),
        (R::LimitExceeded, Permanent),
        (R::SourceUnreachable, Failure),
        (R::SourceDenied, Failure),
        (R::EncoderFailed, Failure),
        (R::VerificationFailed, Failure),
        (R::StorageUnavailable, Failure),
        (R::StorageDenied, Failure),
        (R::OutOfMemory, Failure),
        (R::DeadlineExceeded, Failure),
        (R::Internal, Failure),
        (R::Unknown, Failure),
    ];
    assert_eq!(cases.len(), FailureReason::ALL.len());
    hold(
        cases
            .map(|(reason, counts)| (reason.as_str(), said(failed(reason)), reason, counts))
            .into(),
    );
}

#[test]
fn an_execution_may_know_better_or_be_wrong() {
    use Counts::{Disruption, Failure, Permanent};
    use FailureReason as R;
    use VerdictOutcome as O;
    let ends = |outcome| said(verdict(outcome, None, false));
    let full = said(verdict(O::Failed, Some(R::StorageUnavailable), true));
    hold(vec![
        ("a full bucket", full, R::StorageUnavailable, Permanent),
        ("no reason", ends(O::Failed), R::Internal, Failure),
        ("called off", ends(O::Cancelled), R::Disrupted, Disruption),
        (
            "committed, but is not",
            ends(O::Committed),
            R::Internal,
            Failure,
        ),
        (
            "superseded, but is not",
            ends(O::Superseded),
            R::Internal,
            Failure,
        ),
    ]);
}

#[test]
fn without_words_the_pod_and_then_the_job_decide() {
    use Counts::{Disruption, Failure, Permanent};
    use FailureReason as R;
    let evicted_for_the_node = PodEnd {
        reason: "Evicted".to_owned(),
        ..disrupted_by("TerminationByKubelet")
    };
    let failed_job = JobEnd::Finished("BackoffLimitExceeded".to_owned());
    let node_lost = JobEnd::NodeLost(Timestamp::UNIX_EPOCH);
    hold(vec![
        (
            "killed for its memory",
            with_pod(container_reason("OOMKilled")),
            R::OutOfMemory,
            Failure,
        ),
        (
            "its own scratch",
            with_pod(pod_reason("Evicted")),
            R::LimitExceeded,
            Permanent,
        ),
        (
            "the node's sake",
            with_pod(evicted_for_the_node),
            R::Disrupted,
            Disruption,
        ),
        (
            "preempted",
            with_pod(disrupted_by("PreemptionByScheduler")),
            R::Disrupted,
            Disruption,
        ),
        (
            "drained",
            with_pod(disrupted_by("EvictionByEvictionAPI")),
            R::Disrupted,
            Disruption,
        ),
        (
            "ran too long",
            with_pod(pod_reason("DeadlineExceeded")),
            R::DeadlineExceeded,
            Failure,
        ),
        ("no verdict", with_pod(pod()), R::Internal, Failure),
        (
            "its node is lost",
            without_pod(node_lost),
            R::Disrupted,
            Disruption,
        ),
        (
            "never started",
            without_pod(JobEnd::NotStarted(None)),
            R::DeadlineExceeded,
            Failure,
        ),
        (
            "deleted by hand",
            without_pod(JobEnd::Vanished),
            R::Internal,
            Failure,
        ),
        (
            "its pod is gone",
            without_pod(failed_job),
            R::Internal,
            Failure,
        ),
    ]);
}

#[test]
fn the_first_rule_that_matches_decides() {
    use Counts::{Failure, Permanent};
    use FailureReason as R;
    let said_and_preempted = Evidence {
        verdict: Some(failed(R::SourceInvalid)),
        ..with_pod(disrupted_by("PreemptionByScheduler"))
    };
    let memory_and_deadline = PodEnd {
        reason: "DeadlineExceeded".to_owned(),
        ..container_reason("OOMKilled")
    };
    hold(vec![
        (
            "the verdict before the platform",
            said_and_preempted,
            R::SourceInvalid,
            Permanent,
        ),
        (
            "memory before the deadline",
            with_pod(memory_and_deadline),
            R::OutOfMemory,
            Failure,
        ),
    ]);
}

/// A pod that is told to stop says `Disrupted`, whoever told it.
#[test]
fn a_pod_that_was_stopped_leaves_it_to_the_platform_to_say_why() {
    use Counts::{Disruption, Failure};
    use FailureReason as R;
    let stopped = |pod| Evidence {
        verdict: Some(failed(R::Disrupted)),
        ..with_pod(pod)
    };
    let late = stopped(pod_reason("DeadlineExceeded"));
    let preempted = stopped(disrupted_by("PreemptionByScheduler"));
    hold(vec![
        ("its deadline", late, R::DeadlineExceeded, Failure),
        ("preempted", preempted, R::Disrupted, Disruption),
        ("deleted by hand", stopped(pod()), R::Internal, Failure),
    ]);
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
    assert_eq!(
        (end.counts, end.next_memory_bytes),
        (Counts::Permanent, None)
    );
    assert!(
        end.message.contains("resources.limits.memory"),
        "{}",
        end.message
    );
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

/// Whoever stopped the pod: what it has read stays read. One that is too long is not kept.
#[test]
fn what_an_attempt_saw_of_its_source_is_kept() {
    let saw = |reason, etag: &str| {
        let verdict = Verdict {
            source_etag: Some(etag.to_owned()),
            ..failed(reason)
        };
        let evidence = Evidence {
            verdict: Some(verdict),
            ..with_pod(disrupted_by("EvictionByEvictionAPI"))
        };
        ended(&evidence).source_etag
    };
    let etag = Some("\"v1\"".to_owned());
    assert_eq!(saw(FailureReason::EncoderFailed, "\"v1\""), etag);
    assert_eq!(saw(FailureReason::Disrupted, "\"v1\""), etag);
    let long = "x".repeat(SOURCE_ETAG_BYTES + 1);
    assert_eq!(saw(FailureReason::EncoderFailed, &long), None);
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
    assert_eq!(
        end.message,
        "the pod did not start in time (ImagePull: no such image)"
    );
}
