//! Whether a source can be read while it arrives, by its first bytes. Pure.
//!
//! ffmpeg decides itself what a source is; whether it agrees is checked once it has looked
//! ([`is_streamed_format`]). Everything else is read as a file, which is always right.
use super::movie;
use super::wave::is_wave;

/// Bytes that are looked at: the `moov` box of a film of some hours.
pub const HEAD: u64 = 8 << 20;
/// Bytes without which nothing is told: two frames of AAC are shorter, and what is shorter as
/// a whole is not worth the trouble.
const LEAST: usize = 16 << 10;
/// Packets of a transport stream that have to follow each other.
const PACKETS: usize = 4;
/// Containers that ffmpeg reads from a pipe as it reads them from a file, by its names.
const STREAMED_FORMATS: [&str; 7] = ["flac", "wav", "matroska", "mpegts", "aac", "ogg", "mov"];

/// How a source can be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// As it arrives.
    Streamed,
    /// As a file, once all of it is there.
    Spooled,
    /// More bytes are needed to tell.
    Unclear,
}

/// Whether ffmpeg takes the source for one that can be read as it arrives.
pub fn is_streamed_format(container: &str) -> bool {
    let mut names = container.split(',');
    names.any(|name| STREAMED_FORMATS.contains(&name))
}

/// What the first bytes say.
pub fn shape(head: &[u8]) -> Shape {
    if head.len() < LEAST {
        return Shape::Unclear;
    }
    if movie::begins(head) {
        return movie::shape(head);
    }
    let linear = [is_flac, is_ogg, is_matroska, is_wave, is_transport, is_adts];
    if linear.iter().any(|is| is(head)) {
        Shape::Streamed
    } else {
        Shape::Spooled
    }
}

/// RFC 9639 §6.
fn is_flac(head: &[u8]) -> bool {
    head.starts_with(b"fLaC")
}

/// RFC 3533 §6.
fn is_ogg(head: &[u8]) -> bool {
    head.starts_with(b"OggS")
}

/// EBML (RFC 8794 §11.2.1).
fn is_matroska(head: &[u8]) -> bool {
    head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3])
}

/// Packets of 188 bytes (ISO/IEC 13818-1 §2.4.3.2), or those with their time of arrival before
/// them, as discs have them.
fn is_transport(head: &[u8]) -> bool {
    [(0, 188), (4, 192)].into_iter().any(|(offset, length)| {
        let packets = head.iter().skip(offset).step_by(length).take(PACKETS);
        packets.filter(|&&first| first == 0x47).count() == PACKETS
    })
}

/// Two frames of AAC in a row (ISO/IEC 14496-3 §1.A.2.2).
fn is_adts(head: &[u8]) -> bool {
    let second = adts_length(head).and_then(|length| head.get(length..));
    second.and_then(adts_length).is_some()
}

/// Length of the frame that begins here. MPEG audio has other bits for its layer.
fn adts_length(frame: &[u8]) -> Option<usize> {
    let [first, second, _, high, middle, low, _, ..] = *frame else {
        return None;
    };
    let length = usize::from(high & 3) << 11 | usize::from(middle) << 3 | usize::from(low >> 5);
    // The header alone has 7 bytes.
    (first == 0xff && second & 0xf6 == 0xf0 && length > 7).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn padded(beginning: &[u8]) -> Vec<u8> {
        let mut head = beginning.to_vec();
        head.resize(LEAST, 0);
        head
    }

    fn repeated(packet: &[u8], offset: usize) -> Vec<u8> {
        let packets = packet.iter().cycle().skip(packet.len() - offset);
        packets.take(LEAST).copied().collect()
    }

    #[test]
    fn what_is_read_forward_is_streamed_and_the_rest_is_not() {
        use Shape::{Spooled, Streamed};
        let transport = [&[0x47][..], &[0; 187]].concat();
        let adts = [&[0xff, 0xf1, 0, 0, 2, 0, 0][..], &[0; 9]].concat();
        let disc = [&[0x47][..], &[0; 191]].concat();
        // Layer III, whose frames may be as long.
        let mpeg = [&[0xff, 0xfb, 0, 0, 2, 0, 0][..], &[0; 9]].concat();
        let cases = [
            (padded(b"fLaC"), Streamed),
            (padded(b"OggS"), Streamed),
            (padded(&[0x1a, 0x45, 0xdf, 0xa3]), Streamed),
            (padded(b"RIFF\x10\0\0\0WAVEfmt "), Streamed),
            (padded(b"RF64\xff\xff\xff\xffWAVEds64"), Streamed),
            (padded(b"RIFF\x10\0\0\0AVI LIST"), Spooled),
            (repeated(&transport, 0), Streamed),
            (repeated(&disc, 4), Streamed),
            (repeated(&transport[1..], 0), Spooled),
            (repeated(&adts, 0), Streamed),
            (padded(&adts), Spooled),
            (repeated(&mpeg, 0), Spooled),
            (padded(b"ID3\x04"), Spooled),
            (padded(b"FORM\0\0\0\0AIFF"), Spooled),
            (padded(b"caff"), Spooled),
            (padded(b""), Spooled),
        ];
        for (head, expected) in cases {
            assert_eq!(shape(&head), expected, "{:?}", &head[..12]);
        }
        assert_eq!(shape(b"fLaC"), Shape::Unclear);
    }

    #[test]
    fn ffmpegs_own_word_counts_too() {
        assert!(is_streamed_format("mov,mp4,m4a,3gp,3g2,mj2"));
        assert!(is_streamed_format("matroska,webm"));
        for other in ["mp3", "aiff", "caf", "w64", "wv", "avi", ""] {
            assert!(!is_streamed_format(other), "{other}");
        }
    }

    proptest! {
        /// What is told once is not taken back when more arrives.
        #[test]
        fn more_bytes_change_nothing(
            magic in prop::sample::select(vec![
                &b"fLaC"[..], b"RIFF....WAVE", b"\0\0\0\x18ftypM4A ", b"\0\0\0\x08moov", b"\xff\xf1", b"G", b"",
            ]),
            bytes in prop::collection::vec(any::<u8>(), 0..40_000),
            cut in 0..40_000_usize,
        ) {
            let all = [magic, &bytes].concat();
            let early = shape(&all[..cut.min(all.len())]);
            prop_assert!(early == Shape::Unclear || early == shape(&all));
        }
    }
}
