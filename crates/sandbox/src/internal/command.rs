//! The helper of a command: enters the guest, starts the command there, ends as it ends.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::PollTimeout;
use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, killpg, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, execve, pipe2, setsid};

use crate::cgroup;
use crate::exec::SETUP_FAILED;
use crate::process::{poll_timeout, readable};

use super::guest::{base_environment, become_user, to_c_strings};
use super::syscalls::{self, Side, c_string};
use super::terminal::{GuestTerminal, RawMode};
use super::{ExecRequest, Failure, Step, lockdown};

/// What shells answer for a program that is not there, and for one that cannot be executed.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;

/// All namespaces of a guest.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWUSER
    .union(CloneFlags::CLONE_NEWNS)
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWNET)
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC)
    .union(CloneFlags::CLONE_NEWCGROUP);

/// Signals that a caller's terminal or shell sends to the helper and that are meant for the command.
const FORWARDED: [Signal; 5] =
    [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGUSR2];

/// How long a command whose caller has gone has to end on SIGHUP before SIGKILL.
const HANGUP_GRACE: Duration = Duration::from_secs(5);

/// Entry point; the argument is the number of the descriptor that holds the request.
pub(super) fn main(descriptor: Option<OsString>) -> ExitCode {
    match read_request(descriptor).and_then(|request| run(&request)) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(Failure { step, problem }) => {
            eprintln!("brume: {step}: {problem}");
            ExitCode::from(SETUP_FAILED as u8)
        }
    }
}

fn read_request(descriptor: Option<OsString>) -> Result<ExecRequest, Failure> {
    let step = "read the request";
    let number = descriptor.and_then(|text| text.to_str()?.parse().ok()).ok_or("no descriptor").step(step)?;
    let file = File::from(syscalls::adopt_fd(number).step(step)?);
    serde_json::from_reader(file).step(step)
}

fn run(request: &ExecRequest) -> Result<i32, Failure> {
    let signals = block_signals()?;
    let pidfd = request
        .running
        .init
        .pidfd()
        .ok_or("it is not running")
        .step(request.running.instance_id.to_string())?;
    // A caller that has ended already waits for nothing.
    let caller = match &request.caller {
        Some(caller) => Some(caller.pidfd().ok_or("it has ended").step("watch the caller")?),
        None => None,
    };
    // Nothing in the guest may look into this process once it is in the guest's user namespace.
    nix::sys::prctl::set_dumpable(false).step("hide the helper")?;
    cgroup::enter(&request.cgroups, std::process::id() as i32).step("enter the control groups")?;
    lockdown::go_first_when_memory_runs_out(std::process::id() as i32);
    setns(&pidfd, NAMESPACES).step("enter the guest")?;
    become_user(Uid::from_raw(0), Gid::from_raw(0))?;
    let wants_terminal =
        request.caller.is_some() && std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut terminal = None;
    let mut guest_end = None;
    if wants_terminal {
        let (ours, theirs) = GuestTerminal::open().step("open a terminal in the guest")?;
        terminal = Some(ours);
        guest_end = Some(theirs);
    }
    let (session, announced) = pipe2(OFlag::O_CLOEXEC).step("make a pipe")?;
    match syscalls::fork().step("start the command")? {
        Side::Child => {
            let failure = match become_command(request, guest_end, announced) {
                Ok(never) => match never {},
                Err(failure) => failure,
            };
            eprintln!("brume: {}: {}", failure.step, failure.problem);
            syscalls::exit_now(SETUP_FAILED)
        }
        Side::Parent(child) => {
            drop(guest_end);
            drop(announced);
            let raw = if terminal.is_some() { RawMode::enter().ok() } else { None };
            let mut helper =
                Helper { child, signals, terminal, caller, caller_has_gone: false, kill_at: None };
            let code = helper.watch();
            if helper.caller_has_gone {
                hang_up_session(session);
            }
            drop(raw);
            Ok(code)
        }
    }
}

fn block_signals() -> Result<SignalFd, Failure> {
    let mut wanted = SigSet::empty();
    for signal in FORWARDED {
        wanted.add(signal);
    }
    for signal in [Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGWINCH] {
        wanted.add(signal);
    }
    wanted.thread_block().step("block signals")?;
    SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).step("block signals")
}

fn become_command(
    request: &ExecRequest,
    terminal: Option<OwnedFd>,
    announced: OwnedFd,
) -> Result<std::convert::Infallible, Failure> {
    syscalls::die_with_parent().step("tie the command to its helper")?;
    let session = setsid().step("make a session")?;
    File::from(announced).write_all(&session.as_raw().to_ne_bytes()).step("tell the session")?;
    if let Some(terminal) = terminal {
        syscalls::take_terminal(&terminal).step("take the terminal")?;
        for number in 0..=2 {
            syscalls::place(&terminal, number).step("take the terminal")?;
        }
    }
    if std::env::set_current_dir(&request.working_directory).is_err() {
        std::env::set_current_dir("/").step("enter the working directory")?;
    }
    lockdown::apply()?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None).step("unblock signals")?;
    syscalls::close_on_exec_from(3).step("close descriptors")?;

    let mut environment = base_environment();
    environment.extend(guest_environment());
    if request.caller.is_some() {
        environment.insert("TERM".to_owned(), std::env::var("TERM").unwrap_or_else(|_| "linux".to_owned()));
    }
    environment.extend(request.environment.iter().cloned());
    let path = environment.get("PATH").cloned().unwrap_or_default();
    let environment = to_c_strings(&environment);
    let argv: Vec<_> = request.argv.iter().map(|argument| c_string(argument)).collect();
    let mut reason = Errno::ENOENT;
    for candidate in candidates(&request.argv[0], &path) {
        match execve(&c_string(&candidate), &argv, &environment) {
            Ok(never) => match never {},
            // As execvp: a directory without it is passed over, one that forbids it is remembered.
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(error) => reason = error,
        }
    }
    eprintln!("{}: {}", request.argv[0], reason.desc());
    syscalls::exit_now(if reason == Errno::ENOENT { NOT_FOUND } else { NOT_EXECUTABLE })
}

/// Where a program may be.
fn candidates(program: &str, path: &str) -> Vec<String> {
    if program.contains('/') {
        return vec![program.to_owned()];
    }
    path.split(':').map(|directory| format!("{directory}/{program}")).collect()
}

/// The variables that the guest has set for everything, `/etc/environment`.
fn guest_environment() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("/etc/environment").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| !name.is_empty() && !name.starts_with('#'))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// Tells what a command has left running in its session that its terminal is closed, as its shell does for its jobs.
///
/// A shell that is told while it starts a job may end without having noted it, and the kernel tells the group in the
/// foreground only. The job itself may have taken the signal as the shell that it was, just before it became a program. What
/// ignores the signal or has a session of its own goes on, as under any terminal.
fn hang_up_session(session: OwnedFd) {
    let mut number = [0; size_of::<libc::pid_t>()];
    // A command that could not be started has announced none, and left nothing.
    if File::from(session).read_exact(&mut number).is_err() {
        return;
    }
    // In a child, which is in the guest's namespace of processes: the helper is not, and knows other numbers.
    match syscalls::fork() {
        Ok(Side::Child) => {
            let _ = syscalls::die_with_parent();
            tell_members(libc::pid_t::from_ne_bytes(number), Instant::now() + HANGUP_GRACE);
            syscalls::exit_now(0)
        }
        // It is a process of the guest, whose root can stop it.
        Ok(Side::Parent(child)) => {
            let until = Instant::now() + HANGUP_GRACE;
            while matches!(waitpid(child, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive)) {
                if Instant::now() >= until {
                    let _ = kill(child, Signal::SIGKILL);
                    let _ = waitpid(child, None);
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        // Nobody is there to be told.
        Err(_) => {}
    }
}

/// Tells each process of a session once that its terminal is closed, and again when it has become another program that the
/// signal ends: until all have gone, or that time.
///
/// One that has stopped catching the signal since it was told is still the program that was told: it is about to end by
/// itself, and may have something to do first.
fn tell_members(session: libc::pid_t, until: Instant) {
    let mut told: BTreeMap<Member, Vec<u8>> = BTreeMap::new();
    loop {
        let members = members(session);
        if members.is_empty() || Instant::now() >= until {
            return;
        }
        let mut seen = BTreeMap::new();
        for member in members {
            // Before it is told: one that becomes another program in between is told again.
            let program = program(member.process);
            let is_due = match told.get(&member) {
                None => true,
                Some(before) => *before != program && is_ended_by_hangup(member.process),
            };
            if is_due {
                let _ = kill(member.process, Signal::SIGHUP);
                let _ = kill(member.process, Signal::SIGCONT);
            }
            seen.insert(member, program);
        }
        told = seen;
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What tells the program that a process runs from every other that it runs before or after: the kernel writes the auxiliary
/// vector anew with each `execve`, with addresses chosen at random in it, and nothing else changes it. It is empty until the
/// new program has its own dispositions of signals.
fn program(process: Pid) -> Vec<u8> {
    std::fs::read(format!("/proc/{process}/auxv")).unwrap_or_default()
}

/// Whether a process neither ignores nor catches SIGHUP.
fn is_ended_by_hangup(process: Pid) -> bool {
    let status = std::fs::read(format!("/proc/{process}/status")).unwrap_or_default();
    // The name in it may be anything.
    let status = String::from_utf8_lossy(&status);
    let has_hangup = |set: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(set))?;
        Some(u64::from_str_radix(mask.trim(), 16).ok()? & 1 << (Signal::SIGHUP as u32 - 1) != 0)
    };
    has_hangup("SigIgn:") == Some(false) && has_hangup("SigCgt:") == Some(false)
}

/// A process that is not mistaken for a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    process: Pid,
    /// When it began, in ticks of the kernel's clock.
    began: u64,
}

/// The processes of a session, as `/proc` has them.
fn members(session: libc::pid_t) -> Vec<Member> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|number: libc::pid_t| {
            // The name in it may be anything.
            let stat = std::fs::read(format!("/proc/{number}/stat")).ok()?;
            let (of, began) = session_and_beginning(&String::from_utf8_lossy(&stat))?;
            (of == session).then_some(Member { process: Pid::from_raw(number), began })
        })
        .collect()
}

/// The sixth and the 22nd field of `/proc/PID/stat`; the second is a name in parentheses that may have anything in it.
fn session_and_beginning(stat: &str) -> Option<(libc::pid_t, u64)> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let session = fields.nth(3)?.parse().ok()?;
    Some((session, fields.nth(15)?.parse().ok()?))
}

struct Helper {
    child: Pid,
    signals: SignalFd,
    terminal: Option<GuestTerminal>,
    /// Who waits for the command, until it has gone.
    caller: Option<OwnedFd>,
    /// Whether the caller has gone.
    caller_has_gone: bool,
    /// When the command is killed, which has been told that its caller has gone.
    kill_at: Option<Instant>,
}

/// What there is to do.
#[derive(Clone, Copy)]
struct Ready {
    /// The terminal has output to show, or was hung up.
    output: bool,
    /// The caller typed something.
    input: bool,
    /// The caller has ended.
    caller_gone: bool,
}

impl Helper {
    /// Until the command has ended; its exit code.
    fn watch(&mut self) -> i32 {
        loop {
            if let Some(code) = self.read_signals() {
                // What it wrote last is still in the terminal.
                while self.poll(PollTimeout::ZERO).output && self.show_output() {}
                return code;
            }
            let left = self.kill_at.map(|at| at.saturating_duration_since(Instant::now()));
            let ready = self.poll(left.map_or(PollTimeout::NONE, poll_timeout));
            if ready.output && !self.show_output() {
                // Hung up: only the signals are of interest now.
                self.terminal = None;
            }
            if ready.input
                && let Some(terminal) = &mut self.terminal
            {
                terminal.take_input();
            }
            if ready.caller_gone {
                self.hang_up();
            }
            if self.kill_at.is_some_and(|at| Instant::now() >= at) {
                self.kill_at = None;
                self.kill();
            }
        }
    }

    /// Nobody waits for the command any more: as when a terminal is closed, it is told so, and killed if it goes on.
    fn hang_up(&mut self) {
        self.caller = None;
        self.caller_has_gone = true;
        // Closing the terminal tells its foreground processes, of which a shell may have made a group of their own.
        self.terminal = None;
        let _ = killpg(self.child, Signal::SIGHUP);
        self.kill_at = Some(Instant::now() + HANGUP_GRACE);
    }

    fn kill(&self) {
        // The child itself too: it may not have made its group yet.
        let _ = killpg(self.child, Signal::SIGKILL);
        let _ = kill(self.child, Signal::SIGKILL);
    }

    fn show_output(&mut self) -> bool {
        self.terminal.as_mut().is_some_and(GuestTerminal::show_output)
    }

    /// Waits for a signal, for the terminal, or for the end of the caller.
    fn poll(&self, wait: PollTimeout) -> Ready {
        let stdin = std::io::stdin();
        let master = self.terminal.as_ref().map(GuestTerminal::master);
        let takes_input = self.terminal.as_ref().is_some_and(GuestTerminal::input_open);
        let [_, output, input, caller_gone] = readable(
            [
                Some(self.signals.as_fd()),
                master.as_ref().map(AsFd::as_fd),
                takes_input.then_some(stdin.as_fd()),
                self.caller.as_ref().map(AsFd::as_fd),
            ],
            wait,
        );
        Ready { output, input, caller_gone }
    }

    fn read_signals(&mut self) -> Option<i32> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            let Ok(signal) = Signal::try_from(info.ssi_signo as i32) else { continue };
            match signal {
                Signal::SIGCHLD => {}
                Signal::SIGTERM => self.kill(),
                Signal::SIGWINCH => {
                    if let Some(terminal) = &self.terminal {
                        terminal.follow_size();
                    }
                }
                other => {
                    let _ = killpg(self.child, other);
                }
            }
        }
        match waitpid(self.child, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(_, code)) => Some(code),
            Ok(WaitStatus::Signaled(_, signal, _)) => Some(128 + signal as i32),
            _ => None,
        }
    }
}
