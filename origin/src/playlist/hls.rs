//! HLS playlists (RFC 8216 and its successor's drafts).
use super::{Damaged, below};
use quick_m3u8::config::{ParsingOptions, ParsingOptionsBuilder};
use quick_m3u8::tag::KnownTag;
use quick_m3u8::tag::hls::Tag;
use quick_m3u8::{HlsLine, Reader, Writer};

/// The playlist with every relative URI below `folder`. Lines without a URI are kept as they
/// are, byte for byte.
pub fn moved(text: &str, folder: &str) -> Result<Vec<u8>, Damaged> {
    if !text.starts_with("#EXTM3U") {
        return Err(Damaged::NoPlaylist);
    }
    let mut reader = Reader::from_str(text, tags_with_uris());
    let mut writer = Writer::new(Vec::with_capacity(text.len() * 2));
    loop {
        match reader.read_line() {
            Ok(Some(line)) => writer.write_line(moved_line(line, folder))?,
            Ok(None) => return Ok(writer.into_inner()),
            Err(error) => return Err(Damaged::Line(error.errored_line.to_owned())),
        };
    }
}

fn tags_with_uris() -> ParsingOptions {
    ParsingOptionsBuilder::new()
        .with_parsing_for_media()
        .with_parsing_for_i_frame_stream_inf()
        .with_parsing_for_session_data()
        .with_parsing_for_session_key()
        .with_parsing_for_map()
        .with_parsing_for_key()
        .build()
}

fn moved_line<'a>(line: HlsLine<'a>, folder: &str) -> HlsLine<'a> {
    match line {
        HlsLine::Uri(uri) => HlsLine::uri(below(&uri, folder)),
        HlsLine::KnownTag(KnownTag::Hls(tag)) => HlsLine::from(moved_tag(tag, folder)),
        other => other,
    }
}

fn moved_tag<'a>(mut tag: Tag<'a>, folder: &str) -> Tag<'a> {
    match &mut tag {
        Tag::Media(media) => {
            if let Some(uri) = media.uri().map(|uri| below(uri, folder)) {
                media.set_uri(uri);
            }
        }
        Tag::SessionData(data) => {
            if let Some(uri) = data.uri().map(|uri| below(uri, folder)) {
                data.set_uri(uri);
            }
        }
        Tag::Key(key) => {
            if let Some(uri) = key.uri().map(|uri| below(uri, folder)) {
                key.set_uri(uri);
            }
        }
        Tag::IFrameStreamInf(stream) => stream.set_uri(below(stream.uri(), folder)),
        Tag::SessionKey(key) => key.set_uri(below(key.uri(), folder)),
        Tag::Map(map) => map.set_uri(below(map.uri(), folder)),
        _ => {}
    }
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "../../../o/a/j/p/";

    const FILM: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-64k\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio-64k/playlist.m3u8\"\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio-128k\",NAME=\"Audio\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\",URI=\"audio-128k/playlist.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=2903440,AVERAGE-BANDWIDTH=2411200,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO=\"audio-128k\",CLOSED-CAPTIONS=NONE\n\
        video-720p/playlist.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=903000,AVERAGE-BANDWIDTH=811000,CODECS=\"avc1.64001e,mp4a.40.2\",RESOLUTION=640x360,FRAME-RATE=29.970,VIDEO-RANGE=SDR,AUDIO=\"audio-64k\",CLOSED-CAPTIONS=NONE\n\
        video-360p/playlist.m3u8\n\
        #EXT-X-STREAM-INF:BANDWIDTH=69000,AVERAGE-BANDWIDTH=66000,CODECS=\"mp4a.40.2\",AUDIO=\"audio-64k\"\n\
        audio-64k/playlist.m3u8\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=203000,AVERAGE-BANDWIDTH=151000,CODECS=\"avc1.64001e\",RESOLUTION=640x360,VIDEO-RANGE=SDR,URI=\"video-360p/playlist.m3u8\"\n";

    #[test]
    fn an_audio_ladder() {
        let master = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
            #EXT-X-STREAM-INF:BANDWIDTH=137211,AVERAGE-BANDWIDTH=131009,CODECS=\"mp4a.40.2\",X-ODD=\"a,b\"\n\
            audio-128k/playlist.m3u8\n\
            #EXT-X-STREAM-INF:BANDWIDTH=69000,CODECS=\"mp4a.40.2\"\naudio-64k/playlist.m3u8\n";
        let moved = String::from_utf8(moved(master, FOLDER).unwrap()).unwrap();
        let expected = master.replace("\naudio-", "\n../../../o/a/j/p/audio-");
        assert_eq!(moved, expected);
    }

    #[test]
    fn every_tag_that_carries_a_uri() {
        let master = "#EXTM3U\n\
            #EXT-X-MEDIA:TYPE=AUDIO,NAME=\"128k\",GROUP-ID=\"a\",URI=\"audio-128k/playlist.m3u8\",DEFAULT=YES,AUTOSELECT=YES,CHANNELS=\"2\"\n\
            #EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,NAME=\"c\",GROUP-ID=\"c\",INSTREAM-ID=\"CC1\"\n\
            #EXT-X-STREAM-INF:BANDWIDTH=1,AUDIO=\"a\",FRAME-RATE=25.000\nvideo-360p/playlist.m3u8\n\
            #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1,URI=\"video-360p/iframes.m3u8\"\n\
            #EXT-X-SESSION-DATA:DATA-ID=\"d\",URI=\"data.json\"\n\
            #EXT-X-MAP:URI=\"init.mp4\"\n";
        let moved = moved(master, FOLDER).unwrap();
        insta::assert_snapshot!(String::from_utf8(moved).unwrap());
    }

    #[test]
    fn a_film_with_a_group_of_sound_for_each_rung() {
        let moved = moved(FILM, FOLDER).unwrap();
        insta::assert_snapshot!(std::str::from_utf8(&moved).unwrap());
        for _ in 0..50 {
            assert_eq!(
                super::moved(FILM, FOLDER).unwrap(),
                moved,
                "every replica's"
            );
        }
    }

    #[test]
    fn an_absolute_uri_stays() {
        let text = "#EXTM3U\nhttps://cdn.example/a.m3u8\n/rooted.m3u8\nplain.m3u8\n";
        let expected = text.replace("plain", "../../../o/a/j/p/plain");
        assert_eq!(moved(text, FOLDER).unwrap(), expected.as_bytes());
    }

    #[test]
    fn what_is_no_playlist_is_refused() {
        for text in ["", "<html>", "EXTM3U", "\n#EXTM3U"] {
            assert!(
                matches!(moved(text, FOLDER), Err(Damaged::NoPlaylist)),
                "{text:?}"
            );
        }
    }
}
