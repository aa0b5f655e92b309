//! What a cloud may leave on a host: mounts, directories, devices, pinned BPF objects, control groups, processes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the kernel may take to remove namespaces and processes after the last reference is gone.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of the workstation before, which nobody else changes, and the names by which a cloud's things are known.
pub(super) struct Leftovers {
    devices: BTreeSet<String>,
    /// The cloud's directory in control groups, once it is known.
    pub(super) control_group: Option<String>,
}

impl Leftovers {
    /// As it is now, seen from the calling thread's network namespace.
    pub(super) fn of_workstation() -> Self {
        Self { devices: devices(), control_group: None }
    }

    /// Takes it for granted that the link of the cloud with that run directory was not there before.
    pub(super) fn forget_device_of(&mut self, run_dir: &Path) {
        let cloud = run_dir.file_name().unwrap().to_str().unwrap();
        self.devices.retain(|name| name.strip_prefix("brume-").is_none_or(|other| !cloud.starts_with(other)));
    }

    /// Fails unless the workstation is as it was and nothing on the host belongs to the cloud.
    pub(super) fn assert_settled(&self, data_dir: &Path, run_dir: &Path) {
        let deadline = Instant::now() + SETTLE_TIMEOUT;
        loop {
            let left = self.left(data_dir, run_dir);
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left on the host: {left:#?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn left(&self, data_dir: &Path, run_dir: &Path) -> Vec<String> {
        let mut left = Vec::new();
        if run_dir.exists() {
            left.push(format!("directory {}", run_dir.display()));
        }
        let names = [data_dir.to_str().unwrap(), run_dir.to_str().unwrap()];
        let is_own = |text: &str| names.iter().any(|name| text.contains(name));
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        left.extend(mounts.lines().filter(|line| is_own(line)).map(|line| format!("mount {line}")));
        let cloud = run_dir.file_name().unwrap().to_str().unwrap();
        // Another cloud's link to the workstation is that cloud's.
        let is_anothers =
            |name: &str| name.strip_prefix("brume-").is_some_and(|other| !cloud.starts_with(other));
        let now = devices();
        let changed = now.symmetric_difference(&self.devices).filter(|name| !is_anothers(name));
        left.extend(changed.map(|name| format!("device {name}")));
        let groups = self.control_group.iter().map(|name| ("control group", "/sys/fs/cgroup", name.as_str()));
        for (kind, below, name) in groups.chain([("BPF object", "/sys/fs/bpf", cloud)]) {
            let found = below_named(Path::new(below), name, 3);
            left.extend(found.iter().map(|path| format!("{kind} {}", path.display())));
        }
        left.extend(processes(&is_own));
        left
    }
}

/// The names of the devices in the calling thread's network namespace.
fn devices() -> BTreeSet<String> {
    let table = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned()).collect()
}

/// Everything whose name has `part` in it.
fn below_named(directory: &Path, part: &str, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().contains(part) {
            found.push(path);
        } else if depth > 0 && path.is_dir() && !path.is_symlink() {
            found.extend(below_named(&path, part, depth - 1));
        }
    }
    found
}

/// Processes whose command line, root file system or open files belong to the cloud.
fn processes(is_own: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.parse::<u32>().is_err() || pid == std::process::id().to_string() {
            continue;
        }
        let command = std::fs::read(path.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        let mounts = std::fs::read_to_string(path.join("mountinfo")).unwrap_or_default();
        let root = mounts.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap_or_default();
        let files: Vec<String> = std::fs::read_dir(path.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|file| Some(std::fs::read_link(file.path()).ok()?.to_string_lossy().into_owned()))
            .collect();
        if is_own(&command) || is_own(root) || files.iter().any(|file| is_own(file)) {
            found.push(format!("process {pid} {command}"));
        }
    }
    found
}
