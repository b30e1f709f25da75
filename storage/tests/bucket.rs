//! The S3 client against a real server: what the protocols rely on.
#![cfg(test)]
use reqwest::{Client, Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use vessel_storage::bucket::{
    Bucket, Creation, ErrorClass, ObjectRef, PutTerms, Replacement, Unobserved, Versioning,
};
use vessel_storage::content::{ContentType, IMMUTABLE};
use vessel_storage::digest::Sha256;
use vessel_storage::gateway::Gateway;
use vessel_storage::grant::SignedRequest;
use vessel_storage::key::Key;

const TTL: Duration = Duration::from_mins(1);

fn key(name: &str) -> Key {
    Key::foreign(name)
}

async fn send(request: &SignedRequest, body: &[u8]) -> reqwest::Response {
    let method = Method::from_bytes(request.method.as_bytes()).unwrap();
    let mut builder = Client::new()
        .request(method, &request.url)
        .body(body.to_vec());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.send().await.unwrap()
}

fn terms(body: &[u8]) -> PutTerms {
    PutTerms {
        bytes: body.len() as u64,
        sha256: Sha256::of(body),
        content_type: ContentType::AudioMp4,
        cache_control: IMMUTABLE,
    }
}

#[tokio::test]
async fn of_many_creates_of_one_key_exactly_one_wins() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let creates = (0..16).map(|n| {
        let bucket = bucket.clone();
        tokio::spawn(async move { bucket.create(&key("a/commit.json"), vec![n]).await.unwrap() })
    });
    let mut won = 0;
    for create in creates.collect::<Vec<_>>() {
        won += usize::from(matches!(create.await.unwrap(), Creation::Created(_)));
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_compare_and_set_of_what_has_changed_or_gone_changes_nothing() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let pointer = key("ptr/a.json");
    assert_eq!(
        bucket
            .replace(&pointer, b"0".to_vec(), "\"x\"")
            .await
            .unwrap(),
        Replacement::Changed
    );
    let Creation::Created(first) = bucket.create(&pointer, b"1".to_vec()).await.unwrap() else {
        panic!("a new key");
    };
    let second = bucket
        .replace(&pointer, b"2".to_vec(), &first)
        .await
        .unwrap();
    assert!(matches!(second, Replacement::Replaced(_)));
    assert_eq!(
        bucket
            .replace(&pointer, b"3".to_vec(), &first)
            .await
            .unwrap(),
        Replacement::Changed
    );
    let read = bucket.get_bytes(&pointer).await.unwrap().unwrap();
    assert_eq!(read.value, b"2");
    assert_eq!(second, Replacement::Replaced(read.etag));
}

#[tokio::test]
async fn what_is_missing_is_an_answer_and_a_missing_bucket_an_error() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    assert_eq!(bucket.get_bytes(&key("none")).await.unwrap(), None);
    assert_eq!(bucket.head(&key("none")).await.unwrap(), None);
    let mut connection = gateway.connection("test-secret");
    connection.bucket = "another".to_owned();
    let other = Bucket::connect(connection, Arc::new(Unobserved))
        .await
        .unwrap();
    let error = other.get_bytes(&key("none")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound, "{error}");
    let error = other.create(&key("x"), Vec::new()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::NotFound, "{error}");
}

#[tokio::test]
async fn wrong_keys_are_denied_and_no_server_is_unavailable() {
    let gateway = Gateway::start().unwrap();
    gateway.bucket().await.unwrap();
    let wrong = gateway.connection("wrong-secret");
    let wrong = Bucket::connect(wrong, Arc::new(Unobserved)).await.unwrap();
    let error = wrong.get_bytes(&key("a")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Denied, "{error}");
    let mut nowhere = gateway.connection("test-secret");
    nowhere.endpoint = Some("http://127.0.0.1:1".to_owned());
    let nowhere = Bucket::connect(nowhere, Arc::new(Unobserved))
        .await
        .unwrap();
    let error = nowhere.get_bytes(&key("a")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable, "{error}");
}

#[tokio::test]
async fn a_list_goes_on_over_its_pages_and_a_delete_names_what_is_gone() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let keys: Vec<Key> = (0..1010).map(|n| key(&format!("l/{n:05}"))).collect();
    for chunk in keys.chunks(64) {
        let puts = chunk.iter().map(|key| bucket.create(key, b"12".to_vec()));
        for put in futures::future::join_all(puts).await {
            put.unwrap();
        }
    }
    let listed = bucket.list_all(&key("l/")).await.unwrap();
    assert_eq!(
        listed.iter().map(|l| l.key.clone()).collect::<Vec<_>>(),
        keys
    );
    assert!(
        listed
            .iter()
            .all(|object| object.bytes == 2 && object.modified.is_some())
    );
    let (some, rest) = keys.split_at(10);
    let deleted = bucket.delete(some).await.unwrap();
    assert_eq!((deleted.done.len(), deleted.failed.len()), (10, 0));
    assert_eq!(bucket.list_all(&key("l/")).await.unwrap().len(), rest.len());
}

#[tokio::test]
async fn the_server_tells_its_time() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let apart =
        bucket.server_time().await.unwrap().as_second() - jiff::Timestamp::now().as_second();
    assert!(apart.abs() <= 5, "{apart}");
}

#[tokio::test]
async fn a_granted_put_takes_exactly_what_was_declared_and_only_once() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let body = b"segment";
    let put = bucket
        .presign_put(&key("o/00001.m4s"), &terms(body), TTL)
        .await
        .unwrap();
    let signed: Vec<&str> = put.headers.keys().map(String::as_str).collect();
    assert_eq!(
        signed,
        [
            "cache-control",
            "content-length",
            "content-type",
            "if-none-match",
            "x-amz-checksum-sha256"
        ]
    );
    assert_ne!(send(&put, b"another").await.status(), StatusCode::OK);
    assert_eq!(bucket.head(&key("o/00001.m4s")).await.unwrap(), None);
    assert_eq!(send(&put, body).await.status(), StatusCode::OK);
    assert_eq!(
        send(&put, body).await.status(),
        StatusCode::PRECONDITION_FAILED
    );
    let mut bare = put.clone();
    bare.headers.remove("if-none-match");
    assert_eq!(send(&bare, body).await.status(), StatusCode::FORBIDDEN);
    let object = ObjectRef::from(&key("o/00001.m4s"));
    let get = bucket.presign_get(&object, None, TTL).await.unwrap();
    assert!(get.headers.is_empty(), "{:?}", get.headers);
    let got = send(&get, b"").await;
    let told = |name: &str| {
        got.headers()
            .get(name)
            .map(|v| v.to_str().unwrap().to_owned())
    };
    assert_eq!(told("content-type").as_deref(), Some("audio/mp4"));
    assert_eq!(told("cache-control").as_deref(), Some(IMMUTABLE));
    assert_eq!(got.bytes().await.unwrap(), body.as_slice());
}

#[tokio::test]
async fn a_granted_get_reads_that_version_and_ranges_of_it() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let source = key("in/source");
    bucket
        .create(&source, b"0123456789".to_vec())
        .await
        .unwrap();
    let etag = bucket.head(&source).await.unwrap().unwrap().etag;
    let object = ObjectRef::from(&source);
    let mut get = bucket.presign_get(&object, Some(&etag), TTL).await.unwrap();
    assert_eq!(get.headers.keys().collect::<Vec<_>>(), ["if-match"]);
    get.headers
        .insert("range".to_owned(), "bytes=2-4".to_owned());
    let part = send(&get, b"").await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), "234");
    bucket
        .replace(&source, b"other".to_vec(), &etag)
        .await
        .unwrap();
    assert_eq!(
        send(&get, b"").await.status(),
        StatusCode::PRECONDITION_FAILED
    );
}

#[tokio::test]
async fn an_upload_url_takes_a_bare_put() {
    let gateway = Gateway::start().unwrap();
    let bucket = gateway.bucket().await.unwrap();
    let upload = bucket
        .presign_upload(&key("in/a/1/source"), TTL)
        .await
        .unwrap();
    assert!(upload.headers.is_empty(), "{:?}", upload.headers);
    let put = Client::new()
        .put(&upload.url)
        .body("song")
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), StatusCode::OK);
    let head = bucket.head(&key("in/a/1/source")).await.unwrap().unwrap();
    assert_eq!(head.bytes, 4);
}

/// What a bucket says of its versions whose server answers everything with that.
async fn versioning(status: &str, body: &str) -> Versioning {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0);
            }
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let gateway = Gateway::start().unwrap();
    let mut connection = gateway.connection("test-secret");
    connection.endpoint = Some(format!("http://{address}"));
    let bucket = Bucket::connect(connection, Arc::new(Unobserved))
        .await
        .unwrap();
    bucket.versioning().await
}

#[tokio::test]
async fn a_bucket_that_keeps_what_is_deleted_is_told_from_one_that_does_not() {
    let configured =
        |status: &str| format!("<VersioningConfiguration>{status}</VersioningConfiguration>");
    let refused = |code: &str| format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    let cases = [
        (
            "200 OK",
            configured("<Status>Enabled</Status>"),
            Versioning::KeepsDeleted,
        ),
        (
            "200 OK",
            configured("<Status>Suspended</Status>"),
            Versioning::Off,
        ),
        ("200 OK", configured(""), Versioning::Off),
        ("403 Forbidden", refused("AccessDenied"), Versioning::Off),
        (
            "501 Not Implemented",
            refused("NotImplemented"),
            Versioning::Off,
        ),
    ];
    for (status, body, expected) in cases {
        assert_eq!(versioning(status, &body).await, expected, "{status} {body}");
    }
    let gateway = Gateway::start().unwrap();
    assert_eq!(
        gateway.bucket().await.unwrap().versioning().await,
        Versioning::Off
    );
}
