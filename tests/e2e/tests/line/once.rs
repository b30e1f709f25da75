//! Execution at least once, publication exactly once.
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::fs;
use vessel_crds::{MediaAsset, TranscodeJob};
use vessel_e2e::media::Studio;
use vessel_e2e::operator::{Process, processes};
use vessel_e2e::scene::play;
use vessel_e2e::specs::{from_s3, in_test_store};
use vessel_e2e::wait::{seconds, until};
use vessel_e2e::{Cluster, tests};

tests! { twenty_applies_and_five_kills_give_one_encode_and_one_commit }

const APPLIES: usize = 20;
const KILLS: usize = 5;

async fn twenty_applies_and_five_kills_give_one_encode_and_one_commit(cluster: &Cluster) {
    play(cluster, "once", async |scene| {
        let store = cluster.store().await;
        let song = fs::read(Studio::new().noise("song.flac", 90).await)
            .await
            .unwrap();
        let spec = in_test_store(from_s3(&store.put_source("once.flac", song).await));
        for apply in 1..=APPLIES {
            scene.apply("song", &spec).await;
            if apply % (APPLIES / KILLS) == 0 {
                kill_operator(cluster).await;
            }
        }
        let asset = scene.ready("song").await;
        assert_eq!(asset.metadata.generation, Some(1), "the same object");
        let jobs = Api::<TranscodeJob>::list(&scene.api(), &ListParams::default())
            .await
            .unwrap();
        assert_eq!(jobs.items.len(), 1, "one TranscodeJob");
        let job = &jobs.items[0];
        let status = job.status.as_ref().unwrap();
        assert_eq!(
            (status.attempts_started, status.attempts.len()),
            (1, 1),
            "{:?}",
            status.attempts
        );
        assert_eq!(scene.recorder.jobs().len(), 1, "one batch Job");
        assert_eq!(scene.recorder.pods().len(), 1, "one pod");
        let folder = format!("{}pub/{}/", store.prefix.as_str(), asset.uid().unwrap());
        one_execution(&store.list(&folder).await, &folder, &job.uid().unwrap());
        settles(&scene.api(), "song").await;
    })
    .await;
}

/// Kills every process of the operator, and waits until others have taken their place.
async fn kill_operator(cluster: &Cluster) {
    let before = until("the operator runs", seconds(60), async || {
        running(cluster).await
    })
    .await;
    for process in &before {
        kill(Pid::from_raw(process.pid), Signal::SIGKILL).unwrap();
    }
    until("the operator was started again", seconds(60), async || {
        let now = running(cluster).await?;
        if now.iter().any(|process| before.contains(process)) {
            return Err(format!("{before:?} → {now:?}"));
        }
        Ok(())
    })
    .await;
}

/// The processes of the operator, one a pod.
async fn running(cluster: &Cluster) -> Result<Vec<Process>, String> {
    let (found, pods) = (
        processes(cluster).await,
        cluster.operator_pods().await.len(),
    );
    if found.len() == pods && pods > 0 {
        Ok(found)
    } else {
        Err(format!(
            "{} of {pods} processes on this machine",
            found.len()
        ))
    }
}

/// All keys are those of one execution of one job, and its commit.
fn one_execution(keys: &[String], folder: &str, job: &str) {
    let below = keys.iter().map(|key| key.strip_prefix(folder).unwrap());
    let (mut pods, mut commits) = (Vec::new(), 0);
    for path in below {
        let parts: Vec<&str> = path.split('/').collect();
        assert_eq!(parts[0], job, "an object of another job: {path}");
        if parts[1] == "commit.json" {
            commits += 1;
        } else {
            pods.push(parts[1]);
        }
    }
    pods.dedup();
    assert_eq!(
        (pods.len(), commits),
        (1, 1),
        "executions and commits in {keys:?}"
    );
}

/// Nothing changes any more once all is done.
async fn settles(assets: &Api<MediaAsset>, name: &str) {
    let settled = assets.get(name).await.unwrap().resource_version();
    vessel_e2e::wait::steadily("a settled asset is left alone", seconds(5), async || {
        let now = assets
            .get(name)
            .await
            .map_err(|e| e.to_string())?
            .resource_version();
        if now == settled {
            Ok(())
        } else {
            Err(format!("{settled:?} → {now:?}"))
        }
    })
    .await;
}
