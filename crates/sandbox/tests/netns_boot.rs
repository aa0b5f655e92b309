//! Boots sandboxes, and follows them through their life.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use sandbox::{CaptureLimits, Driver, Exec, ExecStatus, Exit, Readiness, SandboxError, StdioMode};
use support::{Cloud, eventually, id, spec};

#[test]
fn boots_runs_commands_and_powers_off() {
    let Some(cloud) = Cloud::new() else { return };
    let began = Instant::now();
    let running = cloud.driver.start(&spec(1)).unwrap();
    let held = began.elapsed();
    cloud.driver.release(&running).unwrap();
    let readiness = cloud.driver.wait_ready(&running, Duration::from_secs(10)).unwrap();
    let ready = began.elapsed();
    assert_eq!(readiness, Readiness::Ready, "{}", cloud.console(1));
    let output = cloud.run(&running, "hostname; id -u; echo to-stderr >&2; exit 3");
    eprintln!("namespaces after {held:?}, ready after {ready:?}, first command after {:?}", began.elapsed());
    assert_eq!(output.stdout, "instance-1\n0\n");
    assert_eq!(output.stderr, "to-stderr\n");
    assert_eq!(output.code, 3);
    let exit = cloud.driver.stop(&running, Duration::from_secs(5)).unwrap();
    assert_eq!(exit, Exit::PoweredOff, "{}", cloud.console(1));
    assert_eq!(cloud.driver.last_exit(id(1)).unwrap(), Some(Exit::PoweredOff));
    let again = cloud.boot(&spec(1));
    let restarted = Instant::now();
    cloud.driver.kill(&again).unwrap();
    eprintln!("killed in {:?}", restarted.elapsed());
}

#[test]
fn is_held_until_released_and_starts_only_once() {
    let Some(cloud) = Cloud::new() else { return };
    let mut with_script = spec(1);
    with_script.user_data = Some(b"#!/bin/sh\ntouch /ran\n".to_vec());
    let running = cloud.driver.start(&with_script).unwrap();
    let waited = cloud.driver.wait_ready(&running, Duration::from_millis(300)).unwrap();
    assert_eq!(waited, Readiness::TimedOut);
    assert!(!cloud.state_dir().join(id(1).to_string()).join("root/ran").exists());
    assert!(matches!(cloud.driver.start(&with_script), Err(SandboxError::AlreadyRunning(_))));
    assert_eq!(cloud.driver.adopt(id(1)).unwrap(), Some(running));
    // Also one that was never released goes when it is told to.
    assert_eq!(cloud.driver.stop(&running, Duration::from_secs(5)).unwrap(), Exit::PoweredOff);
    assert!(matches!(cloud.driver.release(&running), Err(SandboxError::NotRunning(_))));
}

#[test]
fn init_reaps_what_is_left_to_it() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let output = cloud.run(
        &running,
        "cat /proc/1/comm; for i in 1 2 3 4 5; do (sleep 0.05 &) ; done; sleep 0.3; cat /proc/[0-9]*/stat",
    );
    assert!(output.stdout.starts_with("init\n"), "{}", output.stdout);
    let zombies = output.stdout.lines().filter(|line| line.contains(") Z ")).count();
    assert_eq!(zombies, 0, "{}", output.stdout);
}

#[test]
fn user_data_runs_once_in_the_life_of_a_disk() {
    let Some(cloud) = Cloud::new() else { return };
    let mut with_script = spec(1);
    with_script.user_data = Some(
        b"#!/bin/bash\necho run >> /root/runs\necho \"as $(id -un) on $(hostname) with $GREETING\"\necho bad >&2\nexit 4\n"
            .to_vec(),
    );
    with_script.environment.insert("GREETING".to_owned(), "hello".to_owned());
    let running = cloud.boot(&with_script);
    eventually("the script has run", || cloud.console(1).contains("user data ended with code 4"));
    let console = cloud.console(1);
    assert!(console.contains("as root on instance-1 with hello\n") && console.contains("bad\n"), "{console}");
    let log = cloud.run(&running, "cat /var/log/cloud-init-output.log").stdout;
    assert_eq!(log, "as root on instance-1 with hello\nbad\n");

    cloud.driver.reboot(&running).unwrap();
    eventually("it has started again", || cloud.console(1).contains("starting again on instance-1"));
    assert_eq!(cloud.driver.adopt(id(1)).unwrap(), Some(running), "a reboot keeps the sandbox");
    eventually("commands run again", || cloud.run(&running, "cat /root/runs").stdout == "run\n");

    assert_eq!(cloud.driver.stop(&running, Duration::from_secs(5)).unwrap(), Exit::PoweredOff);
    let running = cloud.boot(&with_script);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(cloud.run(&running, "cat /root/runs").stdout, "run\n");
    assert_eq!(cloud.console(1).matches("user data runs").count(), 1, "{}", cloud.console(1));
}

#[test]
fn user_data_that_is_no_script_is_told() {
    let Some(cloud) = Cloud::new() else { return };
    let mut with_config = spec(1);
    with_config.user_data = Some(b"#cloud-config\nruncmd:\n - touch /ran\n".to_vec());
    let running = cloud.boot(&with_config);
    eventually("it is told", || {
        cloud.console(1).contains("user data was not run: cloud-config is not supported")
    });
    assert_eq!(cloud.run(&running, "ls /ran").code, 2);
}

#[test]
fn a_disk_outlives_stop_and_goes_with_destroy() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let written = cloud.run(
        &running,
        "echo kept > /root/file; echo gone > /tmp/file; echo usr > /usr/local/file; cat /etc/machine-id",
    );
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(!std::path::Path::new("/usr/local/file").exists(), "the host's /usr was written to");
    cloud.driver.stop(&running, Duration::from_secs(5)).unwrap();
    let running = cloud.boot(&spec(1));
    let read = cloud.run(&running, "cat /root/file /usr/local/file; ls /tmp; cat /etc/machine-id");
    assert_eq!(read.stdout, format!("kept\nusr\n{}", written.stdout));
    cloud.driver.destroy(id(1)).unwrap();
    let running = cloud.boot(&spec(1));
    assert_eq!(cloud.run(&running, "ls /root /tmp").stdout, "/root:\n\n/tmp:\n");
}

#[test]
fn a_guest_that_ends_itself_is_noticed() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let ended = cloud.driver.exit_fd(&running).unwrap();
    assert_eq!(cloud.driver.wait(&running, Some(Duration::from_millis(50))).unwrap(), None);
    cloud.run(&running, "kill -TERM 1");
    let exit = cloud.driver.wait(&running, Some(Duration::from_secs(5))).unwrap();
    assert_eq!(exit, Some(Exit::PoweredOff));
    let mut polled = [nix::poll::PollFd::new(std::os::fd::AsFd::as_fd(&ended), nix::poll::PollFlags::POLLIN)];
    assert_eq!(nix::poll::poll(&mut polled, nix::poll::PollTimeout::ZERO), Ok(1));
    assert_eq!(cloud.driver.adopt(id(1)).unwrap(), None);

    let running = cloud.boot(&spec(2));
    let python = "import ctypes; ctypes.CDLL(None).reboot(0x1234567)";
    if cloud.run(&running, &format!("command -v python3 && python3 -c '{python}'")).stdout.is_empty() {
        eprintln!("SKIPPED: reboot(2) from inside: no python3 in /usr");
    } else {
        let exit = cloud.driver.wait(&running, Some(Duration::from_secs(5))).unwrap();
        assert_eq!(exit, Some(Exit::RebootRequested));
    }
    let running = cloud.boot(&spec(3));
    assert_eq!(cloud.driver.kill(&running).unwrap(), Exit::Killed);
}

/// By the names that scripts use, which are the host's systemctl otherwise.
#[test]
fn poweroff_and_reboot_by_their_names() {
    let Some(cloud) = Cloud::new() else { return };
    for line in ["poweroff", "halt -f", "shutdown -h now", "/usr/local/sbin/shutdown -P now"] {
        let running = cloud.boot(&spec(1));
        let refused = cloud.run(&running, "setpriv --reuid=1000 --clear-groups poweroff || echo refused");
        assert!(refused.stdout.ends_with("refused\n"), "{refused:?}");
        let _ = cloud.run(&running, line);
        let exit = cloud.driver.wait(&running, Some(Duration::from_secs(5))).unwrap();
        assert_eq!(exit, Some(Exit::PoweredOff), "{line}");
    }
    let running = cloud.boot(&spec(2));
    for (count, line) in ["reboot", "shutdown -r now"].into_iter().enumerate() {
        let _ = cloud.run(&running, line);
        eventually(line, || cloud.console(2).matches("starting again on instance-2").count() == count + 1);
        assert_eq!(cloud.driver.adopt(id(2)).unwrap(), Some(running), "a reboot keeps the sandbox");
    }
    // One that is to come can be replaced and taken back.
    eventually("commands run again", || cloud.run(&running, "shutdown +1").stderr.contains("in 60 s"));
    let waits =
        || cloud.run(&running, "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep BRUME_SHUTDOWN").stdout;
    assert_eq!(cloud.run(&running, "shutdown -r +2").code, 0);
    assert_eq!(waits(), "BRUME_SHUTDOWN_WAIT_SECS=120\n");
    assert_eq!(cloud.run(&running, "shutdown -c").code, 0);
    assert_eq!(waits(), "");
    // The process that waits does as it was told when the time has come.
    let _ = cloud.run(&running, "BRUME_SHUTDOWN_WAIT_SECS=0 shutdown -P now");
    assert_eq!(cloud.driver.wait(&running, Some(Duration::from_secs(5))).unwrap(), Some(Exit::PoweredOff));
}

#[test]
fn a_guest_that_does_not_stop_is_killed_in_time() {
    let Some(cloud) = Cloud::new() else { return };
    let mut stubborn = spec(1);
    stubborn.user_data = Some(b"#!/bin/sh\ntrap '' TERM\necho armed\nwhile :; do sleep 1; done\n".to_vec());
    let running = cloud.boot(&stubborn);
    eventually("the trap is set", || cloud.console(1).contains("armed"));
    let began = Instant::now();
    assert_eq!(cloud.driver.stop(&running, Duration::from_millis(300)).unwrap(), Exit::Killed);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // Also when it had more time at first.
    let other = cloud.boot(&sandbox::Spec { user_data: stubborn.user_data.clone(), ..spec(2) });
    eventually("the trap is set", || cloud.console(2).contains("armed"));
    let began = Instant::now();
    let grace = || Duration::from_secs(if began.elapsed() < Duration::from_millis(300) { 60 } else { 0 });
    assert_eq!(cloud.driver.stop_within(&other, &grace).unwrap(), Exit::Killed);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    // With time enough, init sees to it itself.
    let running = cloud.start(&stubborn).unwrap();
    assert_eq!(cloud.driver.stop(&running, Duration::from_secs(10)).unwrap(), Exit::PoweredOff);
}

#[test]
fn commands_have_their_streams_codes_and_limits() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    assert_eq!(cloud.run(&running, "kill -9 $$").code, 137);
    let limits = CaptureLimits { timeout: Some(Duration::from_secs(10)), stdout_bytes: 10, stderr_bytes: 10 };
    let run = |exec: &Exec| cloud.driver.exec(&running, exec).unwrap().capture(limits).unwrap();
    let missing = run(&Exec::new(["no-such-program"]));
    assert_eq!(missing.status, ExecStatus::Exited(127));
    let not_executable = run(&Exec::new(["/etc/passwd"]));
    assert_eq!(not_executable.status, ExecStatus::Exited(126));

    let mut exec = Exec::new(["sh", "-c", "pwd; echo $WHAT"]);
    exec.environment.insert("WHAT".to_owned(), "set".to_owned());
    exec.working_directory = Some("/var".into());
    assert_eq!(String::from_utf8(run(&exec).stdout).unwrap(), "/var\nset\n");

    let flood = run(&Exec::new(["sh", "-c", "yes | head -c 3000000"]));
    assert_eq!((flood.stdout.len(), flood.truncated, flood.status), (10, true, ExecStatus::Exited(0)));

    let mut cat = Exec::new(["cat"]);
    cat.stdin = StdioMode::Pipe;
    let mut child = cloud.driver.exec(&running, &cat).unwrap();
    std::io::Write::write_all(&mut child.take_stdin().unwrap(), b"through").unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.take_stdout().unwrap(), &mut text).unwrap();
    assert_eq!((text.as_str(), child.wait().unwrap()), ("through", ExecStatus::Exited(0)));
    assert!(matches!(cloud.driver.exec(&running, &Exec::default()), Err(SandboxError::Command(_))));
}

#[test]
fn a_command_and_all_its_processes_can_be_ended() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let limits =
        CaptureLimits { timeout: Some(Duration::from_millis(300)), stdout_bytes: 100, stderr_bytes: 100 };
    let sleepers = || cloud.run(&running, "cat /proc/[0-9]*/comm | grep -c '^sleep$'").stdout;
    let exec = Exec::new(["sh", "-c", "echo begun; sleep 100 & sleep 100; true"]);
    let captured = cloud.driver.exec(&running, &exec).unwrap().capture(limits).unwrap();
    assert!(captured.timed_out && captured.stdout == b"begun\n", "{captured:?}");
    assert_eq!(captured.status, ExecStatus::Exited(137));
    eventually("no process of it is left", || sleepers() == "0\n");

    let mut child = cloud.driver.exec(&running, &exec).unwrap();
    let canceller = child.canceller();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        canceller.cancel().unwrap();
    });
    assert_eq!(child.wait().unwrap(), ExecStatus::Exited(137));
    killer.join().unwrap();
    eventually("no process of it is left", || sleepers() == "0\n");
}

#[test]
fn the_console_keeps_its_end() {
    let Some(cloud) = Cloud::new() else { return };
    let mut chatty = spec(1);
    chatty.user_data = Some(b"#!/bin/sh\nseq 1 60000\necho the end\n".to_vec());
    let _running = cloud.boot(&chatty);
    // That the script has ended is said while the last of its output is still on its way.
    eventually("its output is there", || cloud.console(1).contains("59999\n60000\nthe end\n"));
    let console = cloud.console(1);
    assert!(console.len() <= sandbox::CONSOLE_LIMIT_BYTES && console.len() > 60_000, "{}", console.len());
    assert_eq!(cloud.driver.console_output(id(2)).unwrap(), b"");
}
