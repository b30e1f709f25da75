//! The operator against an apiserver and a bucket in memory: what has to hold whoever writes
//! first, and wherever a process dies.
pub(crate) mod apiserver;
mod bucket;
mod crashes;
mod races;
mod retention;
mod settled;
mod world;
