//! A TCP proxy in front of the store that can be made slow, and silent.
use crate::cluster::host_address;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a proxy treats what comes back from the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    /// It goes on at once.
    Open,
    /// Every piece waits that long.
    Slow(Duration),
    /// It never arrives.
    Silent,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy to `target` (`host:port`).
    pub async fn start(target: String) -> Self {
        let listener = TcpListener::bind((host_address(), 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, seen) = watch::channel(Line::Open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, target.clone(), seen.clone()));
            }
        });
        Self {
            address,
            line,
            task,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how it treats answers, those of open connections included.
    pub fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(client: TcpStream, target: String, line: watch::Receiver<Line>) {
    let Ok(server) = TcpStream::connect(&target).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let (_held, open) = watch::channel(Line::Open);
    tokio::join!(
        carry(from_client, to_server, open),
        carry(from_server, to_client, line)
    );
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut line: watch::Receiver<Line>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let state = *line.borrow();
        match state {
            Line::Open => {}
            Line::Slow(pause) => tokio::time::sleep(pause).await,
            Line::Silent => {
                if line.wait_for(|line| *line != Line::Silent).await.is_err() {
                    return;
                }
            }
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
