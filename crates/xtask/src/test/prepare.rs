//! Installs what the steps need: a Python environment with the stock clients, the test runner, and two Debian packages.
//!
//! Owns the pinned version of the test runner and the list of packages. Python and its clients are `crate::python`'s.
//! Everything lands under `target/`, except packages, which only root on Debian or Ubuntu gets.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use super::report::Tally;
use super::{Workbench, process};
use crate::python;

/// The nextest release that a machine without one gets. Its own minimum Rust is 1.91.
const NEXTEST_VERSION: &str = "0.9.143";
/// The oldest nextest that understands `.config/nextest.toml`.
const NEXTEST_MINIMUM: (u32, u32, u32) = (0, 9, 100);

/// Something that comes from Debian packages when the machine does not have it.
#[derive(Debug)]
pub(super) struct Packaged {
    /// A command that succeeds when it is there.
    probe: &'static [&'static str],
    /// The packages that bring it.
    packages: &'static [&'static str],
    /// What goes without it.
    purpose: &'static str,
}

/// Compiles the eBPF source and strips the result; the release must be this one, or the object differs.
pub(super) const CLANG: Packaged = Packaged {
    probe: &["sh", "-c", "clang-14 --version && llvm-strip-14 --version"],
    packages: &["clang-14", "llvm-14"],
    purpose: "rebuilding the eBPF object",
};

/// Sets up the Linux router that the data plane is compared with.
pub(super) const NFTABLES: Packaged = Packaged {
    probe: &["nft", "--version"],
    packages: &["nftables"],
    purpose: "the comparison with a Linux router",
};

/// Makes virtual environments. Debian's Python comes without the two modules.
const PYTHON: Packaged = Packaged {
    probe: &["python3", "-c", "import venv, ensurepip"],
    packages: &["python3", "python3-venv"],
    purpose: "the stock AWS clients",
};

/// Installs everything, so that later steps find it and their times are their own.
pub(super) fn run(bench: &Workbench) -> Result<Tally> {
    let mut tally = Tally::default();
    match python(bench) {
        Ok(bin) => println!("Python with the stock clients: {}", shown(&bin, bench)),
        Err(error) => {
            eprintln!("{error:#}");
            tally.add("python environment", false);
        }
    }
    match nextest(bench) {
        Ok(program) => println!("cargo-nextest: {}", shown(&program, bench)),
        Err(error) => {
            eprintln!("{error:#}\nThe tests will run one binary after another with cargo test.");
            tally.skip("cargo-nextest", format!("{error}; cargo test stands in"));
        }
    }
    for packaged in [&CLANG, &NFTABLES] {
        if let Err(reason) = installed(bench, packaged) {
            eprintln!("{reason}; {} is skipped.", packaged.purpose);
        }
    }
    if tally.failed.is_empty() {
        tally.add("prepare", true);
    }
    Ok(tally)
}

/// The `bin` directory of a virtual environment with the pinned clients, made when it is not there.
///
/// # Errors
/// When there is no Python, or the packages cannot be installed.
pub(super) fn python(bench: &Workbench) -> Result<PathBuf> {
    if let Err(reason) = installed(bench, &PYTHON) {
        bail!("{}: {reason}", PYTHON.purpose);
    }
    Ok(python::venv()?.join("bin"))
}

/// A nextest that understands our configuration: the machine's own, or one built under `target/tools`.
///
/// # Errors
/// When it can be neither found nor built.
pub(super) fn nextest(bench: &Workbench) -> Result<PathBuf> {
    let tools = bench.target().join("tools");
    let built = tools.join("bin/cargo-nextest");
    for candidate in [PathBuf::from("cargo-nextest"), built.clone()] {
        if is_usable_nextest(bench, &candidate) {
            return Ok(candidate);
        }
    }
    println!("cargo-nextest is not there; building {NEXTEST_VERSION} under target/tools.");
    // Unoptimised, because the runner waits for tests rather than computing.
    let mut install = bench.cargo();
    install
        .args(["install", "cargo-nextest", "--locked", "--debug", "--version", NEXTEST_VERSION, "--root"])
        .arg(&tools)
        .arg("--target-dir")
        .arg(tools.join("build"));
    if process::shown(&mut install)? && is_usable_nextest(bench, &built) {
        return Ok(built);
    }
    bail!("cargo-nextest {NEXTEST_VERSION} could not be built")
}

fn is_usable_nextest(bench: &Workbench, program: &Path) -> bool {
    let output = bench.command(program).args(["nextest", "--version"]).output();
    output.is_ok_and(|output| {
        output.status.success()
            && version(&String::from_utf8_lossy(&output.stdout)).is_some_and(|found| found >= NEXTEST_MINIMUM)
    })
}

/// The three numbers of the first word that looks like a version.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.splitn(3, '.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) => Some((major, minor, patch)),
            _ => None,
        }
    })
}

/// Makes sure that something is there, if need be by installing its packages.
///
/// # Errors
/// The reason why it is not, in words.
pub(super) fn installed(bench: &Workbench, wanted: &Packaged) -> Result<(), String> {
    let is_there = |probe: &[&str]| process::quiet(bench.command(probe[0]).args(&probe[1..]));
    if is_there(wanted.probe) {
        return Ok(());
    }
    let names = wanted.packages.join(" and ");
    if !bench.host.is_root {
        return Err(format!("{names} not installed, and this is not root"));
    }
    if !is_there(&["apt-get", "--version"]) {
        return Err(format!("{names} not installed, and there is no apt-get"));
    }
    let apt = |arguments: &[&str], packages: &[&str]| {
        let mut command = bench.command("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments).args(packages);
        process::shown(&mut command).unwrap_or(false)
    };
    let install = ["install", "--yes", "--no-install-recommends"];
    // The lists of packages may be too old or not there at all.
    let is_installed =
        apt(&install, wanted.packages) || (apt(&["update"], &[]) && apt(&install, wanted.packages));
    if !is_installed {
        return Err(format!("apt-get could not install {names}"));
    }
    if is_there(wanted.probe) {
        Ok(())
    } else {
        Err(format!("{names} installed, but {} fails", wanted.probe.join(" ")))
    }
}

fn shown(path: &Path, bench: &Workbench) -> String {
    path.strip_prefix(&bench.root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_what_nextest_prints() {
        assert_eq!(
            version("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143"),
            Some((0, 9, 143))
        );
        assert_eq!(version("cargo-nextest"), None);
        assert!(version("cargo-nextest 0.9.9") < Some(NEXTEST_MINIMUM));
    }
}
