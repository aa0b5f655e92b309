//! `kill -9` at any moment of a write storm loses no acknowledged write.
//!
//! The child is this same test binary. It commits from several threads and prints each write once it is acknowledged;
//! the parent kills it, opens the store and compares. `BRUME_KILLS` sets how often.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::{Read, Record, RedbBackend, Scope, Store, StoreError};

const CHILD_DIR: &str = "STORE_TEST_KILL_DIR";
const DEFAULT_KILLS: u64 = 200;
const THREADS: u64 = 4;
/// How many of its latest writes each thread leaves in the store.
const KEPT: u64 = 50;

/// How far a thread has come, and, under another id, each of its writes.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Progress {
    number: u64,
    padding: String,
}

impl Record for Progress {
    const KIND: &'static str = "test.progress";
}

fn scope() -> Scope {
    Scope::new(Default::default(), "123456789012".parse().unwrap(), "eu-west-1".parse().unwrap())
}

fn open(dir: &Path) -> Store {
    Store::open(RedbBackend::open(dir).unwrap()).unwrap()
}

fn thread_id(thread: u64) -> String {
    format!("thread-{thread}")
}

fn write_id(thread: u64, number: u64) -> String {
    format!("write-{thread}-{number}")
}

fn progress(number: u64) -> Progress {
    Progress { number, padding: "x".repeat((number % 7 * 300) as usize) }
}

fn number(read: &impl Read, id: &str) -> u64 {
    read.get::<Progress>(&scope(), id).map_or(0, |progress| progress.number)
}

fn storm(store: &Store, thread: u64) {
    loop {
        let (number, revision) = store
            .transact::<_, StoreError>(|tx| {
                let next = number(tx, &thread_id(thread)) + 1;
                tx.put(&scope(), &thread_id(thread), progress(next));
                tx.put(&scope(), &write_id(thread, next), progress(next));
                tx.delete::<Progress>(&scope(), &write_id(thread, next.saturating_sub(KEPT)));
                Ok((next, tx.revision()))
            })
            .unwrap();
        // One write call for each line, so that a kill leaves at most its last line cut.
        let line = format!("ack {thread} {number} {revision}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
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

/// What the killed child had acknowledged: the last number of each thread, and the last revision.
fn run_and_kill(dir: &Path, run_for: Duration) -> (BTreeMap<u64, u64>, u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_acknowledged_write_is_lost", "--nocapture", "--test-threads=1"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let (mut numbers, mut last_revision) = (BTreeMap::new(), 0);
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            let whole = line.strip_suffix('\n').and_then(|line| line.split_once("ack "));
            if let Some((_, acknowledged)) = whole {
                let parsed: Vec<u64> = acknowledged.split(' ').map(|part| part.parse().unwrap()).collect();
                numbers.insert(parsed[0], parsed[1]);
                last_revision = last_revision.max(parsed[2]);
            }
            line.clear();
        }
        (numbers, last_revision)
    });
    std::thread::sleep(run_for);
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

fn check(store: &Store, acknowledged: &BTreeMap<u64, u64>, revision: u64, run: u64) {
    let snapshot = store.snapshot();
    assert!(snapshot.revision().0 >= revision, "kill {run}: revision {revision} was acknowledged");
    for thread in 0..THREADS {
        let found = number(&snapshot, &thread_id(thread));
        let acknowledged = acknowledged.get(&thread).copied().unwrap_or(0);
        assert!(
            found >= acknowledged,
            "kill {run}: thread {thread} acknowledged {acknowledged}, {found} is there"
        );
        assert!(
            found <= acknowledged + 1 || acknowledged == 0,
            "kill {run}: thread {thread} wrote what it did not"
        );
        // Each transaction is whole: the write is there with the progress, and the one before KEPT is gone.
        for number in (found + 1).saturating_sub(KEPT).max(1)..=found {
            let write = snapshot.get::<Progress>(&scope(), &write_id(thread, number));
            assert_eq!(
                write.as_deref(),
                Some(&progress(number)),
                "kill {run}: thread {thread}, write {number}"
            );
        }
        assert!(!snapshot.contains::<Progress>(&scope(), &write_id(thread, found + 1)), "kill {run}");
    }
    store.check::<Progress>().unwrap();
}

#[test]
fn no_acknowledged_write_is_lost() {
    if let Some(dir) = std::env::var_os(CHILD_DIR) {
        return child(Path::new(&dir));
    }
    let kills = std::env::var("BRUME_KILLS").map_or(DEFAULT_KILLS, |kills| kills.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let mut random = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64 | 1;
    eprintln!("seed {random}");
    let (mut last, mut storms) = (0, 0);
    for run in 0..kills {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (acknowledged, revision) =
            run_and_kill(dir.path(), Duration::from_micros(5_000 + random % 80_000));
        let store = open(dir.path());
        check(&store, &acknowledged, revision, run);
        storms += u64::from(!acknowledged.is_empty());
        last = store.snapshot().revision().0;
    }
    eprintln!("{kills} kills, {storms} in a write storm, {last} commits, {:?}", started.elapsed());
    assert!(
        storms * 2 > kills,
        "most kills have to come during writes, or nothing was tested: {storms} of {kills}"
    );
}
