//! The origin as a viewer meets it: the whole router over a bucket in memory, and over a real
//! S3 server where one is installed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect ends there"
)]
mod bucket;
mod burden;
mod extras;
mod faults;
mod headers;
mod library;
mod lifecycle;
mod pages;
mod sharing;
mod store;
mod viewer;
