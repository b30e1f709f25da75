//! Where the numbers of a container lie, as far as the mutator has to know: lengths above all.
use super::seal;

/// How a container is laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Layout {
    /// FLAC: metadata blocks, then frames.
    Flac,
    /// RIFF: WAV, AVI.
    Riff,
    /// AIFF: RIFF with the bytes in the other order.
    Aiff,
    /// MPEG audio frames, perhaps behind an ID3 tag.
    MpegAudio,
    /// AAC frames with ADTS headers.
    Adts,
    /// Ogg pages.
    Ogg,
    /// ISO base media: MP4, M4A, MOV.
    IsoMedia,
    /// Matroska, WebM.
    Ebml,
    /// MPEG transport stream.
    Transport,
    /// Flash video.
    Flv,
}

/// A number in the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Field {
    /// Its first byte.
    pub at: usize,
    /// How many bytes it has, 1 to 8.
    pub width: usize,
    /// Which of them comes first.
    pub order: Order,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    Big,
    Little,
}

const fn big(at: usize, width: usize) -> Field {
    Field {
        at,
        width,
        order: Order::Big,
    }
}

const fn little(at: usize, width: usize) -> Field {
    Field {
        at,
        width,
        order: Order::Little,
    }
}

/// Numbers in the body of one element: a long table has no more kinds of them than a short one.
const WORDS: usize = 48;

impl Layout {
    /// The numbers of bytes that are laid out so, however damaged they are.
    pub fn fields(self, bytes: &[u8]) -> Vec<Field> {
        let mut fields = match self {
            Self::Flac => flac(bytes),
            Self::Riff => chunks(bytes, Order::Little),
            Self::Aiff => chunks(bytes, Order::Big),
            Self::MpegAudio => mpeg_audio(bytes),
            Self::Adts => adts(bytes),
            Self::Ogg => ogg(bytes),
            Self::IsoMedia => boxes(bytes, 0..bytes.len()),
            Self::Ebml => elements(bytes, 0..bytes.len()),
            Self::Transport => transport(bytes),
            Self::Flv => flv(bytes),
        };
        fields.retain(|field| field.at + field.width <= bytes.len());
        fields
    }
}

fn number(bytes: &[u8], field: Field) -> usize {
    usize::try_from(field.read(bytes)).unwrap_or(usize::MAX)
}

/// STREAMINFO's numbers and the blocks' lengths (RFC 9639 §8), then the headers of frames.
fn flac(bytes: &[u8]) -> Vec<Field> {
    let mut fields = vec![big(8, 2), big(10, 2), big(12, 3), big(15, 3), big(18, 8)];
    let mut at = 4;
    while let Some(&kind) = bytes.get(at) {
        fields.extend([big(at, 1), big(at + 1, 3)]);
        at = at.saturating_add(4 + number(bytes, big(at + 1, 3)));
        if kind >> 7 == 1 {
            break;
        }
    }
    for at in found(bytes, at, |pair| pair[0] == 0xff && pair[1] & 0xfe == 0xf8) {
        fields.extend((1..6).map(|byte| big(at + byte, 1)));
    }
    fields
}

/// Where two bytes are found that something begins with.
fn found(bytes: &[u8], from: usize, begins: impl Fn(&[u8]) -> bool) -> Vec<usize> {
    let pairs = bytes.windows(2).enumerate().skip(from);
    pairs
        .filter_map(|(at, pair)| begins(pair).then_some(at))
        .collect()
}

/// Chunks of four letters and a length, those in lists too, and the words of short ones.
fn chunks(bytes: &[u8], order: Order) -> Vec<Field> {
    let field = |at, width| Field { at, width, order };
    let mut fields = vec![field(4, 4)];
    let mut at = 12;
    while at + 8 <= bytes.len() {
        let length = number(bytes, field(at + 4, 4));
        fields.push(field(at + 4, 4));
        if bytes.get(at..at + 4) == Some(b"LIST") {
            at += 12;
            continue;
        }
        if length <= 256 {
            let words = (at + 8..at + 8 + length).step_by(2);
            fields.extend(words.flat_map(|at| [field(at, 2), field(at, 4)]));
        }
        at = at.saturating_add(8 + length.saturating_add(length % 2));
    }
    fields
}

fn mpeg_audio(bytes: &[u8]) -> Vec<Field> {
    let tag = if bytes.starts_with(b"ID3") {
        vec![big(3, 2), big(5, 1), big(6, 4), big(14, 4)]
    } else {
        Vec::new()
    };
    let frames = found(bytes, 0, |pair| pair[0] == 0xff && pair[1] & 0xe6 == 0xe2);
    let headers = frames.into_iter().flat_map(|at| {
        let side = (4..8).map(move |byte| big(at + byte, 1));
        [big(at, 4), big(at + 1, 1), big(at + 2, 1), big(at + 3, 1)]
            .into_iter()
            .chain(side)
    });
    tag.into_iter().chain(headers).collect()
}

fn adts(bytes: &[u8]) -> Vec<Field> {
    let frames = found(bytes, 0, |pair| pair[0] == 0xff && pair[1] & 0xf6 == 0xf0);
    let header = |at| (1..7).map(move |byte| big(at + byte, 1));
    frames.into_iter().flat_map(header).collect()
}

/// RFC 3533 §6.
fn ogg(bytes: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(seal::page) {
        fields.extend([big(at + 4, 1), big(at + 5, 1), big(at + 26, 1)]);
        fields
            .extend([(6, 8), (14, 4), (18, 4), (22, 4)].map(|(by, width)| little(at + by, width)));
        // The table of lengths, and the codec's own headers on the first page.
        fields.extend((27..31).map(|by| big(at + by, 1)));
        fields.extend((28..60).step_by(2).map(|by| little(at + by, 2)));
        at += length;
    }
    fields
}

/// Boxes that hold boxes (ISO/IEC 14496-12).
const HOLDERS: [&[u8]; 12] = [
    b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"udta", b"dinf", b"moof", b"traf",
    b"mvex", b"wave",
];

fn boxes(bytes: &[u8], within: std::ops::Range<usize>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = within.start;
    while at + 8 <= within.end {
        let length = number(bytes, big(at, 4));
        fields.push(big(at, 4));
        let end = at.saturating_add(length.max(8)).min(within.end);
        let kind = &bytes[at + 4..at + 8];
        if HOLDERS.contains(&kind) {
            fields.extend(boxes(bytes, at + 8..end));
        } else if kind != b"mdat" {
            let words = (at + 8..end).step_by(4).take(WORDS);
            fields.extend(words.flat_map(|at| [big(at, 4), big(at + 2, 2)]));
        }
        at = end;
    }
    fields
}

/// Elements that hold elements (RFC 8794, RFC 9559), by their identifiers.
const MASTERS: [u64; 12] = [
    0x1a45_dfa3,
    0x1853_8067,
    0x1f43_b675,
    0x1654_ae6b,
    0xae,
    0xe1,
    0xe0,
    0x1549_a966,
    0x114d_9b74,
    0x1c53_bb6b,
    0xbb,
    0xa0,
];

fn elements(bytes: &[u8], within: std::ops::Range<usize>) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut at = within.start;
    while at < within.end {
        let name = big(at, vint_width(bytes, at).min(4));
        let size = big(at + name.width, vint_width(bytes, at + name.width));
        let marker = 1_u64 << (7 * size.width);
        let length = usize::try_from(size.read(bytes) & (marker - 1)).unwrap_or(usize::MAX);
        let body = size.at + size.width;
        fields.extend([name, size]);
        let end = body.saturating_add(length).min(within.end);
        if body >= within.end {
            break;
        }
        if MASTERS.contains(&name.read(bytes)) {
            fields.extend(elements(bytes, body..end));
        } else if (1..=8).contains(&length) {
            fields.push(big(body, length));
        } else {
            // A block begins with its track, its time and its flags.
            fields.extend([big(body, 1), big(body + 1, 2), big(body + 3, 1)]);
        }
        at = end;
    }
    fields
}

/// Bytes of a number whose first byte says how many it has.
fn vint_width(bytes: &[u8], at: usize) -> usize {
    let zeros = bytes.get(at).map_or(0, |first| first.leading_zeros());
    (zeros as usize + 1).min(8)
}

/// Packet headers, and what begins a payload or an adaptation field (ISO/IEC 13818-1 §2.4.3).
fn transport(bytes: &[u8]) -> Vec<Field> {
    let header = |at| {
        let short = (0..20).map(move |by| big(at + by, 1));
        short.chain([big(at + 1, 2), big(at + 4, 2), big(at + 6, 2)])
    };
    (0..bytes.len()).step_by(188).flat_map(header).collect()
}

fn flv(bytes: &[u8]) -> Vec<Field> {
    let mut fields = vec![big(4, 1), big(5, 4)];
    let mut at = 9;
    while at + 15 <= bytes.len() {
        let tag = [
            (0, 4),
            (4, 1),
            (5, 3),
            (8, 3),
            (11, 1),
            (12, 3),
            (15, 1),
            (16, 1),
        ];
        fields.extend(tag.map(|(by, width)| big(at + by, width)));
        at = at.saturating_add(15 + number(bytes, big(at + 5, 3)));
    }
    fields
}
