//! Every command that the README marks as tested works when it is pasted.
use std::fs;
use std::process::Stdio;
use tokio::process::Command;
use vessel_e2e::cluster::{kubeconfig, root};
use vessel_e2e::shell::{kubectl, path};
use vessel_e2e::{Cluster, note, tests};

tests! { the_commands_of_the_readme_work_in_their_order }

/// What opens a block that is run.
const FENCE: &str = "```sh test";

async fn the_commands_of_the_readme_work_in_their_order(_cluster: &Cluster) {
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    let blocks = blocks(&text);
    assert!(!blocks.is_empty(), "README.md marks no block with {FENCE}");
    let mut outcome = Ok(());
    for block in &blocks {
        outcome = paste(block).await;
        if outcome.is_err() {
            break;
        }
    }
    // What a block that failed left behind.
    let tidy = [
        "delete",
        "--filename",
        "config/samples",
        "--ignore-not-found",
    ];
    let _ = kubectl(&tidy).await;
    outcome.unwrap_or_else(|said| panic!("{said}"));
    note(format!("{} blocks of the README were run", blocks.len()));
}

fn blocks(text: &str) -> Vec<String> {
    let fence = format!("\n{FENCE}\n");
    let opened = text.split(&fence).skip(1);
    opened
        .map(|rest| rest.split("\n```").next().unwrap().to_owned())
        .collect()
}

/// Runs a block as a person would, from the root of the clone.
async fn paste(block: &str) -> Result<(), String> {
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", block])
        .current_dir(root())
        .env("PATH", path())
        .env("KUBECONFIG", kubeconfig())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!(
        "{block}\n→ {}\n{}",
        output.status,
        String::from_utf8_lossy(&said)
    ))
}
