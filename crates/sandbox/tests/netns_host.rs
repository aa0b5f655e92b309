//! What sandboxes leave on the host: nothing, whatever happened to them or to who started them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use sandbox::{Config, Driver, Exit, SandboxError, Userland};
use support::{Cloud, config, eventually, guest_binary, id, skip, spec};

/// What the host has of a cloud's sandboxes.
fn traces(cloud: &Cloud) -> Vec<String> {
    let directory = cloud.directory.path().display().to_string();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mut traces: Vec<String> =
        mounts.lines().filter(|line| line.contains(&directory)).map(|line| format!("mount {line}")).collect();
    for parent in [cloud.run_dir(), cloud.state_dir()] {
        traces.extend(
            std::fs::read_dir(parent).unwrap().map(|entry| entry.unwrap().path().display().to_string()),
        );
    }
    traces.extend(cgroups(cloud));
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let cmdline = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mounts = std::fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
        if mounts.contains(&directory) {
            traces.push(format!("process {:?} {}", entry.file_name(), String::from_utf8_lossy(&cmdline)));
        }
    }
    traces
}

/// Directories of the cloud in the control groups, its own included.
fn cgroups(cloud: &Cloud) -> BTreeSet<String> {
    fn walk(path: &Path, depth: usize, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.insert(entry.path().display().to_string());
                if depth > 0 {
                    walk(&entry.path(), depth - 1, found);
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(Path::new("/sys/fs/cgroup"), 3, &mut found);
    found.retain(|path| path.contains(cloud.driver.cgroup_name()));
    found
}

#[test]
fn destroy_leaves_nothing() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    cloud.run(&running, "touch /usr/local/x; nohup sleep 100 >/dev/null 2>&1 &");
    assert!(!traces(&cloud).is_empty());
    assert_eq!(cloud.driver.list().unwrap(), [id(1)]);
    cloud.driver.destroy(id(1)).unwrap();
    assert_eq!(traces(&cloud), Vec::<String>::new());
    assert_eq!(cloud.driver.list().unwrap(), []);
    assert!(!running.init.is_alive() && !running.monitor.is_alive());
    // Again, and of what never was.
    cloud.driver.destroy(id(1)).unwrap();
    cloud.driver.destroy(id(2)).unwrap();
}

/// The one who destroys here is a thread that may not signal the guest.
#[test]
fn a_guest_that_cannot_be_killed_keeps_its_disk() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    assert_eq!(cloud.run(&running, "echo kept > /root/file").code, 0);
    let destroyed = std::thread::scope(|scope| {
        scope.spawn(|| powerless::become_unable_to_kill().map(|()| cloud.driver.destroy(id(1)))).join()
    });
    let error = destroyed.unwrap().unwrap().unwrap_err().to_string();
    assert!(error.contains("end the guest"), "{error}");
    assert!(running.init.is_alive());
    assert_eq!(cloud.driver.adopt(id(1)).unwrap(), Some(running));
    assert_eq!(cloud.run(&running, "cat /root/file").stdout, "kept\n");
    // The range is still the living guest's, so the next disk has another one.
    let map = |running: &sandbox::Running| {
        std::fs::read_to_string(format!("/proc/{}/uid_map", running.init.pid)).unwrap()
    };
    assert_ne!(map(&running), map(&cloud.boot(&spec(2))));
    cloud.driver.destroy(id(1)).unwrap();
    cloud.driver.destroy(id(2)).unwrap();
    assert_eq!(traces(&cloud), Vec::<String>::new());
}

#[test]
fn clearing_the_host_keeps_the_disks() {
    let Some(cloud) = Cloud::new() else { return };
    for number in 1..=3 {
        let running = cloud.boot(&spec(number));
        cloud.run(&running, "echo kept > /root/file");
    }
    let began = Instant::now();
    cloud.driver.clear_host(Duration::from_secs(5)).unwrap();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(cgroups(&cloud), BTreeSet::new());
    assert_eq!(std::fs::read_dir(cloud.run_dir()).unwrap().count(), 0);
    let running = cloud.boot(&spec(2));
    assert_eq!(cloud.run(&running, "cat /root/file").stdout, "kept\n");
}

#[test]
fn limits_are_set_where_the_host_has_control_groups() {
    let Some(cloud) = Cloud::new() else { return };
    let _running = cloud.boot(&spec(1));
    let own: Vec<String> =
        cgroups(&cloud).into_iter().filter(|path| path.ends_with(&id(1).to_string())).collect();
    if own.is_empty() {
        skip("no control group can be written here");
        return;
    }
    let read =
        |file: &str| own.iter().find_map(|path| std::fs::read_to_string(Path::new(path).join(file)).ok());
    let memory = read("memory.max").or_else(|| read("memory.limit_in_bytes"));
    if let Some(memory) = memory {
        assert_eq!(memory.trim(), (512u64 << 20).to_string());
    }
    // Where the kernel counts swap, there is none beyond the memory.
    if let Some(swap) = read("memory.swap.max") {
        assert_eq!(swap.trim(), "0");
    } else if let Some(both) = read("memory.memsw.limit_in_bytes") {
        assert_eq!(both.trim(), (512u64 << 20).to_string());
    }
    if let Some(quota) = read("cpu.max").or_else(|| read("cpu.cfs_quota_us")) {
        assert_eq!(quota.split_whitespace().next(), Some("100000"));
    }
    let procs = own.iter().map(|path| std::fs::read_to_string(Path::new(path).join("cgroup.procs")).unwrap());
    assert!(procs.into_iter().all(|procs| !procs.is_empty()));
}

/// The starter is a process of its own here: this test binary, started again with a variable set.
#[test]
fn sandboxes_outlive_the_death_of_their_starter() {
    const DIRECTORY: &str = "BRUME_TEST_STARTER_DIRECTORY";
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let driver = Userland::new(config(Path::new(&directory))).unwrap();
        let running = driver.start(&spec(1)).unwrap();
        driver.release(&running).unwrap();
        println!("started");
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let Some(cloud) = Cloud::new() else { return };
    let mut starter = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sandboxes_outlive_the_death_of_their_starter", "--nocapture"])
        .env(DIRECTORY, cloud.directory.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    eventually("the sandbox is there", || cloud.driver.adopt(id(1)).unwrap().is_some());
    std::thread::sleep(Duration::from_millis(100));
    starter.kill().unwrap();
    starter.wait().unwrap();

    let driver = Userland::new(config(cloud.directory.path())).unwrap();
    let running = driver.adopt(id(1)).unwrap().expect("it runs without its starter");
    assert_eq!(cloud.run(&running, "hostname").stdout, "instance-1\n");
    assert_eq!(driver.stop(&running, Duration::from_secs(5)).unwrap(), Exit::PoweredOff);
    assert_eq!(driver.adopt(id(1)).unwrap(), None);
}

#[test]
fn a_monitor_holds_nothing_open_of_its_starters() {
    let Some(cloud) = Cloud::new() else { return };
    let lock = cloud.directory.path().join("lock");
    let held = std::fs::File::create(&lock).unwrap();
    // As a shell or `flock` leaves it to whatever it starts.
    let inherited = nix::unistd::dup(&held).unwrap();
    let running = cloud.boot(&spec(1));
    drop(inherited);
    for process in [running.monitor, running.init] {
        let open = std::fs::read_dir(format!("/proc/{}/fd", process.pid)).unwrap();
        let open: Vec<_> = open.map(|entry| std::fs::read_link(entry.unwrap().path()).unwrap()).collect();
        assert!(!open.contains(&lock), "{open:?}");
    }
}

#[test]
fn a_guest_dies_with_its_monitor() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(running.monitor.pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    eventually("the guest has gone", || !running.init.is_alive());
    assert_eq!(cloud.driver.adopt(id(1)).unwrap(), None);
    assert_eq!(cloud.driver.last_exit(id(1)).unwrap(), Some(Exit::Lost));
    assert!(matches!(
        cloud.driver.exec(&running, &sandbox::Exec::new(["true"])),
        Err(SandboxError::NotRunning(_))
    ));
    // The disk is still good.
    let again = cloud.boot(&spec(1));
    assert_eq!(cloud.run(&again, "hostname").stdout, "instance-1\n");
    cloud.driver.destroy(id(1)).unwrap();
    assert_eq!(traces(&cloud), Vec::<String>::new());
}

#[test]
fn a_failed_start_says_why_and_leaves_nothing() {
    let Some(cloud) = Cloud::new() else { return };
    let missing = Config { toolbox_binary: "/no/such/file".into(), ..config(cloud.directory.path()) };
    let error = Userland::new(missing).unwrap_err().to_string();
    assert!(error.contains("/no/such/file") && error.contains("No such file"), "{error}");

    // An executable that does not know its part.
    let stranger = Config { toolbox_binary: "/usr/bin/true".into(), ..config(cloud.directory.path()) };
    let error = Userland::new(stranger).unwrap().start(&spec(1)).unwrap_err().to_string();
    assert!(error.contains("monitor"), "{error}");
    assert_eq!(traces(&cloud), Vec::<String>::new());

    // A step inside the guest that fails: a host name that the kernel does not take.
    let mut bad = spec(1);
    bad.hostname = "x".repeat(100);
    let error = cloud.driver.start(&bad).unwrap_err().to_string();
    assert!(error.starts_with("set the host name: "), "{error}");
    assert_eq!(traces(&cloud), Vec::<String>::new());
    cloud.boot(&spec(1));

    // A disk that cannot be written: a file where the state directory should be.
    std::fs::write(cloud.state_dir().join(id(2).to_string()), "in the way").unwrap();
    let error = cloud.driver.start(&spec(2)).unwrap_err().to_string();
    assert!(error.contains(&id(2).to_string()), "{error}");
}

#[test]
fn a_disk_that_the_guest_has_bent_does_no_harm() {
    let Some(cloud) = Cloud::new() else { return };
    let victim = cloud.directory.path().join("victim");
    std::fs::create_dir(&victim).unwrap();
    std::fs::write(victim.join("hostname"), "untouched").unwrap();
    let running = cloud.boot(&spec(1));
    let bend = format!("rm /etc/hostname; ln -s {}/hostname /etc/hostname", victim.display());
    assert_eq!(cloud.run(&running, &bend).code, 0);
    cloud.driver.stop(&running, Duration::from_secs(5)).unwrap();
    let running = cloud.boot(&spec(1));
    assert_eq!(cloud.run(&running, "cat /etc/hostname").stdout, "instance-1\n");
    let bend = format!("mv /etc /etc.old; ln -s {} /etc", victim.display());
    let _ = cloud.run(&running, &bend);
    cloud.driver.stop(&running, Duration::from_secs(5)).unwrap();
    let error = cloud.start(&spec(1)).unwrap_err().to_string();
    assert!(error.contains("not a directory any more"), "{error}");
    assert_eq!(std::fs::read_to_string(victim.join("hostname")).unwrap(), "untouched");
    assert_eq!(std::fs::read_dir(&victim).unwrap().count(), 1);
}

#[test]
fn twenty_at_once() {
    let Some(cloud) = Cloud::new() else { return };
    let began = Instant::now();
    std::thread::scope(|scope| {
        for number in 1..=20 {
            let cloud = &cloud;
            scope.spawn(move || {
                let running = cloud.boot(&spec(number));
                assert_eq!(cloud.run(&running, "hostname").stdout, format!("instance-{number}\n"));
            });
        }
    });
    let booted = began.elapsed();
    let resident: u64 = (1..=20)
        .filter_map(|number| cloud.driver.adopt(id(number)).unwrap())
        .flat_map(|running| [running.init.pid, running.monitor.pid])
        .map(proportional_kib)
        .sum();
    std::thread::scope(|scope| {
        for number in 1..=20 {
            scope.spawn({
                let cloud = &cloud;
                move || cloud.driver.destroy(id(number)).unwrap()
            });
        }
    });
    eprintln!("20 sandboxes: up and used after {booted:?}, gone after {:?}", began.elapsed());
    eprintln!("init and monitor: {} KiB each pair, shared pages in proportion", resident / 20);
    assert_eq!(traces(&cloud), Vec::<String>::new());
}

fn proportional_kib(pid: i32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

#[test]
fn a_new_driver_does_not_give_ids_away_twice() {
    let Some(cloud) = Cloud::new() else { return };
    let first = cloud.boot(&spec(1));
    let map = |running: &sandbox::Running| {
        std::fs::read_to_string(format!("/proc/{}/uid_map", running.init.pid)).unwrap()
    };
    let before = map(&first);
    cloud.driver.stop(&first, Duration::from_secs(5)).unwrap();
    let other =
        Userland::new(Config { toolbox_binary: guest_binary(), ..config(cloud.directory.path()) }).unwrap();
    let again = other.start(&spec(1)).unwrap();
    assert_eq!(map(&again), before, "the disk's files would belong to others");
}

/// As in a container without a volume: the state directory is on an overlay, on which no other can be laid.
#[test]
fn where_overlays_cannot_be_laid_usr_is_read_only() {
    use nix::mount::{MsFlags, mount};
    const NONE: Option<&str> = None;
    let thread = std::thread::spawn(|| {
        let directory = tempfile::tempdir().unwrap();
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS) {
            return skip(&format!("no mount namespace: {error}"));
        }
        mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE).unwrap();
        let at = |name: &str| directory.path().join(name);
        for name in ["lower", "upper", "work", "merged"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            at("lower").display(),
            at("upper").display(),
            at("work").display()
        );
        mount(Some("overlay"), &at("merged"), Some("overlay"), MsFlags::empty(), Some(options.as_str()))
            .unwrap();
        let driver = Userland::new(config(&at("merged"))).unwrap();
        let cloud = Cloud { driver, directory };
        let running = cloud.boot(&spec(1));
        let output = cloud.run(&running, "touch /usr/file; echo fine > /root/file && cat /root/file");
        assert!(output.stderr.contains("Read-only file system"), "{}", output.stderr);
        assert_eq!(output.stdout, "fine\n");
        cloud.driver.destroy(id(1)).unwrap();
        nix::mount::umount(&cloud.directory.path().join("merged")).unwrap();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Taking rights away from one thread, which is what the kernel has them for.
mod powerless {
    #![allow(unsafe_code)]

    use std::io::{Error, Result};

    /// `include/uapi/linux/capability.h`.
    const CAPABILITY_VERSION_3: u32 = 0x2008_0522;
    const CAP_KILL: u32 = 5;
    /// `include/uapi/linux/securebits.h`: capabilities stay when the user changes.
    const SECBIT_NO_SETUID_FIXUP: libc::c_ulong = 1 << 2;
    /// Nobody in particular, but not the owner of the guest's user namespace, who may do anything to it.
    const STRANGER: libc::c_long = 54_321;

    /// Leaves the calling thread every right of root but that to signal the processes of others.
    pub(super) fn become_unable_to_kill() -> Result<()> {
        let check = |result: libc::c_long| if result == -1 { Err(Error::last_os_error()) } else { Ok(()) };
        let header = [CAPABILITY_VERSION_3, 0];
        // Effective, permitted and inheritable, low halves first.
        let mut sets = [0u32; 6];
        // SAFETY: these system calls change the calling thread alone; the arrays have the size that version 3 tells.
        unsafe {
            check(libc::prctl(libc::PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP).into())?;
            check(libc::syscall(libc::SYS_setresuid, STRANGER, STRANGER, STRANGER))?;
            check(libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()))?;
            sets[0] &= !(1 << CAP_KILL);
            check(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()))
        }
    }
}
