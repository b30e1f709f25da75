//! Runs tests: those that disturb nobody side by side, then the others one by one.
use crate::cluster::Cluster;
use libtest_mimic::{Arguments, Failed, Trial};
use std::any::Any;
use std::future::Future;
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// A running test.
type Body = Pin<Box<dyn Future<Output = ()>>>;

/// No test may take longer: something hangs then.
const LIMIT: Duration = Duration::from_mins(20);

/// Tests that wait side by side. They wait far more than they compute.
const SIDE_BY_SIDE: usize = 24;

/// A test with its name.
pub struct Test {
    name: &'static str,
    body: fn(Arc<Cluster>) -> Body,
}

impl Test {
    /// A test by the path of its function.
    pub const fn new(name: &'static str, body: fn(Arc<Cluster>) -> Body) -> Self {
        Self { name, body }
    }
}

/// Lists async test functions of the module in which it stands, by their names.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        /// The tests of this file.
        pub fn tests() -> Vec<$crate::Test> {
            vec![$($crate::Test::new(
                concat!(module_path!(), "::", stringify!($name)),
                |cluster| Box::pin(async move { $name(&cluster).await }),
            )),*]
        }
    };
}

/// The cluster, connected to by the first test that runs, and the runtime that all share.
struct Shared {
    runtime: Runtime,
    cluster: OnceLock<Result<Arc<Cluster>, String>>,
}

impl Shared {
    fn cluster(&self) -> Result<Arc<Cluster>, String> {
        let connect = || self.runtime.block_on(Cluster::connect()).map(Arc::new);
        self.cluster.get_or_init(connect).clone()
    }
}

/// Runs `together` side by side, then `alone` in their order, then `afterwards`.
pub fn run(
    together: Vec<Test>,
    alone: Vec<Test>,
    afterwards: fn(Arc<Cluster>) -> Body,
) -> ExitCode {
    // What a test panics with is told at the end; a backtrace of the harness tells nothing.
    panic::set_hook(Box::new(|info| {
        eprintln!("{}", first_line(&info.to_string()));
    }));
    let runtime = Builder::new_multi_thread().enable_all().build().unwrap();
    let shared = Arc::new(Shared {
        runtime,
        cluster: OnceLock::new(),
    });
    let start = Instant::now();
    let first = pass(&shared, together, SIDE_BY_SIDE);
    let second = pass(&shared, alone, 1);
    for line in NOTES.lock().unwrap().drain(..) {
        println!("{line}");
    }
    if let Some(Ok(cluster)) = shared.cluster.get() {
        shared.runtime.block_on(afterwards(Arc::clone(cluster)));
    }
    println!("end to end: {:.0} s", start.elapsed().as_secs_f64());
    if first && second {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One run of the harness, by the arguments of the command line. Whether all passed.
fn pass(shared: &Arc<Shared>, tests: Vec<Test>, threads: usize) -> bool {
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(arguments.test_threads.unwrap_or(threads).min(threads));
    let trials = tests
        .into_iter()
        .map(|test| {
            let shared = Arc::clone(shared);
            let name = test
                .name
                .split_once("::")
                .map_or(test.name, |(_, name)| name);
            Trial::test(name, move || execute(&shared, name, test.body))
        })
        .collect();
    !libtest_mimic::run(&arguments, trials).has_failed()
}

fn execute(
    shared: &Shared,
    name: &'static str,
    body: fn(Arc<Cluster>) -> Body,
) -> Result<(), Failed> {
    let cluster = shared.cluster()?;
    let start = Instant::now();
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
        shared
            .runtime
            .block_on(async { tokio::time::timeout(LIMIT, body(cluster)).await })
    }));
    note(format!("{:6.1} s  {name}", start.elapsed().as_secs_f64()));
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(format!("still running after {LIMIT:?}").into()),
        Err(panic) => Err(message(panic.as_ref()).into()),
    }
}

/// What is told when all tests have run: harness and tests must not write into one line.
static NOTES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Keeps a line that is printed when all tests have run.
pub fn note(line: String) {
    NOTES.lock().unwrap().push(line);
}

/// Where it happened.
fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panicked".to_owned())
}
