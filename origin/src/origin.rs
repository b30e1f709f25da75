//! From a request's path to content: what plays, and where it lies.
use crate::caching::{Caching, MaxAge};
use crate::deliver;
use crate::documents::{Documents, Lifetimes};
use crate::extras::Extras;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::outage::Outage;
use crate::path::{AssetName, File, Format, Label, Target};
use crate::problem::Problem;
use crate::texts::Texts;
use crate::upstream::{Fault, Upstream};
use axum::response::Response;
use http::{HeaderMap, Method};
use std::sync::Arc;
use vessel_crds::media_asset::Visibility;
use vessel_storage::key::{ExecutionFolder, JobFolder, Prefix, Tree};
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::{PointedRendition, Pointer, PointerState};

/// Playlists get this part of the memory; the rest is for segments.
const TEXT_SHARE: u64 = 8;

/// How an origin serves.
#[derive(Clone, Debug)]
pub struct Terms {
    /// What every key of the store begins with.
    pub prefix: Prefix,
    /// How long caches may keep segments.
    pub segment_max_age: MaxAge,
    /// Memory for content, in bytes.
    pub cache_bytes: u64,
    /// How long names and pointers are kept.
    pub lifetimes: Lifetimes,
}

/// Serves one store.
pub struct Origin {
    terms: Terms,
    documents: Documents,
    texts: Texts,
    objects: Objects,
    extras: Extras,
    metrics: Arc<Metrics>,
    outage: Outage,
}

impl Origin {
    /// An origin over a bucket. Nothing is read yet.
    pub fn new(terms: Terms, upstream: Arc<dyn Upstream>, metrics: Arc<Metrics>) -> Self {
        let text_bytes = terms.cache_bytes / TEXT_SHARE;
        let object_bytes = terms.cache_bytes - text_bytes;
        let prefix = || terms.prefix.clone();
        let objects = Objects::new(object_bytes, Arc::clone(&upstream), Arc::clone(&metrics));
        Self {
            documents: Documents::new(
                prefix(),
                Arc::clone(&upstream),
                Arc::clone(&metrics),
                terms.lifetimes,
            ),
            texts: Texts::new(text_bytes, prefix(), upstream, Arc::clone(&metrics)),
            extras: Extras::new(prefix(), objects.clone()),
            objects,
            metrics,
            outage: Outage::default(),
            terms,
        }
    }

    /// What goes with the media.
    pub fn extras(&self) -> &Extras {
        &self.extras
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Brings the gauges of memory up to date.
    pub async fn measure(&self) {
        let used = self.texts.bytes().await + self.objects.bytes().await;
        self.metrics.memory(used, self.terms.cache_bytes);
    }

    /// Whether the store answers.
    pub async fn probe(&self) -> Result<(), Fault> {
        self.documents.probe().await
    }

    /// What plays under a name, if anybody may play it.
    pub async fn playing(&self, name: &AssetName) -> Result<Arc<Pointer>, Problem> {
        let pointer = self
            .documents
            .named(name)
            .await
            .map_err(|fault| self.told(&fault))?;
        let pointer = pointer.ok_or(Problem::NotFound)?;
        match (pointer.state, pointer.visibility) {
            (PointerState::Withdrawn, _) => Err(Problem::Gone),
            (PointerState::Live, Visibility::Public) => Ok(pointer),
            (PointerState::Live, Visibility::Private) => {
                self.metrics.token_missing();
                Err(Problem::Private)
            }
        }
    }

    /// Answers a request below `/v1/`.
    pub async fn answer(
        &self,
        target: Target,
        method: &Method,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        match target {
            Target::Stable {
                asset,
                profile,
                file,
            } => self.stable(&asset, &profile, file, method, request).await,
            Target::Immutable { folder, path } => {
                self.immutable(folder, &path, method, request).await
            }
        }
    }

    async fn stable(
        &self,
        asset: &AssetName,
        profile: &Label,
        file: File,
        method: &Method,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        let pointer = self.playing(asset).await?;
        let (folder, path) = located(&pointer, profile, file).ok_or(Problem::NotFound)?;
        let kind = deliver::content_type(&path);
        let answer = match file {
            File::Text(format) => {
                let text = self.texts.moved(folder, &path, format).await;
                text.map(|text| deliver::text(request, &text, kind, Caching::Stable))
            }
            File::Poster | File::Peaks => {
                let key = self.terms.prefix.object(folder, &path);
                let caching = Caching::Stable;
                deliver::object(method, request, &self.objects, &key, kind, caching).await
            }
        };
        match answer {
            Ok(response) => Ok(response),
            Err(fault) => Err(self.blame(fault, folder, &path).await),
        }
    }

    async fn immutable(
        &self,
        folder: ExecutionFolder,
        path: &ObjectPath,
        method: &Method,
        request: &HeaderMap,
    ) -> Result<Response, Problem> {
        let kind = deliver::content_type(path);
        let caching = Caching::Immutable(self.terms.segment_max_age);
        let answer = match path {
            ObjectPath::Master
            | ObjectPath::Mpd
            | ObjectPath::Playlist(_)
            | ObjectPath::Storyboard => {
                let text = self.texts.own(folder, path).await;
                text.map(|text| deliver::text(request, &text, kind, caching))
            }
            _ => {
                let key = self.terms.prefix.object(folder, path);
                deliver::object(method, request, &self.objects, &key, kind, caching).await
            }
        };
        match answer {
            Ok(response) => Ok(response),
            Err(fault) => Err(self.blame(fault, folder, path).await),
        }
    }

    /// The viewer hears a sentence, the log the whole story.
    fn told(&self, fault: &Fault) -> Problem {
        if *fault != Fault::Missing {
            self.outage.tell(fault);
        }
        Problem::from(fault.clone())
    }

    /// What to say of a fault. A missing object may have been swept (410), may never have been
    /// there (404), or is lost (404, and somebody is told): its asset's pointer knows.
    async fn blame(&self, fault: Fault, folder: ExecutionFolder, path: &ObjectPath) -> Problem {
        if fault != Fault::Missing {
            return self.told(&fault);
        }
        let pointer = self.documents.pointer(folder.job.asset).await;
        let Ok(Some(pointer)) = pointer else {
            return Problem::NotFound;
        };
        if pointer.state == PointerState::Withdrawn {
            return Problem::Gone;
        }
        let plays = |r: &PointedRendition| r.job_uid == folder.job.job && r.pod_uid == folder.pod;
        if !is_optional(path) && pointer.renditions.iter().any(plays) {
            self.metrics.segment_missing();
            tracing::warn!(folder = %folder.job, pod = %folder.pod, %path, "a live asset lacks an object");
        }
        Problem::NotFound
    }
}

/// Whether an execution may be whole without it.
const fn is_optional(path: &ObjectPath) -> bool {
    matches!(
        path,
        ObjectPath::Poster | ObjectPath::Peaks | ObjectPath::Storyboard
    )
}

/// Where a file of a rendition lies, if it is there.
fn located(
    pointer: &Pointer,
    profile: &Label,
    file: File,
) -> Option<(ExecutionFolder, ObjectPath)> {
    let mut renditions = pointer.renditions.iter();
    let rendition = renditions.find(|r| r.profile == profile.as_str())?;
    let path = match file {
        File::Text(Format::Hls) => rendition.hls.clone()?,
        File::Text(Format::Dash) => rendition.dash.clone()?,
        File::Text(Format::Storyboard) => ObjectPath::Storyboard,
        File::Poster => ObjectPath::Poster,
        File::Peaks => ObjectPath::Peaks,
    };
    Some((folder_of(pointer, rendition), path))
}

/// The folder of the execution that made a rendition.
pub fn folder_of(pointer: &Pointer, rendition: &PointedRendition) -> ExecutionFolder {
    let job = JobFolder {
        tree: Tree::from(pointer.visibility),
        asset: pointer.asset_uid,
        job: rendition.job_uid,
    };
    job.execution(rendition.pod_uid)
}
