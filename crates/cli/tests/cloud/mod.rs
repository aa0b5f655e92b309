//! Clouds of a test's own: a network namespace as their workstation, data in a temporary directory, driven by the real
//! binary, and a look at the host for what they left.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../src/client.rs"]
pub(crate) mod client;
pub mod guest;
mod leftovers;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use host_net::{Netlink, NetworkNamespace};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) use client::{Client, Xml};
use leftovers::Leftovers;

/// How long anything that is waited for may take, on a machine with other things to do.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How packets are carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By the eBPF flow cache, and by user space where it misses.
    FastPath,
    /// By user space alone.
    SlowPath,
}

pub const BOTH_MODES: [Mode; 2] = [Mode::FastPath, Mode::SlowPath];

/// Says why a test, or a part of it, does not run here; where all must run, fails instead.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "this host cannot run the test: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// Runs a test on a workstation of its own, if the host can.
pub fn on_a_workstation(test: impl FnOnce() + Send) {
    if !nix::unistd::geteuid().is_root() {
        return skip("a cloud needs root");
    }
    let workstation = match NetworkNamespace::create_unpinned() {
        Ok(namespace) => namespace,
        Err(error) => return skip(&error.to_string()),
    };
    Netlink::open(&workstation).unwrap().set_up(1, true).unwrap();
    workstation.run(test).unwrap();
}

/// A data directory, and whatever runs from it.
pub struct Cloud {
    pub directory: TempDir,
    pub mode: Mode,
    /// Whether every command gets mounts of its own, as `ip netns exec` gives it.
    pub has_own_mounts: bool,
    before: Leftovers,
    client: Option<Client>,
    is_gone: bool,
}

impl Cloud {
    /// A data directory from which nothing runs yet.
    pub fn down(mode: Mode) -> Self {
        let directory = tempfile::Builder::new().prefix("brume-test-").tempdir().unwrap();
        let before = Leftovers::of_workstation();
        Self { directory, mode, has_own_mounts: false, before, client: None, is_gone: false }
    }

    /// A running cloud.
    pub fn up(mode: Mode) -> Self {
        let mut cloud = Self::down(mode);
        cloud.start(&[]);
        cloud
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The name of the cloud's run directory. See `DataDir::run_dir`.
    pub fn run_dir(&self) -> PathBuf {
        node::DataDir::open(self.path()).unwrap().run_dir().path().to_owned()
    }

    /// `brume COMMAND ARGUMENTS --data-dir DIR`, not started yet.
    pub fn command(&self, command: &str, arguments: &[&str]) -> Command {
        let mut brume = if self.has_own_mounts {
            let mut unshare = Command::new("unshare");
            unshare.args(["--mount", "--propagation", "slave"]).arg(env!("CARGO_BIN_EXE_brume"));
            without_settings(unshare)
        } else {
            brume()
        };
        if self.mode == Mode::SlowPath {
            brume.env("BRUME_NO_EBPF", "1");
        }
        brume.arg(command).arg("--data-dir").arg(self.path()).args(arguments);
        brume
    }

    /// Runs a command to its end.
    pub fn run(&self, command: &str, arguments: &[&str]) -> Finished {
        Finished::new(self.command(command, arguments).stdin(Stdio::null()).output().unwrap())
    }

    /// Starts the cloud in the background.
    pub fn start(&mut self, arguments: &[&str]) {
        self.before = Leftovers::of_workstation();
        // A start that was cut off may have made it.
        self.before.forget_device_of(&self.run_dir());
        self.restart(arguments);
    }

    /// Starts a daemon on what an earlier one left.
    pub fn restart(&mut self, arguments: &[&str]) {
        let mut all = vec!["--detach"];
        all.extend(arguments);
        let up = self.run("up", &all);
        assert_eq!(up.code, 0, "{up:?}\n{}", self.log());
        self.connect();
    }

    /// Reads how to reach the cloud, which somebody has started.
    pub fn connect(&mut self) {
        let data_dir = node::DataDir::open(self.path()).unwrap();
        self.client = Some(Client::from_environment(&node::read_profile(&data_dir).unwrap()).unwrap());
        let sandboxes = node::sandboxes(&data_dir, env!("CARGO_BIN_EXE_brume").into()).unwrap();
        self.before.control_group = Some(sandboxes.cgroup_name().to_owned());
    }

    pub(crate) fn client(&self) -> &Client {
        self.client.as_ref().expect("the cloud was started")
    }

    /// What `brume status --json` says.
    pub fn status(&self) -> Value {
        let status = self.run("status", &["--json"]);
        assert_eq!(status.code, 0, "{status:?}");
        serde_json::from_str(&status.stdout).unwrap()
    }

    pub fn daemon_pid(&self) -> i32 {
        self.status()["daemon"]["pid"].as_i64().unwrap().try_into().unwrap()
    }

    /// Ends the daemon as a crash would.
    pub fn kill_daemon(&self) {
        let pid = nix::unistd::Pid::from_raw(self.daemon_pid());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        eventually("the killed daemon is gone", || self.run("status", &[]).code == 3);
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("brume.log")).unwrap_or_default()
    }

    /// The EC2 action's answer; it must succeed.
    pub(crate) fn ec2(&self, action: &str, parameters: &[(&str, &str)]) -> Xml {
        self.client().ec2(action, parameters).unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// Takes the cloud down with its data, and looks for anything that is left.
    pub fn finish(mut self) {
        let run_dir = self.run_dir();
        let down = self.run("down", &["--delete"]);
        self.is_gone = down.code == 0;
        assert_eq!(down.code, 0, "{down:?}");
        assert!(!self.path().exists(), "the data directory is left");
        self.before.assert_settled(self.path(), &run_dir);
    }

    /// Takes the cloud down, and looks for anything but its data.
    pub fn take_down(&self) {
        let down = self.run("down", &[]);
        assert_eq!(down.code, 0, "{down:?}");
        assert!(self.path().join("store").is_dir(), "the data is gone");
        self.before.assert_settled(self.path(), &self.run_dir());
    }

    /// Looks whether the host is as it was before the cloud was started.
    pub fn assert_nothing_on_host(&self) {
        self.before.assert_settled(self.path(), &self.run_dir());
    }
}

/// A test that fails says what the daemon said, and leaves nothing running.
impl Drop for Cloud {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().filter(|line| !line.contains("INFO brume::access")).collect();
            eprintln!("-- the daemon's log ends:\n{}", lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        let down = self.run("down", &["--delete"]);
        if down.code != 0 {
            eprintln!("{down:?}");
        }
    }
}

/// How a command ended and what it printed.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// The binary, without this process's settings for it.
pub fn brume() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_brume")))
}

fn without_settings(mut command: Command) -> Command {
    for name in ["BRUME_DATA_DIR", "BRUME_ROOT_KEY", "BRUME_NO_EBPF", "BRUME_LOG"] {
        command.env_remove(name);
    }
    command
}

/// Starts a command with these bytes as its input.
pub fn with_input(mut command: Command, input: &[u8]) -> Finished {
    let mut child: Child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    Finished::new(child.wait_with_output().unwrap())
}

/// Waits until a condition holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
