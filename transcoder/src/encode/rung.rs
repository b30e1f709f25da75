//! One rung while it comes out of the encoder: cut, checked, packaged, queued.
use crate::gate::keep::Keep;
use crate::gate::timeline::Timeline;
use crate::gate::{self, RungLength};
use crate::ladder::Plan;
use crate::length::{FRAME_SAMPLES, Samples};
use crate::package::bandwidth::Weight;
use crate::package::cut::{Cutter, Piece};
use crate::package::fragment::{self, Fragment, Init};
use crate::package::hls::Rendition;
use crate::package::transport::Transport;
use crate::stop::{Stop, internal};
use crate::upload::{Object, UploadQueue};
use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use vessel_crds::encoding::Container;
use vessel_storage::content::ContentType;
use vessel_storage::path::{ObjectPath, Rung, SegmentKind};

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// A finished rung.
#[derive(Debug)]
pub struct EncodedRung {
    /// What its playlist says.
    pub rendition: Rendition,
    /// Where its fragments begin.
    pub decode_times: Vec<u64>,
    /// What plays of it.
    pub plays: Samples,
    /// The segments that are decoded for a check.
    pub kept: Keep,
}

/// Reads one rung.
#[derive(Debug)]
pub struct RungReader<'a> {
    rung: Rung,
    plan: &'a Plan,
    queue: &'a UploadQueue,
    cutter: Cutter,
    begun: Option<Begun>,
}

/// What is known from the initialization segment on.
#[derive(Debug)]
struct Begun {
    init: Init,
    timeline: Timeline,
    packager: Packager,
    segments: Vec<Weight>,
    kept: Keep,
}

/// How fragments become segments.
#[derive(Debug)]
enum Packager {
    /// As they are.
    Fragments,
    /// Wrapped.
    Transport(Transport),
}

impl<'a> RungReader<'a> {
    /// A reader of one rung of the plan.
    pub fn new(rung: Rung, plan: &'a Plan, queue: &'a UploadQueue) -> Self {
        Self {
            rung,
            plan,
            queue,
            cutter: Cutter::default(),
            begun: None,
        }
    }

    /// Reads the rung to its end. An error is an irregularity that was found on the way: the
    /// pipe is closed before its end then.
    pub async fn read(mut self, mut pipe: pipe::Receiver) -> Result<Self, Stop> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = pipe.read(&mut chunk).await;
            let read = read.map_err(|error| internal("reading a rung", &error))?;
            self.cutter.push(chunk.get(..read).unwrap_or_default());
            while let Some(piece) = self
                .cutter
                .next_piece()
                .map_err(|error| self.broken(&error))?
            {
                self.take(piece).await?;
            }
            if read == 0 {
                return Ok(self);
            }
        }
    }

    async fn take(&mut self, piece: Piece) -> Result<(), Stop> {
        match piece {
            Piece::Init(bytes) => self.begin(bytes).await,
            Piece::Fragment(bytes) => self.continue_with(bytes).await,
        }
    }

    async fn begin(&mut self, bytes: Bytes) -> Result<(), Stop> {
        let init = fragment::read_init(&bytes).map_err(|error| self.broken(&error))?;
        let frames = self.plan.audio.frames_per_segment;
        let timeline = Timeline::begin(&init, frames).map_err(|error| self.broken(&error))?;
        let mut kept = Keep::default();
        let packager = match self.plan.container {
            Container::FragmentedMp4 => {
                kept.begin_with(bytes.clone());
                self.push(
                    ObjectPath::Init(self.rung.clone()),
                    ContentType::AudioMp4,
                    bytes,
                )
                .await?;
                Packager::Fragments
            }
            Container::MpegTs => Packager::Transport(Transport::new(self.plan.audio.channels)),
        };
        self.begun = Some(Begun {
            init,
            timeline,
            packager,
            segments: Vec::new(),
            kept,
        });
        Ok(())
    }

    async fn continue_with(&mut self, bytes: Bytes) -> Result<(), Stop> {
        let rung = &self.rung;
        let broken = |error: &dyn std::error::Error| gate::verification(format!("{rung}: {error}"));
        let begun = self.begun.as_mut().ok_or_else(|| {
            gate::verification(format!(
                "{rung}: a fragment before the initialization segment"
            ))
        })?;
        let fragment =
            fragment::read_fragment(&bytes, begun.init.defaults).map_err(|error| broken(&error))?;
        let plays = begun
            .timeline
            .take(&fragment)
            .map_err(|error| broken(&error))?;
        let (segment, length) = begun
            .packager
            .segment(bytes, &fragment, plays)
            .map_err(|error| broken(&error))?;
        begun.segments.push(Weight {
            bytes: segment.len() as u64,
            length,
        });
        begun.kept.offer(&segment, fragment.samples.len() as u64);
        let number = u32::try_from(begun.segments.len()).unwrap_or(u32::MAX);
        let (kind, content_type) = match self.plan.container {
            Container::FragmentedMp4 => (SegmentKind::Fragment, ContentType::AudioMp4),
            Container::MpegTs => (SegmentKind::Transport, ContentType::MpegTs),
        };
        let path = ObjectPath::Segment(self.rung.clone(), number, kind);
        self.push(path, content_type, segment).await
    }

    async fn push(
        &self,
        path: ObjectPath,
        content_type: ContentType,
        bytes: Bytes,
    ) -> Result<(), Stop> {
        let object = Object {
            path,
            content_type,
            bytes,
        };
        self.queue.push(object).await
    }

    /// Whether what was read is whole.
    pub fn finish(self) -> Result<EncodedRung, Stop> {
        self.cutter.finish().map_err(|error| self.broken(&error))?;
        let rung = self.rung;
        let begun = self
            .begun
            .ok_or_else(|| gate::verification(format!("{rung}: the encoder wrote nothing")))?;
        let (decode_times, plays) = begun
            .timeline
            .finish()
            .map_err(|error| gate::verification(format!("{rung}: {error}")))?;
        Ok(EncodedRung {
            rendition: Rendition {
                rung,
                codec: begun.init.codec,
                channels: self.plan.audio.channels,
                kind: match self.plan.container {
                    Container::FragmentedMp4 => SegmentKind::Fragment,
                    Container::MpegTs => SegmentKind::Transport,
                },
                segments: begun.segments,
            },
            decode_times,
            plays,
            kept: begun.kept,
        })
    }

    fn broken(&self, error: &dyn std::error::Error) -> Stop {
        gate::verification(format!("{}: {error}", self.rung))
    }
}

impl Packager {
    /// The segment, and how long it plays. A transport stream has no edit list: all of its
    /// frames play, the priming included.
    fn segment(
        &mut self,
        bytes: Bytes,
        fragment: &Fragment,
        plays: Samples,
    ) -> Result<(Bytes, Samples), mpeg2ts::Error> {
        match self {
            Self::Fragments => Ok((bytes, plays)),
            Self::Transport(transport) => {
                let segment = transport.wrap(&bytes, fragment)?;
                let frames = fragment.samples.len() as u64;
                Ok((segment.into(), Samples(frames * FRAME_SAMPLES)))
            }
        }
    }
}

impl EncodedRung {
    /// What the gate compares.
    pub fn length(&self) -> RungLength {
        RungLength {
            rung: self.rendition.rung.clone(),
            decode_times: self.decode_times.clone(),
            plays: self.plays,
        }
    }
}
