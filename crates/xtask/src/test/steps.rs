//! What each step of the test command runs, and how its outcome is counted.
//!
//! Owns the command lines. Refuses to know how they are installed (`prepare`) and told (`report`).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::report::Tally;
use super::{Workbench, divan, junit, prepare, process, promises};

/// How long `brume demo` may take once it is built.
const DEMO_LIMIT: Duration = Duration::from_secs(15);

/// Which data plane carries the packets of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataPath {
    /// The eBPF flow cache, with the slow path behind it.
    Fast,
    /// Every packet through user space.
    SlowOnly,
}

pub(super) fn fmt(bench: &Workbench) -> Result<Tally> {
    let held = process::shown(bench.cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Tally::one("cargo fmt --check", held))
}

pub(super) fn clippy(bench: &Workbench) -> Result<Tally> {
    let held = process::shown(bench.cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(Tally::one("cargo clippy", held))
}

pub(super) fn models(bench: &Workbench) -> Result<Tally> {
    let held = process::shown(&mut own_task(bench, &["models", "--check"])?)?;
    Ok(Tally::one("cargo xtask models --check", held))
}

pub(super) fn operations(bench: &Workbench) -> Result<Tally> {
    let held = process::shown(&mut own_task(bench, &["operations", "--check"])?)?;
    Ok(Tally::one("cargo xtask operations --check", held))
}

/// This program again, with another subcommand.
fn own_task(bench: &Workbench, arguments: &[&str]) -> Result<Command> {
    let mut command = bench.command(std::env::current_exe().context("cannot find this program")?);
    command.args(arguments);
    Ok(command)
}

pub(super) fn ebpf(bench: &Workbench) -> Result<Tally> {
    const WHAT: &str = "the eBPF object is its source, compiled";
    if let Err(reason) = prepare::installed(bench, &prepare::CLANG) {
        return Ok(Tally::shortfall(WHAT, reason));
    }
    let held = process::shown(bench.command("sh").args(["ebpf/build.sh", "--check"]))?;
    Ok(Tally::one(WHAT, held))
}

pub(super) fn tests(bench: &Workbench) -> Result<Tally> {
    let python = prepare::python(bench)?;
    // A report of an earlier run must not be taken for this one's.
    match fs::remove_file(bench.test_report()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).context("cannot remove the previous test report");
        }
        _ => {}
    }
    match prepare::nextest(bench) {
        Ok(nextest) => with_nextest(bench, &nextest, &python),
        Err(_) => with_cargo_test(bench, &python),
    }
}

fn with_nextest(bench: &Workbench, nextest: &Path, python: &Path) -> Result<Tally> {
    let mut command = bench.command(nextest);
    command
        .args(["nextest", "run", "--workspace", "--profile", "ci"])
        .env("BRUME_PYTHON", python.join("python3"));
    if bench.is_long {
        command.args(["--run-ignored", "all"]);
    }
    let held = process::shown(&mut command)?;
    let Ok(xml) = fs::read_to_string(bench.test_report()) else {
        return Ok(Tally::one("the tests build and start", false));
    };
    let mut tally = junit::tally(&xml)?;
    // For example a test that was killed, or a process that outlived its test.
    if !held && tally.failed.is_empty() {
        tally.add("nextest run (see its output)", false);
    }
    Ok(tally)
}

/// The slower way without nextest: one test thread, because tests of the host must not run beside each other.
fn with_cargo_test(bench: &Workbench, python: &Path) -> Result<Tally> {
    let mut command = bench.cargo();
    command
        .args(["test", "--workspace", "--no-fail-fast", "--lib", "--bins", "--tests", "--"])
        .args(["--nocapture", "--test-threads", "1"])
        .env("BRUME_PYTHON", python.join("python3"));
    if bench.is_long {
        command.arg("--include-ignored");
    }
    let finished = process::shown_and_kept(&mut command)?;
    let mut tally = libtest_tally(&finished.output);
    if !finished.status.success() && tally.failed.is_empty() {
        tally.add("cargo test (see its output)", false);
    }
    Ok(tally)
}

pub(super) fn doctests(bench: &Workbench) -> Result<Tally> {
    let finished = process::shown_and_kept(bench.cargo().args(["test", "--workspace", "--doc", "--quiet"]))?;
    let mut tally = libtest_tally(&finished.output);
    if !finished.status.success() && tally.failed.is_empty() {
        tally.add("cargo test --doc (see its output)", false);
    }
    Ok(tally)
}

/// Counts what the standard test harness prints: its `test result:` lines and the tests' own `SKIPPED:` lines.
fn libtest_tally(output: &str) -> Tally {
    let mut tally = Tally::default();
    let mut failed = 0;
    for line in output.lines() {
        if let Some(result) = line.strip_prefix("test result:") {
            tally.passed += number_before(result, " passed");
            failed += number_before(result, " failed");
        } else if let Some(at) = line.find("SKIPPED:") {
            tally.skip("a test", line[at + "SKIPPED:".len()..].trim());
        }
    }
    // A skipped test ends as passed for the harness; it is counted once.
    tally.passed = tally.passed.saturating_sub(tally.skipped.len());
    if failed > 0 {
        tally.failed.extend((0..failed).map(|_| "a test (see the output above)".to_owned()));
    }
    tally
}

fn number_before(text: &str, word: &str) -> usize {
    text.split_once(word)
        .and_then(|(before, _)| before.rsplit(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

/// How the command is built that a step plays with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Build {
    /// As the tests are: what they have compiled is not compiled again.
    Dev,
    /// As users have it.
    Release,
}

impl Build {
    /// The short form saves the time of a release build, a quarter of all that it takes.
    fn of(bench: &Workbench) -> Self {
        if bench.is_long { Self::Release } else { Self::Dev }
    }

    /// The tests build the command with the features that the whole workspace asks for, and so must this: with the features
    /// of the command alone much of the workspace would be another build.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Dev => &["test", "--workspace", "--no-run"],
            Self::Release => &["build", "--release"],
        }
    }

    fn directory(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}

pub(super) fn build(bench: &Workbench) -> Result<Tally> {
    let build = Build::of(bench);
    let held = process::shown(bench.cargo().args(build.arguments()))?;
    let mut tally = Tally::one(&format!("cargo {}", build.arguments().join(" ")), held);
    if build == Build::Dev {
        // What the tests need of the crates must not be what the command needs, too.
        let alone = process::shown(bench.cargo().args(["check", "--package", "cli"]))?;
        tally.add("cargo check --package cli, with its own features", alone);
    }
    Ok(tally)
}

/// The command, built when it is not there.
fn brume(bench: &Workbench, build: Build) -> Result<PathBuf> {
    if !process::shown(bench.cargo().args(build.arguments()).arg("--quiet"))? {
        bail!("the command does not build");
    }
    Ok(bench.target().join(build.directory()).join("brume"))
}

pub(super) fn demo(bench: &Workbench) -> Result<Tally> {
    const WHAT: &str = "brume demo";
    if let Some(reason) = needs_root(bench) {
        return Ok(Tally::shortfall(WHAT, reason));
    }
    let brume = brume(bench, Build::of(bench))?;
    let started = Instant::now();
    // The script compares the host before and after.
    let held = process::shown(bench.command("recipes/nothing-left-behind").arg(brume).arg("demo"))?;
    let took = started.elapsed();
    let mut tally = Tally::one(WHAT, held);
    tally.add(
        &format!("{WHAT} within {} s (took {:.1} s)", DEMO_LIMIT.as_secs(), took.as_secs_f64()),
        took < DEMO_LIMIT,
    );
    Ok(tally)
}

/// The recipes that are played with the slow path alone, too, unless in the long form, which plays all of them twice.
const SLOW_PATH_RECIPES: [&str; 2] = ["1.04", "1.05"];

pub(super) fn recipes(bench: &Workbench, path: DataPath) -> Result<Tally> {
    if let Some(reason) = needs_root(bench) {
        return Ok(Tally::shortfall("recipes", reason));
    }
    let brume = brume(bench, Build::of(bench))?;
    let python = prepare::python(bench)?;
    let report = bench.target().join(match path {
        DataPath::Fast => "recipes-fast.tsv",
        DataPath::SlowOnly => "recipes-slow.tsv",
    });
    let mut command = bench.command("recipes/run");
    command.env("BRUME_BIN", brume).env("BRUME_PYTHON_BIN", python).arg("--report").arg(&report);
    // Most of a recipe is waiting: for clients to start, for instances, for what must not come.
    command.args(["--jobs", "2"]);
    if path == DataPath::SlowOnly {
        command.arg("--slow-path");
        if !bench.is_long {
            command.args(SLOW_PATH_RECIPES);
        }
    }
    let held = process::shown(&mut command)?;
    let text = fs::read_to_string(&report).context("the recipes left no report")?;
    let mut tally = recipe_tally(&text)?;
    if !held && tally.failed.is_empty() {
        tally.add("recipes/run (see its output)", false);
    }
    Ok(tally)
}

/// Counts the report of `recipes/run`: a line `id TAB result TAB seconds TAB title TAB reason` for each recipe.
fn recipe_tally(report: &str) -> Result<Tally> {
    let mut tally = Tally::default();
    for line in report.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, result, _seconds, title, reason] = fields.as_slice() else {
            bail!("the recipes' report has a line that is not one: {line}");
        };
        let what = format!("{id} {title}");
        match *result {
            "passed" => tally.add(&what, true),
            "failed" => tally.add(&what, false),
            "skipped" => tally.skip(&what, *reason),
            other => bail!("the recipes' report has an unknown result: {other}"),
        }
    }
    if tally == Tally::default() {
        bail!("the recipes' report is empty");
    }
    Ok(tally)
}

pub(super) fn bench(bench: &Workbench) -> Result<Tally> {
    let mut tally = Tally::default();
    let forward = ["bench", "--quiet", "--package", "vpc-engine", "--bench", "forward"];
    match process::standard_output(bench.cargo().args(forward))? {
        Some(table) => {
            println!("{table}");
            tally.absorb(promises::tally(&promises::FORWARD, &divan::forward_report(&table)));
        }
        None => tally.add("cargo bench -p vpc-engine", false),
    }
    if let Some(reason) = needs_root(bench) {
        tally.skip("brume bench", reason);
        return Ok(tally);
    }
    if let Err(reason) = prepare::installed(bench, &prepare::NFTABLES) {
        tally.skip("the comparison with a Linux router", reason);
    }
    let brume = brume(bench, Build::Release)?;
    for (what, promises) in [
        ("network", &promises::NETWORK[..]),
        ("launch", &promises::LAUNCH[..]),
        ("api", &promises::API[..]),
        ("s3", &promises::S3[..]),
    ] {
        let name = format!("brume bench {what}");
        let json = process::standard_output(bench.command(&brume).args(["bench", what, "--json"]))?;
        match json.as_deref().map(serde_json::from_str) {
            Some(Ok(report)) => {
                println!("{report:#}");
                tally.absorb(promises::tally(promises, &report));
            }
            Some(Err(error)) => tally.add(&format!("{name}: its report is not JSON: {error}"), false),
            None => tally.add(&name, false),
        }
    }
    Ok(tally)
}

fn needs_root(bench: &Workbench) -> Option<&'static str> {
    (!bench.host.is_root).then_some("needs root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_counts_are_added_up_and_skips_are_not_passes() {
        let tally = libtest_tally(
            "running 3 tests\nSKIPPED: no BPF\ntest result: ok. 3 passed; 0 failed; 0 ignored\n\
             test result: FAILED. 10 passed; 2 failed; 0 ignored\n",
        );
        assert_eq!((tally.passed, tally.failed.len(), tally.skipped.len()), (12, 2, 1));
    }

    #[test]
    fn a_recipe_report_is_read_line_by_line() {
        let tally = recipe_tally(
            "1.01\tpassed\t4\tA VPC\t\n1.02\tfailed\t5\tSubnets\texit 1\n1.05\tskipped\t0\tGroups\tno root\n",
        )
        .unwrap();
        assert_eq!((tally.passed, tally.failed.len(), tally.skipped.len()), (1, 1, 1));
        assert_eq!(tally.skipped[0].reason, "no root");
    }

    #[test]
    fn a_report_that_says_nothing_is_refused() {
        assert!(recipe_tally("").is_err());
        assert!(recipe_tally("1.01\tmaybe\t4\tA VPC\t\n").is_err());
        assert!(recipe_tally("1.01 passed\n").is_err());
    }
}
