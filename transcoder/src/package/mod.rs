//! From ffmpeg's byte streams to segments and playlists. Pure.
pub mod bandwidth;
pub mod cut;
pub mod dash;
pub mod fragment;
pub mod hls;
pub mod storyboard;
pub mod transport;
