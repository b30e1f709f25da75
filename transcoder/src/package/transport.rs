//! MPEG transport stream segments (ISO/IEC 13818-1): AAC frames as ADTS (ISO/IEC 13818-7
//! §6.2) in PES packets. Each segment begins with PAT and PMT, so that it plays alone.
use super::fragment::Fragment;
use crate::ladder::Channels;
use crate::length::{FRAME_SAMPLES, SAMPLE_RATE};
use bytes::Bytes;
use mpeg2ts::Error;
use mpeg2ts::es::{StreamId, StreamType};
use mpeg2ts::pes::PesHeader;
use mpeg2ts::time::{ClockReference, Timestamp};
use mpeg2ts::ts::payload::{self, Pat, Pes, Pmt};
use mpeg2ts::ts::{
    AdaptationField, ContinuityCounter, EsInfo, Pid, ProgramAssociation,
    TransportScramblingControl, TsHeader, TsPacket, TsPacketWriter, TsPayload, VersionNumber,
    WriteTsPacket,
};

const PMT_PID: u16 = 0x1000;
const AUDIO_PID: u16 = 0x100;
const PROGRAM: u16 = 1;
/// Frames of a PES packet: 85 ms, so that a clock reference comes within every 100 ms.
const FRAMES_PER_PES: usize = 4;
/// Presentation time of the first sample, in units of 90 kHz: clock references run ahead of
/// the frames that they belong to and can't be negative.
const START: u64 = 90_000;
/// How far a clock reference runs ahead, in units of 90 kHz.
const LEAD: u64 = 45_000;
/// Payload of a packet without an adaptation field.
const PAYLOAD: usize = TsPacket::SIZE - 4;
/// What the adaptation field with a clock reference takes of the first packet of a PES.
const CLOCK_BYTES: usize = 8;
/// PES header with a presentation time.
const PES_HEADER: usize = 14;
/// Of the PES header, what its length field does not count.
const PES_PREFIX: usize = 6;
/// Length of an ADTS header without CRC.
const ADTS_HEADER: usize = 7;
/// Index of 48 kHz in table 35 of ISO/IEC 13818-7.
const FREQUENCY_INDEX: u8 = 3;

/// Writes the segments of one rung.
#[derive(Debug)]
pub struct Transport {
    channels: u8,
    tables: ContinuityCounter,
    audio: ContinuityCounter,
}

impl Transport {
    /// A stream of so many channels.
    pub fn new(channels: Channels) -> Self {
        Self {
            channels: match channels {
                Channels::Mono => 1,
                Channels::Stereo => 2,
            },
            tables: ContinuityCounter::new(),
            audio: ContinuityCounter::new(),
        }
    }

    /// The segment that holds the frames of a fragment.
    pub fn wrap(&mut self, bytes: &Bytes, fragment: &Fragment) -> Result<Vec<u8>, Error> {
        let mut writer = TsPacketWriter::new(Vec::new());
        self.write_tables(&mut writer)?;
        let mut frame = fragment.decode_time / FRAME_SAMPLES;
        for samples in fragment.samples.chunks(FRAMES_PER_PES) {
            let mut data = Vec::new();
            for sample in samples {
                let frame = bytes.get(sample.bytes.clone()).unwrap_or_default();
                data.extend(adts_header(self.channels, frame.len()));
                data.extend_from_slice(frame);
            }
            self.write_pes(&mut writer, presentation_time(frame), &data)?;
            frame += samples.len() as u64;
        }
        Ok(writer.into_stream())
    }

    /// PAT and PMT count alike: each comes once a segment.
    fn write_tables(&mut self, writer: &mut TsPacketWriter<Vec<u8>>) -> Result<(), Error> {
        let pat = Pat {
            transport_stream_id: 1,
            version_number: VersionNumber::default(),
            table: vec![ProgramAssociation {
                program_num: PROGRAM,
                program_map_pid: Pid::new(PMT_PID)?,
            }],
        };
        let pmt = Pmt {
            program_num: PROGRAM,
            pcr_pid: Some(Pid::new(AUDIO_PID)?),
            version_number: VersionNumber::default(),
            program_info: Vec::new(),
            es_info: vec![EsInfo {
                stream_type: StreamType::AdtsAac,
                elementary_pid: Pid::new(AUDIO_PID)?,
                descriptors: Vec::new(),
            }],
        };
        let tables = [
            (Pid::PAT, TsPayload::Pat(pat)),
            (PMT_PID, TsPayload::Pmt(pmt)),
        ];
        for (pid, payload) in tables {
            writer.write_ts_packet(&packet(pid, self.tables, None, payload)?)?;
        }
        self.tables.increment();
        Ok(())
    }

    fn write_pes(
        &mut self,
        writer: &mut TsPacketWriter<Vec<u8>>,
        time: u64,
        data: &[u8],
    ) -> Result<(), Error> {
        let (first, rest) = data.split_at(data.len().min(PAYLOAD - CLOCK_BYTES - PES_HEADER));
        let length = PES_HEADER - PES_PREFIX + data.len();
        let pes = Pes {
            header: pes_header(time)?,
            // Four frames always fit; 0 means unbounded.
            pes_packet_len: u16::try_from(length).unwrap_or(0),
            data: payload::Bytes::new(first)?,
        };
        let clock = adaptation(time)?;
        let begin = packet(AUDIO_PID, self.audio, Some(clock), TsPayload::PesStart(pes))?;
        writer.write_ts_packet(&begin)?;
        self.audio.increment();
        for part in rest.chunks(PAYLOAD) {
            let payload = TsPayload::PesContinuation(payload::Bytes::new(part)?);
            writer.write_ts_packet(&packet(AUDIO_PID, self.audio, None, payload)?)?;
            self.audio.increment();
        }
        Ok(())
    }
}

/// In units of 90 kHz: exact, a frame being 1,920 of them. What does not fit into the 33 bits
/// of a presentation time is refused where it is written.
const fn presentation_time(frame: u64) -> u64 {
    const FRAME: u64 = FRAME_SAMPLES * 90_000 / SAMPLE_RATE;
    frame.saturating_mul(FRAME).saturating_add(START)
}

fn packet(
    pid: u16,
    counter: ContinuityCounter,
    adaptation_field: Option<AdaptationField>,
    payload: TsPayload,
) -> Result<TsPacket, Error> {
    Ok(TsPacket {
        header: TsHeader {
            transport_error_indicator: false,
            transport_priority: false,
            pid: Pid::new(pid)?,
            transport_scrambling_control: TransportScramblingControl::NotScrambled,
            continuity_counter: counter,
        },
        adaptation_field,
        payload: Some(payload),
    })
}

fn pes_header(time: u64) -> Result<PesHeader, Error> {
    Ok(PesHeader {
        stream_id: StreamId::new(StreamId::AUDIO_MIN),
        priority: false,
        data_alignment_indicator: true,
        copyright: false,
        original_or_copy: false,
        pts: Some(Timestamp::new(time)?),
        dts: None,
        escr: None,
    })
}

fn adaptation(time: u64) -> Result<AdaptationField, Error> {
    Ok(AdaptationField {
        discontinuity_indicator: false,
        random_access_indicator: true,
        es_priority_indicator: false,
        pcr: Some(ClockReference::new((time - LEAD) * 300)?),
        opcr: None,
        splice_countdown: None,
        transport_private_data: Vec::new(),
        extension: None,
    })
}

/// MPEG-4, AAC-LC, 48 kHz, no CRC, variable rate, one frame.
#[expect(
    clippy::cast_possible_truncation,
    reason = "each byte takes its bits of the length"
)]
fn adts_header(channels: u8, frame_bytes: usize) -> [u8; ADTS_HEADER] {
    const LOW_COMPLEXITY: u8 = 1;
    let length = frame_bytes + ADTS_HEADER;
    [
        0xFF,
        0xF1,
        LOW_COMPLEXITY << 6 | FREQUENCY_INDEX << 2 | channels >> 2,
        (channels & 3) << 6 | (length >> 11) as u8 & 3,
        (length >> 3) as u8,
        (length << 5) as u8 | 0x1F,
        0xFC,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::fragment::{Sample, Sync};
    use mpeg2ts::ts::{ReadTsPacket, TsPacketReader};
    use proptest::prelude::*;

    fn fragment(sizes: &[usize], decode_time: u64) -> (Bytes, Fragment) {
        let mut bytes = Vec::new();
        let mut samples = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            let begin = bytes.len();
            bytes.extend(vec![u8::try_from(number % 251).unwrap(); *size]);
            samples.push(Sample {
                duration: FRAME_SAMPLES,
                bytes: begin..bytes.len(),
                sync: Sync::Yes,
            });
        }
        (
            bytes.into(),
            Fragment {
                decode_time,
                samples,
            },
        )
    }

    /// The elementary stream and the presentation times, as another reader sees them.
    fn unwrapped(segment: &[u8]) -> (Vec<u8>, Vec<u64>) {
        let (mut stream, mut times) = (Vec::new(), Vec::new());
        let mut reader = TsPacketReader::new(segment);
        while let Some(packet) = reader.read_ts_packet().unwrap() {
            match packet.payload {
                Some(TsPayload::PesStart(pes)) => {
                    times.push(pes.header.pts.unwrap().as_u64());
                    stream.extend_from_slice(&pes.data);
                }
                Some(TsPayload::PesContinuation(data)) => stream.extend_from_slice(&data),
                _ => {}
            }
        }
        (stream, times)
    }

    proptest! {
        /// What goes in comes out: every frame behind a header that gives its length.
        #[test]
        fn frames_survive(sizes in prop::collection::vec(1..1536_usize, 1..40)) {
            let (bytes, fragment) = fragment(&sizes, 0);
            let segment = Transport::new(Channels::Stereo).wrap(&bytes, &fragment).unwrap();
            prop_assert_eq!(segment.len() % TsPacket::SIZE, 0);
            let (stream, times) = unwrapped(&segment);
            let expected: Vec<u8> = fragment
                .samples
                .iter()
                .flat_map(|sample| {
                    let frame = &bytes[sample.bytes.clone()];
                    [&adts_header(2, frame.len())[..], frame].concat()
                })
                .collect();
            prop_assert_eq!(stream, expected);
            prop_assert_eq!(times.len(), sizes.len().div_ceil(FRAMES_PER_PES));
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] == 4 * 1920));
        }
    }

    #[test]
    fn every_segment_begins_with_its_tables_and_goes_on_counting() {
        let mut transport = Transport::new(Channels::Mono);
        let (bytes, first) = fragment(&[300; 9], 0);
        let second = Fragment {
            decode_time: 9 * FRAME_SAMPLES,
            ..first.clone()
        };
        let mut counters = Vec::new();
        for (number, fragment) in [first, second].iter().enumerate() {
            let segment = transport.wrap(&bytes, fragment).unwrap();
            let mut reader = TsPacketReader::new(&segment[..]);
            let pat = reader.read_ts_packet().unwrap().unwrap();
            let pmt = reader.read_ts_packet().unwrap().unwrap();
            assert!(matches!(pat.payload, Some(TsPayload::Pat(_))));
            assert!(matches!(pmt.payload, Some(TsPayload::Pmt(_))));
            assert_eq!(usize::from(pat.header.continuity_counter.as_u8()), number);
            while let Some(packet) = reader.read_ts_packet().unwrap() {
                counters.push(packet.header.continuity_counter.as_u8());
            }
            assert_eq!(
                unwrapped(&segment).1[0],
                presentation_time(number as u64 * 9)
            );
        }
        assert!(
            counters
                .windows(2)
                .all(|pair| pair[1] == (pair[0] + 1) % 16)
        );
    }

    #[test]
    fn a_time_beyond_33_bits_is_an_error() {
        let (bytes, fragment) = fragment(&[300; 2], 0);
        let late = Fragment {
            decode_time: u64::MAX,
            ..fragment
        };
        assert!(Transport::new(Channels::Mono).wrap(&bytes, &late).is_err());
    }

    #[test]
    fn a_header_gives_the_length_of_its_frame() {
        let header = adts_header(2, 1000);
        let length = usize::from(header[3] & 3) << 11
            | usize::from(header[4]) << 3
            | usize::from(header[5] >> 5);
        assert_eq!(length, 1007);
        assert_eq!(&header[..2], &[0xFF, 0xF1]);
    }
}
