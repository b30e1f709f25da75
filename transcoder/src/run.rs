//! The supervisor: one execution from its settings to its last words.
use crate::beginning::{self, HEADER, Known};
use crate::cost::Meter;
use crate::encode::{self, Encoder};
use crate::fetch::arriving::Arriving;
use crate::fetch::shape::Shape;
use crate::fetch::{self, Source, Spool};
use crate::ffmpeg::process::Sandbox;
use crate::gate::{self, decode};
use crate::grant::GrantClient;
use crate::input::Input;
use crate::ladder::{self, Plan};
use crate::length::Samples;
use crate::loudness;
use crate::poster;
use crate::probe::{self, DeclaredLength, Probe};
use crate::progress::Board;
use crate::publish::{self, Work};
use crate::settings::Settings;
use crate::stop::{Stop, failed, internal};
use crate::store::Store;
use crate::upload::{Object, Uploader};
use crate::verdict;
use futures::FutureExt;
use futures::future::{Either, select};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use vessel_crds::media::{MediaFacts, TrackUsage};
use vessel_crds::reason::FailureReason;
use vessel_storage::content::ContentType;
use vessel_storage::path::ObjectPath;
use vessel_storage::verdict::{SOURCE_ETAG_BYTES, Stage, Verdict};

/// Where the kubelet reads a container's last words.
const TERMINATION_LOG: &str = "/dev/termination-log";
/// How long the verdict may take to the bucket: it is a courtesy, the termination message
/// says the same.
const VERDICT: Duration = Duration::from_secs(10);
/// Finished objects that may wait in memory: a fraction of the container's limit.
const QUEUE_SHARE: u64 = 8;

/// What is found out on the way, kept for the verdict of an execution that fails later.
#[derive(Debug, Default)]
struct Findings(Mutex<Option<MediaFacts>>);

/// One execution and its surroundings.
#[derive(Debug)]
struct Execution {
    settings: Settings,
    grants: GrantClient,
    store: Store,
    sandbox: Sandbox,
    meter: Arc<Meter>,
    board: Board,
    findings: Findings,
    source_etag: OnceLock<String>,
}

/// What the source is, and what is to be made of it.
#[derive(Debug)]
struct Look {
    input: Input,
    probe: Probe,
    plan: Plan,
}

/// Runs the job that the environment names.
pub fn main() -> ExitCode {
    let filter =
        tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let meter = Arc::new(Meter::start());
    let verdict = match begin(&meter) {
        Err(stop) => {
            let verdict = verdict::verdict(Err(&stop), None, &meter);
            last_words(&verdict);
            verdict
        }
        Ok((runtime, execution)) => {
            let verdict = runtime.block_on(supervise(&execution));
            // Dropping it waits for calls that block, such as a name lookup, without a limit.
            runtime.shutdown_background();
            verdict
        }
    };
    ExitCode::from(verdict::exit_code(&verdict))
}

fn begin(meter: &Arc<Meter>) -> Result<(tokio::runtime::Runtime, Execution), Stop> {
    let settings = Settings::read(&|name| std::env::var(name).ok())
        .map_err(|error| failed(FailureReason::Internal, error))?;
    if let Some(missing) = settings.tools.missing() {
        let message = format!("{} is not there", missing.display());
        return Err(failed(FailureReason::Internal, message));
    }
    tracing::info!(
        namespace = settings.order.namespace,
        job = settings.order.name,
        attempt = settings.order.attempt,
        "execution begins"
    );
    let execution = Execution {
        grants: GrantClient::new(settings.grant.clone())?,
        store: Store::new(settings.store_ca.as_deref(), Arc::clone(meter))?,
        sandbox: Sandbox::new(settings.tools.clone(), &settings.limits),
        meter: Arc::clone(meter),
        board: Board::default(),
        findings: Findings::default(),
        source_etag: OnceLock::new(),
        settings,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| internal("no runtime", &error))?;
    Ok((runtime, execution))
}

/// Ends in a verdict whatever happens, a panic of our own and SIGTERM included.
async fn supervise(execution: &Execution) -> Verdict {
    let work = AssertUnwindSafe(execution.execute()).catch_unwind();
    let ended = tokio::select! {
        ended = work => ended.unwrap_or_else(|_| Err(failed(
            FailureReason::Internal,
            "a fault of the transcoder itself: its log says where",
        ))),
        stop = execution.board.report(&execution.grants) => Err(stop),
        stop = terminated() => Err(stop),
    };
    let media = execution.findings.get();
    let verdict = Verdict {
        source_etag: execution.source_etag.get().cloned(),
        ..verdict::verdict(ended.as_ref().copied(), media, &execution.meter)
    };
    // First of all: whatever comes behind it may take longer than the pod is left.
    last_words(&verdict);
    if let Ok(()) | Err(Stop::Failed(_)) = &ended {
        execution.leave_verdict(&verdict).await;
    }
    verdict
}

/// The kubelet asks the pod to end. Why is for the platform to say.
async fn terminated() -> Stop {
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
            failed(FailureReason::Disrupted, "the pod was asked to end")
        }
        Err(error) => internal("no signals", &error),
    }
}

/// Writes the termination message, and the same to the log.
fn last_words(verdict: &Verdict) {
    let path = std::env::var("VESSEL_TERMINATION_LOG");
    let path = path.as_deref().unwrap_or(TERMINATION_LOG);
    tracing::info!(outcome = ?verdict.outcome, reason = verdict.reason.map(FailureReason::as_str), message = verdict.message, "execution ends");
    if let Err(error) = std::fs::write(path, verdict::termination_message(verdict)) {
        tracing::warn!(%error, path, "no termination message");
    }
}

/// Fetches, and works on what arrives. That the source is a bad one is said only of one that
/// is the right one: what the transfer ends in comes first.
async fn along<Fetched, Made>(
    transfer: impl Future<Output = Result<Fetched, Stop>> + Unpin,
    work: impl Future<Output = Result<Made, Stop>> + Unpin,
) -> Result<(Fetched, Made), Stop> {
    match select(transfer, work).await {
        Either::Left((fetched, work)) => Ok((fetched?, work.await?)),
        Either::Right((Err(stop), _)) if !stop.blames_source() => Err(stop),
        Either::Right((made, transfer)) => Ok((transfer.await?, made?)),
    }
}

impl Execution {
    /// The stages, in order.
    async fn execute(&self) -> Result<(), Stop> {
        self.begin(Stage::Fetch);
        let (spool, arriving) = fetch::begin(&self.settings, &self.meter).await?;
        let transfer = Box::pin(self.fetch(spool));
        let (source, made) = along(transfer, Box::pin(self.make(&arriving))).await?;
        let (look, encoded, mut uploader) = made;
        let Look { probe, plan, .. } = look;
        let media = self.findings.complete(&encoded);

        self.begin(Stage::Upload);
        let poster = poster::make(&self.sandbox, &source.path, &probe, &plan, &encoded).await?;
        let work = Work {
            settings: &self.settings,
            source: &source,
            plan: &plan,
            encoded: &encoded,
            media: &media,
            poster,
            ffmpeg_version: &probe.ffmpeg_version,
        };
        publish::playlists(&work, &mut uploader).await?;

        self.begin(Stage::Verify);
        decode::verify(&self.sandbox, plan.container, &encoded.rungs).await?;

        self.begin(Stage::Commit);
        let manifest = publish::manifest(&work, self.meter.cost(), &mut uploader).await?;
        publish::commit(&self.grants, &self.store, &manifest).await
    }

    async fn fetch(&self, spool: Spool<'_>) -> Result<Source, Stop> {
        let source = fetch::fetch(&self.settings, &self.grants, &self.store, spool).await?;
        let etag = source.etag.as_ref();
        if let Some(etag) = etag.filter(|etag| etag.len() <= SOURCE_ETAG_BYTES) {
            self.source_etag.get_or_init(|| etag.clone());
        }
        Ok(source)
    }

    /// Everything that can be done while the source still arrives.
    async fn make(&self, arriving: &Arriving) -> Result<(Look, encode::Encoded, Uploader), Stop> {
        let mut look = self.look(arriving).await?;
        if let Input::File(path) = &look.input {
            let limits = &self.settings.limits;
            loudness::settle(&self.sandbox, path, limits, &mut look.plan).await?;
        }
        self.begin(Stage::Encode);
        let (encoded, uploader) = Box::pin(self.encode(&look)).await?;
        if let Input::Stream(arriving) = &look.input {
            let whole = self.look_at_all(arriving).await?;
            if look.plan.video.is_none() {
                let declared = whole.plan.audio.map(|audio| audio.declared);
                gate::whole(encoded.length, declared.unwrap_or(DeclaredLength::Unknown))?;
            }
            look.probe = whole.probe;
        }
        Ok((look, encoded, uploader))
    }

    /// Looks at the source and plans as soon as its beginning allows.
    async fn look(&self, arriving: &Arriving) -> Result<Look, Stop> {
        if arriving.shape().await? == Shape::Streamed {
            let input = Input::Stream(arriving.clone());
            let known = Known {
                head: arriving.beginning(HEADER).await?,
                announced: arriving.announced(),
            };
            match self.look_at(input, &known).await {
                Ok(look) if beginning::suffices(&look.probe, &look.plan, &self.settings.limits) => {
                    self.begin(Stage::Probe);
                    return Ok(look);
                }
                Err(stop) if !stop.blames_source() => return Err(stop),
                // What its beginning does not tell, the whole does.
                _ => {}
            }
        }
        arriving.whole().await?;
        self.begin(Stage::Probe);
        self.look_at_all(arriving).await
    }

    async fn look_at_all(&self, arriving: &Arriving) -> Result<Look, Stop> {
        arriving.whole().await?;
        let known = Known {
            head: arriving.beginning(HEADER).await?,
            announced: None,
        };
        self.look_at(Input::File(arriving.path().to_owned()), &known)
            .await
    }

    async fn look_at(&self, input: Input, known: &Known) -> Result<Look, Stop> {
        let mut probe = probe::probe(&self.sandbox, &input).await?;
        beginning::complete(&mut probe, known);
        self.findings.set(probe.facts(|_| TrackUsage::Unused));
        let plan = ladder::plan(&self.settings.order.encoding, &probe, &self.settings.limits)?;
        self.findings.set(probe.facts(|track| plan.usage(track)));
        Ok(Look { input, probe, plan })
    }

    fn begin(&self, stage: Stage) {
        self.meter.begin(stage);
        self.board.begin(stage);
    }

    /// Encodes and uploads at once: segments leave while the next ones are made.
    async fn encode(&self, look: &Look) -> Result<(encode::Encoded, Uploader), Stop> {
        self.board
            .expect(look.plan.declared_millis().map(Samples::from_millis));
        let (mut uploader, queue) = self.uploader();
        let encoder = Encoder {
            sandbox: &self.sandbox,
            plan: &look.plan,
            source: &look.input,
            limits: &self.settings.limits,
            board: &self.board,
        };
        let work = encode::encode(&encoder, queue);
        let (made, ()) = tokio::try_join!(work, uploader.run())?;
        Ok((made, uploader))
    }

    fn uploader(&self) -> (Uploader, crate::upload::UploadQueue) {
        let limits = &self.settings.limits;
        Uploader::new(
            self.grants.clone(),
            self.store.clone(),
            limits.max_objects,
            limits.memory_bytes / QUEUE_SHARE,
        )
    }

    async fn leave_verdict(&self, verdict: &Verdict) {
        let Ok(json) = serde_json::to_vec(verdict) else {
            return;
        };
        let object = Object {
            path: ObjectPath::Verdict,
            content_type: ContentType::Json,
            bytes: json.into(),
        };
        let (mut uploader, _) = self.uploader();
        match tokio::time::timeout(VERDICT, uploader.put_all(vec![object])).await {
            Ok(Ok(())) => {}
            Ok(Err(stop)) => tracing::info!(%stop, "no verdict in the bucket"),
            Err(_) => tracing::info!("no verdict in the bucket: out of time"),
        }
    }
}

impl Findings {
    fn set(&self, media: MediaFacts) {
        *self.locked() = Some(media);
    }

    fn get(&self) -> Option<MediaFacts> {
        self.locked().clone()
    }

    /// Adds what only the encode could tell.
    fn complete(&self, encoded: &encode::Encoded) -> MediaFacts {
        let mut media = self.get().unwrap_or_default();
        let millis = encoded.length.millis();
        media.duration_millis = i64::try_from(millis).ok();
        let errors = i64::try_from(encoded.decode_errors).ok();
        media.decode_errors = errors.filter(|&errors| errors > 0);
        media.loudness = encoded.loudness;
        self.set(media.clone());
        media
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Option<MediaFacts>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
