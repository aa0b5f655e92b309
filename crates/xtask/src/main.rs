//! The project's own tasks: `cargo xtask TASK`.
//!
//! Owns the choice of task. Each task has a module; none of them is part of the product.

mod fuzz;
mod generate;
mod models;
mod operations;
mod python;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Make the compact models and the typed views from the published ones.
    Models(models::Arguments),
    /// Generate the typed views only, from the models that are built in.
    Generate(generate::Arguments),
    /// Write the list of operations that are built and that are absent.
    Operations(operations::Arguments),
    /// Give every parser random bytes, for a time each, until one panics.
    Fuzz(fuzz::Arguments),
    /// Make the Python environment with the stock AWS clients, and print the directory of its programs.
    Python,
    /// Install what is missing, then check and test everything.
    Test(test::TestArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().task {
        Task::Models(arguments) => models::run(&arguments)?,
        Task::Generate(arguments) => generate::run(&arguments)?,
        Task::Operations(arguments) => operations::run(&arguments)?,
        Task::Fuzz(arguments) => fuzz::run(&arguments, &root())?,
        Task::Python => println!("{}", python::venv()?.join("bin").display()),
        Task::Test(arguments) => return Ok(test::run(&arguments, &root())),
    }
    Ok(ExitCode::SUCCESS)
}

/// The root of the workspace.
fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("xtask stands in crates/xtask").to_owned()
}
