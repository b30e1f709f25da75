//! Wires the parts together: what every replica does, and what the leader does besides.
use crate::context::{Clock, Context};
use crate::defaults::{self, DefaultsError};
use crate::definitions::{self, DefinitionsState, DefinitionsView};
use crate::events::Events;
use crate::grant::{self, Grants};
use crate::leader::{Elector, LeaderError, LeaseView, Timing};
use crate::metrics::{CountRequests, Metrics, MetricsError};
use crate::server::{self, Health};
use crate::settings::{ConfigError, RunArguments, Settings};
use crate::store::{self, Stores, controller::ClusterError};
use crate::sweep::{self, Graves};
use crate::tls::{Certificate, GrantAuthority, TlsError};
use crate::{controllers, profile};
use futures::StreamExt;
use kube::Client;
use kube::client::ClientBuilder;
use std::io;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Why the process ends otherwise than by an order to end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings can't be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The defaults can't be read.
    #[error(transparent)]
    Defaults(#[from] DefaultsError),
    /// A fault of this program.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// There is no cluster to be found.
    #[error("no cluster: {0}; run in a pod with a service account, or set KUBECONFIG")]
    NoCluster(#[from] kube::config::InferConfigError),
    /// The apiserver refused or did not answer.
    #[error(transparent)]
    Kube(#[from] kube::Error),
    /// The cluster's identity can't be told.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The grant endpoint has no certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address can't be served.
    #[error("{0} can't be served: {1}")]
    Serve(&'static str, #[source] io::Error),
    /// The lease is lost.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// The reconcilers gave up.
    #[error("the reconcilers ended: {0}")]
    Controllers(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A part that should run for ever did not.
    #[error("{0} ended by itself")]
    Ended(&'static str),
}

/// Runs until SIGTERM or SIGINT, or until something breaks that only a new start can mend.
pub async fn run(arguments: RunArguments) -> Result<(), RunError> {
    let context = Arc::new(context(Settings::load(arguments)?).await?);
    let stop = CancellationToken::new();
    let (state, definitions) = watch::channel(DefinitionsState::Unseen);
    let mut parts = JoinSet::new();
    parts.spawn(orders(stop.clone()));
    parts.spawn(ends(
        "the watch of CRDs",
        definitions::watch(context.client.clone(), state),
    ));
    parts.spawn(health(
        Arc::clone(&context),
        definitions.clone(),
        stop.clone(),
    ));
    parts.spawn(granting(
        Arc::clone(&context),
        definitions.clone(),
        stop.clone(),
    ));
    parts.spawn(lead(Arc::clone(&context), definitions, stop.clone()));
    // Parts that are done because they were told to are waited for; any other end is one.
    while let Some(ended) = parts.join_next().await {
        match ended {
            Ok(Ok(())) if stop.is_cancelled() => {}
            Ok(Ok(())) => return Err(RunError::Ended("a part")),
            Ok(Err(error)) => return Err(error),
            Err(error) if error.is_cancelled() => {}
            Err(_) => return Err(RunError::Ended("a part that panicked")),
        }
        if stop.is_cancelled() && parts.len() <= FOR_EVER {
            break;
        }
    }
    Ok(())
}

/// Parts that have no end of their own: the watch of the CRDs.
const FOR_EVER: usize = 1;

async fn context(settings: Settings) -> Result<Context, RunError> {
    let metrics = Metrics::new()?;
    let config = kube::Config::infer().await?;
    let client: Client = ClientBuilder::try_from(config)?
        .with_layer(&CountRequests(Arc::clone(&metrics)))
        .build();
    Ok(Context {
        events: Events::new(client.clone(), &settings.pod_name),
        settings: Arc::new(settings),
        metrics,
        stores: Stores::default(),
        clock: Clock::system(),
        grant_authority: GrantAuthority::default(),
        lease: LeaseView::default(),
        graves: Graves::default(),
        client,
    })
}

/// Waits for the order to end.
async fn orders(stop: CancellationToken) -> Result<(), RunError> {
    let error = |error| RunError::Serve("signals", error);
    let mut terminate = signal(SignalKind::terminate()).map_err(error)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(error)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("told to end");
    stop.cancel();
    Ok(())
}

async fn health(
    context: Arc<Context>,
    definitions: DefinitionsView,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let health = Health {
        metrics: Arc::clone(&context.metrics),
        definitions,
    };
    let served = server::serve(context.settings.http_address, health, stop).await;
    served.map_err(|error| RunError::Serve("--http-address", error))
}

/// What every replica does for pods: follows the stores, serves grants.
async fn granting(
    context: Arc<Context>,
    definitions: DefinitionsView,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let settings = &context.settings;
    let certificate = Certificate::load(
        context.client.clone(),
        &settings.namespace,
        settings.grant.hosts(),
        context.grant_authority.clone(),
        Arc::clone(&context.metrics),
    )
    .await?;
    let grants = Grants::new(
        context.client.clone(),
        Arc::clone(settings),
        Arc::clone(&context.metrics),
        context.stores.clone(),
        context.clock.clone(),
    );
    let served = grant::serve(
        settings.grant_address,
        grants,
        certificate.served(),
        stop.clone(),
    );
    tokio::select! {
        served = served => served.map_err(|error| RunError::Serve("--grant-address", error)),
        () = certificate.clone().follow() => Err(RunError::Ended("the watch of the certificate")),
        () = follow_stores(&context, definitions) => Err(RunError::Ended("the watch of the stores")),
    }
}

async fn follow_stores(context: &Context, definitions: DefinitionsView) {
    definitions::served(definitions).await;
    let namespace = context.settings.namespace.clone();
    let metrics = Arc::clone(&context.metrics);
    let follow = store::follow(
        context.client.clone(),
        namespace,
        metrics,
        context.stores.clone(),
    );
    Box::pin(follow).await;
}

/// Waits for the lease, leads while it is held, and gives it back only once nothing runs
/// any more that it was for.
async fn lead(
    context: Arc<Context>,
    definitions: DefinitionsView,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let settings = &context.settings;
    let elector = Elector::new(
        context.client.clone(),
        &settings.namespace,
        &settings.pod_name,
        Timing::default(),
        context.lease.clone(),
    );
    let leadership = tokio::select! {
        leadership = elector.acquire() => leadership,
        () = stop.cancelled() => return Ok(()),
    };
    tracing::info!(transitions = context.lease.transitions(), "leading");
    context.metrics.process.set_leader();
    let done = CancellationToken::new();
    let keep = elector.keep(leadership, &done);
    let work = async {
        let result = Box::pin(work(&context, definitions, &stop)).await;
        done.cancel();
        result
    };
    tokio::pin!(keep, work);
    tokio::select! {
        // A lost lease drops what runs where it stands, and ends the process.
        kept = &mut keep => Ok(kept?),
        worked = &mut work => {
            keep.await?;
            worked
        }
    }
}

/// What the leader does.
async fn work(
    context: &Arc<Context>,
    definitions: DefinitionsView,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    tokio::select! {
        prepared = prepare(context, definitions) => prepared?,
        () = stop.cancelled() => return Ok(()),
    }
    let cluster = store::controller::cluster_uid(&context.client).await?;
    let of = || (Arc::clone(context), stop.clone());
    let stores = {
        let (context, stop) = of();
        store::controller::run(context, cluster, stop)
    };
    let profiles = {
        let (context, stop) = of();
        profile::run(context, stop)
    };
    let sweeps = {
        let (context, stop) = of();
        async move {
            probed(&context, &stop).await;
            sweep::run(context, cluster, stop).await;
        }
    };
    let (context, stop) = of();
    let jobs = async move {
        probed(&context, &stop).await;
        controllers::run(context, stop).await
    };
    let ((), (), (), jobs) = tokio::join!(stores, profiles, sweeps, jobs);
    jobs.map_err(|error| RunError::Controllers(Box::new(error)))
}

/// Nothing is written to a store, or withdrawn there, before it was probed.
async fn probed(context: &Context, stop: &CancellationToken) {
    tokio::select! {
        () = context.stores.all_probed() => {}
        () = stop.cancelled() => {}
    }
}

/// What must be there before anything is reconciled.
async fn prepare(context: &Context, definitions: DefinitionsView) -> Result<(), RunError> {
    let settings = &context.settings;
    if let Some(embedded) = &settings.embedded_store {
        defaults::ensure_root_secret(&context.client, &settings.namespace, embedded).await?;
    }
    let manifests = defaults::read(&settings.defaults)?;
    definitions::served(definitions).await;
    defaults::apply(&context.client, manifests).await;
    let mut changes = context.stores.changes();
    while !context.stores.is_synced() {
        changes.next().await;
    }
    context.grant_authority.known().await;
    Ok(())
}

async fn ends(part: &'static str, running: impl Future<Output = ()>) -> Result<(), RunError> {
    running.await;
    Err(RunError::Ended(part))
}
