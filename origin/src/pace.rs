//! Viewers who take their answers too slowly, or not at all: what is being sent to them stays
//! in memory, so they are let go.
use axum_server::accept::Accept;
use std::future::{Ready, ready};
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready as poll_ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The least that a viewer who keeps us waiting has to take: all there is, or so many bytes
/// in that time.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes.
    pub bytes: usize,
    /// Time from the moment when the connection takes no more.
    pub period: Duration,
}

impl Default for Pace {
    /// A quarter of what the lowest rung of audio needs to play.
    fn default() -> Self {
        Self {
            bytes: 64 << 10,
            period: Duration::from_secs(30),
        }
    }
}

/// Accepts connections that end when they fall behind, and send without delay.
#[derive(Clone, Copy, Debug)]
pub struct PacedAcceptor(pub Pace);

impl<S> Accept<TcpStream, S> for PacedAcceptor {
    type Stream = Paced<TcpStream>;
    type Service = S;
    type Future = Ready<Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let nodelay = stream.set_nodelay(true);
        ready(nodelay.map(|()| (Paced::new(stream, self.0), service)))
    }
}

/// A connection that fails with `TimedOut` when its other end falls behind.
pub struct Paced<S> {
    stream: S,
    pace: Pace,
    behind: Option<Behind>,
}

/// Since the connection took no more.
struct Behind {
    deadline: Pin<Box<Sleep>>,
    taken: usize,
}

impl<S> Paced<S> {
    /// Watches over `stream`.
    pub const fn new(stream: S, pace: Pace) -> Self {
        Self {
            stream,
            pace,
            behind: None,
        }
    }

    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<Result<usize>>) -> Poll<Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => self.took(bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => poll_ready!(self.overdue(cx))?,
        }
        written
    }

    fn took(&mut self, bytes: usize) {
        if let Some(behind) = &mut self.behind {
            behind.taken += bytes;
            if behind.taken >= self.pace.bytes {
                self.behind = None;
            }
        }
    }

    fn overdue(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let behind = self.behind.get_or_insert_with(|| Behind {
            deadline: Box::pin(sleep(self.pace.period)),
            taken: 0,
        });
        poll_ready!(behind.deadline.as_mut().poll(cx));
        Poll::Ready(Err(Error::new(
            ErrorKind::TimedOut,
            "the viewer takes the answer too slowly",
        )))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.judge(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Called when all there was has been written: then nobody keeps us waiting.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        this.behind = None;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const PACE: Pace = Pace {
        bytes: 10_000,
        period: Duration::from_millis(500),
    };

    /// How it ends to send 60,000 bytes to one who takes `step` bytes at a time, with a pause.
    async fn send(step: usize, pause: Duration) -> Result<()> {
        let (ours, mut theirs) = duplex(1000);
        let viewer = tokio::spawn(async move {
            let mut buffer = vec![0; step];
            while theirs.read_exact(&mut buffer).await.is_ok() {
                sleep(pause).await;
            }
        });
        let mut paced = Paced::new(ours, PACE);
        let sent = paced.write_all(&vec![7; 60_000]).await;
        drop(paced);
        viewer.await.map_err(Error::other)?;
        sent
    }

    #[tokio::test]
    async fn one_who_keeps_the_pace_gets_it_all() {
        send(1000, Duration::from_millis(2)).await.unwrap();
    }

    #[tokio::test]
    async fn one_who_takes_little_is_let_go() {
        let error = send(100, Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn one_who_takes_nothing_is_let_go() {
        let (ours, theirs) = duplex(1000);
        let error = Paced::new(ours, PACE)
            .write_all(&vec![7; 60_000])
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(theirs);
    }

    #[tokio::test]
    async fn time_between_answers_does_not_count() {
        let (ours, mut theirs) = duplex(1000);
        let mut paced = Paced::new(ours, PACE);
        for _ in 0..2 {
            let taking = async {
                let mut answer = [0; 5000];
                tokio::task::yield_now().await;
                theirs.read_exact(&mut answer).await
            };
            let sending = async {
                paced.write_all(&[7; 5000]).await?;
                paced.flush().await
            };
            let (taken, sent) = tokio::join!(taking, sending);
            taken.unwrap();
            sent.unwrap();
            sleep(PACE.period * 2).await;
        }
    }
}
