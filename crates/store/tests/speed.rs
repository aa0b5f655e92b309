//! Reads and commits stay fast. The bounds are wide, for unoptimised builds on busy machines; what was measured is
//! printed.

#![allow(clippy::unwrap_used)]

use std::ops::Bound;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use store::{MemoryBackend, Read, Record, RedbBackend, Scope, Store, StoreError};

#[derive(Serialize, Deserialize)]
struct Subnet {
    vpc_id: String,
    cidr: String,
    tags: Vec<(String, String)>,
}

impl Record for Subnet {
    const KIND: &'static str = "test.subnet";
}

fn scope(account: u64) -> Scope {
    Scope::new(Default::default(), format!("{account:012}").parse().unwrap(), "eu-west-1".parse().unwrap())
}

fn subnet(number: u64) -> Subnet {
    Subnet {
        vpc_id: format!("vpc-{number:017x}"),
        cidr: "10.0.0.0/24".to_owned(),
        tags: vec![("Name".to_owned(), number.to_string())],
    }
}

fn id(number: u64) -> String {
    format!("subnet-{number:017x}")
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn timed(times: usize, mut run: impl FnMut(u64)) -> Duration {
    let runs = (0..times).map(|number| {
        let started = Instant::now();
        run(number as u64);
        started.elapsed()
    });
    median(runs.collect())
}

#[test]
fn reads_of_10_000_records() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    for account in 0..10 {
        store
            .transact(|tx| {
                (0..10_000).for_each(|number| tx.put(&scope(account), &id(number), subnet(number)));
                Ok::<_, StoreError>(())
            })
            .unwrap();
    }
    let snapshot = store.snapshot();
    let one = timed(1000, |number| {
        let found = snapshot.get::<Subnet>(&scope(3), &id(number * 7 % 10_000)).unwrap();
        assert_eq!(found.tags.len(), 1);
    });
    let page = timed(20, |number| {
        let from = id(number * 400);
        let found = snapshot.scan_from::<Subnet>(&scope(3), Bound::Excluded(&from)).take(1000);
        assert_eq!(found.map(|(_, subnet)| subnet.tags.len()).sum::<usize>(), 1000);
    });
    eprintln!("one of 10,000: {one:?}; a page of 1,000: {page:?}");
    assert!(one < Duration::from_micros(500) && page < Duration::from_millis(5), "{one:?}, {page:?}");
}

#[test]
fn commits() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(RedbBackend::open(dir.path()).unwrap()).unwrap();
    let write = |account: u64, number: u64| {
        store
            .transact(|tx| {
                tx.put(&scope(account), &id(number), subnet(number));
                Ok::<_, StoreError>(())
            })
            .unwrap();
    };
    let alone = timed(300, |number| write(0, number));
    let started = Instant::now();
    std::thread::scope(|threads| {
        for account in 1..=16 {
            threads.spawn(move || (0..100).for_each(|number| write(account, number)));
        }
    });
    let together = started.elapsed() / 1600;
    eprintln!("one commit: {alone:?} (p50); each of 16 threads' commits: {together:?}");
    assert!(alone < Duration::from_millis(100), "{alone:?}");
}
