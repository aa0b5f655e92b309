//! The driver that boots instances on the host's own userland.
//!
//! Owns the life of a sandbox as its starter sees it. The work in the namespaces is done by `internal`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use aws_types::InstanceId;
use nix::sys::signal::Signal;
use rustix::fs::inotify;

use crate::cgroup;
use crate::driver::{CONSOLE_LIMIT_BYTES, Driver, Exec, Exit, Readiness, Running, Spec};
use crate::error::{SandboxError, ToolboxProblem};
use crate::exec::ExecChild;
use crate::idmap::{self, IdRange};
use crate::internal::{EXEC_ARGUMENT, ExecRequest, INIT_ARGUMENT, StartReply, StartRequest};
use crate::layout::{self, CONTROL_FIFO, Layout, MONITOR_LOG};
use crate::process::{ProcessId, wait_readable};
use crate::record::{self, DiskRecord, Phase, RunRecord};

/// How long the kernel may take to end what was killed.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// How often a guest that shuts down is looked at, and how long it still may.
const GRACE_POLL: Duration = Duration::from_millis(100);

/// How long a start that goes on without the daemon that began it may take.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How often to look whether it has ended.
const SETTLE_POLL: Duration = Duration::from_millis(5);

/// Where the sandboxes of one cloud live.
#[derive(Clone, Debug)]
pub struct Config {
    /// For what is of no use after the host restarts.
    pub run_dir: PathBuf,
    /// For root disks and consoles. Must be on a file system that overlayfs can write to for `/usr` to be writable.
    pub state_dir: PathBuf,
    /// The executable whose `main` calls [`crate::main_internal`] and the toolbox: `brume` itself.
    pub toolbox_binary: PathBuf,
    /// A file with the certificate of an authority that guests trust beside the host's; read when one is started.
    pub authority: Option<PathBuf>,
}

/// Containers from the host's own userland: namespaces, a root disk with a synthesised system around the host's
/// `/usr`, and nothing else of the host.
#[derive(Debug)]
pub struct Userland {
    layout: Layout,
    toolbox_binary: PathBuf,
    authority: Option<PathBuf>,
    cgroup: String,
    ids: Mutex<HashMap<InstanceId, IdRange>>,
    told: Mutex<HashSet<String>>,
}

impl Userland {
    /// A driver over the directories, which are made if they are not there. Takes note of the root disks in them.
    ///
    /// # Errors
    /// The directories cannot be made or read, or the executable is none.
    pub fn new(config: Config) -> Result<Self, SandboxError> {
        let absolute = |path: &Path| {
            fs::create_dir_all(path)
                .and_then(|()| fs::canonicalize(path))
                .map_err(|error| SandboxError::file("create", path, error))
        };
        let layout = Layout { run_dir: absolute(&config.run_dir)?, state_dir: absolute(&config.state_dir)? };
        let mut ids = HashMap::new();
        for instance_id in layout::instances_in(&layout.state_dir)
            .map_err(|error| SandboxError::file("read", &layout.state_dir, error))?
        {
            if let Some(disk) = read_disk(&layout, instance_id)? {
                ids.insert(instance_id, disk.ids);
            }
        }
        let toolbox_binary = check_toolbox(&config.toolbox_binary)?;
        let cgroup = cgroup_name(&layout.state_dir);
        let (ids, told, authority) = (Mutex::new(ids), Mutex::default(), config.authority);
        Ok(Self { layout, toolbox_binary, authority, cgroup, ids, told })
    }

    /// The name of this cloud's directory in the host's control groups, if the host has any.
    pub fn cgroup_name(&self) -> &str {
        &self.cgroup
    }

    fn record(&self, instance_id: InstanceId) -> Result<Option<RunRecord>, SandboxError> {
        record::read(&self.layout.record(instance_id))
    }

    /// The record of a run whose monitor is alive, whatever its phase.
    fn live_record(&self, instance_id: InstanceId) -> Result<Option<RunRecord>, SandboxError> {
        Ok(self.record_of_this_boot(instance_id)?.filter(|run| run.running.monitor.is_alive()))
    }

    fn record_of_this_boot(&self, instance_id: InstanceId) -> Result<Option<RunRecord>, SandboxError> {
        let Some(run) = self.record(instance_id)? else { return Ok(None) };
        let boot_id = record::boot_id()
            .map_err(|source| SandboxError::Process { action: "read the boot id", source })?;
        Ok((run.boot_id == boot_id).then_some(run))
    }

    fn reserve_ids(&self, instance_id: InstanceId) -> Result<IdRange, SandboxError> {
        let mut ids = lock(&self.ids);
        if let Some(range) = ids.get(&instance_id) {
            return Ok(*range);
        }
        let taken = ids.values().copied().collect();
        let range =
            idmap::pick(instance_id, &self.layout.state_dir, &taken).ok_or(SandboxError::NoFreeIds)?;
        ids.insert(instance_id, range);
        Ok(range)
    }

    /// Removes what a run that is over has left.
    fn clear_run(&self, instance_id: InstanceId) -> Result<(), SandboxError> {
        let run_dir = self.layout.run(instance_id);
        cgroup::remove(&self.cgroup, &instance_id.to_string())
            .map_err(|error| SandboxError::file("remove the control groups of", &run_dir, error))?;
        remove_tree(&run_dir)
    }

    /// Ends every guest, giving each `grace` to shut down, and removes all that the host has of them but their root
    /// disks and consoles.
    ///
    /// # Errors
    /// All that could not be ended or removed, together.
    pub fn clear_host(&self, grace: Duration) -> Result<(), SandboxError> {
        let end = |instance_id: InstanceId| -> Result<(), SandboxError> {
            self.settle(instance_id)?;
            if let Some(run) = self.live_record(instance_id)? {
                self.stop(&run.running, grace)?;
            }
            self.clear_run(instance_id)
        };
        let instances = self.list()?;
        // Waiting for a guest costs no processor, so all wait together.
        let ended: Vec<Result<(), SandboxError>> = std::thread::scope(|scope| {
            let threads: Vec<_> = instances.iter().map(|id| scope.spawn(|| end(*id))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("ending a guest returns its errors"))
                .collect()
        });
        let remains: Vec<SandboxError> = ended.into_iter().filter_map(Result::err).collect();
        if remains.is_empty() { Ok(()) } else { Err(SandboxError::Remains(remains)) }
    }

    /// Waits until no start of the instance is under way: one that a killed daemon had begun goes on without it, and must
    /// not have its directories taken away.
    fn settle(&self, instance_id: InstanceId) -> Result<(), SandboxError> {
        let log_path = self.layout.run(instance_id).join(MONITOR_LOG);
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        while self.live_record(instance_id)?.is_none() && has_monitor(&log_path)? {
            if Instant::now() > deadline {
                let problem = format!("it does not end within {} s", SETTLE_TIMEOUT.as_secs());
                return Err(SandboxError::setup("wait for an earlier start", problem));
            }
            std::thread::sleep(SETTLE_POLL);
        }
        Ok(())
    }

    fn try_start(&self, spec: &Spec) -> Result<Running, SandboxError> {
        let authority = self
            .authority
            .as_deref()
            .map(|path| fs::read_to_string(path).map_err(|error| SandboxError::file("read", path, error)));
        let request = StartRequest {
            spec: spec.clone(),
            authority: authority.transpose()?,
            ids: self.reserve_ids(spec.instance_id)?,
            run_dir: self.layout.run(spec.instance_id),
            state_dir: self.layout.state(spec.instance_id),
            toolbox: self.toolbox_binary.clone(),
            cgroup: self.cgroup.clone(),
        };
        create_private_dir(&request.run_dir)?;
        create_private_dir(&request.state_dir)?;
        match spawn_monitor(&request)? {
            StartReply::Started { running, degraded } => {
                self.tell_once(degraded);
                Ok(running)
            }
            StartReply::Failed { step, problem } => Err(SandboxError::Setup { step, problem }),
        }
    }

    fn tell_once(&self, degraded: Vec<String>) {
        for message in degraded {
            if lock(&self.told).insert(message.clone()) {
                tracing::warn!(limit = %message, "this host does not give guests everything");
            }
        }
    }

    fn end(&self, running: &Running, signal: Signal, patience: Duration) -> Result<bool, SandboxError> {
        let failed = |source| SandboxError::Process { action: "end the guest", source };
        running.init.signal(signal).map_err(failed)?;
        running.monitor.wait_ended(Some(patience)).map_err(failed)
    }

    fn exit_of(&self, running: &Running) -> Result<Exit, SandboxError> {
        let Some(run) = self.record(running.instance_id)?.filter(|run| run.running == *running) else {
            return Ok(Exit::Lost);
        };
        // What is left of it in the control groups is empty now; if it is not yet, `destroy` and `start` try again.
        let _ = cgroup::remove(&self.cgroup, &running.instance_id.to_string());
        Ok(match run.phase {
            Phase::Exited(exit) => exit,
            Phase::Held | Phase::Released | Phase::Ready => Exit::Lost,
        })
    }

    fn exec_command(
        &self,
        running: &Running,
        exec: &Exec,
        caller: Option<ProcessId>,
    ) -> Result<(Command, OwnedFd), SandboxError> {
        if exec.argv.is_empty() {
            return Err(SandboxError::Command("there is no program to run"));
        }
        if exec.argv.iter().any(|argument| argument.contains('\0')) {
            return Err(SandboxError::Command("an argument contains a zero byte"));
        }
        let run = self
            .live_record(running.instance_id)?
            .filter(|run| run.running == *running && running.init.is_alive())
            .ok_or(SandboxError::NotRunning(running.instance_id))?;
        let request = ExecRequest::new(*running, run.cgroups, exec, caller);
        let request = memory_file(&request)?;
        let mut command = Command::new(&self.toolbox_binary);
        command.arg(EXEC_ARGUMENT).arg(request.as_raw_fd().to_string());
        inherit(&mut command, &request);
        Ok((command, request))
    }
}

impl Driver for Userland {
    fn start(&self, spec: &Spec) -> Result<Running, SandboxError> {
        self.settle(spec.instance_id)?;
        if self.live_record(spec.instance_id)?.is_some() {
            return Err(SandboxError::AlreadyRunning(spec.instance_id));
        }
        self.clear_run(spec.instance_id)?;
        let had_disk = read_disk(&self.layout, spec.instance_id)?.is_some();
        if !had_disk {
            remove_tree(&self.layout.state(spec.instance_id))?;
        }
        self.try_start(spec).inspect_err(|_| {
            let mut remains = Vec::new();
            if let Err(error) = self.clear_run(spec.instance_id) {
                remains.push(error);
            }
            if !had_disk {
                if let Err(error) = remove_tree(&self.layout.state(spec.instance_id)) {
                    remains.push(error);
                }
                lock(&self.ids).remove(&spec.instance_id);
            }
            for error in remains {
                tracing::warn!(%error, "a failed start left something behind");
            }
        })
    }

    fn release(&self, running: &Running) -> Result<(), SandboxError> {
        let gone = || SandboxError::NotRunning(running.instance_id);
        let path = self.layout.run(running.instance_id).join(CONTROL_FIFO);
        // Without a reader, a pipe that is opened for writing without blocking says so.
        let opened = fs::OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path);
        let mut control = opened.map_err(|_| gone())?;
        control.write_all(b"r").map_err(|_| gone())
    }

    fn wait_ready(&self, running: &Running, timeout: Duration) -> Result<Readiness, SandboxError> {
        let deadline = Instant::now() + timeout;
        let run_dir = self.layout.run(running.instance_id);
        let failed = |error: rustix::io::Errno| SandboxError::file("watch", &run_dir, error.into());
        let watch =
            inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).map_err(failed)?;
        // Records are renamed into place. A directory that has gone is told by the record below.
        let _ = inotify::add_watch(
            &watch,
            &run_dir,
            inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::DELETE_SELF,
        );
        let mut events = [0; 4096];
        loop {
            match self.live_record(running.instance_id)? {
                Some(run) if run.running == *running => match run.phase {
                    Phase::Ready => return Ok(Readiness::Ready),
                    Phase::Exited(exit) => return Ok(Readiness::Exited(exit)),
                    Phase::Held | Phase::Released => {}
                },
                _ => return Ok(Readiness::Exited(self.exit_of(running)?)),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Readiness::TimedOut);
            }
            // A monitor that is killed writes nothing any more, so look from time to time.
            let _ = wait_readable(&watch, Some(left.min(Duration::from_millis(500))));
            while rustix::io::read(&watch, &mut events).is_ok_and(|count| count > 0) {}
        }
    }

    fn adopt(&self, instance_id: InstanceId) -> Result<Option<Running>, SandboxError> {
        let run = self.live_record(instance_id)?;
        Ok(run
            .filter(|run| !matches!(run.phase, Phase::Exited(_)) && run.running.init.is_alive())
            .map(|run| run.running))
    }

    fn last_exit(&self, instance_id: InstanceId) -> Result<Option<Exit>, SandboxError> {
        if self.adopt(instance_id)?.is_some() {
            return Ok(None);
        }
        Ok(self.record(instance_id)?.map(|run| match run.phase {
            Phase::Exited(exit) => exit,
            Phase::Held | Phase::Released | Phase::Ready => Exit::Lost,
        }))
    }

    fn list(&self) -> Result<Vec<InstanceId>, SandboxError> {
        let mut ids = Vec::new();
        for dir in [&self.layout.run_dir, &self.layout.state_dir] {
            let found = layout::instances_in(dir).map_err(|error| SandboxError::file("read", dir, error))?;
            ids.extend(found);
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn stop_within(&self, running: &Running, grace: &dyn Fn() -> Duration) -> Result<Exit, SandboxError> {
        let began = Instant::now();
        if self.end(running, Signal::SIGPWR, Duration::ZERO)? {
            return self.exit_of(running);
        }
        loop {
            let left = grace().saturating_sub(began.elapsed());
            if left.is_zero() {
                return self.kill(running);
            }
            if let Some(exit) = self.wait(running, Some(left.min(GRACE_POLL)))? {
                return Ok(exit);
            }
        }
    }

    fn reboot(&self, running: &Running) -> Result<(), SandboxError> {
        let sent = running
            .init
            .signal(Signal::SIGINT)
            .map_err(|source| SandboxError::Process { action: "reboot the guest", source })?;
        if sent { Ok(()) } else { Err(SandboxError::NotRunning(running.instance_id)) }
    }

    fn kill(&self, running: &Running) -> Result<Exit, SandboxError> {
        if !self.end(running, Signal::SIGKILL, KILL_PATIENCE)? {
            // The guest dies with its monitor; a monitor that hangs is of no use.
            let failed = |source| SandboxError::Process { action: "end the monitor", source };
            running.monitor.signal(Signal::SIGKILL).map_err(failed)?;
            if !running.monitor.wait_ended(Some(KILL_PATIENCE)).map_err(failed)? {
                return Err(failed(io::ErrorKind::TimedOut.into()));
            }
        }
        let failed = |source| SandboxError::Process { action: "end the guest", source };
        if !running.init.wait_ended(Some(KILL_PATIENCE)).map_err(failed)? {
            return Err(failed(io::ErrorKind::TimedOut.into()));
        }
        self.exit_of(running)
    }

    fn destroy(&self, instance_id: InstanceId) -> Result<(), SandboxError> {
        self.settle(instance_id)?;
        // A guest that lives, or of which nobody can say whether it does, keeps its disk and its ids.
        if let Some(run) = self.record_of_this_boot(instance_id)? {
            self.kill(&run.running)?;
        }
        let mut remains = Vec::new();
        if let Err(error) = self.clear_run(instance_id) {
            remains.push(error);
        }
        match remove_tree(&self.layout.state(instance_id)) {
            Ok(()) => drop(lock(&self.ids).remove(&instance_id)),
            // Files of these ids are still there, so nobody else may have them.
            Err(error) => remains.push(error),
        }
        if remains.is_empty() { Ok(()) } else { Err(SandboxError::Remains(remains)) }
    }

    fn exec(&self, running: &Running, exec: &Exec) -> Result<ExecChild, SandboxError> {
        let (mut command, _request) = self.exec_command(running, exec, None)?;
        command.stdin(exec.stdin.to_stdio()).stdout(exec.output.to_stdio()).stderr(exec.output.to_stdio());
        let child =
            command.spawn().map_err(|error| SandboxError::file("start", &self.toolbox_binary, error))?;
        ExecChild::new(child)
    }

    fn exec_interactive(&self, running: &Running, argv: &[String]) -> Result<ExitCode, SandboxError> {
        let exec = Exec { argv: argv.to_vec(), ..Exec::default() };
        let caller = ProcessId::current()
            .map_err(|source| SandboxError::Process { action: "find the caller", source })?;
        let (mut command, _request) = self.exec_command(running, &exec, Some(caller))?;
        let status =
            command.status().map_err(|error| SandboxError::file("start", &self.toolbox_binary, error))?;
        let code = status.code().unwrap_or(crate::exec::SETUP_FAILED);
        Ok(ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)))
    }

    fn console_output(&self, instance_id: InstanceId) -> Result<Vec<u8>, SandboxError> {
        let path = self.layout.state(instance_id).join(layout::CONSOLE_FILE);
        match fs::read(&path) {
            Ok(mut console) => Ok(console.split_off(console.len().saturating_sub(CONSOLE_LIMIT_BYTES))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(SandboxError::file("read", path, error)),
        }
    }

    fn wait(&self, running: &Running, timeout: Option<Duration>) -> Result<Option<Exit>, SandboxError> {
        let ended = running
            .monitor
            .wait_ended(timeout)
            .map_err(|source| SandboxError::Process { action: "wait for the guest", source })?;
        if ended { self.exit_of(running).map(Some) } else { Ok(None) }
    }

    fn exit_fd(&self, running: &Running) -> Result<OwnedFd, SandboxError> {
        running.monitor.pidfd().ok_or(SandboxError::NotRunning(running.instance_id))
    }
}

/// Starts a monitor and hears how far it got.
fn spawn_monitor(request: &StartRequest) -> Result<StartReply, SandboxError> {
    let log_path = request.run_dir.join(MONITOR_LOG);
    let log = fs::File::create(&log_path).map_err(|error| SandboxError::file("create", &log_path, error))?;
    // The monitor shares the open file, and so holds the lock for as long as it lives.
    rustix::fs::flock(&log, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        .map_err(|error| SandboxError::file("lock", &log_path, error.into()))?;
    let failed = |error| SandboxError::file("start", &request.toolbox, error);
    let mut child = Command::new(&request.toolbox)
        .arg(INIT_ARGUMENT)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    let mut reply = Vec::new();
    let text = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    // A monitor that does not listen does not answer either, which tells more than the broken pipe.
    let _ = child.stdin.take().expect("it was asked for as a pipe").write_all(&text);
    let heard = child.stdout.take().expect("it was asked for as a pipe").read_to_end(&mut reply);
    // The monitor itself has left this child by a fork, so this ends at once.
    child.wait().map_err(failed)?;
    heard.map_err(failed)?;
    serde_json::from_slice(&reply).map_err(|_| {
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        let said = if log.trim().is_empty() { "it said nothing" } else { log.trim() };
        SandboxError::setup("start the monitor", format!("no answer: {said}"))
    })
}

/// Whether a monitor lives that writes to this log.
fn has_monitor(log_path: &Path) -> Result<bool, SandboxError> {
    let log = match fs::File::open(log_path) {
        Ok(log) => log,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(SandboxError::file("open", log_path, error)),
    };
    match rustix::fs::flock(&log, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(false),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(SandboxError::file("lock", log_path, error.into())),
    }
}

fn check_toolbox(path: &Path) -> Result<PathBuf, SandboxError> {
    let unusable = |problem| SandboxError::Toolbox { path: path.to_owned(), problem };
    let found = fs::canonicalize(path).and_then(|path| Ok((fs::metadata(&path)?, path)));
    let (metadata, path) = found.map_err(|error| unusable(ToolboxProblem::Unreachable(error)))?;
    if !metadata.is_file() {
        return Err(unusable(ToolboxProblem::NotAFile));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(unusable(ToolboxProblem::NotExecutable));
    }
    Ok(path)
}

/// A directory name that two clouds on one host do not share.
fn cgroup_name(state_dir: &Path) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    state_dir.hash(&mut hasher);
    // Two hosts may share a path but not the device and inode behind it; containers on one host may share both cgroup
    // tree and path.
    if let Ok(metadata) = fs::metadata(state_dir) {
        (metadata.dev(), metadata.ino()).hash(&mut hasher);
    }
    format!("brume-{:016x}", hasher.finish())
}

fn read_disk(layout: &Layout, instance_id: InstanceId) -> Result<Option<DiskRecord>, SandboxError> {
    record::read(&layout.state(instance_id).join(layout::DISK_FILE))
}

fn create_private_dir(path: &Path) -> Result<(), SandboxError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| SandboxError::file("create", path, error))
}

fn remove_tree(path: &Path) -> Result<(), SandboxError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => match fs::remove_file(path) {
            // What should be the directory around it is none, so there is nothing in it.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(()),
            other => other,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
    .map_err(|error| SandboxError::file("remove", path, error))
}

fn memory_file(request: &ExecRequest) -> Result<OwnedFd, SandboxError> {
    let failed = |source| SandboxError::Process { action: "prepare the command", source };
    let fd = rustix::fs::memfd_create("brume-exec", rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(|error| failed(error.into()))?;
    let mut file = fs::File::from(fd);
    let text = serde_json::to_vec(request).map_err(|error| failed(error.into()))?;
    file.write_all(&text).and_then(|()| io::Seek::rewind(&mut file)).map_err(failed)?;
    Ok(file.into())
}

/// Lets one descriptor through to the child, and to no other child that another thread may start meanwhile.
#[allow(unsafe_code)]
fn inherit(command: &mut Command, fd: &OwnedFd) {
    use std::os::unix::process::CommandExt;
    let fd = fd.as_raw_fd();
    // SAFETY: between fork and exec only fcntl is called, which is async-signal-safe; the number stays open, because
    // the caller keeps the descriptor until after the spawn.
    unsafe {
        command.pre_exec(move || {
            if libc::fcntl(fd, libc::F_SETFD, 0) == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}
