//! A disk that fails, fills up and loses power, at every operation in turn.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use store::fault::{FaultPlan, FaultyBackend, FaultyDisk};
use store::{Backend, Commit, Contents, Read, Record, Scope, Snapshot, Store, StoreError, WriteError};

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

fn open(disk: &FaultyDisk) -> Store {
    Store::open(FaultyBackend::open(disk).unwrap()).unwrap()
}

fn write(store: &Store, id: &str, text: &str) -> Result<(), StoreError> {
    store.transact(|tx| {
        tx.put(&scope(), id, Note { text: text.to_owned() });
        tx.put(&scope(), &format!("copy of {id}"), Note { text: text.to_owned() });
        Ok(())
    })
}

type State = BTreeMap<String, String>;

fn state(store: &Store) -> State {
    store.snapshot().scan::<Note>(&scope()).map(|(id, note)| (id.to_owned(), note.text.clone())).collect()
}

fn with(mut state: State, id: &str, text: &str) -> State {
    state.insert(id.to_owned(), text.to_owned());
    state.insert(format!("copy of {id}"), text.to_owned());
    state
}

/// How many disk operations a few commits take.
fn operations_of_workload() -> u64 {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    disk.set_plan(FaultPlan::default());
    for number in 0..WRITES {
        write(&store, &format!("n{}", number % 3), &number.to_string()).unwrap();
    }
    disk.operations()
}

const WRITES: u64 = 6;

#[test]
fn an_io_error_changes_nothing_and_the_next_write_works() {
    let mut failures = 0;
    for fail_at in 0..operations_of_workload() {
        let disk = FaultyDisk::new();
        let store = open(&disk);
        disk.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        let mut expected = State::new();
        for number in 0..WRITES {
            let (id, text) = (format!("n{}", number % 3), number.to_string());
            match write(&store, &id, &text) {
                Ok(()) => expected = with(expected, &id, &text),
                Err(StoreError::Write(error)) => {
                    failures += 1;
                    assert!(error.to_string().contains("simulated"), "{error}");
                }
                Err(error) => panic!("operation {fail_at}: {error}"),
            }
            assert_eq!(state(&store), expected, "operation {fail_at}");
        }
        write(&store, "last", "x").unwrap();
        let expected = with(expected, "last", "x");
        // A sync that failed must not have been believed: what is acknowledged survives the worst crash.
        let crashed = disk.after_crash(|| false);
        drop(store);
        assert_eq!(state(&open(&crashed)), expected, "operation {fail_at}, after a crash");
        assert_eq!(state(&open(&disk)), expected, "operation {fail_at}, after a reopen");
    }
    assert!(failures > 10, "the faults hit nothing: {failures}");
}

/// The whole file is written anew after a sync that failed; what this build does not know of records stays in it.
#[test]
fn an_io_error_takes_nothing_from_the_records_of_a_newer_build() {
    /// [`Note`] in a build that has one member more, which it takes a default for where there is none.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct NewerNote {
        text: String,
        #[serde(default)]
        colour: String,
    }
    impl Record for NewerNote {
        const KIND: &'static str = "test.note";
    }
    let mut failures = 0;
    for fail_at in 0..operations_of_workload() {
        let disk = FaultyDisk::new();
        let store = open(&disk);
        store
            .transact(|tx| {
                let note = NewerNote { text: "kept".to_owned(), colour: "red".to_owned() };
                tx.put(&scope(), "newer", note);
                Ok::<_, StoreError>(())
            })
            .unwrap();
        drop(store);
        let store = open(&disk);
        store.check::<Note>().unwrap();
        disk.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        for number in 0..WRITES {
            failures += usize::from(write(&store, "a", &number.to_string()).is_err());
        }
        disk.set_plan(FaultPlan::default());
        write(&store, "last", "x").unwrap();
        drop(store);
        let note = open(&disk).snapshot().get::<NewerNote>(&scope(), "newer").unwrap();
        assert_eq!((&*note.text, &*note.colour), ("kept", "red"), "operation {fail_at}");
    }
    assert!(failures > 10, "the faults hit nothing: {failures}");
}

/// The write is refused and could not be undone on disk, as the disk is gone; then it comes back.
#[test]
fn writes_are_refused_while_the_disk_is_gone_and_work_when_it_is_back() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    write(&store, "a", "1").unwrap();
    for crash_at in 0..12 {
        disk.set_plan(FaultPlan { crash_at: Some(crash_at), ..FaultPlan::default() });
        let before = state(&store);
        if write(&store, "b", &crash_at.to_string()).is_ok() {
            continue;
        }
        write(&store, "c", "3").unwrap_err();
        assert_eq!(state(&store), before);
        disk.set_plan(FaultPlan::default());
        write(&store, "d", &crash_at.to_string()).unwrap();
        let expected = with(before, "d", &crash_at.to_string());
        assert_eq!(state(&store), expected);
        assert_eq!(state(&open(&disk.after_crash(|| false))), expected, "operation {crash_at}");
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing_and_a_later_retry_works() {
    let disk = FaultyDisk::new();
    let store = open(&disk);
    write(&store, "a", "1").unwrap();
    disk.set_plan(FaultPlan { capacity_bytes: Some(8 << 20), ..FaultPlan::default() });
    let big = "x".repeat(1 << 20);
    let mut expected = state(&store);
    let refused = loop {
        let id = expected.len().to_string();
        match write(&store, &id, &big) {
            Ok(()) => expected = with(expected, &id, &big),
            Err(error) => break error,
        }
        assert!(expected.len() < 40, "the disk never filled up");
    };
    assert!(matches!(refused, StoreError::Write(_)));
    assert_eq!(state(&store), expected);
    write(&store, "b", &big).unwrap_err();
    disk.set_plan(FaultPlan::default());
    write(&store, "b", &big).unwrap();
    let expected = with(expected, "b", &big);
    drop(store);
    assert_eq!(state(&open(&disk)), expected);
}

#[test]
fn what_was_built_on_a_failed_commit_fails_with_it() {
    for fail_at in 0..6 {
        let disk = FaultyDisk::new();
        let store = open(&disk);
        disk.set_plan(FaultPlan { fail_at: Some(fail_at), ..FaultPlan::default() });
        let acknowledged = AtomicU64::new(0);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    for _ in 0..10 {
                        let counted = store.transact::<_, StoreError>(|tx| {
                            let count =
                                tx.get::<Note>(&scope(), "n").map_or(0, |note| note.text.parse().unwrap());
                            tx.put(&scope(), "n", Note { text: (count + 1_u64).to_string() });
                            Ok(())
                        });
                        acknowledged.fetch_add(u64::from(counted.is_ok()), Ordering::Relaxed);
                        // An answer that only read is as durable as one that wrote.
                        let seen = store.transact::<_, StoreError>(|tx| Ok(tx.get::<Note>(&scope(), "n")));
                        if let Ok(Some(seen)) = seen {
                            let durable = store.snapshot().get::<Note>(&scope(), "n").unwrap();
                            assert!(durable.text.parse::<u64>().unwrap() >= seen.text.parse().unwrap());
                        }
                    }
                });
            }
        });
        let acknowledged = acknowledged.into_inner();
        assert!(acknowledged >= 72, "one failed batch has at most 8 transactions: {acknowledged}");
        let counter = |store: &Store| store.snapshot().get::<Note>(&scope(), "n").unwrap().text.clone();
        assert_eq!(counter(&store), acknowledged.to_string(), "operation {fail_at}");
        drop(store);
        assert_eq!(counter(&open(&disk)), acknowledged.to_string(), "operation {fail_at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// After a power failure at any operation, whatever of the unsynced sectors is on disk: everything acknowledged is
    /// there, and beyond it at most the transaction that was on its way, whole.
    #[test]
    fn a_power_failure_loses_nothing_acknowledged(crash_at in 0_u64..60, seed in any::<u64>()) {
        let disk = FaultyDisk::new();
        let store = open(&disk);
        disk.set_plan(FaultPlan { crash_at: Some(crash_at), ..FaultPlan::default() });
        let mut acknowledged = State::new();
        let mut in_flight = None;
        for number in 0..12 {
            let (id, text) = (format!("n{}", number % 3), number.to_string());
            if let Err(error) = write(&store, &id, &text) {
                prop_assert!(matches!(error, StoreError::Write(_)));
                in_flight = Some(with(acknowledged.clone(), &id, &text));
                break;
            }
            acknowledged = with(acknowledged, &id, &text);
        }
        let mut random = seed | 1;
        let crashed = disk.after_crash(|| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random & 1 == 0
        });
        let found = state(&open(&crashed));
        prop_assert!(
            found == acknowledged || Some(&found) == in_flight.as_ref(),
            "found {found:?}, acknowledged {acknowledged:?}"
        );
        // And it goes on from there.
        let reopened = open(&crashed);
        write(&reopened, "after", "y").unwrap();
        prop_assert_eq!(state(&reopened), with(found, "after", "y"));
    }
}

/// A backend whose commits wait to be told how they end.
struct Gated {
    begun: mpsc::Sender<usize>,
    outcomes: mpsc::Receiver<Result<(), StoreError>>,
}

impl Backend for Gated {
    fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(Contents::default())
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<(), StoreError> {
        self.begun.send(commits.len()).unwrap();
        self.outcomes.recv().unwrap()
    }

    fn restore(&mut self, _: &Snapshot) -> Result<(), StoreError> {
        Ok(())
    }
}

/// While a commit is on its way, further ones gather behind it, and an answer that saw it waits for it. When it fails,
/// so do they, although the disk would have taken them.
#[test]
fn who_saw_a_commit_on_its_way_shares_its_fate() {
    let (begun, batches) = mpsc::channel();
    let (decide, outcomes) = mpsc::channel();
    let store = Store::open(Gated { begun, outcomes }).unwrap();
    let read = || store.transact::<_, StoreError>(|tx| Ok(tx.get::<Note>(&scope(), "a").is_some()));
    assert!(matches!(read(), Ok(false)), "nothing is on its way, so nothing is waited for");
    for outcome in [Err(StoreError::from(WriteError::NotRestored)), Ok(())] {
        std::thread::scope(|threads| {
            let writer = threads.spawn(|| write(&store, "a", "1"));
            assert_eq!(batches.recv().unwrap(), 1);
            let reader = threads.spawn(read);
            let refused = threads.spawn(|| {
                store.transact::<(), StoreError>(|tx| {
                    assert!(tx.get::<Note>(&scope(), "a").is_some());
                    Err(StoreError::Closed)
                })
            });
            std::thread::sleep(Duration::from_millis(30));
            let waited = [reader.is_finished(), refused.is_finished(), writer.is_finished()];
            let seen = state(&store);
            // Nothing is asserted before this, so that a failure does not leave the others waiting.
            decide.send(outcome.clone()).unwrap();
            assert_eq!(waited, [false; 3], "all wait for the disk");
            assert_eq!(seen, State::new(), "only what is durable is seen from outside");
            let said = |error: StoreError| error.to_string();
            let outcome = outcome.map_err(said);
            assert_eq!(writer.join().unwrap().map_err(said), outcome);
            assert_eq!(reader.join().unwrap().map_err(said), outcome.clone().map(|()| true));
            assert_eq!(refused.join().unwrap().map_err(said), outcome.and(Err(said(StoreError::Closed))));
        });
    }
}

#[test]
fn commits_gather_behind_one_on_its_way() {
    let (begun, batches) = mpsc::channel();
    let (decide, outcomes) = mpsc::channel();
    let store = Store::open(Gated { begun, outcomes }).unwrap();
    std::thread::scope(|threads| {
        for id in ["a", "b", "c", "d"] {
            let store = &store;
            threads.spawn(move || write(store, id, "1").unwrap());
        }
        let mut written = 0;
        let mut groups = 0;
        while written < 4 {
            written += batches.recv().unwrap();
            groups += 1;
            std::thread::sleep(Duration::from_millis(50));
            decide.send(Ok(())).unwrap();
        }
        assert!(groups <= 2, "four commits took {groups} writes to disk");
    });
    assert_eq!(state(&store).len(), 8);
}
