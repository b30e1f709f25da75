//! Starting an attempt: a slot, a fence, one POST.
use super::{Applied, Subject, conclude, delete_job, open_number};
use crate::apiserver::{self, ApiError, Created};
use crate::job::evidence;
use crate::job::outcome::CommitSeen;
use crate::job::pod::{Attempt, PodSettings, build, job_name};
use crate::job::state::seen_etag;
use crate::job::waiting::{self, Waiting};
use crate::queue::admission::Turn;
use crate::work::WorkError;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Event;
use kube::ResourceExt;
use vessel_crds::TranscodeJob;
use vessel_crds::media_store::HttpScheme;
use vessel_crds::reason::WaitingReason;
use vessel_storage::order::{Limits, PlainHttp};

/// A moment after which something that could not be done is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(30);

type Done = (Applied, Option<Timestamp>);

/// Starts attempt `number`, if the queue has room.
pub(super) async fn start(subject: &Subject<'_>, number: i32) -> Result<Done, WorkError> {
    let queue = &subject.leader.queue;
    let name = job_name(&subject.job.name_any(), number);
    let Some(settings) = pod_settings(subject) else {
        return Ok((Applied::Nothing, Some(later(subject, RETRY))));
    };
    match queue.claim(crate::queue::candidate(subject.job), &name) {
        Turn::Wait(reason) => return Ok((Applied::Waiting(queued(reason)), None)),
        Turn::Now => {}
    }
    let fence = fence(subject)
        .await
        .inspect_err(|_| queue.defer(&subject.uid(), RETRY))?;
    match fence {
        Fence::Holds => post(subject, number, &settings).await,
        Fence::Moved => {
            queue.release(&subject.uid());
            Ok((
                Applied::Nothing,
                Some(later(subject, SignedDuration::from_secs(1))),
            ))
        }
        Fence::Ended(applied) => {
            queue.release(&subject.uid());
            Ok((*applied, None))
        }
    }
}

fn queued(reason: WaitingReason) -> Waiting {
    let message = match reason {
        WaitingReason::NamespaceLimit => "as many jobs run as this namespace may have",
        _ => "as many jobs run as queue.maxRunning allows",
    };
    Waiting::new(reason, message)
}

/// Whether the attempt may still be started.
enum Fence {
    Holds,
    /// The job has changed since it was observed.
    Moved,
    /// The job has an end already.
    Ended(Box<Applied>),
}

/// Reads the job and its commit past every cache: what a former leader or a former attempt
/// has done is seen here.
async fn fence(subject: &Subject<'_>) -> Result<Fence, WorkError> {
    let client = &subject.leader.context.client;
    let name = subject.job.name_any();
    let current: Option<TranscodeJob> = apiserver::get(client, &subject.namespace(), &name).await?;
    let unchanged = current.is_some_and(|current| {
        current.resource_version() == subject.job.resource_version()
            && current.uid() == subject.job.uid()
    });
    if !unchanged {
        return Ok(Fence::Moved);
    }
    let Some(store) = subject.ready() else {
        return Ok(Fence::Moved);
    };
    Ok(match conclude::commit(subject, store).await? {
        CommitSeen::None => Fence::Holds,
        CommitSeen::Void => Fence::Ended(Box::new(Applied::Void)),
        CommitSeen::Published(published) => {
            let applied = conclude::committed(subject, store, published).await?;
            Fence::Ended(Box::new(applied))
        }
    })
}

async fn post(
    subject: &Subject<'_>,
    number: i32,
    settings: &PodSettings,
) -> Result<Done, WorkError> {
    delete_job(subject, number - 1).await?;
    let namespace = subject.namespace();
    let name = subject.job.name_any();
    let attempt = attempt(subject, number, &namespace, &name)?;
    let job = build(&attempt, settings);
    match apiserver::create(&subject.leader.context.client, &job, &subject.uid()).await {
        Ok(Created::Ours(_)) => Ok((Applied::Started(number), None)),
        Ok(Created::Foreign) => {
            subject.leader.queue.release(&subject.uid());
            let applied = Applied::NameTaken(job.name_any());
            Ok((applied, Some(later(subject, RETRY))))
        }
        Err(error) if error.is_refused() => {
            subject.leader.queue.defer(&subject.uid(), RETRY);
            let applied = Applied::Waiting(refused_as(&error));
            Ok((applied, Some(later(subject, RETRY))))
        }
        // Nobody knows whether the Job is there: the slot stays taken until the next try.
        Err(error) => Err(error.into()),
    }
}

/// The wait that a refused POST means.
pub fn refused_as(error: &ApiError) -> Waiting {
    waiting::of_failed_create(&error.to_string())
}

fn attempt<'a>(
    subject: &'a Subject<'_>,
    number: i32,
    namespace: &'a str,
    name: &'a str,
) -> Result<Attempt<'a>, WorkError> {
    let spec = &subject.job.spec;
    let folder = subject.folder()?;
    let status = subject.job.status.as_ref();
    Ok(Attempt {
        namespace,
        name,
        job_uid: folder.job,
        asset_uid: folder.asset,
        number,
        work: &spec.work,
        execution: &spec.execution,
        memory_limit_bytes: status.and_then(|status| status.memory_limit_bytes),
        plain_http: plain_http(subject),
        expected_etag: status.and_then(seen_etag),
    })
}

fn plain_http(subject: &Subject<'_>) -> PlainHttp {
    let scheme = subject
        .observed
        .store
        .as_ref()
        .map(|store| store.spec.sources.http.scheme);
    match scheme {
        Some(HttpScheme::HttpAllowed) => PlainHttp::Allowed,
        _ => PlainHttp::Refused,
    }
}

/// `None` until the grant endpoint has a certificate: a pod without it could trust nobody.
fn pod_settings(subject: &Subject<'_>) -> Option<PodSettings> {
    let context = &subject.leader.context;
    let settings = &context.settings;
    let grant_ca = context.grant_authority.pem()?.to_string();
    let store = subject.observed.store.as_ref();
    let allowed = store.map(|store| store.spec.sources.http.allowed_cidrs.clone());
    Some(PodSettings {
        transcoder: settings.transcoder.clone(),
        audience: settings.audience(),
        grant_url: settings.grant.url.clone(),
        grant_ca,
        store_ca: store.and_then(|store| store.spec.ca_bundle.clone()),
        limits: Limits {
            max_source_bytes: settings.limits.max_source_bytes,
            max_duration_seconds: settings.limits.max_duration_seconds,
            max_objects: settings.limits.max_objects_per_job,
            memory_bytes: 0,
            scratch_bytes: settings.transcoder.scratch_bytes,
            allowed_cidrs: allowed.unwrap_or_default(),
            denied_cidrs: settings.transcoder.denied_cidrs.clone(),
            sandbox: settings.transcoder.sandbox,
        },
    })
}

/// Why the open attempt has no pod: what the Job controller said about it.
pub(super) async fn why_no_pod(subject: &Subject<'_>) -> Result<Option<Waiting>, WorkError> {
    let number = open_number(subject.observed);
    let attempt = evidence::Observed::attempt(&subject.leader.caches, subject.job, number);
    let (Some(job), None) = (attempt.job, attempt.pod) else {
        return Ok(None);
    };
    let selector = format!(
        "involvedObject.uid={},reason=FailedCreate",
        job.uid().unwrap_or_default()
    );
    let events: Vec<Event> = apiserver::list(
        &subject.leader.context.client,
        &subject.namespace(),
        &selector,
    )
    .await?;
    Ok(events
        .last()
        .and_then(|event| event.message.as_deref())
        .map(waiting::of_failed_create))
}

fn later(subject: &Subject<'_>, pause: SignedDuration) -> Timestamp {
    subject.now.saturating_add(pause).unwrap_or(subject.now)
}
