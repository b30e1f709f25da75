//! Whose token it is, by the apiserver's word, and whether that pod works on something.
use super::Grants;
use super::current::{self, Chain};
use super::refusal::Refused;
use super::token::Claimed;
use crate::caches::controller;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use vessel_crds::identity::Identity;
use vessel_crds::{MediaAsset, TranscodeJob, labels};
use vessel_storage::key::{ExecutionFolder, JobFolder};
use vessel_storage::uid::{AssetUid, JobUid, PodUid};

/// The execution that calls.
#[derive(Clone, Debug)]
pub(super) struct Execution {
    /// Its job, as it is now.
    pub job: TranscodeJob,
    /// Number of the attempt, from 1.
    pub attempt: u32,
    /// Where it may write.
    pub folder: ExecutionFolder,
}

/// Asks the apiserver whose token it is, then for the pod, its Job, the TranscodeJob and the
/// asset, none of it from a cache: what was fenced a moment ago is refused.
pub(super) async fn identify(
    grants: &Grants,
    claimed: &Claimed,
    audience: &str,
) -> Result<Execution, Refused> {
    review(&grants.client, claimed, audience).await?;
    let namespace = &claimed.namespace;
    let pod: Pod = get(&grants.client, namespace, &claimed.pod_name).await?;
    if pod.uid().as_deref() != Some(&claimed.pod_uid) {
        return Err(Refused::not_current("the pod is gone"));
    }
    let batch_name = controller(pod.meta()).map(|owner| owner.name.clone());
    let batch_name = batch_name.ok_or_else(|| Refused::not_current("no Job controls the pod"))?;
    let (batch, job, asset) = tokio::try_join!(
        get::<Job>(&grants.client, namespace, &batch_name),
        get::<TranscodeJob>(
            &grants.client,
            namespace,
            label(&pod, labels::TRANSCODE_JOB)?
        ),
        get::<MediaAsset>(&grants.client, namespace, label(&pod, labels::ASSET)?),
    )?;
    let attempt = current::attempt(&Chain {
        pod: &pod,
        batch: &batch,
        job: &job,
        asset: &asset,
    })?;
    let folder = folder(&job, &claimed.pod_uid)?;
    Ok(Execution {
        job,
        attempt,
        folder,
    })
}

/// TokenReview: the signature, the audience, and that the token is bound to the pod that it
/// claims.
async fn review(client: &Client, claimed: &Claimed, audience: &str) -> Result<(), Refused> {
    let review = TokenReview {
        spec: TokenReviewSpec {
            token: Some(claimed.token.clone()),
            audiences: Some(vec![audience.to_owned()]),
        },
        ..TokenReview::default()
    };
    let reviews: Api<TokenReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await?;
    let status = answer.status.unwrap_or_default();
    let audiences = status.audiences.unwrap_or_default();
    let authenticated = status.authenticated == Some(true);
    if !authenticated || !audiences.iter().any(|one| one == audience) {
        return Err(Refused::unauthenticated(
            "the apiserver does not accept the token",
        ));
    }
    bound(&status.user.unwrap_or_default(), claimed)
}

fn bound(user: &UserInfo, claimed: &Claimed) -> Result<(), Refused> {
    let extra = |name: &str| {
        let all = user.extra.as_ref().and_then(|extra| extra.get(name));
        all.and_then(|values| values.first()).map(String::as_str)
    };
    let prefix = format!("system:serviceaccount:{}:", claimed.namespace);
    let named = user.username.as_deref().unwrap_or_default();
    let holds = named.starts_with(&prefix)
        && extra("authentication.kubernetes.io/pod-name") == Some(&claimed.pod_name)
        && extra("authentication.kubernetes.io/pod-uid") == Some(&claimed.pod_uid);
    if holds {
        return Ok(());
    }
    Err(Refused::unauthenticated(
        "the token is not bound to the pod that it claims",
    ))
}

async fn get<K>(client: &Client, namespace: &str, name: &str) -> Result<K, Refused>
where
    K: Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let object = api.get_opt(name).await?;
    object.ok_or_else(|| Refused::not_current(format!("{} {name} is gone", K::kind(&()))))
}

fn label<'a>(pod: &'a Pod, name: &str) -> Result<&'a str, Refused> {
    let label = pod.labels().get(name).map(String::as_str);
    label.ok_or_else(|| Refused::not_current(format!("the pod bears no label {name}")))
}

/// Where the pod may write. A job whose key is not that of its work was not made by us.
fn folder(job: &TranscodeJob, pod_uid: &str) -> Result<ExecutionFolder, Refused> {
    let work = &job.spec.work;
    let key = Identity {
        asset_uid: &work.asset_uid,
        source_version: &work.source_version,
        store_uid: &work.store_uid,
        encoding: &work.encoding,
        restart_token: &work.restart_token,
    }
    .key();
    if key != work.key {
        return Err(Refused::not_current(
            "spec.work.key does not belong to spec.work",
        ));
    }
    let no_uid = |_| Refused::not_current("a UID of the chain can't be read");
    let folder = JobFolder {
        tree: work.visibility.into(),
        asset: work.asset_uid.parse::<AssetUid>().map_err(no_uid)?,
        job: job
            .uid()
            .unwrap_or_default()
            .parse::<JobUid>()
            .map_err(no_uid)?,
    };
    Ok(folder.execution(pod_uid.parse::<PodUid>().map_err(no_uid)?))
}
