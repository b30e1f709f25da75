use super::layout::{Field, Order};
use super::{Layout, Mutation, mutated, seal};
use proptest::prelude::*;

const LAYOUTS: [Layout; 10] = [
    Layout::Flac,
    Layout::Riff,
    Layout::Aiff,
    Layout::MpegAudio,
    Layout::Adts,
    Layout::Ogg,
    Layout::IsoMedia,
    Layout::Ebml,
    Layout::Transport,
    Layout::Flv,
];

fn field(at: usize, width: usize, order: Order) -> Field {
    Field { at, width, order }
}

#[test]
fn lengths_are_found_where_they_lie() {
    let moov = b"\0\0\0\x08free\0\0\0\x14moov\0\0\0\x0cmdat1234";
    let sizes = [0, 8, 16].map(|at| field(at, 4, Order::Big));
    assert_eq!(Layout::IsoMedia.fields(moov), sizes);
    let wav = b"RIFF\x10\0\0\0WAVEdata\x02\x01\0\0ab";
    let sizes = [4, 16].map(|at| field(at, 4, Order::Little));
    assert_eq!(Layout::Riff.fields(wav), sizes);
    let ebml = b"\x1a\x45\xdf\xa3\x84\x42\x86\x81\x01";
    let expected = [(0, 4), (4, 1), (5, 2), (7, 1), (8, 1)];
    let expected = expected.map(|(at, width)| field(at, width, Order::Big));
    assert_eq!(Layout::Ebml.fields(ebml), expected);
    let flac = b"fLaC\x80\0\0\x01xx";
    assert!(Layout::Flac.fields(flac).contains(&field(5, 3, Order::Big)));
}

/// The page of RFC 3533 with no body has a checksum that can be computed by hand: none of an
/// empty table differs from that of its header.
#[test]
fn a_page_is_sealed_by_its_checksum() {
    let mut page = [&b"OggS"[..], &[0; 22], &[1, 3], b"abc"].concat();
    let mut again = page.clone();
    seal::ogg(&mut page);
    assert_ne!(page, again);
    // The checksum does not depend on the one that stood there.
    again[22..26].fill(0xee);
    seal::ogg(&mut again);
    assert_eq!(page, again);
    assert_eq!(seal::page(&page), Some(31));
    assert_eq!(seal::page(&page[..30]), None);
}

proptest! {
    /// A field is within the bytes, and what is written there is read back.
    #[test]
    fn a_field_holds_what_is_written(
        mut bytes in prop::collection::vec(any::<u8>(), 0..400),
        value in any::<u64>(),
    ) {
        for layout in LAYOUTS {
            for field in layout.fields(&bytes) {
                prop_assert!((1..=8).contains(&field.width));
                prop_assert!(field.at + field.width <= bytes.len());
                let old = field.read(&bytes);
                field.write(&mut bytes, value);
                let kept = value & (u64::MAX >> (64 - 8 * field.width));
                prop_assert_eq!(field.read(&bytes), kept);
                field.write(&mut bytes, old);
            }
        }
    }

    /// A seed and an index are enough to see an input again.
    #[test]
    fn a_list_of_mutations_is_the_same_again(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        seed in any::<u64>(),
        index in any::<u64>(),
    ) {
        for layout in LAYOUTS {
            let (mutant, mutations) = mutated(&bytes, layout, seed, index);
            prop_assert_eq!(mutated(&bytes, layout, seed, index), (mutant.clone(), mutations.clone()));
            let mut again = bytes.clone();
            for mutation in &mutations.0 {
                mutation.apply(&mut again);
            }
            prop_assert_eq!(again, mutant);
        }
    }

    /// Nothing lies outside of an input that has become short.
    #[test]
    fn places_behind_the_end_are_the_end(at in 0..50_usize, length in 0..50_usize) {
        for mutation in [
            Mutation::Flip { at, bit: 7 },
            Mutation::Overwrite { at, bytes: vec![1; length] },
            Mutation::Truncate { at },
            Mutation::Remove { at, length },
            Mutation::Insert { at, bytes: vec![1; length] },
            Mutation::Duplicate { from: at, length, to: length },
        ] {
            mutation.apply(&mut vec![0; 10]);
        }
    }
}

#[test]
fn other_indices_are_other_inputs() {
    let base: Vec<u8> = (0..=255).collect();
    let inputs: std::collections::BTreeSet<Vec<u8>> = (0..100)
        .map(|index| mutated(&base, Layout::Riff, 7, index).0)
        .collect();
    assert!(inputs.len() > 80, "{}", inputs.len());
}
