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
    /// Creates the directory, for its owner only, where it is missing.
    ///
    /// # Errors
    /// When it cannot be created or made private.
    pub fn create(path: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        Ok(Self(path.canonicalize()?))
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

    /// What clients need to connect, in the AWS CLI's own file formats.
    pub fn credentials(&self) -> PathBuf {
        self.0.join("aws/credentials")
    }

    /// The log of a detached daemon.
    pub fn log(&self) -> PathBuf {
        self.0.join("brume.log")
    }

    /// The directory for the cloud's host state. Its name is a hash of the data directory's path, so that several
    /// clouds stand beside each other and socket paths stay short.
    pub fn run_dir(&self) -> RunDir {
        let hash = Sha256::digest(self.0.as_os_str().as_encoded_bytes());
        RunDir(Path::new("/run/brume").join(hex::encode(&hash[..5])))
    }
}

/// The host state of one cloud: what must be gone after `brume down`.
#[derive(Clone, Debug)]
pub struct RunDir(PathBuf);

impl RunDir {
    /// Creates the directory, for its owner only, and answers whether it was missing: of several that try at once, one
    /// is told so.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(&self) -> io::Result<bool> {
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700);
        if let Some(parent) = self.0.parent() {
            builder.recursive(true).create(parent)?;
        }
        match builder.recursive(false).create(&self.0) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.0.is_dir() => Ok(false),
            Err(error) => Err(error),
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

    /// The file that names the running daemon.
    pub fn daemon(&self) -> PathBuf {
        self.0.join("daemon.json")
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
