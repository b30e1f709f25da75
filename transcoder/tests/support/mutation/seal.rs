//! Checksums that a damaged input is given anew.

/// Bytes of an Ogg page's header before its table of lengths (RFC 3533 §6).
const PAGE_HEADER: usize = 27;
/// Where the checksum lies in it.
const CHECKSUM: usize = 22;

/// Computes the checksum of every page that is whole. Readers pass over the others.
pub fn ogg(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(length) = bytes.get(at..).and_then(page) {
        let page = &mut bytes[at..at + length];
        page[CHECKSUM..CHECKSUM + 4].fill(0);
        let sum = checksum(page).to_le_bytes();
        page[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum);
        at += length;
    }
}

/// Length of the page that begins there.
pub fn page(bytes: &[u8]) -> Option<usize> {
    if !bytes.starts_with(b"OggS") {
        return None;
    }
    let table = PAGE_HEADER + usize::from(*bytes.get(PAGE_HEADER - 1)?);
    let lengths = bytes.get(PAGE_HEADER..table)?;
    let body: usize = lengths.iter().map(|&length| usize::from(length)).sum();
    (table + body <= bytes.len()).then_some(table + body)
}

/// The checksum of Ogg: polynomial 0x04c11db7, nothing reflected, begun with 0.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << 24, |sum: u32, _| {
            let carry = if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 };
            sum << 1 ^ carry
        })
    })
}
