//! `brume bench`.

mod api;
mod launch;
mod network;
mod s3;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use crate::args::{BenchCommand, BenchOptions};
use crate::root;

/// Measures, and prints what came out.
pub(crate) fn run(options: &BenchOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume bench`")?;
    match &options.what {
        BenchCommand::Network(options) => print(&network::run(options)?, options.json)?,
        BenchCommand::Api(options) => print(&api::run(options)?, options.json)?,
        BenchCommand::Launch(options) => print(&launch::run(options)?, options.json)?,
        BenchCommand::S3(options) => print(&s3::run(options)?, options.how.json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print<R: serde::Serialize + std::fmt::Display>(report: &R, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// The resident set of a process.
fn resident_mib(pid: i32) -> anyhow::Result<f64> {
    memory_mib(pid, "VmRSS:")
}

/// The largest that it has ever been.
fn peak_resident_mib(pid: i32) -> anyhow::Result<f64> {
    memory_mib(pid, "VmHWM:")
}

/// A line of `/proc/PID/status`.
fn memory_mib(pid: i32, name: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .with_context(|| format!("no {name}"))?
        .parse()?;
    Ok(kib / 1024.0)
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Sorts, and returns the middle one.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
