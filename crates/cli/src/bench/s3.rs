//! `brume bench s3`: how fast objects are stored, read and listed, over loopback with signed requests, client and cloud on the
//! same processors and the same disk.
//!
//! A large object is measured in rounds, each beside `cp` and `sha256sum` on the same file: what a disk and a processor do differs
//! more between two minutes than anything here, and the ratio does not.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;

use super::{median, millis, peak_resident_mib, resident_mib};
use crate::args::MeasureS3Options;
use crate::client::{Client, Connection, S3Request};
use crate::throwaway::{self, ThrowawayCloud};

/// How long small objects are.
const SMALL_BYTES: usize = 1024;
/// How many clients read at the same time.
const CONNECTIONS: usize = 16;
/// How many clients fill the bucket that is listed: the more wait for the disk together, the sooner it is full.
const FILLING_CONNECTIONS: usize = 64;
/// How many keys a page has.
const PAGE_KEYS: usize = 1_000;
/// How often a page is asked for.
const PAGES: usize = 200;
/// The seed of what objects contain.
const SEED: u64 = 0x5eed;

/// How much is measured.
#[derive(Clone, Copy)]
struct Extent {
    small_objects: usize,
    crowd: Duration,
    object_bytes: u64,
    rounds: usize,
    keys: usize,
}

const WHOLE: Extent = Extent {
    small_objects: 2_000,
    crowd: Duration::from_secs(5),
    object_bytes: 1 << 30,
    rounds: 3,
    keys: 1_000_000,
};
const QUICK: Extent = Extent {
    small_objects: 200,
    crowd: Duration::from_secs(1),
    object_bytes: 64 << 20,
    rounds: 1,
    keys: 20_000,
};

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    /// PutObject of 1 KiB on one connection, median, in milliseconds; it is on disk when it is answered.
    put_1kib_p50_millis: f64,
    /// A file of 1 KiB written and synced on the same disk, between those, median, in milliseconds.
    sync_1kib_p50_millis: f64,
    /// GetObject of 1 KiB on one connection, median, in milliseconds.
    get_1kib_p50_millis: f64,
    /// GetObject of 1 KiB on that many connections together, requests per second.
    gets_per_second: f64,
    /// How many connections those were.
    connections: usize,
    /// How many processors client and cloud share.
    processors: usize,
    /// How long the large object is, in MiB.
    object_mib: u64,
    /// How often it was sent and received; of all that follows the median.
    rounds: usize,
    /// Sending it from a file, in seconds; it is on disk when it is answered.
    object_in_secs: f64,
    /// Receiving it, in seconds.
    object_out_secs: f64,
    /// `cp` of the file, in seconds.
    cp_secs: f64,
    /// Until that copy is on disk, too, in seconds.
    sync_secs: f64,
    /// `sha256sum` of the file, in seconds.
    sha256sum_secs: f64,
    /// How fast it is sent, to `cp` and `sha256sum` of the same round.
    in_to_cp_and_sha256sum: f64,
    /// The same with a copy that is on disk.
    in_to_durable_cp_and_sha256sum: f64,
    /// How fast it is received, to `cp` and `sha256sum` of the same round.
    out_to_cp_and_sha256sum: f64,
    /// ListObjectsV2 of 1,000 keys, median, in milliseconds.
    list_page_p50_millis: f64,
    /// Among how many keys.
    list_keys: usize,
    /// How many objects were stored in a second while those were made, on 64 connections.
    puts_per_second: f64,
    /// The daemon's resident memory before all of it, in MiB.
    idle_memory_mib: f64,
    /// The most that it ever was.
    peak_memory_mib: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = |what: &str, value: f64, unit: &str| writeln!(f, "{what:<44}{value:>10.3} {unit}");
        line("put of 1 KiB, durable, one connection, p50", self.put_1kib_p50_millis, "ms")?;
        line("a file of 1 KiB written and synced, p50", self.sync_1kib_p50_millis, "ms")?;
        line("get of 1 KiB, one connection, p50", self.get_1kib_p50_millis, "ms")?;
        let crowd = format!("gets of 1 KiB, {} connections", self.connections);
        line(&crowd, self.gets_per_second, &format!("/s on {} processors", self.processors))?;
        line(&format!("{} MiB in", self.object_mib), self.object_in_secs, "s")?;
        line(&format!("{} MiB out", self.object_mib), self.object_out_secs, "s")?;
        line("cp", self.cp_secs, "s")?;
        line("and until it is on disk", self.sync_secs, "s")?;
        line("sha256sum", self.sha256sum_secs, "s")?;
        line("in, to cp and sha256sum", self.in_to_cp_and_sha256sum, "of their speed")?;
        line("in, to durable cp and sha256sum", self.in_to_durable_cp_and_sha256sum, "of their speed")?;
        line("out, to cp and sha256sum", self.out_to_cp_and_sha256sum, "of their speed")?;
        line(&format!("a page of 1,000 of {} keys, p50", self.list_keys), self.list_page_p50_millis, "ms")?;
        line("puts while those were made, 64 connections", self.puts_per_second, "/s")?;
        line("memory before", self.idle_memory_mib, "MiB")?;
        line("memory at most", self.peak_memory_mib, "MiB")
    }
}

/// Measures on a throw-away cloud.
pub(crate) fn run(options: &MeasureS3Options) -> anyhow::Result<Report> {
    let extent = if options.quick { QUICK } else { WHOLE };
    let arguments: &[&str] = if options.how.no_ebpf { &["--no-ebpf"] } else { &[] };
    throwaway::enter_own_network()?;
    let cloud = ThrowawayCloud::start(options.how.data_dir.data_dir.as_deref(), arguments)?;
    let idle_memory_mib = resident_mib(cloud.pid)?;
    let mut connection = cloud.client.connect()?;
    put(&mut connection, "/bench", b"")?;

    eprint!("\rsmall objects                 ");
    let small = small(&mut connection, cloud.data_dir(), extent.small_objects)?;
    let gets_per_second = crowd(&cloud.client, extent)?;
    let large = large(&mut connection, cloud.data_dir(), extent)?;
    let puts_per_second = fill(&cloud.client, extent.keys)?;
    let list_page_p50_millis = list(&mut connection, extent.keys)?;
    eprint!("\r{:40}\r", "");
    let peak_memory_mib = peak_resident_mib(cloud.pid)?;
    drop(connection);
    cloud.remove()?;
    Ok(Report {
        put_1kib_p50_millis: small.put_millis,
        sync_1kib_p50_millis: small.sync_millis,
        get_1kib_p50_millis: small.get_millis,
        gets_per_second,
        connections: CONNECTIONS,
        processors: std::thread::available_parallelism()?.get(),
        object_mib: extent.object_bytes >> 20,
        rounds: extent.rounds,
        object_in_secs: large.median(|round| round.sent),
        object_out_secs: large.median(|round| round.received),
        cp_secs: large.median(|round| round.cp),
        sync_secs: large.median(|round| round.sync),
        sha256sum_secs: large.median(|round| round.sum),
        in_to_cp_and_sha256sum: large.median(|round| (round.cp + round.sum) / round.sent),
        in_to_durable_cp_and_sha256sum: large
            .median(|round| (round.cp + round.sync + round.sum) / round.sent),
        out_to_cp_and_sha256sum: large.median(|round| (round.cp + round.sum) / round.received),
        list_page_p50_millis,
        list_keys: extent.keys,
        puts_per_second,
        idle_memory_mib,
        peak_memory_mib,
    })
}

fn put(connection: &mut Connection<'_>, path: &str, body: &[u8]) -> anyhow::Result<()> {
    connection.s3(S3Request { method: "PUT", path, ..S3Request::default() }, body)?.good()?;
    Ok(())
}

fn get(connection: &mut Connection<'_>, path: &str) -> anyhow::Result<Vec<u8>> {
    Ok(connection.s3(S3Request { method: "GET", path, ..S3Request::default() }, b"")?.good()?.body)
}

/// Bytes that do not repeat: splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
fn fill_random(bytes: &mut [u8], mut state: u64) -> u64 {
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
    }
    state
}

/// What was measured of small objects, medians.
struct Small {
    put_millis: f64,
    sync_millis: f64,
    get_millis: f64,
}

fn small(connection: &mut Connection<'_>, dir: &Path, count: usize) -> anyhow::Result<Small> {
    let file = File::create(dir.join("bench-sync"))?;
    let (mut puts, mut syncs, mut gets) = (Vec::new(), Vec::new(), Vec::new());
    let mut body = [0; SMALL_BYTES];
    let mut state = SEED;
    for number in 0..count {
        state = fill_random(&mut body, state);
        let began = Instant::now();
        put(connection, &small_path(number), &body)?;
        puts.push(millis(began.elapsed()));
        let began = Instant::now();
        file.write_all_at(&body, (number * SMALL_BYTES) as u64)?;
        file.sync_data()?;
        syncs.push(millis(began.elapsed()));
    }
    for number in 0..count {
        let began = Instant::now();
        let found = get(connection, &small_path(number))?;
        gets.push(millis(began.elapsed()));
        if found.len() != SMALL_BYTES {
            bail!("an object of {} bytes instead of {SMALL_BYTES}", found.len());
        }
    }
    std::fs::remove_file(dir.join("bench-sync"))?;
    Ok(Small {
        put_millis: median(&mut puts),
        sync_millis: median(&mut syncs),
        get_millis: median(&mut gets),
    })
}

fn small_path(number: usize) -> String {
    format!("/bench/small/{number:06}")
}

/// How many gets a second all connections get answered together.
fn crowd(client: &Client, extent: Extent) -> anyhow::Result<f64> {
    let answered = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..CONNECTIONS)
            .map(|asker| {
                let answered = &answered;
                scope.spawn(move || {
                    let mut connection = client.connect()?;
                    let mut number = asker;
                    while began.elapsed() < extent.crowd {
                        get(&mut connection, &small_path(number % extent.small_objects))?;
                        number += CONNECTIONS + 1;
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    anyhow::Ok(())
                })
            })
            .collect();
        askers.into_iter().try_for_each(|asker| asker.join().expect("it does not panic"))
    })?;
    Ok(answered.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

/// How long everything took in one round, in seconds.
#[derive(Clone, Copy)]
struct Round {
    cp: f64,
    sync: f64,
    sum: f64,
    sent: f64,
    received: f64,
}

struct Rounds(Vec<Round>);

impl Rounds {
    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(&mut self.0.iter().map(of).collect::<Vec<_>>())
    }
}

fn large(connection: &mut Connection<'_>, dir: &Path, extent: Extent) -> anyhow::Result<Rounds> {
    let source = dir.join("bench-source");
    let mut file = File::options().read(true).write(true).create(true).truncate(true).open(&source)?;
    let mut block = vec![0; 1 << 20];
    let mut state = SEED;
    for _ in 0..extent.object_bytes / block.len() as u64 {
        throwaway::check_interrupted()?;
        state = fill_random(&mut block, state);
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let mut rounds = Vec::new();
    for round in 0..extent.rounds {
        eprint!("\rlarge object, round {} of {}   ", round + 1, extent.rounds);
        // Equal contents are stored once, and finding one would be another thing than storing it.
        file.write_all_at(&(round as u64).to_le_bytes(), 0)?;
        file.sync_all()?;
        rounds.push(one_round(connection, &source, &mut file, extent)?);
    }
    std::fs::remove_file(source)?;
    Ok(Rounds(rounds))
}

fn one_round(
    connection: &mut Connection<'_>,
    source: &Path,
    file: &mut File,
    extent: Extent,
) -> anyhow::Result<Round> {
    const PATH: &str = "/bench/large";
    let copy = source.with_extension("copy");
    let seconds = |work: &mut dyn FnMut() -> anyhow::Result<()>| {
        let began = Instant::now();
        work().map(|()| began.elapsed().as_secs_f64())
    };
    let cp = seconds(&mut || plain("cp", &["--reflink=never".into(), source.into(), copy.clone()]))?;
    let sync = seconds(&mut || Ok(File::open(&copy)?.sync_all()?))?;
    let sum = seconds(&mut || plain("sha256sum", std::slice::from_ref(&copy)))?;
    std::fs::remove_file(&copy)?;
    let ask = |method| S3Request { method, path: PATH, ..S3Request::default() };
    file.seek(SeekFrom::Start(0))?;
    let sent = seconds(&mut || {
        connection.s3_send(ask("PUT"), extent.object_bytes, file)?.good()?;
        Ok(())
    })?;
    let received = seconds(&mut || {
        let length = connection.s3_receive(ask("GET"), &mut io::sink())?;
        if length == extent.object_bytes { Ok(()) } else { bail!("an object of {length} bytes") }
    })?;
    // Not a part of what is measured.
    file.seek(SeekFrom::Start(0))?;
    connection.s3_receive(ask("GET"), &mut Compare(file))?;
    connection.s3(ask("DELETE"), b"")?.good()?;
    Ok(Round { cp, sync, sum, sent, received })
}

/// Runs a command of every Linux.
fn plain(command: &str, arguments: &[PathBuf]) -> anyhow::Result<()> {
    let output =
        Command::new(command).args(arguments).output().with_context(|| format!("cannot run {command}"))?;
    if !output.status.success() {
        bail!("{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Takes only what a file has.
struct Compare<'a>(&'a mut File);

impl Write for Compare<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut expected = vec![0; bytes.len()];
        self.0.read_exact(&mut expected)?;
        if expected != bytes {
            return Err(io::Error::other("an object is not what was stored"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn listed_key(number: usize) -> String {
    format!("listed/{number:08}")
}

/// Makes the keys that are listed, and says how many a second.
fn fill(client: &Client, keys: usize) -> anyhow::Result<f64> {
    let next = AtomicU64::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..FILLING_CONNECTIONS)
            .map(|_| {
                let next = &next;
                scope.spawn(move || {
                    let mut connection = client.connect()?;
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed) as usize;
                        if number >= keys {
                            return anyhow::Ok(());
                        }
                        if number.is_multiple_of(1000) {
                            eprint!("\rkeys {number} of {keys}          ");
                        }
                        put(&mut connection, &format!("/bench/{}", listed_key(number)), b"x")?;
                    }
                })
            })
            .collect();
        makers.into_iter().try_for_each(|maker| maker.join().expect("it does not panic"))
    })?;
    Ok(keys as f64 / began.elapsed().as_secs_f64())
}

/// Pages from all over the bucket, in no order.
fn list(connection: &mut Connection<'_>, keys: usize) -> anyhow::Result<f64> {
    const STRIDE: usize = 7_919;
    let mut times = Vec::with_capacity(PAGES);
    for page in 0..PAGES {
        let after = listed_key(page * STRIDE * PAGE_KEYS / 13 % (keys - PAGE_KEYS)).replace('/', "%2F");
        let query = format!("list-type=2&max-keys={PAGE_KEYS}&prefix=listed%2F&start-after={after}");
        let ask = S3Request { method: "GET", path: "/bench", query: &query, ..S3Request::default() };
        let began = Instant::now();
        let answer = connection.s3(ask, b"")?.good()?;
        times.push(millis(began.elapsed()));
        let found = answer.text().matches("<Key>").count();
        if found != PAGE_KEYS {
            bail!("a page of {found} keys instead of {PAGE_KEYS}");
        }
    }
    Ok(median(&mut times))
}
