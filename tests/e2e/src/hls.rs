//! A judge of HLS presentations (RFC 8216) that shares no code with what writes them: the
//! playlists are read by `hls_m3u8`, the segments by ffmpeg.
use crate::shell::{run, text};
use crate::store::Store;
use hls_m3u8::tags::VariantStream;
use hls_m3u8::types::{ClosedCaptions, MediaType, PlaylistType};
use hls_m3u8::{MasterPlaylist, MediaPlaylist};
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::NamedTempFile;
use url::Url;

/// Where a presentation is read from.
#[derive(Clone, Copy)]
pub enum Library<'a> {
    /// Over HTTP, as a player does.
    Web(&'a reqwest::Client),
    /// From the bucket as it lies: URLs are `bucket:///{key}`.
    Bucket(&'a Store),
}

/// Everything that a player would load, if it played all rungs.
pub struct Presentation {
    /// The variants, in the order of the master playlist.
    pub rungs: Vec<Rung>,
    /// Sound that only groups name (`EXT-X-MEDIA`).
    pub heard: Vec<Rung>,
    /// The groups of sound: their names, and the URIs of their one rendition.
    groups: BTreeMap<String, String>,
}

/// One media playlist with all that it names.
pub struct Rung {
    /// Its URI, as the master playlist has it.
    pub uri: String,
    /// What the master playlist says of it, if it is a variant.
    pub stated: Option<Stated>,
    /// `EXT-X-TARGETDURATION`, in seconds.
    pub target: u64,
    /// The init segment; empty for transport streams.
    pub init: Vec<u8>,
    /// The media segments.
    pub segments: Vec<Segment>,
}

/// What the master playlist says of a variant.
pub struct Stated {
    /// `BANDWIDTH`, in bit/s.
    pub bandwidth: u64,
    /// `AVERAGE-BANDWIDTH`, in bit/s.
    pub average_bandwidth: u64,
    /// `CODECS`.
    pub codecs: String,
    /// `RESOLUTION` and `FRAME-RATE`, if it is seen.
    pub pictures: Option<Pictures>,
    /// `AUDIO`: the group of sound that is heard with it.
    pub group: Option<String>,
}

/// What is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pictures {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    /// Pictures a second, to three digits.
    pub frame_rate: f32,
}

/// One media segment.
pub struct Segment {
    /// Its duration in the playlist (`EXTINF`), in seconds.
    pub seconds: f64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Library<'_> {
    /// The bytes behind a URL.
    pub async fn get(&self, url: &Url) -> Vec<u8> {
        match self {
            Self::Web(client) => {
                let answer = client.get(url.clone()).send().await.unwrap();
                assert_eq!(answer.status(), 200, "GET {url}");
                answer.bytes().await.unwrap().to_vec()
            }
            Self::Bucket(store) => store.get(url.path().trim_start_matches('/')).await,
        }
    }

    async fn text(&self, url: &Url) -> String {
        String::from_utf8(self.get(url).await).unwrap()
    }
}

impl Presentation {
    /// Loads everything behind a master playlist. Panics where a playlist breaks the RFC or
    /// the promises of Vessel.
    pub async fn load(library: Library<'_>, master: &Url) -> Self {
        let source = library.text(master).await;
        let parsed = MasterPlaylist::try_from(source.as_str())
            .unwrap_or_else(|e| panic!("{master}: {e}\n{source}"));
        assert!(parsed.unknown_tags.is_empty(), "{:?}", parsed.unknown_tags);
        assert!(parsed.has_independent_segments, "{source}");
        let groups = groups(&parsed);
        let mut rungs = Vec::new();
        for variant in &parsed.variant_streams {
            let (uri, stated) = stated(variant);
            if stated.pictures.is_some() {
                assert!(source.contains("VIDEO-RANGE=SDR"), "{source}");
            }
            rungs.push(Rung::load(library, master, uri, Some(stated)).await);
        }
        assert!(!rungs.is_empty(), "{source}");
        let mut heard = Vec::new();
        for uri in groups.values() {
            if rungs.iter().all(|rung| rung.uri != *uri) {
                heard.push(Rung::load(library, master, uri, None).await);
            }
        }
        let presentation = Self {
            rungs,
            heard,
            groups,
        };
        presentation.keeps_one_target_duration();
        presentation
    }

    /// Every rung once, whoever names it.
    pub fn all(&self) -> impl Iterator<Item = &Rung> {
        self.rungs.iter().chain(&self.heard)
    }

    /// RFC 8216 §6.2.4: the target durations of all variants are the same; ours is the
    /// longest segment, rounded.
    fn keeps_one_target_duration(&self) {
        let segments = self.all().flat_map(|rung| &rung.segments);
        let longest = segments
            .map(|segment| segment.seconds.round() as u64)
            .max()
            .unwrap();
        for rung in self.all() {
            assert_eq!(rung.target, longest.max(1), "{}", rung.uri);
        }
    }

    /// The sound that is heard with a variant, where it is a rung of its own.
    pub fn sound_of(&self, rung: &Rung) -> Option<&Rung> {
        let group = rung.stated().group.as_ref()?;
        let uri = self.groups.get(group);
        let uri = uri.unwrap_or_else(|| panic!("{}: no group {group}", rung.uri));
        let found = self.all().find(|sound| sound.uri == *uri);
        found.filter(|sound| sound.uri != rung.uri)
    }

    /// Panics unless the bandwidths of all variants are what the segments measure (RFC 8216
    /// §4.3.4.2): the largest rate over contiguous runs of 0.5 to 1.5 target durations, and
    /// the average; of pictures and sound together, where both are needed.
    pub fn states_measured_bandwidths(&self) {
        for rung in &self.rungs {
            let parts = || std::iter::once(rung).chain(self.sound_of(rung));
            let peak: f64 = parts().map(Rung::peak_rate).sum();
            let average: f64 = parts().map(|part| rate(&part.segments)).sum();
            let slack = parts().count() as f64;
            let close = |stated: u64, measured: f64| (stated as f64 - measured).abs() <= slack;
            let stated = rung.stated();
            assert!(
                close(stated.bandwidth, peak) && close(stated.average_bandwidth, average),
                "{}: BANDWIDTH={} (measured {peak:.1}), AVERAGE-BANDWIDTH={} (measured {average:.1})",
                rung.uri,
                stated.bandwidth,
                stated.average_bandwidth,
            );
        }
    }

    /// The rung whose URI contains `name`.
    pub fn rung(&self, name: &str) -> &Rung {
        let found = self.rungs.iter().find(|rung| rung.uri.contains(name));
        found.unwrap_or_else(|| panic!("no rung {name}: {:?}", self.uris()))
    }

    /// The URIs of the rungs.
    pub fn uris(&self) -> Vec<&str> {
        self.rungs.iter().map(|rung| rung.uri.as_str()).collect()
    }
}

impl Rung {
    async fn load(library: Library<'_>, master: &Url, uri: &str, stated: Option<Stated>) -> Self {
        assert!(
            !uri.contains("://") && !uri.starts_with('/'),
            "not relative: {uri}"
        );
        let url = master.join(uri).unwrap();
        let source = library.text(&url).await;
        let playlist = MediaPlaylist::try_from(source.as_str())
            .unwrap_or_else(|e| panic!("{url}: {e}\n{source}"));
        promised(&playlist, &source);
        let mut segments = Vec::new();
        for (_, segment) in &playlist.segments {
            let bytes = library.get(&url.join(segment.uri()).unwrap()).await;
            segments.push(Segment {
                seconds: segment.duration.duration().as_secs_f64(),
                bytes,
            });
        }
        let maps = playlist
            .segments
            .iter()
            .filter_map(|(_, segment)| segment.map.as_ref());
        let map = maps.map(|map| map.uri().to_string()).next();
        Self {
            uri: uri.to_owned(),
            stated,
            target: playlist.target_duration.as_secs(),
            init: match map {
                Some(map) => library.get(&url.join(&map).unwrap()).await,
                None => Vec::new(),
            },
            segments,
        }
    }

    /// The name of the rung's folder, such as `audio-128k`.
    pub fn name(&self) -> &str {
        self.uri
            .rsplit('/')
            .nth(1)
            .expect("a rung lies in a folder of its own")
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.segments.iter().map(|segment| segment.seconds).sum()
    }

    /// What the master playlist says of it. Panics if it is no variant.
    pub fn stated(&self) -> &Stated {
        let stated = self.stated.as_ref();
        stated.unwrap_or_else(|| panic!("{} is no variant", self.uri))
    }

    /// What is seen of it, if it is a variant that is seen.
    pub fn pictures(&self) -> Option<Pictures> {
        self.stated.as_ref()?.pictures
    }

    /// The largest rate; where no run of segments fits, that of the whole.
    fn peak_rate(&self) -> f64 {
        let target = self.target as f64;
        let mut peak = None;
        for first in 0..self.segments.len() {
            for end in first + 1..=self.segments.len() {
                let run = &self.segments[first..end];
                let seconds: f64 = run.iter().map(|segment| segment.seconds).sum();
                if (0.5 * target..=1.5 * target).contains(&seconds) {
                    peak = Some(rate(run).max(peak.unwrap_or(0.0)));
                }
            }
        }
        peak.unwrap_or_else(|| rate(&self.segments))
    }

    /// Decodes every segment by itself, with its init segment. Panics at the first error.
    pub async fn decodes_segment_by_segment(&self) {
        for (index, segment) in self.segments.iter().enumerate() {
            let file = written(&[&self.init, &segment.bytes]);
            let what = format!("{} segment {}", self.uri, index + 1);
            let decoded = match self.pictures() {
                Some(_) => decoded_pictures(file.path(), &what).await,
                None => decoded(file.path(), &what).await,
            };
            assert!(decoded > 0, "{what} is empty");
        }
    }

    /// All of it in one file.
    pub fn whole(&self) -> NamedTempFile {
        let segments = self.segments.iter().map(|segment| &segment.bytes);
        written(
            &std::iter::once(&self.init)
                .chain(segments)
                .collect::<Vec<_>>(),
        )
    }
}

/// The groups of sound, of one default rendition each, and the URIs of those.
fn groups(master: &MasterPlaylist<'_>) -> BTreeMap<String, String> {
    let mut groups = BTreeMap::new();
    for media in &master.media {
        assert_eq!(media.media_type, MediaType::Audio, "{media:?}");
        assert!(media.is_default && media.is_autoselect, "{media:?}");
        let uri = media.uri().expect("a rendition with a URI").to_string();
        let another = groups.insert(media.group_id().to_string(), uri);
        assert_eq!(another, None, "one rendition a group: {media:?}");
    }
    groups
}

fn stated<'a>(variant: &'a VariantStream<'_>) -> (&'a str, Stated) {
    let VariantStream::ExtXStreamInf {
        uri,
        stream_data,
        frame_rate,
        audio,
        closed_captions,
        ..
    } = variant
    else {
        panic!("a variant that can't be played: {variant:?}");
    };
    let pictures = stream_data.resolution().map(|size| Pictures {
        width: size.width(),
        height: size.height(),
        frame_rate: frame_rate.expect("FRAME-RATE").as_f32(),
    });
    if pictures.is_some() {
        assert_eq!(*closed_captions, Some(ClosedCaptions::None), "{uri}");
    }
    let average = stream_data.average_bandwidth();
    let stated = Stated {
        bandwidth: stream_data.bandwidth(),
        average_bandwidth: average.expect("AVERAGE-BANDWIDTH"),
        codecs: stream_data.codecs().expect("CODECS").to_string(),
        pictures,
        group: audio.as_ref().map(ToString::to_string),
    };
    (uri, stated)
}

/// Panics unless a media playlist says what Vessel promises.
fn promised(playlist: &MediaPlaylist<'_>, source: &str) {
    assert!(source.contains("#EXT-X-VERSION:7\n"), "{source}");
    assert!(playlist.has_end_list, "{source}");
    assert_eq!(playlist.playlist_type, Some(PlaylistType::Vod), "{source}");
    assert!(playlist.unknown.is_empty(), "{:?}", playlist.unknown);
}

/// Bits a second of a run of segments.
fn rate(run: &[Segment]) -> f64 {
    let bytes: usize = run.iter().map(|segment| segment.bytes.len()).sum();
    let seconds: f64 = run.iter().map(|segment| segment.seconds).sum();
    bytes as f64 * 8.0 / seconds
}

fn written(parts: &[&Vec<u8>]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let bytes: Vec<u8> = parts.iter().flat_map(|part| part.iter().copied()).collect();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

/// How many samples of sound ffmpeg decodes from a file. Panics when it complains of anything.
pub async fn decoded(file: &Path, what: &str) -> u64 {
    let pcm = ["-map", "0:a:0", "-ac", "1", "-f", "f32le", "-"];
    ffmpeg(file, &pcm, what).await.len() as u64 / 4
}

/// How many pictures ffmpeg decodes from a file. Panics when it complains of anything.
pub async fn decoded_pictures(file: &Path, what: &str) -> u64 {
    let sums = ["-map", "0:v:0", "-f", "framecrc", "-"];
    let text = String::from_utf8(ffmpeg(file, &sums, what).await).unwrap();
    text.lines().filter(|line| !line.starts_with('#')).count() as u64
}

async fn ffmpeg(file: &Path, output: &[&str], what: &str) -> Vec<u8> {
    let input = ["-nostdin", "-v", "error", "-xerror", "-i", text(file)];
    let ended = run("ffmpeg", &[&input[..], output].concat()).await;
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.is_empty(), "{what}: {said}");
    ended.stdout
}
