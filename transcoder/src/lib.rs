//! Vessel's transcoder: what runs in a transcoding pod. A library for its own program and for
//! the fuzzer, which reads the parsers' bytes.
//!
//! `run` is the supervisor: it reads a source, encodes its ladder with sandboxed ffmpeg
//! processes, verifies what came out and commits it. It knows presigned URLs alone: no
//! bucket credentials, no Kubernetes API.

pub mod beginning;
pub mod cli;
pub mod cost;
pub mod encode;
pub mod fetch;
pub mod ffmpeg;
pub mod gate;
pub mod grant;
pub mod input;
pub mod ladder;
pub mod length;
pub mod loudness;
pub mod package;
pub mod peaks;
pub mod poster;
pub mod probe;
pub mod progress;
pub mod publish;
pub mod run;
pub mod sample;
pub mod settings;
pub mod stop;
pub mod store;
pub mod tools;
pub mod upload;
pub mod verdict;
