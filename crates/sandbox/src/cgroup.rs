//! Limits of the instance type, where the host's control groups allow them: v2, v1, a mix of both, or none.
//!
//! Owns finding the hierarchies and the directories of instances in them. A host that has none or lets us write none
//! runs instances without limits, which is told once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Processes and threads that one instance may have.
const PIDS_MAX: u32 = 8192;
/// The period over which processor time is shared out, in microseconds.
const CPU_PERIOD_USECS: u64 = 100_000;
/// How long removal waits for the kernel to let go of processes that have just died.
const REMOVE_PATIENCE: Duration = Duration::from_secs(2);

/// What an instance may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Processors.
    pub(crate) vcpus: u32,
    /// Memory in bytes.
    pub(crate) memory_bytes: u64,
}

/// One hierarchy that limits something.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hierarchy {
    /// Version 2, with the controllers that it offers.
    V2 { root: PathBuf, controllers: Vec<String> },
    /// Version 1, one controller.
    V1 { root: PathBuf, controller: String },
}

/// Directories of one instance, with a word on each limit that could not be set.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The directories; removal needs all of them.
    pub(crate) directories: Vec<PathBuf>,
    /// What is not limited, and why.
    pub(crate) unlimited: Vec<String>,
}

/// Makes the directories of an instance and sets its limits. Never fails: what cannot be limited is told.
pub(crate) fn make(cloud: &str, instance: &str, limits: Limits) -> Made {
    let mut made = Made::default();
    let mut limited = Vec::new();
    for hierarchy in &hierarchies() {
        let result = match hierarchy {
            Hierarchy::V2 { root, controllers } => make_v2(root, controllers, cloud, instance, limits),
            Hierarchy::V1 { root, controller } => make_v1(root, controller, cloud, instance, limits),
        };
        match result {
            Ok((directory, controllers)) => {
                made.directories.push(directory);
                limited.extend(controllers);
            }
            Err(error) => made.unlimited.push(format!("{}: {error}", hierarchy.root().display())),
        }
    }
    for controller in ["cpu", "memory", "pids"] {
        if !limited.iter().any(|name| name == controller) {
            made.unlimited.push(format!("no {controller} limit"));
        }
    }
    made
}

impl Made {
    /// Moves a process into the directories. Never fails: one that cannot be entered limits nothing, which is told, and is
    /// not among the directories any more. Removal finds it by its name.
    pub(crate) fn enter(&mut self, pid: i32) {
        let unlimited = &mut self.unlimited;
        self.directories.retain(|directory| match enter_one(directory, pid) {
            Ok(()) => true,
            Err(error) => {
                unlimited.push(format!("{} cannot be entered: {error}", directory.display()));
                false
            }
        });
    }
}

/// Moves a process into all of an instance's directories.
pub(crate) fn enter(directories: &[PathBuf], pid: i32) -> io::Result<()> {
    for directory in directories {
        enter_one(directory, pid)?;
    }
    Ok(())
}

fn enter_one(directory: &Path, pid: i32) -> io::Result<()> {
    fs::write(directory.join("cgroup.procs"), pid.to_string())
}

/// Removes the directories of an instance, and the cloud's own when it was the last.
///
/// They are found by their names, not by what was written down, so that a start which failed half-way leaves none.
///
/// # Errors
/// A directory is still in use or cannot be removed.
pub(crate) fn remove(cloud: &str, instance: &str) -> io::Result<()> {
    let deadline = Instant::now() + REMOVE_PATIENCE;
    for hierarchy in hierarchies() {
        let cloud = hierarchy.root().join(cloud);
        loop {
            match fs::remove_dir(cloud.join(instance)) {
                Ok(()) => break,
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy && Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error),
            }
        }
        // Fails while another instance of the cloud is there, as it should.
        let _ = fs::remove_dir(cloud);
    }
    Ok(())
}

/// The hierarchies of this host.
fn hierarchies() -> Vec<Hierarchy> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    find_hierarchies(&mountinfo, |root| {
        fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default()
    })
}

impl Hierarchy {
    fn root(&self) -> &Path {
        match self {
            Self::V2 { root, .. } | Self::V1 { root, .. } => root,
        }
    }
}

/// The hierarchies in a `mountinfo` that have a controller of interest.
fn find_hierarchies(mountinfo: &str, controllers_of: impl Fn(&Path) -> String) -> Vec<Hierarchy> {
    let wanted = ["cpu", "memory", "pids"];
    let mut found = Vec::new();
    for line in mountinfo.lines() {
        let Some((mount, file_system)) = line.split_once(" - ") else { continue };
        let Some(root) = mount.split(' ').nth(4).map(PathBuf::from) else { continue };
        let mut fields = file_system.split(' ');
        match fields.next() {
            Some("cgroup2") => {
                let controllers: Vec<String> = controllers_of(&root)
                    .split_whitespace()
                    .filter(|name| wanted.contains(name))
                    .map(str::to_owned)
                    .collect();
                if !controllers.is_empty() {
                    found.push(Hierarchy::V2 { root, controllers });
                }
            }
            Some("cgroup") => {
                let options = fields.nth(1).unwrap_or_default();
                let controller = options.split(',').find(|option| wanted.contains(option));
                if let Some(controller) = controller {
                    found.push(Hierarchy::V1 { root, controller: controller.to_owned() });
                }
            }
            _ => {}
        }
    }
    found.dedup();
    found
}

type MadeOne = io::Result<(PathBuf, Vec<String>)>;

fn make_v2(root: &Path, controllers: &[String], cloud: &str, instance: &str, limits: Limits) -> MadeOne {
    let cloud_dir = root.join(cloud);
    let directory = cloud_dir.join(instance);
    fs::create_dir_all(&directory)?;
    let mut limited = Vec::new();
    for controller in controllers {
        // A controller that is on already, or that the host keeps to itself, shows in whether the limit can be set.
        for parent in [root, &cloud_dir] {
            let _ = fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"));
        }
        let written = match controller.as_str() {
            "cpu" => fs::write(
                directory.join("cpu.max"),
                format!("{} {CPU_PERIOD_USECS}", cpu_quota_usecs(limits)),
            ),
            "memory" => fs::write(directory.join("memory.max"), limits.memory_bytes.to_string())
                .and_then(|()| write_if_there(&directory.join("memory.swap.max"), "0")),
            _ => fs::write(directory.join("pids.max"), PIDS_MAX.to_string()),
        };
        if written.is_ok() {
            limited.push(controller.clone());
        }
    }
    Ok((directory, limited))
}

fn make_v1(root: &Path, controller: &str, cloud: &str, instance: &str, limits: Limits) -> MadeOne {
    let directory = root.join(cloud).join(instance);
    fs::create_dir_all(&directory)?;
    let written = match controller {
        "cpu" => {
            fs::write(directory.join("cpu.cfs_period_us"), CPU_PERIOD_USECS.to_string()).and_then(|()| {
                fs::write(directory.join("cpu.cfs_quota_us"), cpu_quota_usecs(limits).to_string())
            })
        }
        "memory" => {
            let bytes = limits.memory_bytes.to_string();
            // The second counts memory and swap together, and may not be below the first.
            fs::write(directory.join("memory.limit_in_bytes"), &bytes)
                .and_then(|()| write_if_there(&directory.join("memory.memsw.limit_in_bytes"), &bytes))
        }
        _ => fs::write(directory.join("pids.max"), PIDS_MAX.to_string()),
    };
    let limited = if written.is_ok() { vec![controller.to_owned()] } else { Vec::new() };
    Ok((directory, limited))
}

/// Sets what not every kernel has: without swap, or without accounting of it (`CONFIG_MEMCG_SWAP`, or
/// `swapaccount=0`), there is no such file. An instance has no swap, so where there is one, the limit of its memory is
/// whole only with it.
fn write_if_there(file: &Path, value: &str) -> io::Result<()> {
    if file.exists() { fs::write(file, value) } else { Ok(()) }
}

fn cpu_quota_usecs(limits: Limits) -> u64 {
    u64::from(limits.vcpus.max(1)) * CPU_PERIOD_USECS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mountinfo: &str, controllers: &str, expected: &[(&str, &str)]) {
        let found: Vec<(String, String)> = find_hierarchies(mountinfo, |_| controllers.to_owned())
            .iter()
            .map(|hierarchy| {
                let controllers = match hierarchy {
                    Hierarchy::V2 { controllers, .. } => format!("v2 {}", controllers.join(" ")),
                    Hierarchy::V1 { controller, .. } => format!("v1 {controller}"),
                };
                (hierarchy.root().display().to_string(), controllers)
            })
            .collect();
        let expected: Vec<(String, String)> =
            expected.iter().map(|(root, text)| ((*root).to_owned(), (*text).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn hierarchies_are_found_in_every_kind_of_host() {
        let v2 = "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate";
        check(v2, "cpuset cpu io memory pids", &[("/sys/fs/cgroup", "v2 cpu memory pids")]);
        let hybrid = "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
                      32 25 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      33 25 0:29 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n\
                      34 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
        let expected = [("/sys/fs/cgroup/cpu,cpuacct", "v1 cpu"), ("/sys/fs/cgroup/memory", "v1 memory")];
        check(hybrid, "", &expected);
        check("22 1 8:1 / / rw - ext4 /dev/vda rw", "", &[]);
    }

    #[test]
    fn a_group_that_cannot_be_entered_is_told_and_left_out() {
        let root = tempfile::tempdir().unwrap();
        let [good, bad] = ["good", "bad"].map(|name| root.path().join(name));
        fs::create_dir_all(&good).unwrap();
        let mut made = Made { directories: vec![bad.clone(), good.clone()], unlimited: Vec::new() };
        made.enter(42);
        assert_eq!(made.directories, std::slice::from_ref(&good));
        assert_eq!(fs::read_to_string(good.join("cgroup.procs")).unwrap(), "42");
        let [told] = made.unlimited.as_slice() else { panic!("{:?}", made.unlimited) };
        assert!(told.starts_with(&bad.display().to_string()), "{told}");
    }
}
