//! Whether an MP4 or QuickTime file can be read forward: what describes it comes before its
//! samples, and no track ever has to be read backward. Pure (ISO/IEC 14496-12).
use super::shape::Shape;
use mp4_atom::{Atom, Co64, DecodeMaybe, Elst, FourCC, Header, Stco};

/// Boxes that consist of boxes, on the way from `moov` to the places of the samples.
const NESTS: [&[u8; 4]; 5] = [b"trak", b"mdia", b"minf", b"stbl", b"edts"];

/// Whether it is such a file at all.
pub fn begins(head: &[u8]) -> bool {
    head.get(4..8) == Some(b"ftyp")
}

/// What its boxes say, as far as they are there.
pub fn shape(head: &[u8]) -> Shape {
    let mut rest = head;
    while let Ok(Some(header)) = Header::decode_maybe(&mut rest) {
        let kind: [u8; 4] = header.kind.into();
        let size = header.size.unwrap_or(usize::MAX);
        match (&kind, rest.split_at_checked(size)) {
            (b"mdat" | b"moof", _) => return Shape::Spooled,
            (b"moov", Some((moov, behind))) => return described(moov, head.len() - behind.len()),
            (_, Some((_, behind))) => rest = behind,
            (_, None) => return Shape::Unclear,
        }
    }
    if rest.len() < 16 {
        Shape::Unclear
    } else {
        Shape::Spooled
    }
}

/// What `moov` says, which ends at this place of the file.
fn described(moov: &[u8], end: usize) -> Shape {
    let mut places = Places {
        earliest: end as u64,
        tracks: 0,
    };
    match places.forward(moov) {
        Some(()) if places.tracks > 0 => Shape::Streamed,
        _ => Shape::Spooled,
    }
}

/// What was seen of the places of samples.
struct Places {
    earliest: u64,
    tracks: u32,
}

impl Places {
    /// Whether everything in these boxes lies behind them, in order; `None` if not, or if it
    /// can't be told.
    fn forward(&mut self, mut boxes: &[u8]) -> Option<()> {
        while let Some(header) = Header::decode_maybe(&mut boxes).ok()? {
            let (body, behind) = boxes.split_at_checked(header.size?)?;
            boxes = behind;
            let kind: [u8; 4] = header.kind.into();
            match &kind {
                // Its lengths are those of what is there, not of the whole.
                b"mvex" => return None,
                nest if NESTS.contains(&nest) => self.forward(body)?,
                _ => self.table(header.kind, body)?,
            }
        }
        Some(())
    }

    fn table(&mut self, kind: FourCC, mut body: &[u8]) -> Option<()> {
        if kind == Stco::KIND {
            let chunks = Stco::decode_body(&mut body).ok()?.entries;
            self.chunks(chunks.into_iter().map(u64::from))
        } else if kind == Co64::KIND {
            self.chunks(Co64::decode_body(&mut body).ok()?.entries.into_iter())
        } else if kind == Elst::KIND {
            // A list that goes back in the media has to be read back too.
            let edits = Elst::decode_body(&mut body).ok()?.entries;
            let times = edits.iter().filter_map(|edit| edit.media_time);
            times.is_sorted().then_some(())
        } else {
            Some(())
        }
    }

    fn chunks(&mut self, chunks: impl Iterator<Item = u64> + Clone) -> Option<()> {
        self.tracks += 1;
        let first = chunks.clone().next().unwrap_or(self.earliest);
        (first >= self.earliest && chunks.is_sorted()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn atom(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 8).unwrap().to_be_bytes();
        [&length, &kind, body].concat()
    }

    fn table(kind: [u8; 4], entries: &[u32]) -> Vec<u8> {
        let count = u32::try_from(entries.len()).unwrap();
        let words = [0, count].into_iter().chain(entries.iter().copied());
        atom(kind, &words.flat_map(u32::to_be_bytes).collect::<Vec<_>>())
    }

    fn edits(times: &[u32]) -> Vec<u8> {
        let count = u32::try_from(times.len()).unwrap();
        let entries = times.iter().flat_map(|&time| [1000, time, 1 << 16]);
        let words = [0, count].into_iter().chain(entries);
        let list = atom(
            *b"elst",
            &words.flat_map(u32::to_be_bytes).collect::<Vec<_>>(),
        );
        atom(*b"edts", &list)
    }

    fn track(edits: &[u8], chunks: &[u32]) -> Vec<u8> {
        let table = atom(*b"stbl", &table(*b"stco", chunks));
        let media = atom(*b"mdia", &atom(*b"minf", &table));
        atom(*b"trak", &[edits, &media].concat())
    }

    fn file(moov: &[u8]) -> Vec<u8> {
        let start = [atom(*b"ftyp", b"M4A \0\0\0\0"), atom(*b"free", b"")].concat();
        [start, atom(*b"moov", moov), atom(*b"mdat", &[0; 40])].concat()
    }

    #[test]
    fn a_movie_is_streamed_where_no_track_goes_back() {
        use Shape::{Spooled, Streamed};
        let plain = track(&edits(&[u32::MAX, 0, 500]), &[900, 1200, 1200]);
        let cases = [
            (plain.clone(), Streamed),
            (
                [plain.clone(), track(&[], &[1000, 5000])].concat(),
                Streamed,
            ),
            ([plain.clone(), track(&[], &[1000, 900])].concat(), Spooled),
            (track(&edits(&[500, 0]), &[900]), Spooled),
            (track(&[], &[1]), Spooled),
            ([plain.clone(), atom(*b"mvex", b"")].concat(), Spooled),
            (atom(*b"cmov", b"compressed"), Spooled),
            (
                atom(*b"trak", &[0, 0, 1, 0, b's', b't', b'b', b'l']),
                Spooled,
            ),
        ];
        for (moov, expected) in cases {
            assert_eq!(shape(&file(&moov)), expected, "{moov:?}");
        }
    }

    #[test]
    fn what_describes_it_has_to_come_first() {
        let whole = file(&track(&[], &[900]));
        let start = whole.len() - 60;
        assert_eq!(shape(&whole[..start]), Shape::Unclear);
        let last = [atom(*b"ftyp", b"isom"), atom(*b"mdat", &[0; 9]), whole].concat();
        assert_eq!(shape(&last), Shape::Spooled);
        let fragments = [atom(*b"ftyp", b"isom"), atom(*b"moof", b"")].concat();
        assert_eq!(shape(&fragments), Shape::Spooled);
        let open = [atom(*b"ftyp", b"isom"), [[0; 4], *b"mdat"].concat()].concat();
        assert_eq!(shape(&open), Shape::Spooled);
        let no_box = [
            atom(*b"ftyp", b"isom"),
            vec![0, 0, 0, 3, 1, 1, 1, 1],
            vec![0; 20],
        ];
        assert_eq!(shape(&no_box.concat()), Shape::Spooled);
    }

    proptest! {
        /// A hostile head is only bytes.
        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0..300_usize) {
            let mut head = file(&track(&edits(&[0]), &[900]));
            let at = at.min(head.len());
            head.splice(at.., bytes);
            shape(&head);
        }
    }
}
