//! The authority that pods are told to trust.
use std::sync::Arc;
use tokio::sync::watch;

/// The authority that signed the grant endpoint's certificate, as PEM. It stays the same
/// while certificates come and go.
#[derive(Clone, Debug)]
pub struct GrantAuthority(Arc<watch::Sender<Option<Arc<str>>>>);

impl Default for GrantAuthority {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl GrantAuthority {
    /// Its certificate; `None` until it was made or read.
    pub fn pem(&self) -> Option<Arc<str>> {
        self.0.borrow().clone()
    }

    /// Waits until it was made or read.
    pub async fn known(&self) {
        // The sender is ours: it can't go before we do.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }

    /// It was made or read.
    pub fn set(&self, pem: &str) {
        self.0.send_if_modified(|known| {
            let changed = known.as_deref() != Some(pem);
            if changed {
                *known = Some(Arc::from(pem));
            }
            changed
        });
    }
}
