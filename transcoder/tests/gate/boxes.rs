//! Changes to what an encoder wrote, box by box.
use crate::support::recipe::Recipe;
use mp4_atom::{Any, Decode, Encode, Moof, Moov, TrunEntry, TrunSamples};

/// Changes the fragment of the last rung that has this place.
pub fn moof(recipe: &mut Recipe, place: usize, change: impl Fn(&mut Moof)) {
    let rung = recipe.rungs.last_mut().unwrap();
    let (begin, length) = boxes(rung, *b"moof")[place];
    let Any::Moof(mut moof) = Any::decode(&mut &rung[begin..begin + length]).unwrap() else {
        panic!("no moof")
    };
    let encoded = |moof: &Moof| {
        let mut bytes = Vec::new();
        moof.encode(&mut bytes).unwrap();
        bytes
    };
    change(&mut moof);
    let run = &mut moof.traf[0].trun[0];
    let offset = run.data_offset.unwrap();
    // Samples lie behind the box, whose length may have changed.
    run.data_offset = Some(0);
    let grown = i32::try_from(encoded(&moof).len()).unwrap() - i32::try_from(length).unwrap();
    moof.traf[0].trun[0].data_offset = Some(offset + grown);
    rung.splice(begin..begin + length, encoded(&moof));
}

pub fn moov(recipe: &mut Recipe, change: impl Fn(&mut Moov)) {
    let rung = recipe.rungs.last_mut().unwrap();
    let (begin, length) = boxes(rung, *b"moov")[0];
    let Any::Moov(mut moov) = Any::decode(&mut &rung[begin..begin + length]).unwrap() else {
        panic!("no moov")
    };
    change(&mut moov);
    let mut bytes = Vec::new();
    moov.encode(&mut bytes).unwrap();
    rung.splice(begin..begin + length, bytes);
}

/// The samples of a fragment, one by one.
pub fn entries(moof: &mut Moof) -> &mut Vec<TrunEntry> {
    let samples = &mut moof.traf[0].trun[0].samples;
    *samples = samples.iter().collect::<Vec<_>>().into();
    match samples {
        TrunSamples::Explicit(entries) => entries,
        TrunSamples::Inherited { .. } => panic!("they were just made explicit"),
    }
}

pub fn time(moof: &mut Moof, later: i64) {
    let time = moof.traf[0].tfdt.as_mut().unwrap();
    let moved = time.base_media_decode_time.checked_add_signed(later);
    time.base_media_decode_time = moved.unwrap();
}

pub fn without_last_fragments(rung: &mut Vec<u8>, count: usize) {
    let fragments = boxes(rung, *b"moof");
    let (begin, _) = fragments[fragments.len() - count];
    rung.truncate(begin);
}

/// Where the boxes of a kind begin, and how long they are.
pub fn boxes(bytes: &[u8], kind: [u8; 4]) -> Vec<(usize, usize)> {
    let (mut found, mut begin) = (Vec::new(), 0);
    while begin + 8 <= bytes.len() {
        let head = &bytes[begin..begin + 8];
        let length = u32::from_be_bytes(head[..4].try_into().unwrap()) as usize;
        if head[4..] == kind {
            found.push((begin, length));
        }
        begin += length;
    }
    found
}
