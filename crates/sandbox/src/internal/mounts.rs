//! What a guest sees as its file systems.
//!
//! All mounts are made by the host's root in a mount namespace of the monitor. The guest gets a copy of that
//! namespace, owned by its user namespace: the kernel then locks every mount, so that the guest can neither remove
//! one nor make a read-only one writable (`mount_namespaces(7)`, "Restrictions on mount namespaces").

use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::CloneFlags;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::sys::wait::{WaitStatus, waitpid};

use crate::idmap::IdRange;
use crate::layout::{ROOT_DIR, USR_LOCAL_DIR, USR_UPPER_DIR, USR_WORK_DIR};

use super::rootfs::{TOOLBOX_PATH, USR_ENTRIES};
use super::syscalls::{self, Side};
use super::{Failure, Step};

const NONE: Option<&str> = None;

/// Files of `/proc` and `/sys` that are about the host. The user namespace denies nearly all of them already.
const MASKED_FILES: [&str; 8] = [
    "proc/kcore",
    "proc/keys",
    "proc/key-users",
    "proc/kallsyms",
    "proc/latency_stats",
    "proc/sched_debug",
    "proc/sysrq-trigger",
    "proc/timer_list",
];
const MASKED_DIRECTORIES: [&str; 6] =
    ["proc/acpi", "proc/asound", "proc/scsi", "sys/firmware", "sys/fs/bpf", "sys/kernel/debug"];
const READ_ONLY: [&str; 3] = ["proc/bus", "proc/fs", "proc/irq"];

/// Character devices: name, major, minor (`Documentation/admin-guide/devices.txt`).
const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// The namespaces of a guest that mounts depend on.
pub(super) struct GuestNamespaces {
    pub(super) user: OwnedFd,
    pub(super) pid: OwnedFd,
    pub(super) net: OwnedFd,
}

/// What to mount, and from where.
pub(super) struct Mounts<'a> {
    pub(super) state_dir: &'a Path,
    pub(super) toolbox: &'a Path,
    pub(super) ids: IdRange,
    pub(super) memory_bytes: u64,
    pub(super) namespaces: &'a GuestNamespaces,
}

/// The console of the guest: the host's end.
pub(super) struct Mounted {
    pub(super) console: OwnedFd,
    pub(super) console_guest_end: OwnedFd,
    pub(super) degraded: Vec<String>,
}

impl Mounts<'_> {
    /// Builds the guest's tree and makes it this process's root. Nothing of the host can be reached by path after.
    pub(super) fn make(&self) -> Result<Mounted, Failure> {
        let root = self.state_dir.join(ROOT_DIR);
        bind_with(&root, &root, MsFlags::MS_NODEV).step("mount the root disk")?;
        let mut degraded = Vec::new();
        self.usr(&root, &mut degraded)?;
        self.toolbox(&root)?;
        self.temporary(&root)?;
        let (console, console_guest_end) = self.devices(&root.join("dev"))?;
        self.kernel(&root)?;
        mask(&root)?;
        enter(&root)?;
        Ok(Mounted { console, console_guest_end, degraded })
    }

    /// The host's `/usr`, with its owners as the guest numbers them, under what the guest changes. Where the kernel or
    /// the file system cannot do one or the other, `/usr` is read-only, or owned by nobody.
    fn usr(&self, root: &Path, degraded: &mut Vec<String>) -> Result<(), Failure> {
        let user_namespace = self.namespaces.user.as_fd();
        let usr = root.join("usr");
        if let Err(error) = bind_idmapped(Path::new("/usr"), &usr, user_namespace) {
            degraded
                .push(format!("/usr is read-only and owned by nobody: no id-mapped mount of it: {error}"));
            bind_read_only(Path::new("/usr"), &usr).step("mount /usr")?;
        } else if let Err(error) = self.overlay_usr() {
            degraded.push(format!("/usr is read-only: no overlay over it: {error}"));
        }
        self.usr_local(&usr)?;
        for entry in USR_ENTRIES {
            let host = Path::new("/").join(entry);
            if host.is_dir() && !host.is_symlink() {
                bind_idmapped(&host, &root.join(entry), user_namespace)
                    .or_else(|_| bind_read_only(&host, &root.join(entry)))
                    .step(format!("mount /{entry}"))?;
            }
        }
        Ok(())
    }

    /// The guest's own `/usr/local` in place of the host's. The guest's root counts as the owner of what the host's
    /// root owns under `/usr`, so what an administrator keeps there for root alone must not be in the guest at all.
    fn usr_local(&self, usr: &Path) -> Result<(), Failure> {
        let target = usr.join("local");
        // A link leads to the guest's own files once this is its root; until then it leads to the host's.
        if !fs::symlink_metadata(&target).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(());
        }
        bind_with(&self.state_dir.join(USR_LOCAL_DIR), &target, MsFlags::MS_NODEV).step("mount /usr/local")
    }

    fn overlay_usr(&self) -> std::io::Result<()> {
        // Relative names, because a path in the options may hold no comma and no colon.
        std::env::set_current_dir(self.state_dir)?;
        let root_id = self.ids.host_id(0);
        for directory in [USR_UPPER_DIR, USR_WORK_DIR] {
            match fs::create_dir(directory) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
                Err(_) => {}
                // Its owner is the owner of the guest's /usr.
                Ok(()) => std::os::unix::fs::chown(directory, Some(root_id), Some(root_id))?,
            }
        }
        let usr = format!("{ROOT_DIR}/usr");
        let options = format!("lowerdir={usr},upperdir={USR_UPPER_DIR},workdir={USR_WORK_DIR}");
        mount(Some("overlay"), usr.as_str(), Some("overlay"), MsFlags::MS_NODEV, Some(options.as_str()))?;
        std::env::set_current_dir("/")
    }

    fn toolbox(&self, root: &Path) -> Result<(), Failure> {
        let target = root.join(TOOLBOX_PATH.trim_start_matches('/'));
        bind_idmapped(self.toolbox, &target, self.namespaces.user.as_fd())
            .or_else(|_| bind_read_only(self.toolbox, &target))
            .step(format!("mount {}", self.toolbox.display()))
    }

    fn temporary(&self, root: &Path) -> Result<(), Failure> {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let half_memory = self.memory_bytes / 2;
        self.tmpfs(&root.join("tmp"), flags, &format!("mode=1777,size={half_memory}"))?;
        self.tmpfs(&root.join("run"), flags, &format!("mode=755,size={half_memory}"))
    }

    fn tmpfs(&self, target: &Path, flags: MsFlags, options: &str) -> Result<(), Failure> {
        let owner = self.ids.host_id(0);
        let options = format!("{options},uid={owner},gid={owner}");
        mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(options.as_str()))
            .step(format!("mount a tmpfs on {}", target.display()))
    }

    fn devices(&self, dev: &Path) -> Result<(OwnedFd, OwnedFd), Failure> {
        self.tmpfs(dev, MsFlags::MS_NOSUID, "mode=755,size=64k")?;
        let own = |path: &Path, id| std::os::unix::fs::lchown(path, Some(id), Some(id));
        let root_id = self.ids.host_id(0);
        let previous = nix::sys::stat::umask(Mode::empty());
        for (name, major, minor) in DEVICES {
            let path = dev.join(name);
            let mode = Mode::from_bits_truncate(0o666);
            mknod(&path, SFlag::S_IFCHR, mode, makedev(major, minor)).step(format!("make /dev/{name}"))?;
            own(&path, root_id).step(format!("make /dev/{name}"))?;
        }
        nix::sys::stat::umask(previous);
        for name in ["pts", "shm"] {
            let path = dev.join(name);
            fs::create_dir(&path).and_then(|()| own(&path, root_id)).step(format!("make /dev/{name}"))?;
        }
        for (name, target) in [
            ("ptmx", "pts/ptmx"),
            ("fd", "/proc/self/fd"),
            ("stdin", "/proc/self/fd/0"),
            ("stdout", "/proc/self/fd/1"),
            ("stderr", "/proc/self/fd/2"),
        ] {
            let path = dev.join(name);
            std::os::unix::fs::symlink(target, &path)
                .and_then(|()| own(&path, root_id))
                .step(format!("make /dev/{name}"))?;
        }
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        self.tmpfs(&dev.join("shm"), flags, &format!("mode=1777,size={}", self.memory_bytes / 2))?;
        let options = format!("newinstance,ptmxmode=0666,mode=0620,gid={}", self.ids.host_id(5));
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
        mount(Some("devpts"), &dev.join("pts"), Some("devpts"), flags, Some(options.as_str()))
            .step("mount /dev/pts")?;
        let (console, guest_end, number) =
            syscalls::open_terminal(&dev.join("pts/ptmx")).step("open the console")?;
        let terminal = dev.join(format!("pts/{number}"));
        own(&terminal, root_id).step("open the console")?;
        let path = dev.join("console");
        fs::File::create(&path).step("make /dev/console")?;
        mount(Some(&terminal), &path, NONE, MsFlags::MS_BIND, NONE).step("mount /dev/console")?;
        Ok((console, guest_end))
    }

    /// `/proc` shows the processes of the guest's PID namespace, `/sys` the interfaces of its network namespace: of
    /// whoever mounts them. So a child goes there first, with the host's rights, and mounts them in this mount
    /// namespace.
    fn kernel(&self, root: &Path) -> Result<(), Failure> {
        let step = "mount /proc and /sys";
        run_in_child(step, || {
            nix::sched::setns(&self.namespaces.net, CloneFlags::CLONE_NEWNET).step(step)?;
            nix::sched::setns(&self.namespaces.pid, CloneFlags::CLONE_NEWPID).step(step)?;
            // Entering a PID namespace counts for children only.
            run_in_child(step, || {
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
                mount(Some("proc"), &root.join("proc"), Some("proc"), flags, NONE).step("mount /proc")?;
                let flags = flags | MsFlags::MS_RDONLY;
                mount(Some("sysfs"), &root.join("sys"), Some("sysfs"), flags, NONE).step("mount /sys")
            })
        })
    }
}

fn bind_idmapped(from: &Path, to: &Path, user_namespace: BorrowedFd<'_>) -> std::io::Result<()> {
    let tree = syscalls::clone_mount_idmapped(from, user_namespace)?;
    syscalls::attach_mount(tree, to)
}

fn bind_read_only(from: &Path, to: &Path) -> std::io::Result<()> {
    bind_with(from, to, MsFlags::MS_RDONLY | MsFlags::MS_NODEV)
}

fn bind_with(from: &Path, to: &Path, flags: MsFlags) -> std::io::Result<()> {
    mount(Some(from), to, NONE, MsFlags::MS_BIND, NONE)?;
    mount(NONE, to, NONE, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | flags, NONE)?;
    Ok(())
}

fn mask(root: &Path) -> Result<(), Failure> {
    let null = root.join("dev/null");
    for file in MASKED_FILES.map(|name| root.join(name)).iter().filter(|path| path.exists()) {
        mount(Some(&null), file, NONE, MsFlags::MS_BIND, NONE).step(format!("mask {}", file.display()))?;
    }
    for directory in MASKED_DIRECTORIES.map(|name| root.join(name)).iter().filter(|path| path.is_dir()) {
        let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("tmpfs"), directory, Some("tmpfs"), flags, Some("size=0,mode=755"))
            .step(format!("mask {}", directory.display()))?;
    }
    for path in READ_ONLY.map(|name| root.join(name)).iter().filter(|path| path.exists()) {
        let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        bind_with(path, path, flags).step(format!("make {} read-only", path.display()))?;
    }
    Ok(())
}

/// Makes the tree the root and lets go of the old one. Stacked on one another for a moment, as `pivot_root(2)`
/// describes, so that no directory is needed for the old root.
fn enter(root: &Path) -> Result<(), Failure> {
    let step = "enter the root disk";
    std::env::set_current_dir(root).step(step)?;
    nix::unistd::pivot_root(".", ".").step(step)?;
    umount2(".", MntFlags::MNT_DETACH).step(step)?;
    std::env::set_current_dir("/").step(step)
}

/// Does something in a child process, which is how a single-threaded process enters namespaces for a while.
fn run_in_child(step: &str, work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    let (mut reader, writer) = std::io::pipe().step(step)?;
    match syscalls::fork().step(step)? {
        Side::Child => {
            drop(reader);
            let code = match work() {
                Ok(()) => 0,
                Err(failure) => {
                    let _ = std::io::Write::write_all(
                        &mut &writer,
                        format!("{}: {}", failure.step, failure.problem).as_bytes(),
                    );
                    1
                }
            };
            syscalls::exit_now(code)
        }
        Side::Parent(child) => {
            drop(writer);
            let mut problem = String::new();
            let _ = std::io::Read::read_to_string(&mut reader, &mut problem);
            match waitpid(child, None).step(step)? {
                WaitStatus::Exited(_, 0) => Ok(()),
                _ => Err(Failure { step: step.to_owned(), problem }),
            }
        }
    }
}
