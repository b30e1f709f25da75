//! An asset as it lies in a bucket.
use crate::bucket::MemoryBucket;
use serde::Serialize;
use std::collections::BTreeMap;
use vessel_crds::media_asset::Visibility;
use vessel_storage::digest::Sha256;
use vessel_storage::key::{ExecutionFolder, JobFolder, Key, Prefix, Tree};
use vessel_storage::path::{ObjectPath, Rung, SegmentKind};
use vessel_storage::pointer::{Name, PointedRendition, Pointer, PointerState, PresentationKind};

pub const MASTER: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n\
#EXT-X-STREAM-INF:BANDWIDTH=137211,AVERAGE-BANDWIDTH=131009,CODECS=\"mp4a.40.2\"\n\
audio-128k/playlist.m3u8\n\
#EXT-X-STREAM-INF:BANDWIDTH=70100,AVERAGE-BANDWIDTH=66900,CODECS=\"mp4a.40.2\"\n\
audio-64k/playlist.m3u8\n";

pub const PLAYLIST: &str = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:6\n\
#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP:URI=\"init.mp4\"\n\
#EXTINF:5.99467,\n00001.m4s\n#EXTINF:4.00533,\n00002.m4s\n#EXT-X-ENDLIST\n";

pub const MPD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><Period/></MPD>\n";

/// Where everything of a store lies.
pub fn prefix() -> Prefix {
    Prefix::new("vessel/")
}

/// A segment's bytes: no two of them are the same within 250.
pub fn segment_bytes(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

pub fn folder() -> ExecutionFolder {
    let job = JobFolder {
        tree: Tree::Public,
        asset: "7d0f5d3a-8f2c-4a51-9a57-0d8a5f6f2b11".parse().unwrap(),
        job: "b3f0c1de-2f0e-4d1c-8a0c-5e9b7a1c2d3e".parse().unwrap(),
    };
    job.execution("00000000-0000-4000-8000-000000000001".parse().unwrap())
}

pub fn segment(number: u32) -> ObjectPath {
    ObjectPath::Segment(Rung::audio(128), number, SegmentKind::Fragment)
}

/// The immutable path of an object.
pub fn immutable(path: &ObjectPath) -> String {
    let ExecutionFolder { job, pod } = folder();
    format!("/v1/o/{}/{}/{pod}/{path}", job.asset, job.job)
}

pub fn pointer() -> Pointer {
    let ExecutionFolder { job, pod } = folder();
    Pointer {
        revision: 1,
        lease_transitions: 0,
        state: PointerState::Live,
        visibility: Visibility::Public,
        asset_uid: job.asset,
        store_uid: "5f0c4f5e-6a3b-4a87-8b2e-0c7f4b8f9a10".parse().unwrap(),
        namespace: "music".to_owned(),
        name: "night-drive".to_owned(),
        title: Some("Night <Drive> & \"more\"".to_owned()),
        metadata: BTreeMap::from([("artist".to_owned(), "Ada".to_owned())]),
        duration_millis: Some(204_000),
        renditions: vec![PointedRendition {
            profile: "adaptive".to_owned(),
            job_uid: job.job,
            pod_uid: pod,
            manifest_sha256: Sha256::of(b"manifest"),
            hls: Some(ObjectPath::Master),
            dash: Some(ObjectPath::Mpd),
            kind: PresentationKind::Audio,
        }],
    }
}

pub fn put_json(bucket: &MemoryBucket, key: &Key, value: &impl Serialize) {
    bucket.put(key, serde_json::to_vec(value).unwrap());
}

pub fn put_pointer(bucket: &MemoryBucket, pointer: &Pointer) {
    put_json(bucket, &prefix().pointer(pointer.asset_uid), pointer);
}

/// Every object of the asset but its name and pointer.
pub fn objects() -> Vec<(Key, Vec<u8>)> {
    let rung = Rung::audio(128);
    let content: [(ObjectPath, Vec<u8>); 6] = [
        (ObjectPath::Master, MASTER.into()),
        (ObjectPath::Mpd, MPD.into()),
        (ObjectPath::Playlist(rung.clone()), PLAYLIST.into()),
        (ObjectPath::Init(rung), segment_bytes(700)),
        (segment(1), segment_bytes(10_000)),
        (segment(2), segment_bytes(6_000)),
    ];
    let key = |path: &ObjectPath| prefix().object(folder(), path);
    content
        .into_iter()
        .map(|(path, bytes)| (key(&path), bytes))
        .collect()
}

pub fn name() -> Name {
    Name {
        revision: 1,
        asset_uid: folder().job.asset,
    }
}

/// A bucket with the asset `night-drive` of the namespace `music`.
pub fn stocked() -> MemoryBucket {
    let bucket = MemoryBucket::default();
    for (key, bytes) in objects() {
        bucket.put(&key, bytes);
    }
    put_json(&bucket, &prefix().name("music", "night-drive"), &name());
    put_pointer(&bucket, &pointer());
    bucket
}
