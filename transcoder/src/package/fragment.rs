//! What an initialization segment and a movie fragment say (ISO/IEC 14496-12 §8.8).
use bytes::Bytes;
use mp4_atom::{Any, Codec, DecodeMaybe, Moof, Moov, Traf};
use std::ops::Range;

/// `sample_is_non_sync_sample` of the sample flags, §8.8.3.1.
const NON_SYNC: u32 = 0x0001_0000;

/// What an initialization segment says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Init {
    /// Codec by RFC 6381.
    pub codec: String,
    /// Units a second of the track's times.
    pub timescale: u32,
    /// The edit list: segment duration and media time of each entry.
    pub edits: Vec<(u64, Option<u64>)>,
    /// What samples have where the fragments are silent.
    pub defaults: Defaults,
}

/// What samples have where the fragments are silent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Defaults {
    duration: u32,
    size: u32,
    flags: u32,
}

/// What a fragment says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fragment {
    /// Decode time of its first sample.
    pub decode_time: u64,
    /// Its samples.
    pub samples: Vec<Sample>,
}

/// One sample of a fragment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sample {
    /// Its length in units of the timescale.
    pub duration: u64,
    /// Where its bytes lie in the fragment.
    pub bytes: Range<usize>,
    /// Whether decoding can begin with it.
    pub sync: Sync,
}

/// Whether decoding can begin with a sample.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sync {
    /// It can.
    Yes,
    /// It can't.
    No,
}

/// Bytes that do not say what they have to.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No such boxes.
    #[error("{0}")]
    Atom(#[from] mp4_atom::Error),
    /// A box is missing, or there is another number of them.
    #[error("{0} is missing or not alone")]
    Missing(&'static str),
    /// Not a codec that was asked for.
    #[error("a track of another codec than AAC and H.264")]
    Codec,
    /// Samples beyond the end of the fragment.
    #[error("samples lie outside of the fragment")]
    Bounds,
}

/// Reads an initialization segment.
pub fn read_init(bytes: &Bytes) -> Result<Init, ReadError> {
    let moov = find(bytes, |any| match any {
        Any::Moov(moov) => Some(moov),
        _ => None,
    })?
    .ok_or(ReadError::Missing("moov"))?;
    let [track] = moov.trak.as_slice() else {
        return Err(ReadError::Missing("trak"));
    };
    let [codec] = track.mdia.minf.stbl.stsd.codecs.as_slice() else {
        return Err(ReadError::Missing("stsd"));
    };
    let edits = track
        .edts
        .iter()
        .flat_map(|edts| &edts.elst)
        .flat_map(|elst| &elst.entries);
    Ok(Init {
        codec: codec_name(codec)?,
        timescale: track.mdia.mdhd.timescale,
        edits: edits
            .map(|edit| (edit.segment_duration, edit.media_time))
            .collect(),
        defaults: defaults(&moov),
    })
}

/// By RFC 6381 and, for H.264, ISO/IEC 14496-15 §E.2.
fn codec_name(codec: &Codec) -> Result<String, ReadError> {
    match codec {
        Codec::Mp4a(mp4a) => {
            let config = &mp4a.esds.es_desc.dec_config;
            let specific = config.dec_specific.as_ref();
            let specific = specific.ok_or(ReadError::Missing("AudioSpecificConfig"))?;
            let kind = config.object_type_indication;
            Ok(format!("mp4a.{kind:x}.{}", specific.profile))
        }
        Codec::Avc1(avc1) => Ok(format!(
            "avc1.{:02x}{:02x}{:02x}",
            avc1.avcc.avc_profile_indication,
            avc1.avcc.profile_compatibility,
            avc1.avcc.avc_level_indication
        )),
        _ => Err(ReadError::Codec),
    }
}

fn defaults(moov: &Moov) -> Defaults {
    let trex = moov.mvex.iter().flat_map(|mvex| &mvex.trex).next();
    trex.map_or(Defaults::default(), |trex| Defaults {
        duration: trex.default_sample_duration,
        size: trex.default_sample_size,
        flags: trex.default_sample_flags,
    })
}

/// Reads a fragment.
pub fn read_fragment(bytes: &Bytes, defaults: Defaults) -> Result<Fragment, ReadError> {
    let (moof, start) = find_at(bytes)?;
    let [traf] = moof.traf.as_slice() else {
        return Err(ReadError::Missing("traf"));
    };
    let decode_time = traf.tfdt.as_ref().ok_or(ReadError::Missing("tfdt"))?;
    let samples = samples(traf, defaults, start)?;
    if samples
        .last()
        .is_some_and(|sample| sample.bytes.end > bytes.len())
    {
        return Err(ReadError::Bounds);
    }
    Ok(Fragment {
        decode_time: decode_time.base_media_decode_time,
        samples,
    })
}

/// The fragment's `moof` and where it begins: offsets count from there (default-base-is-moof).
fn find_at(bytes: &Bytes) -> Result<(Moof, usize), ReadError> {
    let mut rest = &bytes[..];
    loop {
        let start = bytes.len() - rest.len();
        match Any::decode_maybe(&mut rest)? {
            Some(Any::Moof(moof)) => return Ok((moof, start)),
            Some(_) => {}
            None => return Err(ReadError::Missing("moof")),
        }
    }
}

fn find<T>(bytes: &Bytes, pick: impl Fn(Any) -> Option<T>) -> Result<Option<T>, ReadError> {
    let mut rest = &bytes[..];
    while let Some(any) = Any::decode_maybe(&mut rest)? {
        if let Some(found) = pick(any) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn samples(traf: &Traf, defaults: Defaults, start: usize) -> Result<Vec<Sample>, ReadError> {
    let header = &traf.tfhd;
    let duration = header.default_sample_duration.unwrap_or(defaults.duration);
    let size = header.default_sample_size.unwrap_or(defaults.size);
    let flags = header.default_sample_flags.unwrap_or(defaults.flags);
    let mut samples = Vec::new();
    let mut position = start;
    for run in &traf.trun {
        if let Some(offset) = run.data_offset {
            let offset = usize::try_from(offset).map_err(|_| ReadError::Bounds)?;
            position = start.checked_add(offset).ok_or(ReadError::Bounds)?;
        }
        for entry in &run.samples {
            let length = entry.size.unwrap_or(size) as usize;
            let end = position.checked_add(length).ok_or(ReadError::Bounds)?;
            let flags = entry.flags.unwrap_or(flags);
            samples.push(Sample {
                duration: u64::from(entry.duration.unwrap_or(duration)),
                bytes: position..end,
                sync: if flags & NON_SYNC == 0 {
                    Sync::Yes
                } else {
                    Sync::No
                },
            });
            position = end;
        }
    }
    Ok(samples)
}
