//! The routes, and what every answer has in common.
use crate::account::Sending;
use crate::caching::Caching;
use crate::kind::Kind;
use crate::origin::Origin;
use crate::path::Target;
use crate::problem::Problem;
use crate::readiness::Readiness;
use crate::{assets, watch};
use axum::extract::{Path, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Extension, Router};
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName, IF_RANGE,
    RANGE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use std::sync::Arc;
use std::time::Duration;
use tower_http::cors::{Any, CorsLayer};

/// A day: how long browsers may keep the answer to a preflight (they cut it to two hours).
const PREFLIGHT_AGE: Duration = Duration::from_hours(24);

/// Everything that the origin answers.
pub fn router(origin: Arc<Origin>, readiness: Readiness) -> Router {
    let media = Router::new()
        .route("/v1/{*path}", only_get(get(media)))
        .layer(cors())
        .layer(middleware::map_response(open_timing));
    let pages = Router::new()
        .route("/watch/{namespace}/{name}", only_get(get(watch::page)))
        .route("/assets/{file}", only_get(get(asset)));
    let probes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    media
        .merge(pages)
        .merge(probes)
        .fallback(|| async { Problem::NotFound })
        .layer(middleware::from_fn_with_state(Arc::clone(&origin), account))
        .layer(Extension(readiness))
        .with_state(origin)
}

fn only_get(route: MethodRouter<Arc<Origin>>) -> MethodRouter<Arc<Origin>> {
    route.fallback(|| async { Problem::Method })
}

/// Anybody may play public media from any page, without credentials; players need to see
/// lengths, ranges and tags. One value for all origins, so nothing varies.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers([
            RANGE,
            IF_RANGE,
            HeaderName::from_static("cmcd-object"),
            HeaderName::from_static("cmcd-request"),
            HeaderName::from_static("cmcd-session"),
            HeaderName::from_static("cmcd-status"),
        ])
        .expose_headers([CONTENT_LENGTH, CONTENT_RANGE, ETAG, DATE])
        .max_age(PREFLIGHT_AGE)
        .vary([])
}

async fn open_timing(mut response: Response) -> Response {
    let any = HeaderValue::from_static("*");
    response.headers_mut().insert("timing-allow-origin", any);
    response
}

async fn media(
    State(origin): State<Arc<Origin>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(target) = Target::parse(uri.path()) else {
        return Problem::NotFound.into_response();
    };
    let kind = target.kind();
    let answer = origin.answer(target, &method, &headers).await;
    (Extension(kind), answer).into_response()
}

async fn asset(Path(file): Path<String>, headers: HeaderMap) -> Response {
    (Extension(Kind::Page), assets::answer(&file, &headers)).into_response()
}

async fn ready(Extension(readiness): Extension<Readiness>) -> Response {
    match readiness.obstacle() {
        None => "ok\n".into_response(),
        Some(obstacle) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{obstacle}\n")).into_response()
        }
    }
}

async fn metrics(State(origin): State<Arc<Origin>>) -> Response {
    origin.measure().await;
    match origin.metrics().text() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Counts the request, and its answer as it is sent.
async fn account(State(origin): State<Arc<Origin>>, request: Request, next: Next) -> Response {
    let sending = Sending::begin(origin);
    let mut response = next.run(request).await;
    common(response.headers_mut());
    sending.watch(response)
}

/// What every answer says: no guessing of types, and no keeping unless it says so.
fn common(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert_with(|| Caching::Never.header());
}
