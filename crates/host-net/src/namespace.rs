//! Network namespaces: made, kept by a bind mount, opened and entered.
//!
//! A thread that has entered another namespace is never given back to anybody: [`NetworkNamespace::run`] makes a thread
//! for the one call and lets it end, so there is no way back to restore, and none to get wrong.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::{MntFlags, MsFlags};
use nix::sched::CloneFlags;

/// `ioctl` that answers the kind of a namespace (`linux/nsfs.h`, NS_GET_NSTYPE).
const NS_GET_NSTYPE: libc::c_ulong = 0xb703;

/// A network namespace, kept alive by this handle whether or not a file pins it.
#[derive(Clone, Debug)]
pub struct NetworkNamespace {
    file: Arc<File>,
    name: Arc<str>,
}

/// A namespace that could not be made, opened, entered or let go.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// A system call on the named namespace failed.
    #[error("cannot {action} network namespace {name}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// Path, process or description of the namespace.
        name: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The file is there but is no network namespace.
    #[error("{0} is not a network namespace")]
    NotANamespace(PathBuf),
}

impl NetworkNamespace {
    /// A new namespace that lives as long as this handle (or a process or device in it).
    ///
    /// # Errors
    /// When the kernel refuses, for example without `CAP_SYS_ADMIN`.
    pub fn create_unpinned() -> Result<Self, NamespaceError> {
        let name = "(unpinned)";
        let file = on_new_thread(|| {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        })
        .and_then(|result| result)
        .map_err(|source| error("create", name, source))?;
        Ok(Self { file: Arc::new(file), name: name.into() })
    }

    /// The namespace pinned at `path`, made and pinned first if there is none. Missing folders are made.
    ///
    /// # Errors
    /// When the file is something else, or namespace or mount cannot be made.
    pub fn create_pinned(path: &Path) -> Result<Self, NamespaceError> {
        match Self::open(path) {
            Ok(namespace) => return Ok(namespace),
            Err(NamespaceError::System { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            // An empty ordinary file is what a start that was killed between its two steps leaves.
            Err(NamespaceError::NotANamespace(_)) if is_empty_file(path) => {}
            Err(other) => return Err(other),
        }
        let created = Self::create_unpinned()?;
        created.pin(path)?;
        Ok(Self { file: created.file, name: path.display().to_string().into() })
    }

    /// Pins it at `path`, where no other is pinned. Missing folders are made.
    ///
    /// # Errors
    /// When file or mount cannot be made.
    pub fn pin(&self, path: &Path) -> Result<(), NamespaceError> {
        let name = path.display().to_string();
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|source| error("make the folder of", &name, source))?;
        }
        File::create(path).map_err(|source| error("make the file of", &name, source))?;
        let source = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        nix::mount::mount(Some(source.as_str()), path, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(|errno| error("pin", &name, errno.into()))
    }

    /// The namespace pinned at `path`.
    ///
    /// # Errors
    /// When there is no such file, or it is something else.
    pub fn open(path: &Path) -> Result<Self, NamespaceError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| error("open", &name, source))?;
        if !is_network_namespace(&file) {
            return Err(NamespaceError::NotANamespace(path.to_owned()));
        }
        Ok(Self { file: Arc::new(file), name: name.into() })
    }

    /// The namespace that a process is in.
    ///
    /// # Errors
    /// When there is no such process or it may not be looked into.
    pub fn of_process(pid: u32) -> Result<Self, NamespaceError> {
        Self::open(Path::new(&format!("/proc/{pid}/ns/net")))
    }

    /// The namespace that the calling thread is in.
    ///
    /// # Errors
    /// When `/proc` is not there.
    pub fn current() -> Result<Self, NamespaceError> {
        Self::open(Path::new("/proc/thread-self/ns/net"))
    }

    /// A namespace given by a descriptor.
    ///
    /// # Errors
    /// When the descriptor is something else.
    pub fn from_descriptor(descriptor: OwnedFd) -> Result<Self, NamespaceError> {
        let name = format!("(descriptor {})", descriptor.as_raw_fd());
        let file = File::from(descriptor);
        if !is_network_namespace(&file) {
            return Err(NamespaceError::NotANamespace(PathBuf::from(name)));
        }
        Ok(Self { file: Arc::new(file), name: name.into() })
    }

    /// How messages name it: a path where it has one.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What tells it from every other namespace that exists at the same time: its inode.
    pub fn id(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// Calls `action` on a thread of its own that is in this namespace, and waits for it. Sockets made there stay in
    /// this namespace; a process started there starts in it.
    ///
    /// # Errors
    /// When the thread cannot be made or cannot enter. A panic of `action` goes on in the caller.
    pub fn run<T: Send>(&self, action: impl FnOnce() -> T + Send) -> Result<T, NamespaceError> {
        on_new_thread(|| {
            nix::sched::setns(self.file.as_fd(), CloneFlags::CLONE_NEWNET)?;
            Ok(action())
        })
        .and_then(|result| result)
        .map_err(|source| error("enter", &self.name, source))
    }

    /// Sets a parameter below `/proc/sys/net`, for example `ipv4/conf/all/forwarding`.
    ///
    /// # Errors
    /// When the parameter does not exist or `/proc/sys` is read-only.
    pub fn set_parameter(&self, parameter: &str, value: &str) -> Result<(), NamespaceError> {
        let path = format!("/proc/sys/net/{parameter}");
        self.run(|| std::fs::write(&path, value))?
            .map_err(|source| error("set a parameter of", &format!("{} ({parameter})", self.name), source))
    }

    /// Takes the pin at `path` away; the namespace goes when nobody else holds it. No pin is no error.
    ///
    /// # Errors
    /// When the mount or the file cannot be removed.
    pub fn unpin(path: &Path) -> Result<(), NamespaceError> {
        let name = path.display().to_string();
        // More than one mount can lie on the file when two starts raced; take them all.
        while Self::open(path).is_ok() {
            nix::mount::umount2(path, MntFlags::MNT_DETACH)
                .map_err(|errno| error("unpin", &name, errno.into()))?;
        }
        match std::fs::remove_file(path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(error("remove the file of", &name, source))
            }
            _ => Ok(()),
        }
    }
}

impl AsFd for NetworkNamespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn error(action: &'static str, name: &str, source: io::Error) -> NamespaceError {
    NamespaceError::System { action, name: name.to_owned(), source }
}

fn is_empty_file(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

fn is_network_namespace(file: &File) -> bool {
    // SAFETY: the request takes no argument and only reads what the open descriptor refers to.
    let kind = unsafe { libc::ioctl(file.as_raw_fd(), NS_GET_NSTYPE) };
    kind == libc::CLONE_NEWNET
}

/// Runs `action` on a thread that ends with it, and hands a panic of it on.
fn on_new_thread<T: Send>(action: impl FnOnce() -> T + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().name("brume-netns".to_owned()).spawn_scoped(scope, action)?;
        match thread.join() {
            Ok(value) => Ok(value),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
