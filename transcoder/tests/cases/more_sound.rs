//! Sources that are heard, as people upload them.
use crate::case::{Case, Source, case, made};
use crate::check::Ready;
use crate::craft;
use crate::rows_sound::{cover_is_unused, does_not_clip, errors_are_recorded};
use vessel_crds::media::TrackUsage;
use vessel_crds::reason::FailureReason::SourceInvalid;

pub const TRACKS: &[Case] = &[
    case("audiobook: M4A with chapters", Source::Crafted(craft::chapters)).of("mov: aac, bin_data").sound(96_256, 1),
    case("Matroska with two languages, the second one marked as default", made("a.mka", "-f lavfi -i sine=440:r=48000:d=1 SINE -map 0 -map 1 -c:a flac -disposition:a:0 0 -disposition:a:1 default -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger"))
        .of("matroska: flac, flac").sound(96_000, 1).also(&[second_is_used]),
    case("Matroska with two tracks of which none is marked", made("a.mka", "SINE -f lavfi -i sine=440:r=48000:d=1 -map 0 -map 1 -c:a flac -default_mode passthrough -disposition:a 0"))
        .of("matroska: flac, flac").sound(96_000, 1),
];

pub const LAYOUTS: &[Case] = &[
    case(
        "FLAC, 7.1, loud",
        made(
            "a.flac",
            "SINE -af volume=8,pan=7.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0|c6=c0|c7=c0",
        ),
    )
    .rungs(&[256])
    .of("flac: flac")
    .sound(96_000, 1)
    .also(&[does_not_clip]),
    case(
        "WAV, quadrophonic, loud",
        made(
            "a.wav",
            "SINE -af volume=8,pan=quad|c0=c0|c1=c0|c2=c0|c3=c0",
        ),
    )
    .rungs(&[256])
    .of("wav: pcm_s16le")
    .sound(96_000, 1)
    .also(&[does_not_clip]),
    case(
        "Opus, 5.1, in Matroska",
        made(
            "a.mka",
            "SINE -af pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:a libopus",
        ),
    )
    .of("matroska: opus")
    .sound(96_336, 1),
    case(
        "WAV, 32-bit float, 12 dB beyond full scale",
        made("a.wav", "SINE -ac 2 -af volume=30dB -c:a pcm_f32le"),
    )
    .rungs(&[256])
    .of("wav: pcm_f32le")
    .sound(96_000, 1)
    .also(&[does_not_clip]),
    case("WAV, 64-bit float", made("a.wav", "SINE -c:a pcm_f64le"))
        .of("wav: pcm_f64le")
        .sound(96_000, 1),
    case(
        "WAV of 54444 samples at 44.1 kHz",
        made("a.wav", "TONE -af atrim=end_sample=54444"),
    )
    .of("wav: pcm_s16le")
    .sound(59_259, 1),
    case(
        "WAV, 11.025 kHz, 8 bit, mono",
        made("a.wav", "-f lavfi -i sine=440:r=11025:d=2 -c:a pcm_u8"),
    )
    .of("wav: pcm_u8")
    .sound(96_000, 1),
];

pub const LARGE: &[Case] = &[
    case("RF64", made("a.wav", "SINE -rf64 always"))
        .of("wav: pcm_s16le")
        .sound(96_000, 1),
    case("Wave64", made("a.w64", "SINE"))
        .of("w64: pcm_s16le")
        .sound(96_000, 1),
    case(
        "WAV whose sizes a pipe left open",
        Source::Crafted(craft::open_wav),
    )
    .of("wav: pcm_s16le")
    .sound(96_000, 1),
    case(
        "WAV with a tag behind the samples",
        Source::Crafted(craft::wav_with_tail),
    )
    .of("wav: pcm_s16le")
    .sound(96_000, 1),
    case(
        "three minutes of silence, Opus at 6 kbit/s",
        made(
            "a.opus",
            "-f lavfi -i anullsrc=r=48000:cl=mono -t 180 -c:a libopus -b:a 6k",
        ),
    )
    .of("ogg: opus")
    .sound(8_640_000, 31),
];

pub const TAGGED: &[Case] = &[
    case(
        "MP3 with an ID3v2 tag of 1 MB",
        Source::Crafted(craft::mp3_with_large_tag),
    )
    .of("mp3: mp3")
    .sound(96_000, 1),
    case(
        "MP3 with an ID3v1 tag",
        made(
            "a.mp3",
            "SINE -c:a libmp3lame -write_id3v1 1 -metadata title=a",
        ),
    )
    .of("mp3: mp3")
    .sound(96_000, 1),
    case(
        "MP3 with an APE tag",
        Source::Crafted(craft::mp3_with_ape_tag),
    )
    .of("mp3: mp3")
    .sound(96_000, 1),
    case(
        "MP3 behind 3 kB of garbage",
        Source::Crafted(craft::mp3_behind_garbage),
    )
    .of("mp3: mp3")
    .sound(97_920, 1),
    case(
        "MP3, variable bit rate, without a Xing header",
        made("a.mp3", "SINE -c:a libmp3lame -q:a 4 -write_xing 0"),
    )
    .of("mp3: mp3")
    .sound(97_920, 1),
    case(
        "MP3 with a cover that is broken",
        Source::Crafted(craft::broken_cover),
    )
    .of("mp3: mp3, png")
    .sound(96_000, 1)
    .also(&[cover_is_unused]),
];

pub const FLACS: &[Case] = &[
    case(
        "FLAC with a wrong MD5",
        Source::Crafted(craft::flac_wrong_md5),
    )
    .of("flac: flac")
    .sound(96_000, 1),
    case(
        "FLAC that does not count its samples",
        Source::Crafted(craft::flac_without_total),
    )
    .of("flac: flac")
    .sound(96_000, 1),
    case("FLAC in Ogg", made("a.oga", "SINE -c:a flac"))
        .of("ogg: flac")
        .sound(96_000, 1),
    case("FLAC in MP4", made("a.mp4", "SINE -c:a flac -strict -2"))
        .of("mov: flac")
        .sound(96_000, 1),
    case(
        "FLAC behind an ID3v2 tag",
        Source::Crafted(craft::flac_behind_id3),
    )
    .of("flac: flac")
    .sound(96_000, 1),
];

pub const CODECS: &[Case] = &[
    case(
        "M4A that names another file for its media: it is not opened",
        Source::Crafted(craft::external_reference),
    )
    .of("mov: aac")
    .sound(96_256, 1),
    case(
        "AAC as LATM, in a transport stream",
        made("a.ts", "SINE -c:a aac -mpegts_flags +latm"),
    )
    .of("mpegts: aac_latm")
    .sound(97_280, 1),
    case(
        "Opus, mono, of which the pre-skip is cut off",
        made("a.opus", "SINE -c:a libopus -ac 1"),
    )
    .of("ogg: opus")
    .sound(96_000, 1),
    case("Opus in MP4", made("a.mp4", "SINE -c:a libopus"))
        .of("mov: opus")
        .sound(96_648, 1),
    case(
        "Speex in Ogg",
        made("a.spx", "-f lavfi -i sine=440:r=16000:d=2 -c:a libspeex"),
    )
    .of("ogg: speex")
    .sound(99_840, 1),
    case(
        "ADPCM in WAV, of a game",
        made("a.wav", "SINE -c:a adpcm_ima_wav"),
    )
    .of("wav: adpcm_ima_wav")
    .sound(97_968, 1),
    case("WMA", made("a.wma", "SINE -c:a wmav2"))
        .of("asf: wmav2")
        .sound(98_336, 1),
    case("MP2", made("a.mp2", "SINE -c:a mp2"))
        .of("mp3: mp2")
        .sound(96_768, 1),
    case("ALAC in CAF", made("a.caf", "SINE -c:a alac"))
        .of("caf: alac")
        .sound(96_000, 1),
    case(
        "DTS in Matroska",
        made("a.mka", "SINE -ac 2 -c:a dca -strict -2"),
    )
    .of("matroska: dts")
    .sound(96_256, 1),
    case(
        "TrueHD in Matroska",
        made("a.mka", "SINE -ac 2 -c:a truehd -strict -2"),
    )
    .of("matroska: truehd")
    .sound(96_000, 1),
    case(
        "PCM in MXF",
        made("a.mxf", "FILM SINE -c:v mpeg2video -c:a pcm_s16le"),
    )
    .of("mxf: mpeg2video, pcm_s16le")
    .sound(96_000, 1),
    case(
        "AIFF-C, 32-bit float",
        made("a.aiff", "SINE -c:a pcm_f32be"),
    )
    .of("aiff: pcm_f32be")
    .sound(96_000, 1),
    case(
        "an audio profile of a film",
        made("a.mp4", "FILM SINE X264 -c:a alac"),
    )
    .of("mov: h264, alac")
    .sound(96_000, 1),
];

pub const BROKEN: &[Case] = &[
    case("two Ogg Vorbis files joined (chained)", Source::Crafted(craft::chained_vorbis)).of("ogg: vorbis").sound(96_000, 1),
    case("two Ogg Opus files joined (chained)", Source::Crafted(craft::chained_opus)).of("ogg: opus").sound(96_000, 1),
    case("two MP3 files joined", Source::Crafted(craft::joined_mp3)).of("mp3: mp3").sound(482_735, 2),
    case("AAC in a transport stream with two gaps", Source::Steps(&[
        ("a.m4a", "-f lavfi -i sine=440:r=48000:d=6 -c:a aac"),
        ("a.ts", "-i a.m4a -c copy -bsf:a noise=drop=between(pts*tb\\,1\\,1.5)+between(pts*tb\\,3\\,4)"),
    ])).of("mpegts: aac").sound(289_792, 2),
    case("M4A whose beginning an edit list cuts off", Source::Steps(&[
        ("whole.m4a", "-f lavfi -i sine=440:r=48000:d=3 -c:a aac"),
        ("a.m4a", "-ss 1 -i whole.m4a -c copy"),
    ])).of("mov: aac").sound(96_384, 1),
    case("ADTS AAC with a few broken frames", Source::Crafted(craft::adts_few_broken)).of("aac: aac").sound(1_439_744, 6).also(&[errors_are_recorded]),
    case("ADTS AAC with many broken frames", Source::Crafted(craft::adts_many_broken)).refused(SourceInvalid, "packets can't be decoded"),
];

fn second_is_used(ready: &Ready) {
    let tracks = &ready.manifest.media.tracks;
    let usages: Vec<_> = tracks
        .iter()
        .map(|track| (track.usage, track.language.as_deref()))
        .collect();
    assert_eq!(
        usages,
        [
            (TrackUsage::Unused, Some("eng")),
            (TrackUsage::Used, Some("ger"))
        ]
    );
}
