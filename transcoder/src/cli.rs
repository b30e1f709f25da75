//! The command line.
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Encodes one source into a ladder and publishes it. What to do stands in the environment
/// (`VESSEL_JOB`, `VESSEL_LIMITS`, `VESSEL_GRANT_URL`, …), where the operator puts it.
#[derive(Debug, Parser)]
#[command(name = "vessel-transcoder", version)]
pub struct Cli {
    /// What to do. Default: `run`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the job that the environment names, and end with a verdict.
    Run,
    /// Write a minute of synthesized music as a FLAC file; needs no network.
    Sample {
        /// File to write; replaced if it exists.
        #[arg(long)]
        output: PathBuf,
    },
    /// Give up rights, then become another program. The supervisor starts ffmpeg with it.
    #[command(hide = true)]
    ExecSandboxed {
        /// What is left to the program, as JSON.
        #[arg(long)]
        policy: String,
        /// The program by its absolute path, and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}
