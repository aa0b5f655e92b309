//! The life of instances, as the API and the host show it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::collections::BTreeSet;

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, Mode, Xml, eventually, on_a_workstation};
use host_net::{Netlink, NetworkNamespace};

/// The code of an instance's StateReason.
fn state_reason(cloud: &Cloud, instance: &Instance) -> (String, String) {
    let reason = Xml::new(&cloud.describe(instance).first("stateReason").unwrap_or_default());
    (reason.first("code").unwrap_or_default(), reason.first("message").unwrap_or_default())
}

fn act(cloud: &Cloud, action: &str, instance: &Instance) {
    cloud.ec2(action, &[("InstanceId.1", &instance.id)]);
}

#[test]
fn an_instance_is_stopped_started_rebooted_and_terminated() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let group = network.group(&cloud, "web", &["80"]);
            let client = network.boot(&cloud, Launch::default());
            let user_data = "#!/bin/sh\necho ran >>/root/runs\necho 'said by user data'\nnc -l -k -p 80 </dev/null >/dev/null 2>&1 &\n";
            let one = network.boot(&cloud, Launch { user_data, groups: &[&group], ..Launch::default() });
            eventually("the console has it", || cloud.console(&one).contains("said by user data"));
            cloud.wait_for_listener(&one, 80);
            assert!(cloud.connects(&client, &one, 80));

            act(&cloud, "StopInstances", &one);
            cloud.wait_for_state(&one, "stopped");
            assert_eq!(state_reason(&cloud, &one).0, "Client.UserInitiatedShutdown");
            assert_eq!(cloud.pid(&one), None);
            assert_eq!(cloud.sh(&one, "true").code, 1);
            assert!(!cloud.connects(&client, &one, 80));
            act(&cloud, "StartInstances", &one);
            cloud.wait_for_state(&one, "running");
            assert_eq!(cloud.describe(&one).first("privateIpAddress").as_deref(), Some(&*one.address));
            assert_eq!(cloud.output(&one, "cat /root/runs"), "ran");
            let again = cloud.spawn_sh(&one, "exec nc -l -k -p 80 </dev/null");
            cloud.wait_for_listener(&one, 80);
            eventually("it is reached again", || cloud.connects(&client, &one, 80));
            drop(again);

            let boot = cloud.console(&one);
            cloud.output(&one, "echo gone >/tmp/mark");
            act(&cloud, "RebootInstances", &one);
            eventually("it was rebooted", || cloud.sh(&one, "test ! -e /tmp/mark").code == 0);
            assert_eq!(cloud.state(&one), "running");
            eventually("it has its address again", || {
                cloud.sh(&one, "ip -4 addr show dev eth0").stdout.contains(&one.address)
            });
            assert_eq!(cloud.output(&one, "cat /root/runs"), "ran");
            assert!(cloud.console(&one).len() > boot.len(), "a reboot is on the console");
            let mut again = cloud.spawn_sh(&one, "exec nc -l -k -p 80 </dev/null");
            cloud.wait_for_listener(&one, 80);
            eventually("it is reached after the reboot", || cloud.connects(&client, &one, 80));

            act(&cloud, "TerminateInstances", &one);
            cloud.wait_for_state(&one, "terminated");
            assert_eq!(state_reason(&cloud, &one).0, "Client.UserInitiatedShutdown");
            let _ = again.wait();
            let disk = cloud.path().join("instances").join(&one.id);
            assert!(!disk.exists(), "its disk is left");
            assert!(!cloud.run_dir().join("sandboxes").join(&one.id).exists(), "its sandbox is left");
            let interfaces = cloud.ec2("DescribeNetworkInterfaces", &[]).all("networkInterfaceId");
            assert!(!interfaces.contains(&one.interface), "its interface is left");
            assert!(cloud.pid(&client).is_some(), "the other one goes on");
            cloud.finish();
        }
    });
}

/// What a guest can do to its interface.
type Mischief = fn(&Netlink, u32);

#[test]
fn a_reboot_gives_a_guest_its_network_back() {
    let mischiefs: [Mischief; 3] = [
        |guest, eth0| guest.delete_link(eth0).unwrap(),
        |guest, eth0| guest.set_up(eth0, false).unwrap(),
        |guest, eth0| {
            guest.set_up(eth0, false).unwrap();
            guest.set_mac(eth0, aws_types::MacAddress([2, 0, 0, 0, 0, 0x99])).unwrap();
        },
    ];
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let group = network.group(&cloud, "web", &["80"]);
        let client = network.boot(&cloud, Launch::default());
        let one = network.boot(&cloud, Launch { groups: &[&group], ..Launch::default() });
        for mischief in mischiefs {
            let pid = cloud.pid(&one).unwrap();
            let guest = NetworkNamespace::of_process(pid.try_into().unwrap()).unwrap();
            let guest = Netlink::open(&guest).unwrap();
            mischief(&guest, guest.link_named("eth0").unwrap().expect("it is plugged in").index);
            cloud.output(&one, "echo gone >/tmp/mark");
            act(&cloud, "RebootInstances", &one);
            eventually("it was rebooted", || cloud.sh(&one, "test ! -e /tmp/mark").code == 0);
            let mut listener = cloud.spawn_sh(&one, "exec nc -l -k -p 80 </dev/null");
            eventually("it is reached after the reboot", || cloud.connects(&client, &one, 80));
            listener.kill().unwrap();
            listener.wait().unwrap();
        }
        cloud.finish();
    });
}

#[test]
fn a_guest_that_ends_itself_is_noticed() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let stops = network.boot(&cloud, Launch::default());
        let terminate = [("InstanceInitiatedShutdownBehavior", "terminate")];
        let terminates = network.boot(&cloud, Launch { extra: &terminate, ..Launch::default() });
        for instance in [&stops, &terminates] {
            cloud.sh(instance, "kill -TERM 1");
        }
        cloud.wait_for_state(&stops, "stopped");
        cloud.wait_for_state(&terminates, "terminated");
        for instance in [&stops, &terminates] {
            assert_eq!(state_reason(&cloud, instance).0, "Client.InstanceInitiatedShutdown");
        }
        act(&cloud, "StartInstances", &stops);
        cloud.wait_for_state(&stops, "running");

        // One that is killed from outside is no shutdown of its own: it is started again, with the same disk.
        cloud.output(&stops, "echo kept >/root/file");
        let pid = cloud.pid(&stops).unwrap();
        let killed = nix::unistd::Pid::from_raw(pid.try_into().unwrap());
        nix::sys::signal::kill(killed, nix::sys::signal::Signal::SIGKILL).unwrap();
        eventually("it was started again", || cloud.pid(&stops).is_some_and(|now| now != pid));
        eventually("its disk is the same", || cloud.sh(&stops, "cat /root/file").stdout == "kept\n");
        assert_eq!(cloud.state(&stops), "running");

        // Also one that powers itself off while no daemon runs.
        cloud.kill_daemon();
        cloud.sh(&stops, "kill -TERM 1");
        eventually("it has ended", || cloud.sh(&stops, "true").code != 0);
        let mut cloud = cloud;
        cloud.restart(&[]);
        cloud.wait_for_state(&stops, "stopped");
        assert_eq!(state_reason(&cloud, &stops).0, "Client.InstanceInitiatedShutdown");
        cloud.finish();
    });
}

/// What the host has of instances: sandboxes, disks, ports and control groups.
fn host_state(cloud: &Cloud) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for directory in [cloud.path().join("instances"), cloud.run_dir().join("sandboxes")] {
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path().display().to_string()));
    }
    let fabric = NetworkNamespace::open(&cloud.run_dir().join("net/netns/fabric")).unwrap();
    let devices = fabric.run(|| std::fs::read_to_string("/proc/thread-self/net/dev").unwrap()).unwrap();
    let names =
        devices.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned());
    found.extend(names);
    found
}

#[test]
fn a_launch_that_fails_is_terminated_and_says_why() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let healthy = network.boot(&cloud, Launch::default());
        let before = host_state(&cloud);
        // Root may write anywhere, so the place itself is taken.
        let (disks, aside) = (cloud.path().join("instances"), cloud.path().join("aside"));
        std::fs::rename(&disks, &aside).unwrap();
        std::fs::write(&disks, "").unwrap();
        let failed = network.launch(&cloud, 2, Launch::default());
        for instance in &failed {
            cloud.wait_for_state(instance, "terminated");
            let (code, message) = state_reason(&cloud, instance);
            assert!(code == "Server.InternalError", "{code}: {message}");
            assert!(message.contains("instances"), "does not say why: {message}");
        }
        std::fs::remove_file(&disks).unwrap();
        std::fs::rename(&aside, &disks).unwrap();
        assert_eq!(host_state(&cloud), before, "something half-made is left");
        let interfaces = cloud.ec2("DescribeNetworkInterfaces", &[]).all("networkInterfaceId");
        assert!(failed.iter().all(|instance| !interfaces.contains(&instance.interface)));
        assert_eq!(cloud.state(&healthy), "running");
        assert_eq!(cloud.output(&healthy, "echo here"), "here");
        let next = network.boot(&cloud, Launch::default());
        assert_eq!(cloud.output(&next, "echo here"), "here");
        cloud.finish();
    });
}

#[test]
fn an_interface_is_attached_to_a_running_instance_and_taken_away() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let mut cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let group = network.group(&cloud, "web", &["80"]);
            let server = network.boot(&cloud, Launch::default());
            // A guest answers from the interface that its route leads out by, so the client is in the second subnet.
            let parameters = [("VpcId", network.vpc.as_str()), ("CidrBlock", "10.0.2.0/24")];
            let subnet = cloud.ec2("CreateSubnet", &parameters).first("subnetId").unwrap();
            let (vpc, image) = (network.vpc.clone(), network.image.clone());
            let beside = Network { vpc, subnet, image };
            let client = beside.boot(&cloud, Launch::default());
            let make = || {
                let parameters = [("SubnetId", beside.subnet.as_str()), ("SecurityGroupId.1", &group)];
                let made = cloud.ec2("CreateNetworkInterface", &parameters);
                (made.first("networkInterfaceId").unwrap(), made.first("privateIpAddress").unwrap())
            };
            let (interface, address) = make();
            let attach = [
                ("NetworkInterfaceId", interface.as_str()),
                ("InstanceId", &server.id),
                ("DeviceIndex", "1"),
            ];
            let attachment = cloud.ec2("AttachNetworkInterface", &attach).first("attachmentId").unwrap();
            let second = Instance { address: address.clone(), ..server.clone() };
            eventually("eth1 is there", || cloud.sh(&server, "ip link show dev eth1").code == 0);
            eventually("eth1 has its address", || {
                cloud.sh(&server, "ip -4 addr show dev eth1").stdout.contains(&address)
            });
            let mut listener = cloud.spawn_sh(&server, "exec nc -l -k -p 80 </dev/null");
            cloud.wait_for_listener(&server, 80);
            eventually("the second address is reached", || cloud.connects(&client, &second, 80));
            assert!(!cloud.connects(&client, &server, 80), "the first interface has another group");

            cloud.ec2("DetachNetworkInterface", &[("AttachmentId", &attachment)]);
            eventually("eth1 is gone", || cloud.sh(&server, "ip link show dev eth1").code != 0);
            assert!(!cloud.connects(&client, &second, 80));

            // Deleted at once, it goes from the guest as well.
            let (interface, _) = make();
            let attach = [
                ("NetworkInterfaceId", interface.as_str()),
                ("InstanceId", &server.id),
                ("DeviceIndex", "1"),
            ];
            let attachment = cloud.ec2("AttachNetworkInterface", &attach).first("attachmentId").unwrap();
            eventually("eth1 is there", || cloud.sh(&server, "ip link show dev eth1").code == 0);
            let status = || cloud.status()["interfaces"].as_u64().unwrap();
            let attached = status();
            cloud.ec2("DetachNetworkInterface", &[("AttachmentId", &attachment), ("Force", "true")]);
            cloud.ec2("DeleteNetworkInterface", &[("NetworkInterfaceId", &interface)]);
            eventually("eth1 is gone", || cloud.sh(&server, "ip link show dev eth1").code != 0);
            eventually("the network has forgotten it", || status() == attached - 1);
            listener.kill().unwrap();
            listener.wait().unwrap();
            cloud.kill_daemon();
            cloud.restart(&[]);
            assert_eq!(cloud.output(&server, "echo here"), "here");
            cloud.finish();
        }
    });
}

#[test]
fn instance_status_follows_the_instance() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        let network = Network::new(&cloud);
        let [one, two] = [(); 2].map(|()| network.boot(&cloud, Launch::default()));
        let status = |parameters: &[(&str, &str)]| {
            let answer = cloud.ec2("DescribeInstanceStatus", parameters);
            let items = answer.first("instanceStatusSet").unwrap_or_default();
            Xml::new(&items)
                .items()
                .iter()
                .map(|item| {
                    let state = Xml::new(&item.first("instanceState").unwrap()).first("name").unwrap();
                    // The details come first, each with a status of its own.
                    let health =
                        Xml::new(&item.first("instanceStatus").unwrap()).all("status").pop().unwrap();
                    (item.first("instanceId").unwrap(), state, health)
                })
                .collect::<BTreeSet<_>>()
        };
        let is = |instance: &Instance, state: &str, health: &str| {
            (instance.id.clone(), state.to_owned(), health.to_owned())
        };
        let healthy = || status(&[]).into_iter().filter(|(_, _, health)| health == "ok").count();
        eventually("both pass their checks", || healthy() == 2);
        act(&cloud, "StopInstances", &one);
        cloud.wait_for_state(&one, "stopped");
        assert_eq!(status(&[]), [is(&two, "running", "ok")].into());
        let all = status(&[("IncludeAllInstances", "true")]);
        assert_eq!(all, [is(&one, "stopped", "not-applicable"), is(&two, "running", "ok")].into());
        cloud.finish();
    });
}

/// The instances that Systems Manager knows, from all pages.
fn managed(cloud: &Cloud) -> BTreeSet<String> {
    let (mut known, mut input) = (BTreeSet::new(), serde_json::json!({}));
    loop {
        let page = cloud.client().ssm("DescribeInstanceInformation", &input).unwrap();
        let listed = page["InstanceInformationList"].as_array().unwrap();
        known.extend(listed.iter().map(|one| one["InstanceId"].as_str().unwrap().to_owned()));
        if !page["NextToken"].is_string() {
            return known;
        }
        input["NextToken"] = page["NextToken"].clone();
    }
}

/// How many instances one request launches: more than may boot, and far more than may work, at once.
const FLEET: usize = 60;

#[test]
fn one_request_launches_many_and_all_are_reached() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            let cloud = Cloud::up(mode);
            let network = Network::new(&cloud);
            let prober = network.boot(&cloud, Launch::default());
            let fleet = network.launch(&cloud, FLEET, Launch::default());
            assert_eq!(fleet.len(), FLEET);
            let addresses: BTreeSet<&str> = fleet.iter().map(|instance| instance.address.as_str()).collect();
            assert_eq!(addresses.len(), FLEET, "an address was given twice");
            let targets = addresses.into_iter().collect::<Vec<_>>().join(" ");
            // All are in the VPC's default group, which lets its members in.
            let script = format!(
                "for target in {targets}; do until ping -c 1 -W 1 $target >/dev/null 2>&1; do :; done; done"
            );
            cloud.output(&prober, &script);
            eventually("all are managed", || {
                let known = managed(&cloud);
                [&prober].into_iter().chain(&fleet).all(|one| known.contains(&one.id))
            });
            let ids: Vec<String> = (1..=FLEET).map(|number| format!("InstanceId.{number}")).collect();
            let parameters: Vec<(&str, &str)> =
                ids.iter().zip(&fleet).map(|(name, one)| (name.as_str(), one.id.as_str())).collect();
            cloud.ec2("TerminateInstances", &parameters);
            eventually("all are gone", || {
                host_state(&cloud).iter().filter(|name| name.contains("/i-")).count() == 2
            });
            cloud.finish();
        }
        let help = cloud::brume().args(["bench", "launch", "--help"]).output().unwrap();
        assert!(help.status.success(), "{help:?}");
    });
}
