//! Filters and outputs of the pictures.
use super::{FRAGMENTS, strings, without_metadata};
use crate::ladder::{Size, Storyboard, VideoPlan, VideoRungPlan};
use crate::probe::Transfer;
use vessel_crds::encoding::EncoderEffort;

/// The box of a poster, in pixels.
const POSTER: Size = Size {
    width: 1280,
    height: 1280,
};
/// Of how many pictures a poster is chosen: more than there are first pictures of groups in
/// what is kept of a rung.
const POSTER_CHOICE: u32 = 100;
/// Cover art is shown at this size at most.
pub(super) const COVER: &str = "scale='min(1000,iw)':'min(1000,ih)':force_original_aspect_ratio=decrease:flags=bicubic:out_range=pc,setsar=1";
/// What an ordinary screen shows, ITU-R BT.709.
const STANDARD: &str = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";

/// The filters from the source's track to the rungs `[v0]`, `[v1]`, …
///
/// Each branch gives a picture for each that comes in: ffmpeg holds in memory what the others
/// have made while it waits for the slowest one.
pub(super) fn filters(plan: &VideoPlan) -> String {
    let top = plan.top();
    let branches: Vec<String> = (0..plan.rungs.len())
        .map(|index| format!("[s{index}]"))
        .collect();
    let source = format!(
        "[0:{}]{}fps={}:start_time=0,{}{},setsar=1,{STANDARD},split={}{}",
        plan.track_index,
        progressive(top),
        plan.rate,
        hold(plan),
        to_standard(plan.transfer, top),
        plan.rungs.len(),
        branches.concat(),
    );
    let rungs = plan.rungs.iter().enumerate();
    let rungs =
        rungs.map(|(index, rung)| format!("[s{index}]{}[v{index}]", scaled(rung.size, top)));
    std::iter::once(source)
        .chain(rungs)
        .collect::<Vec<_>>()
        .join(";")
}

/// Interlaced pictures become whole ones. The filter needs more than two lines and columns of
/// colour; nothing so small is interlaced.
const fn progressive(top: Size) -> &'static str {
    if top.width < 8 || top.height < 8 {
        ""
    } else {
        "bwdif=mode=send_frame:deint=interlaced,"
    }
}

/// The last picture stands still until the sound ends.
fn hold(plan: &VideoPlan) -> String {
    if plan.hold_millis == 0 {
        return String::new();
    }
    format!("tpad=stop_mode=clone:stop_duration={}ms,", plan.hold_millis)
}

/// To the top size, in the colours of an ordinary screen.
fn to_standard(transfer: Transfer, top: Size) -> String {
    let Size { width, height } = top;
    let curve = match transfer {
        Transfer::Standard => {
            return format!(
                "scale={width}:{height}:flags=bicubic:out_color_matrix=bt709:out_range=tv,format=yuv420p"
            );
        }
        Transfer::Pq => "smpte2084",
        Transfer::Hlg => "arib-std-b67",
    };
    format!(
        "zscale=w={width}:h={height}:tin={curve}:pin=bt2020:min=bt2020nc:t=linear:npl=203,\
         format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
         zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
    )
}

fn scaled(size: Size, top: Size) -> String {
    if size == top {
        return "null".to_owned();
    }
    format!(
        "scale={}:{}:flags=bicubic,setsar=1",
        size.width, size.height
    )
}

/// The output of a rung.
pub(super) fn rung(
    plan: &VideoPlan,
    index: usize,
    rung: &VideoRungPlan,
    threads: usize,
) -> Vec<String> {
    let (kbps, group) = (rung.bitrate_kbps, plan.group_pictures.to_string());
    let preset = match plan.effort {
        EncoderEffort::Quick => "veryfast",
        EncoderEffort::Balanced => "fast",
        EncoderEffort::Thorough => "slow",
    };
    let mut argv = vec!["-map".to_owned(), format!("[v{index}]")];
    argv.extend(strings(&[
        "-c:v",
        "libx264",
        "-preset",
        preset,
        "-profile:v",
        "high",
    ]));
    argv.extend(strings(&["-threads", &threads.to_string()]));
    argv.extend(strings(&["-b:v", &format!("{kbps}k")]));
    argv.extend(strings(&["-maxrate", &format!("{}k", kbps + kbps / 2)]));
    argv.extend(strings(&["-bufsize", &format!("{}k", kbps * 2)]));
    argv.extend(strings(&[
        "-g",
        &group,
        "-keyint_min",
        &group,
        "-sc_threshold",
        "0",
    ]));
    argv.extend(strings(&["-flags", "+cgop", "-video_track_timescale"]));
    argv.push(plan.rate.timescale().to_string());
    argv.extend(without_metadata());
    argv.extend(["-movflags".to_owned(), format!("{FRAGMENTS}+frag_keyframe")]);
    argv.extend(strings(&["-flush_packets", "1"]));
    argv
}

/// How a poster is made of pictures from all over the film: the most typical one of them, for
/// one that is black or blurred seldom is.
pub(super) fn poster(plan: &VideoPlan) -> String {
    let Size { width, height } = plan.top().within(POSTER).0;
    format!("scale={width}:{height}:flags=bicubic:out_range=pc,thumbnail={POSTER_CHOICE}")
}

/// How a storyboard is made of the first pictures of all groups.
pub(super) fn board(board: &Storyboard) -> String {
    format!(
        "framestep={},scale={}:{}:flags=bicubic:out_range=pc,tile={}x{}",
        board.step_groups, board.tile.width, board.tile.height, board.columns, board.rows
    )
}
