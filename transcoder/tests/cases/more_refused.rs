//! Sources of which nothing is made, whatever they are called.
use crate::case::{Case, Source, case, made};
use crate::craft;
use vessel_crds::reason::FailureReason::{SourceInvalid, SourceUnsupported};

pub const PICTURES: &[Case] = &[
    case("WebP", made("a.webp", "-f lavfi -i testsrc=d=1:s=64x36 -frames:v 1")).unseen(SourceUnsupported, "picture"),
    case("moving PNG", made("a.apng", "-f lavfi -i testsrc=d=1:s=64x36:r=5")).unseen(SourceUnsupported, "picture"),
    case("BMP", made("a.bmp", "-f lavfi -i testsrc=d=1:s=64x36 -frames:v 1")).unseen(SourceUnsupported, "picture"),
    case("SVG that names another file", Source::Crafted(|_| b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"/etc/passwd\"/></svg>".to_vec())).unseen(SourceInvalid, "no media file"),
];

pub const DOCUMENTS: &[Case] = &[
    case("ZIP", Source::Crafted(|_| [b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), craft::noise(20_000)].concat())).unseen(SourceInvalid, ""),
    case("PDF", Source::Crafted(|_| b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n".repeat(40))).unseen(SourceInvalid, ""),
    case("HTML: the page of an error", Source::Crafted(|_| b"<!doctype html><html><body><h1>404 Not Found</h1></body></html>\n".repeat(40))).unseen(SourceInvalid, ""),
    case("an MPD that names another file", Source::Crafted(|_| b"<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><BaseURL>file:///etc/</BaseURL></MPD>".to_vec())).unseen(SourceInvalid, "no media file"),
    case("ffconcat behind a line of its own", Source::Crafted(|_| b"ffconcat version 1.0\nfile 'concat:/etc/passwd|/etc/group'\n".to_vec())).refused(SourceUnsupported, "playlist"),
    case("SDP that opens a socket", Source::Crafted(|_| b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n".to_vec())).refused(SourceUnsupported, ""),
];

pub const UNLISTED: &[Case] = &[
    case(
        "AAC as LATM, alone",
        made("a.latm", "SINE -c:a aac -f latm"),
    )
    .refused(SourceUnsupported, "kind of file"),
    case("True Audio", made("a.tta", "SINE -c:a tta")).refused(SourceUnsupported, "kind of file"),
    case("Sun AU", made("a.au", "SINE")).refused(SourceUnsupported, "kind of file"),
    case("raw H.264", made("a.h264", "FILM X264")).unseen(SourceUnsupported, "kind of file"),
    case("YUV4MPEG", made("a.y4m", "FILM -frames:v 3")).unseen(SourceUnsupported, "kind of file"),
    case(
        "pictures alone, for a profile of sound",
        made("a.mkv", "FILM -c:v mpeg4"),
    )
    .refused(SourceUnsupported, "no audio"),
    case("subtitles alone", Source::Crafted(craft::only_subtitles))
        .unseen(SourceInvalid, "no audio"),
];
