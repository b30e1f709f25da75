//! The origin: serves what plays from a bucket, over HTTP.
//!
//! A request's way: [`path`] reads it, [`origin`] finds what plays ([`documents`]) and where
//! it lies, [`texts`] and [`objects`] keep content in memory, [`deliver`] writes the answer.
pub mod account;
pub mod assets;
pub mod blob;
pub mod caching;
pub mod deliver;
pub mod documents;
pub mod encoding;
pub mod extras;
pub mod kind;
pub mod metrics;
pub mod objects;
pub mod origin;
pub mod outage;
pub mod pace;
pub mod path;
pub mod playlist;
pub mod problem;
pub mod range;
pub mod readiness;
pub mod run;
pub mod serve;
pub mod settings;
pub mod texts;
pub mod upstream;
pub mod viewing;
pub mod watch;
