//! Two ffmpegs and the supervisor between them: one decodes hostile bytes to plain samples,
//! one encodes the whole ladder from those. The supervisor counts the samples, cuts each
//! rung into segments and queues them for upload while the encoder runs.
pub mod rung;

use crate::encode::rung::{EncodedRung, RungReader};
use crate::ffmpeg::argv;
use crate::ffmpeg::process::{Ended, Invocation, Running, Sandbox};
use crate::gate::{self, Decoded, RungLength};
use crate::ladder::{self, Plan};
use crate::length::Samples;
use crate::progress::Board;
use crate::stop::{Failure, Stop, internal};
use crate::tools::Tool;
use crate::upload::UploadQueue;
use futures::future::try_join_all;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::process::{ChildStdin, ChildStdout};
use vessel_storage::order::Limits;

/// Bytes that are moved at once: as much as a pipe holds.
const CHUNK: usize = 64 << 10;
/// Bytes of a sample of one channel, as 32-bit float.
const SAMPLE_BYTES: u64 = 4;

/// What is needed to encode.
#[derive(Debug)]
pub struct Encoder<'a> {
    /// Where ffmpeg runs.
    pub sandbox: &'a Sandbox,
    /// What to make.
    pub plan: &'a Plan,
    /// From what.
    pub source: &'a Path,
    /// What not to exceed.
    pub limits: &'a Limits,
    /// Where to note how far it is.
    pub board: &'a Board,
}

/// What was made.
#[derive(Debug)]
pub struct Encoded {
    /// The rungs, ascending.
    pub rungs: Vec<EncodedRung>,
    /// What was decoded.
    pub decoded: Decoded,
    /// Command lines that ran, program first.
    pub commands: Vec<Vec<String>>,
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

/// Encodes the ladder. The queue is closed when this returns.
pub async fn encode(encoder: &Encoder<'_>, queue: UploadQueue) -> Result<Encoded, Stop> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let source = encoder.source.display().to_string();
    let decode = argv::decode(&encoder.plan.audio, &source, threads);
    let encode = argv::encode(&encoder.plan.audio);
    let (mut encoding, pipes) = start_encoder(encoder, &encode)?;
    let mut decoding = encoder.sandbox.start(Invocation {
        tool: Tool::Ffmpeg,
        arguments: &decode,
        reads: Some(encoder.source),
        extra: Vec::new(),
    })?;
    drop(decoding.stdin.take());

    let readers = try_join_all(readers(encoder, pipes, &queue));
    let pump = pump(decoding.stdout.take(), encoding.stdin.take(), encoder);
    let ((samples, pumped), read) = tokio::join!(pump, readers);
    let ends = (decoding.end().await?, encoding.end().await?);
    let decoded = match pumped? {
        Pumped::TooLong(failure) => return Err(failure.into()),
        Pumped::EncoderClosed => {
            encoded(&ends.1, read)?;
            return Err(gate::verification("the encoder ended before the sound did"));
        }
        Pumped::All => gate::decoded(&ends.0, samples, encoder.plan.declared)?,
    };
    let rungs = encoded(&ends.1, read)?;
    let lengths: Vec<RungLength> = rungs.iter().map(EncodedRung::length).collect();
    gate::equal(&lengths, samples)?;
    Ok(Encoded {
        rungs,
        decoded,
        commands: [decode, encode].map(program_first).to_vec(),
    })
}

/// (a) for the encoder, and what each rung came to. A rung that is irregular closes its pipe,
/// and the encoder fails for it: so that comes first. What a rung lacks at its end comes last:
/// an encoder that failed explains it.
fn encoded(
    ended: &Ended,
    read: Result<Vec<RungReader<'_>>, Stop>,
) -> Result<Vec<EncodedRung>, Stop> {
    ended.surroundings()?;
    let read = read?;
    gate::encoded(ended)?;
    read.into_iter().map(RungReader::finish).collect()
}

fn program_first(arguments: Vec<String>) -> Vec<String> {
    std::iter::once("ffmpeg".to_owned())
        .chain(arguments)
        .collect()
}

/// The encoding ffmpeg and the reading end of each rung's pipe.
fn start_encoder(
    encoder: &Encoder<'_>,
    arguments: &[String],
) -> Result<(Running, Vec<pipe::Receiver>), Stop> {
    let pipes = |error: std::io::Error| internal("a pipe for a rung", &error);
    let (mut receivers, mut extra) = (Vec::new(), Vec::new());
    for _ in &encoder.plan.audio.rungs {
        let (sender, receiver) = pipe::pipe().map_err(pipes)?;
        receivers.push(receiver);
        extra.push(sender.into_blocking_fd().map_err(pipes)?);
    }
    let mut running = encoder.sandbox.start(Invocation {
        tool: Tool::Ffmpeg,
        arguments,
        reads: None,
        extra,
    })?;
    drop(running.stdout.take());
    Ok((running, receivers))
}

fn readers<'a>(
    encoder: &'a Encoder<'_>,
    pipes: Vec<pipe::Receiver>,
    queue: &'a UploadQueue,
) -> impl Iterator<Item = impl Future<Output = Result<RungReader<'a>, Stop>> + 'a> {
    let rungs = encoder.plan.audio.rungs.iter().zip(pipes);
    rungs
        .map(move |(rung, pipe)| RungReader::new(rung.rung.clone(), encoder.plan, queue).read(pipe))
}

/// Moves the samples from the decoder to the encoder and counts them. Both ends are closed
/// when it returns.
async fn pump(
    from: Option<ChildStdout>,
    to: Option<ChildStdin>,
    encoder: &Encoder<'_>,
) -> (Samples, Result<Pumped, Stop>) {
    let mut bytes = 0;
    let (Some(mut from), Some(mut to)) = (from, to) else {
        return (Samples(0), Ok(Pumped::EncoderClosed));
    };
    let frame = SAMPLE_BYTES * encoder.plan.audio.channels.count();
    let mut chunk = vec![0; CHUNK];
    let pumped = loop {
        let read = match from.read(&mut chunk).await {
            Ok(0) => break Ok(Pumped::All),
            Ok(read) => read,
            Err(error) => break Err(internal("reading the samples", &error)),
        };
        bytes += read as u64;
        let samples = Samples(bytes / frame);
        if let Err(failure) = ladder::length_within(samples, encoder.limits) {
            break Ok(Pumped::TooLong(failure));
        }
        encoder.board.reach(samples);
        if to
            .write_all(chunk.get(..read).unwrap_or_default())
            .await
            .is_err()
        {
            break Ok(Pumped::EncoderClosed);
        }
    };
    (Samples(bytes / frame), pumped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::log::LogFacts;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use vessel_crds::reason::FailureReason;

    fn ended(code: i32) -> Ended {
        Ended {
            status: ExitStatus::from_raw(code << 8),
            log: LogFacts::default(),
        }
    }

    fn reason(result: Result<Vec<EncodedRung>, Stop>) -> (FailureReason, String) {
        match result.unwrap_err() {
            Stop::Failed(failure) => (failure.reason, failure.message),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn an_irregular_rung_is_told_before_the_broken_pipe_that_it_leaves() {
        let irregular = || Err(gate::verification("audio-64k: a fragment is late"));
        for code in [0, 224] {
            let (reason, message) = reason(encoded(&ended(code), irregular()));
            assert_eq!(reason, FailureReason::VerificationFailed);
            assert!(message.contains("a fragment is late"), "{message}");
        }
        let (alone, _) = reason(encoded(&ended(1), Ok(Vec::new())));
        assert_eq!(alone, FailureReason::EncoderFailed);
        let mut short = ended(1);
        short.log.line("[error] Cannot allocate memory");
        let (memory, _) = reason(encoded(&short, irregular()));
        assert_eq!(memory, FailureReason::OutOfMemory);
    }
}
