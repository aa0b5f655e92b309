//! Objects and their operator, by the real binary: what is counted, verified and repaired, with a daemon and without; what
//! outlives `kill -9` under load; a disk that is full; and access logs that wait when the daemon ends.
//!
//! `BRUME_OBJECT_KILLS` says how often the daemon is killed: 5 times unless it does, 200 times in `cargo xtask test --long`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;
mod objects;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cloud::client::S3Request;
use cloud::{Cloud, Mode, eventually, on_a_workstation, skip};
use objects::storm::Storm;
use objects::{Bucket, content};
use serde_json::Value;

/// How often the daemon is killed in the storm.
const KILLS: u64 = 5;

/// `brume s3 ARGUMENTS --json`: its exit code, and what it says.
fn operator(cloud: &Cloud, arguments: &[&str]) -> (i32, Value) {
    let (what, rest) = arguments.split_first().unwrap();
    let mut command = cloud.command("s3", &[]);
    // The data directory is an option of what comes behind.
    command = rearranged(&command, what, rest);
    let told = cloud::Finished::new(command.stdin(Stdio::null()).output().unwrap());
    let json = serde_json::from_str(&told.stdout);
    (told.code, json.unwrap_or_else(|_| panic!("{told:?}")))
}

/// `brume s3 WHAT REST --json --data-dir DIR`, out of `brume s3 --data-dir DIR`.
fn rearranged(command: &Command, what: &str, rest: &[&str]) -> Command {
    let mut arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
    let behind = arguments.split_off(1);
    let mut new = cloud::brume();
    new.args(arguments).arg(what).args(rest).arg("--json").args(behind);
    new
}

/// The files of contents.
fn files(cloud: &Cloud) -> Vec<PathBuf> {
    let blobs = cloud.path().join("objects/blobs");
    let parts = std::fs::read_dir(blobs).unwrap().map(|part| part.unwrap().path());
    parts.flat_map(|part| std::fs::read_dir(part).unwrap().map(|file| file.unwrap().path())).collect()
}

fn staged(cloud: &Cloud) -> usize {
    std::fs::read_dir(cloud.path().join("objects/staging")).unwrap().count()
}

#[test]
fn objects_are_counted_verified_and_repaired() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::SlowPath);
        let mut papers = Bucket::make(&cloud, "papers");
        papers.put("small", &content(1, 100)).unwrap();
        papers.put("large", &content(2, 200_000)).unwrap();
        papers.put("copy of large", &content(2, 200_000)).unwrap();
        Bucket::make(&cloud, "empty");
        let (code, told) = operator(&cloud, &["du"]);
        assert_eq!((code, &told["buckets"][1]["bucket"]), (0, &Value::from("papers")), "{told}");
        assert_eq!(
            (&told["buckets"][1]["objects"], &told["buckets"][1]["bytes"]),
            (&3.into(), &400_100.into())
        );
        assert_eq!((&told["contents"], &told["shared_bytes"]), (&2.into(), &200_000.into()), "{told}");
        assert_eq!(operator(&cloud, &["du", "empty"]).1["buckets"][0]["objects"], 0);
        let missing = rearranged(&cloud.command("s3", &[]), "du", &["other"]).output().unwrap();
        assert_eq!(missing.status.code(), Some(1));
        let (code, told) = operator(&cloud, &["scrub"]);
        assert_eq!((code, &told["summary"]["contents"]), (0, &2.into()), "{told}");
        assert_eq!(cloud.status()["objects"]["last_scrub"]["damaged"], 0);

        // A bit of the disk turns, and a file is left behind.
        let [file] = &files(&cloud)[..] else { panic!("{:?}", files(&cloud)) };
        let mut bytes = std::fs::read(file).unwrap();
        bytes[100_000] ^= 1;
        std::fs::write(file, bytes).unwrap();
        let left = file.with_file_name("0".repeat(64));
        let left = left.parent().unwrap().parent().unwrap().join("00").join(left.file_name().unwrap());
        std::fs::write(&left, "left").unwrap();
        let check_damage = |daemon: &str| {
            let (code, told) = operator(&cloud, &["scrub"]);
            assert_eq!((code, &told["summary"]["damaged"]), (3, &1.into()), "{daemon}: {told}");
            let holders = told["damages"][0]["holders"].as_array().unwrap();
            let keys: Vec<&str> = holders.iter().map(|holder| holder["key"].as_str().unwrap()).collect();
            assert_eq!(keys, ["copy of large", "large"], "{daemon}");
        };
        check_damage("with a daemon");
        assert_eq!(cloud.status()["objects"]["last_scrub"]["damaged"], 1);
        assert!(cloud.log().contains("copy of large"), "{}", cloud.log());
        assert!(papers.get("large").is_err(), "what is damaged is not given out");
        assert_eq!(papers.get("small").unwrap(), Some(content(1, 100)));
        let text = cloud.command("s3", &[]);
        let mut text = rearranged(&text, "scrub", &[]);
        let text = cloud::Finished::new(text.stdin(Stdio::null()).output().unwrap());
        assert_eq!(text.code, 3, "{text:?}");

        // The same without a daemon, which removes the file by itself at its start.
        cloud.kill_daemon();
        check_damage("without a daemon");
        assert_eq!(operator(&cloud, &["du"]).1["buckets"][1]["objects"], 3);
        let (code, told) = operator(&cloud, &["fsck"]);
        assert_eq!((code, &told["unreferenced"], left.exists()), (3, &1.into(), true), "{told}");
        let (code, told) = operator(&cloud, &["fsck", "--repair"]);
        assert_eq!((code, &told["removed"], left.exists()), (0, &1.into(), false), "{told}");
        let mut cloud = cloud;
        std::fs::write(&left, "left").unwrap();
        cloud.restart(&[]);
        eventually("the file is swept", || !left.exists());
        cloud.finish();
    });
}

#[test]
fn no_acknowledged_object_is_lost_by_kill_9() {
    let kills = std::env::var("BRUME_OBJECT_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::SlowPath);
        let mut storm = Storm::new(&cloud, "storm");
        for kill in 0..kills {
            let pid = nix::unistd::Pid::from_raw(cloud.daemon_pid());
            storm.blow(&cloud, || {
                // The first kills come before much is done, the later ones in the middle of more.
                std::thread::sleep(Duration::from_millis(40 + kill * 97 % 900));
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
            });
            // At once: the next daemon waits for the end of this one.
            cloud.restart(&[]);
            storm.check(&cloud);
        }
        eprintln!("{kills} kills: {}", storm.told());
        assert!(storm.acknowledged() > kills * 4, "there was no storm");
        eventually("what kills left is swept", || operator(&cloud, &["fsck"]).1["unreferenced"] == 0);
        let (code, told) = operator(&cloud, &["fsck"]);
        assert_eq!((code, staged(&cloud)), (0, 0), "{told}");
        let (code, told) = operator(&cloud, &["scrub"]);
        assert_eq!(code, 0, "{told}");
        eprintln!("scrubbed: {}", told["summary"]);
        // With the last object the last file goes.
        storm.remove_all(&cloud);
        eventually("no file is left", || files(&cloud).is_empty());
        cloud.take_down();
        let (code, told) = operator(&cloud, &["fsck"]);
        assert_eq!((code, &told["contents"], &told["unreferenced"]), (0, &0.into(), &0.into()), "{told}");
        cloud.restart(&[]);
        cloud.finish();
    });
}

/// Where the small disk is, for the process that has it.
const SMALL_DISK: &str = "BRUME_TEST_SMALL_DISK";

#[test]
fn a_full_disk_refuses_writes_and_gives_out_what_it_has() {
    if let Some(disk) = std::env::var_os(SMALL_DISK) {
        return on_a_workstation(|| fill_the_disk(Path::new(&disk)));
    }
    let disk = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=100m tmpfs \"${SMALL_DISK}\" || exit 77; exec \"$0\" \"$@\"");
    let child = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", &mount])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "a_full_disk_refuses_writes_and_gives_out_what_it_has", "--nocapture"])
        .env(SMALL_DISK, disk.path())
        .env("TMPDIR", disk.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    if child.status.code() == Some(77) || said.contains("unshare failed") {
        return skip("no file system can be mounted");
    }
    eprintln!("{said}");
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
}

fn fill_the_disk(disk: &Path) {
    // Short enough that all of it is read before it is refused: who still sends finds the connection closed.
    const LENGTH: usize = 250_000;
    let cloud = Cloud::up(Mode::SlowPath);
    assert!(cloud.path().starts_with(disk));
    let mut bucket = Bucket::make(&cloud, "full");
    let key = |number: u64| format!("number {number}");
    let is_refused = |bucket: &mut Bucket<'_>, number: u64| {
        let answer = bucket.try_put(&key(number), &content(number, LENGTH)).unwrap();
        match answer.status {
            200 => false,
            500 | 503 => {
                let text = answer.text();
                assert!(text.contains("SlowDown") || text.contains("InternalError"), "{text}");
                true
            }
            other => panic!("{other}: {}", answer.text()),
        }
    };
    let count = (0..).find(|number| is_refused(&mut bucket, *number)).unwrap();
    eprintln!("{count} objects until the disk was full");
    assert!(count > 100);
    // Somebody else takes the rest, to the last byte.
    let mut ballast = std::fs::File::create(disk.join("ballast")).unwrap();
    while std::io::Write::write(&mut ballast, &[1; 4096]).is_ok_and(|written| written > 0) {}
    assert!(is_refused(&mut bucket, count));
    assert!(bucket.put("longer", &content(count, 3_000_000)).is_err());
    bucket = Bucket::of(&cloud, "full");
    let check = |bucket: &mut Bucket<'_>, from: u64| {
        for number in 0..count {
            let expected = (number >= from).then(|| content(number, LENGTH));
            assert!(bucket.get(&key(number)).unwrap() == expected, "{number}");
        }
        for refused in [&key(count), "longer"] {
            assert_eq!(bucket.get(refused).unwrap(), None, "nothing is stored of what was refused");
        }
    };
    check(&mut bucket, 0);
    assert_eq!(staged(&cloud), 0);
    // Removing needs no space that is not kept for it, and gives space back with the ballast still there.
    for number in 0..count / 2 {
        bucket.delete(&key(number)).unwrap();
    }
    check(&mut bucket, count / 2);
    eventually("there is space again", || !is_refused(&mut bucket, 0));
    bucket.delete(&key(0)).unwrap();
    check(&mut bucket, count / 2);
    drop(ballast);
    std::fs::remove_file(disk.join("ballast")).unwrap();
    for what in ["fsck", "scrub"] {
        let (code, told) = operator(&cloud, &[what]);
        assert_eq!(code, 0, "{what}: {told}");
    }
    let pid = cloud.daemon_pid();
    cloud.kill_daemon();
    let mut cloud = cloud;
    cloud.restart(&[]);
    assert_ne!(cloud.daemon_pid(), pid);
    let mut bucket = Bucket::of(&cloud, "full");
    check(&mut bucket, count / 2);
    drop(bucket);
    cloud.finish();
}

/// Logs to the bucket `logs`, and what is told of the document.
const LOGGING: &[u8] = b"<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket><TargetPrefix>asked/</TargetPrefix>\
    </LoggingEnabled></BucketLoggingStatus>";
const LOGGING_MD5: &str = "J7a/G4DEV9TMlOfQRg7+7A==";

#[test]
fn access_logs_that_wait_are_delivered_when_the_daemon_ends() {
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::SlowPath);
        // Otherwise they are delivered after five seconds, and so perhaps before.
        cloud.start(&["--realistic-timing"]);
        let open = [("x-amz-object-ownership", "BucketOwnerPreferred"), ("x-amz-acl", "log-delivery-write")];
        let ask = |path: &str, query: &str, headers: &[(&str, &str)], body: &[u8]| {
            let request = S3Request { method: "PUT", path, query, headers };
            cloud.client().connect().unwrap().s3(request, body).unwrap().good().unwrap();
        };
        ask("/logs", "", &open, b"");
        ask("/papers", "", &[], b"");
        ask("/papers", "logging=", &[("content-md5", LOGGING_MD5)], LOGGING);
        ask("/papers/a", "", &[], b"text");
        let listed =
            |cloud: &Cloud| Bucket::of(cloud, "logs").ask("GET", "", "prefix=asked/", b"").unwrap().text();
        assert!(!listed(&cloud).contains("<Key>"), "{}", listed(&cloud));
        let down = cloud.run("down", &[]);
        assert_eq!(down.code, 0, "{down:?}");
        cloud.restart(&[]);
        let keys = cloud::Xml::new(&listed(&cloud)).all("Key");
        let [key] = &keys[..] else { panic!("{keys:?}") };
        let log = String::from_utf8(Bucket::of(&cloud, "logs").get(key).unwrap().unwrap()).unwrap();
        assert!(log.contains(" REST.PUT.OBJECT a \"PUT /papers/a HTTP/1.1\" 200 - - 4 "), "{log}");
        cloud.finish();
    });
}
