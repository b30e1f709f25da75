//! What the leader runs: the watches, the two controllers and the queue.
use crate::caches::{self, Caches, Triggers};
use crate::context::Context;
use crate::metrics::{Controller as Name, ReconcileErrorClass};
use crate::queue::{self, Queue};
use crate::retries::Retries;
use crate::{asset, job};
use futures::StreamExt;
use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::reflector::store::WriterDropped;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::{Controller, controller};
use kube::{Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

/// Reconciliations of one controller at a time.
const CONCURRENCY: u16 = 16;

/// What a reconciliation is given.
#[derive(Debug)]
pub struct Leader {
    /// What every part of the operator is given.
    pub context: Arc<Context>,
    /// The cluster, as the watches show it.
    pub caches: Caches,
    /// Who may start.
    pub queue: Queue,
    /// Failures in a row.
    pub retries: Retries,
}

/// The leader's loops could not be started.
#[derive(Debug, thiserror::Error)]
#[error("a watch ended before it had shown anything: {0}")]
pub struct Error(#[from] WriterDropped);

/// Runs the reconcilers and the queue until `shutdown`.
pub async fn run(context: Arc<Context>, shutdown: CancellationToken) -> Result<(), Error> {
    let (asset_names, assets_due) = mpsc::unbounded_channel();
    let (transcode_names, transcodes_due) = mpsc::unbounded_channel();
    let triggers = Triggers {
        assets: asset_names,
        transcodes: transcode_names,
        queue: Arc::new(Notify::new()),
    };
    let mut tasks = JoinSet::new();
    let caches = caches::start(&context, &triggers, &mut tasks);
    caches.filled().await?;
    let queue = Queue::new(
        caches.clone(),
        context.stores.clone(),
        context.settings.queue.clone(),
        context.clock.clone(),
        triggers,
    );
    let leader = Arc::new(Leader {
        context: Arc::clone(&context),
        caches: caches.clone(),
        queue: queue.clone(),
        retries: Retries::default(),
    });
    tokio::join!(
        control(
            Name::Asset,
            caches.assets,
            assets_due,
            &leader,
            &shutdown,
            asset::reconcile
        ),
        control(
            Name::Job,
            caches.transcodes,
            transcodes_due,
            &leader,
            &shutdown,
            job::reconcile
        ),
        shutdown.run_until_cancelled(queue::run(queue, &context)),
    );
    Ok(())
}

/// A failure that says what follows from it.
pub trait Classified: std::error::Error + Send + 'static {
    /// What follows.
    fn class(&self) -> ReconcileErrorClass;
}

impl Classified for asset::Error {
    fn class(&self) -> ReconcileErrorClass {
        Self::class(self)
    }
}

impl Classified for job::Error {
    fn class(&self) -> ReconcileErrorClass {
        Self::class(self)
    }
}

/// Reconciles whatever comes through `due`, one object at a time, until `shutdown`; what has
/// begun is ended.
async fn control<K, F, Fut, E>(
    name: Name,
    store: Store<K>,
    due: mpsc::UnboundedReceiver<ObjectRef<K>>,
    leader: &Arc<Leader>,
    shutdown: &CancellationToken,
    reconcile: F,
) where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
    F: Fn(Arc<K>, Arc<Leader>) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Action, E>> + Send + 'static,
    E: Classified,
{
    let reconcile =
        move |object: Arc<K>, leader: Arc<Leader>| timed(name, object, leader, reconcile.clone());
    Controller::for_stream(futures::stream::pending(), store)
        .with_config(controller::Config::default().concurrency(CONCURRENCY))
        .reconcile_on(UnboundedReceiverStream::new(due))
        .graceful_shutdown_on(shutdown.clone().cancelled_owned())
        .run(
            reconcile,
            move |object, error, leader| pause(name, object.as_ref(), error, &leader),
            Arc::clone(leader),
        )
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn timed<K, F, Fut, E>(
    name: Name,
    object: Arc<K>,
    leader: Arc<Leader>,
    reconcile: F,
) -> Result<Action, E>
where
    K: Resource<DynamicType = ()>,
    F: Fn(Arc<K>, Arc<Leader>) -> Fut,
    Fut: Future<Output = Result<Action, E>>,
{
    let started = Instant::now();
    let key = key(object.as_ref());
    let result = reconcile(object, Arc::clone(&leader)).await;
    leader
        .context
        .metrics
        .process
        .reconciled(name, started.elapsed());
    if result.is_ok() {
        leader.retries.succeeded(&key);
    }
    result
}

/// When to try again what has failed. An object that can't be read is looked at again when
/// somebody has changed it.
fn pause<K, E>(name: Name, object: &K, error: &E, leader: &Leader) -> Action
where
    K: Resource<DynamicType = ()>,
    E: Classified,
{
    let class = error.class();
    leader.context.metrics.process.reconcile_failed(name, class);
    let key = key(object);
    if class == ReconcileErrorClass::Conflict {
        tracing::debug!(%key, %error, "somebody else wrote first");
    } else {
        tracing::warn!(%key, %error, ?class, "a reconciliation failed");
    }
    match class {
        ReconcileErrorClass::Invalid => Action::await_change(),
        class => Action::requeue(leader.retries.failed(&key, class)),
    }
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> String {
    format!(
        "{} {}/{}",
        K::kind(&()),
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

/// Longest pause: a timer of the runtime does not reach years ahead.
const LONGEST: Duration = Duration::from_hours(24);

/// The action that comes back at `time`; without one, when something has changed.
pub fn look_again(time: Option<Timestamp>, now: Timestamp) -> Action {
    match time {
        None => Action::await_change(),
        Some(time) => {
            let wait = Duration::try_from(time.duration_since(now)).unwrap_or_default();
            Action::requeue(wait.clamp(Duration::from_millis(200), LONGEST))
        }
    }
}
