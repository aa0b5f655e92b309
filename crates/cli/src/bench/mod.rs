//! `brume bench`.

mod api;
mod launch;
mod network;

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

/// The resident set of a process, from `/proc/PID/status`.
fn resident_mib(pid: i32) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kib: f64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .context("no VmRSS")?
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
