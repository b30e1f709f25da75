//! `/healthz`, `/readyz` and `/metrics`, over plain HTTP.
use crate::definitions::{DefinitionsState, DefinitionsView};
use crate::metrics::Metrics;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the answers are made from.
#[derive(Clone)]
pub struct Health {
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Whether the CRDs are served with our schema.
    pub definitions: DefinitionsView,
}

/// Serves until `stop`.
pub async fn serve(address: SocketAddr, health: Health, stop: CancellationToken) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(%address, "health and metrics");
    axum::serve(listener, router(health))
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

fn router(health: Health) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health)
}

/// Ready does not mean leading: a replica that waits is ready to lead, and grants meanwhile.
async fn ready(State(health): State<Health>) -> Response {
    let state = health.definitions.borrow().clone();
    let status = match state {
        DefinitionsState::Served => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, format!("{state}\n")).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    match health.metrics.text() {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use tokio::sync::watch;
    use tower::ServiceExt;

    async fn status(path: &str, state: DefinitionsState) -> StatusCode {
        let (_sender, definitions) = watch::channel(state);
        let metrics = Metrics::new().unwrap();
        let health = Health {
            metrics,
            definitions,
        };
        let request = Request::get(path).body(Body::empty()).unwrap();
        router(health).oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn readiness_is_not_liveness() {
        let unseen = || DefinitionsState::Unseen;
        assert_eq!(status("/healthz", unseen()).await, 200);
        assert_eq!(status("/readyz", unseen()).await, 503);
        assert_eq!(status("/readyz", DefinitionsState::Served).await, 200);
        assert_eq!(status("/metrics", unseen()).await, 200);
    }
}
