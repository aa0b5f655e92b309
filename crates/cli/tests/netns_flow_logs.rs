//! Flow logs of a whole cloud: what instances really send and are refused, in files, by the AWS API's own formats.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cloud::guest::{Instance, Launch, Network};
use cloud::{BOTH_MODES, Cloud, Mode, eventually, on_a_workstation};

const FORMAT: &str = "${version} ${interface-id} ${srcaddr} ${dstaddr} ${dstport} ${protocol} ${pkt-dstaddr} \
                      ${packets} ${action} ${log-status} ${flow-direction} ${tcp-flags} ${traffic-path} ${instance-id}";
/// The server's second address.
const SECOND: &str = "10.0.1.77";
/// Windows are of a minute, and written some seconds after their end.
const WINDOW: Duration = Duration::from_secs(75);

fn create(cloud: &Cloud, kind: &str, resource: &str, extra: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("ResourceType", kind),
        ("ResourceId.1", resource),
        ("LogGroupName", "flows"),
        ("DeliverLogsPermissionArn", "arn:aws:iam::123456789012:role/flows"),
        ("LogFormat", FORMAT),
        ("MaxAggregationInterval", "60"),
    ];
    parameters.extend(extra);
    let answer = cloud.ec2("CreateFlowLogs", &parameters);
    let made = answer.first("flowLogIdSet").unwrap();
    cloud::Xml::new(&made).first("item").unwrap()
}

/// The records of one log about one interface.
fn records(cloud: &Cloud, log: &str, instance: &Instance) -> Vec<String> {
    let mut directory: PathBuf = cloud.path().join("flow-logs");
    let account = cloud.status()["daemon"]["account"].as_str().map(str::to_owned);
    directory.extend([account.unwrap_or_default().as_str(), "us-east-1", log]);
    let text = std::fs::read_to_string(directory.join(format!("{}.log", instance.interface)));
    text.unwrap_or_default().lines().map(str::to_owned).collect()
}

/// Whether a record begins and ends like that.
fn has(records: &[String], begin: &str, end: &str) -> bool {
    records.iter().any(|record| record.starts_with(begin) && record.ends_with(end))
}

#[test]
fn records_tell_what_instances_did() {
    on_a_workstation(|| {
        for mode in BOTH_MODES {
            eprintln!("-- {mode:?}");
            check(mode);
        }
    });
}

fn check(mode: Mode) {
    let cloud = Cloud::up(mode);
    let network = Network::new(&cloud);
    let all = create(&cloud, "VPC", &network.vpc, &[("TrafficType", "ALL")]);
    let group = network.group(&cloud, "servers", &["80"]);
    let groups = [group.as_str()];
    let launch = Launch { groups: &groups, ..Launch::default() };
    let (server, client) = (network.boot(&cloud, launch), network.boot(&cloud, launch));
    let rejected = create(&cloud, "NetworkInterface", &server.interface, &[("TrafficType", "REJECT")]);
    let listening = cloud.spawn_sh(&server, "while nc -l -p 80 >/dev/null; do :; done");
    cloud.wait_for_listener(&server, 80);
    assert!(cloud.connects(&client, &server, 80));
    assert!(!cloud.connects(&client, &server, 81));
    // What no log has (fact 65): names, metadata, the router.
    let ask = "getent hosts nothing.ec2.internal; curl -s -m 1 http://169.254.169.254/; ping -c 1 -W 1 10.0.1.1; true";
    cloud.output(&client, ask);
    // A second address, by which nobody has to answer.
    let second = [("NetworkInterfaceId", server.interface.as_str()), ("PrivateIpAddress.1", SECOND)];
    cloud.ec2("AssignPrivateIpAddresses", &second);
    for _ in 0..2 {
        cloud.sh(&client, &format!("nc -z -w 1 {SECOND} 80"));
    }

    // At the window's end, while the daemon runs.
    let until = Instant::now() + WINDOW;
    // A window may have ended before or between all that; what was sent last is told last.
    let has_last = |records: Vec<String>| records.iter().any(|record| record.contains(SECOND));
    while Instant::now() < until {
        let of_server = records(&cloud, &all, &server);
        let of_client = records(&cloud, &all, &client);
        if has_last(of_server) && has_last(of_client) {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let (of_server, of_client) = (records(&cloud, &all, &server), records(&cloud, &all, &client));
    let said = format!("{of_server:#?} {of_client:#?}\n{}", cloud.log());
    let to = |port: &str, interface: &str| {
        format!("5 {interface} {} {} {port} 6 ", client.address, server.address)
    };
    let end = |rest: &str, instance: &Instance| format!("{rest} {}", instance.id);
    let has_flags = |records: &[String], begin: &str, middle: &str, ends: &[String]| {
        records.iter().any(|record| {
            record.starts_with(begin)
                && record.contains(middle)
                && ends.iter().any(|end| record.ends_with(end))
        })
    };
    // SYN and FIN of an opener that closes first.
    let accepted_ends = [end("3 -", &server), end("2 -", &server), end("7 -", &server)];
    assert!(
        has_flags(&of_server, &to("80", &server.interface), "ACCEPT OK ingress", &accepted_ends),
        "{said}"
    );
    assert!(has(&of_server, &to("81", &server.interface), &end("REJECT OK ingress 2 -", &server)), "{said}");
    assert!(has(&of_client, &to("81", &client.interface), &end("ACCEPT OK egress 2 1", &client)), "{said}");
    assert!(!of_client.iter().any(|record| record.contains("REJECT")), "{said}");
    // Fact 68: the interface's primary address in `dstaddr`, and the packet's own beside it.
    let at_second = format!("{}{SECOND} ", to("80", &server.interface));
    assert!(has_flags(&of_server, &at_second, "ACCEPT OK ingress", &[end("-", &server)]), "{said}");
    let of_both = || of_server.iter().chain(&of_client);
    for unlogged in [" 169.254.", " 10.0.0.2 ", " 10.0.1.1 "] {
        assert!(!of_both().any(|record| record.contains(unlogged)), "{unlogged}: {said}");
    }
    let of_rejected = records(&cloud, &rejected, &server);
    if !of_rejected.is_empty() {
        assert!(of_rejected.iter().all(|record| !record.contains("ACCEPT")), "{of_rejected:#?}");
    }

    // At the end of the daemon, which says what it has.
    let before = records(&cloud, &all, &server).len();
    assert!(!cloud.connects(&client, &server, 82));
    std::thread::sleep(Duration::from_millis(1500));
    let pid = nix::unistd::Pid::from_raw(cloud.daemon_pid());
    let account = cloud.status()["daemon"]["account"].as_str().unwrap().to_owned();
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    eventually("the daemon has ended", || cloud.run("status", &[]).code == 3);
    let path = cloud.path().join("flow-logs").join(account).join("us-east-1").join(&all);
    let text = std::fs::read_to_string(path.join(format!("{}.log", server.interface))).unwrap();
    let after: Vec<String> = text.lines().skip(before).map(str::to_owned).collect();
    assert!(has(&after, &to("82", &server.interface), &end("REJECT OK ingress 2 -", &server)), "{after:#?}");
    assert!(!after.iter().any(|record| record.contains("NODATA")), "{after:#?}");
    drop(listening);
    cloud.finish();
}

#[test]
fn a_log_that_cannot_be_written_says_so() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::FastPath);
        std::fs::write(cloud.path().join("flow-logs"), "somebody's file").unwrap();
        let network = Network::new(&cloud);
        let log = create(&cloud, "Subnet", &network.subnet, &[("TrafficType", "ALL")]);
        let status = || {
            let answer = cloud.ec2("DescribeFlowLogs", &[("FlowLogId.1", &log)]);
            (answer.first("deliverLogsStatus").unwrap(), answer.first("deliverLogsErrorMessage"))
        };
        let (delivered, whereabouts) = status();
        assert_eq!(delivered, "SUCCESS");
        assert!(whereabouts.unwrap().starts_with("CloudWatch Logs does not exist here yet"));
        network.boot(&cloud, Launch::default());
        let until = Instant::now() + WINDOW;
        while status().0 == "SUCCESS" && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(status(), ("FAILED".to_owned(), Some("Unknown error".to_owned())));
        std::fs::remove_file(cloud.path().join("flow-logs")).unwrap();
        let until = Instant::now() + WINDOW;
        while status().0 == "FAILED" && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(500));
        }
        let (delivered, whereabouts) = status();
        assert_eq!(delivered, "SUCCESS");
        assert!(whereabouts.unwrap().starts_with("CloudWatch Logs does not exist here yet"));
        cloud.finish();
    });
}
