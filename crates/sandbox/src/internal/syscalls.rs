//! The system calls that have no safe wrapper in the crates used.
//!
//! All callers are helper processes with a single thread, which is what makes forking here sound.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::sched::CloneFlags;
use nix::unistd::{ForkResult, Pid};

/// Which side of a fork this is.
pub(super) enum Side {
    Parent(Pid),
    Child,
}

/// Forks.
pub(super) fn fork() -> io::Result<Side> {
    // SAFETY: the process has one thread, so the child may do whatever the parent might.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Side::Parent(child)),
        ForkResult::Child => Ok(Side::Child),
    }
}

/// Forks a child into new namespaces; with a new user namespace among them, that one owns the others.
pub(super) fn fork_into_new(namespaces: CloneFlags) -> io::Result<Side> {
    let flags = libc::c_long::from(namespaces.bits() | libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack given this is fork with namespaces; the process has one thread.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        pid => Ok(Side::Parent(Pid::from_raw(pid as i32))),
    }
}

/// Makes a copy of the mount at `path` in which owners are shifted as `user_namespace` maps them, read-only.
/// `Documentation/filesystems/idmappings.rst`; Linux 5.12, and not every file system can.
pub(super) fn clone_mount_idmapped(path: &Path, user_namespace: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let tree = rustix::mount::open_tree(
        rustix::fs::CWD,
        path,
        rustix::mount::OpenTreeFlags::OPEN_TREE_CLONE | rustix::mount::OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )?;
    let attributes = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP | libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NODEV,
        attr_clr: 0,
        propagation: 0,
        userns_fd: user_namespace.as_raw_fd() as u64,
    };
    // SAFETY: the structure is of the size that is told, and lives for the duration of the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(tree) }
}

/// Puts a mount that is nowhere at `target`.
pub(super) fn attach_mount(mount: OwnedFd, target: &Path) -> io::Result<()> {
    rustix::mount::move_mount(
        &mount,
        "",
        rustix::fs::CWD,
        target,
        rustix::mount::MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )?;
    Ok(())
}

/// Marks every descriptor from `first` on to be closed by exec, whoever left it open.
pub(super) fn close_on_exec_from(first: i32) -> io::Result<()> {
    let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_int;
    // SAFETY: closes nothing now; the descriptors stay valid until exec replaces the program that owns them.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, flags) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Closes every descriptor from `first` on, whoever left it open.
pub(super) fn close_from(first: i32) -> io::Result<()> {
    // SAFETY: the caller owns none of them yet, so no owner is left with a number that is somebody else's by then.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Has the kernel kill this process when its parent ends.
pub(super) fn die_with_parent() -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL)?;
    Ok(())
}

/// Makes a terminal the controlling one of this session.
pub(super) fn take_terminal(terminal: impl AsFd) -> io::Result<()> {
    // SAFETY: the request takes no pointer.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSCTTY, 0) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The size of a terminal.
pub(super) fn window_size(terminal: impl AsFd) -> io::Result<libc::winsize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one winsize to where the pointer says.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(size) }
}

/// Gives a terminal a size, which tells its foreground processes.
pub(super) fn set_window_size(terminal: impl AsFd, size: libc::winsize) -> io::Result<()> {
    // SAFETY: the kernel reads one winsize from where the pointer says.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Opens a new pseudo-terminal of the devpts instance that `multiplexer` belongs to: both ends and its number.
pub(super) fn open_terminal(multiplexer: &Path) -> io::Result<(OwnedFd, OwnedFd, u32)> {
    use std::os::unix::fs::OpenOptionsExt;
    let master = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_CLOEXEC)
        .open(multiplexer)?;
    let mut number: libc::c_uint = 0;
    let unlock: libc::c_int = 0;
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the requests read and write one integer each; TIOCGPTPEER takes open flags and returns a descriptor that
    // nobody else owns.
    unsafe {
        if libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock) == -1
            || libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) == -1
        {
            return Err(io::Error::last_os_error());
        }
        match libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) {
            -1 => Err(io::Error::last_os_error()),
            slave => Ok((master.into(), OwnedFd::from_raw_fd(slave), number)),
        }
    }
}

/// Takes ownership of a descriptor that the starter passed by number.
pub(super) fn adopt_fd(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl on a number that is not open is an error, not undefined.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and nothing else in this fresh process knows the number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Leaves the process without running anything more of it: for children that share the parent's buffers.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit is always allowed.
    unsafe { libc::_exit(code) }
}

/// Takes a capability out of what this process and its children can ever have.
pub(super) fn drop_from_bounding_set(capability: u32) -> io::Result<()> {
    // SAFETY: the call takes integers only.
    let result = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, libc::c_ulong::from(capability), 0, 0, 0) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// A string as the kernel takes it. Zero bytes, which it cannot hold, are left out.
pub(super) fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', "")).expect("zero bytes were removed")
}

/// Makes `number` another name of a descriptor, one that exec does not close.
pub(super) fn place(descriptor: &OwnedFd, number: i32) -> io::Result<()> {
    // SAFETY: whatever had the number is replaced on purpose, by a process that is about to exec.
    let result = unsafe { libc::dup2(descriptor.as_raw_fd(), number) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
