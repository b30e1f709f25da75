//! How ffmpeg and ffprobe are run: argv, sandbox, processes, and what their logs say.
pub mod argv;
pub mod jail;
pub mod log;
pub mod process;
