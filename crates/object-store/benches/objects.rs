//! What contents and rows cost, next to what `cp` and `sha256sum` cost on the same disk.
//!
//! `OBJECT_STORE_BENCH_DIR` is where, instead of the directory for temporary files. Before the table of medians it prints
//! paired ratios: the store and the tools take turns, so that what the machine does otherwise hits both.

use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use divan::Bencher;
use divan::counter::BytesCount;
use object_store::{BlobRef, BlobSecret, Direction, ObjectStore, Read as _, Row, StoreError, Table};
use tempfile::TempDir;

const OBJECTS: Table = Table::new("objects");
const STREAM_BYTES: usize = 64 << 20;
const ROWS: u64 = 1_000_000;
const PAIRS: usize = 5;
/// What a stream brings at once, about as much as a socket's buffer.
const PART_BYTES: usize = 128 << 10;

fn main() {
    paired();
    divan::main();
    // What is static is not dropped.
    if let Some((dir, _)) = LazyLock::get(&MANY) {
        std::fs::remove_dir_all(dir.path()).expect("it is ours");
    }
}

fn directory() -> TempDir {
    match std::env::var_os("OBJECT_STORE_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    }
    .expect("a directory")
}

fn open(dir: &Path) -> ObjectStore {
    ObjectStore::open(dir, BlobSecret::new([7; 32])).expect("a store")
}

/// Bytes that look random, other ones for each seed.
fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = (0..length.div_ceil(8)).flat_map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(length).collect()
}

fn put(store: &ObjectStore, key: &[u8], content: &[u8]) -> BlobRef {
    let mut writer = store.writer();
    content.chunks(PART_BYTES).for_each(|part| writer.write(part).expect("space"));
    let blob = writer.finish().expect("space");
    let put = store.transact::<_, StoreError>(|tx| {
        let blobs = vec![tx.adopt(&blob)];
        tx.put(OBJECTS, key, Row { value: vec![7; 200], blobs })
    });
    put.expect("it is durable");
    blob.reference()
}

fn read(store: &ObjectStore, blob: BlobRef) -> u64 {
    let mut reader = store.snapshot().open_blob(blob, store.secret()).expect("it is there");
    let mut sum = 0;
    while let Some(part) = reader.next_part().expect("it is whole") {
        sum += u64::from(part[0]) + part.len() as u64;
    }
    sum
}

/// A file of the stream's length, each time with another content.
fn source(dir: &Path, seed: u64, length: usize) -> PathBuf {
    let path = dir.join("source");
    std::fs::write(&path, content(seed, length)).expect("space");
    File::open(&path).and_then(|file| file.sync_all()).expect("it is on disk");
    path
}

fn run(program: &str, args: &[&Path]) {
    let output = Command::new(program).args(args).output().expect("the tool is there");
    assert!(output.status.success(), "{program}");
}

fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let started = Instant::now();
    let answer = run();
    (started.elapsed(), answer)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// In and out through the store, durably, and `cp` and `sha256sum` of the same bytes, in turn.
fn paired() {
    let length = std::env::var("OBJECT_STORE_BENCH_BYTES")
        .map_or(STREAM_BYTES, |text| text.parse().expect("OBJECT_STORE_BENCH_BYTES is a number of bytes"));
    let dir = directory();
    let store = open(&dir.path().join("store"));
    let (mut ratios, mut ins, mut outs, mut tools) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS as u64 {
        let source = source(dir.path(), pair + 1, length);
        let bytes = std::fs::read(&source).expect("it was written");
        let (taken_in, blob) = timed(|| put(&store, &pair.to_le_bytes(), &bytes));
        let (given_out, _) = timed(|| read(&store, blob));
        drop(bytes);
        let copy = dir.path().join("copy");
        let (copied, ()) = timed(|| run("cp", &[&source, &copy]));
        let (summed, ()) = timed(|| run("sha256sum", &[&copy]));
        std::fs::remove_file(&copy).expect("it was copied");
        ratios.push((copied + summed).as_secs_f64() / (taken_in + given_out).as_secs_f64());
        ins.push(taken_in.as_secs_f64());
        outs.push(given_out.as_secs_f64());
        tools.push((copied + summed).as_secs_f64());
    }
    let mib_per_sec = |secs: f64| length as f64 / secs / f64::from(1 << 20);
    println!(
        "{} MiB: in {:.0} MiB/s, out {:.0} MiB/s, cp and sha256sum {:.3} s; throughput in and out is {:.2} of theirs",
        length >> 20,
        mib_per_sec(median(ins)),
        mib_per_sec(median(outs)),
        median(tools),
        median(ratios)
    );
}

/// A content of 1 KiB and its row, on disk.
#[divan::bench(sample_count = 300, sample_size = 1)]
fn put_of_1_kib(bencher: Bencher<'_, '_>) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let dir = directory();
    let store = open(dir.path());
    let next = || {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        (number, content(number + 1, 1024))
    };
    bencher
        .with_inputs(next)
        .bench_local_values(|(number, content)| put(&store, &number.to_be_bytes(), &content));
}

/// As many puts at once as there would be connections.
#[divan::bench(threads = [16], sample_count = 50, sample_size = 1)]
fn put_of_1_kib_together(bencher: Bencher<'_, '_>) {
    static NUMBER: AtomicU64 = AtomicU64::new(1 << 40);
    let dir = directory();
    let store = open(dir.path());
    bencher.bench(|| {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        put(&store, &number.to_be_bytes(), &content(number, 1024))
    });
}

/// The row and its content of 1 KiB, by the row's key.
#[divan::bench]
fn get_of_1_kib(bencher: Bencher<'_, '_>) {
    let dir = directory();
    let store = open(dir.path());
    for number in 0..200_u64 {
        put(&store, &number.to_be_bytes(), &content(number + 1, 1024));
    }
    let mut number = 0_u64;
    bencher.bench_local(|| {
        number = (number + 7) % 200;
        let snapshot = store.snapshot();
        let row = snapshot.get(OBJECTS, &number.to_be_bytes()).expect("it can be read").expect("it is there");
        read(&store, row.blobs[0])
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn stream_in(bencher: Bencher<'_, '_>) {
    static NUMBER: AtomicU64 = AtomicU64::new(100);
    let dir = directory();
    let store = open(dir.path());
    let next = || content(NUMBER.fetch_add(1, Ordering::Relaxed), STREAM_BYTES);
    bencher
        .counter(BytesCount::new(STREAM_BYTES))
        .with_inputs(next)
        .bench_local_refs(|content| put(&store, b"stream", content));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn stream_out(bencher: Bencher<'_, '_>) {
    let dir = directory();
    let store = open(dir.path());
    let blob = put(&store, b"stream", &content(99, STREAM_BYTES));
    bencher.counter(BytesCount::new(STREAM_BYTES)).bench_local(|| read(&store, blob));
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn stream_by_cp(bencher: Bencher<'_, '_>) {
    let dir = directory();
    let source = source(dir.path(), 98, STREAM_BYTES);
    let copy = dir.path().join("copy");
    bencher.counter(BytesCount::new(STREAM_BYTES)).bench_local(|| run("cp", &[&source, &copy]));
}

/// A million rows with a kibibyte of content each; the index is several hundred times as large as what is kept of it in
/// memory.
static MANY: LazyLock<(TempDir, ObjectStore)> = LazyLock::new(|| {
    let dir = directory();
    let store = open(dir.path());
    let started = Instant::now();
    for batch in 0..ROWS / 5000 {
        let filled = store.transact::<_, StoreError>(|tx| {
            for number in batch * 5000..(batch + 1) * 5000 {
                // Distinct small contents, so that the other tables have as many entries.
                let mut writer = store.writer();
                writer.write(&content(number + 1, 1024)).expect("it is small");
                let blobs = vec![tx.adopt(&writer.finish().expect("it is small"))];
                tx.put(OBJECTS, format!("dir/{number:09}").as_bytes(), Row { value: vec![7; 250], blobs })?;
            }
            Ok(())
        });
        filled.expect("space");
    }
    let size = dir.path().join("objects.redb").metadata().expect("it is there").len();
    println!("a million rows: {:?}, {} MiB, {}", started.elapsed(), size >> 20, memory());
    drop(store);
    let (reopened, store) = timed(|| open(dir.path()));
    println!("opened again in {reopened:?}, after a crash in {:?}", opened_after_crash(dir.path()));
    (dir, store)
});

/// How long it takes to open what a process that was killed leaves: its file while it is open.
fn opened_after_crash(dir: &Path) -> Duration {
    let crashed = directory();
    let tables = "objects.redb";
    std::fs::copy(dir.join(tables), crashed.path().join(tables)).expect("space");
    timed(|| drop(open(crashed.path()))).0
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A listing's page.
#[divan::bench(sample_count = 200, sample_size = 1)]
fn page_of_1000_among_a_million(bencher: Bencher<'_, '_>) {
    let (_, store) = &*MANY;
    let mut number = 1;
    bencher.bench_local(|| {
        number = (number + 618_034) % (ROWS - 1000);
        let from = format!("dir/{number:09}");
        let snapshot = store.snapshot();
        let page =
            snapshot.scan(OBJECTS, Bound::Excluded(from.as_bytes()), Bound::Unbounded, Direction::Forward);
        let bytes: usize = page.take(1000).map(|row| row.expect("it can be read").1.value.len()).sum();
        assert_eq!(bytes, 250_000);
    });
}

#[divan::bench(sample_count = 300, sample_size = 1)]
fn get_among_a_million(bencher: Bencher<'_, '_>) {
    let (_, store) = &*MANY;
    let mut number = 1;
    bencher.bench_local(|| {
        number = (number + 618_034) % ROWS;
        let row = store.snapshot().get(OBJECTS, format!("dir/{number:09}").as_bytes());
        read(store, row.expect("it can be read").expect("it is there").blobs[0])
    });
}

#[divan::bench(sample_count = 200, sample_size = 1)]
fn put_among_a_million(bencher: Bencher<'_, '_>) {
    static NUMBER: AtomicU64 = AtomicU64::new(1 << 41);
    let (_, store) = &*MANY;
    let next = || {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        (format!("dir/{:09}-new", number * 618_034 % ROWS), content(number, 1024))
    };
    bencher.with_inputs(next).bench_local_values(|(key, content)| put(store, key.as_bytes(), &content));
}
