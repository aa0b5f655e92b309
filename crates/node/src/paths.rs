//! Where a cloud keeps its things: durable ones in its data directory, host state in its run directory.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

/// The data directory when none is named: `/var/lib/brume` for root, else below the XDG data directory.
pub fn default_data_dir() -> PathBuf {
    if nix::unistd::geteuid().is_root() {
        return PathBuf::from("/var/lib/brume");
    }
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into()));
    let base = std::env::var_os("XDG_DATA_HOME").map_or_else(|| home().join(".local/share"), PathBuf::from);
    base.join("brume")
}

/// The durable files of one cloud.
#[derive(Clone, Debug)]
pub struct DataDir(PathBuf);

impl DataDir {
    /// Creates the directory, for its owner only. One that is there already must be empty or a cloud's: nobody else's
    /// files are made private, or deleted with the cloud later.
    ///
    /// # Errors
    /// When it is something else, or cannot be created or made private.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let data_dir = Self(path.canonicalize()?);
        if !data_dir.is_clouds() {
            if fs::read_dir(path)?.next().is_some() {
                return Err(io::Error::new(
                    io::ErrorKind::AlreadyExists,
                    "it is neither empty nor the data directory of a cloud; name another one",
                ));
            }
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
            fs::write(data_dir.marker(), "This directory belongs to a Brume cloud.\n")?;
        }
        Ok(data_dir)
    }

    /// Whether a cloud keeps its data here.
    pub fn is_clouds(&self) -> bool {
        self.marker().is_file()
    }

    fn marker(&self) -> PathBuf {
        self.0.join(".brume-data")
    }

    /// Deletes what a cloud keeps here, and the directory unless somebody else put something in it. Returns whether the
    /// directory is gone.
    ///
    /// # Errors
    /// When it is not a cloud's, or something cannot be deleted.
    pub fn delete(self) -> io::Result<bool> {
        if !self.is_clouds() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not the data directory of a cloud",
            ));
        }
        let credentials = self.credentials();
        let directories = [
            self.store(),
            self.tls(),
            self.instances(),
            self.flow_logs(),
            self.history(),
            self.events(),
            self.objects(),
            self.disagreements(),
        ];
        let clients = credentials.parent().map(Path::to_owned);
        for directory in directories.into_iter().chain(clients) {
            unless_missing(fs::remove_dir_all(directory))?;
        }
        unless_missing(fs::remove_file(self.scrub_summary()))?;
        unless_missing(fs::remove_file(self.log()))?;
        unless_missing(fs::remove_file(self.previous_log()))?;
        // The marker goes last, so that a deletion that was cut off can be repeated.
        unless_missing(fs::remove_file(self.marker()))?;
        match fs::remove_dir(&self.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The directory of a cloud that was started before.
    ///
    /// # Errors
    /// When it does not exist.
    pub fn open(path: &Path) -> io::Result<Self> {
        path.canonicalize().map(Self)
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The directory of the durable state.
    pub fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    /// The certificate authority and what else the gateway's TLS needs.
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The certificate that clients must trust for HTTPS.
    pub fn ca_certificate(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// The instances' disks and consoles.
    pub fn instances(&self) -> PathBuf {
        self.0.join("instances")
    }

    /// The records of flow logs.
    pub fn flow_logs(&self) -> PathBuf {
        self.0.join("flow-logs")
    }

    /// Earlier configurations of the network.
    pub fn history(&self) -> PathBuf {
        self.0.join("history")
    }

    /// The events of calls.
    pub fn events(&self) -> PathBuf {
        self.0.join("events")
    }

    /// The objects of S3.
    pub fn objects(&self) -> PathBuf {
        self.0.join("objects")
    }

    /// What the last scrub of the objects found.
    pub fn scrub_summary(&self) -> PathBuf {
        self.0.join("objects-scrub.json")
    }

    /// What is written down when packets do not do what a trace says.
    pub fn disagreements(&self) -> PathBuf {
        self.0.join("disagreements")
    }

    /// What clients need to connect, in the AWS CLI's own file formats.
    pub fn credentials(&self) -> PathBuf {
        self.0.join("aws/credentials")
    }

    /// The log of a detached daemon.
    pub fn log(&self) -> PathBuf {
        self.0.join("brume.log")
    }

    /// What that log was before it was begun anew.
    pub fn previous_log(&self) -> PathBuf {
        self.0.join("brume.log.1")
    }

    /// The directory for the cloud's host state. Its name is a hash of the data directory's path, so that several
    /// clouds stand beside each other and socket paths stay short.
    pub fn run_dir(&self) -> RunDir {
        let hash = Sha256::digest(self.0.as_os_str().as_encoded_bytes());
        RunDir(Path::new("/run/brume").join(hex::encode(&hash[..5])))
    }
}

fn unless_missing(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

/// The host state of one cloud: what must be gone after `brume down`.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// Creates the directory, for its owner only.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        if let Some(parent) = self.0.parent() {
            builder.recursive(true).create(parent)?;
        }
        match builder.recursive(false).create(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.0.is_dir() => Ok(()),
            other => other,
        }
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The name that the cloud's host objects carry.
    pub fn cloud(&self) -> &str {
        self.0
            .file_name()
            .and_then(|name| name.to_str())
            .expect("a hexadecimal name was joined at construction")
    }

    /// The name of the device by which the machine is linked to the cloud's network: as much of the cloud's name as the 15
    /// characters of a device's have room for.
    pub fn device(&self) -> String {
        format!("brume-{}", &self.cloud()[..8])
    }

    /// The file that names the running daemon.
    pub fn daemon(&self) -> PathBuf {
        self.0.join("daemon.json")
    }

    /// The lock of the one daemon that has the cloud.
    pub fn daemon_lock(&self) -> PathBuf {
        self.0.join("lock")
    }

    /// Whether there is nothing of a cloud but the daemon's lock.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn is_empty(&self) -> io::Result<bool> {
        let lock = self.daemon_lock();
        for entry in fs::read_dir(&self.0)? {
            if entry?.path() != lock {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The data plane's host state.
    pub fn data_plane(&self) -> PathBuf {
        self.0.join("net")
    }

    /// The sandboxes' host state.
    pub fn sandboxes(&self) -> PathBuf {
        self.0.join("sandboxes")
    }

    /// The key of the metadata service's session tokens.
    pub fn token_key(&self) -> PathBuf {
        self.0.join("token-key")
    }

    /// The daemon's control socket.
    pub fn control_socket(&self) -> PathBuf {
        self.0.join("control")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_other_peoples_directories_alone() {
        let somebodys = tempfile::tempdir().unwrap();
        fs::set_permissions(somebodys.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(somebodys.path().join("store")).unwrap();
        assert_eq!(DataDir::create(somebodys.path()).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mode = fs::metadata(somebodys.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert!(DataDir::open(somebodys.path()).unwrap().delete().is_err());
        assert!(somebodys.path().join("store").is_dir());
    }

    #[test]
    fn deletes_its_own_files_and_no_others() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("cloud");
        let data_dir = DataDir::create(&path).unwrap();
        fs::create_dir_all(data_dir.store()).unwrap();
        for log in [data_dir.log(), data_dir.previous_log(), data_dir.scrub_summary()] {
            fs::write(log, "").unwrap();
        }
        assert!(DataDir::create(&path).unwrap().delete().unwrap());
        assert!(!path.exists());

        let data_dir = DataDir::create(&path).unwrap();
        fs::write(path.join("notes"), "mine").unwrap();
        assert!(!data_dir.delete().unwrap());
        assert!(path.join("notes").is_file());
    }
}
