//! Interactive commands, as `brume exec` runs them: by this test binary, started again with a variable set.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use sandbox::{Driver, Userland};
use support::{Cloud, config, eventually, id, spec};

const DIRECTORY: &str = "BRUME_TEST_EXEC_DIRECTORY";
const SCRIPT: &str = "BRUME_TEST_EXEC_SCRIPT";

/// `main` of `brume exec`, as far as this crate is concerned.
#[test]
fn as_brume_exec() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let driver = Userland::new(config(Path::new(&directory))).unwrap();
    let running = driver.adopt(id(1)).unwrap().expect("it runs");
    let script = std::env::var(SCRIPT).unwrap();
    let code = driver.exec_interactive(&running, &["sh".to_owned(), "-c".to_owned(), script]).unwrap();
    // ExitCode cannot be looked into, but it can be ended with.
    let code = (0..=255u8).find(|number| code == (*number).into()).unwrap();
    std::process::exit(code.into());
}

fn brume_exec(cloud: &Cloud, script: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "as_brume_exec", "--nocapture", "--quiet"])
        .env(DIRECTORY, cloud.directory.path())
        .env(SCRIPT, script);
    command
}

#[test]
fn input_output_and_exit_code_pass_through() {
    let Some(cloud) = Cloud::new() else { return };
    let _running = cloud.boot(&spec(1));
    let mut child = brume_exec(&cloud, "cat; test -t 0 || echo no terminal; echo bad >&2; exit 42")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(42));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.ends_with("typed\nno terminal\n"), "{stdout}");
    assert!(String::from_utf8_lossy(&output.stderr).ends_with("bad\n"));
    let killed = brume_exec(&cloud, "kill -15 $$").stdin(Stdio::null()).output().unwrap();
    assert_eq!(killed.status.code(), Some(143));
}

#[test]
fn a_terminal_gets_one_of_the_guest() {
    let Some(cloud) = Cloud::new() else { return };
    let _running = cloud.boot(&spec(1));
    let size = nix::pty::Winsize { ws_row: 33, ws_col: 99, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = nix::pty::openpty(&size, None).unwrap();
    let script = "tty; stty size; read line; echo got $line; exit 7";
    let end = |slave: &OwnedFd| Stdio::from(slave.try_clone().unwrap());
    let mut child = brume_exec(&cloud, script)
        .stdin(end(&pty.slave))
        .stdout(end(&pty.slave))
        .stderr(end(&pty.slave))
        .spawn()
        .unwrap();
    drop(pty.slave);
    let mut master = std::fs::File::from(pty.master);
    let mut shown = String::new();
    let mut buffer = [0; 1024];
    let mut typed = false;
    // Ends with an error when the last user of the terminal has gone.
    while let Ok(count @ 1..) = master.read(&mut buffer) {
        shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        if !typed && shown.contains("33 99") {
            master.write_all(b"hello\r").unwrap();
            typed = true;
        }
    }
    assert_eq!(child.wait().unwrap().code(), Some(7), "{shown}");
    assert!(shown.contains("/dev/pts/") && shown.contains("got hello\r\n"), "{shown}");
}

/// Whoever runs the command is killed, so that nobody could say anything to the helper.
#[test]
fn a_command_whose_caller_has_gone_is_hung_up_on_and_then_killed() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let processes =
        |name: &str| cloud.run(&running, &format!("cat /proc/[0-9]*/comm | grep -cx {name}")).stdout;
    let scripts = [
        "trap 'echo told > /root/told; exit' HUP; echo begun; while :; do sleep 0.1; done",
        "trap '' HUP; echo begun; cat /dev/zero > /dev/null",
    ];
    for script in scripts {
        let mut child =
            brume_exec(&cloud, script).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut shown = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(shown.any(|line| line.unwrap() == "begun"));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    eventually("the first one was told", || cloud.run(&running, "cat /root/told").stdout == "told\n");
    assert_eq!(processes("cat"), "2\n", "the second one has its time");
    eventually("the second one was killed", || processes("cat") == "1\n");
}

/// Runs a script on a terminal until it says `begun`, and takes its caller and the terminal away: as when the window of a
/// terminal is closed, or the connection to it breaks.
fn close_terminal_of(cloud: &Cloud, script: &str) {
    let pty = nix::pty::openpty(None, None).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let mut child = brume_exec(cloud, script).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    drop(pty.slave);
    let mut shown = std::io::BufReader::new(std::fs::File::from(pty.master)).lines();
    assert!(shown.any(|line| line.unwrap().ends_with("begun")));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_shell_whose_terminal_and_caller_have_gone_ends_with_what_runs_in_it() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let script = "bash --norc -i -c 'echo begun; sleep 1000; true'";
    close_terminal_of(&cloud, script);
    let sleepers = "cat /proc/[0-9]*/comm | grep -cx sleep";
    eventually("it has ended", || cloud.run(&running, sleepers).stdout == "0\n");
}

#[test]
fn a_job_in_the_background_is_told_too_that_the_terminal_has_gone() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    // A shell that gives jobs groups of their own and does not tell them itself. One ignores it, one is no part of the session.
    let script = "set -m; sleep 1001 & nohup sleep 1002 & setsid sleep 1003 & sleep 0.5; echo begun; wait";
    close_terminal_of(&cloud, script);
    let sleepers = "grep -zhx '100[0-9]' /proc/[0-9]*/cmdline | tr '\\0' ' '";
    eventually("it has ended", || cloud.run(&running, sleepers).stdout.trim() == "1002 1003");
}

/// As a shell's child does that takes the signal before it has become the program that it is made for.
#[test]
fn a_job_that_becomes_a_program_when_it_is_told_is_told_again() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let script = "bash -c 'trap : HUP; sleep 1001; sleep 0.2; exec sleep 1002' & sleep 0.5; echo begun; wait";
    close_terminal_of(&cloud, script);
    let sleepers = "grep -zhx '100[0-9]' /proc/[0-9]*/cmdline | tr '\\0' ' '";
    eventually("it has ended", || cloud.run(&running, sleepers).stdout.trim().is_empty());
}

/// As a program does that is asked to end once, and would be ended at once if it was asked again.
#[test]
fn a_job_that_stops_catching_the_signal_when_it_is_told_finishes_what_it_has_to_do() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    // What it waits for has a session of its own, so that it is not told.
    let cleanup = "trap - HUP; setsid sleep 0.3; setsid sleep 0.3; echo done > /root/cleaned; exit";
    let script = format!(
        "set -m; bash -c 'trap \"{cleanup}\" HUP; while :; do sleep 1001; done' & sleep 0.5; echo begun; wait"
    );
    close_terminal_of(&cloud, &script);
    eventually("it has finished", || cloud.run(&running, "cat /root/cleaned").stdout == "done\n");
}
