//! A file system that is really full: a small tmpfs in a mount namespace of this test's own.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use object_store::{BlobError, ObjectStore, Row, StoreError};
use support::{OBJECTS, content, delete, files, get, put, secret};

const CHILD_DIR: &str = "OBJECT_STORE_TEST_FULL_DIR";
const SOON: Duration = Duration::from_secs(10);

fn open(dir: &Path) -> ObjectStore {
    ObjectStore::open(&dir.join("data"), secret()).unwrap()
}

fn is_full<T>(outcome: &Result<T, BlobError>) -> bool {
    matches!(outcome, Err(BlobError::Full | BlobError::Index(StoreError::Full)))
}

/// Everything up to a number is there and whole, and nothing else is.
fn check_all(store: &ObjectStore, dir: &Path, count: u64, length: usize) {
    for number in 0..count {
        assert!(get(store, &number.to_string()).unwrap().unwrap() == content(number, length), "{number}");
    }
    assert!(store.wait_for_removals(SOON));
    let report = store.fsck(false).unwrap();
    assert!(report.is_clean() && report.unreferenced == 0, "{report:?}");
    assert!(files(&dir.join("data/staging")).is_empty());
}

fn check(dir: &Path) {
    let store = open(dir);
    let large = 1_500_000;
    let put_large = |number: u64| put(&store, &number.to_string(), &content(number, large));
    let count = (0..).find(|number| is_full(&put_large(*number))).unwrap();
    assert!(count > 10, "{count}");
    eprintln!("{count} contents until the disk was full");
    check_all(&store, dir, count, large);
    assert!(is_full(&put_large(count)));
    // Small ones find space a little longer.
    let small = |number: u64| put(&store, &format!("small {number}"), &content(number, 16_000));
    let smalls = (0..5000).find(|number| is_full(&small(*number)));
    eprintln!("{smalls:?} small ones more");
    assert!(smalls.is_some());

    // Somebody else takes the rest, to the last byte.
    let mut ballast = std::fs::File::create(dir.join("ballast")).unwrap();
    while ballast.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
    assert!(is_full(&put_large(count)));
    let reserve = || dir.join("data/objects.reserve").metadata().ok().map(|metadata| metadata.len());
    assert_eq!(reserve(), Some(4 << 20));
    let row = |number: u32| {
        store
            .transact::<_, StoreError>(|tx| tx.put(OBJECTS, &number.to_be_bytes(), Row::new(vec![7; 60_000])))
    };
    // What only changes rows goes on, out of the space that is kept, until that is used up as well.
    let refused = (0..2000).find(|number| matches!(row(*number), Err(StoreError::Full)));
    eprintln!("{refused:?} rows more");
    let refused = refused.unwrap();
    assert_eq!(reserve(), None, "it was given up before rows were refused");
    check_all(&store, dir, count, large);
    drop(ballast);
    std::fs::remove_file(dir.join("ballast")).unwrap();
    (0..refused).for_each(|number| {
        store.transact::<_, StoreError>(|tx| tx.delete(OBJECTS, &number.to_be_bytes())).unwrap();
    });

    // Full to the last byte again, and this time rows are removed.
    let mut ballast = std::fs::File::create(dir.join("ballast")).unwrap();
    while ballast.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
    assert!(is_full(&put_large(count)));
    for number in count / 3..count {
        assert!(delete(&store, &number.to_string()).unwrap(), "{number}");
    }
    check_all(&store, dir, count / 3, large);
    // Their space is back, with the ballast still there.
    put_large(count / 3).unwrap();
    assert_eq!(reserve(), Some(4 << 20), "it is kept again");
    drop(store);
    let store = open(dir);
    check_all(&store, dir, count / 3 + 1, large);
}

#[test]
fn a_full_file_system_refuses_and_recovers() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return check(Path::new(&dir));
    }
    let dir = tempfile::tempdir().unwrap();
    let mount =
        "mount -t tmpfs -o size=80m tmpfs \"$OBJECT_STORE_TEST_FULL_DIR\" || exit 77; exec \"$0\" \"$@\"";
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
    let text =
        format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{text}");
    assert!(output.status.success());
    assert!(text.contains("until the disk was full"), "the check ran: {text}");
}
