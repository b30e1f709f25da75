//! Vessel's transcoder: what runs in a transcoding pod.
//!
//! `run` is the supervisor: it reads a source, encodes its ladder with sandboxed ffmpeg
//! processes, verifies what came out and commits it. It knows presigned URLs alone: no
//! bucket credentials, no Kubernetes API.

mod cli;
mod cost;
mod encode;
mod fetch;
mod ffmpeg;
mod gate;
mod grant;
mod ladder;
mod length;
mod package;
mod probe;
mod progress;
mod publish;
mod run;
mod sample;
mod settings;
mod stop;
mod store;
mod tools;
mod upload;
mod verdict;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::Cli::parse().command.unwrap_or(cli::Command::Run) {
        cli::Command::Run => run::main(),
        cli::Command::Sample { output } => sample::main(&output),
        cli::Command::ExecSandboxed { policy, command } => ffmpeg::jail::main(&policy, &command),
    }
}
