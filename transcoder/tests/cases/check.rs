//! Runs a table: every case through the real program and the real ffmpeg.
use crate::case::{Case, Delivery, Outcome, Profile, Source};
use crate::support::execution::{Ended, Execution, adaptive, encoding, media_folder};
use crate::support::film::{described, frames};
use crate::support::media::{TONE, make, net, tool};
use crate::web;
use bytes::Bytes;
use std::path::Path;
use tempfile::TempDir;
use vessel_crds::encoding::Container;
use vessel_storage::manifest::{Manifest, ManifestRung};
use vessel_storage::pointer::PresentationKind;
use vessel_storage::verdict::VerdictOutcome;
use vessel_transcoder::package::fragment::read_init;

/// What came out.
pub struct Ready {
    pub execution: Execution,
    pub manifest: Manifest,
    pub folder: TempDir,
}

/// Words that stand for longer ones in the arguments of a case.
const WORDS: [(&str, &str); 5] = [
    ("TONE", TONE),
    ("SINE", "-f lavfi -i sine=440:r=48000:d=2"),
    ("FILM", "-f lavfi -i testsrc2=s=320x180:r=25:d=2"),
    (
        "CENC",
        "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb -encryption_kid a7e61c373e219033c21091fa607bf3b8",
    ),
    ("X264", "-c:v libx264 -preset ultrafast"),
];

/// Runs all of them, and tells all that came out otherwise.
pub async fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for case in cases {
        if let Err(difference) = differs(case).await {
            wrong.push(format!("{}: {difference}", case.what));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

async fn differs(case: &Case) -> Result<(), String> {
    let folder = media_folder();
    let mut execution = Execution::of(Bytes::new()).await;
    execution.limits.memory_bytes = 2 << 30;
    execution.order.encoding = match case.profile {
        Profile::Sound(rates) => encoding(rates, Container::FragmentedMp4),
        Profile::Adaptive => adaptive(),
    };
    let bytes = bytes(&case.source, folder.path());
    match case.delivery {
        Delivery::Granted => execution.stub.put("source", bytes),
        Delivery::Web(path, name) => web::serve(&mut execution, path, name, bytes).await,
    }
    let ended = execution.run().await;
    match case.outcome {
        Outcome::Refused(reason, says) => {
            let verdict = &ended.verdict;
            if verdict.reason == Some(reason) && verdict.message.contains(says) {
                return Ok(());
            }
            Err(told(&ended))
        }
        _ if ended.verdict.outcome != VerdictOutcome::Committed => Err(told(&ended)),
        Outcome::Sound { .. } | Outcome::Film { .. } => {
            let manifest = execution.stub.object("manifest.json").unwrap();
            let manifest = serde_json::from_slice(&manifest).unwrap();
            let ready = Ready {
                execution,
                manifest,
                folder,
            };
            as_expected(case, &ready)
        }
    }
}

fn told(ended: &Ended) -> String {
    let verdict = &ended.verdict;
    format!(
        "{:?} {:?}: {}",
        verdict.outcome, verdict.reason, verdict.message
    )
}

fn as_expected(case: &Case, ready: &Ready) -> Result<(), String> {
    let (found, expected) = (ready.outcome()?, expected(case.outcome));
    if found != expected {
        return Err(format!("{found} instead of {expected}"));
    }
    if ready.input() != case.input {
        return Err(format!("is {} instead of {}", ready.input(), case.input));
    }
    for check in case.also {
        check(ready);
    }
    Ok(())
}

/// The source's bytes.
pub fn bytes(source: &Source, folder: &Path) -> Vec<u8> {
    match source {
        Source::Made(name, arguments) => made(folder, name, arguments),
        Source::Steps(steps) => steps
            .iter()
            .fold(Vec::new(), |_, (name, text)| made(folder, name, text)),
        Source::Crafted(craft) => craft(folder),
        Source::Packaged(file) => std::fs::read(file()).unwrap(),
    }
}

/// A file that ffmpeg makes.
pub fn made(folder: &Path, name: &str, arguments: &str) -> Vec<u8> {
    let arguments = WORDS.iter().fold(arguments.to_owned(), |text, (word, of)| {
        text.replace(word, of)
    });
    make(folder, name, &arguments)
}

fn expected(outcome: Outcome) -> String {
    match outcome {
        Outcome::Sound { net, segments } => sound_words(net, segments),
        Outcome::Film {
            sizes,
            pictures,
            net,
        } => {
            let sizes = sizes
                .iter()
                .map(|&(name, width, height)| (name.to_owned(), width, height));
            film_words(&sizes.collect::<Vec<_>>(), pictures, net)
        }
        Outcome::Refused(reason, says) => format!("{reason:?}: {says}"),
    }
}

fn sound_words(net: u64, segments: u32) -> String {
    format!("{net} samples in {segments} segments")
}

fn film_words(sizes: &[(String, u32, u32)], pictures: u64, net: u64) -> String {
    format!("{sizes:?} of {pictures} pictures with {net} samples")
}

impl Ready {
    /// What came out, in the words of an expectation.
    fn outcome(&self) -> Result<String, String> {
        let sound = self.equal(self.sounds(), net)?;
        if self.manifest.kind == PresentationKind::Audio {
            let segments = self.manifest.rungs[0].segments;
            return Ok(sound_words(sound, segments));
        }
        let pictures = self.equal(self.films(), frames)?;
        let sizes = self.films().map(|rung| {
            let picture = rung.picture.unwrap();
            self.plain(rung);
            (
                rung.rung.to_string(),
                picture.width_pixels,
                picture.height_pixels,
            )
        });
        Ok(film_words(&sizes.collect::<Vec<_>>(), pictures, sound))
    }

    /// What all of these rungs have; 0 where there are none.
    fn equal<'a>(
        &self,
        rungs: impl Iterator<Item = &'a ManifestRung>,
        count: fn(&[u8]) -> u64,
    ) -> Result<u64, String> {
        let counts: Vec<u64> = rungs
            .map(|rung| count(&self.execution.joined(rung)))
            .collect();
        let first = counts.first().copied().unwrap_or(0);
        if counts.iter().all(|&count| count == first) {
            return Ok(first);
        }
        Err(format!("the rungs have {counts:?}"))
    }

    /// Pictures that every player takes.
    fn plain(&self, rung: &ManifestRung) {
        let film = described(self.folder.path(), &self.execution.joined(rung));
        let picture = rung.picture.unwrap();
        let size = (picture.width_pixels, picture.height_pixels);
        assert_eq!((film.width, film.height), size);
        assert_eq!(
            [
                &film.pixel_format,
                &film.aspect,
                &film.transfer,
                &film.range
            ],
            ["yuv420p", "1:1", "bt709", "tv"]
        );
    }

    /// Container and codecs of the source, as the probe found them.
    fn input(&self) -> String {
        let media = &self.manifest.media;
        let tracks = media.tracks.iter();
        let codecs: Vec<&str> = tracks.map(|track| track.codec.as_str()).collect();
        let container = media.container.as_deref().unwrap_or_default();
        let container = container.split(',').next().unwrap_or_default();
        format!("{container}: {}", codecs.join(", "))
    }

    pub fn sounds(&self) -> impl Iterator<Item = &ManifestRung> {
        let rungs = self.manifest.rungs.iter();
        rungs.filter(|rung| rung.picture.is_none())
    }

    pub fn films(&self) -> impl Iterator<Item = &ManifestRung> {
        let rungs = self.manifest.rungs.iter();
        rungs.filter(|rung| rung.picture.is_some())
    }

    /// The lowest rung of sound.
    pub fn sound(&self) -> Vec<u8> {
        self.execution.joined(self.sounds().next().unwrap())
    }

    /// The highest rung of pictures.
    pub fn film(&self) -> Vec<u8> {
        self.execution.joined(self.films().last().unwrap())
    }

    /// Edit list of a rung: segment duration and media time of each entry.
    pub fn edits(&self, rung: &ManifestRung) -> Vec<(u64, Option<u64>)> {
        let joined = Bytes::from(self.execution.joined(rung));
        read_init(&joined).unwrap().edits
    }

    /// The highest rung, each picture as four areas: top left, top right, bottom left, bottom
    /// right, in red, green and blue.
    pub fn looks(&self) -> Vec<[[u8; 3]; 4]> {
        let path = self.folder.path().join("film.mp4");
        std::fs::write(&path, self.film()).unwrap();
        let output = tool("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-i"])
            .arg(&path)
            .args("-vf format=gbrp,scale=2:2:flags=area -f rawvideo -pix_fmt rgb24 -".split(' '))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let pictures = output.stdout.as_chunks::<12>().0.iter();
        pictures
            .map(|bytes| bytes.as_chunks::<3>().0.try_into().unwrap())
            .collect()
    }
}
