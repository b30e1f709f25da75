use super::*;
use crate::job::outcome::{CommitSeen, Counts, History};
use vessel_crds::reason::FailureReason;
use vessel_storage::manifest::Cost;
use vessel_storage::verdict::{Verdict as Word, VerdictOutcome};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn view(standing: Standing) -> View {
    View {
        standing,
        store: Ok(()),
        scheduling: Scheduling::default(),
        next_attempt: None,
        started: 0,
        start_deadline: SignedDuration::from_secs(600),
    }
}

fn open(progress: AttemptProgress) -> View {
    view(Standing::Open {
        number: 1,
        since: at(0),
        progress,
    })
}

fn reason(plan: &Plan) -> Option<WaitingReason> {
    match plan {
        Plan::Wait { waiting, .. } => Some(waiting.reason),
        _ => None,
    }
}

#[test]
fn a_new_job_starts_its_first_attempt() {
    assert_eq!(plan(&view(Standing::Idle), at(0)), Plan::Start(1));
}

#[test]
fn waits_have_their_reason_and_are_no_errors() {
    let suspended = View {
        scheduling: Scheduling {
            suspend: true,
            ..Scheduling::default()
        },
        ..view(Standing::Idle)
    };
    assert_eq!(
        reason(&plan(&suspended, at(0))),
        Some(WaitingReason::Suspended)
    );
    let storeless = View {
        store: Err("AccessDenied".to_owned()),
        ..view(Standing::Idle)
    };
    assert_eq!(
        reason(&plan(&storeless, at(0))),
        Some(WaitingReason::StoreNotReady)
    );
    let backing_off = View {
        next_attempt: Some(at(30)),
        started: 1,
        ..view(Standing::Idle)
    };
    assert_eq!(
        reason(&plan(&backing_off, at(0))),
        Some(WaitingReason::BackingOff)
    );
    assert_eq!(plan(&backing_off, at(30)), Plan::Start(2));
}

#[test]
fn a_crash_between_the_job_and_its_record_loses_nothing() {
    let unrecorded = view(Standing::Unrecorded { number: 3 });
    assert_eq!(plan(&unrecorded, at(0)), Plan::Adopt(3));
}

#[test]
fn what_runs_finishes_though_its_asset_is_suspended() {
    let running = View {
        scheduling: Scheduling {
            suspend: true,
            ..Scheduling::default()
        },
        ..open(AttemptProgress::Running)
    };
    assert!(matches!(
        plan(&running, at(9_999)),
        Plan::Report {
            pod: PodSeen::Running,
            ..
        }
    ));
}

#[test]
fn a_pod_that_does_not_start_ends_at_the_start_deadline() {
    let waiting = Some(Waiting::new(WaitingReason::Unschedulable, "no node"));
    let starting = open(AttemptProgress::Starting(waiting.clone()));
    let Plan::Report {
        waiting: told,
        until,
        ..
    } = plan(&starting, at(595))
    else {
        panic!("not reported");
    };
    assert_eq!((told, until), (waiting.clone(), Some(at(600))));
    assert_eq!(
        plan(&starting, at(600)),
        Plan::Conclude(JobEnd::NotStarted(waiting))
    );
}

#[test]
fn a_lost_node_is_waited_for_and_then_given_up() {
    let leaving = open(AttemptProgress::Leaving {
        since: at(100),
        lost_at: at(220),
    });
    assert!(
        matches!(plan(&leaving, at(219)), Plan::Report { until: Some(time), .. } if time == at(220))
    );
    assert_eq!(
        plan(&leaving, at(220)),
        Plan::Conclude(JobEnd::NodeLost(at(100)))
    );
}

#[test]
fn nothing_is_concluded_without_the_store() {
    let ended = View {
        store: Err("away".to_owned()),
        ..open(AttemptProgress::Ended)
    };
    assert_eq!(
        reason(&plan(&ended, at(0))),
        Some(WaitingReason::StoreNotReady)
    );
    let ended = open(AttemptProgress::Ended);
    assert_eq!(plan(&ended, at(0)), Plan::Conclude(JobEnd::Unfinished));
}

#[test]
fn what_is_done_is_left_alone() {
    assert_eq!(
        plan(&view(Standing::Terminal(Leftover::None)), at(0)),
        Plan::Nothing
    );
    assert_eq!(plan(&view(Standing::Unknown), at(0)), Plan::Nothing);
    let leftover = view(Standing::Terminal(Leftover::Until(at(600))));
    assert_eq!(plan(&leftover, at(0)), Plan::LookAgain(at(600)));
    assert_eq!(plan(&leftover, at(600)), Plan::CleanUp);
}

fn evidence(reason: FailureReason) -> Evidence {
    Evidence {
        commit: CommitSeen::None,
        verdict: Some(Word {
            outcome: VerdictOutcome::Failed,
            reason: Some(reason),
            message: "it failed".to_owned(),
            permanent: false,
            media: None,
            source_etag: None,
            cost: Cost::default(),
            stages: Vec::new(),
        }),
        pod: None,
        // What the platform says counts where the execution was told to stop.
        job: JobEnd::NodeLost(at(0)),
        history: History::default(),
    }
}

fn judged(reason: FailureReason, failures: i32, disruptions: i32) -> Verdict {
    let status = TranscodeJobStatus {
        failures,
        disruptions,
        ..TranscodeJobStatus::default()
    };
    let bounds = Bounds {
        max_failures: 3,
        max_disruptions: 20,
    };
    judge(&evidence(reason), &status, bounds, "seed", at(0))
}

fn gives_up(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::GiveUp(_))
}

#[test]
fn retries_are_bounded() {
    let unreachable = FailureReason::SourceUnreachable;
    assert!(!gives_up(&judged(unreachable, 0, 0)));
    assert!(!gives_up(&judged(unreachable, 1, 0)));
    assert!(gives_up(&judged(unreachable, 2, 0)));
    assert!(gives_up(&judged(FailureReason::SourceInvalid, 0, 0)));
    assert!(!gives_up(&judged(FailureReason::Disrupted, 2, 19)));
    assert!(gives_up(&judged(FailureReason::Disrupted, 2, 20)));
}

#[test]
fn a_retry_waits_longer_each_time() {
    let pause = |failures| match judged(FailureReason::SourceUnreachable, failures, 0) {
        Verdict::Retry(ended, next) => {
            assert_eq!(ended.counts, Counts::Failure);
            next.as_second()
        }
        other => panic!("{other:?}"),
    };
    assert!((8..=12).contains(&pause(0)), "{}", pause(0));
    assert!((24..=36).contains(&pause(1)), "{}", pause(1));
}
