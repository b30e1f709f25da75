//! Command lines, from plans. Pure: snapshots hold them.
use super::process::FIRST_EXTRA;
use crate::ladder::{AudioPlan, Channels, Limiter};
use crate::length::SAMPLE_RATE;

/// Demuxers that a source may ask for, by ffmpeg's names. Playlists, pictures and everything
/// that opens other files stay out.
const SOURCE_FORMATS: &str =
    "aac,ac3,aiff,asf,avi,caf,eac3,flac,flv,matroska,mov,mp3,mpeg,mpegts,mxf,ogg,w64,wav,wv";
/// Most streams of a source.
const MAX_STREAMS: &str = "64";
/// Most pixels of a picture: 8192 × 4320.
const MAX_PIXELS: &str = "35389440";
/// Largest single allocation of ffmpeg, in bytes.
const MAX_ALLOC: &str = "536870912";
/// Makes ffmpeg write one movie fragment after the other to a pipe, with an edit list, and
/// nothing that would need seeking.
const FRAGMENTS: &str = "+dash+delay_moov+negative_cts_offsets+skip_sidx+skip_trailer";

/// ffprobe: container and tracks of the source, as JSON.
pub fn probe(source: &str) -> Vec<String> {
    let mut argv = strings(&["-hide_banner", "-loglevel", "level+warning"]);
    argv.extend(strings(&["-max_alloc", MAX_ALLOC]));
    argv.extend(input_guards("file", SOURCE_FORMATS));
    argv.extend(strings(&[
        "-show_program_version",
        "-show_format",
        "-show_streams",
        "-show_chapters",
        "-show_programs",
        "-show_stream_groups",
        "-of",
        "json=compact=1",
        "-i",
    ]));
    argv.push(format!("file:{source}"));
    argv
}

/// The decoding ffmpeg: one track of the source as interleaved 32-bit floats at 48 kHz on
/// stdout.
pub fn decode(plan: &AudioPlan, source: &str, threads: usize) -> Vec<String> {
    let mut argv = common();
    argv.extend(input_guards("file", SOURCE_FORMATS));
    argv.extend(["-threads".to_owned(), threads.to_string()]);
    argv.extend(["-i".to_owned(), format!("file:{source}")]);
    argv.extend(["-map".to_owned(), format!("0:a:{}", plan.track)]);
    argv.extend(["-af".to_owned(), decode_filters(plan)]);
    argv.extend(without_metadata());
    argv.extend(strings(&["-f", "f32le", "pipe:1"]));
    argv
}

/// The encoding ffmpeg: the whole ladder from the samples on stdin, one fragmented MP4 a rung
/// on the descriptors from 3 on.
pub fn encode(plan: &AudioPlan) -> Vec<String> {
    let mut argv = common();
    argv.extend(input_guards("pipe", "f32le"));
    argv.extend(strings(&["-f", "f32le", "-ar"]));
    argv.push(SAMPLE_RATE.to_string());
    argv.extend(strings(&[
        "-ch_layout",
        plan.channels.layout(),
        "-i",
        "pipe:0",
    ]));
    for (rung, descriptor) in plan.rungs.iter().zip(FIRST_EXTRA..) {
        argv.extend(strings(&["-map", "0:a:0", "-c:a", "aac", "-b:a"]));
        argv.push(format!("{}k", rung.bitrate_kbps));
        argv.extend(without_metadata());
        argv.extend(strings(&["-movflags", FRAGMENTS, "-flush_packets", "1"]));
        argv.extend([
            "-frag_duration".to_owned(),
            plan.fragment_micros().to_string(),
        ]);
        argv.extend([
            "-f".to_owned(),
            "mp4".to_owned(),
            format!("pipe:{descriptor}"),
        ]);
    }
    argv
}

/// The check of what came out: every input, each on a descriptor from 3 on, is decoded and
/// thrown away.
pub fn check(format: &str, inputs: usize) -> Vec<String> {
    let mut argv = common();
    let descriptors: Vec<i32> = (FIRST_EXTRA..).take(inputs).collect();
    for descriptor in &descriptors {
        argv.extend(input_guards("pipe", format));
        argv.extend(["-i".to_owned(), format!("pipe:{descriptor}")]);
    }
    for index in 0..inputs {
        argv.extend(["-map".to_owned(), format!("{index}:a:0")]);
        argv.extend(strings(&["-f", "null", "-"]));
    }
    argv
}

fn decode_filters(plan: &AudioPlan) -> String {
    let filters = format!(
        "aresample={SAMPLE_RATE}:async=1:first_pts=0,aformat=sample_fmts=flt:channel_layouts={}",
        plan.channels.layout()
    );
    match plan.limiter {
        Limiter::Off => filters,
        // 0.891 is -1 dBFS.
        Limiter::On => {
            format!("{filters},alimiter=limit=0.891:level=0:latency=1,aformat=sample_fmts=flt")
        }
    }
}

fn common() -> Vec<String> {
    strings(&[
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-loglevel",
        "level+verbose",
        "-max_alloc",
        MAX_ALLOC,
    ])
}

/// Options of an input: what it may open, and how much.
fn input_guards(protocols: &str, formats: &str) -> Vec<String> {
    strings(&[
        "-protocol_whitelist",
        protocols,
        "-format_whitelist",
        formats,
        "-max_streams",
        MAX_STREAMS,
        "-max_pixels",
        MAX_PIXELS,
    ])
}

/// Title and location survive an encode otherwise. Per output: it is no global option.
fn without_metadata() -> Vec<String> {
    strings(&["-map_metadata", "-1", "-map_chapters", "-1"])
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

impl Channels {
    /// ffmpeg's name of the layout.
    pub const fn layout(self) -> &'static str {
        match self {
            Self::Mono => "mono",
            Self::Stereo => "stereo",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::AudioRung;

    fn plan(channels: Channels, limiter: Limiter, bitrates: &[u32]) -> AudioPlan {
        AudioPlan {
            track: 0,
            channels,
            limiter,
            rungs: bitrates.iter().map(|&kbps| AudioRung::new(kbps)).collect(),
            frames_per_segment: 281,
        }
    }

    #[test]
    fn the_command_lines() {
        let stereo = plan(Channels::Stereo, Limiter::Off, &[64, 128, 192, 256]);
        let limited = plan(Channels::Stereo, Limiter::On, &[64]);
        insta::assert_snapshot!("probe", probe("/scratch/source").join(" "));
        insta::assert_snapshot!("decode", decode(&stereo, "/scratch/source", 2).join(" "));
        insta::assert_snapshot!(
            "decode_limited",
            decode(&limited, "/scratch/source", 1).join(" ")
        );
        insta::assert_snapshot!("encode", encode(&stereo).join(" "));
        insta::assert_snapshot!(
            "encode_mono",
            encode(&plan(Channels::Mono, Limiter::Off, &[64, 128])).join(" ")
        );
        insta::assert_snapshot!("check", check("mov", 2).join(" "));
    }
}
