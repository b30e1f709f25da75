//! PUTs of declared objects, inside of the execution's own folder.
use super::Grants;
use super::identity::Execution;
use super::refusal::Refused;
use crate::store::ReadyStore;
use std::time::Duration;
use vessel_storage::bucket::PutTerms;
use vessel_storage::content::{ContentType, IMMUTABLE};
use vessel_storage::grant::{
    MAX_OBJECT_BYTES, MAX_OBJECTS, ObjectDeclaration, ObjectGrant, ObjectsGrant, ObjectsRequest,
};
use vessel_storage::path::{ObjectPath, SegmentKind};

/// Signs a PUT and a GET for every declared object.
pub(super) async fn grant(
    grants: &Grants,
    execution: &Execution,
    request: &ObjectsRequest,
) -> Result<ObjectsGrant, Refused> {
    check(request, grants.settings.limits.max_objects_per_job)?;
    let store = grants.store(execution)?;
    let ttl = grants.settings.grant.ttl();
    let mut objects = Vec::with_capacity(request.objects.len());
    for declared in &request.objects {
        objects.push(sign(&store, execution, declared, ttl).await?);
    }
    Ok(ObjectsGrant {
        pod_uid: execution.folder.pod,
        objects,
    })
}

async fn sign(
    store: &ReadyStore,
    execution: &Execution,
    declared: &ObjectDeclaration,
    ttl: Duration,
) -> Result<ObjectGrant, Refused> {
    let key = store.prefix.object(execution.folder, &declared.path);
    let terms = PutTerms {
        bytes: declared.bytes,
        sha256: declared.sha256,
        content_type: declared.content_type,
        cache_control: IMMUTABLE,
    };
    Ok(ObjectGrant {
        put: store.bucket.presign_put(&key, &terms, ttl).await?,
        get: store.bucket.presign_get(&(&key).into(), None, ttl).await?,
    })
}

fn check(request: &ObjectsRequest, max_objects: u32) -> Result<(), Refused> {
    let count = request.objects.len();
    if !(1..=MAX_OBJECTS).contains(&count) {
        let message = format!("{count} objects in one call: declare 1 to {MAX_OBJECTS}");
        return Err(Refused::invalid(message));
    }
    request
        .objects
        .iter()
        .try_for_each(|declared| check_one(declared, max_objects))
}

fn check_one(declared: &ObjectDeclaration, max_objects: u32) -> Result<(), Refused> {
    let path = &declared.path;
    if declared.bytes > MAX_OBJECT_BYTES {
        let message = format!(
            "{path} has {} bytes: at most {MAX_OBJECT_BYTES}",
            declared.bytes
        );
        return Err(Refused::invalid(message));
    }
    if let ObjectPath::Segment(_, number, _) | ObjectPath::StoryboardSheet(number) = path
        && *number > max_objects
    {
        let message = format!("{path} is beyond the {max_objects} objects of a job");
        return Err(Refused::invalid(message));
    }
    if !fits(path, declared.content_type) {
        let message = format!("{path} is not {}", declared.content_type.as_str());
        return Err(Refused::invalid(message));
    }
    Ok(())
}

/// Whether an object of that path may be of that type: a browser would run what it is told
/// is a page.
fn fits(path: &ObjectPath, content_type: ContentType) -> bool {
    let mp4 = matches!(content_type, ContentType::AudioMp4 | ContentType::VideoMp4);
    match path {
        ObjectPath::Manifest | ObjectPath::Verdict | ObjectPath::Peaks => {
            content_type == ContentType::Json
        }
        ObjectPath::Master | ObjectPath::Playlist(_) => content_type == ContentType::HlsPlaylist,
        ObjectPath::Mpd => content_type == ContentType::DashManifest,
        ObjectPath::Init(_) | ObjectPath::Segment(_, _, SegmentKind::Fragment) => mp4,
        ObjectPath::Segment(_, _, SegmentKind::Transport) => content_type == ContentType::MpegTs,
        ObjectPath::Poster | ObjectPath::StoryboardSheet(_) => content_type == ContentType::Jpeg,
        ObjectPath::Storyboard => content_type == ContentType::WebVtt,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vessel_storage::digest::Sha256;
    use vessel_storage::grant::RefusalReason;

    fn declared(path: &str, bytes: u64, content_type: ContentType) -> ObjectDeclaration {
        ObjectDeclaration {
            path: path.parse().unwrap(),
            bytes,
            sha256: Sha256::of(b""),
            content_type,
        }
    }

    fn reason(objects: Vec<ObjectDeclaration>) -> Option<RefusalReason> {
        let request = ObjectsRequest { objects };
        check(&request, 1000).err().map(|refused| refused.0.reason)
    }

    #[test]
    fn a_call_declares_objects_of_the_plan() {
        let good = [
            ("master.m3u8", ContentType::HlsPlaylist),
            ("audio-64k/playlist.m3u8", ContentType::HlsPlaylist),
            ("manifest.mpd", ContentType::DashManifest),
            ("audio-64k/init.mp4", ContentType::AudioMp4),
            ("audio-64k/00001.m4s", ContentType::AudioMp4),
            ("video-720p/00001.m4s", ContentType::VideoMp4),
            ("audio-64k/00001.ts", ContentType::MpegTs),
            ("manifest.json", ContentType::Json),
            ("verdict.json", ContentType::Json),
            ("poster.jpg", ContentType::Jpeg),
            ("storyboard/00001.jpg", ContentType::Jpeg),
            ("storyboard.vtt", ContentType::WebVtt),
            ("peaks.json", ContentType::Json),
        ];
        let all = good.map(|(path, kind)| declared(path, 10, kind));
        assert_eq!(reason(all.to_vec()), None);
    }

    #[test]
    fn what_is_outside_of_the_grammar_or_the_limits_is_refused() {
        let invalid = Some(RefusalReason::Invalid);
        let segment = || declared("audio-64k/00001.m4s", 1, ContentType::AudioMp4);
        assert_eq!(reason(Vec::new()), invalid);
        assert_eq!(reason(vec![segment(); MAX_OBJECTS]), None);
        assert_eq!(reason(vec![segment(); MAX_OBJECTS + 1]), invalid);
        let cases = [
            (
                "audio-64k/00001.m4s",
                MAX_OBJECT_BYTES + 1,
                ContentType::AudioMp4,
            ),
            ("audio-64k/01001.m4s", 1, ContentType::AudioMp4),
            ("storyboard/01001.jpg", 1, ContentType::Jpeg),
            ("poster.jpg", 1, ContentType::Json),
            ("audio-64k/00001.m4s", 1, ContentType::Json),
            ("master.m3u8", 1, ContentType::Json),
            ("manifest.json", 1, ContentType::HlsPlaylist),
        ];
        for (path, bytes, kind) in cases {
            assert_eq!(reason(vec![declared(path, bytes, kind)]), invalid, "{path}");
        }
    }
}
