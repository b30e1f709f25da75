//! A judge of HLS presentations (RFC 8216) that shares no code with what writes them: the
//! playlists are read by `hls_m3u8`, the segments by ffmpeg.
use crate::media::probe;
use crate::shell::{run, text};
use crate::store::Store;
use hls_m3u8::tags::VariantStream;
use hls_m3u8::types::PlaylistType;
use hls_m3u8::{MasterPlaylist, MediaPlaylist};
use re_mp4::Mp4;
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
}

/// One variant.
pub struct Rung {
    /// Its URI, as the master playlist has it.
    pub uri: String,
    /// `BANDWIDTH`, in bit/s.
    pub bandwidth: u64,
    /// `AVERAGE-BANDWIDTH`, in bit/s.
    pub average_bandwidth: u64,
    /// `CODECS`.
    pub codecs: String,
    /// `EXT-X-TARGETDURATION`, in seconds.
    pub target: u64,
    /// The init segment; empty for transport streams.
    pub init: Vec<u8>,
    /// The media segments.
    pub segments: Vec<Segment>,
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
        let mut rungs = Vec::new();
        for variant in &parsed.variant_streams {
            rungs.push(Rung::load(library, master, variant).await);
        }
        assert!(!rungs.is_empty(), "{source}");
        let presentation = Self { rungs };
        presentation.keeps_one_target_duration();
        presentation
    }

    /// RFC 8216 §6.2.4: the target durations of all variants are the same; ours is the
    /// longest segment, rounded.
    fn keeps_one_target_duration(&self) {
        let segments = self.rungs.iter().flat_map(|rung| &rung.segments);
        let longest = segments
            .map(|segment| segment.seconds.round() as u64)
            .max()
            .unwrap();
        for rung in &self.rungs {
            assert_eq!(rung.target, longest.max(1), "{}", rung.uri);
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
    async fn load(library: Library<'_>, master: &Url, variant: &VariantStream<'_>) -> Self {
        let VariantStream::ExtXStreamInf {
            uri, stream_data, ..
        } = variant
        else {
            panic!("a variant that can't be played: {variant:?}");
        };
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
            uri: uri.to_string(),
            bandwidth: stream_data.bandwidth(),
            average_bandwidth: stream_data.average_bandwidth().expect("AVERAGE-BANDWIDTH"),
            codecs: stream_data.codecs().expect("CODECS").to_string(),
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

    /// Panics unless both bandwidths are what the segments measure (RFC 8216 §4.3.4.2):
    /// the largest rate over contiguous runs of 0.5 to 1.5 target durations, and the average.
    pub fn states_measured_bandwidths(&self) {
        let average = rate(&self.segments);
        let peak = self.peak_rate().unwrap_or(average);
        let close = |stated: u64, measured: f64| (stated as f64 - measured).abs() <= 1.0;
        assert!(
            close(self.bandwidth, peak) && close(self.average_bandwidth, average),
            "{}: BANDWIDTH={} (measured {peak:.1}), AVERAGE-BANDWIDTH={} (measured {average:.1})",
            self.uri,
            self.bandwidth,
            self.average_bandwidth,
        );
    }

    fn peak_rate(&self) -> Option<f64> {
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
        peak
    }

    /// Decodes every segment by itself, with its init segment. Panics at the first error.
    pub async fn decodes_segment_by_segment(&self) {
        for (index, segment) in self.segments.iter().enumerate() {
            let file = written(&[&self.init, &segment.bytes]);
            let samples =
                decoded(file.path(), &format!("{} segment {}", self.uri, index + 1)).await;
            assert!(samples > 0, "{} segment {} is empty", self.uri, index + 1);
        }
    }

    /// Samples at 48 kHz that play: all that was encoded but the encoder's priming of 1024
    /// samples, which the edit list leaves out. Panics where the packets are not regular.
    pub async fn net_samples(&self) -> u64 {
        let file = self.whole();
        let first = probe(file.path(), "stream=start_pts").await;
        assert_eq!(first, "-1024", "{}: the edit list is lost", self.uri);
        let bytes = std::fs::read(file.path()).unwrap();
        let parsed = Mp4::read_bytes(&bytes).unwrap_or_else(|e| panic!("{}: {e}", self.uri));
        let track = parsed.tracks().values().next().expect("a track");
        assert_eq!(track.timescale, 48_000);
        let (last, others) = track.samples.split_last().expect("packets");
        assert!(
            (1..=1024).contains(&last.duration),
            "{}: {last:?}",
            self.uri
        );
        let mut sum = 0;
        for packet in others {
            assert_eq!(
                (packet.duration, packet.decode_timestamp),
                (1024, sum),
                "{}",
                self.uri
            );
            sum += 1024;
        }
        u64::try_from(sum).unwrap() + last.duration - 1024
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

/// How many samples ffmpeg decodes from a file. Panics when it complains of anything.
pub async fn decoded(file: &Path, what: &str) -> u64 {
    let how = [
        "-nostdin",
        "-v",
        "error",
        "-xerror",
        "-i",
        text(file),
        "-map",
        "0:a:0",
    ];
    let output = run(
        "ffmpeg",
        &[&how[..], &["-ac", "1", "-f", "f32le", "-"]].concat(),
    )
    .await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{what}: {said}");
    output.stdout.len() as u64 / 4
}
