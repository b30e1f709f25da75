//! Where the tools read the source: in scratch, or on their standard input while it arrives.
use crate::fetch::arriving::Arriving;
use crate::ffmpeg::argv::Address;
use crate::ffmpeg::process::Reads;
use crate::stop::Stop;
use futures::future::{Either, select};
use std::path::PathBuf;
use std::pin::pin;
use tokio::process::ChildStdin;

/// Where the tools read the source.
#[derive(Clone, Debug)]
pub enum Input {
    /// In this file, which is complete.
    File(PathBuf),
    /// On their standard input: each of them gets all of it.
    Stream(Arriving),
}

impl Input {
    /// What they are told.
    pub fn address(&self) -> Address<'_> {
        match self {
            Self::File(path) => Address::File(path),
            Self::Stream(_) => Address::Stdin,
        }
    }

    /// How they get at it.
    pub fn reads(&self) -> Reads<'_> {
        match self {
            Self::File(path) => Reads::File(path),
            Self::Stream(_) => Reads::Stdin,
        }
    }

    /// Works with what a tool puts out while it is fed. The work ends when the tool does: what
    /// is left of the source then is not waited for.
    pub async fn feeding<T>(
        &self,
        stdin: Option<ChildStdin>,
        work: impl Future<Output = Result<T, Stop>>,
    ) -> Result<T, Stop> {
        let feed = async move {
            match (self, stdin) {
                (Self::Stream(arriving), Some(stdin)) => arriving.feed(stdin).await,
                _ => Ok(()),
            }
        };
        match select(pin!(work), pin!(feed)).await {
            Either::Left((made, _)) => made,
            Either::Right((ended, work)) => {
                ended?;
                work.await
            }
        }
    }
}
