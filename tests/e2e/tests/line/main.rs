//! Vessel from end to end, on the cluster that `KUBECONFIG` names.
mod refused_objects;

use std::process::ExitCode;
use std::sync::Arc;
use vessel_e2e::Cluster;

fn main() -> ExitCode {
    let together = vec![refused_objects::tests()];
    let alone = vec![];
    vessel_e2e::run(
        together.into_iter().flatten().collect(),
        alone,
        |cluster| Box::pin(clean(cluster)),
    )
}

/// Takes away what the tests made outside of their namespaces.
async fn clean(_cluster: Arc<Cluster>) {}
