//! `brume bench`.

mod launch;
mod network;

use std::process::ExitCode;

use crate::args::{BenchCommand, BenchOptions};
use crate::root;

/// Measures, and prints what came out.
pub(crate) fn run(options: &BenchOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume bench`")?;
    match &options.what {
        BenchCommand::Network(options) => print(&network::run(options)?, options.json)?,
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
