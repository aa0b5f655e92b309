//! The root disk of a guest: a small system around the host's `/usr`.
//!
//! Owns which files a new disk has. Of the host it copies only what belongs to `/usr` and is public: the loader's
//! cache, the alternatives links, certificate authorities, names of ports and protocols.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path, PathBuf};

use crate::driver::{GUEST_PATH, Spec};
use crate::idmap::IdRange;

use super::{Failure, Step};

/// Where the executable is in the guest.
pub(super) const TOOLBOX_PATH: &str = "/opt/brume/bin/brume";

/// The user that EC2's own images log in as.
const USER_ID: u32 = 1000;

/// Top-level entries of the host that belong to `/usr`, as symbolic links on a merged system.
pub(super) const USR_ENTRIES: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

/// Files and trees that are the same for every guest, with where the host has them.
const COPIED: [&str; 12] = [
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "alternatives",
    "protocols",
    "services",
    "mime.types",
    "iproute2",
    "ssl/certs/ca-certificates.crt",
    "ssl/openssl.cnf",
    "pki/tls",
    "pki/ca-trust/extracted",
];

/// Certificate keys may lie beside public certificates.
const NEVER_COPIED: [&str; 1] = ["private"];

/// Makes the disk in an empty directory.
pub(super) fn create(root: &Path, spec: &Spec, ids: IdRange) -> Result<(), Failure> {
    let disk = Disk { root: root.to_owned(), ids };
    disk.create(spec).step(format!("create the root disk in {}", root.display()))
}

/// Makes the guest's `/usr/local`: the directories that programs expect (Filesystem Hierarchy Standard, 4.9), and in the
/// one that comes first in `PATH` the programs that stand before the host's. The host's own is its administrator's, whose
/// scripts and settings are nobody else's business.
pub(super) fn create_usr_local(directory: &Path, ids: IdRange) -> Result<(), Failure> {
    let disk = Disk { root: directory.to_owned(), ids };
    ["", "bin", "etc", "games", "include", "lib", "man", "sbin", "share", "src"]
        .iter()
        .try_for_each(|path| disk.directory(path, 0o755, 0))
        .and_then(|()| {
            let mut names = toolbox::POWER_TOOLS.iter();
            names.try_for_each(|name| disk.link(&format!("sbin/{name}"), TOOLBOX_PATH))
        })
        .step(format!("create {}", directory.display()))
}

/// Writes what may differ at each start.
pub(super) fn refresh(root: &Path, spec: &Spec, ids: IdRange) -> Result<(), Failure> {
    let disk = Disk { root: root.to_owned(), ids };
    disk.refresh(spec).step("write the configuration of the guest")
}

/// A root disk, or another directory that a guest owns.
pub(super) struct Disk {
    pub(super) root: PathBuf,
    pub(super) ids: IdRange,
}

impl Disk {
    fn create(&self, spec: &Spec) -> std::io::Result<()> {
        self.directory("", 0o755, 0)?;
        for path in [
            "dev",
            "etc",
            "etc/pam.d",
            "etc/profile.d",
            "etc/ssl",
            "etc/ssl/certs",
            "etc/sudoers.d",
            "home",
            "mnt",
            "opt",
            "opt/brume",
            "opt/brume/bin",
            "proc",
            "run",
            "srv",
            "sys",
            "usr",
            "var",
            "var/cache",
            "var/lib",
            "var/lib/cloud",
            "var/log",
            "var/spool",
        ] {
            self.directory(path, 0o755, 0)?;
        }
        self.directory("root", 0o700, 0)?;
        self.directory("tmp", 0o1777, 0)?;
        self.directory("var/tmp", 0o1777, 0)?;
        self.directory("home/ec2-user", 0o700, USER_ID)?;
        self.link("var/run", "/run")?;
        self.link("var/lock", "/run/lock")?;
        self.link("etc/mtab", "/proc/self/mounts")?;
        self.link("etc/localtime", "/usr/share/zoneinfo/UTC")?;
        for (path, text) in FILES {
            self.file(path, text.as_bytes(), 0o644)?;
        }
        for (path, text) in SECRET_FILES {
            self.file(path, text.as_bytes(), 0o440)?;
        }
        let machine_id =
            spec.machine_id.clone().unwrap_or_else(|| machine_id_of(&spec.instance_id.to_string()));
        self.file("etc/machine-id", format!("{machine_id}\n").as_bytes(), 0o444)?;
        self.toolbox()?;
        for entry in USR_ENTRIES {
            self.usr_entry(entry)?;
        }
        for path in COPIED {
            self.copy(&Path::new("/etc").join(path), &Path::new("etc").join(path))?;
        }
        if self.root.join("etc/ssl/certs/ca-certificates.crt").exists() {
            self.link("etc/ssl/cert.pem", "certs/ca-certificates.crt")?;
        }
        Ok(())
    }

    fn refresh(&self, spec: &Spec) -> std::io::Result<()> {
        let short = spec.hostname.split('.').next().unwrap_or_default();
        let names =
            if short == spec.hostname { spec.hostname.clone() } else { format!("{} {short}", spec.hostname) };
        let hosts = format!("127.0.0.1 localhost {names}\n::1 localhost ip6-localhost ip6-loopback\n");
        // The guest may have changed both; like cloud-init, the host name is put back and the hosts are left alone.
        self.file("etc/hostname", format!("{}\n", spec.hostname).as_bytes(), 0o644)?;
        if !self.root.join("etc/hosts").exists() {
            self.file("etc/hosts", hosts.as_bytes(), 0o644)?;
        }
        let mut environment = format!("PATH={GUEST_PATH}\nLANG=C.UTF-8\n");
        for (name, value) in &spec.environment {
            environment.push_str(&format!("{name}={value}\n"));
        }
        self.file("etc/environment", environment.as_bytes(), 0o644)?;
        self.directory("var/lib/cloud/instance", 0o755, 0)?;
        // User data can hold secrets: for root alone, as cloud-init has it.
        let user_data = spec.user_data.as_deref().unwrap_or_default();
        self.file("var/lib/cloud/instance/user-data.txt", user_data, 0o600)
    }

    fn toolbox(&self) -> std::io::Result<()> {
        // The executable is mounted over this.
        self.file(TOOLBOX_PATH.trim_start_matches('/'), b"", 0o755)?;
        for name in toolbox::TOOLS {
            self.link(&format!("opt/brume/bin/{name}"), "brume")?;
        }
        Ok(())
    }

    /// `/bin` and its like: the same link as on the host, or a directory to mount the host's on.
    fn usr_entry(&self, name: &str) -> std::io::Result<()> {
        let host = Path::new("/").join(name);
        let Ok(metadata) = fs::symlink_metadata(&host) else { return Ok(()) };
        if metadata.is_symlink() {
            let target = fs::read_link(&host)?;
            self.link(name, &target.to_string_lossy())
        } else {
            self.directory(name, 0o755, 0)
        }
    }

    pub(super) fn directory(&self, path: &str, mode: u32, owner: u32) -> std::io::Result<()> {
        let full = self.root.join(path);
        self.refuse_links_above(path)?;
        match fs::create_dir(&full) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            Err(_) if !fs::symlink_metadata(&full)?.is_dir() => return Err(not_a_directory(&full)),
            _ => {}
        }
        fs::set_permissions(&full, fs::Permissions::from_mode(mode))?;
        self.own(&full, owner)
    }

    /// Writes a file anew: the guest may have left a link of that name to anywhere, which must not be followed.
    pub(super) fn file(&self, path: &str, content: &[u8], mode: u32) -> std::io::Result<()> {
        let full = self.root.join(path);
        self.refuse_links_above(path)?;
        match fs::remove_file(&full) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file: File = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&full)?;
        file.write_all(content)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        std::os::unix::fs::fchown(&file, Some(self.ids.host_id(0)), Some(self.ids.host_id(0)))
    }

    /// The guest owns its disk, so a directory on the way may have become a link since.
    pub(super) fn refuse_links_above(&self, path: &str) -> std::io::Result<()> {
        let mut at = self.root.clone();
        let directories = Path::new(path).parent().unwrap_or(Path::new(""));
        for part in directories {
            at.push(part);
            if !fs::symlink_metadata(&at)?.is_dir() {
                return Err(not_a_directory(&at));
            }
        }
        Ok(())
    }

    fn link(&self, path: &str, target: &str) -> std::io::Result<()> {
        let full = self.root.join(path);
        symlink(target, &full)?;
        self.own(&full, 0)
    }

    fn own(&self, full: &Path, owner: u32) -> std::io::Result<()> {
        lchown(full, Some(self.ids.host_id(owner)), Some(self.ids.host_id(owner)))
    }

    /// Copies what of a tree everybody may read; what is not there is not needed.
    fn copy(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        let Ok(metadata) = fs::symlink_metadata(from) else { return Ok(()) };
        let path = to.to_string_lossy();
        if NEVER_COPIED.iter().any(|name| to.ends_with(name)) {
            return Ok(());
        }
        if let Some(parent) = to.parent() {
            self.parents(parent)?;
        }
        if metadata.is_symlink() {
            let target = fs::read_link(from)?;
            match self.link(&path, &target.to_string_lossy()) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        } else if metadata.is_dir() {
            self.directory(&path, 0o755, 0)?;
            for entry in fs::read_dir(from)? {
                let name = entry?.file_name();
                self.copy(&from.join(&name), &to.join(&name))?;
            }
            Ok(())
        } else if metadata.is_file() && metadata.permissions().mode() & 0o004 != 0 {
            self.file(&path, &fs::read(from)?, 0o644)
        } else {
            Ok(())
        }
    }

    fn parents(&self, path: &Path) -> std::io::Result<()> {
        let mut at = PathBuf::new();
        for part in path {
            at.push(part);
            if !self.root.join(&at).exists() {
                self.directory(&at.to_string_lossy(), 0o755, 0)?;
            }
        }
        Ok(())
    }
}

fn not_a_directory(path: &Path) -> std::io::Error {
    std::io::Error::other(format!("{} is not a directory any more", path.display()))
}

/// Thirty-two hexadecimal digits that the same instance always has.
fn machine_id_of(instance_id: &str) -> String {
    let digits: String = instance_id.chars().filter(char::is_ascii_hexdigit).collect();
    format!("{digits:0>32}")
}

const FILES: [(&str, &str); 13] = [
    (
        "etc/os-release",
        "NAME=\"Brume Linux\"\nID=brume\nPRETTY_NAME=\"Brume Linux (the userland of its host)\"\n\
         HOME_URL=\"https://github.com/brume-cloud/brume\"\n",
    ),
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/bash\n\
         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
         ec2-user:x:1000:1000:EC2 Default User:/home/ec2-user:/bin/bash\n\
         nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    (
        "etc/group",
        "root:x:0:\ndaemon:x:1:\nadm:x:4:ec2-user\ntty:x:5:\nwheel:x:10:ec2-user\nshadow:x:42:\n\
         ec2-user:x:1000:\nnogroup:x:65534:\n",
    ),
    (
        "etc/nsswitch.conf",
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nprotocols: files\nservices: files\n",
    ),
    ("etc/host.conf", "multi on\n"),
    ("etc/resolv.conf", "# written by the DHCP client\n"),
    ("etc/shells", "/bin/sh\n/bin/bash\n"),
    ("etc/motd", ""),
    (
        "etc/profile",
        "# Login shells.\n\
         if [ -r /etc/environment ]; then set -a; . /etc/environment; set +a; fi\n\
         if [ \"$(id -u)\" = 0 ]; then PS1='[\\u@\\h \\W]# '; else PS1='[\\u@\\h \\W]$ '; fi\n\
         for part in /etc/profile.d/*.sh; do [ -r \"$part\" ] && . \"$part\"; done\nunset part\n",
    ),
    ("etc/bash.bashrc", "[ -n \"$PS1\" ] && PS1='[\\u@\\h \\W]\\$ '\n"),
    (
        "etc/pam.d/other",
        "auth required pam_deny.so\naccount required pam_permit.so\npassword required pam_deny.so\nsession required pam_permit.so\n",
    ),
    (
        "etc/pam.d/sudo",
        "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\n",
    ),
    (
        "etc/pam.d/su",
        "auth sufficient pam_rootok.so\nauth required pam_deny.so\naccount required pam_permit.so\n\
         session required pam_permit.so\n",
    ),
];

const SECRET_FILES: [(&str, &str); 3] = [
    ("etc/shadow", "root:*:19000:0:99999:7:::\nec2-user:!:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"),
    (
        "etc/sudoers",
        "Defaults env_keep += \"PATH AWS_CA_BUNDLE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE SSL_CERT_FILE\"\n\
     root ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    ),
    ("etc/sudoers.d/90-cloud-init-users", "ec2-user ALL=(ALL) NOPASSWD:ALL\n"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_id_is_32_digits_and_the_instances_own() {
        let id = machine_id_of("i-0123456789abcdef0");
        assert!(
            id.ends_with("0123456789abcdef0") && id.chars().all(|digit| digit.is_ascii_hexdigit()),
            "{id}"
        );
        assert_eq!(id.len(), 32);
    }
}
