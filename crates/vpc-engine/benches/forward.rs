//! How long a decision takes, and how that grows with the network.
//!
//! Every interface carries the same five groups of 60 rules each, with CIDR blocks, port ranges and group references; the
//! packets pass by rules in the middle of them, and are tracked at both ends. 10,000 connections are spread either over
//! ten interfaces, whatever the size of the network (`few`: what the structure costs), or over all of them (`all`: that,
//! and the memory that no cache of the processor holds).
//! Times are for one decision: `cargo bench -p vpc-engine`.

use std::net::Ipv4Addr;

use aws_types::{
    MacAddress, NetworkAclId, NetworkInterfaceId, ResourceId, RouteTableId, SecurityGroupId,
    SecurityGroupRuleId, SubnetId, VpcId,
};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use ipnet::{IpNet, Ipv4Net};
use vpc_engine::reach::{HeaderBox, Question, Questions, Span, Tracer};
use vpc_engine::testing::Random;
use vpc_engine::{
    Endpoint, Flows, Millis, Packet, Snapshot, TcpFlags, Transport, Verdict, forward, router_mac,
};
use vpc_model::{
    AclAction, AclRuleNumber, Delta, Direction, IdleTimeouts, Interface, InterfaceRole, InternetBlock,
    NetworkAcl, NetworkAclEntry, Peer, Port, PortRange, Protocol, RouteTable, SecurityGroup,
    SecurityGroupRule, Subnet, Traffic, Vpc,
};

const INTERFACES: [usize; 3] = [10, 1_000, 100_000];
const CONNECTIONS: usize = 10_000;
const QUESTIONS: usize = 1_000;
const GROUPS: u32 = 5;
const RULES: u32 = 60;
const NOW: Millis = Millis::from_secs(1_000);
/// Interfaces of one VPC: a /16 does not hold 100,000.
const OF_A_VPC: usize = 40_000;
/// Subnets of one VPC. Neighbouring interfaces lie in different ones, and so do talkers (the steps between them are powers
/// of ten), so that packets take the same way, through the router and both ACLs, whatever the size of the network.
const SUBNETS: usize = 13;

fn main() {
    divan::main();
}

fn group(number: u32) -> SecurityGroup {
    // Half of the rules are for ingress. Only one group allows the benchmark's port, in the middle of its rules.
    let rules = (0..RULES).map(|rule| {
        let direction = if rule % 2 == 0 { Direction::Ingress } else { Direction::Egress };
        let from = (number * 1_000 + rule * 16) as u16;
        let narrow = PortRange::new(20_000 + from, 20_000 + from + 12).expect("ordered");
        let (traffic, peer) = match rule {
            30 | 31 if number == 3 => {
                let block = IpNet::V4(Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), 8).expect("a prefix"));
                (Traffic::Tcp(PortRange::one(443)), Peer::Cidr(block))
            }
            _ if rule % 5 == 0 => {
                (Traffic::Udp(narrow), Peer::Group(SecurityGroupId::from_bits((rule % 7).into())))
            }
            _ => {
                let block =
                    Ipv4Net::new(Ipv4Addr::new(10, rule as u8, number as u8, 0), 24).expect("a prefix");
                (Traffic::Tcp(narrow), Peer::Cidr(IpNet::V4(block)))
            }
        };
        let id = SecurityGroupRuleId::from_bits((number * RULES + rule).into());
        SecurityGroupRule { id, direction, traffic, peer }
    });
    SecurityGroup {
        id: SecurityGroupId::from_bits(number.into()),
        vpc: VpcId::from_bits(0),
        rules: rules.collect(),
    }
}

fn interface(index: usize) -> Interface {
    let (vpc, in_vpc) = (index / OF_A_VPC, index % OF_A_VPC);
    let (subnet, in_subnet) = (in_vpc % SUBNETS, in_vpc / SUBNETS);
    Interface {
        id: NetworkInterfaceId::from_bits(index as u128),
        port: Port::new(index as u32 + 1).expect("few enough"),
        vpc: VpcId::from_bits(vpc as u128),
        subnet: SubnetId::from_bits((vpc * SUBNETS + subnet) as u128),
        mac: MacAddress::local(index as u64),
        ipv4: Ipv4Addr::from_bits(
            Ipv4Addr::new(10, 0, 0, 4).to_bits() + (subnet << 12) as u32 + in_subnet as u32,
        ),
        secondary_ipv4: Vec::new(),
        public_ipv4: Vec::new(),
        role: InterfaceRole::Workload,
        ipv6: Vec::new(),
        ipv4_prefixes: Vec::new(),
        ipv6_prefixes: Vec::new(),
        security_groups: (0..GROUPS).map(|number| SecurityGroupId::from_bits(number.into())).collect(),
        source_dest_check: true,
        idle_timeouts: IdleTimeouts::DEFAULT,
        tracking_limit: None,
        hostname: None,
    }
}

fn network(interfaces: usize) -> Snapshot {
    let mut deltas: Vec<Delta> = (0..GROUPS).map(|number| group(number).into()).collect();
    for vpc in 0..interfaces.div_ceil(OF_A_VPC) {
        let id = VpcId::from_bits(vpc as u128);
        let vpc_block = Ipv4Net::new(Ipv4Addr::new(10, 0, 0, 0), 16).expect("a prefix");
        deltas.push(
            Vpc {
                id,
                ipv4_cidrs: vec![vpc_block],
                ipv6_cidrs: Vec::new(),
                dns_support: true,
                dhcp_options: None,
            }
            .into(),
        );
        let route_table = RouteTableId::from_bits(vpc as u128);
        deltas.push(RouteTable { id: route_table, vpc: id, routes: Vec::new() }.into());
        let network_acl = NetworkAclId::from_bits(vpc as u128);
        let entries = [Direction::Ingress, Direction::Egress].map(|direction| NetworkAclEntry {
            number: AclRuleNumber::new(100).expect("a rule number"),
            direction,
            traffic: Traffic::All,
            cidr: IpNet::V4(Ipv4Net::default()),
            action: AclAction::Allow,
        });
        deltas.push(NetworkAcl { id: network_acl, vpc: id, entries: entries.to_vec() }.into());
        for subnet in 0..SUBNETS as u32 {
            let base = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + (subnet << 12));
            deltas.push(
                Subnet {
                    id: SubnetId::from_bits((vpc * SUBNETS) as u128 + u128::from(subnet)),
                    vpc: id,
                    cidr: Ipv4Net::new(base, 20).expect("a prefix"),
                    ipv6_cidr: None,
                    zone: "us-east-1a".parse().expect("a zone"),
                    route_table,
                    network_acl,
                    internet_block: InternetBlock::Off,
                }
                .into(),
            );
        }
    }
    deltas.extend((0..interfaces).map(|index| Delta::from(interface(index))));
    Snapshot::new().apply(&deltas).snapshot
}

/// SYNs of connections between `talkers` interfaces that are spread over the network, each within a VPC.
fn packets(interfaces: usize, talkers: usize) -> Vec<(Port, Packet)> {
    let mut random = Random::new(7);
    let stride = interfaces / talkers;
    let mut pick = |of_vpc: Option<usize>| loop {
        let index = random.below(talkers) * stride;
        if of_vpc.is_none_or(|vpc| index / OF_A_VPC == vpc) {
            return index;
        }
    };
    (0..CONNECTIONS)
        .map(|number| {
            let from = pick(None);
            let to = loop {
                let to = pick(Some(from / OF_A_VPC));
                if to != from {
                    break interface(to);
                }
            };
            let from = interface(from);
            let packet = Packet {
                source_mac: from.mac,
                destination_mac: if from.subnet == to.subnet { to.mac } else { router_mac(from.subnet) },
                source: from.ipv4.into(),
                destination: to.ipv4.into(),
                protocol: Protocol::TCP,
                transport: Transport::Tcp {
                    source: 1_024 + number as u16,
                    destination: 443,
                    flags: TcpFlags::SYN,
                },
                fragment: None,
                ttl: 64,
                length_bytes: 60,
                segment_bytes: 60,
                may_be_fragmented: true,
            };
            (from.port, packet)
        })
        .collect()
}

fn deliver(snapshot: &Snapshot, flows: &mut Flows, packets: &[(Port, Packet)]) {
    for (from, packet) in packets {
        let verdict = forward(snapshot, flows, *from, black_box(packet), NOW);
        assert!(matches!(black_box(verdict), Verdict::Deliver(_)), "{verdict:?}");
    }
}

/// The first packet of a connection: every gate, a new entry at both ends, a plan for both directions.
fn new_connection(bencher: Bencher<'_, '_>, interfaces: usize, talkers: usize) {
    let snapshot = network(interfaces);
    let packets = packets(interfaces, talkers);
    bencher
        .counter(ItemsCount::new(CONNECTIONS))
        .with_inputs(Flows::default)
        .bench_local_refs(|flows| deliver(&snapshot, flows, &packets));
}

/// A further packet of a connection that is tracked at both ends, had a cache not let it pass.
fn established(bencher: Bencher<'_, '_>, interfaces: usize, talkers: usize) {
    let snapshot = network(interfaces);
    let mut packets = packets(interfaces, talkers);
    let mut flows = Flows::default();
    deliver(&snapshot, &mut flows, &packets);
    for (_, packet) in &mut packets {
        if let Transport::Tcp { flags, .. } = &mut packet.transport {
            *flags = TcpFlags::ACK;
        }
    }
    bencher.counter(ItemsCount::new(CONNECTIONS)).bench_local(|| deliver(&snapshot, &mut flows, &packets));
}

#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 200)]
fn new_connection_few(bencher: Bencher<'_, '_>, interfaces: usize) {
    new_connection(bencher, interfaces, 10);
}

#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 200)]
fn new_connection_all(bencher: Bencher<'_, '_>, interfaces: usize) {
    new_connection(bencher, interfaces, interfaces);
}

#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 200)]
fn established_few(bencher: Bencher<'_, '_>, interfaces: usize) {
    established(bencher, interfaces, 10);
}

#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 200)]
fn established_all(bencher: Bencher<'_, '_>, interfaces: usize) {
    established(bencher, interfaces, interfaces);
}

/// What a change costs: an interface comes, with the groups that all others have.
#[divan::bench(args = INTERFACES)]
fn apply_interface(bencher: Bencher<'_, '_>, interfaces: usize) {
    let snapshot = network(interfaces);
    let delta = [Delta::from(interface(interfaces))];
    bencher.bench_local(|| black_box(snapshot.apply(black_box(&delta))));
}

/// What a change costs: a rule of a group that every interface has.
#[divan::bench(args = INTERFACES)]
fn apply_rule(bencher: Bencher<'_, '_>, interfaces: usize) {
    let snapshot = network(interfaces);
    let mut changed = group(0);
    changed.rules.pop();
    let delta = [Delta::from(changed)];
    bencher.bench_local(|| black_box(snapshot.apply(black_box(&delta))));
}

/// Questions about pairs of interfaces, to a port that the rules open or that none opens.
fn questions(interfaces: usize, port: u16) -> Vec<Question> {
    let mut random = Random::new(7);
    let pair = |random: &mut Random| {
        let from = random.below(interfaces);
        // Of one VPC, and not the same.
        let others = OF_A_VPC.min(interfaces - from / OF_A_VPC * OF_A_VPC);
        let to = from / OF_A_VPC * OF_A_VPC + (from % OF_A_VPC + 1 + random.below(others - 1)) % others;
        (interface(from), interface(to))
    };
    let pairs = std::iter::repeat_with(|| pair(&mut random)).take(QUESTIONS);
    pairs
        .map(|(from, to)| Question {
            from: from.port,
            source: Endpoint { address: from.ipv4.into(), port: 40_000 },
            destination: Endpoint { address: to.ipv4.into(), port },
            protocol: Protocol::TCP,
        })
        .collect()
}

fn trace(bencher: Bencher<'_, '_>, interfaces: usize, port: u16, is_open: bool) {
    let snapshot = network(interfaces);
    let questions = questions(interfaces, port);
    let mut tracer = Tracer::new(&snapshot);
    bencher.counter(ItemsCount::new(QUESTIONS)).bench_local(|| {
        for question in &questions {
            let trace = tracer.trace(*question).expect("the port is there");
            assert_eq!(trace.reaches(), is_open);
        }
    });
}

#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 50)]
fn trace_open(bencher: Bencher<'_, '_>, interfaces: usize) {
    trace(bencher, interfaces, 443, true);
}

#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 50)]
fn trace_blocked(bencher: Bencher<'_, '_>, interfaces: usize) {
    trace(bencher, interfaces, 444, false);
}

/// All source ports and all destination ports of a pair.
#[divan::bench(args = INTERFACES, sample_size = 1, sample_count = 50)]
fn explore_ports(bencher: Bencher<'_, '_>, interfaces: usize) {
    let snapshot = network(interfaces);
    let questions = questions(interfaces, 443);
    let mut tracer = Tracer::new(&snapshot);
    let ports = Span { first: 0, last: u16::MAX.into() };
    bencher.counter(ItemsCount::new(questions.len() / 20)).bench_local(|| {
        for question in questions.iter().step_by(20) {
            let [source, destination, ..] = question.header();
            let headers = HeaderBox { spans: [Span::one(source), Span::one(destination), ports, ports] };
            let questions =
                Questions { from: question.from, protocol: Protocol::TCP, is_ipv6: false, headers };
            let exploration = tracer.explore(&questions, 10_000).expect("the port is there");
            assert!(exploration.rest.is_empty() && !exploration.reaching().is_empty());
        }
    });
}
