//! The judges that are no Rust: see `tests/judges`.
use crate::cluster::root;
use crate::shell::{run, text};
use serde_json::Value;

/// What they find in a presentation as it is served below a URL: HLS, DASH and every segment.
/// Panics with all of their complaints.
pub async fn judged(url: &str) -> Value {
    let judges = root().join("tests/judges/run");
    let ended = run(text(&judges), &[url]).await;
    let complaints = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{url}:\n{complaints}");
    serde_json::from_slice(&ended.stdout).unwrap()
}
