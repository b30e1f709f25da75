//! Playlists, manifest, commit.
use crate::encode::Encoded;
use crate::fetch::Source;
use crate::grant::GrantClient;
use crate::ladder::{Plan, Presents};
use crate::length::in_samples;
use crate::package::hls::{self, Pair, Rendition};
use crate::package::{dash, storyboard};
use crate::settings::Settings;
use crate::stop::{Stop, failed, internal};
use crate::store::{Answer, Store};
use crate::upload::{Object, Uploader};
use bytes::Bytes;
use vessel_crds::media::MediaFacts;
use vessel_crds::reason::FailureReason;
use vessel_storage::commit::Commit;
use vessel_storage::content::ContentType;
use vessel_storage::digest::Sha256;
use vessel_storage::grant::{CommitGrant, CommitRequest, MAX_OBJECTS};
use vessel_storage::manifest::{
    Cost, FORMAT, Manifest, ManifestPicture, ManifestRung, ManifestSource, Tools,
};
use vessel_storage::path::ObjectPath;
use vessel_storage::pointer::PresentationKind;
use vessel_storage::uid::PodUid;

/// Grants of the commit that are asked for when a signature has expired.
const COMMIT_GRANTS: u32 = 3;

/// What a manifest is made from.
#[derive(Debug)]
pub struct Work<'a> {
    /// What was asked for.
    pub settings: &'a Settings,
    /// What was read.
    pub source: &'a Source,
    /// What was planned.
    pub plan: &'a Plan,
    /// What was made.
    pub encoded: &'a Encoded,
    /// What the source turned out to be.
    pub media: &'a MediaFacts,
    /// The picture that stands for the whole, if there is one.
    pub poster: Option<Bytes>,
    /// Version of ffmpeg, as it says itself.
    pub ffmpeg_version: &'a str,
}

/// Uploads the playlists and what goes with them.
pub async fn playlists(work: &Work<'_>, uploader: &mut Uploader) -> Result<(), Stop> {
    let objects = work
        .playlists()
        .map_err(|error| internal("writing a playlist", &error))?;
    for batch in objects.chunks(MAX_OBJECTS) {
        uploader.put_all(batch.to_vec()).await?;
    }
    Ok(())
}

/// Uploads the manifest; answers what the commit has to say about it.
pub async fn manifest(
    work: &Work<'_>,
    cost: Cost,
    uploader: &mut Uploader,
) -> Result<CommitRequest, Stop> {
    let pod_uid = uploader.uploaded().pod_uid.ok_or_else(|| {
        failed(
            FailureReason::Internal,
            "nothing was uploaded before the manifest",
        )
    })?;
    let manifest = Manifest {
        format_version: FORMAT,
        job_uid: work.settings.order.job_uid,
        pod_uid,
        attempt: work.settings.order.attempt,
        source: ManifestSource {
            bytes: work.source.bytes,
            sha256: work.source.sha256,
            etag: work.source.etag.clone(),
        },
        profile_name: work.settings.order.profile_name.clone(),
        encoding: work.settings.order.encoding.clone(),
        media: work.media.clone(),
        kind: work.kind(),
        hls: work.plan.descriptions.hls(),
        dash: work.plan.descriptions.dash(),
        rungs: work.rungs(),
        objects: uploader.uploaded().objects.clone(),
        tools: Tools {
            vessel: env!("CARGO_PKG_VERSION").to_owned(),
            ffmpeg: work.ffmpeg_version.to_owned(),
        },
        commands: work.encoded.commands.clone(),
        cost,
    };
    let json = serde_json::to_vec(&manifest).map_err(|error| internal("the manifest", &error))?;
    let request = CommitRequest {
        manifest_bytes: json.len() as u64,
        manifest_sha256: Sha256::of(&json),
    };
    let manifest = object(ObjectPath::Manifest, ContentType::Json, json);
    uploader.put_all(vec![manifest]).await?;
    Ok(request)
}

/// The one write that decides. A lost answer is harmless: the next PUT finds our own commit.
pub async fn commit(
    grants: &GrantClient,
    store: &Store,
    request: &CommitRequest,
) -> Result<(), Stop> {
    let mut denied = String::new();
    for _ in 0..COMMIT_GRANTS {
        let grant = grants.commit(request).await?;
        match store
            .send(&grant.put, Bytes::from(grant.body.clone()))
            .await?
        {
            Answer::Done(_) => return Ok(()),
            Answer::PreconditionFailed => return compare(store, &grant).await,
            Answer::Denied(message) => denied = message,
            Answer::NotFound => {
                return Err(failed(
                    FailureReason::StorageUnavailable,
                    "the bucket is not there",
                ));
            }
        }
    }
    Err(failed(
        FailureReason::StorageDenied,
        format!("the commit was refused: {denied}; the store's credentials need s3:PutObject"),
    ))
}

/// 412: there is a commit. Whose?
async fn compare(store: &Store, grant: &CommitGrant) -> Result<(), Stop> {
    let Answer::Done(answer) = store.send(&grant.get, Bytes::new()).await? else {
        return Err(failed(
            FailureReason::StorageUnavailable,
            "there is a commit, but it can't be read",
        ));
    };
    let body = answer
        .bytes()
        .await
        .map_err(|error| failed(FailureReason::StorageUnavailable, error.without_url()))?;
    let commit = serde_json::from_slice(&body)
        .map_err(|error| internal("the commit does not parse", &error))?;
    whose(&commit, grant.pod_uid)
}

fn whose(commit: &Commit, own: PodUid) -> Result<(), Stop> {
    match commit {
        Commit::Published(published) if published.pod_uid == own => Ok(()),
        Commit::Published(published) => Err(Stop::Superseded(format!(
            "the pod {} of attempt {} had committed",
            published.pod_uid, published.attempt
        ))),
        Commit::Void => Err(Stop::Cancelled("the job was called off".to_owned())),
    }
}

fn object(path: ObjectPath, content_type: ContentType, text: Vec<u8>) -> Object {
    Object {
        path,
        content_type,
        bytes: text.into(),
    }
}

impl Work<'_> {
    fn renditions(&self) -> Vec<Rendition> {
        let rungs = self.encoded.rungs.iter();
        rungs.map(|rung| rung.rendition.clone()).collect()
    }

    /// Media playlists first: what names them comes after them.
    fn playlists(&self) -> Result<Vec<Object>, std::io::Error> {
        let renditions = self.renditions();
        let target = hls::target_duration(&renditions);
        let mut objects = Vec::new();
        if let Some(path) = self.plan.descriptions.hls() {
            for rendition in &renditions {
                let path = ObjectPath::Playlist(rendition.rung.clone());
                let text = hls::media(rendition, target)?;
                objects.push(object(path, ContentType::HlsPlaylist, text));
            }
            let (film, sound): (Vec<_>, Vec<_>) =
                renditions.iter().cloned().partition(Rendition::is_seen);
            let text = hls::master(&self.pairs(&film, &sound), &sound, target)?;
            objects.push(object(path, ContentType::HlsPlaylist, text));
        }
        if let Some(path) = self.plan.descriptions.dash() {
            let text = dash::manifest(&renditions, target);
            objects.push(object(path, ContentType::DashManifest, text));
        }
        if let Some(video) = self.plan.video.as_ref().filter(|_| self.encoded.sheets > 0) {
            let text = storyboard::index(video, self.encoded.length, self.encoded.sheets);
            objects.push(object(ObjectPath::Storyboard, ContentType::WebVtt, text));
        }
        let peaks = self.encoded.peaks.clone();
        objects.extend(peaks.map(|json| object(ObjectPath::Peaks, ContentType::Json, json)));
        let poster = self.poster.clone();
        objects.extend(poster.map(|bytes| Object {
            path: ObjectPath::Poster,
            content_type: ContentType::Jpeg,
            bytes,
        }));
        Ok(objects)
    }

    /// The sound that is heard with each rung of pictures: of the rate that the profile names,
    /// else the next below it.
    fn pairs<'b>(&self, film: &'b [Rendition], sound: &'b [Rendition]) -> Vec<Pair<'b>> {
        let rates = self.plan.audio.iter().flat_map(|audio| &audio.rungs);
        let rates: Vec<u32> = rates.map(|rung| rung.bitrate_kbps).collect();
        let wanted = self.plan.video.iter().flat_map(|video| &video.rungs);
        film.iter()
            .zip(wanted)
            .map(|(rendition, wanted)| {
                let below = rates
                    .iter()
                    .rposition(|&kbps| kbps <= wanted.audio_bitrate_kbps);
                (rendition, sound.get(below.unwrap_or(0)))
            })
            .collect()
    }

    fn kind(&self) -> PresentationKind {
        if self.plan.video.is_some() {
            PresentationKind::Video
        } else {
            PresentationKind::Audio
        }
    }

    fn rungs(&self) -> Vec<ManifestRung> {
        let target = hls::target_duration(&self.renditions());
        let rungs = self.encoded.rungs.iter();
        rungs
            .map(|rung| ManifestRung {
                rung: rung.rendition.rung.clone(),
                codec: rung.rendition.codec.clone(),
                picture: picture(&rung.rendition),
                bandwidth: rung.rendition.peak(target),
                average_bandwidth: rung.rendition.average(),
                segments: u32::try_from(rung.rendition.segments.len()).unwrap_or(u32::MAX),
                duration_millis: i64::try_from(
                    in_samples(rung.plays, rung.rendition.timescale).millis(),
                )
                .unwrap_or(i64::MAX),
            })
            .collect()
    }
}

fn picture(rendition: &Rendition) -> Option<ManifestPicture> {
    match rendition.presents {
        Presents::Sound(_) => None,
        Presents::Pictures(size, rate) => Some(ManifestPicture {
            width_pixels: size.width,
            height_pixels: size.height,
            frame_rate_millihertz: rate.millihertz(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vessel_storage::commit::Published;

    #[test]
    fn a_commit_that_is_there_is_ours_or_anothers_or_void() {
        let [own, other] = [
            "00000000-0000-4000-8000-000000000001",
            "00000000-0000-4000-8000-000000000002",
        ]
        .map(|uid| uid.parse::<PodUid>().unwrap());
        let published = Commit::Published(Published {
            pod_uid: own,
            attempt: 1,
            manifest_key: "k".to_owned(),
            manifest_sha256: Sha256::of(b"m"),
        });
        assert!(whose(&published, own).is_ok());
        assert!(matches!(whose(&published, other), Err(Stop::Superseded(_))));
        assert!(matches!(whose(&Commit::Void, own), Err(Stop::Cancelled(_))));
    }
}
