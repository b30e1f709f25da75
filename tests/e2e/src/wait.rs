//! Waiting on conditions.
use std::fmt::Display;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(250);

/// Looks at a condition until it holds, and panics with the last reason why it did not when
/// `limit` has passed. The probe answers with a value once the condition holds.
pub async fn until<T, E: Display>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(last) if start.elapsed() >= limit => {
                panic!("waited {limit:?} for: {what}\nlast seen: {last}")
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Watches that a condition goes on holding for `span`.
pub async fn steadily<E: Display>(
    what: &str,
    span: Duration,
    mut probe: impl AsyncFnMut() -> Result<(), E>,
) {
    let start = Instant::now();
    while start.elapsed() < span {
        if let Err(reason) = probe().await {
            panic!("{what} held for {:?} only: {reason}", start.elapsed());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Seconds, for readable limits.
pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
