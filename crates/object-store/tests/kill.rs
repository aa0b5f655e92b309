//! `kill -9` at any moment of a storm of writes and removals: nothing acknowledged is lost, nothing is torn, nothing leaks.
//!
//! The child is this same test binary. Each of its threads does numbered operations whose effects follow from their numbers,
//! and prints each once it is acknowledged. The parent kills it, opens the store, and compares. `BRUME_KILLS` sets how often.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use object_store::{Address, ObjectStore, Read as _, Row, StoreError, Table};
use support::{content, file_of, files, read, secret, write};

const CHILD_DIR: &str = "OBJECT_STORE_TEST_KILL_DIR";
const DEFAULT_KILLS: u64 = 20;
const THREADS: u64 = 4;
/// How many rows each thread writes over and over.
const ROWS: u64 = 12;
const OBJECTS: Table = Table::new("objects");
const PROGRESS: Table = Table::new("progress");

fn open(dir: &Path) -> ObjectStore {
    ObjectStore::open(dir, secret()).unwrap()
}

/// What an operation writes; nothing when it removes.
fn content_of(thread: u64, number: u64) -> Option<Vec<u8>> {
    match number % 10 {
        0 | 5 => None,
        // Threads write these alike, so that one removes what another one is about to find.
        1 | 6 => Some(content(number % 3, 40_000)),
        2 => Some(content(thread << 32 | number, 1_200_000)),
        3 | 7 => Some(content(thread << 32 | number, 30_000)),
        _ => Some(content(thread << 32 | number, (number % 9 * 700) as usize)),
    }
}

fn row_key(thread: u64, number: u64) -> Vec<u8> {
    format!("{thread}/{}", number % ROWS).into_bytes()
}

fn number_in(row: Option<Row>) -> u64 {
    row.map_or(0, |row| u64::from_le_bytes(row.value.try_into().unwrap()))
}

fn storm(store: &ObjectStore, thread: u64) {
    loop {
        let next = number_in(store.snapshot().get(PROGRESS, &[thread as u8]).unwrap()) + 1;
        let blob = content_of(thread, next).map(|content| write(store.writer(), &content).unwrap());
        let value = next.to_le_bytes().to_vec();
        store
            .transact::<_, StoreError>(|tx| {
                tx.put(PROGRESS, &[thread as u8], Row::new(value.clone()))?;
                match &blob {
                    Some(blob) => {
                        let blobs = vec![tx.adopt(blob)];
                        tx.put(OBJECTS, &row_key(thread, next), Row { value, blobs })
                    }
                    None => tx.delete(OBJECTS, &row_key(thread, next)).map(|_| ()),
                }
            })
            .unwrap();
        // One write call for each line, so that a kill leaves at most its last line cut.
        std::io::stdout().lock().write_all(format!("ack {thread} {next}\n").as_bytes()).unwrap();
    }
}

fn child(dir: &Path) {
    let store = open(dir);
    std::thread::scope(|threads| {
        for thread in 0..THREADS {
            let store = &store;
            threads.spawn(move || storm(store, thread));
        }
    });
}

/// The last operation that each thread of the killed child had acknowledged.
fn run_and_kill(dir: &Path, run_for: Duration) -> BTreeMap<u64, u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "nothing_acknowledged_is_lost_and_nothing_leaks",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut numbers = BTreeMap::new();
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            let whole = line.strip_suffix('\n').and_then(|line| line.split_once("ack "));
            if let Some((thread, number)) = whole.and_then(|(_, acknowledged)| acknowledged.split_once(' ')) {
                numbers.insert(thread.parse().unwrap(), number.parse().unwrap());
            }
            line.clear();
        }
        numbers
    });
    std::thread::sleep(run_for);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

/// Everything is as some prefix of each thread's operations left it, which has all that were acknowledged. Returns how many
/// operations there were, and how many of them had an effect that is still there.
fn check(dir: &Path, acknowledged: &BTreeMap<u64, u64>, run: u64) -> u64 {
    let store = open(dir);
    assert!(files(&dir.join("staging")).is_empty(), "kill {run}");
    let snapshot = store.snapshot();
    let mut addresses: BTreeSet<Address> = BTreeSet::new();
    let mut operations = 0;
    for thread in 0..THREADS {
        let found = number_in(snapshot.get(PROGRESS, &[thread as u8]).unwrap());
        let acknowledged = acknowledged.get(&thread).copied().unwrap_or(0);
        assert!(
            found >= acknowledged,
            "kill {run}: thread {thread} acknowledged {acknowledged}, not {found}"
        );
        assert!(found <= acknowledged + 1 || acknowledged == 0, "kill {run}: thread {thread}");
        operations += found;
        for number in (found + 1).saturating_sub(ROWS).max(1)..=found {
            let row = snapshot.get(OBJECTS, &row_key(thread, number)).unwrap();
            match content_of(thread, number) {
                None => assert_eq!(row, None, "kill {run}: {thread}, {number}"),
                Some(expected) => {
                    let row = row.unwrap_or_else(|| panic!("kill {run}: {thread}, {number} is lost"));
                    assert_eq!(row.value, number.to_le_bytes(), "kill {run}: {thread}");
                    assert!(
                        read(&snapshot, row.blobs[0]).unwrap() == expected,
                        "kill {run}: {thread}, {number}"
                    );
                    if file_of(dir, row.blobs[0]).exists() {
                        addresses.insert(row.blobs[0].address);
                    }
                }
            }
        }
    }
    drop(snapshot);
    store.sweep().finish().unwrap();
    let report = store.fsck(false).unwrap();
    assert!(report.is_clean() && report.unreferenced == 0, "kill {run}: {report:?}");
    assert_eq!(files(&dir.join("blobs")).len(), addresses.len(), "kill {run}: something leaked");
    let usage = store.usage().unwrap();
    assert!(usage.rows <= THREADS * (ROWS + 1), "kill {run}: {usage:?}");
    operations
}

#[test]
fn nothing_acknowledged_is_lost_and_nothing_leaks() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return child(Path::new(&dir));
    }
    let kills = std::env::var("BRUME_KILLS").map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut random = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    eprintln!("seed {random}");
    let (mut operations, mut storms) = (0, 0);
    for run in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let acknowledged = run_and_kill(dir.path(), Duration::from_micros(30_000 + random % 250_000));
        operations = check(dir.path(), &acknowledged, run);
        storms += u64::from(!acknowledged.is_empty());
    }
    eprintln!("{kills} kills, {storms} in a storm, {operations} operations, {:?}", started.elapsed());
    assert!(
        storms * 2 > kills,
        "most kills have to come during writes, or nothing was tested: {storms} of {kills}"
    );
}
