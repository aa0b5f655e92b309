//! What outlives the daemon: connections, rules, instances, metadata tokens, and everything that was acknowledged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, Finished, Mode, PATIENCE, eventually, on_a_workstation};

/// A connection whose far end sends every line back.
struct Echo {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
    sent: u32,
}

impl Echo {
    fn open(cloud: &Cloud, from: &Instance, to: &Instance, port: u16) -> Self {
        let mut child = cloud.spawn_sh(from, &format!("exec nc {} {port}", to.address));
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, input, lines, sent: 0 }
    }

    /// Whether a line comes back in time.
    fn answers(&mut self, patience: Duration) -> bool {
        self.sent += 1;
        let line = format!("line {}", self.sent);
        writeln!(self.input, "{line}").unwrap();
        self.lines.recv_timeout(patience).is_ok_and(|answer| answer == line)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Listens on a port and sends back what comes, one connection at a time.
const ECHO: &str = "#!/bin/sh
mkfifo /tmp/back
while :; do nc -l -p 7 </tmp/back | cat >/tmp/back; done >/dev/null 2>&1 &
nc -l -k -p 80 </dev/null >/dev/null 2>&1 &
nc -l -k -p 81 </dev/null >/dev/null 2>&1 &
";

#[test]
fn connections_and_rules_survive_kill_9_and_restart() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let mut cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let group = network.group(&cloud, "echo", &["7", "80"]);
            let client = network.boot(&cloud, Launch::default());
            let server =
                network.boot(&cloud, Launch { user_data: ECHO, groups: &[&group], ..Launch::default() });
            for port in [7, 80, 81] {
                cloud.wait_for_listener(&server, port);
            }
            let token = "curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 600' http://169.254.169.254/latest/api/token";
            let token = cloud.output(&client, token);
            let instance_id = format!(
                "curl -sf -H 'X-aws-ec2-metadata-token: {token}' http://169.254.169.254/latest/meta-data/instance-id"
            );
            let mut echo = Echo::open(&cloud, &client, &server, 7);
            assert!(echo.answers(PATIENCE), "before");
            let pids = [&client, &server].map(|instance| cloud.pid(instance).unwrap());

            cloud.kill_daemon();
            if mode == Mode::FastPath {
                assert!(echo.answers(PATIENCE), "a cached flow needs no daemon");
                assert!(echo.answers(PATIENCE), "a cached flow needs no daemon");
            }
            assert_eq!(cloud.output(&client, "echo here"), "here", "commands run without the daemon");

            cloud.restart(&[]);
            assert!(echo.answers(PATIENCE), "after the restart");
            assert!(cloud.connects(&client, &server, 80), "a new connection after the restart");
            assert!(!cloud.connects(&client, &server, 81), "a port without a rule after the restart");
            assert_eq!([&client, &server].map(|instance| cloud.pid(instance).unwrap()), pids, "not adopted");
            assert_eq!(cloud.output(&client, &instance_id), client.id, "the token is not valid any more");
            network.permit(&cloud, &group, "81");
            eventually("a new rule works", || cloud.connects(&client, &server, 81));
            assert!(echo.answers(PATIENCE), "in the end");

            // A daemon that is told to end lets go in the same way.
            let pid = nix::unistd::Pid::from_raw(cloud.daemon_pid());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
            eventually("the daemon ends", || cloud.run("status", &[]).code == 3);
            cloud.restart(&[]);
            assert!(echo.answers(PATIENCE), "after the second restart");
            drop(echo);
            cloud.finish();
        }
    });
}

#[test]
fn connections_survive_a_restart_from_another_mount_namespace() {
    if !Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success()) {
        return cloud::skip("no mount namespaces");
    }
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::FastPath);
        cloud.has_own_mounts = true;
        cloud.start(&[]);
        let network = Network::new(&cloud);
        let [client, server] = [(); 2].map(|()| network.boot(&cloud, Launch::default()));
        // No command of ours may go on meanwhile, since it would keep the mounts that it was started with.
        let ping = format!("nohup ping -c 30 -i 0.2 {} >/tmp/pings 2>&1 </dev/null &", server.address);
        assert_eq!(cloud.sh(&client, &ping).code, 0);
        std::thread::sleep(Duration::from_secs(1));
        cloud.kill_daemon();
        std::thread::sleep(Duration::from_secs(1));
        cloud.restart(&[]);
        let pings = || cloud.output(&client, "cat /tmp/pings");
        eventually("the pings are sent", || pings().contains("30 packets transmitted"));
        assert!(pings().contains("30 packets transmitted, 30 received"), "{}", pings());
        cloud.finish();
    });
}

/// How often the daemon is killed in the storm.
const KILLS: usize = 5;

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::FastPath);
        cloud.start(&["--no-quotas"]);
        let network = Network::new(&cloud);
        let workstation = host_net::NetworkNamespace::current().unwrap();
        let (mut vpcs, mut instances) = (Vec::new(), Vec::new());
        for kill in 0..KILLS {
            let pid = nix::unistd::Pid::from_raw(cloud.daemon_pid());
            std::thread::scope(|scope| {
                let (cloud, network) = (&cloud, &network);
                let made_vpcs = scope.spawn(|| {
                    let make = || {
                        let answer = cloud.client().ec2("CreateVpc", &[("CidrBlock", "10.9.0.0/16")]).ok()?;
                        answer.first("vpcId")
                    };
                    workstation.run(|| std::iter::from_fn(make).collect::<Vec<_>>()).unwrap()
                });
                let made_instances = scope.spawn(|| {
                    let make = || {
                        let parameters = [
                            ("ImageId", network.image.as_str()),
                            ("InstanceType", "t3.nano"),
                            ("MinCount", "1"),
                            ("MaxCount", "1"),
                            ("SubnetId", &network.subnet),
                        ];
                        std::thread::sleep(Duration::from_millis(100));
                        cloud.client().ec2("RunInstances", &parameters).ok()?.first("instanceId")
                    };
                    workstation.run(|| std::iter::from_fn(make).collect::<Vec<_>>()).unwrap()
                });
                std::thread::sleep(Duration::from_millis(150 + 70 * kill as u64));
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
                vpcs.extend(made_vpcs.join().unwrap());
                instances.extend(made_instances.join().unwrap());
            });
            eventually("the killed daemon is gone", || cloud.run("status", &[]).code == 3);
            cloud.restart(&["--no-quotas"]);
        }
        eprintln!("{} VPCs and {} instances acknowledged", vpcs.len(), instances.len());
        // How much of a storm there is depends on what else the machine does.
        assert!(vpcs.len() > KILLS && !instances.is_empty(), "there was no storm");
        let known = cloud.ec2("DescribeVpcs", &[("MaxResults", "1000")]).all("vpcId");
        let lost: Vec<_> = vpcs.iter().filter(|vpc| !known.contains(vpc)).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        for id in instances {
            let instance = Instance { id, address: String::new(), interface: String::new() };
            cloud.wait_for_state(&instance, "running");
        }
        cloud.finish();
    });
}

#[test]
fn a_daemon_without_file_descriptors_waits_for_better_times() {
    const OPEN_FILES: usize = 256;
    on_a_workstation(|| {
        let mut cloud = Cloud::down(Mode::SlowPath);
        let up = cloud.command("up", &["--detach"]);
        let limits = format!("ulimit -Sn 64 && ulimit -Hn {OPEN_FILES} && exec \"$@\"");
        let mut limited = Command::new("sh");
        limited
            .args(["-c", &limits, "sh"])
            .arg(up.get_program())
            .args(up.get_args())
            .env("BRUME_NO_EBPF", "1");
        let up = Finished::new(limited.stdin(Stdio::null()).output().unwrap());
        assert_eq!(up.code, 0, "{up:?}\n{}", cloud.log());
        cloud.connect();
        let pid = cloud.daemon_pid();
        let open = || std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();

        // More than it can take, so that what becomes free is taken at once.
        let held: Vec<TcpStream> =
            (0..OPEN_FILES + 16).map(|_| TcpStream::connect("127.0.0.1:4566").unwrap()).collect();
        eventually("the daemon takes all that the system allows", || open() == OPEN_FILES);
        let status =
            cloud.command("status", &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        eventually("it says so", || cloud.log().contains("a control connection could not be accepted"));
        drop(held);
        let status = Finished::new(status.wait_with_output().unwrap());
        assert_eq!(status.code, 0, "{status:?}\n{}", cloud.log());
        assert_eq!(cloud.daemon_pid(), pid);
        cloud.ec2("DescribeVpcs", &[]);
        cloud.finish();
    });
}

#[test]
fn a_log_that_has_grown_too_large_is_begun_anew() {
    const TOO_LARGE_BYTES: u64 = 33 << 20;
    on_a_workstation(|| {
        let mut cloud = Cloud::up(Mode::SlowPath);
        cloud.take_down();
        let [log, previous] = ["brume.log", "brume.log.1"].map(|name| cloud.path().join(name));
        let grown = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
        grown.set_len(TOO_LARGE_BYTES).unwrap();
        cloud.restart(&[]);
        assert!(previous.metadata().unwrap().len() >= TOO_LARGE_BYTES);
        assert!(log.metadata().unwrap().len() < TOO_LARGE_BYTES);
        assert!(cloud.log().contains("the cloud is up"), "{}", cloud.log());
        // What does not go through the log, such as a panic, does not go to the file that was put away.
        for descriptor in [1, 2] {
            let target = std::fs::read_link(format!("/proc/{}/fd/{descriptor}", cloud.daemon_pid())).unwrap();
            assert_eq!(target, log.canonicalize().unwrap(), "descriptor {descriptor}");
        }
        cloud.finish();
    });
}
