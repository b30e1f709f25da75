//! Vessel's transcoder: what runs in a transcoding pod.
use clap::Parser;
use std::process::ExitCode;
use vessel_transcoder::{cli, ffmpeg, run, sample};

fn main() -> ExitCode {
    match cli::Cli::parse().command.unwrap_or(cli::Command::Run) {
        cli::Command::Run => run::main(),
        cli::Command::Sample { output } => sample::main(&output),
        cli::Command::ExecSandboxed { policy, command } => ffmpeg::jail::main(&policy, &command),
    }
}
