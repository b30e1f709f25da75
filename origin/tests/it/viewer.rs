//! A viewer of an origin without a network between them.
use crate::bucket::MemoryBucket;
use crate::library::{prefix, stocked};
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::time::Duration;
use tower::ServiceExt;
use vessel_origin::caching::MaxAge;
use vessel_origin::documents::Lifetimes;
use vessel_origin::metrics::{Build, Metrics};
use vessel_origin::origin::{Origin, Terms};
use vessel_origin::readiness::Readiness;
use vessel_origin::serve::router;
use vessel_origin::upstream::Upstream;

/// An answer that has come to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

#[derive(Clone)]
pub struct Viewer {
    router: Router,
    pub origin: Arc<Origin>,
    pub readiness: Readiness,
}

/// Terms of an origin that a test can wait for.
pub fn terms() -> Terms {
    Terms {
        prefix: prefix(),
        segment_max_age: MaxAge(31_536_000),
        cache_bytes: 1 << 20,
        lifetimes: Lifetimes {
            found: Duration::from_millis(50),
            missing: Duration::from_millis(20),
        },
    }
}

pub fn metrics() -> Arc<Metrics> {
    let build = Build {
        version: "0.0",
        revision: "test",
    };
    Arc::new(Metrics::new("main", &build).unwrap())
}

impl Viewer {
    pub fn of(upstream: Arc<dyn Upstream>, terms: Terms) -> Self {
        Self::with(upstream, terms, metrics())
    }

    pub fn with(upstream: Arc<dyn Upstream>, terms: Terms, metrics: Arc<Metrics>) -> Self {
        let origin = Arc::new(Origin::new(terms, upstream, metrics));
        let readiness = Readiness::default();
        let router = router(Arc::clone(&origin), readiness.clone());
        Self {
            router,
            origin,
            readiness,
        }
    }

    /// A viewer of a stocked bucket, and the bucket.
    pub fn new() -> (Self, Arc<MemoryBucket>) {
        let bucket = Arc::new(stocked());
        (Self::of(bucket.clone(), terms()), bucket)
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, &[]).await
    }

    pub async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask(Method::GET, path, headers).await
    }

    /// The value of a metric's series; 0 if it is not there.
    pub async fn metric(&self, series: &str) -> u64 {
        let answer = self.get("/metrics").await;
        let mut lines = answer.text().lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map_or(0, |value| value.parse().unwrap())
    }

    /// Asks until the answer has that status.
    pub async fn await_status(&self, path: &str, status: StatusCode) -> Answer {
        for _ in 0..400 {
            let answer = self.get(path).await;
            if answer.status == status {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} is {} and not {status}", self.get(path).await.status);
    }
}
