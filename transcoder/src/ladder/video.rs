//! The video ladder: which sizes, at which rates. Pure.
use super::frame_rate::FrameRate;
use crate::probe::{DeclaredLength, ProbedPicture, ProbedTrack, Transfer};
use vessel_crds::encoding::{EncoderEffort, VideoLadder, VideoRung};
use vessel_storage::path::Rung;

/// Longest group of pictures, in seconds: players can begin and switch at each.
const GROUP_SECONDS: u64 = 2;

/// The video ladder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VideoPlan {
    /// Index of the video track among all tracks.
    pub track_index: usize,
    /// What the source says about its length.
    pub declared: DeclaredLength,
    /// Its constant rate.
    pub rate: FrameRate,
    /// Pictures of a group: each begins with one that needs no other.
    pub group_pictures: u64,
    /// Groups of a segment.
    pub groups_per_segment: u64,
    /// How the source's light is coded.
    pub transfer: Transfer,
    /// Milliseconds for which the last picture stands still, where the sound goes on.
    pub hold_millis: u64,
    /// How much CPU the encoder spends.
    pub effort: EncoderEffort,
    /// The rungs, ascending.
    pub rungs: Vec<VideoRungPlan>,
    /// The small pictures for seeking.
    pub storyboard: Storyboard,
}

/// One rung.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VideoRungPlan {
    /// Its folder.
    pub rung: Rung,
    /// Its size.
    pub size: Size,
    /// Its average rate in kbit/s.
    pub bitrate_kbps: u32,
    /// Rate in kbit/s of the audio rung that goes with it.
    pub audio_bitrate_kbps: u32,
}

/// A size in pixels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// Sheets of small pictures at equal distances.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Storyboard {
    /// Groups of pictures from one tile to the next: only their first pictures are decoded.
    pub step_groups: u64,
    /// Size of a tile.
    pub tile: Size,
    /// Tiles of a row.
    pub columns: u32,
    /// Rows of a sheet.
    pub rows: u32,
}

impl Size {
    fn fits(self, source: Self) -> bool {
        self.width <= source.width || self.height <= source.height
    }

    /// Scaled into a box, never up, with even sides; and by how much.
    pub fn within(self, frame: Self) -> (Self, f64) {
        let ratio = |side: u32, of: u32| f64::from(side) / f64::from(of.max(1));
        let scale = ratio(frame.width, self.width)
            .min(ratio(frame.height, self.height))
            .min(1.0);
        let size = Self {
            width: even(f64::from(self.width) * scale),
            height: even(f64::from(self.height) * scale),
        };
        (size, scale)
    }

    const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a side of a picture"
)]
fn even(side: f64) -> u32 {
    ((side / 2.0).round().max(1.0) * 2.0) as u32
}

/// The ladder of a track; `None` if it shows nothing.
pub fn plan(
    ladder: &VideoLadder,
    track: (usize, &ProbedTrack),
    segment_seconds: u64,
) -> Option<VideoPlan> {
    let (track_index, track) = track;
    let picture = track.picture.as_ref()?;
    let source = displayed(picture)?;
    let rate = FrameRate::of_source(picture.rate);
    let groups = segment_seconds.max(1).div_ceil(GROUP_SECONDS);
    #[expect(clippy::cast_precision_loss, reason = "at most 10 seconds")]
    let group_seconds = segment_seconds.max(1) as f64 / groups as f64;
    Some(VideoPlan {
        track_index,
        declared: track.length,
        rate,
        group_pictures: rate.pictures(group_seconds),
        groups_per_segment: groups,
        transfer: picture.transfer,
        hold_millis: 0,
        effort: ladder.effort,
        storyboard: storyboard(source, group_seconds, track.length.millis()),
        rungs: rungs(&ladder.rungs, source),
    })
}

/// As it is seen: upright, with square pixels.
fn displayed(picture: &ProbedPicture) -> Option<Size> {
    let (width, height) = picture.size;
    let (across, down) = picture.pixel_aspect;
    if width == 0 || height == 0 {
        return None;
    }
    let stretched = f64::from(width) * f64::from(across) / f64::from(down.max(1));
    let size = Size {
        width: even(stretched).min(MAX_SIDE),
        height,
    };
    Some(if picture.turn.swaps_sides() {
        Size {
            width: size.height,
            height: size.width,
        }
    } else {
        size
    })
}

/// Largest side of a picture: pixels may claim any shape.
const MAX_SIDE: u32 = 16_384;

/// A rung of height p is the box of 16:9 with that height, turned as the picture is. It is
/// dropped where its box is larger than the source on both sides; where what is left at the
/// top is clearly smaller than the source, the next rung stays, at the source's own size and
/// at a rate for its pixels.
fn rungs(wanted: &[VideoRung], source: Size) -> Vec<VideoRungPlan> {
    let mut wanted: Vec<&VideoRung> = wanted.iter().collect();
    wanted.sort_by_key(|rung| rung.height_pixels);
    wanted.dedup_by_key(|rung| rung.height_pixels);
    let (below, above): (Vec<&VideoRung>, Vec<&VideoRung>) = wanted
        .into_iter()
        .partition(|rung| frame(rung, source).fits(source));
    let mut rungs: Vec<VideoRungPlan> = Vec::new();
    let mut top_scale = 0.0;
    for rung in below {
        let (size, scale) = source.within(frame(rung, source));
        if rungs.last().is_none_or(|last| last.size != size) {
            rungs.push(rung_plan(rung, size, positive(rung.bitrate_kbps)));
            top_scale = scale;
        }
    }
    if let Some(next) = above.first().filter(|_| top_scale < 0.9) {
        let (size, _) = source.within(source);
        let share = u64::from(positive(next.bitrate_kbps)) * size.pixels();
        let kbps = share.div_ceil(frame(next, source).pixels().max(1));
        rungs.push(rung_plan(
            next,
            size,
            u32::try_from(kbps).unwrap_or(u32::MAX).max(LEAST_KBPS),
        ));
    }
    rungs
}

/// Least rate of a rung in kbit/s: below, the encoder's headers outweigh the picture.
const LEAST_KBPS: u32 = 32;

fn rung_plan(rung: &VideoRung, size: Size, bitrate_kbps: u32) -> VideoRungPlan {
    VideoRungPlan {
        rung: Rung::video(positive(rung.height_pixels)),
        size,
        bitrate_kbps,
        audio_bitrate_kbps: positive(rung.audio_bitrate_kbps),
    }
}

fn frame(rung: &VideoRung, source: Size) -> Size {
    let short = positive(rung.height_pixels);
    let long = short * 16 / 9;
    if source.width >= source.height {
        Size {
            width: long,
            height: short,
        }
    } else {
        Size {
            width: short,
            height: long,
        }
    }
}

fn positive(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0).max(1)
}

/// Pixels of a tile's box.
const TILE: Size = Size {
    width: 160,
    height: 160,
};
/// Seconds between two tiles, at least and at most.
const STEP_SECONDS: std::ops::RangeInclusive<u64> = 2..=10;
/// Tiles that a video of medium length gets.
const TILES: u64 = 100;
/// Most tiles of a row, and rows of a sheet.
const GRID: u64 = 10;

fn storyboard(source: Size, group_seconds: f64, declared_millis: Option<u64>) -> Storyboard {
    let seconds = declared_millis.map_or(*STEP_SECONDS.end() * TILES, |millis| millis / 1000);
    let step = (seconds / TILES).clamp(*STEP_SECONDS.start(), *STEP_SECONDS.end());
    let tiles = (seconds / step + 1).min(GRID * GRID);
    let columns = tiles.min(GRID);
    let rows = tiles.div_ceil(columns);
    let (tile, _) = source.within(TILE);
    let side = |count: u64| u32::try_from(count).unwrap_or(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a handful"
    )]
    let step_groups = (step as f64 / group_seconds).round().max(1.0) as u64;
    Storyboard {
        step_groups,
        tile,
        columns: side(columns),
        rows: side(rows),
    }
}

impl VideoPlan {
    /// The largest size that is made: what the others are scaled from.
    pub fn top(&self) -> Size {
        self.rungs.last().map_or(TILE, |rung| rung.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Turn;
    use proptest::prelude::*;

    fn picture(width: u32, height: u32) -> ProbedPicture {
        ProbedPicture {
            size: (width, height),
            pixel_aspect: (1, 1),
            turn: Turn::None,
            rate: Some(FrameRate::new(25, 1)),
            transfer: Transfer::Standard,
        }
    }

    fn ladder(heights: &[i32]) -> Vec<VideoRung> {
        let rung = |&height_pixels| VideoRung {
            height_pixels,
            bitrate_kbps: 3000,
            audio_bitrate_kbps: 128,
        };
        heights.iter().map(rung).collect()
    }

    /// A source, and the name, width and height of each rung.
    type Case = (ProbedPicture, &'static [(&'static str, u32, u32)]);

    fn sizes(picture: &ProbedPicture) -> Vec<(String, u32, u32)> {
        let made = rungs(&ladder(&[360, 720, 1080]), displayed(picture).unwrap());
        made.iter()
            .map(|rung| (rung.rung.to_string(), rung.size.width, rung.size.height))
            .collect()
    }

    #[test]
    fn sizes_of_known_sources() {
        let rotated = ProbedPicture {
            turn: Turn::Quarter,
            ..picture(640, 360)
        };
        let pal = ProbedPicture {
            pixel_aspect: (16, 11),
            ..picture(720, 576)
        };
        let cases: [Case; 9] = [
            (
                picture(1920, 1080),
                &[
                    ("video-360p", 640, 360),
                    ("video-720p", 1280, 720),
                    ("video-1080p", 1920, 1080),
                ],
            ),
            (
                picture(1920, 804),
                &[
                    ("video-360p", 640, 268),
                    ("video-720p", 1280, 536),
                    ("video-1080p", 1920, 804),
                ],
            ),
            (
                picture(853, 480),
                &[("video-360p", 640, 360), ("video-720p", 854, 480)],
            ),
            (picture(64, 36), &[("video-360p", 64, 36)]),
            (
                picture(1080, 1920),
                &[
                    ("video-360p", 360, 640),
                    ("video-720p", 720, 1280),
                    ("video-1080p", 1080, 1920),
                ],
            ),
            (
                picture(1000, 1000),
                &[
                    ("video-360p", 360, 360),
                    ("video-720p", 720, 720),
                    ("video-1080p", 1000, 1000),
                ],
            ),
            (
                picture(3840, 2160),
                &[
                    ("video-360p", 640, 360),
                    ("video-720p", 1280, 720),
                    ("video-1080p", 1920, 1080),
                ],
            ),
            (rotated, &[("video-360p", 360, 640)]),
            (pal, &[("video-360p", 640, 352), ("video-720p", 1048, 576)]),
        ];
        for (picture, expected) in cases {
            let expected: Vec<_> = expected
                .iter()
                .map(|&(name, width, height)| (name.to_owned(), width, height))
                .collect();
            assert_eq!(sizes(&picture), expected, "{picture:?}");
        }
    }

    #[test]
    fn a_rung_at_the_sources_size_has_a_rate_for_its_pixels() {
        let made = rungs(&ladder(&[360, 720]), displayed(&picture(853, 480)).unwrap());
        let rates: Vec<u32> = made.iter().map(|rung| rung.bitrate_kbps).collect();
        assert_eq!(rates, [3000, 1335]);
    }

    #[test]
    fn a_segment_is_made_of_groups_of_two_seconds() {
        let track = |picture| ProbedTrack {
            picture: Some(picture),
            ..ProbedTrack::default()
        };
        let groups = |seconds, rate: (u32, u32)| {
            let picture = ProbedPicture {
                rate: Some(FrameRate::new(rate.0, rate.1)),
                ..picture(640, 360)
            };
            let ladder = VideoLadder {
                rungs: ladder(&[360]),
                ..VideoLadder::default()
            };
            let plan = plan(&ladder, (0, &track(picture)), seconds).unwrap();
            (plan.group_pictures, plan.groups_per_segment)
        };
        assert_eq!(groups(6, (25, 1)), (50, 3));
        assert_eq!(groups(6, (24_000, 1001)), (48, 3));
        assert_eq!(groups(5, (24, 1)), (40, 3));
        assert_eq!(groups(2, (60, 1)), (120, 1));
    }

    #[test]
    fn a_storyboard_has_a_tile_every_few_seconds() {
        let source = Size {
            width: 1920,
            height: 1080,
        };
        let of = |millis| {
            let board = storyboard(source, 2.0, millis);
            (board.step_groups, board.columns, board.rows)
        };
        assert_eq!(of(Some(4_000)), (1, 3, 1));
        assert_eq!(of(Some(60_000)), (1, 10, 4));
        assert_eq!(of(Some(600_000)), (3, 10, 10));
        assert_eq!(of(Some(7_200_000)), (5, 10, 10));
        assert_eq!(of(None), (5, 10, 10));
    }

    proptest! {
        /// Nothing is upscaled, sides are even, the ladder is never empty and ascends.
        #[test]
        fn any_size_has_a_ladder(width in 1..9000_u32, height in 1..9000_u32) {
            let source = displayed(&picture(width, height)).unwrap();
            let made = rungs(&ladder(&[360, 720, 1080]), source);
            prop_assert!(!made.is_empty());
            for rung in &made {
                let Size { width, height } = rung.size;
                prop_assert!(width % 2 == 0 && height % 2 == 0);
                prop_assert!(width <= source.width + 1 && height <= source.height + 1);
            }
            prop_assert!(made.is_sorted_by_key(|rung| rung.size.pixels()));
        }
    }
}
