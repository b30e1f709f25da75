//! Cuts a fragmented MP4 byte stream (ISO/IEC 14496-12 §8.8) into its initialization
//! segment and its fragments, as the bytes come.
use bytes::{Buf, Bytes, BytesMut};
use mp4_atom::{Atom, DecodeMaybe, FourCC, Header, Mdat, Moov};

/// Largest box that is waited for, in bytes.
const BOX_BYTES: usize = 256 << 20;

/// A piece of the stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Piece {
    /// `ftyp` and `moov`.
    Init(Bytes),
    /// `moof` and `mdat`, with the boxes before them.
    Fragment(Bytes),
}

/// A stream that is none.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum CutError {
    /// A box without an end, or one beyond all bounds.
    #[error("a box {0} of {1} bytes")]
    Size(FourCC, usize),
    /// Bytes that are no box.
    #[error("no box: {0}")]
    Box(String),
    /// The stream ended inside of a box or between `moof` and `mdat`.
    #[error("the stream ended with {0} bytes of an unfinished fragment")]
    Unfinished(usize),
}

/// Cuts a stream as it comes.
#[derive(Debug, Default)]
pub struct Cutter {
    /// Bytes of the stream that are not cut off yet.
    buffer: BytesMut,
    /// How many of them are whole boxes of the piece at hand.
    whole: usize,
}

impl Cutter {
    /// Takes bytes in.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole piece, if there is one.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, CutError> {
        while let Some((kind, length)) = self.next_box()? {
            self.whole += length;
            if kind == Moov::KIND || kind == Mdat::KIND {
                let whole = std::mem::take(&mut self.whole);
                let bytes = self.buffer.split_to(whole).freeze();
                let piece = if kind == Moov::KIND {
                    Piece::Init
                } else {
                    Piece::Fragment
                };
                return Ok(Some(piece(bytes)));
            }
        }
        Ok(None)
    }

    /// Kind and length of the box behind the whole ones, once all of it is there.
    fn next_box(&self) -> Result<Option<(FourCC, usize)>, CutError> {
        let mut rest = self.buffer.get(self.whole..).unwrap_or_default();
        let available = rest.len();
        let header = Header::decode_maybe(&mut rest);
        let Some(header) = header.map_err(|error| CutError::Box(error.to_string()))? else {
            return Ok(None);
        };
        let length = header
            .size
            .and_then(|body| body.checked_add(available - rest.remaining()))
            .unwrap_or(usize::MAX);
        if length > BOX_BYTES {
            return Err(CutError::Size(header.kind, length));
        }
        Ok((length <= available).then_some((header.kind, length)))
    }

    /// The stream has ended: nothing may be left.
    pub fn finish(&self) -> Result<(), CutError> {
        if self.buffer.is_empty() {
            Ok(())
        } else {
            Err(CutError::Unfinished(self.buffer.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes(), &kind[..], body].concat()
    }

    fn pieces(cutter: &mut Cutter) -> Result<Vec<Piece>, CutError> {
        let mut pieces = Vec::new();
        while let Some(piece) = cutter.next_piece()? {
            pieces.push(piece);
        }
        Ok(pieces)
    }

    proptest! {
        /// However the bytes come, the pieces are the same and nothing is lost.
        #[test]
        fn the_cuts_do_not_depend_on_the_reads(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..5),
            step in 1..50_usize,
        ) {
            let init = [boxed(*b"ftyp", b"iso5"), boxed(*b"moov", b"m")].concat();
            let fragments: Vec<Vec<u8>> = bodies
                .iter()
                .map(|body| [boxed(*b"moof", body), boxed(*b"mdat", body)].concat())
                .collect();
            let stream = [init.clone(), fragments.concat()].concat();
            let mut cutter = Cutter::default();
            let mut found = Vec::new();
            for chunk in stream.chunks(step) {
                cutter.push(chunk);
                found.extend(pieces(&mut cutter).unwrap());
            }
            prop_assert_eq!(cutter.finish(), Ok(()));
            let expected: Vec<Piece> = std::iter::once(Piece::Init(init.into()))
                .chain(fragments.into_iter().map(|bytes| Piece::Fragment(bytes.into())))
                .collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut cutter = Cutter::default();
            cutter.push(&bytes);
            let _ = pieces(&mut cutter);
        }
    }

    #[test]
    fn a_stream_that_breaks_off_is_an_error() {
        let mut cutter = Cutter::default();
        cutter.push(&boxed(*b"moof", b"x"));
        assert_eq!(pieces(&mut cutter), Ok(Vec::new()));
        assert_eq!(cutter.finish(), Err(CutError::Unfinished(9)));
    }

    #[test]
    fn a_box_without_an_end_is_an_error() {
        let mut cutter = Cutter::default();
        cutter.push(&[0, 0, 0, 0, b'm', b'd', b'a', b't']);
        assert!(matches!(cutter.next_piece(), Err(CutError::Size(..))));
    }
}
