//! The transcoder, run as a pod runs it: one process with an environment.
use super::bucket::{Stub, TOKEN};
use super::media::ffmpeg_root;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use vessel_crds::encoding::{
    AudioLadder, Container, EncoderEffort, Encoding, Packaging, VideoLadder, VideoRung,
};
use vessel_crds::reason::FailureReason;
use vessel_storage::manifest::{Manifest, ManifestRung};
use vessel_storage::order::{Limits, Order, OrderedSource, SandboxMode};
use vessel_storage::path::{ObjectPath, SegmentKind};
use vessel_storage::verdict::{Verdict, VerdictOutcome};

/// What is run.
#[derive(Debug)]
pub struct Execution {
    pub stub: Stub,
    pub order: Order,
    pub limits: Limits,
    pub folder: TempDir,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub verdict: Verdict,
    pub log: String,
}

impl Execution {
    /// The audio ladder of the default profile, of a granted source.
    pub async fn of(source: impl Into<axum::body::Bytes>) -> Self {
        let stub = Stub::start().await;
        stub.put("source", source);
        Self {
            stub,
            order: Order {
                namespace: "music".to_owned(),
                name: "night-drive-0123456789".to_owned(),
                job_uid: "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e".parse().unwrap(),
                asset_uid: "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11".parse().unwrap(),
                attempt: 1,
                profile_name: "audio".to_owned(),
                encoding: encoding(&[64, 128, 192, 256], Container::FragmentedMp4),
                source: OrderedSource::Granted,
            },
            limits: limits(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self) -> tokio::process::Command {
        let path = |name: &str| self.folder.path().join(name);
        std::fs::create_dir_all(path("scratch")).unwrap();
        std::fs::create_dir_all(path("headers")).unwrap();
        std::fs::write(path("token"), TOKEN).unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_vessel-transcoder"));
        command
            .env_clear()
            .env("VESSEL_JOB", serde_json::to_string(&self.order).unwrap())
            .env(
                "VESSEL_LIMITS",
                serde_json::to_string(&self.limits).unwrap(),
            )
            .env("VESSEL_GRANT_URL", format!("http://{}", self.stub.address))
            .env("VESSEL_TOKEN_FILE", path("token"))
            .env("VESSEL_SCRATCH_DIR", path("scratch"))
            .env("VESSEL_HEADERS_DIR", path("headers"))
            .env("VESSEL_TERMINATION_LOG", path("termination"))
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if let Some(root) = ffmpeg_root() {
            command.env("VESSEL_FFMPEG_ROOT", root);
        }
        command
    }

    /// Starts it.
    pub fn start(&self) -> tokio::process::Child {
        self.command().spawn().unwrap()
    }

    /// Starts it with changes to its environment.
    pub fn start_with(
        &self,
        change: impl FnOnce(&mut tokio::process::Command),
    ) -> tokio::process::Child {
        let mut command = self.command();
        change(&mut command);
        command.spawn().unwrap()
    }

    /// Runs it to its end.
    pub async fn run(&self) -> Ended {
        self.run_with(|_| {}).await
    }

    /// Runs it with changes to its environment.
    pub async fn run_with(&self, change: impl FnOnce(&mut tokio::process::Command)) -> Ended {
        self.ended(self.start_with(change)).await
    }

    /// Waits for its end and reads its last words.
    pub async fn ended(&self, child: tokio::process::Child) -> Ended {
        self.words(&child.wait_with_output().await.unwrap())
    }

    /// Reads the last words of one that has ended.
    pub fn words(&self, output: &std::process::Output) -> Ended {
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let words = std::fs::read(self.folder.path().join("termination"))
            .unwrap_or_else(|error| panic!("no termination message: {error}\n{log}"));
        assert!(words.len() <= 3500);
        Ended {
            code: output.status.code(),
            verdict: serde_json::from_slice(&words).unwrap(),
            log,
        }
    }

    /// Runs it; it has to commit.
    pub async fn commits(&self) -> (Manifest, Verdict) {
        let ended = self.run().await;
        assert_eq!(
            ended.verdict.outcome,
            VerdictOutcome::Committed,
            "{ended:#?}"
        );
        assert_eq!(ended.code, Some(0));
        let manifest = self.stub.object("manifest.json").unwrap();
        (serde_json::from_slice(&manifest).unwrap(), ended.verdict)
    }

    /// Runs it; it has to fail for this reason. Answers the message.
    pub async fn fails(&self, reason: FailureReason) -> String {
        let ended = self.run().await;
        assert_eq!(ended.verdict.reason, Some(reason), "{ended:#?}");
        let code = if ended.verdict.permanent { 64 } else { 75 };
        assert_eq!(ended.code, Some(code), "{ended:#?}");
        assert!(self.stub.get("commit.json").is_none());
        ended.verdict.message
    }

    /// A rung as one stream: its initialization segment and all of its segments.
    pub fn joined(&self, rung: &ManifestRung) -> Vec<u8> {
        let segments = (1..=rung.segments)
            .map(|number| ObjectPath::Segment(rung.rung.clone(), number, SegmentKind::Fragment));
        let parts = std::iter::once(ObjectPath::Init(rung.rung.clone())).chain(segments);
        parts
            .flat_map(|part| self.stub.object(&part.to_string()).unwrap())
            .collect()
    }

    /// Writes what was uploaded into a folder, as it lies in the bucket.
    pub fn unpacked(&self) -> PathBuf {
        let folder = self.folder.path().join("out");
        self.stub.with(|inner| {
            for (key, stored) in &inner.objects {
                if let Some((_, path)) = key.split_once('/') {
                    let path = folder.join(path);
                    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                    std::fs::write(path, &stored.bytes).unwrap();
                }
            }
        });
        folder
    }
}

/// An audio ladder with defaults for the rest.
pub fn encoding(bitrates_kbps: &[i32], container: Container) -> Encoding {
    Encoding {
        audio: Some(AudioLadder {
            bitrates_kbps: bitrates_kbps.to_vec(),
        }),
        packaging: Packaging {
            container,
            ..Packaging::default()
        },
        ..Encoding::default()
    }
}

/// The ladders of the profile `adaptive`, quickly encoded.
pub fn adaptive() -> Encoding {
    let rung = |height_pixels, bitrate_kbps, audio_bitrate_kbps| VideoRung {
        height_pixels,
        bitrate_kbps,
        audio_bitrate_kbps,
    };
    Encoding {
        video: Some(VideoLadder {
            effort: EncoderEffort::Quick,
            rungs: vec![
                rung(360, 800, 64),
                rung(720, 2800, 128),
                rung(1080, 5000, 192),
            ],
        }),
        ..encoding(&[64, 128, 192, 256], Container::FragmentedMp4)
    }
}

/// The limits of a default installation.
pub fn limits() -> Limits {
    Limits {
        max_source_bytes: 5 << 30,
        max_duration_seconds: 43_200,
        max_objects: 50_000,
        memory_bytes: 1 << 30,
        scratch_bytes: 6 << 30,
        allowed_cidrs: Vec::new(),
        denied_cidrs: Vec::new(),
        sandbox: SandboxMode::Required,
    }
}

/// A folder for media.
pub fn media_folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A path as text.
pub fn text(path: &Path) -> String {
    path.display().to_string()
}
