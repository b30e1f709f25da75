//! The means of the end-to-end tests: a cluster in which the release is installed, scenes
//! (a namespace for each test), real recordings, servers to read them from, and judges of
//! what comes out that share no code with what made it.
//!
//! The tests stand in `tests/line`, one file a capability.

pub mod audit;
pub mod browser;
pub mod cluster;
pub mod hls;
pub mod judges;
pub mod media;
pub mod mp4;
pub mod operator;
pub mod proxy;
pub mod recorder;
pub mod runner;
pub mod scene;
pub mod server;
pub mod shell;
pub mod specs;
pub mod store;
pub mod wait;

pub use cluster::Cluster;
pub use runner::{Test, note, run};
pub use scene::Scene;
