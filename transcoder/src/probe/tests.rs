use super::*;
use DeclaredLength::{Estimated, Exact, Unknown};
use LengthSource::{BitRate, Container};
use TrackKind::{Data, Image, Subtitle, Video};
use proptest::prelude::*;

fn only_length(format: &str, json: &str, source: LengthSource) -> DeclaredLength {
    let text = format!(
        r#"{{"streams":[{json}],"format":{{"format_name":"{format}","duration":"10.5"}}}}"#
    );
    read(text.as_bytes(), source).unwrap().tracks[0].length
}

#[test]
fn a_length_is_exact_only_where_the_container_counts() {
    let stream = r#"{"codec_type":"audio","duration":"10.0"}"#;
    let bare = r#"{"codec_type":"audio"}"#;
    let tagged = r#"{"codec_type":"audio","tags":{"DURATION":"00:01:00.500000000"}}"#;
    let cases = [
        ("flac", stream, Container, Exact(10_000)),
        ("mp3", stream, Container, Exact(10_000)),
        ("mp3", stream, BitRate, Unknown),
        ("mov,mp4,m4a,3gp,3g2,mj2", stream, Container, Exact(10_000)),
        ("matroska,webm", bare, Container, Exact(10_500)),
        ("matroska,webm", tagged, Container, Exact(60_500)),
        ("ogg", stream, Container, Estimated(10_000)),
        ("mpegts", stream, Container, Estimated(10_000)),
    ];
    for (format, json, source, expected) in cases {
        assert_eq!(
            only_length(format, json, source),
            expected,
            "{format} {json}"
        );
    }
}

#[test]
fn cover_art_is_an_image_and_not_moving_pictures() {
    let json = br#"{"streams":[{"codec_type":"video","disposition":{"attached_pic":1}},
        {"codec_type":"video"},{"codec_type":"subtitle"},{"codec_type":"data"}]}"#;
    let probe = read(json, Container).unwrap();
    let kinds: Vec<TrackKind> = probe.tracks.iter().map(|track| track.kind).collect();
    assert_eq!(kinds, [Image, Video, Subtitle, Data]);
}

#[test]
fn a_line_break_in_the_name_of_a_tag_is_refused_wherever_it_is() {
    let broken = r#"{"tags":{"x\nvessel-sandbox: y":"v"}}"#;
    for report in [
        format!(r#"{{"format":{broken}}}"#),
        format!(r#"{{"streams":[{broken}]}}"#),
        format!(r#"{{"chapters":[{broken}]}}"#),
        format!(r#"{{"stream_groups":[{broken}]}}"#),
        format!(r#"{{"programs":[{broken}]}}"#),
        format!(r#"{{"programs":[{{"streams":[{broken}]}}]}}"#),
    ] {
        let error = read(report.as_bytes(), Container).unwrap_err();
        assert!(
            error.to_string().contains("line break"),
            "{report}: {error}"
        );
    }
    let value = br#"{"format":{"tags":{"lyrics":"one\ntwo"}}}"#;
    assert!(read(value, Container).is_ok());
}

proptest! {
    /// A hostile description is an error, never a panic.
    #[test]
    fn lengths_are_taken_from_any_text(text in ".{0,40}", clock in "[0-9:.]{0,30}") {
        let _ = millis(Some(&text));
        let _ = clock_millis(&clock);
    }
}
