//! Frames of any sizes as a transport stream: whole packets that another reader takes.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use mpeg2ts::ts::{ReadTsPacket, TsPacket, TsPacketReader};
use vessel_transcoder::ladder::Channels;
use vessel_transcoder::package::fragment::{Fragment, Sample, Sync};
use vessel_transcoder::package::transport::Transport;

fuzz_target!(|input: (u64, Vec<u16>)| {
    let (decode_time, sizes) = input;
    let mut end = 0;
    let samples = sizes.iter().take(300).map(|&size| {
        let begin = end;
        end += usize::from(size);
        Sample {
            duration: 1024,
            bytes: begin..end,
            sync: Sync::Yes,
        }
    });
    let fragment = Fragment {
        decode_time,
        samples: samples.collect(),
    };
    let bytes = Bytes::from(vec![0xa5; end]);
    let Ok(segment) = Transport::new(Channels::Stereo).wrap(&bytes, &fragment) else {
        return;
    };
    assert_eq!(segment.len() % TsPacket::SIZE, 0);
    let mut reader = TsPacketReader::new(&segment[..]);
    while reader.read_ts_packet().unwrap().is_some() {}
});
