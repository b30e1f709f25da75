//! A web server that serves a source under any name.
use crate::support::execution::Execution;
use axum::Router;
use axum::http::HeaderValue;
use vessel_storage::order::{HeadersSecret, OrderedSource, PlainHttp};

/// Makes the execution read these bytes from the loopback, under this path and file name.
pub async fn serve(execution: &mut Execution, path: &str, name: &str, bytes: Vec<u8>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}{path}", listener.local_addr().unwrap());
    let disposition = HeaderValue::from_bytes(name.as_bytes()).unwrap();
    let answer = (
        [("content-disposition", disposition)],
        bytes::Bytes::from(bytes),
    );
    let app = Router::new().fallback(move || std::future::ready(answer.clone()));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    execution.order.source = OrderedSource::Http {
        url,
        sha256: None,
        expected_etag: None,
        headers: HeadersSecret::None,
        plain_http: PlainHttp::Allowed,
    };
    execution.limits.allowed_cidrs = vec!["127.0.0.1/32".to_owned()];
}
