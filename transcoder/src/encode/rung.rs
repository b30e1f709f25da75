//! One rung while it comes out of the encoder: cut, checked, packaged, queued.
use crate::encode::storyboard::Copy;
use crate::gate::keep::Keep;
use crate::gate::timeline::{Irregular, Timeline};
use crate::gate::{self, RungLength};
use crate::ladder::{self, Channels, PlannedRung, Presents};
use crate::length::{FRAME_SAMPLES, in_samples};
use crate::package::bandwidth::Weight;
use crate::package::cut::{Cutter, Piece};
use crate::package::fragment::{self, Fragment, Init};
use crate::package::hls::Rendition;
use crate::package::transport::Transport;
use crate::progress::Board;
use crate::stop::{Stop, internal};
use crate::upload::{Object, UploadQueue};
use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use vessel_crds::encoding::Container;
use vessel_storage::content::ContentType;
use vessel_storage::order::Limits;
use vessel_storage::path::{ObjectPath, SegmentKind};

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// A finished rung.
#[derive(Debug)]
pub struct EncodedRung {
    /// What its playlist says.
    pub rendition: Rendition,
    /// Where its fragments begin.
    pub decode_times: Vec<u64>,
    /// What plays of it, in units of its timescale.
    pub plays: u64,
    /// The segments that are decoded for a check.
    pub kept: Keep,
}

/// Where a rung's reader belongs.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// What a segment is.
    pub container: Container,
    /// What not to exceed.
    pub limits: &'a Limits,
    /// Where segments go.
    pub queue: &'a UploadQueue,
    /// Where pictures note how far they are; sound is counted before it is encoded.
    pub board: &'a Board,
}

/// Reads one rung.
#[derive(Debug)]
pub struct RungReader<'a> {
    planned: PlannedRung,
    around: Surroundings<'a>,
    copy: Copy,
    cutter: Cutter,
    begun: Option<Begun>,
}

/// What is known from the initialization segment on.
#[derive(Debug)]
struct Begun {
    init: Init,
    timeline: Timeline,
    packager: Packager,
    growing: Growing,
    segments: Vec<Weight>,
    kept: Keep,
    /// Units that play so far.
    played: u64,
}

/// A segment of which not all fragments have come.
#[derive(Debug, Default)]
struct Growing {
    bytes: BytesMut,
    length: u64,
    fragments: u64,
    samples: u64,
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
    /// A reader of one rung of the plan, with somebody who gets a copy of it.
    pub fn new(planned: PlannedRung, around: Surroundings<'a>, copy: Copy) -> Self {
        Self {
            planned,
            around,
            copy,
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
                self.copy = Copy::default();
                self.cut().await?;
                return Ok(self);
            }
        }
    }

    async fn take(&mut self, piece: Piece) -> Result<(), Stop> {
        let (Piece::Init(bytes) | Piece::Fragment(bytes)) = &piece;
        self.copy.send(bytes).await;
        match piece {
            Piece::Init(bytes) => self.begin(bytes).await,
            Piece::Fragment(bytes) => self.continue_with(bytes).await,
        }
    }

    async fn begin(&mut self, bytes: Bytes) -> Result<(), Stop> {
        let init = fragment::read_init(&bytes).map_err(|error| self.broken(&error))?;
        let cadence = self.planned.cadence;
        let timeline = Timeline::begin(&init, cadence);
        let mut kept = Keep::default();
        let packager = match self.around.container {
            Container::FragmentedMp4 => {
                kept.begin_with(bytes.clone());
                let path = ObjectPath::Init(self.planned.rung.clone());
                self.push(path, self.content_type(), bytes).await?;
                Packager::Fragments
            }
            Container::MpegTs => Packager::Transport(Transport::new(self.planned.channels())),
        };
        self.begun = Some(Begun {
            init,
            timeline,
            packager,
            growing: Growing::default(),
            segments: Vec::new(),
            kept,
            played: 0,
        });
        Ok(())
    }

    async fn continue_with(&mut self, bytes: Bytes) -> Result<(), Stop> {
        let rung = &self.planned.rung;
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
        let (packed, length) = begun
            .packager
            .pack(bytes, &fragment, plays)
            .map_err(|error| broken(&error))?;
        begun.played += plays;
        begun
            .growing
            .add(packed, length, fragment.samples.len() as u64);
        let played = in_samples(begun.played, self.planned.cadence.timescale);
        if let Presents::Pictures(..) = self.planned.presents {
            ladder::length_within(played, self.around.limits)?;
            self.around.board.reach(played);
        }
        if begun.growing.fragments == self.planned.fragments_per_segment {
            self.cut().await?;
        }
        Ok(())
    }

    /// What has grown is a segment.
    async fn cut(&mut self) -> Result<(), Stop> {
        let Some(begun) = &mut self.begun else {
            return Ok(());
        };
        let grown = std::mem::take(&mut begun.growing);
        if grown.fragments == 0 {
            return Ok(());
        }
        let segment = grown.bytes.freeze();
        begun.segments.push(Weight {
            bytes: segment.len() as u64,
            length: grown.length,
        });
        begun.kept.offer(&segment, grown.samples);
        let number = u32::try_from(begun.segments.len()).unwrap_or(u32::MAX);
        let path = ObjectPath::Segment(self.planned.rung.clone(), number, self.kind());
        self.push(path, self.content_type(), segment).await
    }

    const fn kind(&self) -> SegmentKind {
        match self.around.container {
            Container::FragmentedMp4 => SegmentKind::Fragment,
            Container::MpegTs => SegmentKind::Transport,
        }
    }

    const fn content_type(&self) -> ContentType {
        match (self.around.container, self.planned.presents) {
            (Container::MpegTs, _) => ContentType::MpegTs,
            (Container::FragmentedMp4, Presents::Sound(_)) => ContentType::AudioMp4,
            (Container::FragmentedMp4, Presents::Pictures(..)) => ContentType::VideoMp4,
        }
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
        self.around.queue.push(object).await
    }

    /// Whether what was read is whole.
    pub fn finish(self) -> Result<EncodedRung, Stop> {
        self.cutter.finish().map_err(|error| self.broken(&error))?;
        let kind = self.kind();
        let PlannedRung {
            rung,
            presents,
            cadence,
            ..
        } = self.planned;
        let begun = self
            .begun
            .ok_or_else(|| gate::nothing_written(&rung, presents))?;
        let (decode_times, plays) = begun.timeline.finish().map_err(|error| match error {
            Irregular::Empty => gate::nothing_written(&rung, presents),
            other => gate::verification(format!("{rung}: {other}")),
        })?;
        Ok(EncodedRung {
            rendition: Rendition {
                rung,
                codec: begun.init.codec,
                presents,
                kind,
                timescale: cadence.timescale,
                segments: begun.segments,
            },
            decode_times,
            plays,
            kept: begun.kept,
        })
    }

    fn broken(&self, error: &dyn std::error::Error) -> Stop {
        gate::verification(format!("{}: {error}", self.planned.rung))
    }
}

impl PlannedRung {
    /// Channels of what is heard.
    const fn channels(&self) -> Channels {
        match self.presents {
            Presents::Sound(channels) => channels,
            Presents::Pictures(..) => Channels::Stereo,
        }
    }
}

impl Growing {
    fn add(&mut self, bytes: Bytes, length: u64, samples: u64) {
        // A single fragment is the segment: its bytes stay where they are.
        if self.bytes.is_empty() {
            self.bytes = BytesMut::from(bytes);
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
        self.length += length;
        self.fragments += 1;
        self.samples += samples;
    }
}

impl Packager {
    /// What goes into a segment, and how many units it plays. A transport stream has no edit
    /// list: all of its frames play, the priming included.
    fn pack(
        &mut self,
        bytes: Bytes,
        fragment: &Fragment,
        plays: u64,
    ) -> Result<(Bytes, u64), mpeg2ts::Error> {
        match self {
            Self::Fragments => Ok((bytes, plays)),
            Self::Transport(transport) => {
                let segment = transport.wrap(&bytes, fragment)?;
                let frames = fragment.samples.len() as u64;
                Ok((segment.into(), frames * FRAME_SAMPLES))
            }
        }
    }
}

impl EncodedRung {
    /// What the gate compares.
    pub fn length(&self) -> RungLength {
        RungLength {
            rung: self.rendition.rung.clone(),
            presents: self.rendition.presents,
            decode_times: self.decode_times.clone(),
            plays: self.plays,
        }
    }
}
