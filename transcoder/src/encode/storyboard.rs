//! The storyboard: a small ffmpeg beside the encoder decodes the first picture of each group of
//! the lowest rung, and tiles them. It is an extra: the film plays without it.
use crate::ffmpeg::argv;
use crate::ffmpeg::process::{Invocation, Reads, Running, Sandbox};
use crate::gate;
use crate::ladder::Storyboard;
use crate::package::cut::{Cutter, Piece};
use crate::package::fragment::{self, Defaults};
use crate::poster::is_jpeg;
use crate::stop::{Stop, internal};
use crate::tools::Tool;
use crate::upload::{Object, UploadQueue};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::ChildStdin;
use vessel_storage::content::ContentType;
use vessel_storage::path::ObjectPath;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

/// The tiling ffmpeg.
#[derive(Debug)]
pub(super) struct Tiler(Running);

/// Takes a copy of what a rung consists of.
#[derive(Debug, Default)]
pub struct Copy(Option<ChildStdin>);

impl Copy {
    /// Passes bytes on, as long as somebody takes them.
    pub async fn send(&mut self, bytes: &[u8]) {
        if let Some(to) = &mut self.0
            && to.write_all(bytes).await.is_err()
        {
            self.0 = None;
        }
    }
}

impl Tiler {
    /// Starts it.
    pub fn start(sandbox: &Sandbox, board: &Storyboard) -> Result<(Self, Copy), Stop> {
        let arguments = argv::storyboard(board);
        let mut running = sandbox.start(Invocation {
            tool: Tool::Ffmpeg,
            arguments: &arguments,
            reads: Reads::Own,
            extra: Vec::new(),
        })?;
        let copy = Copy(running.stdin.take());
        Ok((Self(running), copy))
    }

    /// Queues the sheets as they come; answers how many there are: none of a board that broke.
    pub async fn run(mut self, queue: &UploadQueue) -> Result<u32, Stop> {
        let sheets = self.sheets(queue).await;
        let ended = self.0.end().await?;
        ended.respected_the_sandbox()?;
        match sheets {
            Ok(sheets) if ended.status.success() => Ok(sheets),
            Ok(_) => {
                tracing::warn!(reason = ended.log.summary(), "no storyboard");
                Ok(0)
            }
            Err(stop) => Err(stop),
        }
    }

    async fn sheets(&mut self, queue: &UploadQueue) -> Result<u32, Stop> {
        let Some(mut stdout) = self.0.stdout.take() else {
            return Ok(0);
        };
        let (mut cutter, mut count) = (Cutter::default(), 0);
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = stdout.read(&mut chunk).await;
            let read = read.map_err(|error| internal("reading a storyboard", &error))?;
            if read == 0 {
                return Ok(count);
            }
            cutter.push(chunk.get(..read).unwrap_or_default());
            while let Some(piece) = cutter.next_piece().map_err(|error| broken(&error))? {
                if let Piece::Fragment(bytes) = piece {
                    count += 1;
                    queue.push(sheet(count, &bytes)?).await?;
                }
            }
        }
    }
}

fn sheet(number: u32, fragment: &Bytes) -> Result<Object, Stop> {
    let read = fragment::read_fragment(fragment, Defaults::default());
    let read = read.map_err(|error| broken(&error))?;
    let bytes = read.samples.first().map(|sample| sample.bytes.clone());
    let bytes = bytes.map(|range| fragment.slice(range)).unwrap_or_default();
    if !is_jpeg(&bytes) {
        return Err(gate::verification("a sheet of the storyboard is no JPEG"));
    }
    Ok(Object {
        path: ObjectPath::StoryboardSheet(number),
        content_type: ContentType::Jpeg,
        bytes,
    })
}

fn broken(error: &dyn std::error::Error) -> Stop {
    gate::verification(format!("the storyboard: {error}"))
}
