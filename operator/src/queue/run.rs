//! The one loop: whenever something has changed, whoever may start is told, and the metrics
//! are set.
use super::Queue;
use super::admission::Turn;
use super::report;
use crate::context::Context;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// Changes that come together are looked at together.
const GATHER: Duration = Duration::from_millis(100);
/// Ages grow though nothing changes.
const TICK: Duration = Duration::from_secs(5);

/// Runs until it is dropped.
pub async fn run(queue: Queue, context: &Context) {
    loop {
        // Either way it is time to look.
        let _ = timeout(TICK, queue.0.triggers.queue.notified()).await;
        sleep(GATHER).await;
        let (candidates, turns) = queue.turns();
        for candidate in &candidates {
            if turns.get(&candidate.uid) == Some(&Turn::Now) {
                queue
                    .0
                    .triggers
                    .transcode(&candidate.namespace, &candidate.name);
            }
        }
        report::export(&queue.0, context, &candidates, &turns);
    }
}
