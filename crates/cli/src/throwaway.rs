//! A cloud for the length of one command: in a network namespace and a directory of its own, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use node::DataDir;

use crate::client::Client;
use crate::down;

/// How long anything that is waited for may take.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look.
const WAIT_POLL: Duration = Duration::from_millis(10);

/// The index of the loopback interface, the first device of every network namespace.
const LOOPBACK_INDEX: u32 = 1;

/// A running cloud that nobody else uses.
pub(crate) struct ThrowawayCloud {
    directory: tempfile::TempDir,
    /// A client with the cloud's root key.
    pub(crate) client: Client,
    /// The process id of its daemon.
    pub(crate) pid: i32,
}

/// Moves this process, and the clouds that it will start, into a network namespace of its own. That namespace is their
/// workstation, and ends with this process.
///
/// # Errors
/// When the kernel does not let it.
pub(crate) fn enter_own_network() -> anyhow::Result<()> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
    host_net::NetworkNamespace::current()
        .map_err(host_net::NetlinkError::from)
        .and_then(|namespace| host_net::Netlink::open(&namespace))
        .and_then(|netlink| netlink.set_up(LOOPBACK_INDEX, true))
        .context("cannot bring up the loopback interface of a network namespace")
}

impl ThrowawayCloud {
    /// Starts a cloud; call [`enter_own_network`] before.
    ///
    /// # Errors
    /// When it does not come up.
    pub(crate) fn start(no_ebpf: bool, extra: &[&str]) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("brume-").tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["up", "--detach", "--data-dir"])
            .arg(directory.path())
            .args(extra)
            .stdout(Stdio::null());
        if no_ebpf {
            command.arg("--no-ebpf");
        }
        if !command.status()?.success() {
            bail!("the cloud did not start");
        }
        let data_dir = DataDir::open(directory.path())?;
        let client = Client::from_environment(&node::read_profile(&data_dir)?)?;
        let daemon =
            node::DaemonState::read_running(&data_dir.run_dir()).context("the daemon is gone again")?;
        Ok(Self { directory, client, pid: daemon.pid })
    }

    /// Where it keeps its data.
    pub(crate) fn data_dir(&self) -> &Path {
        self.directory.path()
    }

    /// Leaves the data directory where it is, for a look at what went wrong.
    pub(crate) fn keep(mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_owned()
    }

    /// Removes all of it from the host.
    ///
    /// # Errors
    /// When something could not be removed.
    pub(crate) fn remove(self) -> anyhow::Result<()> {
        self.take_down()
    }

    fn take_down(&self) -> anyhow::Result<()> {
        down::take_down(&DataDir::open(self.directory.path())?)
    }
}

/// A cloud that is dropped on the way out of an error is taken down as well.
impl Drop for ThrowawayCloud {
    fn drop(&mut self) {
        if let Err(error) = self.take_down() {
            eprintln!("brume: cleaning up: {error:#}");
        }
    }
}

/// Looks again and again until it is so.
///
/// # Errors
/// When it is not so in time, or looking fails.
pub(crate) fn wait_for(what: &str, mut ready: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + WAIT_TIMEOUT;
    while !ready()? {
        if Instant::now() > deadline {
            bail!("waited {} s for {what}", WAIT_TIMEOUT.as_secs());
        }
        std::thread::sleep(WAIT_POLL);
    }
    Ok(())
}
