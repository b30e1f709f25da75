//! The still picture that stands for the whole: of a film the most typical picture of what is
//! kept for the check, of a recording its cover art. It is an extra: where none can be made,
//! there is none.
use crate::encode::Encoded;
use crate::ffmpeg::argv::{self, Address};
use crate::ffmpeg::process::{Invocation, Reads, Sandbox};
use crate::ladder::Plan;
use crate::probe::Probe;
use crate::stop::{Stop, internal};
use crate::tools::Tool;
use bytes::Bytes;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vessel_crds::media::TrackKind;

/// Largest poster, in bytes.
const LARGEST: u64 = 4 << 20;
/// How every JPEG begins: SOI, and the marker after it.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// Whether these are the bytes of a JPEG.
pub fn is_jpeg(bytes: &[u8]) -> bool {
    bytes.starts_with(&JPEG)
}

/// Makes it.
pub async fn make(
    sandbox: &Sandbox,
    source: &Path,
    probe: &Probe,
    plan: &Plan,
    encoded: &Encoded,
) -> Result<Option<Bytes>, Stop> {
    if let Some(video) = &plan.video {
        let kept = encoded.rungs.last().map(|rung| rung.kept.stream());
        return run(
            sandbox,
            &argv::poster(video),
            Reads::Own,
            kept.unwrap_or_default(),
        )
        .await;
    }
    let tracks = || probe.tracks.iter();
    let Some(cover) = tracks().position(|track| track.kind == TrackKind::Image) else {
        return Ok(None);
    };
    let arguments = argv::cover(Address::File(source), cover);
    run(sandbox, &arguments, Reads::File(source), Vec::new()).await
}

async fn run(
    sandbox: &Sandbox,
    arguments: &[String],
    reads: Reads<'_>,
    input: Vec<Bytes>,
) -> Result<Option<Bytes>, Stop> {
    let mut running = sandbox.start(Invocation {
        tool: Tool::Ffmpeg,
        arguments,
        reads,
        extra: Vec::new(),
    })?;
    let (to, from) = (running.stdin.take(), running.stdout.take());
    let feed = async {
        let Some(mut to) = to else { return };
        for bytes in input {
            // One that has its picture reads no further.
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    let read = async {
        let mut jpeg = Vec::new();
        match from {
            Some(from) => from
                .take(LARGEST + 1)
                .read_to_end(&mut jpeg)
                .await
                .map(|_| jpeg),
            None => Ok(jpeg),
        }
    };
    let ((), jpeg) = tokio::join!(feed, read);
    let jpeg = jpeg.map_err(|error| internal("reading a poster", &error))?;
    let ended = running.end().await?;
    ended.respected_the_sandbox()?;
    if ended.status.success() && is_jpeg(&jpeg) && jpeg.len() as u64 <= LARGEST {
        return Ok(Some(jpeg.into()));
    }
    tracing::warn!(reason = ended.log.summary(), "no poster");
    Ok(None)
}
