//! Storyboards: WebVTT (W3C) whose cues are the URIs of pictures, with a part of each
//! (`#xywh=`, W3C Media Fragments).
use super::{Damaged, below};

/// The storyboard with every relative URI below `folder`. All other lines are kept as they are.
pub fn moved(text: &str, folder: &str) -> Result<Vec<u8>, Damaged> {
    let first = text.trim_start_matches('\u{feff}').lines().next();
    if first.and_then(|line| line.split([' ', '\t']).next()) != Some("WEBVTT") {
        return Err(Damaged::NoStoryboard);
    }
    let mut moved = String::with_capacity(text.len() * 2);
    let mut is_cue = false;
    for line in text.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        if is_cue && !is_blank {
            moved.push_str(&below(line, folder));
        } else {
            moved.push_str(line);
            // A cue's text ends at a blank line.
            is_cue = !is_blank && line.contains("-->");
        }
    }
    Ok(moved.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str = "../../../o/a/j/p/";

    #[test]
    fn the_pictures_of_cues_are_moved_and_nothing_else() {
        for end in ["\n", "\r\n"] {
            let text = "WEBVTT storyboard\n\nNOTE storyboard/00009.jpg\n\n1\n\
                00:00:00.000 --> 00:00:05.000\nstoryboard/00001.jpg#xywh=0,0,160,90\n\n\
                01:00:05.000 --> 01:00:10.000 align:start\nstoryboard/00001.jpg#xywh=160,0,160,90\n\n\
                01:00:10.000 --> 01:00:15.000\nhttps://cdn.example/1.jpg"
                .replace('\n', end);
            let expected = text.replace("\nstoryboard/", "\n../../../o/a/j/p/storyboard/");
            let moved = String::from_utf8(moved(&text, FOLDER).unwrap()).unwrap();
            assert_eq!(moved, expected);
        }
    }

    #[test]
    fn what_is_no_storyboard_is_refused() {
        for text in ["", "<html>", "webvtt", "WEBVTTX\n", "\nWEBVTT\n"] {
            assert!(moved(text, FOLDER).is_err(), "{text:?}");
        }
    }
}
