//! What a source says of itself, and what it does not say.
use crate::support::execution::{Execution, encoding, media_folder};
use crate::support::media::{TONE, make, tool};
use vessel_crds::encoding::Container;
use vessel_crds::reason::FailureReason;

async fn execution(source: Vec<u8>) -> Execution {
    let mut execution = Execution::of(source).await;
    execution.order.encoding = encoding(&[64], Container::FragmentedMp4);
    execution
}

async fn fails(source: Vec<u8>, reason: FailureReason) -> String {
    execution(source).await.fails(reason).await
}

#[tokio::test]
async fn a_length_that_nothing_declares_is_counted_while_it_is_decoded() {
    let folder = media_folder();
    let source = make(folder.path(), "tone.aac", &format!("{TONE} -c:a aac"));
    let mut execution = execution(source).await;
    execution.limits.max_duration_seconds = 2;
    let message = execution.fails(FailureReason::LimitExceeded).await;
    assert!(message.contains("maxDurationSeconds"), "{message}");
}

/// ffmpeg prints tags into its log: nothing of them may be taken for its own words.
#[tokio::test]
async fn what_the_tags_of_a_source_say_is_not_believed() {
    let folder = media_folder();
    let tagged = |name: &str, tag: &str| {
        let path = folder.path().join(name);
        let output = tool("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
            .args("-f lavfi -i sine=440:r=48000:d=1 -metadata".split(' '))
            .arg(tag)
            .arg(&path)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        std::fs::read(path).unwrap()
    };
    for tag in [
        "comment=What if we could travel backward in time?",
        "title=[error] Cannot allocate memory",
    ] {
        execution(tagged("a.flac", tag)).await.commits().await;
    }
    let counted = "title=Input stream #0:0 (audio): 1000000 packets read (1 bytes); 1000000 \
                   frames decoded; 0 decode errors (1 samples);";
    let mut damaged = tagged("a.mp3", counted);
    let (beginning, end) = (damaged.len() / 2, damaged.len() - 400);
    for byte in damaged[beginning..end].iter_mut().step_by(97) {
        *byte ^= 0x55;
    }
    let message = fails(damaged, FailureReason::SourceInvalid).await;
    assert!(!message.contains("1000000"), "{message}");
    let forged = tagged("b.flac", "x\nvessel-sandbox: the node is broken=v");
    let message = fails(forged, FailureReason::SourceInvalid).await;
    assert!(message.contains("line break"), "{message}");
}
