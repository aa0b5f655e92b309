//! What needs root, and how to get it.

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

/// Returns when the process is root; otherwise runs the same command again under sudo, after saying so.
///
/// # Errors
/// When sudo is missing or could not be started, with what to do instead.
pub(crate) fn require(what: &str) -> anyhow::Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    let executable = std::env::current_exe().context("cannot find my own executable")?;
    let has_sudo = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join("sudo").is_file()));
    if !has_sudo {
        bail!(
            "{what} needs root (network namespaces, interfaces, cgroups), and there is no sudo here: run it as root"
        );
    }
    eprintln!(
        "brume: {what} needs root (network namespaces, interfaces, cgroups); running it again under sudo"
    );
    // Without one named, the cloud is the caller's own and not root's.
    let data_dir = std::env::var_os("BRUME_DATA_DIR").unwrap_or_else(|| node::default_data_dir().into());
    let error = std::process::Command::new("sudo")
        .env("BRUME_DATA_DIR", data_dir)
        .arg("--preserve-env=BRUME_DATA_DIR,BRUME_ROOT_KEY,BRUME_NO_EBPF,BRUME_LOG,NO_COLOR")
        .arg("--")
        .arg(executable)
        .args(std::env::args_os().skip(1))
        .exec();
    Err(error).context("sudo could not be started; run the command as root")
}

/// Like [`require`], but only where the caller may not look into the directory: it is made by root, for root alone.
///
/// # Errors
/// As [`require`].
pub(crate) fn require_to_read(what: &str, directory: &Path) -> anyhow::Result<()> {
    let is_hidden = |error: std::io::Error| error.kind() == std::io::ErrorKind::PermissionDenied;
    if std::fs::read_dir(directory).is_err_and(is_hidden) { require(what) } else { Ok(()) }
}
