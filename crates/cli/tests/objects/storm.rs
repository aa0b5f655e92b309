//! Many writers at once, each with keys of its own, who know what they were answered.

use std::collections::BTreeMap;

use super::{Bucket, content};
use crate::cloud::Cloud;

const WRITERS: u64 = 6;
/// How many keys each writes over and over.
const KEYS: u64 = 6;
/// The least that parts but the last may have.
const PART_BYTES: usize = 5 << 20;

/// What a writer does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Stores the content of this number.
    Put(u64),
    /// Stores it in parts.
    Parts(u64),
    Delete,
}

impl Step {
    /// The step of a number: all that happens follows from numbers.
    fn of(writer: u64, number: u64) -> Self {
        match number % 10 {
            2 | 8 => Self::Delete,
            5 => Self::Parts(writer << 32 | number),
            // Writers store these alike, so that one removes what another one is about to find.
            3 | 6 => Self::Put(number % 3),
            _ => Self::Put(writer << 32 | number),
        }
    }

    /// What is there afterwards.
    fn content(self) -> Option<Vec<u8>> {
        let (Self::Put(number) | Self::Parts(number)) = self else { return None };
        // Few are in several blocks, some in files, some in the index, some empty.
        let length = match (self, number % 7) {
            (Self::Parts(_), 0 | 1) => PART_BYTES + 1_000,
            (Self::Parts(_), _) => 70_000,
            (_, 0) => 1_300_000,
            (_, 1 | 2) => 40_000,
            (_, 3) => 0,
            _ => (number % 16_000) as usize,
        };
        Some(content(number, length))
    }

    fn take(self, bucket: &mut Bucket<'_>, key: &str) -> anyhow::Result<()> {
        match self {
            Self::Delete => bucket.delete(key),
            Self::Put(_) => bucket.put(key, &self.content().unwrap()),
            Self::Parts(_) => {
                let whole = self.content().unwrap();
                let (first, rest) = whole.split_at(whole.len().min(PART_BYTES));
                let parts = if rest.is_empty() { vec![first] } else { vec![first, rest] };
                bucket.put_parts(key, &parts)
            }
        }
    }
}

/// A writer, and what it knows of its keys.
#[derive(Default)]
struct Writer {
    number: u64,
    /// What it was answered last.
    acknowledged: BTreeMap<u64, Step>,
    /// What it was not answered.
    open: Option<(u64, Step)>,
    count: u64,
}

impl Writer {
    /// Goes on until the daemon is gone.
    fn write(&mut self, writer: u64, cloud: &Cloud, name: &str) {
        let Ok(mut bucket) = Bucket::try_of(cloud, name) else { return };
        loop {
            self.number += 1;
            let (at, step) = (self.number * 7 % KEYS, Step::of(writer, self.number));
            self.open = Some((at, step));
            if let Err(error) = step.take(&mut bucket, &key(writer, at)) {
                // Nothing is refused; the connection breaks when the daemon is killed.
                assert!(!error.to_string().contains("S3 answers"), "{error:#}");
                return;
            }
            self.open = None;
            self.acknowledged.insert(at, step);
            self.count += 1;
        }
    }

    /// Everything that was answered is there and whole, or what came after it and was not.
    fn check(&mut self, writer: u64, bucket: &mut Bucket<'_>) {
        for at in 0..KEYS {
            let found = bucket.get(&key(writer, at)).unwrap();
            let expected = self.acknowledged.get(&at).copied().unwrap_or(Step::Delete);
            if found == expected.content() {
                continue;
            }
            let open = self.open.filter(|(open, _)| *open == at).map(|(_, step)| step);
            let is_open = open.is_some_and(|step| found == step.content());
            let length = found.as_ref().map(Vec::len);
            assert!(
                is_open,
                "{}: {length:?} bytes are there; {expected:?} was answered, {open:?} asked",
                key(writer, at)
            );
            self.acknowledged.insert(at, open.unwrap());
        }
        self.open = None;
    }
}

fn key(writer: u64, at: u64) -> String {
    format!("writer {writer}/{at}")
}

/// A bucket, and those who write to it.
pub struct Storm {
    name: String,
    writers: Vec<Writer>,
}

impl Storm {
    pub fn new(cloud: &Cloud, name: &str) -> Self {
        Bucket::make(cloud, name);
        Self { name: name.to_owned(), writers: (0..WRITERS).map(|_| Writer::default()).collect() }
    }

    /// Lets all write while `end` ends the daemon.
    pub fn blow(&mut self, cloud: &Cloud, end: impl FnOnce()) {
        let workstation = host_net::NetworkNamespace::current().unwrap();
        let name = &self.name;
        std::thread::scope(|scope| {
            for (number, writer) in (0..).zip(&mut self.writers) {
                let workstation = &workstation;
                scope.spawn(move || workstation.run(|| writer.write(number, cloud, name)).unwrap());
            }
            end();
        });
    }

    pub fn check(&mut self, cloud: &Cloud) {
        let mut bucket = Bucket::of(cloud, &self.name);
        for (number, writer) in (0..).zip(&mut self.writers) {
            writer.check(number, &mut bucket);
        }
    }

    /// How many changes were answered.
    pub fn acknowledged(&self) -> u64 {
        self.writers.iter().map(|writer| writer.count).sum()
    }

    pub fn told(&self) -> String {
        let there = self.writers.iter().flat_map(|writer| writer.acknowledged.values());
        let there = there.filter(|step| **step != Step::Delete).count();
        format!("{} changes answered, {there} objects there", self.acknowledged())
    }

    /// Removes everything, what was begun and not completed, too.
    pub fn remove_all(&mut self, cloud: &Cloud) {
        let mut bucket = Bucket::of(cloud, &self.name);
        for number in 0..WRITERS {
            (0..KEYS).for_each(|at| bucket.delete(&key(number, at)).unwrap());
        }
        eprintln!("{} uploads were begun and not completed", bucket.abort_uploads());
        bucket.ask("DELETE", "", "", b"").unwrap().good().unwrap();
    }
}
