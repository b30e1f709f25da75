//! What an encoder that was taken over may write: any bytes, in reads of any length.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vessel_transcoder::ladder::Channels;
use vessel_transcoder::package::cut::{Cutter, Piece};
use vessel_transcoder::package::fragment::{self, Defaults};
use vessel_transcoder::package::transport::Transport;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, stream) = input;
    let (mut cutter, mut cut) = (Cutter::default(), Vec::new());
    let mut defaults = Defaults::default();
    for chunk in stream.chunks(usize::from(step).max(1)) {
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
