//! A cloud in a temporary directory, with guests that run the `guest` example.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_types::{InstanceId, ResourceId};
use sandbox::{
    CaptureLimits, Config, Driver, Exec, ExecStatus, Readiness, Running, SandboxError, Spec, Userland,
};

/// Sandboxes of one test. Whatever still runs is destroyed with it.
pub struct Cloud {
    pub driver: Userland,
    pub directory: tempfile::TempDir,
}

/// What a command in a guest did.
#[derive(Debug)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// Says why a test does not run here; where all must run, fails instead.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "this host cannot run the test: {reason}");
    eprintln!("SKIPPED: {reason}");
}

impl Cloud {
    /// `None`: this host cannot run sandboxes, which has been said.
    pub fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            skip("sandboxes need root");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let driver = Userland::new(config(directory.path())).unwrap();
        Some(Self { driver, directory })
    }

    pub fn boot(&self, spec: &Spec) -> Running {
        let running = self.start(spec).unwrap();
        let ready = self.driver.wait_ready(&running, Duration::from_secs(20)).unwrap();
        assert_eq!(ready, Readiness::Ready, "{}", self.console_of(spec.instance_id));
        running
    }

    pub fn start(&self, spec: &Spec) -> Result<Running, SandboxError> {
        let running = self.driver.start(spec)?;
        self.driver.release(&running)?;
        Ok(running)
    }

    pub fn run(&self, running: &Running, script: &str) -> Output {
        let exec = Exec::new(["/bin/sh", "-c", script]);
        let limits = CaptureLimits {
            timeout: Some(Duration::from_secs(30)),
            stdout_bytes: 1 << 20,
            stderr_bytes: 1 << 20,
        };
        let captured = self.driver.exec(running, &exec).unwrap().capture(limits).unwrap();
        assert!(!captured.timed_out, "{script} takes too long");
        let ExecStatus::Exited(code) = captured.status else { panic!("the helper of {script} was killed") };
        Output {
            stdout: String::from_utf8_lossy(&captured.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&captured.stderr).into_owned(),
            code,
        }
    }

    pub fn console(&self, number: u32) -> String {
        self.console_of(id(number))
    }

    pub fn console_of(&self, instance_id: InstanceId) -> String {
        String::from_utf8_lossy(&self.driver.console_output(instance_id).unwrap()).into_owned()
    }

    pub fn run_dir(&self) -> PathBuf {
        self.directory.path().join("run")
    }

    pub fn state_dir(&self) -> PathBuf {
        self.directory.path().join("state")
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        for instance_id in self.driver.list().unwrap_or_default() {
            if let Err(error) = self.driver.destroy(instance_id) {
                eprintln!("{instance_id}: {error}");
            }
        }
    }
}

pub fn config(directory: &Path) -> Config {
    Config {
        run_dir: directory.join("run"),
        state_dir: directory.join("state"),
        toolbox_binary: guest_binary(),
        authority: None,
    }
}

/// The example, which cargo builds with the tests, beside their directory.
pub fn guest_binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().and_then(Path::parent).unwrap().join("examples/guest");
    // Cargo builds it when it builds all targets of the crate, but not for `--test NAME` alone.
    assert!(binary.exists(), "{} is missing: cargo build -p sandbox --examples", binary.display());
    binary
}

pub fn id(number: u32) -> InstanceId {
    InstanceId::from_bits(number.into())
}

/// An instance without interfaces.
pub fn spec(number: u32) -> Spec {
    Spec {
        instance_id: id(number),
        hostname: format!("instance-{number}"),
        machine_id: None,
        user_data: None,
        vcpus: 1,
        memory_bytes: 512 << 20,
        interfaces: Vec::new(),
        environment: BTreeMap::new(),
    }
}

/// Waits until a condition holds.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..400 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("not in time: {what}");
}
