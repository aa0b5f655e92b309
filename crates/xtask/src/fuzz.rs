//! The long form of fuzzing: libFuzzer over each target in `fuzz/`, on the stable compiler.
//!
//! Owns the flags and where findings go. Refuses to know what a target does. The short form, which plays the committed seeds, is
//! a test of `fuzz/`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use clap::Args;

/// What libFuzzer needs to see which way an input went. cargo-fuzz passes the same; none of it needs a nightly compiler,
/// but for the sanitizers, which code without `unsafe` does not need either.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";
/// Named, so that the flags do not reach build scripts and macros.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";
/// Of the workspace's `Cargo.toml`.
const PROFILE: &str = "fuzz";
/// Longer than any input that a parser has to look at.
const INPUT_BYTES_MAX: u32 = 4096;
/// An input that takes this long has found something, too.
const INPUT_SECS_MAX: u32 = 10;

/// Options of `cargo xtask fuzz`.
#[derive(Args, Debug)]
pub(crate) struct Arguments {
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target (may be given more than once).
    #[arg(long)]
    only: Vec<String>,
}

/// Builds the targets and runs one after another. All of them run, also when an earlier one has found something.
///
/// # Errors
/// A target found an input that it does not swallow, and the file that the input is in.
pub(crate) fn run(arguments: &Arguments, root: &Path) -> anyhow::Result<()> {
    let folder = root.join("fuzz");
    let chosen: Vec<String> = targets(&folder)?
        .into_iter()
        .filter(|name| arguments.only.is_empty() || arguments.only.contains(name))
        .collect();
    if chosen.is_empty() {
        bail!("no target is called {}", arguments.only.join(" or "));
    }
    let build = root.join("target/fuzz");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--bins", "--profile", PROFILE, "--target", PLATFORM, "--target-dir"])
        .arg(&build)
        .current_dir(&folder)
        .env("RUSTFLAGS", COVERAGE)
        .status()
        .context("cannot start cargo")?;
    if !status.success() {
        bail!("the fuzz targets do not build");
    }
    let mut found = Vec::new();
    for name in &chosen {
        println!("\n=== {name} ===");
        if !one(name, arguments.seconds, &folder, &build)? {
            found.push(name.as_str());
        }
    }
    if !found.is_empty() {
        bail!("{} found inputs; they are in {}", found.join(", "), build.join("found").display());
    }
    Ok(())
}

/// The names of the targets, which have a file each.
fn targets(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.join("targets")).context("cannot list the fuzz targets")? {
        names.extend(entry?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// Runs one target from its seeds and what earlier runs have learnt; true when it found nothing.
fn one(name: &str, seconds: u32, folder: &Path, build: &Path) -> anyhow::Result<bool> {
    let (learnt, found) = (build.join("learnt").join(name), build.join("found").join(name));
    for directory in [&learnt, &found] {
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    }
    let program: PathBuf =
        build.join(PLATFORM).join(PROFILE).join(format!("fuzz-{}", name.replace('_', "-")));
    let mut prefix = OsString::from("-artifact_prefix=");
    prefix.push(&found);
    prefix.push("/");
    let status = Command::new(&program)
        .arg(learnt)
        .arg(folder.join("seeds").join(name))
        .arg(prefix)
        .args([
            format!("-max_total_time={seconds}"),
            format!("-max_len={INPUT_BYTES_MAX}"),
            format!("-timeout={INPUT_SECS_MAX}"),
            "-print_final_stats=1".to_owned(),
        ])
        .status()
        .with_context(|| format!("cannot start {}", program.display()))?;
    Ok(status.success())
}
