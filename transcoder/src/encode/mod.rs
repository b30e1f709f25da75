//! The ffmpegs of a job and the supervisor between them: one decodes the sound's hostile bytes
//! to plain samples, one encodes both ladders, the sound from those samples and the pictures
//! from the source. The supervisor counts the samples, cuts each rung into segments and queues
//! them for upload while the encoder runs.
pub mod rung;
mod sound;
pub mod storyboard;

use crate::encode::rung::{EncodedRung, RungReader, Surroundings};
use crate::encode::sound::Sound;
use crate::encode::storyboard::Tiler;
use crate::ffmpeg::argv;
use crate::ffmpeg::process::{self, Ended, Invocation, Reads, Running, Sandbox};
use crate::gate::{self, RungLength};
use crate::input::Input;
use crate::ladder::Plan;
use crate::length::{Samples, in_samples};
use crate::progress::Board;
use crate::stop::{Stop, internal};
use crate::tools::Tool;
use crate::upload::UploadQueue;
use futures::future::try_join_all;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::process::ChildStdin;
use vessel_crds::media::MeasuredLoudness;
use vessel_storage::order::Limits;

/// How long an encoder may take to notice that its pipe is closed, and to say why it wrote what
/// it wrote.
const EXPLANATION: Duration = Duration::from_secs(10);

/// What is needed to encode.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Where ffmpeg runs.
    pub sandbox: &'a Sandbox,
    /// What to make.
    pub plan: &'a Plan,
    /// From what.
    pub source: &'a Input,
    /// What not to exceed.
    pub limits: &'a Limits,
    /// Where to note how far it is.
    pub board: &'a Board,
}

/// What was made.
#[derive(Debug)]
pub struct Encoded {
    /// The rungs, ascending, sound first.
    pub rungs: Vec<EncodedRung>,
    /// How long it plays.
    pub length: Samples,
    /// Packets of the source that could not be decoded.
    pub decode_errors: u64,
    /// Sheets of the storyboard.
    pub sheets: u32,
    /// How loud the sound is, if that was measured.
    pub loudness: Option<MeasuredLoudness>,
    /// The waveform of the sound, as a file.
    pub peaks: Option<Vec<u8>>,
    /// Command lines that ran, program first.
    pub commands: Vec<Vec<String>>,
}

/// Our ends of the encoder's pipes.
#[derive(Debug)]
struct Pipes {
    source: Option<ChildStdin>,
    samples: Option<pipe::Sender>,
    rungs: Vec<pipe::Receiver>,
}

/// What came out of the encoder, before the gate.
#[derive(Debug)]
struct Read<'a> {
    rungs: Vec<RungReader<'a>>,
    sheets: u32,
}

/// Encodes the ladders. The queue is closed when this returns.
pub async fn encode(encoder: &Encoder<'_>, queue: UploadQueue) -> Result<Encoded, Stop> {
    let threads = process::threads();
    let arguments = argv::encode(encoder.plan, encoder.source.address(), threads);
    let (encoding, pipes) = start(encoder, &arguments)?;
    let sound = Sound::start(encoder, threads)?;
    let heard = async {
        match sound.zip(pipes.samples) {
            Some((sound, samples)) => sound.run(samples).await.map(Some),
            None => Ok(None),
        }
    };
    // What is wrong with the sound ends the work on the pictures. An output that is irregular
    // is told only after what the encoder says.
    let outputs = async { end(encoding, read(encoder, pipes.rungs, &queue).await).await };
    let work = Box::pin(async { tokio::try_join!(heard, outputs) });
    let (heard, (ended, read)) = encoder.source.feeding(pipes.source, work).await?;
    let (rungs, sheets) = encoded(encoder.plan, &ended, read)?;
    let sent = heard.as_ref().map(|heard| heard.sent);
    if sent == Some(None) {
        return Err(gate::verification("the encoder ended before the sound did"));
    }
    let sent = sent.flatten();
    let film = film(encoder.plan, &ended, &rungs)?;
    let lengths: Vec<RungLength> = rungs.iter().map(EncodedRung::length).collect();
    gate::equal(&lengths, sent)?;
    level(encoder.plan, sent, film.map(|film| film.made))?;
    let decoding = heard.iter().map(|heard| heard.arguments.clone());
    Ok(Encoded {
        length: sent.max(film.map(|film| film.made)).unwrap_or_default(),
        decode_errors: heard.as_ref().map_or(0, |heard| heard.decode_errors)
            + film.map_or(0, |film| film.decode_errors),
        sheets,
        loudness: heard.as_ref().and_then(|heard| heard.loudness),
        commands: decoding.chain([arguments]).map(program_first).collect(),
        peaks: heard.and_then(|heard| heard.peaks),
        rungs,
    })
}

/// How the encoder ended. One whose pipe was closed for what it wrote explains it if it ends
/// soon. It is not waited for: a filter that fills a gap of hours notices nothing before its end.
async fn end<T>(
    encoding: Running,
    read: Result<T, Stop>,
) -> Result<(Ended, Result<T, Stop>), Stop> {
    let Err(stop) = read else {
        return Ok((encoding.end().await?, read));
    };
    match tokio::time::timeout(EXPLANATION, encoding.end()).await {
        Ok(ended) => Ok((ended?, Err(stop))),
        Err(_) => Err(stop),
    }
}

/// (a) for the encoder, and what each rung came to. A rung that is irregular closes its pipe,
/// and the encoder fails for it: so that comes first. What a rung lacks at its end comes last:
/// an encoder that failed explains it.
fn encoded(
    plan: &Plan,
    ended: &Ended,
    read: Result<Read<'_>, Stop>,
) -> Result<(Vec<EncodedRung>, u32), Stop> {
    ended.surroundings()?;
    if plan.video.is_some() {
        gate::pictures_mostly_decoded(ended)?;
    }
    let read = read?;
    if plan.video.is_some() {
        gate::pictures_understood(ended)?;
    }
    gate::encoded(ended)?;
    let rungs: Result<_, Stop> = read.rungs.into_iter().map(RungReader::finish).collect();
    Ok((rungs?, read.sheets))
}

/// What was made of the pictures.
#[derive(Clone, Copy, Debug)]
struct Film {
    made: Samples,
    decode_errors: u64,
}

/// (b) and (c) for the pictures, which only the finished rungs can tell.
fn film(plan: &Plan, ended: &Ended, rungs: &[EncodedRung]) -> Result<Option<Film>, Stop> {
    let Some(video) = &plan.video else {
        return Ok(None);
    };
    let top = rungs
        .last()
        .map_or((0, 1), |rung| (rung.plays, rung.rendition.timescale));
    let made = in_samples(top.0, top.1);
    let held = Samples::from_millis(video.hold_millis);
    let own = Samples(made.0.saturating_sub(held.0));
    let decode_errors = gate::pictures(ended, own, video.declared)?;
    Ok(Some(Film {
        made,
        decode_errors,
    }))
}

/// (e) where both lengths were known beforehand, so that the shorter one could be levelled.
fn level(plan: &Plan, sent: Option<Samples>, film: Option<Samples>) -> Result<(), Stop> {
    let known = plan
        .audio
        .iter()
        .all(|audio| audio.declared.millis().is_some())
        && plan
            .video
            .iter()
            .all(|video| video.declared.millis().is_some());
    match sent.zip(film) {
        Some((sound, film)) if known => gate::level(sound, film, plan.segment_seconds),
        _ => Ok(()),
    }
}

fn program_first(arguments: Vec<String>) -> Vec<String> {
    std::iter::once("ffmpeg".to_owned())
        .chain(arguments)
        .collect()
}

/// The encoding ffmpeg and our ends of its pipes.
fn start(encoder: &Encoder<'_>, arguments: &[String]) -> Result<(Running, Pipes), Stop> {
    let failed = |error: std::io::Error| internal("a pipe of the encoder", &error);
    let (samples, samples_in) = pipe::pipe().map_err(failed)?;
    let mut extra = vec![samples_in.into_blocking_fd().map_err(failed)?];
    let mut rungs = Vec::new();
    for _ in encoder.plan.rungs() {
        let (sender, receiver) = pipe::pipe().map_err(failed)?;
        extra.push(sender.into_blocking_fd().map_err(failed)?);
        rungs.push(receiver);
    }
    let film = encoder.plan.video.as_ref();
    let mut running = encoder.sandbox.start(Invocation {
        tool: Tool::Ffmpeg,
        arguments,
        reads: film.map_or(Reads::Own, |_| encoder.source.reads()),
        extra,
    })?;
    drop(running.stdout.take());
    let source = running.stdin.take().filter(|_| film.is_some());
    let pipes = Pipes {
        source,
        samples: encoder.plan.audio.as_ref().map(|_| samples),
        rungs,
    };
    Ok((running, pipes))
}

/// Reads every rung to its end, all at once; the lowest one that is seen gives the storyboard.
async fn read<'a>(
    encoder: &'a Encoder<'_>,
    pipes: Vec<pipe::Receiver>,
    queue: &'a UploadQueue,
) -> Result<Read<'a>, Stop> {
    let around = Surroundings {
        container: encoder.plan.container,
        limits: encoder.limits,
        queue,
        board: encoder.board,
    };
    let tiler = encoder.plan.video.as_ref();
    let tiler = tiler.map(|video| Tiler::start(encoder.sandbox, &video.storyboard));
    let (tiler, mut copy) = tiler.transpose()?.unzip();
    let rungs = encoder.plan.rungs().into_iter().zip(pipes);
    let rungs = rungs.map(|(rung, pipe)| {
        let copy = copy.take_if(|_| rung.is_seen()).unwrap_or_default();
        RungReader::new(rung, around, copy).read(pipe)
    });
    let rungs = try_join_all(rungs.collect::<Vec<_>>());
    let sheets = async {
        match tiler {
            Some(tiler) => tiler.run(queue).await,
            None => Ok(0),
        }
    };
    let (rungs, sheets) = tokio::try_join!(rungs, sheets)?;
    Ok(Read { rungs, sheets })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Channels;
    use crate::ladder::fixtures::song;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use vessel_crds::reason::FailureReason;

    fn ended(code: i32) -> Ended {
        Ended {
            status: ExitStatus::from_raw(code << 8),
            ..Ended::default()
        }
    }

    fn reason<T: std::fmt::Debug>(result: Result<T, Stop>) -> (FailureReason, String) {
        match result.unwrap_err() {
            Stop::Failed(failure) => (failure.reason, failure.message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_irregular_rung_is_told_before_the_broken_pipe_that_it_leaves() {
        let plan = song(Channels::Stereo, &[64]);
        let nothing = Ok(Read {
            rungs: Vec::new(),
            sheets: 0,
        });
        let irregular = || Err(gate::verification("audio-64k: a fragment is late"));
        for code in [0, 224] {
            let (reason, message) = reason(encoded(&plan, &ended(code), irregular()));
            assert_eq!(reason, FailureReason::VerificationFailed);
            assert!(message.contains("a fragment is late"), "{message}");
        }
        let (alone, _) = reason(encoded(&plan, &ended(1), nothing));
        assert_eq!(alone, FailureReason::EncoderFailed);
        let mut short = ended(1);
        short.log.line("[error] Cannot allocate memory");
        let (memory, _) = reason(encoded(&plan, &short, irregular()));
        assert_eq!(memory, FailureReason::OutOfMemory);
    }
}
