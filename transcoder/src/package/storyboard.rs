//! The storyboard's index: W3C WebVTT, with a tile of a sheet for each span of time (W3C Media
//! Fragments URI §4.2.2, `#xywh`).
use crate::ladder::{Storyboard, VideoPlan};
use crate::length::{Samples, in_samples};
use vessel_storage::path::ObjectPath;

/// The index of so many sheets, of a video of that length.
pub fn index(plan: &VideoPlan, length: Samples, sheets: u32) -> Vec<u8> {
    let board = plan.storyboard;
    let step = in_samples(
        board.step_groups * plan.group_pictures * plan.rate.picture_units(),
        plan.rate.timescale(),
    );
    let tiles = u64::from(board.columns * board.rows) * u64::from(sheets);
    let tiles = length.0.div_ceil(step.0.max(1)).min(tiles);
    let cues = (0..tiles).map(|number| {
        let begin = Samples(number * step.0);
        let end = Samples((begin.0 + step.0).min(length.0));
        let (begin, end) = (clock(begin), clock(end));
        format!("\n{begin} --> {end}\n{}\n", tile(board, number))
    });
    let head = std::iter::once("WEBVTT\n".to_owned());
    head.chain(cues).collect::<String>().into_bytes()
}

fn tile(board: Storyboard, number: u64) -> String {
    let (columns, rows) = (
        u64::from(board.columns.max(1)),
        u64::from(board.rows.max(1)),
    );
    let (sheet, place) = (number / (columns * rows), number % (columns * rows));
    let path = ObjectPath::StoryboardSheet(u32::try_from(sheet + 1).unwrap_or(u32::MAX));
    let (width, height) = (board.tile.width, board.tile.height);
    let x = place % columns * u64::from(width);
    let y = place / columns * u64::from(height);
    format!("{path}#xywh={x},{y},{width},{height}")
}

/// `00:01:05.500`.
fn clock(at: Samples) -> String {
    let millis = at.millis();
    let (seconds, millis) = (millis / 1000, millis % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}.{millis:03}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::fixtures::film;

    #[test]
    fn the_index() {
        let plan = film().video.unwrap();
        let text = String::from_utf8(index(&plan, Samples::from_millis(25_500), 2)).unwrap();
        insta::assert_snapshot!(text);
    }
}
