//! The still pictures of a video: its poster, and the sheets of its storyboard. Each comes as
//! one fragment with one JPEG in it.
use crate::ffmpeg::argv::Stills;
use crate::gate;
use crate::package::cut::{Cutter, Piece};
use crate::package::fragment::{self, Defaults};
use crate::stop::{Stop, internal};
use crate::upload::{Object, UploadQueue};
use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use vessel_storage::content::ContentType;
use vessel_storage::path::ObjectPath;

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;
/// How every JPEG begins: SOI, and the marker after it.
const JPEG: [u8; 3] = [0xff, 0xd8, 0xff];

/// Reads the stills of one kind to their end; answers how many came.
pub async fn read(
    kind: Stills,
    mut pipe: pipe::Receiver,
    queue: &UploadQueue,
) -> Result<u32, Stop> {
    let mut cutter = Cutter::default();
    let mut chunk = vec![0; CHUNK];
    let mut count = 0;
    loop {
        let read = pipe.read(&mut chunk).await;
        let read = read.map_err(|error| internal("reading a still picture", &error))?;
        cutter.push(chunk.get(..read).unwrap_or_default());
        while let Some(piece) = cutter.next_piece().map_err(|error| broken(&error))? {
            if let Piece::Fragment(bytes) = piece {
                count += 1;
                queue.push(object(kind, count, picture(&bytes)?)).await?;
            }
        }
        if read == 0 {
            return Ok(count);
        }
    }
}

fn object(kind: Stills, number: u32, bytes: Bytes) -> Object {
    Object {
        path: match kind {
            Stills::Poster => ObjectPath::Poster,
            Stills::Storyboard => ObjectPath::StoryboardSheet(number),
        },
        content_type: ContentType::Jpeg,
        bytes,
    }
}

fn picture(fragment: &Bytes) -> Result<Bytes, Stop> {
    let read = fragment::read_fragment(fragment, Defaults::default());
    let read = read.map_err(|error| broken(&error))?;
    let bytes = read.samples.first().map(|sample| sample.bytes.clone());
    let picture = bytes.map(|range| fragment.slice(range)).unwrap_or_default();
    if picture.starts_with(&JPEG) {
        Ok(picture)
    } else {
        Err(gate::verification("a still picture that is no JPEG"))
    }
}

fn broken(error: &dyn std::error::Error) -> Stop {
    gate::verification(format!("a still picture: {error}"))
}
