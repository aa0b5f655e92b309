//! What every backend has to do, run over each of them.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use store::fault::{FaultyBackend, FaultyDisk};
use store::{MemoryBackend, Read, Record, RedbBackend, Revision, Scope, Store, StoreError, TailError};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Vpc {
    cidr: String,
}

impl Record for Vpc {
    const KIND: &'static str = "test.vpc";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Counter(u64);

impl Record for Counter {
    const KIND: &'static str = "test.counter";
}

/// A part of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Subnet {
    vpc: Option<String>,
    name: String,
}

impl Record for Subnet {
    const KIND: &'static str = "test.subnet";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        self.vpc.clone()
    }
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("no")]
    No,
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn scope(region: &str) -> Scope {
    Scope::new(Default::default(), "123456789012".parse().unwrap(), region.parse().unwrap())
}

fn vpc(cidr: &str) -> Vpc {
    Vpc { cidr: cidr.to_owned() }
}

fn put(store: &Store, region: &str, id: &str, cidr: &str) {
    store
        .transact(|tx| {
            tx.put(&scope(region), id, vpc(cidr));
            Ok::<_, StoreError>(())
        })
        .unwrap();
}

fn ids(read: &impl Read, region: &str) -> Vec<String> {
    read.scan::<Vpc>(&scope(region)).map(|(id, _)| id.to_owned()).collect()
}

/// One backend, which can be opened again after the store is closed.
type Open<'a> = &'a dyn Fn() -> Store;

fn commits_are_there_after_a_reopen(open: Open<'_>) {
    let store = open();
    assert_eq!(store.snapshot().revision(), Revision(0));
    put(&store, "eu-west-1", "vpc-2", "10.2.0.0/16");
    put(&store, "eu-west-1", "vpc-1", "10.1.0.0/16");
    put(&store, "us-east-1", "vpc-3", "10.3.0.0/16");
    store
        .transact(|tx| {
            assert!(tx.delete::<Vpc>(&scope("us-east-1"), "vpc-3"));
            assert!(!tx.delete::<Vpc>(&scope("us-east-1"), "vpc-3"));
            tx.put(&scope("eu-west-1"), "vpc-2", vpc("10.9.0.0/16"));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    drop(store);
    let store = open();
    store.check::<Vpc>().unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.revision(), Revision(4));
    assert_eq!(ids(&snapshot, "eu-west-1"), ["vpc-1", "vpc-2"]);
    assert_eq!(snapshot.get::<Vpc>(&scope("eu-west-1"), "vpc-2").unwrap().cidr, "10.9.0.0/16");
    assert_eq!(snapshot.get::<Vpc>(&scope("us-east-1"), "vpc-3"), None);
    assert_eq!(snapshot.get::<Counter>(&scope("eu-west-1"), "vpc-2"), None);
}

fn a_transaction_is_all_or_nothing_and_sees_itself(open: Open<'_>) {
    let store = open();
    put(&store, "eu-west-1", "vpc-1", "10.1.0.0/16");
    let before = store.snapshot();
    let refused = store.transact(|tx| {
        tx.put(&scope("eu-west-1"), "vpc-2", vpc("10.2.0.0/16"));
        tx.delete::<Vpc>(&scope("eu-west-1"), "vpc-1");
        assert_eq!(ids(tx, "eu-west-1"), ["vpc-2"]);
        assert_eq!(tx.revision(), Revision(2));
        Err::<(), _>(Refused::No)
    });
    assert!(matches!(refused, Err(Refused::No)));
    assert_eq!(store.snapshot().revision(), before.revision());
    assert_eq!(ids(&store.snapshot(), "eu-west-1"), ["vpc-1"]);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.transact::<(), StoreError>(|tx| {
            tx.delete::<Vpc>(&scope("eu-west-1"), "vpc-1");
            panic!("a handler's bug");
        })
    }));
    assert!(panicked.is_err());
    put(&store, "eu-west-1", "vpc-3", "10.3.0.0/16");
    assert_eq!(ids(&store.snapshot(), "eu-west-1"), ["vpc-1", "vpc-3"]);
    assert_eq!(ids(&before, "eu-west-1"), ["vpc-1"], "a snapshot never changes");
}

fn what_changes_nothing_commits_nothing(open: Open<'_>) {
    let store = open();
    put(&store, "eu-west-1", "vpc-1", "10.1.0.0/16");
    put(&store, "eu-west-1", "vpc-1", "10.1.0.0/16");
    store
        .transact(|tx| {
            tx.put(&scope("eu-west-1"), "vpc-2", vpc("10.2.0.0/16"));
            tx.delete::<Vpc>(&scope("eu-west-1"), "vpc-2");
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(store.snapshot().revision(), Revision(1));
}

fn scans_are_in_order_and_start_anywhere(open: Open<'_>) {
    let store = open();
    store
        .transact(|tx| {
            for number in (0..500).rev() {
                tx.put(&scope("eu-west-1"), &format!("vpc-{number:03}"), vpc("10.0.0.0/16"));
            }
            tx.put(&scope("ap-south-1"), "vpc-x", vpc("10.0.0.0/16"));
            tx.put(&scope("us-east-1"), "vpc-y", vpc("10.0.0.0/16"));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let all: Vec<_> =
        snapshot.scan_all::<Vpc>().map(|(scope, id, _)| (scope.clone(), id.to_owned())).collect();
    assert_eq!(all.len(), 502);
    assert!(all.is_sorted());
    let page: Vec<_> = snapshot
        .scan_from::<Vpc>(&scope("eu-west-1"), Bound::Excluded("vpc-123"))
        .take(2)
        .map(|(id, _)| id.to_owned())
        .collect();
    assert_eq!(page, ["vpc-124", "vpc-125"]);
    assert_eq!(snapshot.count::<Vpc>(&scope("eu-west-1")), 500);
    assert_eq!(snapshot.count::<Vpc>(&scope("eu-west-2")), 0);
}

/// The ids and names of the subnets of a VPC.
fn subnets(read: &impl Read, vpc: &str) -> Vec<(String, String)> {
    let found = read.parts::<Subnet>(&scope("eu-west-1"), vpc);
    found.map(|(id, subnet)| (id.to_owned(), subnet.name.clone())).collect()
}

fn parts_are_found_by_their_whole(open: Open<'_>) {
    let place = scope("eu-west-1");
    let subnet =
        |vpc: Option<&str>, name: &str| Subnet { vpc: vpc.map(str::to_owned), name: name.to_owned() };
    let named = |all: &[(&str, &str)]| {
        all.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect::<Vec<_>>()
    };
    let store = open();
    assert!(subnets(&store.snapshot(), "vpc-1").is_empty());
    store
        .transact(|tx| {
            for (id, vpc) in
                [("s-3", Some("vpc-1")), ("s-1", Some("vpc-1")), ("s-2", Some("vpc-10")), ("s-4", None)]
            {
                tx.put(&place, id, subnet(vpc, "a"));
            }
            tx.put(&scope("us-east-1"), "s-5", subnet(Some("vpc-1"), "elsewhere"));
            assert_eq!(subnets(tx, "vpc-1"), named(&[("s-1", "a"), ("s-3", "a")]));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let before = store.snapshot();
    // One moves, one changes, one goes, and a transaction that fails changes nothing.
    store
        .transact(|tx| {
            tx.put(&place, "s-1", subnet(Some("vpc-10"), "b"));
            tx.put(&place, "s-3", subnet(Some("vpc-1"), "b"));
            tx.put(&place, "s-4", subnet(Some("vpc-1"), "b"));
            tx.delete::<Subnet>(&place, "s-2");
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let failed = store.transact(|tx| {
        tx.delete::<Subnet>(&place, "s-3");
        assert_eq!(subnets(tx, "vpc-1"), named(&[("s-4", "b")]));
        Err::<(), _>(Refused::No)
    });
    assert!(matches!(failed, Err(Refused::No)));
    assert_eq!(subnets(&before, "vpc-1"), named(&[("s-1", "a"), ("s-3", "a")]));
    let expected = [named(&[("s-3", "b"), ("s-4", "b")]), named(&[("s-1", "b")]), named(&[])];
    let found = |read: &store::Snapshot| ["vpc-1", "vpc-10", "vpc-2"].map(|vpc| subnets(read, vpc));
    assert_eq!(found(&store.snapshot()), expected);
    drop(store);

    // After the store is opened: before the records are checked, after that, and with the first that is written.
    let store = open();
    assert_eq!(found(&store.snapshot()), expected);
    store.check::<Subnet>().unwrap();
    assert_eq!(found(&store.snapshot()), expected);
    drop(store);
    let store = open();
    store
        .transact(|tx| {
            tx.put(&place, "s-9", subnet(Some("vpc-2"), "c"));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    assert_eq!(found(&snapshot)[..2], expected[..2]);
    assert_eq!(subnets(&snapshot, "vpc-2"), named(&[("s-9", "c")]));
}

fn transactions_are_serial_and_tails_see_each_once(open: Open<'_>) {
    const THREADS: u64 = 4;
    const EACH: u64 = 25;
    let store = open();
    let mut tail = store.tail(Revision(0));
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut last = Revision(0);
            while !done.load(Ordering::Relaxed) {
                let snapshot = store.snapshot();
                let count = snapshot.get::<Counter>(&scope("eu-west-1"), "n").map_or(0, |counter| counter.0);
                assert_eq!(count, snapshot.revision().0, "a snapshot is one revision");
                assert!(snapshot.revision() >= last);
                last = snapshot.revision();
            }
        });
        let writers: Vec<_> = (0..THREADS)
            .map(|_| {
                threads.spawn(|| {
                    for _ in 0..EACH {
                        let count = store.transact(|tx| {
                            let count =
                                tx.get::<Counter>(&scope("eu-west-1"), "n").map_or(0, |counter| counter.0);
                            tx.put(&scope("eu-west-1"), "n", Counter(count + 1));
                            Ok::<_, StoreError>(count + 1)
                        });
                        let acknowledged = Revision(count.unwrap());
                        assert!(
                            store.snapshot().revision() >= acknowledged,
                            "durable before it is acknowledged"
                        );
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    });
    for number in 1..=THREADS * EACH {
        let commit = tail.next(Duration::from_secs(5)).unwrap().unwrap();
        assert_eq!(commit.revision, Revision(number));
        let change = &commit.changes[0];
        assert!(change.is::<Counter>() && !change.is::<Vpc>());
        assert_eq!(
            change.before::<Counter>().map(|counter| counter.0),
            Some(number - 1).filter(|count| *count > 0)
        );
        assert_eq!(change.after::<Counter>(), Some(Arc::new(Counter(number))));
        assert_eq!(change.after::<Vpc>(), None);
    }
    assert!(tail.next(Duration::from_millis(1)).unwrap().is_none());
    drop(store);
    assert_eq!(tail.next(Duration::from_secs(5)).unwrap_err(), TailError::Closed);
}

fn a_follower_too_far_behind_is_told(open: Open<'_>) {
    let store = open();
    let mut tail = store.tail(Revision(0));
    for number in 1..=2 {
        store
            .transact(|tx| {
                for id in 0..=store::RING_CHANGES / 2 {
                    tx.put(&scope("eu-west-1"), &id.to_string(), Counter(number));
                }
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
    assert_eq!(tail.try_next().unwrap_err(), TailError::Behind);
    let mut tail = store.tail(Revision(1));
    assert_eq!(tail.try_next().unwrap().unwrap().revision, Revision(2));
    let mut tail = store.tail(store.snapshot().revision());
    assert!(tail.try_next().unwrap().is_none());
    let before = store.snapshot().revision();
    let long = "x".repeat(store::RING_BYTES / 2);
    for id in ["vpc-1", "vpc-2", "vpc-3"] {
        put(&store, "eu-west-1", id, &long);
    }
    assert_eq!(store.tail(before).try_next().unwrap_err(), TailError::Behind);
    let newest = store.snapshot().revision();
    assert_eq!(store.tail(Revision(newest.0 - 1)).try_next().unwrap().unwrap().revision, newest);
}

fn an_async_follower_is_woken(open: Open<'_>) {
    let store = open();
    let mut tail = store.tail(Revision(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let writer = std::thread::spawn({
        let store = store.clone();
        move || {
            std::thread::sleep(Duration::from_millis(20));
            put(&store, "eu-west-1", "vpc-1", "10.1.0.0/16");
        }
    });
    let commit = runtime.block_on(tail.changed()).unwrap();
    assert_eq!((commit.revision, &*commit.changes[0].key.id), (Revision(1), "vpc-1"));
    writer.join().unwrap();
    drop(store);
    assert_eq!(runtime.block_on(tail.changed()).unwrap_err(), TailError::Closed);
}

fn run(name: &str, open: Open<'_>, case: fn(Open<'_>)) {
    eprintln!("{name}");
    case(open);
}

fn check(case: fn(Open<'_>)) {
    let memory = MemoryBackend::new();
    run("memory", &|| Store::open(memory.clone()).unwrap(), case);
    let disk = FaultyDisk::new();
    run("simulated disk", &|| Store::open(FaultyBackend::open(&disk).unwrap()).unwrap(), case);
    let dir = tempfile::tempdir().unwrap();
    run("redb", &|| Store::open(RedbBackend::open(dir.path()).unwrap()).unwrap(), case);
}

macro_rules! suite {
    ($($case:ident)*) => {
        mod over_all_backends {$(
            #[test]
            fn $case() {
                super::check(super::$case);
            }
        )*}
    };
}

suite! {
    commits_are_there_after_a_reopen
    a_transaction_is_all_or_nothing_and_sees_itself
    what_changes_nothing_commits_nothing
    scans_are_in_order_and_start_anywhere
    parts_are_found_by_their_whole
    transactions_are_serial_and_tails_see_each_once
    a_follower_too_far_behind_is_told
    an_async_follower_is_woken
}

#[test]
#[should_panic(expected = "transact was called inside a transaction")]
fn a_transaction_in_a_transaction_panics_instead_of_waiting_for_itself() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let _ = store.transact::<(), StoreError>(|_| store.transact(|_| Ok(())));
}

/// What a build knows that has a kind more than this one.
mod newer {
    use super::{Deserialize, Record, Serialize};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub(super) struct Dragon {
        pub(super) heads: u8,
    }

    impl Record for Dragon {
        const KIND: &'static str = "test.dragon";
    }
}

#[test]
fn kinds_of_a_newer_build_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(RedbBackend::open(dir.path()).unwrap()).unwrap();
    let store = open();
    store
        .transact(|tx| {
            tx.put(&scope("eu-west-1"), "d", newer::Dragon { heads: 3 });
            Ok::<_, StoreError>(())
        })
        .unwrap();
    drop(store);
    // This "build" does not touch the kind, over several commits and reopens.
    for number in 0..3 {
        put(&open(), "eu-west-1", &format!("vpc-{number}"), "10.0.0.0/16");
    }
    let dragon = open().snapshot().get::<newer::Dragon>(&scope("eu-west-1"), "d").unwrap();
    assert_eq!(dragon.heads, 3);
}

#[test]
fn a_record_that_does_not_decode_is_found_by_check() {
    #[derive(Serialize, Deserialize)]
    struct OtherVpc {
        cidr: u8,
    }
    impl Record for OtherVpc {
        const KIND: &'static str = "test.vpc";
    }
    let memory = MemoryBackend::new();
    put(&Store::open(memory.clone()).unwrap(), "eu-west-1", "vpc-1", "10.0.0.0/16");
    let error = Store::open(memory).unwrap().check::<OtherVpc>().unwrap_err().to_string();
    assert!(error.contains("test.vpc record vpc-1 in aws/123456789012/eu-west-1"), "{error}");
}

#[test]
fn a_record_of_an_older_form_is_written_anew_when_it_is_put() {
    /// [`Vpc`] in a later build.
    #[derive(Clone, Serialize, Deserialize)]
    struct LaterVpc {
        cidr: String,
    }
    impl Record for LaterVpc {
        const KIND: &'static str = "test.vpc";
        const VERSION: u32 = 2;
    }
    let memory = MemoryBackend::new();
    put(&Store::open(memory.clone()).unwrap(), "eu-west-1", "vpc-1", "10.0.0.0/16");
    let store = Store::open(memory.clone()).unwrap();
    store.check::<LaterVpc>().unwrap();
    let rewrite = || {
        store
            .transact(|tx| {
                let vpc = tx.get::<LaterVpc>(&scope("eu-west-1"), "vpc-1").unwrap();
                tx.put(&scope("eu-west-1"), "vpc-1", LaterVpc::clone(&vpc));
                Ok::<_, StoreError>(())
            })
            .unwrap();
        store.snapshot().revision()
    };
    assert_eq!(rewrite(), Revision(2));
    assert_eq!(rewrite(), Revision(2), "it has today's form");
    drop(store);
    let error = Store::open(memory).unwrap().check::<Vpc>().unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
}

#[test]
fn ids_may_be_anything() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Store::open(RedbBackend::open(dir.path()).unwrap()).unwrap();
    let names: BTreeSet<_> = ["", "/a/b", "a\0b", "ä", "\n"].map(String::from).into();
    for name in &names {
        put(&open(), "eu-west-1", name, "10.0.0.0/16");
    }
    assert_eq!(ids(&open().snapshot(), "eu-west-1").into_iter().collect::<BTreeSet<_>>(), names);
}
