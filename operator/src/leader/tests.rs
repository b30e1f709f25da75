//! Elections against an apiserver in memory, with short times.
use super::{Elector, LeaderError, LeaseView, Timing};
use crate::scenarios::apiserver::ApiServer;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/vessel/leases/vessel-operator";

const TIMING: Timing = Timing {
    lease: Duration::from_millis(600),
    renew_deadline: Duration::from_millis(300),
    retry: Duration::from_millis(20),
};

fn candidate(server: &ApiServer, name: &str) -> (Elector, LeaseView) {
    let view = LeaseView::default();
    let elector = Elector::new(server.client(), "vessel", name, TIMING, view.clone());
    (elector, view)
}

#[tokio::test]
async fn a_released_lease_passes_on_at_once_and_counts_a_transition() {
    let server = ApiServer::default();
    let (first, _) = candidate(&server, "a");
    let (second, view) = candidate(&server, "b");
    let leadership = first.acquire().await;
    let stop = CancellationToken::new();
    stop.cancel();
    first.keep(leadership, &stop).await.unwrap();
    let started = Instant::now();
    second.acquire().await;
    assert!(
        started.elapsed() < TIMING.lease,
        "it need not wait for the end of the lease"
    );
    assert_eq!(view.transitions(), 1);
    assert_eq!(server.get(LEASE).unwrap()["spec"]["holderIdentity"], "b");
}

#[tokio::test]
async fn a_lease_that_is_renewed_is_never_taken() {
    let server = ApiServer::default();
    let (first, view) = candidate(&server, "a");
    let (second, _) = candidate(&server, "b");
    let leadership = first.acquire().await;
    let stop = CancellationToken::new();
    let keep = first.keep(leadership, &stop);
    let waits = async {
        let taken = tokio::time::timeout(TIMING.lease * 3, second.acquire()).await;
        assert!(taken.is_err());
        assert!(view.left() > Duration::ZERO);
        stop.cancel();
    };
    let (kept, ()) = tokio::join!(keep, waits);
    kept.unwrap();
}

#[tokio::test]
async fn a_lease_that_stands_still_is_taken() {
    let server = ApiServer::default();
    let (first, _) = candidate(&server, "a");
    first.acquire().await;
    let (second, _) = candidate(&server, "b");
    let started = Instant::now();
    second.acquire().await;
    assert!(started.elapsed() >= TIMING.lease);
}

#[tokio::test]
async fn a_leader_that_cannot_renew_ends_before_another_can_lead() {
    let server = ApiServer::default();
    let (first, view) = candidate(&server, "a");
    let leadership = first.acquire().await;
    server.die(Some(0), false);
    let error = first
        .keep(leadership, &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(error, LeaderError::RenewalMissed(..)), "{error}");
    assert!(view.left() > Duration::ZERO);
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_ends() {
    let server = ApiServer::default();
    let (first, _) = candidate(&server, "a");
    let leadership = first.acquire().await;
    server.change(
        LEASE,
        &json!({"spec": {"holderIdentity": "b", "leaseTransitions": 1}}),
    );
    let error = first
        .keep(leadership, &CancellationToken::new())
        .await
        .unwrap_err();
    assert!(matches!(error, LeaderError::Taken(holder) if holder == "b"));
}
