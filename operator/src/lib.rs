//! The operator of Vessel.
//!
//! [`asset`] says which TranscodeJobs ought to exist and what plays; [`job`] runs them, one
//! attempt at a time; [`queue`] says whose turn it is; [`grant`] tells a pod what it may touch;
//! [`store`] keeps the buckets true and [`sweep`] frees what was proved dead. Everything else
//! is the shell around them: [`run`] wires it.

pub mod apiserver;
pub mod asset;
pub mod caches;
pub mod context;
pub mod controllers;
pub mod defaults;
pub mod definitions;
pub mod events;
pub mod grant;
pub mod human;
pub mod job;
pub mod leader;
pub mod metrics;
pub mod profile;
pub mod put_sample;
pub mod queue;
pub mod retries;
pub mod run;
pub mod server;
pub mod settings;
pub mod store;
pub mod sweep;
pub mod tls;
pub mod work;

#[cfg(test)]
mod scenarios;
