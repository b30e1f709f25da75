//! A grant endpoint and a bucket in memory, and ways to make media and to run the
//! transcoder against them.
#![allow(dead_code, reason = "each test program uses a part of it")]
pub mod bucket;
pub mod execution;
pub mod media;
