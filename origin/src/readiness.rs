//! Whether viewers may be sent here.
use crate::origin::Origin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often the store is asked before it has answered for the first time.
const PAUSE: Duration = Duration::from_secs(1);

/// What stands in the way of serving, if anything does.
///
/// Ready once the store has answered; not unready again when it fails later, for every replica
/// would be at the same moment, and what is in memory would play nowhere.
#[derive(Clone)]
pub struct Readiness(Arc<Mutex<State>>);

/// Goes forward only: the store may answer for the first time to one who is ending.
enum State {
    Waiting(String),
    Ready,
    Retired,
}

impl Default for Readiness {
    fn default() -> Self {
        let starting = State::Waiting("starting".to_owned());
        Self(Arc::new(Mutex::new(starting)))
    }
}

impl Readiness {
    /// What stands in the way; `None` when viewers may come.
    pub fn obstacle(&self) -> Option<String> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Waiting(obstacle) => Some(obstacle.clone()),
            State::Ready => None,
            State::Retired => Some("shutting down".to_owned()),
        }
    }

    /// Nobody is sent here any more.
    pub fn retire(&self) {
        self.advance(State::Retired);
    }

    /// Asks the store until it has answered once.
    pub async fn await_store(&self, origin: &Origin) {
        let mut pause = tokio::time::interval(PAUSE);
        loop {
            pause.tick().await;
            match origin.probe().await {
                Ok(()) => break,
                Err(fault) => {
                    tracing::warn!(error = %fault, "waiting for the store");
                    self.advance(State::Waiting(format!("waiting for the store: {fault}")));
                }
            }
        }
        tracing::info!("the store answers");
        self.advance(State::Ready);
    }

    fn advance(&self, next: State) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*state, State::Retired) {
            *state = next;
        }
    }
}
