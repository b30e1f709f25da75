//! Vessel from end to end, on the cluster that `KUBECONFIG` names.
mod at_rest;
mod bad_inputs;
mod deletion;
mod films;
mod once;
mod permissions;
mod plays;
mod queue;
mod readme;
mod refused_objects;
mod retention;
mod watch_page;

use std::process::ExitCode;
use std::sync::Arc;
use vessel_e2e::Cluster;

fn main() -> ExitCode {
    let together = [
        refused_objects::tests(),
        bad_inputs::tests(),
        deletion::tests(),
        retention::tests(),
        plays::tests(),
        films::tests(),
        watch_page::tests(),
        readme::tests(),
    ];
    // What disturbs others, or is disturbed by them.
    let alone = [
        bad_inputs::timed::tests(),
        once::tests(),
        queue::tests(),
        permissions::tests(),
    ];
    vessel_e2e::run(
        together.into_iter().flatten().collect(),
        alone.into_iter().flatten().collect(),
        |cluster| Box::pin(clean(cluster)),
    )
}

/// Takes away what the tests made outside of their namespaces.
async fn clean(cluster: Arc<Cluster>) {
    if let Some(store) = cluster.made_store() {
        store.clean(&cluster).await;
    }
}
