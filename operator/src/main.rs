//! Entry point: reads the command line, and runs.
use clap::Parser;
use std::error::Error;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use vessel_operator::settings::{Arguments, Command};
use vessel_operator::{put_sample, run};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .init();
    // The second of two calls is refused, and there is no second.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match arguments.command {
        Command::Run(arguments) => end(run::run(arguments).await),
        Command::PutSample(arguments) => end(put_sample::run(arguments).await),
    }
}

fn end<E: Error>(result: Result<(), E>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    tracing::error!(%error, ?causes, "ending");
    ExitCode::FAILURE
}
