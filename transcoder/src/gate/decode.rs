//! Part (g) of the gate: what was packaged decodes. Every rung's initialization segment with
//! its first, its last and three other segments goes through a sandboxed ffmpeg, all rungs
//! in one process.
use crate::encode::rung::EncodedRung;
use crate::ffmpeg::argv;
use crate::ffmpeg::process::{Ended, Invocation, Reads, Sandbox};
use crate::gate::verification;
use crate::stop::{Stop, internal};
use crate::tools::Tool;
use bytes::Bytes;
use futures::future::join_all;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use vessel_crds::encoding::Container;

/// Decodes a choice of the segments of every rung.
pub async fn verify(
    sandbox: &Sandbox,
    container: Container,
    rungs: &[EncodedRung],
) -> Result<(), Stop> {
    let format = match container {
        Container::FragmentedMp4 => "mov",
        Container::MpegTs => "mpegts",
    };
    let pipes = |error: std::io::Error| internal("a pipe for a check", &error);
    let (mut senders, mut extra) = (Vec::new(), Vec::new());
    for _ in rungs {
        let (sender, receiver) = pipe::pipe().map_err(pipes)?;
        senders.push(sender);
        extra.push(receiver.into_blocking_fd().map_err(pipes)?);
    }
    let arguments = argv::check(format, rungs.len());
    let running = sandbox.start(Invocation {
        tool: Tool::Ffmpeg,
        arguments: &arguments,
        reads: Reads::Own,
        extra,
    })?;
    let streams = rungs.iter().map(|rung| rung.kept.stream());
    let feed = join_all(
        senders
            .into_iter()
            .zip(streams)
            .map(|(sender, stream)| feed(sender, stream)),
    );
    let (ended, _) = tokio::join!(running.end(), feed);
    let frames = rungs.iter().map(|rung| rung.kept.frames()).sum();
    judge(&ended?, rungs.len() as u64, frames)
}

/// ffmpeg may close a pipe early; what it says then is judged by its log.
async fn feed(mut sender: pipe::Sender, stream: Vec<Bytes>) {
    for bytes in stream {
        if sender.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Every frame was read and decoded. The first of a stream with an edit list is decoded, but
/// not put out.
pub fn judge(ended: &Ended, rungs: u64, frames: u64) -> Result<(), Stop> {
    ended.surroundings()?;
    let log = &ended.log;
    if !ended.status.success() || log.error_count > 0 || log.marker.is_some() {
        return Err(verification(format!(
            "what was encoded does not decode: {}",
            log.summary()
        )));
    }
    let packets: u64 = log.inputs.iter().map(|input| input.packets).sum();
    let decoded: u64 = log.inputs.iter().map(|input| input.frames).sum();
    let errors: u64 = log.inputs.iter().map(|input| input.decode_errors).sum();
    if packets == frames && decoded + rungs >= frames && errors == 0 {
        return Ok(());
    }
    Err(verification(format!(
        "of {frames} frames that were encoded, {packets} were found and {decoded} decoded, with {errors} errors"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffmpeg::log::{InputCount, LogFacts};
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    fn ended(inputs: &[(u64, u64, u64)]) -> Ended {
        let counts = inputs
            .iter()
            .map(|&(packets, frames, decode_errors)| InputCount {
                file: 0,
                packets,
                frames,
                decode_errors,
            });
        Ended {
            status: ExitStatus::from_raw(0),
            log: LogFacts {
                inputs: counts.collect(),
                ..LogFacts::default()
            },
            ..Ended::default()
        }
    }

    #[test]
    fn every_frame_has_to_come_back() {
        assert!(judge(&ended(&[(10, 9, 0), (10, 10, 0)]), 2, 20).is_ok());
        assert!(judge(&ended(&[(10, 9, 0), (9, 9, 0)]), 2, 20).is_err());
        assert!(judge(&ended(&[(10, 7, 0), (10, 9, 0)]), 2, 20).is_err());
        assert!(judge(&ended(&[(10, 9, 1), (10, 10, 0)]), 2, 20).is_err());
        assert!(judge(&ended(&[]), 1, 20).is_err());
    }

    #[test]
    fn an_error_in_the_log_is_enough() {
        let mut noisy = ended(&[(10, 9, 0)]);
        noisy
            .log
            .line("[aac @ 0x1] [error] Number of bands exceeds limit");
        assert!(judge(&noisy, 1, 10).is_err());
        let mut failed = ended(&[(10, 9, 0)]);
        failed.status = ExitStatus::from_raw(1 << 8);
        assert!(judge(&failed, 1, 10).is_err());
    }
}
