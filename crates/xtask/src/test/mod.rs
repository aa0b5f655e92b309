//! `cargo xtask test`: the one command that says whether the tree is good.
//!
//! Owns the order of the steps, their options, and the report. What each step does is in `steps`; what it needs
//! installed is in `prepare`.

mod divan;
mod facts;
mod host;
mod junit;
mod prepare;
mod process;
mod promises;
mod report;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::{Args, ValueEnum};

use host::Host;
use report::{Report, StepResult, Tally};

/// Longer forms of the tests that have one, as the environment variables that they read.
const LONG_FORMS: [(&str, &str); 7] = [
    ("BRUME_DAEMON_KILLS", "100"),
    ("BRUME_KILLS", "1000"),
    ("BRUME_LONG_TESTS", "1"),
    ("BRUME_OBJECT_KILLS", "200"),
    ("BRUME_REAL_TOPOLOGIES", "300"),
    ("BRUME_TOPOLOGIES", "20000"),
    ("PROPTEST_CASES", "2000"),
];

/// Options of `cargo xtask test`.
#[derive(Args, Debug)]
pub(crate) struct TestArgs {
    /// Run only this step (may be given more than once); preparation happens as far as the step needs it.
    #[arg(long, value_enum)]
    only: Vec<Step>,
    /// Run the long forms of the tests that have one, and the benchmarks.
    #[arg(long)]
    long: bool,
    /// Name the steps and what each does, and run nothing.
    #[arg(long)]
    list: bool,
}

/// The steps, in their order.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Install what the other steps need and the machine lacks.
    Prepare,
    /// Formatting, as rustfmt wants it.
    Fmt,
    /// Lints, with warnings as errors.
    Clippy,
    /// Regenerated models and types are the committed ones.
    Models,
    /// The list of operations is true: each has a test, and each change has a known effect.
    Operations,
    /// The committed eBPF object is what its source compiles to.
    Ebpf,
    /// All tests of the workspace, namespace and sandbox tests included.
    Tests,
    /// Every fact of `docs/facts.md` is shown by tests that have passed in this run, or says why not.
    Facts,
    /// Examples in the documentation of the crates.
    Doctests,
    /// The command: with `--long` the release build, as users run it.
    Build,
    /// `brume demo`, and that nothing is left behind.
    Demo,
    /// The recipes with stock clients, on the fast path.
    Recipes,
    /// The recipes again, with the slow path alone.
    RecipesSlowPath,
    /// The benchmarks against the promised numbers (only with --long or when asked for).
    Bench,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Models => "models",
            Self::Operations => "operations",
            Self::Ebpf => "ebpf",
            Self::Tests => "tests",
            Self::Facts => "facts",
            Self::Doctests => "doctests",
            Self::Build => "build",
            Self::Demo => "demo",
            Self::Recipes => "recipes",
            Self::RecipesSlowPath => "recipes-slow-path",
            Self::Bench => "bench",
        }
    }

    fn run(self, bench: &Workbench) -> Result<Tally> {
        match self {
            Self::Prepare => prepare::run(bench),
            Self::Fmt => steps::fmt(bench),
            Self::Clippy => steps::clippy(bench),
            Self::Models => steps::models(bench),
            Self::Operations => steps::operations(bench),
            Self::Ebpf => steps::ebpf(bench),
            Self::Tests => steps::tests(bench),
            Self::Facts => facts::run(bench),
            Self::Doctests => steps::doctests(bench),
            Self::Build => steps::build(bench),
            Self::Demo => steps::demo(bench),
            Self::Recipes => steps::recipes(bench, steps::DataPath::Fast),
            Self::RecipesSlowPath => steps::recipes(bench, steps::DataPath::SlowOnly),
            Self::Bench => steps::bench(bench),
        }
    }
}

/// Where the steps run and how.
#[derive(Debug)]
pub(crate) struct Workbench {
    /// The root of the workspace.
    root: PathBuf,
    /// What the machine allows.
    host: Host,
    /// Whether the long forms were asked for.
    is_long: bool,
    /// Whether the tests are among the steps of this run.
    has_run_tests: bool,
}

impl Workbench {
    /// What the tests leave, when nextest runs them.
    fn test_report(&self) -> PathBuf {
        self.target().join("nextest/ci/junit.xml")
    }

    /// Where builds and tools go.
    fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |set| self.root.join(set))
    }

    /// A command with no standard input in the root of the workspace, with the long forms in its environment.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> std::process::Command {
        let mut command = process::command(program, &self.root);
        if self.is_long {
            for (name, value) in LONG_FORMS {
                if std::env::var_os(name).is_none() {
                    command.env(name, value);
                }
            }
        }
        if self.host.is_ci && self.host.can_run_everything() {
            command.env("BRUME_REQUIRE_ALL", "1");
        }
        command
    }

    /// Cargo, the one that runs this.
    fn cargo(&self) -> std::process::Command {
        self.command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }
}

/// Runs the steps and tells the outcome; the last line printed is `N passed, N failed, N skipped`.
///
/// A step that cannot even start is a failed step.
pub(crate) fn run(args: &TestArgs, root: &Path) -> ExitCode {
    if args.list {
        for step in Step::value_variants() {
            let help = step.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
            println!("{:<20} {}", step.name(), help.unwrap_or_default());
        }
        return ExitCode::SUCCESS;
    }
    let host = Host::probe(root);
    let chosen: Vec<Step> = Step::value_variants()
        .iter()
        .copied()
        .filter(|step| match args.only.as_slice() {
            [] => *step != Step::Bench || args.long,
            only => only.contains(step),
        })
        .collect();
    let has_run_tests = chosen.contains(&Step::Tests);
    let bench = Workbench { root: root.to_owned(), host, is_long: args.long, has_run_tests };
    if !bench.host.can_run_everything() {
        println!("This machine lacks {}; what needs it is skipped.", bench.host.missing.join(", "));
    }
    let mut report = Report::default();
    for (index, step) in chosen.iter().enumerate() {
        println!("\n=== {}/{} {} ===", index + 1, chosen.len(), step.name());
        let started = Instant::now();
        let tally = step.run(&bench).unwrap_or_else(|error| {
            eprintln!("{}: {error:#}", step.name());
            Tally::one(&format!("{error:#}"), false)
        });
        let took = started.elapsed();
        println!("=== {} took {} ===", step.name(), report::clock(took));
        report.steps.push(StepResult { name: step.name(), tally, took });
    }
    if bench.host.is_ci && bench.host.can_run_everything() {
        report.refuse_shortfalls();
    }
    println!("\n{}", report.render());
    if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
