//! The grant endpoint: what a pod may touch, asked for with its own token.
//!
//! A call goes through the same stages every time: [`token`] (cheap and local), [`limit`],
//! [`identity`] (TokenReview, then the live objects, uncached), and only then what it asks
//! for: [`source`], [`objects`], [`commit`] or [`progress`].
mod commit;
mod current;
mod identity;
mod limit;
mod objects;
mod progress;
mod refusal;
mod source;
mod token;

pub(crate) use progress::take_back;

use crate::context::Clock;
use crate::metrics::{GrantResult, Metrics};
use crate::settings::Settings;
use crate::store::{ReadyStore, Stores};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum_server::tls_rustls::RustlsConfig;
use identity::Execution;
use limit::Limits;
use refusal::Refused;
use serde::de::DeserializeOwned;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use vessel_storage::grant::{
    COMMIT_PATH, CommitGrant, CommitRequest, OBJECTS_PATH, ObjectsGrant, ObjectsRequest,
    PROGRESS_PATH, Progress, SOURCE_PATH, SourceGrant,
};

/// Longest body that is read, in bytes: 64 declarations take about 16 KiB.
const BODY: usize = 256 << 10;
/// Longest that a call may take.
const CALL: Duration = Duration::from_secs(30);
/// How long calls may go on after the order to end.
const DRAIN: Duration = Duration::from_secs(5);

/// What the endpoint answers from.
#[derive(Clone)]
pub struct Grants {
    client: kube::Client,
    settings: Arc<Settings>,
    metrics: Arc<Metrics>,
    stores: Stores,
    clock: Clock,
    limits: Arc<Limits>,
}

impl Grants {
    /// An endpoint that has granted nothing yet.
    pub fn new(
        client: kube::Client,
        settings: Arc<Settings>,
        metrics: Arc<Metrics>,
        stores: Stores,
        clock: Clock,
    ) -> Self {
        Self {
            client,
            settings,
            metrics,
            stores,
            clock,
            limits: Arc::default(),
        }
    }

    /// The store of a call's job. One that is not ready may be again in a moment.
    fn store(&self, execution: &Execution) -> Result<ReadyStore, Refused> {
        let work = &execution.job.spec.work;
        let handle = self.stores.get(&work.store_name);
        let ready = handle.as_ref().and_then(|handle| handle.ready());
        match ready {
            Some(ready) if ready.uid.to_string() == work.store_uid => Ok(ready.clone()),
            Some(_) => Err(Refused::not_current(format!(
                "MediaStore {} is another store than the one that the job was made for",
                work.store_name
            ))),
            None => Err(Refused::unavailable(format!(
                "MediaStore {} is not ready",
                work.store_name
            ))),
        }
    }
}

/// Serves until `stop`.
pub async fn serve(
    address: SocketAddr,
    grants: Grants,
    certificate: RustlsConfig,
    stop: CancellationToken,
) -> io::Result<()> {
    let handle = axum_server::Handle::new();
    tokio::spawn({
        let handle = handle.clone();
        async move {
            stop.cancelled().await;
            handle.graceful_shutdown(Some(DRAIN));
        }
    });
    tracing::info!(%address, "grants");
    axum_server::bind_rustls(address, certificate)
        .handle(handle)
        .serve(router(grants).into_make_service_with_connect_info::<SocketAddr>())
        .await
}

fn router(grants: Grants) -> Router {
    Router::new()
        .route(SOURCE_PATH, post(on_source))
        .route(OBJECTS_PATH, post(on_objects))
        .route(COMMIT_PATH, post(on_commit))
        .route(PROGRESS_PATH, post(on_progress))
        .layer(DefaultBodyLimit::max(BODY))
        .with_state(grants)
}

async fn on_source(
    State(grants): State<Grants>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let answer = Box::pin(async {
        let (execution, _) = admit::<serde_json::Value>(&grants, peer, request).await?;
        let grant: SourceGrant = source::grant(&grants, &execution).await?;
        Ok(axum::Json(grant))
    });
    finish(&grants, answer).await
}

async fn on_objects(
    State(grants): State<Grants>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let answer = Box::pin(async {
        let (execution, body) = admit::<ObjectsRequest>(&grants, peer, request).await?;
        let grant: ObjectsGrant = objects::grant(&grants, &execution, &body).await?;
        Ok(axum::Json(grant))
    });
    finish(&grants, answer).await
}

async fn on_commit(
    State(grants): State<Grants>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let answer = Box::pin(async {
        let (execution, body) = admit::<CommitRequest>(&grants, peer, request).await?;
        let grant: CommitGrant = commit::grant(&grants, &execution, &body).await?;
        Ok(axum::Json(grant))
    });
    finish(&grants, answer).await
}

async fn on_progress(
    State(grants): State<Grants>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let answer = Box::pin(async {
        let (execution, body) = admit::<Progress>(&grants, peer, request).await?;
        progress::record(&grants, &execution, &body).await?;
        Ok(StatusCode::NO_CONTENT)
    });
    finish(&grants, answer).await
}

/// Who calls, and what with. The cheap checks come first: a flood of bad calls reaches
/// neither the apiserver nor the bucket.
async fn admit<T: DeserializeOwned>(
    grants: &Grants,
    peer: SocketAddr,
    request: Request,
) -> Result<(Execution, T), Refused> {
    let now = grants.clock.now();
    let audience = grants.settings.audience();
    let claimed = token::claimed(request.headers(), &audience, now)?;
    grants.limits.check(peer.ip(), &claimed.pod_uid)?;
    let axum::Json(body) = axum::Json::<T>::from_request(request, &())
        .await
        .map_err(|rejection| Refused::invalid(rejection.body_text()))?;
    let execution = identity::identify(grants, &claimed, &audience).await?;
    Ok((execution, body))
}

/// The answer, counted; one that takes too long is none.
async fn finish<T: IntoResponse>(
    grants: &Grants,
    answer: impl Future<Output = Result<T, Refused>>,
) -> Response {
    let answer = tokio::time::timeout(CALL, answer).await;
    let answer = answer.unwrap_or_else(|_| Err(Refused::unavailable("the call took too long")));
    let result = match &answer {
        Ok(_) => GrantResult::Granted,
        Err(refused) => GrantResult::Refused(refused.0.reason),
    };
    grants.metrics.process.granted(result);
    answer.map_or_else(IntoResponse::into_response, IntoResponse::into_response)
}

#[cfg(test)]
mod tests;
