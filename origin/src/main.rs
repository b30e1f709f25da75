//! `vessel-origin`: serves what plays from the bucket.
use clap::Parser;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use vessel_origin::run::run;
use vessel_origin::settings::Flags;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .init();
    let settings = match Flags::parse().check() {
        Ok(settings) => settings,
        Err(error) => {
            tracing::error!(%error, "the settings are wrong");
            return ExitCode::from(2);
        }
    };
    match run(settings).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the origin ended");
            ExitCode::FAILURE
        }
    }
}
