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
pub struct Readiness(Arc<Mutex<Option<String>>>);

impl Default for Readiness {
    fn default() -> Self {
        Self::blocked("starting")
    }
}

impl Readiness {
    fn blocked(obstacle: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(obstacle.to_owned()))))
    }

    /// What stands in the way; `None` when viewers may come.
    pub fn obstacle(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Nobody is sent here any more.
    pub fn retire(&self) {
        self.set(Some("shutting down".to_owned()));
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
                    self.set(Some(format!("waiting for the store: {fault}")));
                }
            }
        }
        tracing::info!("the store answers");
        self.set(None);
    }

    fn set(&self, obstacle: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = obstacle;
    }
}
