//! DASH manifests (ISO/IEC 23009-1 §5.3.1.2).
use super::Damaged;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use quick_xml::{Reader, Writer};

/// The manifest with one `BaseURL` in its root, where the schema wants it: behind
/// `ProgramInformation`, before all else. Everything else is kept as it is.
pub fn moved(text: &str, folder: &str) -> Result<Vec<u8>, Damaged> {
    let mut reader = Reader::from_str(text);
    let mut mover = Mover {
        writer: Writer::new(Vec::with_capacity(text.len() + 256)),
        depth: 0,
        base: Some(folder),
    };
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            event => mover.take(event)?,
        }
    }
    match mover.base {
        None => Ok(mover.writer.into_inner()),
        Some(_) => Err(Damaged::NoMpd("there is nothing in it")),
    }
}

struct Mover<'a> {
    writer: Writer<Vec<u8>>,
    depth: usize,
    base: Option<&'a str>,
}

impl Mover<'_> {
    fn take(&mut self, event: Event<'_>) -> Result<(), Damaged> {
        match &event {
            Event::Start(tag) => {
                self.enter(tag)?;
                self.depth += 1;
            }
            Event::Empty(tag) => self.enter(tag)?,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        Ok(self.writer.write_event(event)?)
    }

    fn enter(&mut self, tag: &BytesStart<'_>) -> Result<(), Damaged> {
        match (self.depth, tag.local_name().as_ref()) {
            (0, "MPD") | (1, "ProgramInformation") | (2.., _) => Ok(()),
            (0, _) => Err(Damaged::NoMpd("its root is another element")),
            (1, "BaseURL") => Err(Damaged::NoMpd("it has a BaseURL already")),
            (1, _) => self.put_base(),
        }
    }

    fn put_base(&mut self) -> Result<(), Damaged> {
        if let Some(folder) = self.base.take() {
            self.writer
                .write_event(Event::Start(BytesStart::new("BaseURL")))?;
            self.writer
                .write_event(Event::Text(BytesText::new(folder)))?;
            self.writer
                .write_event(Event::End(BytesEnd::new("BaseURL")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "../../../o/a/j/p/";

    fn moved_text(text: &str) -> String {
        String::from_utf8(moved(text, FOLDER).unwrap()).unwrap()
    }

    #[test]
    fn one_base_url_where_the_schema_wants_it() {
        let base = "<BaseURL>../../../o/a/j/p/</BaseURL>";
        for (text, expected) in [
            (
                "<MPD a=\"1\"><Period/></MPD>",
                format!("<MPD a=\"1\">{base}<Period/></MPD>"),
            ),
            (
                "<?xml version=\"1.0\"?>\n<MPD>\n <ProgramInformation><Title>A &amp; B</Title></ProgramInformation>\n <Period><BaseURL>x/</BaseURL></Period>\n <Period/></MPD>\n",
                format!(
                    "<?xml version=\"1.0\"?>\n<MPD>\n <ProgramInformation><Title>A &amp; B</Title></ProgramInformation>\n {base}<Period><BaseURL>x/</BaseURL></Period>\n <Period/></MPD>\n"
                ),
            ),
        ] {
            assert_eq!(moved_text(text), expected);
        }
    }

    #[test]
    fn one_base_url_for_pictures_and_sound() {
        let set = |kind, rung, time| {
            format!(
                "<AdaptationSet contentType=\"{kind}\" segmentAlignment=\"true\">\
                 <SegmentTemplate timescale=\"48000\" initialization=\"$RepresentationID$/init.mp4\" media=\"$RepresentationID$/$Number%05d$.m4s\" startNumber=\"1\">\
                 <SegmentTimeline><S t=\"{time}\" d=\"288000\" r=\"4\"/></SegmentTimeline></SegmentTemplate>\
                 <Representation id=\"{rung}\" bandwidth=\"66000\"/></AdaptationSet>"
            )
        };
        let sets = set("video", "video-720p", 0) + &set("audio", "audio-128k", 1024);
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" profiles=\"urn:mpeg:dash:profile:isoff-live:2011\" type=\"static\">\n  ";
        let text = format!("{head}<Period id=\"1\">{sets}</Period>\n</MPD>\n");
        let base = format!("<BaseURL>{FOLDER}</BaseURL>");
        let expected = format!("{head}{base}<Period id=\"1\">{sets}</Period>\n</MPD>\n");
        assert_eq!(moved_text(&text), expected);
    }

    #[test]
    fn what_is_no_mpd_is_refused() {
        for text in [
            "",
            "<html/>",
            "<MPD></MPD>",
            "<MPD><Period></MPD>",
            "<MPD><BaseURL>x</BaseURL><Period/></MPD>",
        ] {
            assert!(moved(text, FOLDER).is_err(), "{text:?}");
        }
    }
}
