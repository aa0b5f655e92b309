//! What a window keeps of the packets of an interface, and what it gives when it ends.

use std::net::{IpAddr, Ipv4Addr};

use aws_types::{InstanceId, ResourceId as _, SubnetId, VpcId};
use vpc_model::{Direction, Protocol};

use super::*;
use crate::field::DEFAULT_FORMAT;
use crate::record::TrafficPath;

fn log() -> FlowLogId {
    FlowLogId::from_bits(1)
}

fn eni() -> NetworkInterfaceId {
    NetworkInterfaceId::from_bits(7)
}

fn facts() -> InterfaceFacts {
    InterfaceFacts {
        account: "123456789012".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        interface: eni(),
        vpc: VpcId::from_bits(2),
        subnet: SubnetId::from_bits(3),
        zone_id: "use1-az1".to_owned(),
        instance: Some(InstanceId::from_bits(4)),
        is_managed: false,
        ipv4: Ipv4Addr::new(10, 0, 0, 10),
        ipv6: None,
        resolver: Some(Ipv4Addr::new(10, 0, 0, 2)),
        router: Ipv4Addr::new(10, 0, 0, 1),
        paths: vec![
            ("10.0.0.0/16".parse().unwrap(), TrafficPath::SameVpc),
            ("0.0.0.0/0".parse().unwrap(), TrafficPath::InternetGateway),
        ],
    }
}

fn settings(format: &str, interval_secs: i64) -> LogSettings {
    let format = Format::parse(format).unwrap();
    LogSettings { format, interval_secs, has_accepted: true, has_rejected: true, created_at: 0 }
}

/// One log of one interface, which somebody has looked at from the time 60,000 on; the log was made then.
fn watching(settings: LogSettings) -> Aggregator {
    let mut aggregator = Aggregator::new(60_000);
    let settings = LogSettings { created_at: 60_000, ..settings };
    aggregator.set_logs([(log(), settings, vec![Arc::new(facts())])], 60_000);
    aggregator
}

fn flow(text: &str, source_port: u16, destination_port: u16) -> Flow {
    let (source, destination) = text.split_once(" > ").unwrap();
    let [source, destination] = [source, destination].map(|address| address.parse::<IpAddr>().unwrap());
    let is_own = source.to_string().starts_with("10.0.0.1");
    Flow {
        interface: eni(),
        direction: if is_own { Direction::Egress } else { Direction::Ingress },
        source,
        destination,
        protocol: Protocol::TCP,
        source_port,
        destination_port,
        action: Action::Accept,
    }
}

fn counted(flows: &[(Flow, Counts)]) -> Collected {
    let mut collected = Collected::default();
    for (flow, counts) in flows {
        collected.flows.entry(*flow).and_modify(|known| known.add(counts)).or_insert(*counts);
    }
    collected
}

fn lines(written: Vec<Written>) -> Vec<String> {
    assert!(written.iter().all(|written| (written.log, written.interface) == (log(), eni())));
    written.into_iter().flat_map(|written| written.lines).collect()
}

#[test]
fn a_window_is_written_once_after_its_end() {
    let mut aggregator = watching(settings(DEFAULT_FORMAT, 60));
    let ssh = flow("10.0.0.10 > 10.0.5.5", 40_000, 22);
    aggregator.collect(counted(&[(ssh, Counts::at(60_010_500, 3, 180, 2))]), 60_011);
    aggregator.collect(counted(&[(ssh, Counts::at(60_040_000, 2, 100, 0x10))]), 60_041);
    assert!(aggregator.write_ended(60_064).is_empty(), "the data plane may tell of more");
    let id = eni();
    assert_eq!(
        lines(aggregator.write_ended(60_065)),
        [format!("2 123456789012 {id} 10.0.0.10 10.0.5.5 40000 22 6 5 280 60010 60040 ACCEPT OK")]
    );
    assert!(aggregator.write_ended(60_066).is_empty());
    assert_eq!(
        lines(aggregator.write_ended(60_125)),
        [format!("2 123456789012 {id} - - - - - - - 60060 60120 - NODATA")]
    );
    assert_eq!(aggregator.flows, 0);
}

#[test]
fn each_direction_action_and_5_tuple_has_a_record() {
    let mut aggregator =
        watching(settings("${pkt-srcaddr} ${dstport} ${flow-direction} ${action} ${packets}", 600));
    let out = flow("10.0.0.10 > 10.0.5.5", 40_000, 22);
    let rejected = Flow { action: Action::Reject, ..out };
    let back = flow("10.0.5.5 > 10.0.0.10", 22, 40_000);
    let other = flow("10.0.0.10 > 10.0.5.5", 40_000, 23);
    let all = [out, rejected, back, other].map(|flow| (flow, Counts::at(60_001_000, 1, 60, 0)));
    aggregator.collect(counted(&all), 60_002);
    let mut written = lines(aggregator.write_all(60_100));
    written.sort();
    assert_eq!(
        written,
        [
            "10.0.0.10 22 egress ACCEPT 1",
            "10.0.0.10 22 egress REJECT 1",
            "10.0.0.10 23 egress ACCEPT 1",
            "10.0.5.5 40000 ingress ACCEPT 1",
        ]
    );
}

#[test]
fn fields_say_what_aws_says() {
    let text = "${version} ${srcaddr} ${dstaddr} ${pkt-srcaddr} ${pkt-dstaddr} ${vpc-id} ${subnet-id} ${instance-id} \
                ${tcp-flags} ${type} ${region} ${az-id} ${sublocation-type} ${sublocation-id} ${traffic-path} \
                ${ecs-task-id} ${reject-reason} ${resource-id} ${encryption-status} ${pkt-dst-aws-service}";
    let (format, facts) = (Format::parse(text).unwrap(), facts());
    let counts = Counts::at(0, 1, 60, 0x12);
    let of = |flow: &Flow| line(&format, &facts, Status::Ok(flow, &counts), 0, 0);
    let [vpc, subnet, instance] =
        [facts.vpc.to_string(), facts.subnet.to_string(), facts.instance.unwrap().to_string()];
    let same = format!("{vpc} {subnet} {instance} 18 IPv4 us-east-1 use1-az1 - -");
    // Fact 68: a secondary address is shown as the primary one, on the interface's own side alone.
    let sent = flow("10.0.0.11 > 1.2.3.4", 1, 2);
    assert_eq!(of(&sent), format!("10 10.0.0.10 1.2.3.4 10.0.0.11 1.2.3.4 {same} 8 - - - - -"));
    let got = Flow { action: Action::RejectPublicAccess, ..flow("1.2.3.4 > 10.0.0.11", 1, 2) };
    assert_eq!(of(&got), format!("10 1.2.3.4 10.0.0.10 1.2.3.4 10.0.0.11 {same} - - BPA - - -"));
    let near = flow("10.0.0.10 > 10.0.9.9", 1, 2);
    assert_eq!(of(&near), format!("10 10.0.0.10 10.0.9.9 10.0.0.10 10.0.9.9 {same} 1 - - - - -"));
    let silent = line(&format, &facts, Status::NoData, 0, 0);
    assert_eq!(
        silent,
        format!("10 - - - - {vpc} {subnet} {instance} - - us-east-1 use1-az1 - - - - - - - -"),
        "what is the interface's own is always said"
    );
    let managed = InterfaceFacts { is_managed: true, instance: None, ..facts };
    let format = Format::parse("${account-id} ${instance-id}").unwrap();
    assert_eq!(line(&format, &managed, Status::NoData, 0, 0), "unknown -");
}

#[test]
fn what_aws_leaves_out_is_not_even_traffic() {
    let udp = |text: &str, source_port, destination_port| Flow {
        protocol: Protocol::UDP,
        ..flow(text, source_port, destination_port)
    };
    let unlogged = [
        udp("10.0.0.10 > 10.0.0.2", 5000, 53),
        udp("10.0.0.2 > 10.0.0.10", 53, 5000),
        flow("10.0.0.10 > 169.254.169.253", 5000, 53),
        flow("10.0.0.10 > 169.254.169.254", 5000, 80),
        udp("10.0.0.10 > 169.254.169.123", 123, 123),
        flow("10.0.0.10 > 169.254.169.250", 5000, 1688),
        udp("10.0.0.10 > 10.0.0.99", 68, 67),
        flow("10.0.0.10 > 10.0.0.1", 5000, 80),
    ];
    let logged = [
        udp("10.0.0.10 > 10.0.0.3", 5000, 53),
        udp("10.0.0.10 > 8.8.8.8", 5000, 53),
        flow("10.0.0.10 > 10.0.0.2", 5000, 80),
        udp("10.0.0.10 > 10.0.0.99", 68, 5000),
    ];
    for (flows, is_said) in [(&unlogged[..], false), (&logged, true)] {
        for flow in flows {
            let mut aggregator = watching(settings("${log-status}", 60));
            aggregator.collect(counted(&[(*flow, Counts::at(60_001_000, 1, 60, 0))]), 60_002);
            let said = lines(aggregator.write_ended(60_065));
            assert_eq!(said, [if is_said { "OK" } else { "NODATA" }], "{flow:?}");
        }
    }
}

#[test]
fn a_log_of_one_action_has_no_other() {
    let mut aggregator =
        watching(LogSettings { has_accepted: false, ..settings("${action} ${log-status}", 60) });
    let accepted = flow("10.0.0.10 > 10.0.5.5", 40_000, 22);
    aggregator.collect(counted(&[(accepted, Counts::at(60_001_000, 1, 60, 0))]), 60_002);
    assert!(aggregator.write_ended(60_065).is_empty(), "there was traffic, and none of it rejected");
    let rejected = Flow { action: Action::Reject, ..accepted };
    let both = [accepted, rejected].map(|flow| (flow, Counts::at(60_070_000, 1, 60, 0)));
    aggregator.collect(counted(&both), 60_071);
    assert_eq!(lines(aggregator.write_ended(60_125)), ["REJECT OK"]);
}

#[test]
fn more_flows_than_there_is_room_for_are_skipped_data() {
    let mut aggregator = watching(settings("${log-status} ${start} ${end}", 60));
    let many = (0..FLOWS_PER_WINDOW_MAX as u32 + 1).map(|number| {
        let flow = flow("10.0.0.10 > 10.0.5.5", number as u16, 80 + (number >> 16) as u16);
        (flow, Counts::at(60_001_000, 1, 60, 0))
    });
    aggregator.collect(counted(&many.collect::<Vec<_>>()), 60_002);
    let said = lines(aggregator.write_ended(60_065));
    assert_eq!(said.len(), FLOWS_PER_WINDOW_MAX + 1);
    assert_eq!(said.last().unwrap(), "SKIPDATA 60000 60060");
    assert_eq!(aggregator.flows, 0);
    // The collector's own limit says the same.
    let missed = Collected { missed: [eni()].into_iter().collect(), ..Collected::default() };
    aggregator.collect(missed, 60_070);
    assert_eq!(lines(aggregator.write_ended(60_125)), ["SKIPDATA 60060 60120"]);
}

#[test]
fn nothing_is_said_of_time_that_nobody_looked_at() {
    // A daemon that starts within a window of a log that was there before.
    let mut aggregator = Aggregator::new(60_030);
    let log = (log(), settings("${log-status} ${start} ${end}", 60), vec![Arc::new(facts())]);
    aggregator.set_logs([log.clone()], 60_030);
    assert_eq!(lines(aggregator.write_ended(60_065)), ["SKIPDATA 60030 60060"]);
    assert_eq!(lines(aggregator.write_ended(60_125)), ["NODATA 60060 60120"]);
    // A machine that slept.
    assert_eq!(lines(aggregator.write_ended(66_030)), Vec::<String>::new());
    assert_eq!(lines(aggregator.write_ended(66_065)), ["SKIPDATA 66030 66060"]);
    // A log that is made within a window has nothing to say of what was before.
    let mut aggregator = Aggregator::new(60_000);
    aggregator.set_logs([], 60_000);
    aggregator.set_logs([log], 60_030);
    assert_eq!(lines(aggregator.write_ended(60_065)), ["NODATA 60030 60060"]);
    // An end of looking tells what there is, and no more.
    let ssh = flow("10.0.0.10 > 10.0.5.5", 40_000, 22);
    aggregator.collect(counted(&[(ssh, Counts::at(60_070_000, 1, 60, 0))]), 60_071);
    assert_eq!(lines(aggregator.write_all(60_072)), ["OK 60070 60070"]);
    assert!(aggregator.write_all(60_073).is_empty());
}

#[test]
fn an_interface_that_goes_is_told_of_and_a_log_that_goes_is_silent() {
    let mut aggregator = watching(settings("${log-status} ${start} ${end}", 60));
    let ssh = flow("10.0.0.10 > 10.0.5.5", 40_000, 22);
    let settings = settings("${log-status} ${start} ${end}", 60);
    let count = |aggregator: &mut Aggregator| {
        aggregator.collect(counted(&[(ssh, Counts::at(60_010_000, 1, 60, 0))]), 60_011);
    };
    count(&mut aggregator);
    aggregator.set_logs([(log(), settings.clone(), Vec::new())], 60_020);
    assert_eq!(lines(aggregator.write_ended(60_021)), ["OK 60010 60010"]);
    aggregator.set_logs([(log(), settings, vec![Arc::new(facts())])], 60_030);
    count(&mut aggregator);
    aggregator.set_logs([], 60_040);
    assert!(aggregator.write_ended(61_000).is_empty());
    assert_eq!(aggregator.flows, 0);
}
