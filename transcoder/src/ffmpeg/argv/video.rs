//! Filters and outputs of the pictures.
use super::{FRAGMENTS, Stills, strings, without_metadata};
use crate::ladder::{Size, VideoPlan, VideoRungPlan};
use crate::probe::Transfer;
use vessel_crds::encoding::EncoderEffort;

/// The box of a poster, in pixels.
const POSTER: Size = Size {
    width: 1280,
    height: 1280,
};
/// Seconds at the beginning of which the most typical picture becomes the poster: one that is
/// black or blurred seldom is.
const POSTER_SECONDS: u32 = 20;
/// Cover art is shown at this size at most.
pub(super) const COVER: &str = "scale='min(1000,iw)':'min(1000,ih)':force_original_aspect_ratio=decrease:flags=bicubic:out_range=pc,setsar=1";
/// What an ordinary screen shows, ITU-R BT.709.
const STANDARD: &str = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709";

/// The filters from the source's track to the rungs `[v0]`, `[v1]`, …, the poster `[poster]` and
/// the storyboard `[board]`.
pub(super) fn filters(plan: &VideoPlan) -> String {
    let top = plan.top();
    let mut graph = format!(
        "[0:{}]bwdif=mode=send_frame:deint=interlaced,fps={}:start_time=0,{}{},setsar=1,{STANDARD}",
        plan.track_index,
        plan.rate,
        hold(plan),
        to_standard(plan.transfer, top),
    );
    let branches = plan.rungs.len() + 2;
    graph.push_str(&format!(",split={branches}"));
    for index in 0..plan.rungs.len() {
        graph.push_str(&format!("[s{index}]"));
    }
    graph.push_str("[p][b]");
    for (index, rung) in plan.rungs.iter().enumerate() {
        graph.push_str(&format!(";[s{index}]{}[v{index}]", scaled(rung.size, top)));
    }
    graph.push_str(&format!(
        ";[p]{}[poster];[b]{}[board]",
        poster(plan),
        board(plan)
    ));
    graph
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

/// Of one picture a second, the most typical one.
fn poster(plan: &VideoPlan) -> String {
    let second = plan.rate.pictures(1.0);
    let Size { width, height } = plan.top().within(POSTER).0;
    format!(
        "framestep={second},scale={width}:{height}:flags=bicubic:out_range=pc,\
         thumbnail={POSTER_SECONDS}"
    )
}

fn board(plan: &VideoPlan) -> String {
    let board = plan.storyboard;
    format!(
        "framestep={},scale={}:{}:flags=bicubic:out_range=pc,tile={}x{}",
        board.step_pictures, board.tile.width, board.tile.height, board.columns, board.rows
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

/// An output of still pictures: JPEGs, each in a fragment of its own.
pub(super) fn stills(kind: Stills) -> Vec<String> {
    let mut argv = match kind {
        Stills::Poster => strings(&["-map", "[poster]", "-frames:v", "1"]),
        Stills::Storyboard => strings(&["-map", "[board]"]),
    };
    argv.extend(strings(&[
        "-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p",
    ]));
    argv.extend(strings(&["-fps_mode", "passthrough", "-threads", "1"]));
    argv.extend(without_metadata());
    argv.extend(strings(&[
        "-movflags",
        "+empty_moov+default_base_moof+frag_every_frame+skip_trailer",
    ]));
    argv.extend(strings(&["-flush_packets", "1"]));
    argv
}
