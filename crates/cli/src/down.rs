//! `brume down`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use node::{DaemonState, DataDir, RunDir};

use crate::args::DownOptions;
use crate::{mounts, root};

/// How long a daemon may take to end by itself.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// Ends the daemon, removes the cloud's host state and, when asked, its data.
pub(crate) fn run(options: &DownOptions) -> anyhow::Result<ExitCode> {
    root::require("`brume down`")?;
    let path = options.data_dir.resolve();
    mounts::enter_hosts(&path)?;
    let cloud = DataDir::open(&path)
        .ok()
        .filter(|data_dir| data_dir.store().is_dir() || data_dir.run_dir().path().exists());
    let Some(data_dir) = cloud else {
        println!("No cloud in {}: nothing to do.", path.display());
        return Ok(ExitCode::SUCCESS);
    };
    take_down(&data_dir)?;
    if options.delete {
        let is_gone = data_dir.delete().with_context(|| format!("cannot delete {}", path.display()))?;
        if !is_gone {
            println!("{} stays: it has files that are not the cloud's.", path.display());
        }
        println!("The cloud in {} is down, and its data is deleted.", path.display());
    } else {
        println!("The cloud in {} is down; its data stays. `brume up` starts it again.", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends the daemon and removes everything of the cloud from the host.
pub(crate) fn take_down(data_dir: &DataDir) -> anyhow::Result<()> {
    end_daemon(&data_dir.run_dir())?;
    node::remove_host_state(data_dir).context("some of the cloud's host state could not be removed")?;
    Ok(())
}

fn end_daemon(run_dir: &RunDir) -> anyhow::Result<()> {
    let Some(state) = DaemonState::read_running(run_dir) else { return Ok(()) };
    let pid = Pid::from_raw(state.pid);
    kill(pid, Signal::SIGTERM).with_context(|| format!("cannot end the daemon, process {pid}"))?;
    if wait_for_end(run_dir) {
        return Ok(());
    }
    eprintln!("brume: the daemon, process {pid}, did not end in {} s; killing it", END_TIMEOUT.as_secs());
    kill(pid, Signal::SIGKILL).with_context(|| format!("cannot kill the daemon, process {pid}"))?;
    if wait_for_end(run_dir) { Ok(()) } else { bail!("the daemon, process {pid}, cannot be killed") }
}

fn wait_for_end(run_dir: &RunDir) -> bool {
    let deadline = Instant::now() + END_TIMEOUT;
    while DaemonState::read_running(run_dir).is_some() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}
