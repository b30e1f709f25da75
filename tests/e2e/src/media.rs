//! Recordings: real ones from Debian's packages, and what ffmpeg makes of them.
use crate::shell::{run, stdout, text};
use std::path::{Path, PathBuf};
use std::{env, fs};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// One download at a time.
static DOWNLOAD: Mutex<()> = Mutex::const_new(());

/// A folder for the files of one test.
pub struct Studio {
    folder: TempDir,
}

impl Studio {
    /// An empty folder, removed when the studio goes.
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What ffmpeg makes by these arguments, which are followed by the file's path.
    pub async fn make(&self, name: &str, arguments: &[&str]) -> PathBuf {
        let file = self.file(name);
        let mut all = vec!["-nostdin", "-v", "error", "-y"];
        all.extend(arguments);
        all.push(text(&file));
        stdout("ffmpeg", &all).await;
        file
    }

    /// A tone of some seconds, stereo, 44.1 kHz.
    pub async fn tone(&self, name: &str, seconds: u32) -> PathBuf {
        let tone = format!("sine=440:r=44100:d={seconds}");
        self.make(name, &["-f", "lavfi", "-i", &tone, "-ac", "2"])
            .await
    }

    /// Noise of some seconds: it compresses badly, so that a file of it is large.
    pub async fn noise(&self, name: &str, seconds: u32) -> PathBuf {
        let noise = format!("anoisesrc=r=44100:a=0.3:d={seconds}");
        self.make(name, &["-f", "lavfi", "-i", &noise, "-ac", "2"])
            .await
    }

    /// A film of some seconds with a tone, of 30000/1001 pictures a second: H.264 and AAC in
    /// MP4.
    pub async fn film(&self, name: &str, size: &str, seconds: u32) -> PathBuf {
        let pictures = format!("testsrc2=s={size}:r=30000/1001:d={seconds}");
        let tone = format!("sine=440:r=48000:d={seconds}");
        let sources = ["-f", "lavfi", "-i", &pictures, "-f", "lavfi", "-i", &tone];
        let coded = "-ac 2 -c:a aac -c:v libx264 -preset ultrafast -pix_fmt yuv420p";
        let coded: Vec<&str> = coded.split(' ').collect();
        self.make(name, &[&sources[..], &coded].concat()).await
    }
}

/// Turns an MP4 by a quarter to the right, as a phone that is held upright does: what is
/// stored stays, and the track's matrix (ISO/IEC 14496-12 §8.3.2) says how it is shown.
pub fn turned(mut film: Vec<u8>) -> Vec<u8> {
    /// From the box's type to the matrix.
    const MATRIX: usize = 44;
    let found = film.windows(4).position(|bytes| bytes == b"tkhd");
    let matrix = found.expect("a track header") + MATRIX;
    let quarter = [0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000_i32];
    for (index, value) in quarter.into_iter().enumerate() {
        let at = matrix + 4 * index;
        film[at..at + 4].copy_from_slice(&value.to_be_bytes());
    }
    film
}

impl Default for Studio {
    fn default() -> Self {
        Self::new()
    }
}

/// A spoken word, 48 kHz, mono, 16 bit, as WAV.
pub async fn mono_wav() -> PathBuf {
    package("alsa-utils")
        .await
        .join("usr/share/sounds/alsa/Front_Center.wav")
}

/// A spoken word as Ogg Vorbis.
pub async fn vorbis() -> PathBuf {
    let folder = package("sound-theme-freedesktop").await;
    folder.join("usr/share/sounds/freedesktop/stereo/audio-channel-front-center.oga")
}

/// Half a minute of music as Opus, stereo.
pub async fn opus() -> PathBuf {
    package("jami-daemon")
        .await
        .join("usr/share/jami/ringtones/10_UrbanTrap.opus")
}

/// Seven seconds of music as MP3, with a picture as its cover.
pub async fn mp3_with_cover(studio: &Studio) -> PathBuf {
    let folder = package("python-pygame-doc").await;
    let song = folder.join("usr/share/doc/python-pygame-doc/examples/data/house_lo.mp3");
    let picture = [
        "-f",
        "lavfi",
        "-i",
        "color=c=navy:s=500x500",
        "-frames:v",
        "1",
    ];
    let cover = studio.make("cover.png", &picture).await;
    let song = [
        "-i",
        text(&song),
        "-i",
        text(&cover),
        "-map",
        "0:a",
        "-map",
        "1:v",
        "-c",
        "copy",
    ];
    let tag = ["-id3v2_version", "3", "-disposition:v", "attached_pic"];
    studio
        .make("covered.mp3", &[&song[..], &tag[..]].concat())
        .await
}

/// Thirty seconds of music, exactly, as FLAC of 24 bits, stereo.
pub async fn flac_24_bit(studio: &Studio) -> PathBuf {
    let song = opus().await;
    let cut = [
        "-i",
        text(&song),
        "-t",
        "30",
        "-c:a",
        "flac",
        "-sample_fmt",
        "s32",
    ];
    let file = studio.make("studio.flac", &cut).await;
    assert_eq!(probe(&file, "stream=bits_per_raw_sample").await, "24");
    file
}

/// A value that ffprobe finds in the first audio stream.
pub async fn probe(file: &Path, entry: &str) -> String {
    probe_stream(file, "a:0", entry).await
}

/// A value that ffprobe finds in a stream.
pub async fn probe_stream(file: &Path, stream: &str, entry: &str) -> String {
    let how = [
        "-v",
        "error",
        "-select_streams",
        stream,
        "-of",
        "csv=p=0",
        "-show_entries",
    ];
    let found = stdout("ffprobe", &[&how[..], &[entry, text(file)]].concat()).await;
    String::from_utf8(found).unwrap().trim().to_owned()
}

/// How many samples of a file's first audio track play at 48 kHz.
pub async fn samples_at_48_khz(file: &Path) -> u64 {
    let input = ["-nostdin", "-v", "error", "-i", text(file), "-map", "0:a:0"];
    let graph = "aresample=48000:async=1:first_pts=0,aformat=sample_fmts=flt:channel_layouts=mono";
    let pcm = stdout(
        "ffmpeg",
        &[&input[..], &["-af", graph, "-f", "f32le", "-"]].concat(),
    )
    .await;
    pcm.len() as u64 / 4
}

/// The contents of a Debian package, unpacked once for all clones of this machine.
async fn package(name: &str) -> PathBuf {
    let folder = cache().join(name);
    let _guard = DOWNLOAD.lock().await;
    if folder.exists() {
        return folder;
    }
    fs::create_dir_all(cache()).unwrap();
    let work = TempDir::new_in(cache()).unwrap();
    download(name, work.path()).await;
    let archive = fs::read_dir(work.path())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let contents = work.path().join("contents");
    stdout("dpkg-deb", &["-x", text(&archive), text(&contents)]).await;
    fs::rename(&contents, &folder).unwrap();
    folder
}

/// Downloads a package into a folder, with newer lists of packages if those at hand fail.
async fn download(name: &str, folder: &Path) {
    let fetch = format!("cd '{}' && apt-get -qq download {name}", text(folder));
    if !run("sh", &["-c", &fetch]).await.status.success() {
        stdout("apt-get", &["-qq", "update"]).await;
        stdout("sh", &["-c", &fetch]).await;
    }
}

fn cache() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").expect("HOME is set")).join(".cache");
    let base = env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    base.join("vessel/media")
}
