//! Sources that are seen, as people upload them.
use crate::case::{Case, RungSize, Source, case, made};
use crate::check::Ready;
use crate::craft;
use crate::rows_film::{SMALL, is_blue, is_red, sound_is_regular};
use crate::rows_sound::errors_are_recorded;
use vessel_crds::media::TrackUsage;
use vessel_crds::reason::FailureReason::SourceInvalid;

const UPRIGHT: &[RungSize] = &[("video-360p", 180, 320)];

pub const PHONES: &[Case] = &[
    case("phone: HEVC, turned by 90°, at a rate that varies, AAC in mono", Source::Steps(&[
        ("flat.mp4", "FILM SINE -vf select=not(eq(mod(n\\,7)\\,3)) -fps_mode vfr -c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1 -ac 1 -c:a aac"),
        ("a.mov", "-display_rotation 90 -i flat.mp4 -c copy -tag:v hvc1"),
    ])).of("mov: hevc, aac").film(UPRIGHT, 44, 96_256),
    case("phone held upside down: turned by 180°", Source::Steps(&[
        ("flat.mp4", "-f lavfi -i color=red:s=160x180:r=25:d=1 -f lavfi -i color=blue:s=160x180:r=25:d=1 -filter_complex hstack X264"),
        ("a.mp4", "-display_rotation 180 -i flat.mp4 -c copy"),
    ])).of("mov: h264").film(SMALL, 25, 0).also(&[blue_left_of_red]),
    case("phone: turned by 270°", Source::Steps(&[
        ("flat.mp4", "-f lavfi -i color=red:s=160x180:r=25:d=1 -f lavfi -i color=blue:s=160x180:r=25:d=1 -filter_complex hstack X264"),
        ("a.mp4", "-display_rotation 270 -i flat.mp4 -c copy"),
    ])).of("mov: h264").film(UPRIGHT, 25, 0).also(&[red_over_blue]),
    case("3GP: H.263 and AAC of an old phone", made("a.3gp", "-f lavfi -i testsrc2=s=176x144:r=15:d=2 SINE -c:v h263 -c:a aac")).of("mov: h263, aac").film(&[("video-360p", 176, 144)], 30, 96_256),
    case("HEVC, HLG", made("a.mov", "FILM -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=none:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc")).of("mov: hevc").film(SMALL, 50, 0),
];

pub const SCREENS: &[Case] = &[
    case("screen recording without a packet of sound, in MP4", made("a.mp4", "FILM SINE X264 -c:a aac -bsf:a noise=drop=1")).of("mov: h264").film(SMALL, 50, 0),
    case("screen recording without a packet of sound, in Matroska", made("a.mkv", "FILM SINE X264 -c:a aac -bsf:a noise=drop=1")).unseen(SourceInvalid, "no audio"),
    case("screen recording with silence, at a rate that varies", made("a.mkv", "FILM -f lavfi -i anullsrc=r=48000:cl=stereo -t 2 -vf select=not(mod(n\\,5)) -fps_mode vfr X264 -c:a aac")).of("matroska: h264, aac").film(SMALL, 47, 97_280),
    case("a slide show: 1 picture a second", made("a.mp4", "-f lavfi -i testsrc2=s=320x180:r=1:d=4 X264")).of("mov: h264").film(SMALL, 4, 0),
    case("a last picture that stands for 10 s", made("a.mp4", "FILM X264 -bf 0 -bsf:v setts=duration=if(eq(N\\,49)\\,250\\,1)")).of("mov: h264").film(SMALL, 48, 0),
    case("H.264 in RGB", made("a.mkv", "FILM -c:v libx264rgb -preset ultrafast")).of("matroska: h264").film(SMALL, 50, 0),
];

pub const SHAPES: &[Case] = &[
    case(
        "upright, 9:16",
        made("a.mp4", "-f lavfi -i testsrc2=s=180x320:r=25:d=1 X264"),
    )
    .of("mov: h264")
    .film(UPRIGHT, 25, 0),
    case(
        "a square",
        made("a.mp4", "-f lavfi -i testsrc2=s=240x240:r=25:d=1 X264"),
    )
    .of("mov: h264")
    .film(&[("video-360p", 240, 240)], 25, 0),
    case(
        "a banner, 4:1",
        made("a.mp4", "-f lavfi -i testsrc2=s=800x200:r=25:d=1 X264"),
    )
    .of("mov: h264")
    .film(&[("video-360p", 640, 160), ("video-720p", 800, 200)], 25, 0),
    case(
        "2×2 pixels",
        made(
            "a.mkv",
            "-f lavfi -i testsrc2=s=16x16:r=25:d=1 -vf scale=2:2 -c:v ffv1",
        ),
    )
    .of("matroska: ffv1")
    .film(&[("video-360p", 2, 2)], 25, 0),
    case(
        "anamorphic: 720×576 with pixels of 16:11",
        made(
            "a.mp4",
            "-f lavfi -i testsrc2=s=720x576:r=25:d=1 -vf setsar=16/11 X264",
        ),
    )
    .of("mov: h264")
    .film(
        &[("video-360p", 640, 352), ("video-720p", 1048, 576)],
        25,
        0,
    ),
];

pub const RATES: &[Case] = &[
    case(
        "23.976 pictures a second",
        made(
            "a.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=24000/1001:d=2.002 X264",
        ),
    )
    .of("mov: h264")
    .film(SMALL, 48, 0),
    case(
        "59.94 pictures a second",
        made(
            "a.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=60000/1001:d=1.001 X264",
        ),
    )
    .of("mov: h264")
    .film(SMALL, 60, 0),
    case(
        "119.88 pictures a second",
        made(
            "a.mp4",
            "-f lavfi -i testsrc2=s=320x180:r=120000/1001:d=1.001 X264",
        ),
    )
    .of("mov: h264")
    .film(SMALL, 60, 0),
    case(
        "open groups of pictures",
        made(
            "a.mp4",
            "FILM -c:v libx264 -preset veryfast -x264-params open-gop=1:keyint=12:bframes=3:log=-1",
        ),
    )
    .of("mov: h264")
    .film(SMALL, 50, 0),
];

pub const FORMATS: &[Case] = &[
    case(
        "H.264, 10 bit, 4:2:2",
        made("a.mp4", "FILM X264 -pix_fmt yuv422p10le"),
    )
    .of("mov: h264")
    .film(SMALL, 50, 0),
    case(
        "H.264 in black and white",
        made("a.mp4", "FILM X264 -pix_fmt gray"),
    )
    .of("mov: h264")
    .film(SMALL, 50, 0),
    case(
        "H.264 of full range",
        made("a.mp4", "FILM X264 -pix_fmt yuvj420p"),
    )
    .of("mov: h264")
    .film(SMALL, 50, 0),
    case(
        "ProRes 4444 with alpha",
        made(
            "a.mov",
            "FILM -c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le",
        ),
    )
    .of("mov: prores")
    .film(SMALL, 50, 0),
    case(
        "VP9 with alpha",
        made(
            "a.webm",
            "FILM -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -pix_fmt yuva420p",
        ),
    )
    .of("matroska: vp9")
    .film(SMALL, 50, 0),
    case(
        "VP9 and Opus in WebM",
        made(
            "a.webm",
            "FILM SINE -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus",
        ),
    )
    .of("matroska: vp9, opus")
    .film(SMALL, 50, 96_336),
    case(
        "AV1 in MP4",
        made("a.mp4", "FILM -c:v libaom-av1 -cpu-used 8 -usage realtime"),
    )
    .of("mov: av1")
    .film(SMALL, 50, 0),
    case(
        "Theora and Vorbis in Ogg",
        made("a.ogv", "FILM SINE -c:v libtheora -c:a libvorbis"),
    )
    .of("ogg: theora, vorbis")
    .film(SMALL, 50, 96_000),
    case(
        "FFV1 and FLAC in Matroska",
        made("a.mkv", "FILM SINE -c:v ffv1 -c:a flac"),
    )
    .of("matroska: ffv1, flac")
    .film(SMALL, 50, 96_000),
];

pub const CAMERAS: &[Case] = &[
    case(
        "ProRes and PCM in QuickTime, with a time code",
        made(
            "a.mov",
            "FILM SINE -c:v prores_ks -profile:v proxy -c:a pcm_s16le -timecode 01:00:00:00",
        ),
    )
    .of("mov: prores, pcm_s16le, ")
    .film(SMALL, 50, 96_000),
    case(
        "DNxHR",
        made(
            "a.mov",
            "FILM -c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p",
        ),
    )
    .of("mov: dnxhd")
    .film(SMALL, 50, 0),
    case(
        "Motion JPEG and PCM in AVI",
        made("a.avi", "FILM SINE -c:v mjpeg -c:a pcm_s16le"),
    )
    .of("avi: mjpeg, pcm_s16le")
    .film(SMALL, 50, 96_000),
    case(
        "DV, PAL, interlaced, in AVI",
        made(
            "a.avi",
            "-f lavfi -i testsrc2=s=720x576:r=25:d=1 -c:v dvvideo -pix_fmt yuv420p",
        ),
    )
    .of("avi: dvvideo")
    .film(&[("video-360p", 450, 360), ("video-720p", 720, 576)], 25, 0),
    case("MPEG-2 in MXF", made("a.mxf", "FILM -c:v mpeg2video"))
        .of("mxf: mpeg2video")
        .film(SMALL, 50, 0),
];

pub const DISKS: &[Case] = &[
    case(
        "Xvid and MP3 in AVI, without an index",
        Source::Crafted(craft::avi_without_index),
    )
    .of("avi: mpeg4, mp3")
    .film(SMALL, 51, 97_920),
    case(
        "H.264 and AAC in FLV",
        made("a.flv", "FILM SINE X264 -c:a aac"),
    )
    .of("flv: h264, aac")
    .film(SMALL, 51, 97_280),
    case(
        "Sorenson and MP3 in FLV",
        made("a.flv", "FILM SINE -c:v flv -ar 44100 -c:a libmp3lame"),
    )
    .of("flv: mp3, flv1")
    .film(SMALL, 51, 97_803),
    case(
        "MPEG-2 and AC-3 of a DVD (program stream)",
        made("a.vob", "FILM SINE -c:v mpeg2video -c:a ac3"),
    )
    .of("mpeg: mpeg2video, ac3")
    .film(SMALL, 50, 96_768),
    case(
        "MPEG-1 and MP2 of a Video CD",
        made(
            "a.mpg",
            "-f lavfi -i testsrc2=s=352x240:r=30000/1001:d=2.002 SINE -c:v mpeg1video -c:a mp2",
        ),
    )
    .of("mpeg: mpeg1video, mp2")
    .film(&[("video-360p", 352, 240)], 60, 96_768),
    case(
        "WMV and WMA",
        made("a.wmv", "FILM SINE -c:v wmv2 -c:a wmav2"),
    )
    .of("asf: wmv2, wmav2")
    .film(SMALL, 51, 98_336),
];

pub const BROADCASTS: &[Case] = &[
    case("a transport stream whose clock wraps", made("a.ts", "FILM SINE X264 -c:a aac -output_ts_offset 95442.7")).of("mpegts: h264, aac").film(SMALL, 50, 97_280),
    case("a transport stream that begins again in the middle", Source::Crafted(craft::repeated_ts)).of("mpegts: h264, aac").film(SMALL, 100, 194_560).also(&[sound_is_regular]),
    case("a transport stream of two programmes", made("a.ts", "FILM SINE -f lavfi -i testsrc=s=160x90:r=25:d=2 -map 0 -map 1 -map 2 -program title=a:st=0:st=1 -program title=b:st=2 X264 -c:a aac")).of("mpegts: h264, aac, h264").film(SMALL, 50, 97_280).also(&[first_of_each_is_used]),
    case("a transport stream without PAT for its first second", Source::Crafted(craft::ts_without_pat)).of("mpegts: h264, aac").film(SMALL, 50, 97_280),
    case("AVCHD: 192-byte packets of a camera", made("a.m2ts", "FILM SINE X264 -c:a ac3 -f mpegts -mpegts_m2ts_mode 1")).of("mpegts: h264, ac3").film(SMALL, 50, 96_768),
];

pub const EDITED: &[Case] = &[
    case("QuickTime whose beginning an edit list cuts off", Source::Steps(&[
        ("whole.mov", "-f lavfi -i testsrc2=s=320x180:r=25:d=3 -f lavfi -i sine=440:r=48000:d=3 X264 -g 75 -c:a pcm_s16le"),
        ("a.mov", "-ss 1 -i whole.mov -c copy"),
    ])).of("mov: h264, pcm_s16le").film(SMALL, 50, 96_000),
    case("QuickTime with an empty edit before the pictures", Source::Steps(&[
        ("film.mov", "-f lavfi -i color=red:s=320x180:r=25:d=2 X264"),
        ("a.mov", "-itsoffset 1 -i film.mov -f lavfi -i sine=440:r=48000:d=3 -map 0 -map 1 -c:v copy -c:a pcm_s16le"),
    ])).of("mov: h264, pcm_s16le").film(SMALL, 75, 144_000).also(&[begins_red]),
    case("fragmented MP4", made("a.mp4", "FILM SINE X264 -c:a flac -strict -2 -movflags +frag_keyframe+empty_moov")).of("mov: h264, flac").film(SMALL, 50, 96_000),
    case("MP4 with negative composition offsets", made("a.mp4", "FILM -c:v libx264 -preset veryfast -movflags +negative_cts_offsets")).of("mov: h264").film(SMALL, 50, 0),
    case("times that begin before 0", made("a.mp4", "-itsoffset -0.5 FILM -itsoffset -0.5 SINE X264 -c:a flac -strict -2 -avoid_negative_ts disabled")).of("mov: h264, flac").film(SMALL, 38, 71_040),
    case("several languages, the second one marked as default", made("a.mkv", "FILM -f lavfi -i sine=440:r=48000:d=1 SINE -map 0 -map 1 -map 2 X264 -c:a flac -disposition:a:0 0 -disposition:a:1 default")).of("matroska: h264, flac, flac").film(SMALL, 50, 96_000).also(&[third_is_used]),
];

pub const BROKEN: &[Case] = &[
    case(
        "a few pictures of many are broken",
        Source::Crafted(craft::film_few_broken),
    )
    .of("avi: mjpeg")
    .film(SMALL, 250, 0)
    .also(&[errors_are_recorded]),
    case(
        "many pictures are broken",
        Source::Crafted(craft::film_many_broken),
    )
    .unseen(SourceInvalid, "packets can't be decoded"),
];

fn blue_left_of_red(ready: &Ready) {
    let [left, right, ..] = ready.looks()[12];
    assert!(is_blue(left) && is_red(right), "{left:?} beside {right:?}");
}

fn red_over_blue(ready: &Ready) {
    let [top, _, bottom, _] = ready.looks()[12];
    assert!(is_red(top) && is_blue(bottom), "{top:?} over {bottom:?}");
}

fn begins_red(ready: &Ready) {
    assert!(ready.looks()[0].into_iter().all(is_red));
}

fn used(ready: &Ready) -> Vec<bool> {
    let tracks = ready.manifest.media.tracks.iter();
    tracks
        .map(|track| track.usage == TrackUsage::Used)
        .collect()
}

fn first_of_each_is_used(ready: &Ready) {
    assert_eq!(used(ready), [true, true, false]);
}

fn third_is_used(ready: &Ready) {
    assert_eq!(used(ready), [true, false, true]);
}
