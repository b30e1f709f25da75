//! From settings to a server that ends well.
use crate::documents::Lifetimes;
use crate::metrics::{Build, Metrics};
use crate::origin::{Origin, Terms};
use crate::pace::{Pace, PacedAcceptor};
use crate::readiness::Readiness;
use crate::serve::router;
use crate::settings::Settings;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use vessel_storage::bucket::{Bucket, ConnectError};

/// How long a connection may take to send the head of a request.
const REQUEST_HEAD: Duration = Duration::from_secs(10);
/// Bytes of an answer that wait in memory until its viewer takes them. The library's own
/// choice is six times as much, of every viewer's.
const BUFFER: usize = 64 << 10;
/// How long answers that are being sent may take to end, once nobody new is taken.
const FAREWELL: Duration = Duration::from_secs(20);

const BUILD: Build = Build {
    version: env!("CARGO_PKG_VERSION"),
    revision: match option_env!("VESSEL_REVISION") {
        Some(revision) => revision,
        None => "unknown",
    },
};

/// Why the origin ended early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The store's settings make no client.
    #[error("the store's settings are wrong: {0}")]
    Connect(#[from] ConnectError),
    /// A metric is declared twice, or badly.
    #[error("the metrics can't be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The address is taken, or signals can't be received.
    #[error("the server can't run: {0}")]
    Serve(#[from] std::io::Error),
}

/// Serves until SIGTERM or SIGINT, then until nobody waits for an answer.
pub async fn run(settings: Settings) -> Result<(), RunError> {
    // Before all else: to the first process of a container an unhandled signal is none at all.
    let signals = Signals::listen()?;
    let metrics = Arc::new(Metrics::new(&settings.store_name, &BUILD)?);
    let bucket = Bucket::connect(settings.connection, metrics.clone()).await?;
    let terms = Terms {
        prefix: settings.prefix,
        segment_max_age: settings.segment_max_age,
        cache_bytes: settings.cache_bytes,
        lifetimes: Lifetimes::default(),
    };
    let origin = Arc::new(Origin::new(terms, Arc::new(bucket), metrics));
    let readiness = Readiness::default();
    let handle = Handle::new();
    tokio::spawn({
        let (origin, readiness) = (Arc::clone(&origin), readiness.clone());
        async move { readiness.await_store(&origin).await }
    });
    let last = farewell(signals, handle.clone(), readiness.clone(), settings.drain);
    tokio::spawn(last);
    tracing::info!(address = %settings.http_address, store = settings.store_name, "listening");
    server(settings.http_address, handle, Pace::default())
        .serve(router(origin, readiness).into_make_service())
        .await?;
    Ok(())
}

/// A server that waits for nobody for ever: neither for a request nor for an answer to be taken.
pub fn server(
    address: SocketAddr,
    handle: Handle<SocketAddr>,
    pace: Pace,
) -> Server<SocketAddr, PacedAcceptor> {
    let mut server = axum_server::bind(address)
        .acceptor(PacedAcceptor(pace))
        .http1_only()
        .handle(handle);
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEAD)
        .max_buf_size(BUFFER);
    server
}

/// After a signal: say so, go on until load balancers have heard it, then end.
async fn farewell(
    mut signals: Signals,
    handle: Handle<SocketAddr>,
    readiness: Readiness,
    drain: Duration,
) {
    let signal = signals.first().await;
    tracing::info!(signal, "shutting down");
    readiness.retire();
    tokio::time::sleep(drain).await;
    handle.graceful_shutdown(Some(FAREWELL));
}

/// The signals that ask a program to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one; its name.
    async fn first(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
