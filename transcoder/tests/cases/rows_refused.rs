//! Rows of the contract: sources of which nothing is made, and why.
use crate::case::{Case, Source, made, row};
use crate::craft;
use vessel_crds::reason::FailureReason::{LimitExceeded, SourceInvalid, SourceUnsupported};

pub const CUT: &[Case] = &[
    row(9, "WAV of 0 samples", made("a.wav", "SINE -t 0")).refused(SourceInvalid, "no audio"),
    row(
        13,
        "FLAC of 24 hours of silence, 9 MB",
        Source::Crafted(craft::day_of_silence),
    )
    .refused(LimitExceeded, "maxDurationSeconds"),
    row(
        14,
        "FLAC of a minute, the first 400 kB",
        Source::Crafted(craft::cut_flac),
    )
    .refused(SourceInvalid, "truncated: "),
    row(
        15,
        "MP4, `moov` first, half of it",
        Source::Crafted(craft::half_of_fast),
    )
    .refused(SourceInvalid, "truncated: "),
    row(
        15,
        "MP4, cut before `moov`",
        Source::Crafted(craft::half_of_slow),
    )
    .refused(SourceInvalid, "moov atom not found"),
    row(
        15,
        "film in MP4, `moov` first, half of it",
        Source::Crafted(craft::half_of_film),
    )
    .unseen(SourceInvalid, "truncated: "),
];

pub const ENCRYPTED: &[Case] = &[
    row(
        31,
        "M4A, encrypted (CENC)",
        made("a.m4a", "SINE -c:a aac CENC"),
    )
    .refused(SourceInvalid, "encrypted"),
    row(
        31,
        "film in MP4, encrypted (CENC)",
        made("a.mp4", "FILM X264 CENC"),
    )
    .unseen(SourceInvalid, "encrypted"),
    row(
        33,
        "8192×8192 in H.264, 198 kB",
        made("a.mp4", "-f lavfi -i color=red:s=8192x8192:r=1:d=1 X264"),
    )
    .unseen(LimitExceeded, "8192"),
];

pub const OTHER: &[Case] = &[
    row(
        34,
        "JPEG",
        made("a.jpg", "-f lavfi -i color=red:s=64x64 -frames:v 1"),
    )
    .unseen(SourceUnsupported, "picture"),
    row(34, "GIF", made("a.gif", "-f lavfi -i testsrc=d=1:s=64x36"))
        .unseen(SourceUnsupported, "picture"),
    row(
        34,
        "ffconcat that names another file",
        Source::Crafted(|_| b"ffconcat version 1.0\nfile /etc/passwd\n".to_vec()),
    )
    .unseen(SourceUnsupported, "playlist"),
    row(
        34,
        "M3U8 that names another file",
        Source::Crafted(|_| {
            b"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
                .to_vec()
        }),
    )
    .unseen(SourceUnsupported, "playlist"),
    row(35, "nothing: 0 bytes", Source::Crafted(|_| Vec::new())).refused(SourceInvalid, ""),
    row(35, "zeros", Source::Crafted(|_| vec![0; 100_000])).refused(SourceInvalid, ""),
    row(
        35,
        "random bytes",
        Source::Crafted(|_| craft::noise(200_000)),
    )
    .refused(SourceInvalid, ""),
    row(
        35,
        "text",
        Source::Crafted(|_| "All happy families are alike. ".repeat(2000).into_bytes()),
    )
    .refused(SourceInvalid, ""),
];
