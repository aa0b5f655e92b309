//! The monitor of a sandbox: makes the guest, keeps its console, writes down how it ends.
//!
//! It is the guest's only parent. It lives in the guest's mount tree, from where it can reach nothing of the host but
//! the two directories it holds open. If it dies, so does the guest.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::mount::{MsFlags, mount};
use nix::poll::PollTimeout;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::stat::Mode;
use nix::sys::termios::{self, SetArg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, mkfifo, setsid};

use crate::cgroup;
use crate::driver::{Exit, Running};
use crate::layout::{CONTROL_FIFO, DISK_FILE, RECORD_FILE, ROOT_DIR, USR_LOCAL_DIR};
use crate::process::{ProcessId, readable};
use crate::record::{self, DiskRecord, Phase, RunRecord};

use super::console::Console;
use super::guest::FirstProcess;
use super::mounts::{GuestNamespaces, Mounts};
use super::syscalls::{self, Side};
use super::{Failure, StartReply, StartRequest, Step, lockdown, rootfs, trust};

/// Namespaces that the guest's user namespace owns from the start; mount and cgroup namespaces follow once there is
/// something to see in them.
const NAMESPACES: CloneFlags = CloneFlags::CLONE_NEWUSER
    .union(CloneFlags::CLONE_NEWPID)
    .union(CloneFlags::CLONE_NEWNET)
    .union(CloneFlags::CLONE_NEWUTS)
    .union(CloneFlags::CLONE_NEWIPC);

/// Entry point: a request on standard input, a reply on standard output, then on its own.
pub(super) fn main() -> ExitCode {
    // What the starter inherited and did not mark, such as a lock, is not to be held for as long as the guest lives.
    if let Err(error) = syscalls::close_from(3) {
        eprintln!("cannot close what the starter had open: {error}");
    }
    let mut text = Vec::new();
    let request = std::io::stdin().read_to_end(&mut text).map_err(|error| error.to_string());
    let mut request: StartRequest =
        match request.and_then(|_| serde_json::from_slice(&text).map_err(|error| error.to_string())) {
            Ok(request) => request,
            Err(error) => {
                eprintln!("this is started by brume itself, with a request that it understands: {error}");
                return ExitCode::FAILURE;
            }
        };
    if request.authority.is_some() {
        trust::add_variables(&mut request.spec.environment);
    }
    // The starter waits for this process only; the monitor is nobody's child and outlives the starter.
    match syscalls::fork() {
        Ok(Side::Parent(_)) => ExitCode::SUCCESS,
        Ok(Side::Child) => {
            run(&request);
            syscalls::exit_now(0)
        }
        Err(error) => {
            reply(&StartReply::Failed { step: "start the monitor".to_owned(), problem: error.to_string() });
            ExitCode::FAILURE
        }
    }
}

fn run(request: &StartRequest) {
    match set_up(request) {
        Ok((mut monitor, degraded)) => {
            reply(&StartReply::Started { running: monitor.record.running, degraded });
            monitor.watch();
        }
        Err(Failure { step, problem }) => reply(&StartReply::Failed { step, problem }),
    }
}

/// Answers, and closes the way to the starter: it waits for that.
fn reply(reply: &StartReply) {
    let text = serde_json::to_vec(reply).unwrap_or_default();
    let mut stdout = std::io::stdout();
    // A starter that has died needs no answer.
    let _ = stdout.write_all(&text).and_then(|()| stdout.flush());
    if let Ok(null) = File::options().read(true).write(true).open("/dev/null") {
        let null = OwnedFd::from(null);
        for number in [0, 1] {
            let _ = syscalls::place(&null, number);
        }
    }
}

/// A guest's first process, killed when dropped: setting up can fail at any step. Its control groups are out of reach
/// by then; the starter removes them.
struct Child {
    pid: Option<Pid>,
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(pid) = self.pid {
            let _ = kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, None);
        }
    }
}

/// Ends of the pipes between monitor and first process that the monitor has.
struct Pipes {
    go: PipeWriter,
    failure: PipeReader,
    release: PipeWriter,
    status: PipeReader,
}

fn set_up(request: &StartRequest) -> Result<(Monitor, Vec<String>), Failure> {
    let spec = &request.spec;
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    setsid().step("make a session")?;
    let signals = block_signals()?;
    let run_dir = File::open(&request.run_dir).step("open the run directory")?;
    let state_dir = File::open(&request.state_dir).step("open the state directory")?;
    let control = open_control(&request.run_dir)?;
    make_disk(request)?;

    unshare(CloneFlags::CLONE_NEWNS).step("make a mount namespace")?;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).step("make mounts private")?;
    let (mut child, pid, mut pipes) = fork_guest(request)?;
    lockdown::go_first_when_memory_runs_out(pid.as_raw());
    let namespaces = map_ids(request, pid)?;
    let limits = cgroup::Limits { vcpus: spec.vcpus, memory_bytes: spec.memory_bytes };
    let mut made = cgroup::make(&request.cgroup, &spec.instance_id.to_string(), limits);
    made.enter(pid.as_raw());
    for limit in &made.unlimited {
        eprintln!("without a limit: {limit}");
    }
    let init = ProcessId::of_pid(pid.as_raw()).step("find the guest")?;
    let me = ProcessId::current().step("find the monitor")?;
    let boot_id = record::boot_id().step("read the boot id")?;
    let mounts = Mounts {
        state_dir: &request.state_dir,
        toolbox: &request.toolbox,
        ids: request.ids,
        memory_bytes: spec.memory_bytes,
        namespaces: &namespaces,
    };
    let mut mounted = mounts.make()?;
    plain_output(&mounted.console_guest_end).step("set up the console")?;

    pipes.go.write_all(b"g").step("start the guest")?;
    let mut failure = String::new();
    pipes.failure.read_to_string(&mut failure).step("start the guest")?;
    if !failure.is_empty() {
        let (step, problem) = failure.split_once('\n').unwrap_or(("start the guest", &failure));
        return Err(Failure { step: step.to_owned(), problem: problem.to_owned() });
    }
    let running = Running { instance_id: spec.instance_id, init, monitor: me };
    let monitor = Monitor {
        record: RunRecord { boot_id, running, phase: Phase::Held, cgroups: made.directories },
        run_dir: run_dir.into(),
        console: Console::open(state_dir.into()).step("open the console file")?,
        console_end: File::from(mounted.console),
        _console_guest_end: mounted.console_guest_end,
        control,
        signals,
        release: Some(pipes.release),
        status: pipes.status,
        init: pid,
    };
    monitor.write_record().step("write the record of the run")?;
    child.pid = None;
    mounted.degraded.extend(made.unlimited);
    Ok((monitor, mounted.degraded))
}

fn block_signals() -> Result<SignalFd, Failure> {
    let step = "block signals";
    SigSet::all().thread_block().step(step)?;
    let mut wanted = SigSet::empty();
    wanted.add(Signal::SIGCHLD);
    wanted.add(Signal::SIGTERM);
    SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).step(step)
}

fn open_control(run_dir: &Path) -> Result<File, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let step = "make the control pipe";
    let path = run_dir.join(CONTROL_FIFO);
    mkfifo(&path, Mode::from_bits_truncate(0o600)).step(step)?;
    // Open for writing as well, so that it never reads as closed.
    File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path).step(step)
}

fn make_disk(request: &StartRequest) -> Result<(), Failure> {
    let root = request.state_dir.join(ROOT_DIR);
    let usr_local = request.state_dir.join(USR_LOCAL_DIR);
    let disk = request.state_dir.join(DISK_FILE);
    // Disks of earlier versions have none.
    if !usr_local.exists() {
        rootfs::create_usr_local(&usr_local, request.ids)?;
    }
    if !disk.exists() {
        std::fs::create_dir(&root).step("create the root disk")?;
        rootfs::create(&root, &request.spec, request.ids)?;
    }
    rootfs::refresh(&root, &request.spec, request.ids)?;
    if let Some(authority) = &request.authority {
        trust::install(&root, &usr_local, authority, request.ids)?;
    }
    if !disk.exists() {
        record::write(&disk, &DiskRecord { ids: request.ids }).step("write the record of the disk")?;
    }
    Ok(())
}

fn fork_guest(request: &StartRequest) -> Result<(Child, Pid, Pipes), Failure> {
    let step = "make a pipe";
    let (go_reader, go) = std::io::pipe().step(step)?;
    let (failure, failure_writer) = std::io::pipe().step(step)?;
    let (release_reader, release) = std::io::pipe().step(step)?;
    let (status, status_writer) = std::io::pipe().step(step)?;
    match syscalls::fork_into_new(NAMESPACES).step("make the namespaces")? {
        Side::Child => {
            // The monitor's ends, held here too, would keep its death from being noticed.
            drop((go, failure, release, status));
            let first = FirstProcess {
                spec: &request.spec,
                go: go_reader,
                failure: failure_writer,
                release: release_reader.into(),
                status: status_writer.into(),
            };
            first.run()
        }
        Side::Parent(pid) => {
            let pipes = Pipes { go, failure, release, status };
            Ok((Child { pid: Some(pid) }, pid, pipes))
        }
    }
}

fn map_ids(request: &StartRequest, pid: Pid) -> Result<GuestNamespaces, Failure> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    for file in ["uid_map", "gid_map"] {
        std::fs::write(proc.join(file), request.ids.map_line()).step(format!("write {file}"))?;
    }
    let open =
        |name: &str| File::open(proc.join("ns").join(name)).map(OwnedFd::from).step("open the namespaces");
    Ok(GuestNamespaces { user: open("user")?, pid: open("pid")?, net: open("net")? })
}

/// Console output is kept as it was written, without the carriage returns of a real terminal.
fn plain_output(terminal: &OwnedFd) -> nix::Result<()> {
    let mut settings = termios::tcgetattr(terminal)?;
    settings.output_flags.remove(termios::OutputFlags::OPOST);
    settings.local_flags.remove(termios::LocalFlags::ECHO);
    termios::tcsetattr(terminal, SetArg::TCSANOW, &settings)
}

struct Monitor {
    record: RunRecord,
    run_dir: OwnedFd,
    console: Console,
    console_end: File,
    /// Held so that the console does not hang up when nobody in the guest has it open.
    _console_guest_end: OwnedFd,
    control: File,
    signals: SignalFd,
    release: Option<PipeWriter>,
    status: PipeReader,
    init: Pid,
}

impl Monitor {
    /// Until the guest has ended.
    fn watch(&mut self) {
        let mut status_open = true;
        loop {
            let [signals, console, control, status] = readable(
                [
                    Some(self.signals.as_fd()),
                    Some(self.console_end.as_fd()),
                    Some(self.control.as_fd()),
                    status_open.then_some(self.status.as_fd()),
                ],
                PollTimeout::NONE,
            );
            if console {
                self.read_console();
            }
            if control {
                self.read_control();
            }
            if status {
                status_open = self.read_status();
            }
            if signals && let Some(exit) = self.read_signals() {
                self.finish(exit);
                return;
            }
        }
    }

    fn write_record(&self) -> std::io::Result<()> {
        record::write_at(&self.run_dir, Path::new(RECORD_FILE), &self.record)
    }

    fn enter_phase(&mut self, phase: Phase) {
        self.record.phase = phase;
        if let Err(error) = self.write_record() {
            eprintln!("cannot write the record of the run: {error}");
        }
    }

    fn read_console(&mut self) {
        let mut buffer = [0; 16 * 1024];
        // One read per turn: a guest that floods its console must not keep the monitor from its other work.
        if let Ok(count) = self.console_end.read(&mut buffer) {
            self.console.append(&buffer[..count]);
        }
    }

    fn read_control(&mut self) {
        let mut buffer = [0; 64];
        let told = self.control.read(&mut buffer).is_ok_and(|count| buffer[..count].contains(&b'r'));
        if told && let Some(mut release) = self.release.take() {
            self.enter_phase(Phase::Released);
            // An init that has ended is told by its signal.
            let _ = release.write_all(b"r");
        }
    }

    /// `false`: there will be no more.
    fn read_status(&mut self) -> bool {
        let mut buffer = [0; 256];
        match self.status.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                if buffer[..count].contains(&toolbox::init::STATUS_READY)
                    && self.record.phase == Phase::Released
                {
                    self.enter_phase(Phase::Ready);
                }
                true
            }
            Err(error) => error.kind() == ErrorKind::Interrupted,
        }
    }

    fn read_signals(&mut self) -> Option<Exit> {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            // The host shuts down: so does the guest.
            if signal.ssi_signo == Signal::SIGTERM as u32 {
                let _ = kill(self.init, Signal::SIGPWR);
            }
        }
        match waitpid(self.init, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(_) => None,
            Ok(status) => Some(exit_of(status)),
        }
    }

    fn finish(&mut self, exit: Exit) {
        // What the guest wrote last is still in the terminal.
        let flags = rustix::fs::fcntl_getfl(&self.console_end).unwrap_or(rustix::fs::OFlags::empty());
        if rustix::fs::fcntl_setfl(&self.console_end, flags | rustix::fs::OFlags::NONBLOCK).is_ok() {
            let mut buffer = [0; 16 * 1024];
            while let Ok(count @ 1..) = self.console_end.read(&mut buffer) {
                self.console.append(&buffer[..count]);
            }
        }
        self.enter_phase(Phase::Exited(exit));
    }
}

/// `reboot(2)` in a PID namespace ends its init with a signal that tells which request it was (`reboot(2)`, "Behavior
/// inside PID namespaces").
fn exit_of(status: WaitStatus) -> Exit {
    match status {
        WaitStatus::Exited(_, 0) | WaitStatus::Signaled(_, Signal::SIGINT, _) => Exit::PoweredOff,
        WaitStatus::Signaled(_, Signal::SIGHUP, _) => Exit::RebootRequested,
        WaitStatus::Signaled(_, Signal::SIGKILL, _) => Exit::Killed,
        WaitStatus::Exited(_, code) => Exit::Crashed { reason: format!("init ended with code {code}") },
        other => Exit::Crashed { reason: format!("init ended: {other:?}") },
    }
}
