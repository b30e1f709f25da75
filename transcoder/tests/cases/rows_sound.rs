//! Rows of the contract: sources that are heard.
use crate::case::{Case, Source, made, row};
use crate::check::Ready;
use crate::craft;
use crate::packages::{debian, python};
use crate::support::media::decoded;
use vessel_crds::media::{TrackKind, TrackUsage};

pub const CONTAINERS: &[Case] = &[
    row(1, "WAV, 16 bit", made("a.wav", "TONE"))
        .of("wav: pcm_s16le")
        .sound(480_000, 2)
        .also(&[frames_470]),
    row(1, "WAV, 8 bit", made("a.wav", "TONE -c:a pcm_u8"))
        .of("wav: pcm_u8")
        .sound(480_000, 2),
    row(1, "AIFF, 24 bit", made("a.aiff", "TONE -c:a pcm_s24be"))
        .of("aiff: pcm_s24be")
        .sound(480_000, 2),
    row(1, "CAF, 16 bit", made("a.caf", "TONE -c:a pcm_s16be"))
        .of("caf: pcm_s16be")
        .sound(480_000, 2),
    row(1, "ALAC in M4A", made("a.m4a", "TONE -c:a alac"))
        .of("mov: alac")
        .sound(480_000, 2),
    row(1, "WavPack", made("a.wv", "TONE -c:a wavpack"))
        .of("wv: wavpack")
        .sound(480_000, 2),
    row(1, "Opus in Ogg", made("a.opus", "TONE -c:a libopus"))
        .of("ogg: opus")
        .sound(480_000, 2)
        .also(&[frames_470]),
    row(1, "Vorbis in Ogg", made("a.ogg", "TONE -c:a libvorbis"))
        .of("ogg: vorbis")
        .sound(480_000, 2),
    row(
        1,
        "MP3 with a LAME header",
        made("a.mp3", "TONE -c:a libmp3lame"),
    )
    .of("mp3: mp3")
    .sound(480_000, 2),
];

pub const UNDECLARED: &[Case] = &[
    row(
        2,
        "MP3 without a Xing header",
        made("a.mp3", "TONE -c:a libmp3lame -write_xing 0"),
    )
    .of("mp3: mp3")
    .sound(481_489, 2),
    row(
        2,
        "MP3 without a Xing header, cut in the middle: no length is checked",
        Source::Crafted(craft::half_mp3_without_xing),
    )
    .of("mp3: mp3")
    .sound(240_745, 1),
    row(
        3,
        "ADTS AAC, mono: no length is known, and no percentage before the end",
        made("a.aac", "TONE -ac 1 -c:a aac"),
    )
    .of("aac: aac")
    .sound(481_489, 2)
    .also(&[no_percentage]),
];

pub const RATES: &[Case] = &[
    row(
        4,
        "FLAC, 24 bit, 96 kHz, a minute",
        made(
            "a.flac",
            "-f lavfi -i sine=440:r=96000:d=60 -ac 2 -c:a flac -sample_fmt s32",
        ),
    )
    .of("flac: flac")
    .sound(2_880_000, 11),
    row(
        5,
        "WAV, 24 bit, 192 kHz",
        made(
            "a.wav",
            "-f lavfi -i sine=440:r=192000:d=5 -ac 2 -c:a pcm_s24le",
        ),
    )
    .of("wav: pcm_s24le")
    .sound(240_000, 1),
    row(
        5,
        "FLAC, 88.2 kHz",
        made("a.flac", "-f lavfi -i sine=440:r=88200:d=10 -ac 2"),
    )
    .of("flac: flac")
    .sound(480_000, 2),
    row(
        6,
        "WAV, µ-law, 8 kHz, mono",
        made(
            "a.wav",
            "-f lavfi -i sine=440:r=8000:d=10 -ac 1 -c:a pcm_mulaw",
        ),
    )
    .rungs(&[64, 128, 192])
    .of("wav: pcm_mulaw")
    .sound(480_000, 2)
    .also(&[one_channel_up_to_128k]),
];

pub const SURROUND: &[Case] = &[
    row(7, "FLAC, 5.1, loud", made("a.flac", LOUD))
        .rungs(&[256])
        .of("flac: flac")
        .sound(384_000, 2)
        .also(&[does_not_clip]),
    row(7, "AC-3, 5.1, loud", made("a.ac3", LOUD))
        .rungs(&[256])
        .of("ac3: ac3")
        .sound(384_000, 2)
        .also(&[does_not_clip]),
    row(7, "E-AC-3, 5.1, loud", made("a.eac3", LOUD))
        .rungs(&[256])
        .of("eac3: eac3")
        .sound(384_000, 2)
        .also(&[does_not_clip]),
];

const LOUD: &str =
    "-f lavfi -i sine=440:r=48000:d=8 -af pan=5.1|c0=8*c0|c1=8*c0|c2=8*c0|c3=8*c0|c4=8*c0|c5=8*c0";

pub const SHORT: &[Case] = &[
    row(
        8,
        "WAV of 1 sample",
        made("a.wav", "SINE -af atrim=end_sample=1"),
    )
    .rungs(&[64, 128])
    .of("wav: pcm_s16le")
    .sound(1, 1),
    row(
        8,
        "WAV of 1023 samples",
        made("a.wav", "SINE -af atrim=end_sample=1023"),
    )
    .rungs(&[64, 128])
    .of("wav: pcm_s16le")
    .sound(1023, 1),
    row(
        8,
        "WAV of 1024 samples",
        made("a.wav", "SINE -af atrim=end_sample=1024"),
    )
    .rungs(&[64, 128])
    .of("wav: pcm_s16le")
    .sound(1024, 1),
    row(
        8,
        "WAV of 1025 samples",
        made("a.wav", "SINE -af atrim=end_sample=1025"),
    )
    .rungs(&[64, 128])
    .of("wav: pcm_s16le")
    .sound(1025, 1),
    row(
        12,
        "FLAC of digital silence",
        made("a.flac", "-f lavfi -i anullsrc=r=48000:cl=stereo -t 10"),
    )
    .of("flac: flac")
    .sound(480_000, 2),
];

pub const COVERED: &[Case] = &[
    row(10, "MP3 with a PNG as cover", Source::Steps(&[COVER, ("a.mp3", "TONE -i cover.png -map 0 -map 1 -disposition:v attached_pic -c:a libmp3lame -c:v copy")]))
        .of("mp3: mp3, png").sound(480_000, 2).also(&[cover_is_unused]),
    row(10, "FLAC with a PNG as cover", Source::Steps(&[COVER, ("a.flac", "TONE -i cover.png -map 0 -map 1 -disposition:v attached_pic -c:a flac -c:v copy")]))
        .of("flac: flac, png").sound(480_000, 2).also(&[cover_is_unused]),
    row(11, "AAC in M4A with a PNG as cover", Source::Steps(&[COVER, ("a.m4a", "TONE -i cover.png -map 0 -map 1 -disposition:v attached_pic -c:a aac -c:v copy")]))
        .of("mov: aac, png").sound(480_375, 2).also(&[cover_is_unused]),
];

const COVER: (&str, &str) = ("cover.png", "-f lavfi -i color=red:s=64x64:d=1 -frames:v 1");

pub const DAMAGED: &[Case] = &[
    row(
        16,
        "MP3 with 60 flipped bits",
        Source::Crafted(craft::flipped_mp3),
    )
    .rungs(&[64, 128])
    .of("mp3: mp3")
    .sound(1_438_249, 6)
    .also(&[errors_are_recorded]),
    row(
        18,
        "AAC in Matroska with a hole of 2 s",
        Source::Steps(&[
            ("a.m4a", "TONE -c:a aac"),
            (
                "a.mkv",
                "-i a.m4a -c copy -bsf:a noise=drop=between(pts*tb\\,4\\,6)",
            ),
        ]),
    )
    .of("matroska: aac")
    .sound(481_481, 2),
];

pub const PACKAGED: &[Case] = &[
    row(
        36,
        "`Front_Center.wav` of alsa-utils",
        Source::Packaged(|| debian("alsa-utils", "usr/share/sounds/alsa/Front_Center.wav")),
    )
    .of("wav: pcm_s16le")
    .sound(68_545, 1),
    row(
        36,
        "`audio-channel-front-center.oga` of sound-theme-freedesktop",
        Source::Packaged(|| {
            debian(
                "sound-theme-freedesktop",
                "usr/share/sounds/freedesktop/stereo/audio-channel-front-center.oga",
            )
        }),
    )
    .of("ogg: vorbis")
    .sound(68_545, 1),
    row(
        37,
        "`house_lo.wav` of pygame",
        Source::Packaged(|| pygame("wav")),
    )
    .of("wav: pcm_u8")
    .sound(341_033, 2),
    row(
        37,
        "`house_lo.ogg` of pygame",
        Source::Packaged(|| pygame("ogg")),
    )
    .of("ogg: vorbis")
    .sound(341_033, 2),
    row(
        37,
        "`house_lo.mp3` of pygame",
        Source::Packaged(|| pygame("mp3")),
    )
    .of("mp3: mp3")
    .sound(348_578, 2),
];

fn pygame(extension: &str) -> std::path::PathBuf {
    python(
        "pygame==2.6.1",
        &format!("pygame/examples/data/house_lo.{extension}"),
    )
}

/// One sound under many names: each is served by a web server under this path and file name.
pub const NAMES: &[Case] = &[
    row(39, "a line break in the name", SHORT_WAV)
        .named("/a%0Ab.wav", "attachment")
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    row(39, "a name that looks like an option", SHORT_WAV)
        .named("/-y", "attachment; filename=\"-y\"")
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    row(39, "a name that looks like a protocol", SHORT_WAV)
        .named(
            "/concat:a|b",
            "attachment; filename=\"concat:/etc/passwd|b\"",
        )
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    row(39, "a name that looks like a pattern", SHORT_WAV)
        .named("/%2503d.wav", "attachment; filename=\"%03d.wav\"")
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    row(39, "a name that leads elsewhere", SHORT_WAV)
        .named(
            "/..%2F..%2Fetc/passwd",
            "attachment; filename=\"../../etc/passwd\"",
        )
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    row(39, "a name of 300 bytes of UTF-8", SHORT_WAV)
        .named(
            concat!("/", long_name!()),
            concat!("attachment; filename=\"", long_name!(), "\""),
        )
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    row(39, "a name of another container", SHORT_WAV)
        .named("/a.m3u8", "attachment; filename=\"a.png\"")
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
];

macro_rules! long_name {
    () => {
        "éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé"
    };
}
use long_name;

const SHORT_WAV: Source = made("a.wav", "SINE");

fn frames_470(ready: &Ready) {
    assert_eq!(crate::support::film::frames(&ready.sound()), 470);
}

fn no_percentage(ready: &Ready) {
    ready.execution.stub.with(|inner| {
        let known = inner
            .progress
            .iter()
            .filter_map(|progress| progress.percent);
        assert_eq!(known.filter(|&percent| percent < 100).count(), 0);
    });
}

fn one_channel_up_to_128k(ready: &Ready) {
    let rungs: Vec<&str> = ready.sounds().map(|rung| rung.rung.as_str()).collect();
    assert_eq!(rungs, ["audio-64k", "audio-128k"]);
    assert_eq!(channels(ready), 1);
}

pub fn channels(ready: &Ready) -> u16 {
    let joined = ready.sound();
    let mut stream = &joined[..];
    while let Some(any) = mp4_atom::DecodeMaybe::decode_maybe(&mut stream).unwrap() {
        if let mp4_atom::Any::Moov(moov) = any {
            let codecs = &moov.trak[0].mdia.minf.stbl.stsd.codecs;
            let [mp4_atom::Codec::Mp4a(mp4a)] = &codecs[..] else {
                panic!("{codecs:?}")
            };
            return mp4a.audio.channel_count;
        }
    }
    panic!("no moov")
}

/// Two channels whose peak is -1 dBFS and what the coding adds. A sine that begins at full
/// level overshoots at its beginning.
pub fn does_not_clip(ready: &Ready) {
    assert_eq!(channels(ready), 2);
    let path = ready.folder.path().join("joined.mp4");
    std::fs::write(&path, ready.sound()).unwrap();
    let samples = decoded(&path, 2);
    let steady = samples.iter().skip(4096);
    let peak = steady.fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    assert!((0.7..=0.92).contains(&peak), "{peak}");
}

pub fn cover_is_unused(ready: &Ready) {
    let mut tracks = ready.manifest.media.tracks.iter();
    let cover = tracks.find(|track| track.kind == TrackKind::Image);
    assert_eq!(cover.unwrap().usage, TrackUsage::Unused);
}

pub fn errors_are_recorded(ready: &Ready) {
    assert!(ready.manifest.media.decode_errors > Some(0));
    let segments = ready.manifest.rungs[0].segments;
    assert!(ready.sounds().all(|rung| rung.segments == segments));
}
