//! Which mount namespace the cloud's host state is in.
//!
//! Network namespaces and BPF maps are kept by mounts, and must be found again by every later command. A shell with mounts
//! of its own would take them with it: `ip netns exec`, which gives each command such a namespace, and services with private
//! directories.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::sched::{CloneFlags, setns};
use sandbox::ProcessId;

/// Under which the host state is.
const RUN: &str = "/run";

/// Moves this process into the host's mount namespace, unless it is there, or the data directory, this executable or `/run`
/// are something else there: then whoever made the namespace wants the cloud in it. Must be called while the process has one
/// thread.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn enter_hosts(data_dir: &Path) -> anyhow::Result<()> {
    let directory = std::env::current_dir().context("cannot find the working directory")?;
    let executable = std::env::current_exe().context("cannot find my own executable")?;
    let data_dir = directory.join(data_dir);
    let Some(host) = oldest_ancestor() else { return Ok(()) };
    let namespace = |process: &Path| identity(&process.join("ns/mnt"));
    let seen = [data_dir.as_path(), &executable, Path::new(RUN)];
    if namespace(&host) == namespace(Path::new("/proc/self"))
        || !seen.into_iter().all(|path| is_the_same(path, &host.join("root")))
    {
        return Ok(());
    }
    let file = File::open(host.join("ns/mnt")).context("cannot open the host's mount namespace")?;
    setns(file, CloneFlags::CLONE_NEWNS).context("cannot enter the host's mount namespace")?;
    // That has led to its root directory.
    std::env::set_current_dir(&directory)
        .with_context(|| format!("{} is not in the host's mount namespace", directory.display()))
}

/// The oldest process that this one descends from and whose namespaces may be looked at, as its directory in `/proc`: the
/// first of all, or where that is hidden the first that somebody has logged in with.
fn oldest_ancestor() -> Option<PathBuf> {
    let mut oldest = None;
    let mut process = nix::unistd::getppid().as_raw();
    while process > 0 {
        let directory = PathBuf::from(format!("/proc/{process}"));
        let parent = ProcessId::parent_of(process).ok()?;
        if identity(&directory.join("ns/mnt")).is_some() {
            oldest = Some(directory);
        }
        process = parent;
    }
    oldest
}

/// Whether a path, or the part of it that is there, is the same file under another root directory.
fn is_the_same(path: &Path, root: &Path) -> bool {
    let Some(here) = path.ancestors().find(|path| path.exists()) else { return false };
    let there = root.join(here.strip_prefix("/").unwrap_or(here));
    identity(here).is_some() && identity(here) == identity(&there)
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).map(|found| (found.dev(), found.ino())).ok()
}
