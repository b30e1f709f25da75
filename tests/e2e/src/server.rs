//! A web server on this machine that pods can read sources from.
use crate::cluster::host_address;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Header that protected files ask for, with its value.
pub const KEY: (&str, &str) = ("x-library-key", "open-sesame");

/// A web server with some files.
pub struct SourceServer {
    address: SocketAddr,
    shelf: Arc<Shelf>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct Shelf {
    files: Mutex<BTreeMap<String, Bytes>>,
    requests: Mutex<Vec<(String, HeaderMap)>>,
}

impl SourceServer {
    /// Starts a server with no files.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((host_address(), 0))
            .await
            .unwrap_or_else(|e| {
                panic!(
                    "{}: {e}: pods must be able to reach this address",
                    host_address()
                )
            });
        let address = listener.local_addr().unwrap();
        let shelf = Arc::<Shelf>::default();
        let router = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shelf));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            shelf,
            task,
        }
    }

    /// Serves a file; returns its URL. Below `/protected/` it asks for [`KEY`].
    pub fn put(&self, path: &str, bytes: Vec<u8>) -> String {
        self.shelf
            .files
            .lock()
            .unwrap()
            .insert(path.to_owned(), bytes.into());
        self.url(path)
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The headers of every request for a path.
    pub fn requests(&self, path: &str) -> Vec<HeaderMap> {
        let requests = self.shelf.requests.lock().unwrap();
        let of_path = requests.iter().filter(|(requested, _)| requested == path);
        of_path.map(|(_, headers)| headers.clone()).collect()
    }
}

impl Drop for SourceServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    State(shelf): State<Arc<Shelf>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let path = uri.path().to_owned();
    let allowed = headers.get(KEY.0).is_some_and(|value| value == KEY.1);
    shelf.requests.lock().unwrap().push((path.clone(), headers));
    if path.starts_with("/protected/") && !allowed {
        return StatusCode::FORBIDDEN.into_response();
    }
    let file = shelf.files.lock().unwrap().get(&path).cloned();
    match (method, file) {
        (Method::GET, Some(bytes)) => {
            let tag = format!("\"{}-{}\"", path.len(), bytes.len());
            ([(header::ETAG, tag)], bytes).into_response()
        }
        (Method::GET, None) => StatusCode::NOT_FOUND.into_response(),
        _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
    }
}
