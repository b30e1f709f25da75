//! A real S3 server for tests: versitygw on a folder of its own.
//!
//! It is the server that the chart embeds, so what holds in tests holds there.
use crate::bucket::{Bucket, ConnectError, Connection, Credentials, Unobserved};
use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use vessel_crds::media_store::Addressing;

/// The module that the program is built from where none is on the PATH.
const MODULE: &str = "github.com/versity/versitygw/cmd/versitygw@v1.8.0";
/// How often, and how often at most, a server that starts is asked.
const ASK: Duration = Duration::from_millis(50);
const ASKS: u32 = 400;

/// Only one of the tests of a process builds the program.
static BUILD: Mutex<()> = Mutex::new(());

/// A running server. It ends, and its folder goes, when this is dropped.
#[derive(Debug)]
pub struct Gateway {
    process: Child,
    folder: PathBuf,
    /// Its address.
    pub endpoint: String,
}

impl Gateway {
    /// Starts a server with no bucket.
    pub fn start() -> io::Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let folder = std::env::temp_dir().join(format!("vessel-gateway-{}", address.port()));
        std::fs::create_dir_all(&folder)?;
        let process = Command::new(program()?)
            .args(["--port", &address.to_string(), "posix"])
            .arg(&folder)
            .env("ROOT_ACCESS_KEY", "test")
            .env("ROOT_SECRET_KEY", "test-secret")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            process,
            folder,
            endpoint: format!("http://{address}"),
        })
    }

    /// How the bucket `media` of this server is spoken to with that secret key.
    pub fn connection(&self, secret: &str) -> Connection {
        Connection {
            bucket: "media".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(self.endpoint.clone()),
            addressing: Addressing::Path,
            ca_bundle: None,
            credentials: Credentials::Static {
                access_key_id: "test".to_owned(),
                secret_access_key: secret.to_owned(),
                session_token: None,
            },
        }
    }

    /// The bucket `media`, made once the server answers.
    pub async fn bucket(&self) -> Result<Bucket, ConnectError> {
        let bucket = Bucket::connect(self.connection("test-secret"), Arc::new(Unobserved)).await?;
        for _ in 0..ASKS {
            if bucket.create_bucket().await.is_ok() {
                break;
            }
            tokio::time::sleep(ASK).await;
        }
        Ok(bucket)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Nothing is left to do about a server that is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The program: from the PATH, else built from its module, once.
fn program() -> io::Result<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&on_path).map(|folder| folder.join("versitygw"));
    if let Some(program) = found.find(|program| program.is_file()) {
        return Ok(program);
    }
    // Tests run from {target}/{profile}/deps.
    let test = std::env::current_exe()?;
    let target = test
        .ancestors()
        .nth(3)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let bin = target.join("tmp/bin");
    let program = bin.join("versitygw");
    let _one = BUILD.lock().unwrap_or_else(PoisonError::into_inner);
    if !program.is_file() {
        let built = Command::new("go")
            .args(["install", "-trimpath", "-ldflags", "-s -w", MODULE])
            .current_dir("/")
            .env("GOBIN", &bin)
            .env("GOFLAGS", "-buildvcs=false")
            .env("CGO_ENABLED", "0")
            .output()?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr).into_owned();
            return Err(io::Error::other(said));
        }
    }
    Ok(program)
}
