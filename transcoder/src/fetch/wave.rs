//! The length that a WAV file declares. Pure.
//!
//! ffprobe tells of a file how long it is, not how long it says to be, and of a pipe neither:
//! that one was cut shows in its header alone (RIFF, EBU Tech 3306, ITU-R BS.2088).
use bytes::Buf;

/// Sizes from here on are what programs write that can't come back to fill them in.
const PLACEHOLDERS: u64 = 0x7fff_0000;

/// Milliseconds of constant rate that the header declares.
pub fn declared_millis(head: &[u8]) -> Option<u64> {
    let (mut long, mut rate) = (None, None);
    let mut rest = head.get(12..).filter(|_| is_wave(head))?;
    loop {
        let (id, size) = (rest.get(..4)?, rest.get(4..8)?.get_u32_le());
        let body = rest.get(8..)?;
        match id {
            b"ds64" => long = Some(body.get(8..16)?.get_u64_le()),
            b"fmt " => rate = Some(u64::from(body.get(8..12)?.get_u32_le())),
            b"data" => return millis(long, u64::from(size), rate?),
            _ => {}
        }
        // Chunks begin at even places.
        let size = usize::try_from(size).ok()?;
        rest = body.get(size.checked_add(size % 2)?..)?;
    }
}

/// Whether it is such a file.
pub fn is_wave(head: &[u8]) -> bool {
    let forms: [&[u8]; 3] = [b"RIFF", b"RF64", b"BW64"];
    let is_form = forms.iter().any(|form| head.starts_with(form));
    is_form && head.get(8..12) == Some(b"WAVE")
}

fn millis(long: Option<u64>, short: u64, bytes_per_second: u64) -> Option<u64> {
    let short = Some(short).filter(|&size| size < PLACEHOLDERS);
    let size = long.or(short).filter(|&size| size > 0)?;
    size.checked_mul(1000)?.checked_div(bytes_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk(id: [u8; 4], size: u32, body: &[u8]) -> Vec<u8> {
        [&id[..], &size.to_le_bytes(), body].concat()
    }

    fn wave(form: [u8; 4], chunks: &[Vec<u8>]) -> Vec<u8> {
        [&chunk(form, 0, b"WAVE")[..], &chunks.concat()].concat()
    }

    fn format(bytes_per_second: u32) -> Vec<u8> {
        let rate = bytes_per_second.to_le_bytes();
        chunk(*b"fmt ", 16, &[&[0; 8][..], &rate, &[0; 4]].concat())
    }

    #[test]
    fn the_length_is_what_the_header_says() {
        let odd = chunk(*b"LIST", 3, b"abc\0");
        let long = chunk(
            *b"ds64",
            28,
            &[&[0; 8][..], &6_000_u64.to_le_bytes(), &[0; 12]].concat(),
        );
        let data = |size| chunk(*b"data", size, b"");
        let cases = [
            (wave(*b"RIFF", &[format(1000), data(2500)]), Some(2500)),
            (wave(*b"RIFF", &[odd, format(2000), data(2500)]), Some(1250)),
            (
                wave(*b"RF64", &[long, format(1000), data(u32::MAX)]),
                Some(6000),
            ),
            (wave(*b"RIFF", &[format(1000), data(u32::MAX)]), None),
            (wave(*b"RIFF", &[format(1000), data(0x7fff_ffff)]), None),
            (wave(*b"RIFF", &[format(1000), data(0)]), None),
            (wave(*b"RIFF", &[format(0), data(2500)]), None),
            (wave(*b"RIFF", &[data(2500)]), None),
            (wave(*b"RIFF", &[format(1000)]), None),
            (wave(*b"FORM", &[format(1000), data(2500)]), None),
        ];
        for (head, expected) in cases {
            assert_eq!(declared_millis(&head), expected, "{head:?}");
        }
    }

    proptest! {
        /// A hostile header is only bytes.
        #[test]
        fn any_header_is_taken(
            chunks in prop::collection::vec((prop::sample::select(vec![*b"fmt ", *b"ds64", *b"data", *b"LIST"]), any::<u32>(), prop::collection::vec(any::<u8>(), 0..20)), 0..6),
        ) {
            let chunks: Vec<_> = chunks.iter().map(|(id, size, body)| chunk(*id, *size, body)).collect();
            declared_millis(&wave(*b"RIFF", &chunks));
        }
    }
}
