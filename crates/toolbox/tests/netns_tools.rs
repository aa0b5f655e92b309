//! The tools against each other, each test in a network namespace of its own that has nothing but loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unsafe_code)]

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

fn tool() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().and_then(Path::parent).unwrap().join("examples/tool");
    assert!(binary.exists(), "{} is missing: cargo build -p toolbox --examples", binary.display());
    binary
}

/// Runs a test in a thread with a network namespace of its own; what the thread starts is in it too.
fn in_netns(test: fn()) {
    let thread = std::thread::spawn(move || {
        if let Err(error) = nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET) {
            assert!(std::env::var_os("BRUME_REQUIRE_ALL").is_none(), "no network namespace: {error}");
            eprintln!("SKIPPED: no network namespace: {error}");
            return;
        }
        loopback_up();
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn loopback_up() {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    // SAFETY: an all-zero ifreq is a valid one.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the kernel reads one ifreq from where the pointer says.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
}

/// A tool that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(line: &str) -> Running {
    let child =
        command(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(150));
    Running(child)
}

fn command(line: &str) -> Command {
    let mut command = Command::new(tool());
    command.args(line.split(' '));
    command
}

/// Runs a tool to its end, with input.
fn run_with(line: &str, input: &str) -> Output {
    let mut child =
        command(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// Runs a tool and holds its exit code and what it says (both outputs together) against what is expected.
fn check(line: &str, code: i32, says: &[&str]) {
    let output = run_with(line, "");
    let said = text(&output);
    assert_eq!(output.status.code(), Some(code), "{line}: {said}");
    for expected in says {
        assert!(said.contains(expected), "{line}: {expected:?} is not in {said:?}");
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn ping_tells_what_answers() {
    in_netns(|| {
        check(
            "ping -c 2 -i 0.05 127.0.0.1",
            0,
            &[
                "PING 127.0.0.1 (127.0.0.1) 56(84) bytes of data.\n",
                "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=",
                "64 bytes from 127.0.0.1: icmp_seq=2 ttl=64 time=",
                "\n--- 127.0.0.1 ping statistics ---\n2 packets transmitted, 2 received, 0% packet loss, time ",
                "rtt min/avg/max/mdev = ",
            ],
        );
        check("ping -c1 -s 1000 -q 127.0.0.1", 0, &["1000(1028) bytes of data", "1 received"]);
        check(
            "ping -6 -c 1 ::1",
            0,
            &["PING ::1(::1) 56 data bytes\n", "64 bytes from ::1: icmp_seq=1 ttl=64"],
        );
        check("ping -c 1 10.9.9.9", 2, &["ping: connect: Network is unreachable"]);
        check(
            "ping -c 1 no.such.host.invalid",
            2,
            &["ping: no.such.host.invalid: Name or service not known"],
        );
        check("ping", 2, &["Destination address required"]);
        check("ping -x 127.0.0.1", 2, &["invalid option -- 'x'"]);
        // 127.0.0.0/8 is all here, so that nobody answers has to be made: a datagram that cannot be cut is too long.
        check("ping -c 1 -W 0.2 -M do -s 65507 127.0.0.1", 0, &["1 received"]);
    });
}

#[test]
fn nc_connects_listens_and_scans() {
    in_netns(|| {
        let listener = start("nc -l -v 127.0.0.1 4001");
        let output = run_with("nc -v -N 127.0.0.1 4001", "hello\n");
        assert!(
            text(&output).contains("Connection to 127.0.0.1 4001 port [tcp/*] succeeded!"),
            "{}",
            text(&output)
        );
        assert_eq!(output.status.code(), Some(0));
        let mut listener = listener;
        drop(listener.0.stdin.take());
        let heard =
            std::mem::replace(&mut listener.0, command("ip link").stdout(Stdio::null()).spawn().unwrap())
                .wait_with_output()
                .unwrap();
        assert_eq!(String::from_utf8_lossy(&heard.stdout), "hello\n");
        let said = String::from_utf8_lossy(&heard.stderr);
        assert!(said.starts_with("Listening on 127.0.0.1 4001\nConnection received on 127.0.0.1 "), "{said}");

        let _listener = start("nc -lk 4002");
        check("nc -zv 127.0.0.1 4002", 0, &["Connection to 127.0.0.1 4002 port [tcp/*] succeeded!"]);
        check("nc -z -w1 127.0.0.1 4002", 0, &[]);
        check("nc -zv ::1 4002", 0, &["succeeded!"]);
        check(
            "nc -zv 127.0.0.1 4003",
            1,
            &["nc: connect to 127.0.0.1 port 4003 (tcp) failed: Connection refused"],
        );
        check(
            "nc -znv 127.0.0.1 4001-4003",
            0,
            &["4001 (tcp) failed", "4002 port [tcp/*] succeeded", "4003 (tcp) failed"],
        );
        check(
            "nc -zv -w1 10.9.9.9 22",
            1,
            &["nc: connect to 10.9.9.9 port 22 (tcp) failed: Network is unreachable"],
        );
        check("nc -zvn localhost 22", 1, &["Name or service not known"]);
        check("nc 127.0.0.1", 1, &["a destination and a port are needed"]);
        check("nc -zv 127.0.0.1 99999", 1, &["port number invalid: 99999"]);
    });
}

#[test]
fn nc_gives_up_on_an_idle_connection() {
    in_netns(|| {
        let _listener = start("nc -lk 127.0.0.1 4010");
        let began = Instant::now();
        let mut client = start("nc -w 1 127.0.0.1 4010");
        assert!(client.0.wait().unwrap().success());
        assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
        let began = Instant::now();
        check("nc -q 0 127.0.0.1 4010", 0, &[]);
        assert!(began.elapsed() < Duration::from_secs(1));
    });
}

#[test]
fn nc_speaks_udp() {
    in_netns(|| {
        let mut listener = start("nc -u -l -k 127.0.0.1 4020");
        for word in ["one", "two"] {
            assert!(run_with("nc -u -q 0 127.0.0.1 4020", word).status.success());
        }
        check("nc -zuv -w1 127.0.0.1 4021", 1, &[]);
        check("nc -zuv -w1 127.0.0.1 4020", 0, &["[udp/*] succeeded!"]);
        std::thread::sleep(Duration::from_millis(100));
        listener.0.kill().unwrap();
        let mut heard = String::new();
        std::io::Read::read_to_string(&mut listener.0.stdout.take().unwrap(), &mut heard).unwrap();
        assert!(heard.starts_with("onetwoX"), "{heard}");
    });
}

#[test]
fn curl_gets_what_httpd_serves() {
    in_netns(|| {
        let directory = tempfile::tempdir().unwrap();
        let www = directory.path();
        std::fs::write(www.join("index.html"), "<h1>hello</h1>\n").unwrap();
        std::fs::create_dir(www.join("sub")).unwrap();
        std::fs::write(www.join("sub/index.html"), "sub").unwrap();
        let _server = start(&format!("httpd -f -p 127.0.0.1:8080 -h {}", www.display()));
        check("curl -s http://127.0.0.1:8080/", 0, &["<h1>hello</h1>\n"]);
        check("curl -sI http://127.0.0.1:8080/", 0, &["HTTP/1.1 200 OK\r\n", "Content-Length: 15\r\n"]);
        check("curl -s http://127.0.0.1:8080/no", 0, &["404 Not Found"]);
        check(
            "curl -sSf http://127.0.0.1:8080/no",
            22,
            &["curl: (22) The requested URL returned error: 404"],
        );
        check("curl -sL http://127.0.0.1:8080/sub", 0, &["sub"]);
        check("curl -s -o /dev/null -w %{http_code}:%{size_download} http://127.0.0.1:8080/", 0, &["200:15"]);
        check("curl -s --path-as-is http://127.0.0.1:8080/", 2, &["unrecognized option"]);
        check(
            "curl -sS http://127.0.0.1:8081/",
            7,
            &["curl: (7) Failed to connect to 127.0.0.1 port 8081 after"],
        );
        check(
            "curl http://no.such.host.invalid/",
            6,
            &["curl: (6) Could not resolve host: no.such.host.invalid"],
        );
        check("curl https://127.0.0.1/", 1, &["curl: (1) Protocol \"https\" not supported"]);
        let _silent = start("nc -lk 127.0.0.1 8082");
        let began = Instant::now();
        check("curl -sS -m 1 http://127.0.0.1:8082/", 28, &["curl: (28) Operation timed out after 1"]);
        assert!(began.elapsed() < Duration::from_secs(3));
    });
}

#[test]
fn httpd_serves_a_text_and_refuses_a_taken_port() {
    in_netns(|| {
        let _server = start("httpd -f -p 8080 -t web-1");
        check("curl -s http://127.0.0.1:8080/anything", 0, &["web-1"]);
        check("curl -s http://[::1]:8080/", 0, &["web-1"]);
        check("curl -s -X PUT -d x http://127.0.0.1:8080/", 0, &["web-1"]);
        check("httpd -f -p 8080 -t other", 1, &["httpd: bind: Address already in use"]);
        check("httpd -f -h /no/such/directory", 1, &["No such file or directory"]);
    });
}

#[test]
fn ip_shows_what_is_there() {
    in_netns(|| {
        check(
            "ip addr",
            0,
            &[
                "lo: <LOOPBACK,UP,LOWER_UP> mtu 65536",
                "link/loopback 00:00:00:00:00:00",
                "inet 127.0.0.1/8 scope host lo\n",
                "inet6 ::1/128 scope host\n",
            ],
        );
        check("ip -4 a show dev lo", 0, &["inet 127.0.0.1/8"]);
        check("ip link show lo", 0, &["link/loopback"]);
        check("ip route", 0, &[]);
        check("ip link show eth9", 1, &["Device \"eth9\" does not exist."]);
        check("ip link set lo down", 1, &["not supported"]);
    });
}

#[test]
fn every_tool_has_help() {
    for name in toolbox::TOOLS.into_iter().chain(toolbox::POWER_TOOLS) {
        check(&format!("{name} --help"), 0, &["usage: "]);
    }
}
