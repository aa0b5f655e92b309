//! What outlives a daemon: connections, devices, the cache; and what `destroy` leaves: nothing.
#![allow(clippy::unwrap_used)]

mod lab;

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use data_plane::{DataPlane, Mode, ModeChoice};
use lab::gateways::{Connection, HOST, Network, host};
use lab::*;
use vpc_model::{Delta, Direction, Interface, PortRange, Traffic};

fn network() -> (Vec<Delta>, [Interface; 2]) {
    let interfaces = [interface(1, 1, 1, "10.0.1.10", &[1]), interface(2, 1, 2, "10.0.2.10", &[2])];
    let mut deltas = vpc(1, "10.0.0.0/16");
    deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24")]);
    let out = rule(Direction::Egress, Traffic::All, "10.0.0.0/8");
    let http = rule(Direction::Ingress, Traffic::Tcp(PortRange::one(80)), "10.0.0.0/16");
    let udp = rule(Direction::Ingress, Traffic::Udp(PortRange::one(53)), "10.0.0.0/16");
    // No rule lets an answer back in, or out: only tracking does.
    deltas.extend([group(1, 1, &[out]), group(2, 1, &[http, udp])]);
    deltas.extend(interfaces.iter().cloned().map(Into::into));
    (deltas, interfaces)
}

#[test]
fn established_connections_survive_a_restart() {
    in_both_modes(|mut lab| {
        let (deltas, [one, two]) = network();
        lab.plane().apply(&deltas);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        let (asker, answerer) = (one.udp(1000), two.udp(53));
        asker.send_to(b"question", (two.address, 53)).unwrap();
        answerer.recv(&mut [0; 8]).unwrap();

        lab.plane = None;
        if lab.choice == ModeChoice::Auto {
            assert!(passes(&mut client, &mut server, PATIENCE), "a cached flow needs no daemon");
        }
        lab.restart();
        assert!(lab.plane().has_adopted());
        assert_eq!(lab.plane().ports().unwrap().len(), 2);
        assert_eq!(lab.plane().flows().len(), 4);
        // Frames of a connection that come before intent is known wait for it.
        let waiting = std::thread::spawn(move || {
            let passed = passes(&mut server, &mut client, PATIENCE);
            (passed, client, server)
        });
        std::thread::sleep(SILENCE);
        lab.plane().apply(&deltas);
        let (passed, mut client, mut server) = waiting.join().unwrap();
        assert!(passed);
        assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        answerer.send_to(b"answer", SocketAddr::new(one.address, 1000)).unwrap();
        assert_eq!(asker.recv(&mut [0; 8]).unwrap(), 6, "the answer to a question from before the restart");
        assert!(one.connect((two.address, 80), PATIENCE).is_some());
        assert!(two.connect((one.address, 80), SILENCE).is_none());
        lab.finish();
    });
}

#[test]
fn a_restart_without_the_cache_takes_the_program_off() {
    in_both_modes(|mut lab| {
        let (deltas, [one, two]) = network();
        lab.plane().apply(&deltas);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        // From with to without and back.
        for choice in [ModeChoice::SlowOnly, ModeChoice::Auto] {
            lab.choice = choice;
            lab.restart();
            lab.plane().apply(&deltas);
            for _ in 0..5 {
                assert!(passes(&mut client, &mut server, PATIENCE), "{choice:?}");
                assert!(passes(&mut server, &mut client, PATIENCE), "{choice:?}");
            }
            assert_eq!(matches!(lab.plane().mode(), Mode::FlowCache), choice == ModeChoice::Auto);
        }
        lab.finish();
    });
}

#[test]
fn connections_survive_an_upgrade() {
    // Another build has another program, with maps of its own: what those of its predecessor held comes from the journal.
    in_both_modes_with_a_workstation(|mut lab| {
        let network = Network::apply(&lab);
        let (b, y, host) = (network.guest(&lab, "b"), network.guest(&lab, "y"), host(&lab));
        let listeners = [host.listen(443), y.listen(443)];
        let open = |to, listener| Connection::open(&b, (to, 443), listener);
        let mut connections = [open(HOST, &listeners[0]), open(y.address, &listeners[1])];
        for connection in &mut connections {
            connection.must_be_carried(&lab);
        }
        lab.plane = None;
        let pins = lab.dir.path().join("bpf");
        // The kernel has files of its own there.
        let versions = || -> Vec<PathBuf> {
            let found = std::fs::read_dir(&pins).into_iter().flatten().flatten().map(|entry| entry.path());
            found.filter(|path| path.is_dir()).collect()
        };
        let old = pins.join("v-of-another-build");
        if lab.choice == ModeChoice::Auto {
            let [version] = &versions()[..] else { panic!("one version: {:?}", versions()) };
            std::fs::rename(version, &old).unwrap();
        }
        lab.restart();
        network.put_in_force(&lab);
        assert_eq!((versions().len(), old.exists()), (usize::from(lab.choice == ModeChoice::Auto), false));
        // What the gateway has in use is known to the new program, before anything comes by that has it.
        let (peer, c) = (connections[0].peer, network.guest(&lab, "c"));
        for port in [peer.port() ^ 1, peer.port() ^ 2, peer.port()] {
            let other = c.connect_from(port, (HOST, 443), PATIENCE);
            assert!(other.is_some() && accept(&listeners[0]).1 != peer, "port {port}");
        }
        for connection in &mut connections {
            connection.must_be_carried(&lab);
        }
        lab.finish();
    });
}

#[test]
fn ports_are_adopted_made_anew_and_removed() {
    in_both_modes(|mut lab| {
        let (deltas, [one, two]) = network();
        lab.plane().apply(&deltas);
        let guests = [lab.guest(&one, 24), lab.guest(&two, 24)];
        lab.restart();
        lab.plane().apply(&deltas);
        // Attaching again what is there changes nothing.
        lab.plug(&one, &guests[0]);
        assert!(guests[0].ping(guests[1].address, 1, SILENCE).eq(&false), "no rule for ICMP");
        let ports = lab.plane().ports().unwrap();
        assert_eq!(ports.iter().map(|attached| attached.port).collect::<Vec<_>>(), [one.port, two.port]);
        assert!(ports.iter().all(|attached| attached.is_guest_up && attached.mtu_bytes == 9001));
        // A guest that was started anew has a new namespace; the port moves there.
        let again = lab.guest(&two, 24);
        let listener = again.listen(80);
        assert!(guests[0].connect((again.address, 80), PATIENCE).is_some());
        accept(&listener);
        lab.plane().detach(one.port).unwrap();
        lab.plane().detach(one.port).unwrap();
        assert_eq!(lab.plane().ports().unwrap().len(), 1);
        assert!(lab.plane().detach(vpc_model::Port::SERVICES).is_err());
        lab.finish();
    });
}

#[test]
fn one_daemon_works_in_a_run_directory() {
    in_both_modes(|lab| {
        let error = DataPlane::start(&config(lab.dir.path(), lab.choice)).err().unwrap();
        assert!(error.to_string().contains("another daemon"), "{error}");
        let error = DataPlane::destroy(lab.dir.path()).unwrap_err();
        assert!(error.to_string().contains("another daemon"), "{error}");
        lab.finish();
    });
}

#[test]
fn what_was_taken_away_is_made_anew() {
    in_both_modes(|mut lab| {
        let (deltas, [one, two]) = network();
        lab.plane().apply(&deltas);
        lab.plane().set_internet_hosts(&["203.0.113.9".parse().unwrap()]).unwrap();
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        assert!(passes(&mut client, &mut server, PATIENCE));

        let fabric = lab.dir.path().join("netns/fabric");
        let netlink = host_net::Netlink::open(&host_net::NetworkNamespace::open(&fabric).unwrap()).unwrap();
        let internet = lab.plane().internet_namespace().clone();
        let addresses = || {
            let netlink = host_net::Netlink::open(&internet).unwrap();
            let device = netlink.link_named("eth0").unwrap();
            device.map_or_else(Vec::new, |device| netlink.addresses(device.index).unwrap())
        };
        let ports = [0, 1, 2].map(|number| number + vpc_abi::PORT_IFINDEX_BASE);
        let programs = || ports.map(|port| netlink.ingress_program(port).unwrap().map(|program| program.id));
        let (before, programs_before) = (addresses(), programs());
        assert!(!before.is_empty());
        assert_eq!(programs_before.iter().all(Option::is_some), lab.choice == ModeChoice::Auto);
        for port in ports {
            netlink.clear_ingress_program(port).unwrap();
        }
        netlink.delete_link(vpc_abi::PORT_IFINDEX_BASE).unwrap();
        netlink.delete_link(vpc_model::Port::INTERNET.number() + vpc_abi::PORT_IFINDEX_BASE).unwrap();
        for name in ["fabric", "internet", "services"] {
            let pin = lab.dir.path().join("netns").join(name);
            host_net::NetworkNamespace::unpin(&pin).unwrap();
            assert!(!pin.exists());
        }
        lab.plane().mend().unwrap();
        assert_eq!((addresses(), programs()), (before, programs_before));
        assert!(passes(&mut client, &mut server, PATIENCE));

        // Another start finds all of it, and does without the pinned maps.
        let bpf = lab.dir.path().join("bpf");
        for folder in std::fs::read_dir(&bpf).into_iter().flatten() {
            let folder = folder.unwrap().path();
            for map in std::fs::read_dir(&folder).into_iter().flatten() {
                std::fs::remove_file(map.unwrap().path()).unwrap();
            }
        }
        lab.restart();
        assert_eq!(lab.plane().ports().unwrap().len(), 2);
        lab.plane().apply(&deltas);
        assert!(passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE));
        lab.finish();
    });
}

/// Names the run directory to the process that plays the daemon in [`connections_survive_kill_9`].
const DAEMON: &str = "BRUME_TEST_DAEMON";

#[test]
fn connections_survive_kill_9() {
    if let Some(arguments) = std::env::var_os(DAEMON) {
        play_the_daemon(arguments.to_str().unwrap());
    }
    in_both_modes(|mut lab| {
        let (deltas, [one, two]) = network();
        lab.plane = None;
        let argument = format!("{:?} {}", lab.choice, lab.dir.path().display());
        let mut daemon = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "connections_survive_kill_9", "--nocapture"])
            .env(DAEMON, argument)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines();
        // The daemon names its guests' namespaces by descriptors in /proc.
        let mut guests = Vec::new();
        for interface in [&one, &two] {
            let path = loop {
                let line = lines.next().unwrap().unwrap();
                if let Some(path) = line.strip_prefix("guest ") {
                    break path.to_owned();
                }
            };
            let namespace = host_net::NetworkNamespace::open(path.as_ref()).unwrap();
            guests.push(Guest { namespace, mac: interface.mac, address: interface.ipv4.into() });
        }
        let listener = guests[1].listen(80);
        let mut connections: Vec<_> = (0..20)
            .map(|_| {
                let client = guests[0].connect((guests[1].address, 80), PATIENCE).unwrap();
                let (server, _) = accept(&listener);
                (client, server)
            })
            .collect();
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        lab.restart();
        lab.plane().apply(&deltas);
        for (client, server) in &mut connections {
            assert!(passes(client, server, PATIENCE) && passes(server, client, PATIENCE));
        }
        lab.finish();
    });
}

/// Runs a data plane with two guests until it is killed.
fn play_the_daemon(argument: &str) -> ! {
    let (choice, path) = argument.split_once(' ').unwrap();
    let choice = if choice == "Auto" { ModeChoice::Auto } else { ModeChoice::SlowOnly };
    let plane = DataPlane::start(&config(path.as_ref(), choice)).unwrap();
    let (deltas, interfaces) = network();
    plane.apply(&deltas);
    let guests = interfaces.each_ref().map(|interface| plug_guest(&plane, interface, 24));
    for guest in &guests {
        use std::os::fd::{AsFd, AsRawFd};
        println!("guest /proc/{}/fd/{}", std::process::id(), guest.namespace.as_fd().as_raw_fd());
    }
    loop {
        std::thread::park();
    }
}
