//! What a guest can see of its host and do to it: nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use sandbox::Driver;
use support::{Cloud, spec};

/// A script that must fail, and leave no trace.
fn refused(cloud: &Cloud, running: &sandbox::Running, script: &str) {
    let output = cloud.run(running, script);
    assert_ne!(output.code, 0, "{script} worked: {}{}", output.stdout, output.stderr);
}

#[test]
fn nothing_of_the_hosts_files_is_there() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    let secret = cloud.directory.path().join("secret");
    std::fs::write(&secret, "secret").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let root = cloud.run(&running, "ls -A /").stdout;
    for name in root.lines() {
        let expected = [
            "bin", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "mnt", "opt", "proc", "root",
            "run", "sbin", "srv", "sys", "tmp", "usr", "var",
        ];
        assert!(expected.contains(&name), "/{name} is in the guest");
    }
    for path in [secret.as_path(), Path::new("/boot"), cloud.directory.path()] {
        refused(&cloud, &running, &format!("ls {}", path.display()));
    }
    for (path, expected) in
        [("/root", ""), ("/home", "ec2-user\n"), ("/tmp", ""), ("/opt", "brume\n"), ("/mnt", "")]
    {
        assert_eq!(cloud.run(&running, &format!("ls -A {path}")).stdout, expected, "{path}");
    }
    let host_shadow = std::fs::read_to_string("/etc/shadow").unwrap();
    let guest_shadow = cloud.run(&running, "cat /etc/shadow").stdout;
    assert!(guest_shadow.starts_with("root:*:") && guest_shadow != host_shadow);
    // No way up either, nor through the links of processes.
    refused(&cloud, &running, &format!("ls /proc/1/root{}", secret.display()));
    refused(&cloud, &running, &format!("cd /..; ls .{}", secret.display()));
    let block_devices =
        cloud.run(&running, "find /dev -type b | wc -l; ls /dev/mem /dev/kmsg /dev/kvm /dev/net");
    assert_eq!(block_devices.stdout, "0\n");
    for path in ["/dev/vda", "/dev/sda", "/dev/mem"] {
        refused(&cloud, &running, &format!("head -c1 {path}"));
    }
}

/// What an administrator puts under `/usr/local`, for root alone or not.
struct Administrators(std::path::PathBuf);

impl Administrators {
    fn new() -> std::io::Result<Self> {
        let directory = Path::new("/usr/local/etc").join(format!("brume-test-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let this = Self(directory);
        for (name, mode) in [("password", 0o600), ("script", 0o700), ("public", 0o644)] {
            let path = this.0.join(name);
            std::fs::write(&path, "secret of the host")?;
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        }
        Ok(this)
    }
}

impl Drop for Administrators {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_hosts_usr_local_is_not_there_and_the_guests_own_is_kept() {
    let Some(cloud) = Cloud::new() else { return };
    let files = match Administrators::new() {
        Ok(files) => files,
        Err(error) => return support::skip(&format!("/usr/local cannot be written: {error}")),
    };
    let running = cloud.boot(&spec(1));
    for name in ["password", "script", "public"] {
        refused(&cloud, &running, &format!("cat {}", files.0.join(name).display()));
    }
    let find =
        "find /usr/local ! -type d ! -lname /opt/brume/bin/brume; grep -rl 'secret of the host' /usr/local";
    assert_eq!(cloud.run(&running, find).stdout, "");
    // It is writable, runs what is in it, hides the host's for good, and belongs to the root disk.
    let script = "echo 'echo mine' > /usr/local/bin/mine && chmod 755 /usr/local/bin/mine && \
                  test $(stat -c %U /usr/local) = root && mine";
    assert_eq!(cloud.run(&running, script).stdout, "mine\n");
    refused(&cloud, &running, "umount /usr/local");
    refused(&cloud, &running, "mv /usr/local /usr/other");
    cloud.driver.stop(&running, std::time::Duration::from_secs(5)).unwrap();
    let again = cloud.boot(&spec(1));
    assert_eq!(cloud.run(&again, "mine").stdout, "mine\n");
}

#[test]
fn the_guest_sees_its_own_processes_users_and_network_only() {
    let Some(cloud) = Cloud::new() else { return };
    let (first, second) = (cloud.boot(&spec(1)), cloud.boot(&spec(2)));
    let pids = cloud.run(&first, "echo /proc/[0-9]*").stdout;
    assert!(pids.split_whitespace().count() <= 3, "{pids}");
    refused(&cloud, &first, &format!("kill -0 {}", std::process::id()));
    refused(&cloud, &first, &format!("kill -0 {}", first.monitor.pid));
    assert_eq!(cloud.run(&first, "ls /sys/class/net").stdout, "lo\n");
    assert_eq!(cloud.run(&first, "cat /proc/self/uid_map").stdout.split_whitespace().next(), Some("0"));
    let range =
        |running: &sandbox::Running| std::fs::read_to_string(format!("/proc/{}/uid_map", running.init.pid));
    let (one, two) = (range(&first).unwrap(), range(&second).unwrap());
    assert_ne!(one, two, "two guests share their ids");
    assert_ne!(one.split_whitespace().nth(1), Some("0"), "the guest's root is the host's");
    let own = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
    for name in ["user", "mnt", "pid", "uts", "ipc", "net", "cgroup"] {
        let of = |running: &sandbox::Running| {
            std::fs::read_link(format!("/proc/{}/ns/{name}", running.init.pid)).unwrap()
        };
        assert!(of(&first) != of(&second) && of(&first) != own(name), "{name}");
    }
    assert_eq!(cloud.run(&first, "cat /proc/1/oom_score_adj /proc/self/oom_score_adj").stdout, "500\n500\n");
    let limits = std::fs::read_to_string(format!("/proc/{}/status", first.init.pid)).unwrap();
    assert!(limits.contains("Seccomp:\t2"), "{limits}");
}

#[test]
fn the_kernel_of_the_host_is_out_of_reach() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    for script in [
        "mount -t tmpfs none /mnt",
        "mount --bind / /mnt",
        "mount -o remount,rw /sys",
        "umount /proc/sys || umount /proc || umount /usr",
        "mknod /tmp/disk b 254 0",
        "mknod /root/mem c 1 1",
        "unshare --user true",
        "unshare --mount true",
        "nsenter --target 1 --mount true",
        "date --set '2001-01-01'",
        "test -e /proc/sysrq-trigger && ! test -c /proc/sysrq-trigger",
        "echo 1 > /proc/sys/kernel/panic",
        "echo core > /proc/sys/kernel/core_pattern",
        "echo 0 > /proc/sys/kernel/randomize_va_space",
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo -1000 > /proc/self/oom_score_adj && test $(cat /proc/self/oom_score_adj) = -1000",
        "echo 1 > /sys/kernel/mm/ksm/run",
        "head -c1 /proc/kcore",
        "head -c1 /proc/kallsyms | grep .",
        "dmesg",
        "touch /opt/brume/bin/brume && echo x > /opt/brume/bin/brume",
        "chroot /proc/1/root/.. ls /work",
    ] {
        refused(&cloud, &running, script);
    }
}

/// System calls that no command line tool makes, through Python's C library access.
#[test]
fn dangerous_system_calls_are_refused() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    if cloud.run(&running, "command -v python3").code != 0 {
        support::skip("no python3 in /usr to make system calls with");
        return;
    }
    let call = |number: i64, expected: i32| {
        let script = format!(
            "import ctypes; c=ctypes.CDLL(None,use_errno=True); r=c.syscall({number},0,0,0,0,0); print(r, ctypes.get_errno())"
        );
        let output = cloud.run(&running, &format!("python3 -c '{script}'"));
        assert_eq!(output.stdout, format!("-1 {expected}\n"), "system call {number}: {}", output.stderr);
    };
    for number in [
        libc::SYS_bpf,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_perf_event_open,
        libc::SYS_open_by_handle_at,
        libc::SYS_mount,
        libc::SYS_fsopen,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_keyctl,
        libc::SYS_userfaultfd,
        libc::SYS_io_uring_setup,
        libc::SYS_clock_settime,
        libc::SYS_syslog,
    ] {
        call(number, libc::EPERM);
    }
    let vsock = "import socket; socket.socket(40, socket.SOCK_STREAM)";
    let output = cloud.run(&running, &format!("python3 -c '{vsock}'"));
    assert!(output.stderr.contains("Operation not permitted"), "{}", output.stderr);
    call(libc::SYS_clone3, libc::ENOSYS);
    call(1000, libc::ENOSYS);
}

#[test]
fn ordinary_work_of_an_administrator_works() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    for script in [
        "useradd -m alice && su alice -c 'test $(id -un) = alice'",
        "chown ec2-user /tmp && chmod 700 /root && touch /var/lib/x && rm /var/lib/x",
        "hostname renamed && test $(hostname) = renamed",
        "ln -s /bin/true /usr/local/bin/yes-sir && yes-sir",
        "mkfifo /tmp/fifo && rm /tmp/fifo",
        "echo 1 > /proc/sys/net/ipv4/ip_forward && test $(cat /proc/sys/net/ipv4/ip_forward) = 1",
        "nice -n 5 true && ulimit -n 4096",
        "getent hosts localhost && getent passwd ec2-user",
        "test -w /dev/null && head -c 4 /dev/urandom | wc -c | grep 4",
        "test \"$(stat -c %U /usr/bin/env)\" = root",
        "chroot / true",
    ] {
        let output = cloud.run(&running, script);
        assert_eq!(output.code, 0, "{script}: {}{}", output.stdout, output.stderr);
    }
    if cloud.run(&running, "command -v ip").code == 0 {
        let script =
            "ip link add name br0 type bridge; ip addr add 10.1.1.1/24 dev lo && ip addr show dev lo";
        let output = cloud.run(&running, script);
        assert!(output.stdout.contains("10.1.1.1/24"), "{}{}", output.stdout, output.stderr);
    }
    if cloud.run(&running, "command -v ping").code == 0 {
        for user in ["root", "ec2-user"] {
            let output = cloud.run(&running, &format!("su {user} -c 'ping -c1 -W1 127.0.0.1'"));
            assert_eq!(output.code, 0, "{user}: {}{}", output.stdout, output.stderr);
        }
    }
}

#[test]
fn the_stand_ins_are_there_under_their_names() {
    let Some(cloud) = Cloud::new() else { return };
    let running = cloud.boot(&spec(1));
    for tool in toolbox::TOOLS {
        let output = cloud.run(&running, &format!("/opt/brume/bin/{tool} --help"));
        assert!(output.code == 0 && output.stdout.starts_with("usage: "), "{tool}: {}", output.stderr);
    }
    let script = "cd /tmp && httpd() { /opt/brume/bin/httpd \"$@\"; } && echo served > index.html && \
                  httpd -p 8080 -h /tmp && sleep 0.2 && /opt/brume/bin/curl -s http://127.0.0.1:8080/";
    assert_eq!(cloud.run(&running, script).stdout, "served\n");
}
