//! A grant endpoint and a bucket in memory, and ways to make media and to run the
//! transcoder against them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::result_large_err,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]
#![allow(missing_docs, reason = "the names of a test's fields say it")]
pub mod bucket;
pub mod execution;
pub mod film;
pub mod media;
#[path = "forger/recipe.rs"]
pub mod recipe;
pub mod unprivileged;
