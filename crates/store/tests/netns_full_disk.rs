//! A file system that is really full: a small tmpfs in a mount namespace of this test's own.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use store::{Read, Record, RedbBackend, Scope, Store, StoreError};

const CHILD_DIR: &str = "STORE_TEST_FULL_DIR";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

impl Record for Note {
    const KIND: &'static str = "test.note";
}

fn scope() -> Scope {
    Scope::new(Default::default(), "123456789012".parse().unwrap(), "eu-west-1".parse().unwrap())
}

fn write(store: &Store, number: usize) -> Result<(), StoreError> {
    store.transact(|tx| {
        tx.put(&scope(), &format!("{number:04}"), Note { text: "x".repeat(100_000) });
        Ok(())
    })
}

fn check(dir: &Path) {
    let ballast = dir.join("ballast");
    std::fs::write(&ballast, vec![1; 8 << 20]).unwrap();
    let open = || Store::open(RedbBackend::open(&dir.join("data")).unwrap()).unwrap();
    let store = open();
    let refused = (0..).map(|number| (number, write(&store, number))).find(|(_, written)| written.is_err());
    let (count, error) = refused.unwrap();
    assert!(count > 5 && matches!(error, Err(StoreError::Write(_))), "{count}: {error:?}");
    assert_eq!(store.snapshot().count::<Note>(&scope()), count);
    write(&store, count).unwrap_err();
    std::fs::remove_file(&ballast).unwrap();
    write(&store, count).unwrap();
    drop(store);
    let store = open();
    store.check::<Note>().unwrap();
    assert_eq!(store.snapshot().count::<Note>(&scope()), count + 1);
    println!("{count} commits until the disk was full");
}

#[test]
fn a_full_file_system_refuses_and_recovers() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return check(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=20m tmpfs \"$STORE_TEST_FULL_DIR\" || exit 77; exec \"$0\" \"$@\"";
    let child = Command::new("unshare")
        .args(["--mount", "sh", "-c", mount])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_file_system_refuses_and_recovers", "--nocapture"])
        .env(CHILD_DIR, dir.path())
        .output();
    // 1 is what unshare says when it may not, 77 what the script says.
    let reason = match &child {
        Err(error) => Some(format!("unshare: {error}")),
        Ok(output) if output.status.code() == Some(77) => Some("tmpfs may not be mounted".to_owned()),
        Ok(output) if String::from_utf8_lossy(&output.stderr).contains("unshare failed") => {
            Some("mount namespaces may not be made".to_owned())
        }
        Ok(_) => None,
    };
    if let Some(reason) = reason {
        assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "{reason}");
        eprintln!("SKIPPED: {reason}");
        return;
    }
    let output = child.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("until the disk was full"), "the check ran: {text}");
}
