//! What the source says of itself: title, artist and album, for people. It comes from anybody,
//! so it is cleaned before anyone reads it.
use super::{Report, Tags as Found};
use vessel_crds::media::Tags;

/// Longest value, in characters.
const CHARACTERS: usize = 256;
/// The names of each, in the order of their worth. ffmpeg has already translated those of ID3,
/// MP4, RIFF, AIFF and ASF into its own; those of Vorbis, APE and Matroska come as they are.
const TITLE: [&str; 2] = ["title", "inam"];
const ARTIST: [&str; 5] = [
    "artist",
    "album_artist",
    "albumartist",
    "performer",
    "author",
];
const ALBUM: [&str; 2] = ["album", "iprd"];

/// The tags of the source, if it has any.
pub(super) fn of(report: &Report) -> Option<Tags> {
    let whole = &report.format.tags;
    let mut streams = report.streams.iter();
    let sound = streams.find(|stream| stream.codec_type == "audio");
    let sound = sound.map(|stream| &stream.tags);
    // Ogg has tags of streams alone. Elsewhere the title of a track is its own: "Commentary".
    let titled = sound.filter(|_| report.format.name.split(',').any(|name| name == "ogg"));
    let first = |names: &[&str], track: Option<&Found>| {
        value(whole, names).or_else(|| value(track?, names))
    };
    let tags = Tags {
        title: first(&TITLE, titled),
        artist: first(&ARTIST, sound),
        album: first(&ALBUM, sound),
    };
    (tags != Tags::default()).then_some(tags)
}

/// The first of these names that says something.
fn value(tags: &Found, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let exact = tags
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        let translated = tags.iter().filter(|(key, _)| is_translation(key, name));
        exact
            .chain(translated)
            .find_map(|(_, value)| cleaned(value))
    })
}

/// Whether a key is a name with a language behind it, as ffmpeg writes it: `title-eng`.
fn is_translation(key: &str, name: &str) -> bool {
    key.split_once('-').is_some_and(|(base, language)| {
        base.eq_ignore_ascii_case(name)
            && language.len() == 3
            && language.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// One line of what can be read; `None` if that is nothing.
fn cleaned(value: &str) -> Option<String> {
    let visible: String = value
        .chars()
        .map(|character| match character {
            character if character.is_whitespace() => ' ',
            character => character,
        })
        .filter(|&character| !character.is_control() && !is_disguise(character))
        .collect();
    let folded = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = folded.chars().take(CHARACTERS).collect();
    let short = short.trim_end();
    (!short.is_empty()).then(|| short.to_owned())
}

/// What is not seen but changes how the rest looks: the controls of bidirectional text (Unicode
/// Standard Annex #9), what has no width, and the tag characters. The joiners stay: scripts and
/// emoji need them.
const fn is_disguise(character: char) -> bool {
    matches!(
        character,
        '\u{61c}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(report: &str) -> [Option<String>; 3] {
        let report: Report = serde_json::from_str(report).unwrap();
        let tags = of(&report).unwrap_or_default();
        [tags.title, tags.artist, tags.album]
    }

    /// What ffprobe 7.1 says of files that ffmpeg and other programs have tagged.
    #[test]
    fn every_container_has_its_own_spelling() {
        let all = ["Night Drive", "Ada", "Roads"].map(|text| Some(text.to_owned()));
        for (container, report) in [
            (
                "FLAC",
                r#"{"format":{"format_name":"flac","tags":{"TITLE":"Night Drive","ARTIST":"Ada","ALBUM":"Roads"}}}"#,
            ),
            (
                "MP3",
                r#"{"format":{"format_name":"mp3","tags":{"title":"Night Drive","artist":"Ada","album":"Roads"}}}"#,
            ),
            (
                "Ogg",
                r#"{"format":{"format_name":"ogg"},"streams":[{"codec_type":"video","tags":{"title":"x"}},
                    {"codec_type":"audio","tags":{"TITLE":"Night Drive","Artist":"Ada","ALBUM":"Roads"}}]}"#,
            ),
            (
                "Matroska",
                r#"{"format":{"format_name":"matroska,webm","tags":{"title":"Night Drive","ARTIST":"Ada","ALBUM":"Roads"}},
                    "streams":[{"codec_type":"audio","tags":{"title":"Commentary"}}]}"#,
            ),
            (
                "MP4 with languages",
                r#"{"format":{"format_name":"mov,mp4,m4a,3gp,3g2,mj2","tags":{"title-eng":"Night Drive","artist-eng":"Ada","album-eng":"Roads"}}}"#,
            ),
            (
                "RIFF",
                r#"{"format":{"format_name":"wav","tags":{"INAM":"Night Drive","artist":"Ada","IPRD":"Roads"}}}"#,
            ),
            (
                "the band, where nobody is named",
                r#"{"format":{"tags":{"title":"Night Drive","artist":" ","album_artist":"Ada","album":"Roads"}}}"#,
            ),
        ] {
            assert_eq!(tags(report), all, "{container}");
        }
    }

    #[test]
    fn the_title_of_a_track_is_not_that_of_the_film() {
        let report = r#"{"format":{"format_name":"matroska,webm"},
            "streams":[{"codec_type":"audio","tags":{"title":"Surround 5.1","ARTIST":"Ada"}}]}"#;
        assert_eq!(tags(report), [None, Some("Ada".to_owned()), None]);
        assert_eq!(of(&Report::default()), None);
    }

    #[test]
    fn a_value_is_one_line_of_what_can_be_seen() {
        for (value, expected) in [
            ("  Night\t \r\n Drive ", Some("Night Drive")),
            (
                "Night\u{0}\u{1b}[31mDrive\u{7f}\u{9b}",
                Some("Night[31mDrive"),
            ),
            (
                "\u{202e}evirD\u{202c} \u{2066}x\u{2069}\u{200f}",
                Some("evirD x"),
            ),
            ("\u{feff}a\u{2028}b\u{200b}c\u{e0041}", Some("a bc")),
            ("é日本👩\u{200d}🚀", Some("é日本👩\u{200d}🚀")),
            ("\u{202e}\u{0} \n", None),
            ("", None),
        ] {
            assert_eq!(cleaned(value).as_deref(), expected, "{value:?}");
        }
        let long = format!("{}  b", "日".repeat(255));
        assert_eq!(cleaned(&long), Some("日".repeat(255)));
        assert_eq!(cleaned(&"é".repeat(1000)), Some("é".repeat(256)));
    }

    proptest! {
        /// Whatever a source says, what is left is short, trimmed and shown as it is.
        #[test]
        fn any_value_is_cleaned(value in "\\PC{0,300}|(?s).{0,300}") {
            if let Some(clean) = cleaned(&value) {
                prop_assert!((1..=CHARACTERS).contains(&clean.chars().count()));
                prop_assert_eq!(clean.trim(), clean.as_str());
                prop_assert!(!clean.chars().any(|one| one.is_control() || is_disguise(one)));
                prop_assert_eq!(cleaned(&clean), Some(clean));
            }
        }
    }
}
