//! What the real ffmpeg makes, recorded: what the forgeries are made of.
use crate::support::execution::{Execution, encoding, media_folder};
use crate::support::media::make;
use crate::support::recipe::{Recipe, Words};
use tokio::sync::OnceCell;
use vessel_crds::encoding::{Container, Encoding, VideoLadder, VideoRung};

/// What is forged.
#[derive(Clone, Copy)]
pub enum Honest {
    Song,
    Film,
    /// Sound and pictures.
    Both,
}

pub const SECONDS: usize = 3;

impl Honest {
    const fn has_sound(self) -> bool {
        matches!(self, Self::Song | Self::Both)
    }

    const fn has_pictures(self) -> bool {
        matches!(self, Self::Film | Self::Both)
    }

    /// Two rungs of a kind, in segments of a second.
    pub fn encoding(self) -> Encoding {
        let mut encoding = encoding(&[64, 128], Container::FragmentedMp4);
        encoding.packaging.segment_seconds = 1;
        if !self.has_sound() {
            encoding.audio = None;
        }
        let rung = |height_pixels| VideoRung {
            height_pixels,
            bitrate_kbps: 200,
            audio_bitrate_kbps: 64,
        };
        encoding.video = self.has_pictures().then(|| VideoLadder {
            rungs: vec![rung(90), rung(180)],
            ..VideoLadder::default()
        });
        encoding
    }

    /// What the real ffmpeg makes, as a recipe.
    pub async fn recipe(self) -> &'static Recipe {
        static MADE: [OnceCell<Recipe>; 3] = [const { OnceCell::const_new() }; 3];
        let place = &MADE[self as usize];
        place.get_or_init(|| self.recorded()).await
    }

    async fn recorded(self) -> Recipe {
        let folder = media_folder();
        let film = "-f lavfi -i testsrc2=s=320x180:r=25:d=3 -c:v mpeg4 -q:v 3 ";
        let song = "-f lavfi -i sine=440:r=48000:d=3 -ac 2 -c:a flac ";
        let arguments = match self {
            Self::Song => song.to_owned(),
            Self::Film => film.to_owned(),
            Self::Both => {
                format!("-f lavfi -i testsrc2=s=320x180:r=25:d=3 {song} -c:v mpeg4 -q:v 3")
            }
        };
        let mut execution = Execution::of(make(folder.path(), "a.mkv", &arguments)).await;
        execution.order.encoding = self.encoding();
        execution.limits.memory_bytes = 2 << 30;
        let (manifest, _) = execution.commits().await;
        let rungs = manifest.rungs.iter().map(|rung| execution.joined(rung));
        Recipe {
            description: self.description(),
            samples: SECONDS * 48_000,
            decoder: counted("audio", 100, 0),
            encoder: counted("video", 75, 0),
            rungs: rungs.collect(),
        }
    }

    fn description(self) -> String {
        let sound = r#"{"codec_type":"audio","codec_name":"flac","sample_fmt":"s16","sample_rate":"48000","channels":2,"duration":"3.0"}"#;
        let film = r#"{"codec_type":"video","codec_name":"mpeg4","width":320,"height":180,"avg_frame_rate":"25/1","duration":"3.0"}"#;
        let streams = match self {
            Self::Song => sound.to_owned(),
            Self::Film => film.to_owned(),
            Self::Both => format!("{film},{sound}"),
        };
        format!(
            r#"{{"program_version":{{"version":"7.1"}},"streams":[{streams}],"format":{{"format_name":"matroska","duration":"3.0"}}}}"#
        )
    }
}

pub fn counted(kind: &str, packets: u32, errors: u32) -> Words {
    let frames = packets - errors;
    let line = format!(
        "[in#0/matroska @ 0x1] [verbose]   Input stream #0:0 ({kind}): {packets} packets read (1 \
         bytes); {frames} frames decoded; {errors} decode errors (1 samples); "
    );
    Words {
        log: vec![line],
        code: 0,
    }
}
