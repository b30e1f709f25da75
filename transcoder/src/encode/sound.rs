//! The sound: one ffmpeg decodes it, the supervisor counts the samples on their way to the
//! encoder.
use super::Encoder;
use crate::ffmpeg::argv;
use crate::ffmpeg::process::{Invocation, Running};
use crate::gate;
use crate::ladder::{self, AudioPlan};
use crate::length::Samples;
use crate::peaks::Peaks;
use crate::stop::{Failure, Stop, internal};
use crate::tools::Tool;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::ChildStdout;
use vessel_crds::media::MeasuredLoudness;

/// Bytes that are moved at once: as much as a pipe holds.
const CHUNK: usize = 64 << 10;
/// Bytes of a sample of one channel, as 32-bit float.
const SAMPLE_BYTES: u64 = 4;

/// The decoder of the sound, running.
#[derive(Debug)]
pub(super) struct Sound<'a> {
    encoder: &'a Encoder<'a>,
    plan: &'a AudioPlan,
    running: Running,
    arguments: Vec<String>,
    peaks: Peaks,
}

/// What the sound came to.
#[derive(Debug)]
pub(super) struct Heard {
    /// Samples that went to the encoder, the silence behind them included; `None` if it ended
    /// before they did.
    pub sent: Option<Samples>,
    /// Packets that could not be decoded.
    pub decode_errors: u64,
    /// How loud it is, if that was measured.
    pub loudness: Option<MeasuredLoudness>,
    /// Its waveform, as a file.
    pub peaks: Option<Vec<u8>>,
    /// Command line of the decoder.
    pub arguments: Vec<String>,
}

/// How the samples ran out.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Pumped {
    /// The decoder has no more.
    All,
    /// The encoder takes no more: it has ended before.
    EncoderClosed,
    /// There are more than may be.
    TooLong(Failure),
}

impl<'a> Sound<'a> {
    /// Starts the decoder, if there is sound in the plan.
    pub fn start(encoder: &'a Encoder<'a>, threads: usize) -> Result<Option<Self>, Stop> {
        let Some(plan) = &encoder.plan.audio else {
            return Ok(None);
        };
        let arguments = argv::decode(plan, encoder.source.address(), threads);
        let running = encoder.sandbox.start(Invocation {
            tool: Tool::Ffmpeg,
            arguments: &arguments,
            reads: encoder.source.reads(),
            extra: Vec::new(),
        })?;
        Ok(Some(Self {
            encoder,
            plan,
            running,
            arguments,
            peaks: Peaks::of(plan.channels),
        }))
    }

    /// Moves the samples until one side ends, and judges the decoder.
    pub async fn run(mut self, to: pipe::Sender) -> Result<Heard, Stop> {
        let (stdin, from) = (self.running.stdin.take(), self.running.stdout.take());
        let source = self.encoder.source;
        let pump = async { Ok(self.pump(from, to).await) };
        let (samples, sent, pumped) = source.feeding(stdin, pump).await?;
        let heard = |sent, decode_errors, loudness| Heard {
            sent,
            decode_errors,
            loudness,
            peaks: self.peaks.finish(),
            arguments: self.arguments,
        };
        // A decoder whose samples nobody takes any more is not waited for: a filter that fills a
        // gap of hours notices nothing before its end.
        match pumped? {
            Pumped::TooLong(failure) => Err(failure.into()),
            Pumped::EncoderClosed => Ok(heard(None, 0, None)),
            Pumped::All => {
                let ended = self.running.end().await?;
                let errors = gate::sound(&ended, samples, self.plan.declared)?;
                let loudness = ended.log.meter.measured().or(self.plan.level.measured());
                Ok(heard(Some(sent), errors, loudness))
            }
        }
    }

    /// Answers how many samples were decoded and how many were sent. Both ends are closed when
    /// it returns.
    async fn pump(
        &mut self,
        from: Option<ChildStdout>,
        mut to: pipe::Sender,
    ) -> (Samples, Samples, Result<Pumped, Stop>) {
        let frame = SAMPLE_BYTES * self.plan.channels.count();
        let mut bytes = 0;
        let pumped = match from {
            Some(from) => self.forward(from, &mut to, &mut bytes).await,
            None => Ok(Pumped::EncoderClosed),
        };
        let decoded = Samples(bytes / frame);
        let missing = self
            .plan
            .pad_to
            .map_or(0, |end| end.0.saturating_sub(decoded.0));
        if pumped != Ok(Pumped::All) || decoded.0 == 0 || missing == 0 {
            return (decoded, decoded, pumped);
        }
        let pumped = silence(missing * frame, &mut to).await;
        (decoded, Samples(decoded.0 + missing), Ok(pumped))
    }

    async fn forward(
        &mut self,
        mut from: ChildStdout,
        to: &mut pipe::Sender,
        bytes: &mut u64,
    ) -> Result<Pumped, Stop> {
        let frame = SAMPLE_BYTES * self.plan.channels.count();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = match from.read(&mut chunk).await {
                Ok(0) => return Ok(Pumped::All),
                Ok(read) => read,
                Err(error) => return Err(internal("reading the samples", &error)),
            };
            *bytes += read as u64;
            let samples = Samples(*bytes / frame);
            if let Err(failure) = ladder::length_within(samples, self.encoder.limits) {
                return Ok(Pumped::TooLong(failure));
            }
            // Pictures take longer: where there are any, they tell how far the work is.
            if self.encoder.plan.video.is_none() {
                self.encoder.board.reach(samples);
            }
            let chunk = chunk.get(..read).unwrap_or_default();
            self.peaks.push(chunk);
            if to.write_all(chunk).await.is_err() {
                return Ok(Pumped::EncoderClosed);
            }
        }
    }
}

/// Sends so many bytes of silence.
async fn silence(mut bytes: u64, to: &mut pipe::Sender) -> Pumped {
    let zeros = vec![0; CHUNK];
    while bytes > 0 {
        let length = usize::try_from(bytes).unwrap_or(CHUNK).min(CHUNK);
        if to
            .write_all(zeros.get(..length).unwrap_or_default())
            .await
            .is_err()
        {
            return Pumped::EncoderClosed;
        }
        bytes -= length as u64;
    }
    Pumped::All
}
