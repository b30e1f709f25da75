//! A layer around the client's connection that counts requests to the apiserver.
use super::Metrics;
use futures::future::BoxFuture;
use http::{Method, Request, Response};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower::{Layer, Service};

/// Counts the requests of the client that it is laid around.
#[derive(Clone, Debug)]
pub struct CountRequests(pub Arc<Metrics>);

/// See [`CountRequests`].
#[derive(Clone, Debug)]
pub struct Counting<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for CountRequests {
    type Service = Counting<S>;

    fn layer(&self, inner: S) -> Counting<S> {
        Counting {
            inner,
            metrics: Arc::clone(&self.0),
        }
    }
}

impl<S, B, R> Service<Request<B>> for Counting<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let verb = verb(request.method(), request.uri().query().unwrap_or_default());
        let metrics = Arc::clone(&self.metrics);
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer
                .as_ref()
                .map_or("error", |a| class(a.status().as_u16()));
            metrics.process.kube_request(verb, code);
            answer
        })
    }
}

/// The verb as an audit log would have it, as far as the request line tells.
fn verb(method: &Method, query: &str) -> &'static str {
    match *method {
        Method::GET if query.contains("watch=true") => "watch",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        _ => "other",
    }
}

const fn class(status: u16) -> &'static str {
    vessel_storage::bucket::Code::of(status).as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_no_get() {
        assert_eq!(verb(&Method::GET, "limit=500"), "get");
        assert_eq!(
            verb(&Method::GET, "&watch=true&timeoutSeconds=290"),
            "watch"
        );
        assert_eq!(verb(&Method::PATCH, "fieldManager=x"), "patch");
    }
}
