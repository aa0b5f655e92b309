//! Disagreements on file.
//!
//! Owns the files, who may read them, and how many there are. Refuses to know what is in them.

use std::ffi::OsString;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use service_api::{IdSource as _, OsRandom};

/// Files that are kept; the oldest go first.
const FILES_MAX: usize = 64;
/// What their names end with.
const SUFFIX: &str = ".json";

/// Writes a file that only its owner can read: it has a seed in it by which ports could be foretold. Its name begins with the
/// time and ends at random, and a file that is there already is never written over.
pub(super) fn write_down(directory: &Path, disagreement: &impl Serialize) -> io::Result<PathBuf> {
    let text = serde_json::to_vec_pretty(disagreement)?;
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    make_room(directory)?;
    let random = OsRandom.bits() as u64;
    let path = directory.join(format!("{:015}-{random:016x}{SUFFIX}", crate::now().unix_millis()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(&text)?;
    Ok(path)
}

/// Removes the oldest until there is room for one more.
fn make_room(directory: &Path) -> io::Result<()> {
    let mut names: Vec<OsString> = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.to_string_lossy().ends_with(SUFFIX) {
            names.push(name);
        }
    }
    // By their time.
    names.sort();
    for name in names.iter().take((names.len() + 1).saturating_sub(FILES_MAX)) {
        match std::fs::remove_file(directory.join(name)) {
            // Another has just done it.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_the_newest_are_kept_and_only_their_owner_reads_them() {
        let held = tempfile::tempdir().unwrap();
        let directory = held.path().join("disagreements");
        let first = write_down(&directory, &"first").unwrap();
        assert_eq!(std::fs::read_to_string(&first).unwrap(), "\"first\"");
        for (path, mode) in [(&first, 0o600), (&directory, 0o700)] {
            assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{path:?}");
        }
        let old = |number: usize| directory.join(format!("{number:015}-0000000000000000.json"));
        (0..FILES_MAX + 2).for_each(|number| std::fs::write(old(number), "old").unwrap());
        let other = directory.join("0.txt");
        std::fs::write(&other, "not one of them").unwrap();
        let last = write_down(&directory, &"last").unwrap();
        assert!(first != last && first.exists() && last.exists() && other.exists());
        let kept: Vec<usize> = (0..FILES_MAX + 2).filter(|&number| old(number).exists()).collect();
        assert_eq!(kept, (4..FILES_MAX + 2).collect::<Vec<_>>());
    }
}
