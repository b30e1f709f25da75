//! An S3 server in memory: GET, HEAD, and PUT with its conditions.
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use vessel_crds::media_store::Addressing;
use vessel_storage::bucket::{Bucket, Connection, Credentials, Unobserved};
use vessel_storage::digest::Sha256;

/// What lies in the bucket, and how often it was asked.
#[derive(Clone, Debug, Default)]
pub struct Objects(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    by_key: BTreeMap<String, Vec<u8>>,
    requests: usize,
}

impl Objects {
    /// Serves the objects on a loopback port and gives a client of them.
    pub async fn serve(&self) -> Bucket {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let connection = Connection {
            bucket: "vessel".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(format!("http://{address}")),
            addressing: Addressing::Path,
            ca_bundle: None,
            credentials: Credentials::Static {
                access_key_id: "id".to_owned(),
                secret_access_key: "secret".to_owned(),
                session_token: None,
            },
        };
        Bucket::connect(connection, Arc::new(Unobserved))
            .await
            .unwrap()
    }

    /// Puts an object there as a pod or a person would.
    pub fn put(&self, key: &str, body: impl Into<Vec<u8>>) {
        self.0
            .lock()
            .unwrap()
            .by_key
            .insert(key.to_owned(), body.into());
    }

    /// Removes an object as the sweep would.
    pub fn remove(&self, key: &str) {
        self.0.lock().unwrap().by_key.remove(key);
    }

    /// The document at `key`.
    pub fn json(&self, key: &str) -> Option<Value> {
        let objects = self.0.lock().unwrap();
        objects
            .by_key
            .get(key)
            .map(|body| serde_json::from_slice(body).unwrap())
    }

    /// Keys that contain `part`.
    pub fn keys(&self, part: &str) -> Vec<String> {
        let objects = self.0.lock().unwrap();
        objects
            .by_key
            .keys()
            .filter(|key| key.contains(part))
            .cloned()
            .collect()
    }

    /// Requests so far, and starts to count anew.
    pub fn take_requests(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().requests)
    }
}

fn etag(body: &[u8]) -> String {
    format!("\"{}\"", Sha256::of(body))
}

async fn answer(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = uri
        .path()
        .strip_prefix("/vessel/")
        .unwrap_or_default()
        .to_owned();
    let mut objects = objects.0.lock().unwrap();
    objects.requests += 1;
    if key.is_empty() {
        return StatusCode::OK.into_response();
    }
    let there = objects.by_key.get(&key).cloned();
    match method {
        Method::PUT => {
            let tag = there.as_deref().map(etag);
            let condition = |name| headers.get(name).and_then(|value| value.to_str().ok());
            let absent = condition(header::IF_NONE_MATCH).is_none_or(|_| tag.is_none());
            let same = condition(header::IF_MATCH).is_none_or(|sent| tag.as_deref() == Some(sent));
            if !absent || !same {
                return StatusCode::PRECONDITION_FAILED.into_response();
            }
            let tag = etag(&body);
            objects.by_key.insert(key, body.to_vec());
            [(header::ETAG, tag)].into_response()
        }
        _ => match there {
            Some(body) => ([(header::ETAG, etag(&body))], body).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}
