//! The certificate authority of the cloud in a guest.
//!
//! Owns where programs in a guest look for authorities. Of the authority a guest gets the certificate alone. Refuses to know
//! what it certifies.
//!
//! The guest owns its disk, so that everything there may have become a link to anywhere since: nothing is followed, and what
//! is not as it was made is left alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::idmap::IdRange;

use super::rootfs::Disk;
use super::{Failure, Step};

/// The authorities that everything trusts, as Debian has them. Made where the host has none.
const BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The same, as Red Hat has them.
const OTHER_BUNDLES: [&str; 1] = ["/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"];

/// In `/usr/local`: what `update-ca-certificates` adds to the host's, so that whoever runs it keeps the authority.
const ANCHOR_DIRECTORIES: [&str; 2] = ["share", "share/ca-certificates"];
const ANCHOR: &str = "share/ca-certificates/brume.crt";

/// Variables by which programs that have authorities of their own are told others: those of the AWS CLI and SDKs, of curl, of
/// Python's requests and of OpenSSL.
const VARIABLES: [&str; 4] = ["AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"];

/// What everything in a guest is told, beside what its spec says, which comes first.
pub(super) fn add_variables(environment: &mut BTreeMap<String, String>) {
    for name in VARIABLES {
        environment.entry(name.to_owned()).or_insert_with(|| BUNDLE.to_owned());
    }
}

/// Bundles are a few hundred kilobytes. A larger one is somebody's own, and left alone.
const BUNDLE_BYTES_MAX: u64 = 8 << 20;

/// Has everything in a guest trust an authority, at each start: disks may be of before it was there.
pub(super) fn install(root: &Path, usr_local: &Path, authority: &str, ids: IdRange) -> Result<(), Failure> {
    let step = "have the guest trust the cloud's certificate authority";
    let disk = Disk { root: root.to_owned(), ids };
    for bundle in OTHER_BUNDLES.into_iter().chain([BUNDLE]) {
        let path = bundle.trim_start_matches('/');
        let is_needed = bundle == BUNDLE;
        if let Some(text) = with_authority(&disk, path, authority, is_needed) {
            disk.file(path, &text, 0o644).step(step)?;
        }
    }
    let disk = Disk { root: usr_local.to_owned(), ids };
    let is_made = ANCHOR_DIRECTORIES.iter().try_for_each(|path| disk.directory(path, 0o755, 0));
    // A guest that has something else there has decided by itself.
    let _ = is_made.and_then(|()| disk.file(ANCHOR, authority.as_bytes(), 0o644));
    Ok(())
}

/// A bundle with the authority at its end. `None` where it is so already, or not to be changed.
fn with_authority(disk: &Disk, path: &str, authority: &str, is_needed: bool) -> Option<Vec<u8>> {
    disk.refuse_links_above(path).ok()?;
    let opened = File::options()
        .read(true)
        // Neither a link nor a pipe holds the start up.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(disk.root.join(path));
    let mut text = Vec::new();
    match opened {
        Ok(file) => {
            let metadata = file.metadata().ok()?;
            if !metadata.is_file() || metadata.len() > BUNDLE_BYTES_MAX {
                return None;
            }
            file.take(BUNDLE_BYTES_MAX).read_to_end(&mut text).ok()?;
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_needed => {}
        Err(_) => return None,
    }
    let known = authority.trim().as_bytes();
    if text.windows(known.len().max(1)).any(|part| part == known) {
        return None;
    }
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(authority.as_bytes());
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    const BUNDLE_PATH: &str = "etc/ssl/certs/ca-certificates.crt";

    struct Guest(tempfile::TempDir);

    impl Guest {
        /// With this bundle, and whatever else is done to its disk.
        fn with(bundle: Option<&str>) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for path in ["root/etc/ssl/certs", "local"] {
                std::fs::create_dir_all(directory.path().join(path)).unwrap();
            }
            let guest = Self(directory);
            if let Some(bundle) = bundle {
                std::fs::write(guest.at(BUNDLE_PATH), bundle).unwrap();
            }
            guest
        }

        fn at(&self, path: &str) -> std::path::PathBuf {
            self.0.path().join("root").join(path)
        }

        fn install(&self) -> String {
            let ids = IdRange { first: nix::unistd::geteuid().as_raw() };
            let (root, local) = (self.0.path().join("root"), self.0.path().join("local"));
            install(&root, &local, AUTHORITY, ids).map_err(|failure| failure.problem).unwrap();
            std::fs::read_to_string(self.at(BUNDLE_PATH)).unwrap_or_default()
        }
    }

    #[test]
    fn the_authority_is_added_once() {
        for (before, after) in [
            (None, AUTHORITY.to_owned()),
            (Some("of the host"), format!("of the host\n{AUTHORITY}")),
            (Some("of the host\n"), format!("of the host\n{AUTHORITY}")),
        ] {
            let guest = Guest::with(before);
            assert_eq!(guest.install(), after);
            assert_eq!(guest.install(), after, "the second time");
            let anchor = std::fs::read_to_string(guest.0.path().join("local").join(ANCHOR));
            assert_eq!(anchor.unwrap(), AUTHORITY);
        }
    }

    /// What a guest puts into the place of its bundle leads to nothing of the host.
    #[test]
    fn nothing_is_followed() {
        let secret = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(secret.path(), "secret").unwrap();
        let guest = Guest::with(None);
        std::os::unix::fs::symlink(secret.path(), guest.at(BUNDLE_PATH)).unwrap();
        assert_eq!(guest.install(), "secret", "it is the link that was read here");
        assert!(guest.at(BUNDLE_PATH).is_symlink(), "the link is as it was");

        let elsewhere = tempfile::tempdir().unwrap();
        let guest = Guest::with(None);
        std::fs::remove_dir(guest.at("etc/ssl/certs")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), guest.at("etc/ssl/certs")).unwrap();
        guest.install();
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0, "something was written");

        let guest = Guest::with(None);
        nix::unistd::mkfifo(&guest.at(BUNDLE_PATH), nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        let path = guest.at(BUNDLE_PATH);
        let ids = IdRange { first: nix::unistd::geteuid().as_raw() };
        let (root, local) = (guest.0.path().join("root"), guest.0.path().join("local"));
        assert!(install(&root, &local, AUTHORITY, ids).is_ok());
        assert!(!path.is_file(), "the pipe is as it was");
    }
}
