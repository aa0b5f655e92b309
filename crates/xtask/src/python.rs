//! The Python virtual environment with the stock AWS clients, which the models and the tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The directory of a virtual environment that has exactly the pinned requirements, made first if it is not there.
///
/// It is `target/venv`; its programs are under `bin/`.
///
/// # Errors
/// Python 3 with its `venv` module is missing, or the packages could not be installed.
pub(crate) fn venv() -> anyhow::Result<PathBuf> {
    let directory = crate::root().join("target/venv");
    let stamp = directory.join("requirements.sha256");
    let wanted = hex::encode(Sha256::digest(REQUIREMENTS));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(directory);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&directory))
        .context("python3 with its venv module is needed (Debian: apt install python3-venv)")?;
    let requirements = crate::root().join("crates/xtask/requirements.txt");
    run(pip(&directory).args(["install", "--quiet", "--requirement"]).arg(requirements))?;
    fs::write(stamp, wanted)?;
    Ok(directory)
}

/// The `pip` of a virtual environment.
pub(crate) fn pip(venv: &Path) -> Command {
    let mut command = Command::new(venv.join("bin/pip"));
    command.arg("--disable-pip-version-check");
    command
}

/// Runs a command to its end.
///
/// # Errors
/// It could not be started or did not succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
