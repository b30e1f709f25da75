//! The bucket of Vessel: every key that it writes, every document that lies there, and what
//! its parts say to each other about it.
//!
//! The layout and the rules by which it changes are described in `docs/protocol.md`.
//! Everything here is pure but for [`bucket`], the S3 client, which only programs with
//! credentials link.

#[cfg(feature = "bucket")]
pub mod bucket;
pub mod claim;
pub mod commit;
pub mod content;
pub mod digest;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod grant;
pub mod key;
pub mod manifest;
pub mod order;
pub mod path;
pub mod pointer;
pub mod tombstone;
pub mod uid;
pub mod verdict;
