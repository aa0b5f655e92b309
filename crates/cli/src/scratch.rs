//! A directory for the length of one command.
//!
//! Owns that it is as it was afterwards: gone, or empty again.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A directory that was empty, or not there, before.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    before: Before,
    is_kept: bool,
}

/// What was there before.
#[derive(Debug)]
enum Before {
    Nothing,
    /// An empty directory with these permissions.
    Empty(Permissions),
}

impl Scratch {
    /// The directory that the user named, or a fresh one among the temporary files.
    ///
    /// # Errors
    /// When it is somebody else's, or cannot be made.
    pub(crate) fn new(named: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = named else {
            let path = tempfile::Builder::new().prefix("brume-").tempdir()?.keep();
            return Ok(Self { path, before: Before::Nothing, is_kept: false });
        };
        let cannot = || format!("cannot use {}", path.display());
        let before = match fs::DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => Before::Nothing,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read_dir(path).with_context(cannot)?.next().is_some() {
                    bail!(
                        "{} is not empty; this command's cloud does not outlive it, so it wants a directory that is \
                         empty or not there yet",
                        path.display()
                    );
                }
                Before::Empty(fs::metadata(path).with_context(cannot)?.permissions())
            }
            Err(error) => return Err(error).with_context(cannot),
        };
        let path = path.canonicalize().with_context(cannot)?;
        Ok(Self { path, before, is_kept: false })
    }

    /// The directory itself, without symbolic links in its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From now on it is left as it is.
    pub(crate) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Makes it as it was before, unless it is to be kept.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub(crate) fn remove(mut self) -> anyhow::Result<()> {
        if std::mem::replace(&mut self.is_kept, true) {
            return Ok(());
        }
        self.restore().with_context(|| format!("cannot remove {}", self.path.display()))
    }

    fn restore(&self) -> io::Result<()> {
        match &self.before {
            Before::Nothing => fs::remove_dir_all(&self.path),
            Before::Empty(permissions) => {
                for entry in fs::read_dir(&self.path)? {
                    let entry = entry?;
                    if entry.file_type()?.is_dir() {
                        fs::remove_dir_all(entry.path())?;
                    } else {
                        fs::remove_file(entry.path())?;
                    }
                }
                fs::set_permissions(&self.path, permissions.clone())
            }
        }
    }
}

/// On the way out of an error it is removed as well.
impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = self.restore()
        {
            eprintln!("brume: cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn fill(scratch: &Scratch) {
        fs::create_dir(scratch.path().join("store")).unwrap();
        fs::write(scratch.path().join("store/file"), "x").unwrap();
        symlink("/nonexistent", scratch.path().join("link")).unwrap();
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn what_was_not_there_is_gone_again() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new");
        for named in [Some(path.as_path()), None] {
            let scratch = Scratch::new(named).unwrap();
            let path = scratch.path().to_owned();
            fill(&scratch);
            scratch.remove().unwrap();
            assert!(!path.exists());
            let dropped = Scratch::new(named).unwrap();
            let path = dropped.path().to_owned();
            fill(&dropped);
            drop(dropped);
            assert!(!path.exists());
        }
    }

    #[test]
    fn what_was_empty_is_empty_again() {
        let root = tempfile::tempdir().unwrap();
        let mode = || fs::metadata(root.path()).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(root.path(), Permissions::from_mode(0o751)).unwrap();
        let scratch = Scratch::new(Some(root.path())).unwrap();
        fill(&scratch);
        scratch.remove().unwrap();
        assert_eq!((fs::read_dir(root.path()).unwrap().count(), mode()), (0, 0o751));
    }

    #[test]
    fn somebody_elses_files_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "mine").unwrap();
        for (path, said) in [
            (root.path().to_owned(), "not empty"),
            (file.clone(), "cannot use"),
            (root.path().join("missing/new"), "cannot use"),
        ] {
            let error = Scratch::new(Some(&path)).unwrap_err();
            assert!(error.to_string().contains(said), "{}: {error:#}", path.display());
        }
        assert_eq!(fs::read_to_string(file).unwrap(), "mine");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
    }
}
