//! What an encoder that was taken over may write: any bytes and any boxes, in reads of any
//! length.
#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vessel_transcoder::ladder::Channels;
use vessel_transcoder::package::cut::{Cutter, Piece};
use vessel_transcoder::package::fragment::{self, Defaults};
use vessel_transcoder::package::transport::Transport;

#[derive(Arbitrary, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Box(Name, Vec<Part>),
    /// A movie fragment as far as its inner boxes, which are hard to come upon by chance.
    Fragment(Vec<Inner>, Vec<u8>),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Name {
    Ftyp,
    Moov,
    Mvhd,
    Mvex,
    Trex,
    Trak,
    Tkhd,
    Edts,
    Elst,
    Mdia,
    Mdhd,
    Hdlr,
    Minf,
    Stbl,
    Stsd,
    Avc1,
    Mp4a,
    Esds,
    Avcc,
    Moof,
    Mfhd,
    Traf,
    Mdat,
    Free,
}

#[derive(Arbitrary, Debug)]
struct Inner {
    flags: u32,
    time: u64,
    duration: u32,
    size: u32,
    offset: i32,
    entries: Vec<[u32; 4]>,
}

impl Name {
    const fn letters(self) -> &'static [u8; 4] {
        match self {
            Self::Ftyp => b"ftyp",
            Self::Moov => b"moov",
            Self::Mvhd => b"mvhd",
            Self::Mvex => b"mvex",
            Self::Trex => b"trex",
            Self::Trak => b"trak",
            Self::Tkhd => b"tkhd",
            Self::Edts => b"edts",
            Self::Elst => b"elst",
            Self::Mdia => b"mdia",
            Self::Mdhd => b"mdhd",
            Self::Hdlr => b"hdlr",
            Self::Minf => b"minf",
            Self::Stbl => b"stbl",
            Self::Stsd => b"stsd",
            Self::Avc1 => b"avc1",
            Self::Mp4a => b"mp4a",
            Self::Esds => b"esds",
            Self::Avcc => b"avcC",
            Self::Moof => b"moof",
            Self::Mfhd => b"mfhd",
            Self::Traf => b"traf",
            Self::Mdat => b"mdat",
            Self::Free => b"free",
        }
    }
}

fn boxed(letters: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes(), letters, body].concat()
}

impl Part {
    fn written(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Box(name, parts) => boxed(
                name.letters(),
                &parts.iter().flat_map(Self::written).collect::<Vec<u8>>(),
            ),
            Self::Fragment(inner, data) => {
                let runs: Vec<u8> = inner.iter().flat_map(Inner::written).collect();
                let moof = boxed(b"moof", &[boxed(b"mfhd", &[0; 8]), runs].concat());
                [moof, boxed(b"mdat", data)].concat()
            }
        }
    }
}

impl Inner {
    /// A track fragment of one run: offset, duration, size, flags and shift of each sample.
    fn written(&self) -> Vec<u8> {
        let header = [0x0002_0038_u32, 1, self.duration, self.size, self.flags];
        let header: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
        let time = [&[1, 0, 0, 0][..], &self.time.to_be_bytes()].concat();
        let count = u32::try_from(self.entries.len()).unwrap();
        let mut run = [0x0000_0f01_u32, count].map(u32::to_be_bytes).concat();
        run.extend(self.offset.to_be_bytes());
        run.extend(self.entries.iter().flatten().flat_map(|word| word.to_be_bytes()));
        let parts = [boxed(b"tfhd", &header), boxed(b"tfdt", &time), boxed(b"trun", &run)];
        boxed(b"traf", &parts.concat())
    }
}

fuzz_target!(|input: (u8, Vec<Part>)| {
    let (step, parts) = input;
    let stream: Vec<u8> = parts.iter().flat_map(Part::written).collect();
    let (mut cutter, mut cut) = (Cutter::default(), Vec::new());
    let mut defaults = Defaults::default();
    for chunk in stream.chunks(usize::from(step) * 16 + 1) {
        cutter.push(chunk);
        while let Ok(Some(piece)) = cutter.next_piece() {
            let (Piece::Init(bytes) | Piece::Fragment(bytes)) = &piece;
            cut.extend_from_slice(bytes);
            match piece {
                Piece::Init(bytes) => {
                    defaults = fragment::read_init(&bytes).map_or(defaults, |init| init.defaults);
                }
                Piece::Fragment(bytes) => read(&bytes, defaults),
            }
        }
    }
    assert!(stream.starts_with(&cut), "what is cut is the stream itself");
});

fn read(bytes: &Bytes, defaults: Defaults) {
    if let Ok(fragment) = fragment::read_fragment(bytes, defaults) {
        for sample in &fragment.samples {
            assert!(bytes.get(sample.bytes.clone()).is_some(), "{sample:?}");
        }
        let _ = Transport::new(Channels::Stereo).wrap(bytes, &fragment);
    }
}
