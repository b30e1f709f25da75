//! A real browser: Chromium without a window, driven over WebDriver.
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A browser with one empty page.
pub struct Browser {
    /// Its page.
    pub page: Client,
    driver: Child,
    _profile: TempDir,
}

impl Browser {
    /// Starts `chromedriver` on a free port, and Chromium with a new profile.
    pub async fn open() -> Self {
        let mut driver = Command::new("chromedriver")
            .args(["--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is on the PATH (Debian: chromium-driver)");
        let port = port(&mut driver).await;
        let profile = TempDir::new().unwrap();
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities(&profile))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("chromedriver starts Chromium");
        Self {
            page,
            driver,
            _profile: profile,
        }
    }

    /// Ends the session, and with it the browser.
    pub async fn close(mut self) {
        let _ = self.page.close().await;
        let _ = self.driver.kill().await;
    }

    /// What a person reads on the page.
    pub async fn visible_text(&self) -> String {
        self.evaluate("document.body.innerText")
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The value of a JavaScript expression on the page.
    pub async fn evaluate(&self, expression: &str) -> serde_json::Value {
        let script = format!("return {expression}");
        self.page
            .execute(&script, Vec::new())
            .await
            .unwrap_or_else(|e| panic!("{expression}: {e}"))
    }
}

/// The port that the driver says it has chosen.
async fn port(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().unwrap();
        }
    }
    panic!("chromedriver ended before it listened");
}

fn capabilities(profile: &TempDir) -> fantoccini::wd::Capabilities {
    let options = json!({"goog:chromeOptions": {"args": [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        "--mute-audio",
        "--autoplay-policy=no-user-gesture-required",
        format!("--user-data-dir={}", profile.path().display()),
    ]}});
    options.as_object().unwrap().clone()
}
