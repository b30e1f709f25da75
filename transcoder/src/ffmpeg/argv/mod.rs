//! Command lines, from plans. Pure: snapshots hold them.
mod video;

use super::process::FIRST_EXTRA;
use crate::ladder::{AudioPlan, Channels, Plan, Storyboard, VideoPlan};
use crate::length::SAMPLE_RATE;
use crate::loudness;
use std::path::Path;

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

/// Where a tool reads the source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Address<'a> {
    /// In this file.
    File(&'a Path),
    /// On its standard input.
    Stdin,
}

impl Address<'_> {
    const fn protocol(self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Stdin => "pipe",
        }
    }

    fn url(self) -> String {
        match self {
            Self::File(path) => format!("file:{}", path.display()),
            Self::Stdin => "pipe:0".to_owned(),
        }
    }
}

/// ffprobe: container and tracks of the source, as JSON.
pub fn probe(source: Address<'_>) -> Vec<String> {
    let mut argv = strings(&["-hide_banner", "-loglevel", "level+warning"]);
    argv.extend(strings(&["-max_alloc", MAX_ALLOC]));
    argv.extend(input_guards(source.protocol(), SOURCE_FORMATS));
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
    argv.push(source.url());
    argv
}

/// The decoding ffmpeg: one track of the source as interleaved 32-bit floats at 48 kHz on
/// stdout.
pub fn decode(plan: &AudioPlan, source: Address<'_>, threads: usize) -> Vec<String> {
    let mut argv = decoded(plan, source, threads);
    argv.extend(without_metadata());
    argv.extend(strings(&["-f", "f32le", "pipe:1"]));
    argv
}

/// The same, of which nothing comes out but what the log says: so many seconds at most.
pub fn measure(plan: &AudioPlan, source: Address<'_>, threads: usize, seconds: u64) -> Vec<String> {
    let mut argv = decoded(plan, source, threads);
    argv.extend(["-t".to_owned(), seconds.to_string()]);
    argv.extend(strings(&["-f", "null", "-"]));
    argv
}

fn decoded(plan: &AudioPlan, source: Address<'_>, threads: usize) -> Vec<String> {
    let mut argv = common();
    argv.extend(input_guards(source.protocol(), SOURCE_FORMATS));
    argv.extend(["-threads".to_owned(), threads.to_string()]);
    argv.extend(["-i".to_owned(), source.url()]);
    argv.extend(["-map".to_owned(), format!("0:{}", plan.track_index)]);
    argv.extend(["-af".to_owned(), decode_filters(plan)]);
    argv
}

/// Where the encoding ffmpeg reads the samples.
pub const PCM_DESCRIPTOR: i32 = FIRST_EXTRA;

/// The encoding ffmpeg: both ladders at once, one fragmented MP4 a rung. Sound comes as samples
/// on [`PCM_DESCRIPTOR`], pictures come from the source. The rungs go out on the descriptors
/// behind that, in the plan's order.
pub fn encode(plan: &Plan, source: Address<'_>, threads: usize) -> Vec<String> {
    let mut argv = common();
    argv.extend(film_input(plan, source, threads));
    argv.extend(sound_input(plan));
    let sound = format!("{}:a:0", usize::from(plan.video.is_some()));
    let mut outputs = Vec::new();
    if let Some(audio) = &plan.audio {
        let rungs = audio.rungs.iter();
        outputs.extend(rungs.map(|rung| audio_rung(audio, &sound, rung.bitrate_kbps)));
    }
    if let Some(film) = &plan.video {
        let rungs = film.rungs.iter().enumerate();
        outputs.extend(rungs.map(|(index, rung)| video::rung(film, index, rung, threads)));
    }
    for (output, descriptor) in outputs.into_iter().zip(PCM_DESCRIPTOR + 1..) {
        argv.extend(output);
        argv.extend([
            "-f".to_owned(),
            "mp4".to_owned(),
            format!("pipe:{descriptor}"),
        ]);
    }
    argv
}

fn film_input(plan: &Plan, source: Address<'_>, threads: usize) -> Vec<String> {
    let Some(film) = &plan.video else {
        return Vec::new();
    };
    let threads = threads.to_string();
    let mut argv = input_guards(source.protocol(), SOURCE_FORMATS);
    argv.extend(strings(&["-threads", &threads, "-i"]));
    argv.push(source.url());
    argv.extend(strings(&[
        "-filter_complex_threads",
        &threads,
        "-filter_complex",
    ]));
    argv.push(video::filters(film));
    argv
}

fn sound_input(plan: &Plan) -> Vec<String> {
    let Some(audio) = &plan.audio else {
        return Vec::new();
    };
    let mut argv = input_guards("pipe", "f32le");
    argv.extend(strings(&["-f", "f32le", "-ar"]));
    argv.push(SAMPLE_RATE.to_string());
    argv.extend(strings(&["-ch_layout", audio.channels.layout(), "-i"]));
    argv.push(format!("pipe:{PCM_DESCRIPTOR}"));
    argv
}

fn audio_rung(plan: &AudioPlan, track: &str, bitrate_kbps: u32) -> Vec<String> {
    let mut argv = strings(&["-map", track, "-c:a", "aac", "-b:a"]);
    argv.push(format!("{bitrate_kbps}k"));
    argv.extend(without_metadata());
    argv.extend(strings(&["-movflags", FRAGMENTS, "-flush_packets", "1"]));
    argv.extend([
        "-frag_duration".to_owned(),
        plan.fragment_micros().to_string(),
    ]);
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
        argv.extend(["-map".to_owned(), format!("{index}:0")]);
        argv.extend(strings(&["-fps_mode", "passthrough", "-f", "null", "-"]));
    }
    argv
}

/// The storyboard of the rung that comes on stdin: its sheets on stdout, each a fragment.
pub fn storyboard(board: &Storyboard) -> Vec<String> {
    let mut argv = first_pictures();
    argv.extend(["-vf".to_owned(), video::board(board)]);
    argv.extend(jpeg());
    argv.extend(strings(&[
        "-movflags",
        "+empty_moov+default_base_moof+frag_every_frame",
    ]));
    argv.extend(strings(&["-flush_packets", "1", "-f", "mp4", "pipe:1"]));
    argv
}

/// The poster of a film, from pieces of a rung on stdin: one JPEG on stdout.
pub fn poster(plan: &VideoPlan) -> Vec<String> {
    let mut argv = first_pictures();
    argv.extend(["-vf".to_owned(), video::poster(plan)]);
    argv.extend(one_jpeg());
    argv
}

/// The cover art of a recording: one JPEG on stdout.
pub fn cover(source: Address<'_>, track_index: usize) -> Vec<String> {
    let mut argv = common();
    argv.extend(input_guards(source.protocol(), SOURCE_FORMATS));
    argv.extend(strings(&["-threads", "1", "-i"]));
    argv.push(source.url());
    argv.extend(["-map".to_owned(), format!("0:{track_index}")]);
    argv.extend(["-vf".to_owned(), video::COVER.to_owned()]);
    argv.extend(one_jpeg());
    argv
}

/// What we have encoded, on stdin, of which those pictures are decoded that need no others.
fn first_pictures() -> Vec<String> {
    let mut argv = common();
    argv.extend(input_guards("pipe", "mov"));
    argv.extend(strings(&[
        "-threads",
        "1",
        "-skip_frame",
        "nokey",
        "-i",
        "pipe:0",
    ]));
    argv.extend(strings(&["-map", "0:0"]));
    argv
}

fn one_jpeg() -> Vec<String> {
    let mut argv = strings(&["-frames:v", "1"]);
    argv.extend(jpeg());
    argv.extend(strings(&["-f", "image2pipe", "pipe:1"]));
    argv
}

fn jpeg() -> Vec<String> {
    let mut argv = strings(&["-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p"]);
    argv.extend(strings(&["-fps_mode", "passthrough", "-threads", "1"]));
    argv.extend(without_metadata());
    argv
}

fn decode_filters(plan: &AudioPlan) -> String {
    let mut filters = vec![format!(
        "aresample={SAMPLE_RATE}:async=1:first_pts=0,aformat=sample_fmts=flt:channel_layouts={}",
        plan.channels.layout()
    )];
    let level = loudness::filters(plan);
    if !level.is_empty() {
        filters.extend(level);
        filters.push("aformat=sample_fmts=flt".to_owned());
    }
    filters.join(",")
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
    use crate::ladder::Limiter;
    use crate::ladder::fixtures::{film, song};
    use crate::loudness::Level;

    #[test]
    fn the_command_lines() {
        let source = Address::File(Path::new("/scratch/source"));
        let stereo = song(Channels::Stereo, &[64, 128, 192, 256]);
        let mono = song(Channels::Mono, &[64, 128]);
        let film = film();
        let mut limited = stereo.audio.clone().unwrap();
        limited.limiter = Limiter::On;
        let level = |level| AudioPlan {
            level,
            ..limited.clone()
        };
        let untouched = level(Level::Untouched);
        let metered = level(Level::Metered);
        insta::assert_snapshot!("probe", probe(source).join(" "));
        insta::assert_snapshot!(
            "decode",
            decode(&stereo.audio.clone().unwrap(), source, 2).join(" ")
        );
        insta::assert_snapshot!("decode_limited", decode(&untouched, source, 1).join(" "));
        insta::assert_snapshot!("decode_metered", decode(&metered, source, 1).join(" "));
        insta::assert_snapshot!("measure", measure(&metered, source, 1, 60).join(" "));
        insta::assert_snapshot!("encode", encode(&stereo, source, 2).join(" "));
        insta::assert_snapshot!("encode_mono", encode(&mono, source, 2).join(" "));
        insta::assert_snapshot!("encode_film", encode(&film, source, 2).join(" "));
        insta::assert_snapshot!("check", check("mov", 2).join(" "));
        insta::assert_snapshot!("probe_streamed", probe(Address::Stdin).join(" "));
        insta::assert_snapshot!(
            "encode_film_streamed",
            encode(&film, Address::Stdin, 2).join(" ")
        );
        insta::assert_snapshot!("cover", cover(source, 1).join(" "));
        let film = film.video.unwrap();
        insta::assert_snapshot!("poster", poster(&film).join(" "));
        insta::assert_snapshot!("storyboard", storyboard(&film.storyboard).join(" "));
    }

    #[test]
    fn high_dynamic_range_is_brought_down_before_it_is_encoded() {
        let mut plan = film();
        if let Some(film) = &mut plan.video {
            film.transfer = crate::probe::Transfer::Pq;
            film.hold_millis = 6000;
        }
        insta::assert_snapshot!("filters_hdr", video::filters(plan.video.as_ref().unwrap()));
    }
}
