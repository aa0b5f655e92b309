//! A cloud for the length of one command: in a network namespace and a directory of its own, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use node::DataDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Client;
use crate::down;
use crate::scratch::Scratch;

/// How long anything that is waited for may take.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

/// How often to look.
const WAIT_POLL: Duration = Duration::from_millis(10);

/// The index of the loopback interface, the first device of every network namespace.
const LOOPBACK_INDEX: u32 = 1;

/// A running cloud that nobody else uses.
pub(crate) struct ThrowawayCloud {
    /// A client with the cloud's root key.
    pub(crate) client: Client,
    /// The process id of its daemon.
    pub(crate) pid: i32,
    guard: Guard,
}

/// What has to be taken down, however its command ends.
struct Guard {
    /// Until it is taken down.
    directory: Option<Scratch>,
    path: PathBuf,
}

/// Whether the user, or the system, asked the command to end.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on SIGINT, SIGTERM and SIGHUP do not end the process at once: whatever waits or asks the cloud for something
/// fails instead, and the cloud is taken down on the way out.
pub(crate) fn heed_signals() -> anyhow::Result<()> {
    static IS_HEEDING: AtomicBool = AtomicBool::new(false);
    if IS_HEEDING.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let (ready, is_ready) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let listen = || -> std::io::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut interrupt = signal(SignalKind::interrupt())?;
                let mut terminate = signal(SignalKind::terminate())?;
                let mut hangup = signal(SignalKind::hangup())?;
                let _ = ready.send(());
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                IS_INTERRUPTED.store(true, Ordering::Relaxed);
                eprintln!("\nbrume: interrupted; cleaning up");
                Ok(())
            })
        };
        if let Err(error) = listen() {
            eprintln!("brume: signals cannot be waited for: {error}");
        }
    })?;
    is_ready.recv().context("signals cannot be waited for")
}

/// Fails when the command was asked to end.
///
/// # Errors
/// Then.
pub(crate) fn check_interrupted() -> anyhow::Result<()> {
    if IS_INTERRUPTED.load(Ordering::Relaxed) { bail!("interrupted") } else { Ok(()) }
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
    /// Starts a cloud, in a directory that the user named or a temporary one, with further arguments of `brume up`; call
    /// [`enter_own_network`] before.
    ///
    /// # Errors
    /// When the directory is not for that, or the cloud does not come up.
    pub(crate) fn start(directory: Option<&Path>, arguments: &[&str]) -> anyhow::Result<Self> {
        heed_signals()?;
        let directory = Scratch::new(directory)?;
        let guard = Guard { path: directory.path().to_owned(), directory: Some(directory) };
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["up", "--detach", "--data-dir"]).arg(&guard.path).args(arguments).stdout(Stdio::null());
        if !command.status()?.success() {
            bail!("the cloud did not start");
        }
        let data_dir = DataDir::open(&guard.path)?;
        let client =
            Client::from_environment(&node::read_profile(&data_dir)?)?.asking_first(check_interrupted);
        let daemon =
            node::DaemonState::read_running(&data_dir.run_dir()).context("the daemon is gone again")?;
        Ok(Self { client, pid: daemon.pid, guard })
    }

    /// Where it keeps its data.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.guard.path
    }

    /// Takes it down, and leaves the data directory where it is for a look at what went wrong.
    pub(crate) fn keep(mut self) -> PathBuf {
        if let Some(directory) = &mut self.guard.directory {
            directory.keep();
        }
        self.guard.path.clone()
    }

    /// Removes all of it from the host.
    ///
    /// # Errors
    /// When something could not be removed.
    pub(crate) fn remove(mut self) -> anyhow::Result<()> {
        self.guard.take_down()
    }
}

impl Guard {
    fn take_down(&mut self) -> anyhow::Result<()> {
        let Some(mut directory) = self.directory.take() else { return Ok(()) };
        let down =
            DataDir::open(&self.path).map_err(anyhow::Error::from).and_then(|dir| down::take_down(&dir));
        if let Err(error) = down {
            // It takes the data directory to try again.
            directory.keep();
            let path = self.path.display();
            return Err(error
                .context(format!("a cloud is left; `brume down --delete --data-dir {path}` tries again")));
        }
        directory.remove()
    }
}

/// A cloud that is dropped on the way out of an error is taken down as well.
impl Drop for Guard {
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
        check_interrupted()?;
        if Instant::now() > deadline {
            bail!("waited {} s for {what}", WAIT_TIMEOUT.as_secs());
        }
        std::thread::sleep(WAIT_POLL);
    }
    Ok(())
}
