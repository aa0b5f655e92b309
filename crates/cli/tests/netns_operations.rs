//! What operators see of the network: drops and connections as they happen.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::BufRead as _;
use std::process::Stdio;

use cloud::guest::{Instance, Launch, Network};
use cloud::{Cloud, Finished, Mode, eventually, on_a_workstation};
use serde_json::Value;

/// `brume net ARGUMENTS` of a cloud.
fn net(cloud: &Cloud, arguments: &[&str]) -> Finished {
    let mut command = cloud::brume();
    command.arg("net").args(arguments).arg("--data-dir").arg(cloud.path());
    Finished::new(command.output().unwrap())
}

fn json(cloud: &Cloud, arguments: &[&str]) -> Value {
    let finished = net(cloud, &[arguments, &["--json"]].concat());
    assert_eq!(finished.code, 0, "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

/// A client, and a server that lets TCP port 80 in and listens there.
fn two(cloud: &Cloud) -> (Network, Instance, Instance) {
    let network = Network::new(cloud);
    let group = network.group(cloud, "servers", &["80"]);
    let groups = [group.as_str()];
    let launch = Launch { groups: &groups, ..Launch::default() };
    let (client, server) = (network.boot(cloud, launch), network.boot(cloud, launch));
    (network, client, server)
}

#[test]
fn drops_name_the_interface_the_reason_and_since_when() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let (network, client, server) = two(&cloud);
        let of_client = || -> Vec<Value> {
            let drops = json(&cloud, &["drops"]);
            let is_ours = |drop: &&Value| drop["interface"] == *client.interface && drop["code"] == 21;
            drops.as_array().unwrap().iter().filter(is_ours).cloned().collect()
        };
        assert!(of_client().is_empty());
        assert!(!cloud.connects(&client, &server, 81));
        let [first] = &of_client()[..] else { panic!("{:?}", of_client()) };
        let sentence = format!("no ingress rule of the security groups of {} allows it", server.interface);
        assert_eq!(first["reason"], *sentence);
        assert_eq!(
            (&first["vpc"], &first["name"]),
            (&Value::from(&*network.vpc), &Value::from("NoIngressRule"))
        );
        let packets = first["packets"].as_u64().unwrap();
        assert!(packets >= 1);

        // The same reason is counted on, since the same time.
        assert!(!cloud.connects(&client, &server, 82));
        let [later] = &of_client()[..] else { panic!("{:?}", of_client()) };
        assert!(later["packets"].as_u64().unwrap() > packets);
        assert_eq!(later["since"], first["since"]);
        assert!(later["last"].as_str() > first["last"].as_str());

        let shown = net(&cloud, &["drops"]);
        assert!(shown.stdout.contains(&sentence) && !shown.stdout.contains('\x1b'), "{shown:?}");
        assert!(shown.stdout.contains(first["since"].as_str().unwrap()), "{shown:?}");

        // Watched: a line of JSON every second, of what is so then.
        let mut watching = cloud::brume();
        watching.args(["net", "drops", "--watch", "--json", "--data-dir"]).arg(cloud.path());
        let mut watching = watching.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = std::io::BufReader::new(watching.stdout.take().unwrap()).lines();
        let next: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert!(next.as_array().unwrap().contains(later), "{next}");
        assert!(!cloud.connects(&client, &server, 83));
        let mut line = String::new();
        eventually("the watch tells of it", || {
            line = lines.next().unwrap().unwrap();
            let drops: Value = serde_json::from_str(&line).unwrap();
            let ours = drops.as_array().unwrap().iter().find(|drop| drop["reason"] == *sentence);
            ours.is_some_and(|drop| drop["packets"].as_u64() > later["packets"].as_u64())
        });
        // Whoever reads no more ends it.
        drop(lines);
        eventually("the watch has ended", || watching.try_wait().unwrap().is_some());
        assert!(watching.wait().unwrap().success());
        cloud.take_down();
        let refused = net(&cloud, &["drops"]);
        assert!(refused.code == 1 && refused.stderr.contains("start one with `brume up`"), "{refused:?}");
        cloud.finish();
    });
}

#[test]
fn connections_are_shown_as_both_ends_see_them() {
    on_a_workstation(|| {
        for mode in cloud::BOTH_MODES {
            let cloud = Cloud::up(mode);
            let (_, client, server) = two(&cloud);
            let mut listening = cloud.spawn_sh(&server, "exec nc -l -p 80");
            cloud.wait_for_listener(&server, 80);
            let mut talking = cloud.spawn_sh(&client, &format!("exec nc {} 80", server.address));
            let of = |what: &str| -> Vec<Value> {
                let told = json(&cloud, &["flows", "--interface", what]);
                let is_it = |flow: &&Value| {
                    flow["protocol"] == "tcp"
                        && format!("{}{}", flow["local"], flow["remote"]).contains(":80\"")
                        && flow["state"] == "established"
                };
                told["flows"].as_array().unwrap().iter().filter(is_it).cloned().collect()
            };
            eventually("both ends have it", || of(&client.id).len() == 1 && of(&server.interface).len() == 1);
            use std::io::Write as _;
            for _ in 0..10 {
                talking.stdin.as_mut().unwrap().write_all(&[b'x'; 1000]).unwrap();
            }
            eventually("what is said is counted", || of(&client.id)[0]["bytes_sent"].as_u64() > Some(10_000));
            let (near, far) = (of(&client.interface).remove(0), of(&server.id).remove(0));
            assert_eq!((&near["local"], &near["remote"]), (&far["remote"], &far["local"]));
            assert_eq!(near["remote"], format!("{}:80", server.address));
            assert_eq!(
                (&near["instance"], &near["interface"]),
                (&client.id.as_str().into(), &client.interface.as_str().into())
            );
            assert_eq!(
                (&near["is_opened_by_local"], &far["is_opened_by_local"]),
                (&true.into(), &false.into())
            );
            assert_eq!(near["packets_sent"], far["packets_received"]);
            let all = json(&cloud, &["flows"]);
            assert!(all["total"].as_u64() >= Some(2));
            let shown = net(&cloud, &["flows", "--interface", &client.id]);
            assert!(
                shown.stdout.contains("established") && !shown.stdout.contains(&server.interface),
                "{shown:?}"
            );
            let refused = net(&cloud, &["flows", "--interface", "eni-0123456789abcdef0"]);
            assert!(refused.code == 1 && refused.stderr.contains("eni-0123456789abcdef0"), "{refused:?}");
            talking.kill().unwrap();
            listening.kill().unwrap();
            talking.wait().unwrap();
            listening.wait().unwrap();
            cloud.finish();
        }
    });
}

/// The frames of a capture file.
fn frames(capture: &[u8]) -> Vec<Vec<u8>> {
    let word = |at: usize| u32::from_ne_bytes(capture[at..at + 4].try_into().unwrap());
    assert_eq!((word(0), word(20)), (0xa1b2_3c4d, 1), "a pcap file of Ethernet frames, in nanoseconds");
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < capture.len() {
        let (kept, original) = (word(at + 8) as usize, word(at + 12) as usize);
        assert!(word(at) > 1_700_000_000 && word(at + 4) < 1_000_000_000 && kept <= original);
        frames.push(capture[at + 16..at + 16 + kept].to_vec());
        at += 16 + kept;
    }
    frames
}

#[test]
fn a_capture_has_both_directions_and_the_instance_sees_nothing_of_it() {
    on_a_workstation(|| {
        for mode in cloud::BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let (_, client, server) = two(&cloud);
            let listening = cloud.spawn_sh(&server, "while nc -l -p 80 >/dev/null; do :; done");
            cloud.wait_for_listener(&server, 80);
            let file = cloud.path().join("capture.pcap");
            let tcpdump = |arguments: &[&str]| {
                let mut command = cloud::brume();
                command.arg("tcpdump").args(arguments).arg("--data-dir").arg(cloud.path());
                command
            };
            let mut capturing =
                tcpdump(&[&client.id, "tcp", "port", "80", "-w", file.to_str().unwrap()]).spawn().unwrap();
            eventually("the capture begins", || std::fs::metadata(&file).is_ok_and(|file| file.len() >= 24));
            for _ in 0..5 {
                assert!(cloud.connects(&client, &server, 80));
            }
            assert!(!cloud.connects(&client, &server, 81), "which the filter leaves out");
            let seen = cloud.output(&client, "cat /proc/net/packet; ip link show eth0 2>/dev/null || true");
            assert_eq!(
                seen.lines().filter(|line| line.contains(' ') && line.starts_with("ffff")).count(),
                0,
                "{seen}"
            );
            assert!(!seen.contains("PROMISC"), "{seen}");
            std::thread::sleep(std::time::Duration::from_secs(1));
            let pid = nix::unistd::Pid::from_raw(capturing.id().cast_signed());
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
            assert!(capturing.wait().unwrap().success());
            let all = frames(&std::fs::read(&file).unwrap());
            std::fs::remove_file(&file).unwrap();
            let port = |frame: &[u8], at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
            let flags_of = |frame: &[u8]| frame[47] & 0x12;
            let [opened, answered] = [(36, 0x02), (34, 0x12)].map(|(at, flags)| {
                all.iter().filter(|frame| port(frame, at) == 80 && flags_of(frame) == flags).count()
            });
            assert_eq!((opened, answered), (5, 5), "SYN and SYN with ACK of each of {} frames", all.len());
            assert!(all.iter().all(|frame| [port(frame, 34), port(frame, 36)].contains(&80)));

            // To standard output, so many packets and no more.
            let mut capturing =
                tcpdump(&[&server.interface, "-c", "3"]).stdout(Stdio::piped()).spawn().unwrap();
            let mut first = [0; 24];
            use std::io::Read as _;
            capturing.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
            assert!(cloud.connects(&client, &server, 80));
            let rest = capturing.wait_with_output().unwrap();
            assert!(rest.status.success());
            assert_eq!(frames(&[&first[..], &rest.stdout].concat()).len(), 3);

            let refused =
                Finished::new(tcpdump(&[&client.id, "tcp port x", "-w", "/dev/null"]).output().unwrap());
            assert!(
                refused.code == 1 && refused.stderr.contains("position 10: expected a port"),
                "{refused:?}"
            );
            let refused =
                Finished::new(tcpdump(&["i-0123456789abcdef0", "-w", "/dev/null"]).output().unwrap());
            assert!(
                refused.code == 1 && refused.stderr.contains("no interface and no instance"),
                "{refused:?}"
            );
            drop(listening);
            cloud.finish();
        }
    });
}

#[test]
fn metrics_are_told_on_loopback_where_that_is_asked_for() {
    on_a_workstation(|| {
        let get = |address: &str, path: &str| -> std::io::Result<String> {
            use std::io::{Read as _, Write as _};
            let mut stream = std::net::TcpStream::connect(address)?;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let mut cloud = Cloud::up(Mode::FastPath);
        assert!(get("127.0.0.1:9464", "/metrics").is_err(), "nobody asked for it");
        cloud.kill_daemon();
        cloud.restart(&["--metrics-port", "9464"]);
        let value = |name: &str| -> u64 {
            let page = get("127.0.0.1:9464", "/metrics").unwrap();
            assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
            let line = page.lines().find(|line| line.starts_with(name));
            line.unwrap_or_else(|| panic!("{name}: {page}")).rsplit(' ').next().unwrap().parse().unwrap()
        };
        let dropped = "brume_dropped_packets_total{code=\"21\",reason=\"NoIngressRule\"}";
        let (_, client, server) = two(&cloud);
        let before = (value(dropped), value("brume_frames_decided_total"));
        assert!(!cloud.connects(&client, &server, 81));
        assert!(value(dropped) > before.0 && value("brume_frames_decided_total") > before.1);
        assert!(value("brume_interfaces") >= 2);
        assert!(get("127.0.0.1:9464", "/").unwrap().starts_with("HTTP/1.1 404"));
        let listeners = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
        let port = format!(":{:04X} ", 9464);
        let at: Vec<&str> =
            listeners.lines().filter(|line| line.contains(&port) && line.contains(" 0A ")).collect();
        assert!(at.len() == 1 && at[0].contains("0100007F:"), "{at:?}");
        cloud.finish();
    });
}
