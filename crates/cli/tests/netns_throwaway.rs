//! Commands whose clouds do not outlive them: where they may be, and that nothing is left of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cloud::{Finished, brume, eventually, on_a_workstation};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn command(command: &[&str], data_dir: &Path) -> Command {
    let mut brume = brume();
    // The variable names a cloud that stays; it is nothing to these commands.
    brume.args(command).arg("--data-dir").arg(data_dir).env("BRUME_DATA_DIR", "/nonexistent/cloud");
    brume.stdin(Stdio::null());
    brume
}

fn run(arguments: &[&str], data_dir: &Path) -> Finished {
    Finished::new(command(arguments, data_dir).output().unwrap())
}

#[test]
fn the_demo_tells_a_drop_and_leaves_its_directory_as_it_was() {
    on_a_workstation(|| {
        let root = tempfile::tempdir().unwrap();
        let (missing, empty) = (root.path().join("missing"), root.path().join("empty"));
        fs::create_dir(&empty).unwrap();
        fs::set_permissions(&empty, Permissions::from_mode(0o755)).unwrap();
        for directory in [&missing, &empty] {
            let demo = run(&["demo"], directory);
            assert_eq!(demo.code, 0, "{demo:?}");
            let verdicts: Vec<&str> = demo.stdout.lines().filter(|line| line.contains("nc -vz")).collect();
            assert_eq!(verdicts.len(), 2, "{demo:?}");
            assert!(verdicts[0].contains("timed out") || verdicts[0].contains("TIMEOUT"), "{demo:?}");
            assert!(demo.stdout.contains("nothing is left"), "{demo:?}");
        }
        assert!(!missing.exists());
        assert_eq!(fs::read_dir(&empty).unwrap().count(), 0);
        assert_eq!(fs::metadata(&empty).unwrap().permissions().mode() & 0o777, 0o755);
        let run_dir = node::DataDir::open(&empty).unwrap().run_dir();
        assert!(!run_dir.path().exists(), "the cloud is still there");
    });
}

#[test]
fn other_peoples_directories_are_refused() {
    on_a_workstation(|| {
        let somebodys = tempfile::tempdir().unwrap();
        fs::write(somebodys.path().join("precious"), "data").unwrap();
        for command in [&["demo"][..], &["bench", "launch"], &["bench", "network"]] {
            let refused = run(command, somebodys.path());
            assert_eq!(refused.code, 1, "{command:?}: {refused:?}");
            assert!(refused.stderr.contains("is not empty"), "{command:?}: {refused:?}");
            assert_eq!(fs::read_dir(somebodys.path()).unwrap().count(), 1, "{command:?}");
        }
        assert_eq!(fs::read(somebodys.path().join("precious")).unwrap(), b"data");
    });
}

#[test]
fn a_measurement_of_the_network_ends_when_it_is_told_to() {
    on_a_workstation(|| {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("bench");
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let mut bench = command(&["bench", "network"], &directory);
            let bench = bench.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let run_dir = format!("brume-bench-{}-", bench.id());
            let has_begun = || {
                let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
                entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(&run_dir))
            };
            eventually("it has begun", has_begun);
            let told = Instant::now();
            kill(Pid::from_raw(bench.id().cast_signed()), signal).unwrap();
            let ended = Finished::new(bench.wait_with_output().unwrap());
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.stderr.ends_with("brume: interrupted\n"), "{ended:?}");
            assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
            assert!(!directory.exists(), "{:?}", fs::read_dir(&directory).unwrap().collect::<Vec<_>>());
        }
    });
}
