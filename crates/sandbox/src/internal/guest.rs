//! The first process of a guest, from the fork that makes it until it becomes the guest's init.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{Gid, Uid, execve, setgroups, sethostname, setresgid, setresuid, setsid};

use crate::driver::{GUEST_PATH, Spec};

use super::rootfs::TOOLBOX_PATH;
use super::syscalls::{self, c_string};
use super::{Failure, Step, lockdown};

/// What the first process has from the monitor.
pub(super) struct FirstProcess<'a> {
    pub(super) spec: &'a Spec,
    /// Gives one byte when everything around the guest is ready.
    pub(super) go: PipeReader,
    /// Takes the reason when it cannot become init; closed without a word by becoming it.
    pub(super) failure: PipeWriter,
    /// Given to init: a byte lets it go on.
    pub(super) release: OwnedFd,
    /// Given to init: takes its reports.
    pub(super) status: OwnedFd,
}

impl FirstProcess<'_> {
    /// Becomes init, or ends.
    pub(super) fn run(mut self) -> ! {
        if self.go.read_exact(&mut [0]).is_ok() {
            let Err(failure) = self.become_init();
            let _ = self.failure.write_all(format!("{}\n{}", failure.step, failure.problem).as_bytes());
        }
        syscalls::exit_now(1)
    }

    fn become_init(&self) -> Result<std::convert::Infallible, Failure> {
        let root = (Uid::from_raw(0), Gid::from_raw(0));
        become_user(root.0, root.1)?;
        // After the change of user, which would undo it.
        syscalls::die_with_parent().step("tie the guest to its monitor")?;
        unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWCGROUP).step("make the mount namespace")?;
        sethostname(&self.spec.hostname).step("set the host name")?;
        setsid().step("make a session")?;
        let console =
            File::options().read(true).write(true).open("/dev/console").step("open /dev/console")?;
        syscalls::take_terminal(&console).step("take /dev/console as terminal")?;
        pass_descriptors(
            [console.as_fd(), console.as_fd(), console.as_fd(), self.release.as_fd(), self.status.as_fd()],
            self.failure.as_raw_fd(),
        )?;
        lockdown::apply()?;
        // What init handles stays blocked until it does, so that nothing sent since the start is lost.
        let handled: SigSet = toolbox::init::HANDLED_SIGNALS.into_iter().collect();
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&handled), None).step("set the signal mask")?;
        let environment = init_environment(self.spec);
        execve(&c_string(TOOLBOX_PATH), &[c_string("init")], &environment).step("start init")
    }
}

/// Becomes a user of the guest's user namespace, without other groups.
pub(super) fn become_user(user: Uid, group: Gid) -> Result<(), Failure> {
    let step = "become the guest's root";
    setgroups(&[]).step(step)?;
    setresgid(group, group, group).step(step)?;
    setresuid(user, user, user).step(step)
}

/// The environment of everything in a guest.
pub(super) fn base_environment() -> BTreeMap<String, String> {
    [("PATH", GUEST_PATH), ("HOME", "/root"), ("USER", "root"), ("LOGNAME", "root"), ("LANG", "C.UTF-8")]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// As `execve` takes it.
pub(super) fn to_c_strings(environment: &BTreeMap<String, String>) -> Vec<CString> {
    environment.iter().map(|(name, value)| c_string(&format!("{name}={value}"))).collect()
}

fn init_environment(spec: &Spec) -> Vec<CString> {
    let mut environment = base_environment();
    environment.extend(spec.environment.clone());
    environment.insert(toolbox::init::RELEASE_FD_VARIABLE.to_owned(), "3".to_owned());
    environment.insert(toolbox::init::STATUS_FD_VARIABLE.to_owned(), "4".to_owned());
    environment.insert(toolbox::init::INSTANCE_VARIABLE.to_owned(), spec.instance_id.to_string());
    environment.insert(toolbox::init::INTERFACES_VARIABLE.to_owned(), spec.interfaces.join(","));
    to_c_strings(&environment)
}

/// Makes the descriptors numbers 0, 1, 2, ... and lets exec close all others. `keep_until_exec` is one of the others.
fn pass_descriptors<const N: usize>(
    descriptors: [BorrowedFd<'_>; N],
    keep_until_exec: i32,
) -> Result<(), Failure> {
    let step = "pass descriptors to init";
    // Above all targets first, so that none is overwritten before it is placed.
    let mut parked = Vec::new();
    for descriptor in descriptors {
        parked.push(rustix::io::fcntl_dupfd_cloexec(descriptor, 64).step(step)?);
    }
    if usize::try_from(keep_until_exec).is_ok_and(|number| number < N) {
        return Err(Failure {
            step: step.to_owned(),
            problem: "the report pipe has a reserved number".to_owned(),
        });
    }
    for (number, descriptor) in parked.iter().enumerate() {
        syscalls::place(descriptor, number as i32).step(step)?;
    }
    syscalls::close_on_exec_from(N as i32).step(step)
}
