//! The operator under test: its metrics, and its processes on this machine.
use crate::cluster::Cluster;
use kube::ResourceExt;
use std::fs;

/// What all operator pods together export: only the leader exports state, so sums are right.
pub struct Metrics(Vec<String>);

impl Metrics {
    /// Reads `/metrics` of every operator pod that answers.
    pub async fn read(cluster: &Cluster) -> Self {
        let mut texts = Vec::new();
        for pod in cluster.operator_pods().await {
            let Some(ip) = pod.status.and_then(|status| status.pod_ip) else {
                continue;
            };
            let Ok(answer) = cluster
                .http
                .get(format!("http://{ip}:8080/metrics"))
                .send()
                .await
            else {
                continue;
            };
            texts.extend(answer.text().await);
        }
        Self(texts)
    }

    /// The sum of all samples of a metric whose labels contain each of `labels`
    /// (`name="value"`); `None` if there is none.
    pub fn sum(&self, name: &str, labels: &[&str]) -> Option<f64> {
        let lines = self.0.iter().flat_map(|text| text.lines());
        let values: Vec<f64> = lines
            .filter_map(|line| sample(line, name, labels))
            .collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// The largest sample of a metric.
    pub fn max(&self, name: &str) -> Option<f64> {
        let lines = self.0.iter().flat_map(|text| text.lines());
        lines
            .filter_map(|line| sample(line, name, &[]))
            .reduce(f64::max)
    }
}

/// The value of a line of the text format, if it is of that metric and has those labels.
fn sample(line: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let (found, value) = match rest.strip_prefix('{') {
        Some(rest) => rest.rsplit_once('}')?,
        None => ("", rest.strip_prefix(' ').map(|_| rest)?),
    };
    let all = labels.iter().all(|label| found.contains(label));
    if all { value.trim().parse().ok() } else { None }
}

/// A process of an operator pod, on this machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Process {
    /// Its id in this machine's own PID namespace.
    pub pid: i32,
    /// The pod that it is the container of.
    pub pod: String,
}

/// The processes of the operator's pods: those whose environment names one of the pods that
/// the cluster has now, whose names are unique.
pub async fn processes(cluster: &Cluster) -> Vec<Process> {
    let pods: Vec<String> = cluster
        .operator_pods()
        .await
        .iter()
        .map(ResourceExt::name_any)
        .collect();
    let entries = fs::read_dir("/proc").expect("a Linux machine");
    let numbers = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter_map(|pid| {
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            let name = variables.find_map(|variable| variable.strip_prefix(b"VESSEL_POD_NAME="))?;
            let pod = pods.iter().find(|pod| pod.as_bytes() == name)?.clone();
            Some(Process { pid, pod })
        })
        .collect()
}

/// CPU seconds that a process has used, and bytes of memory that it holds.
pub fn cost(process: &Process) -> (f64, u64) {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid)).unwrap();
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: f64 = [fields[11], fields[12]]
        .iter()
        .map(|f| f.parse::<f64>().unwrap())
        .sum();
    let pages: u64 = fields[21].parse().unwrap();
    (ticks / 100.0, pages * 4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_by_name_and_labels() {
        let text = [
            "vessel_jobs{phase=\"Ready\",profile=\"a\"} 3",
            "vessel_leader 1",
        ];
        assert_eq!(
            sample(text[0], "vessel_jobs", &["phase=\"Ready\""]),
            Some(3.0)
        );
        assert_eq!(sample(text[0], "vessel_jobs", &["phase=\"Failed\""]), None);
        assert_eq!(sample(text[1], "vessel_leader", &[]), Some(1.0));
        assert_eq!(sample(text[1], "vessel_lead", &[]), None);
    }
}
