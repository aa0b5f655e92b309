//! Starts and teardowns that are cut off, come at the same time, or come from somebody who may not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use cloud::guest::{Launch, Network};
use cloud::{Cloud, Finished, Mode, eventually, on_a_workstation, skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn signal(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().cast_signed()), signal).unwrap();
}

/// Starts a command and kills it after a time.
fn cut_off(cloud: &Cloud, command: &str, after: Duration) {
    let mut child = cloud
        .command(command, &[])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_start_that_is_cut_off_anywhere_can_be_taken_down_or_gone_on_with() {
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::FastPath);
        for millis in (2..=122).step_by(6) {
            cut_off(&cloud, "up", Duration::from_millis(millis));
            if millis % 4 == 0 {
                let down = cloud.run("down", &[]);
                assert_eq!(down.code, 0, "after {millis} ms: {down:?}");
                cloud.assert_nothing_on_host();
            }
        }
        cloud.start(&[]);
        let instance = Network::new(&cloud).boot(&cloud, Launch::default());
        assert_eq!(cloud.output(&instance, "echo here"), "here");
        cloud.finish();
    });
}

#[test]
fn a_teardown_that_is_cut_off_anywhere_can_be_gone_on_with() {
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let instances = [(); 2].map(|()| network.boot(&cloud, Launch::default()));
        for millis in [5, 20, 40, 80, 160] {
            cut_off(&cloud, "down", Duration::from_millis(millis));
            if millis % 20 == 0 {
                cloud.take_down();
            }
            // The daemon may not even have been told to end.
            if cloud.run("status", &[]).code != 0 {
                eventually("the cloud starts again", || {
                    // What the killed command had told to end may take a moment to.
                    cloud.run("up", &["--detach"]).code == 0
                });
            }
            for instance in &instances {
                eventually("the instance runs", || cloud.sh(instance, "true").code == 0);
            }
        }
        cloud.take_down();
        cloud.restart(&[]);
        cloud.finish();
    });
}

#[test]
fn of_many_starts_at_the_same_time_one_wins() {
    on_a_workstation(|| {
        for _ in 0..3 {
            let cloud = Cloud::down(Mode::FastPath);
            let starts: Vec<Child> = (0..4)
                .map(|_| {
                    let mut up = cloud.command("up", &["--detach"]);
                    up.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
                })
                .collect();
            let ended: Vec<Finished> =
                starts.into_iter().map(|start| Finished::new(start.wait_with_output().unwrap())).collect();
            let mut codes: Vec<i32> = ended.iter().map(|finished| finished.code).collect();
            codes.sort_unstable();
            assert_eq!(codes, [0, 1, 1, 1], "{ended:?}");
            let status = cloud.status();
            assert!(status["data_plane"].is_string(), "{status}");
            cloud.finish();
        }
    });
}

#[test]
fn a_cloud_in_the_foreground_ends_by_a_signal_and_leaves_its_instances() {
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::FastPath);
        let mut instance = None;
        for end in [Signal::SIGINT, Signal::SIGTERM] {
            let mut daemon = cloud
                .command("up", &[])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            assert!(first.starts_with("Brume is up: http://127.0.0.1:4566"), "{first}");
            assert!(lines.any(|line| line.unwrap().contains("brume env --data-dir")), "what to type next");
            eventually("status tells", || cloud.run("status", &[]).code == 0);
            assert_eq!(cloud.daemon_pid(), daemon.id().cast_signed());
            cloud.connect();
            let known =
                instance.get_or_insert_with(|| Network::new(&cloud).boot(&cloud, Launch::default())).clone();
            signal(&daemon, end);
            let ended = Finished::new(daemon.wait_with_output().unwrap());
            assert_eq!(ended.code, 0, "{ended:?}");
            assert_eq!(ended.stderr.contains("Instances keep running"), end == Signal::SIGINT, "{ended:?}");
            assert_eq!(cloud.output(&known, "echo here"), "here");
        }
        cloud.finish();
    });
}

#[test]
fn who_may_not_is_told_what_to_do() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        // Any user may read a copy of the binary, wherever the build's own is.
        let public = tempfile::tempdir().unwrap();
        let binary = public.path().join("brume");
        std::fs::copy(env!("CARGO_BIN_EXE_brume"), &binary).unwrap();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(public.path(), open).unwrap();
        const NOBODY: u32 = 65534;
        for command in ["up", "down", "env", "status", "exec"] {
            let mut brume = std::process::Command::new(&binary);
            brume.arg(command).arg("--data-dir").arg(cloud.path());
            if command == "exec" {
                brume.args(["i-0123456789abcdef0", "--", "true"]);
            }
            brume.env_clear().env("PATH", "/nonexistent").uid(NOBODY).gid(NOBODY).stdin(Stdio::null());
            let refused = match brume.output() {
                Ok(output) => Finished::new(output),
                Err(error) => return skip(&format!("another user: {error}")),
            };
            assert_eq!(refused.code, 1, "{command}: {refused:?}");
            assert!(refused.stderr.contains("needs root"), "{command}: {refused:?}");
            assert!(refused.stderr.contains("run it as root"), "{command}: {refused:?}");
            assert!(refused.stdout.is_empty(), "{command}: {refused:?}");
        }
        cloud.finish();
    });
}
