//! Connection tracking beyond the facts: what a cache reports, what a journal keeps, what a change makes stale.

use aws_types::{ResourceId, VpcId};
use vpc_engine::flows::{CloseReason, FlowState};
use vpc_engine::testing::world::{self, World};
use vpc_engine::{Activity, FlowDirection, FlowEvent, FlowOptions, FlowRecord, Flows, Millis, TcpFlags};
use vpc_model::Port;

fn network() -> World {
    let mut world = World::new();
    world.group("client", &["out all 0.0.0.0/0"]);
    world.group("server", &["in tcp 22 @client", "in udp 53 @client"]);
    world.interface("c", &["10.0.0.10"], &["client"]);
    world.interface("s", &["10.0.1.20"], &["server"]);
    world.interface("other", &["10.0.1.21"], &["server"]);
    world
}

fn later(world: &mut World, secs: u64) {
    world.now = Millis(world.now.0 + secs * 1000);
}

/// Opens a connection by its handshake; the flow of its last packet.
fn connect(world: &mut World) -> vpc_engine::FlowId {
    let syn = world.packet("c", "10.0.1.20", "tcp 5000 22 S");
    world.delivery("c", &syn);
    let back = world.packet("s", "10.0.0.10", "tcp 22 5000 SA");
    world.delivery("s", &back);
    let ack = world.packet("c", "10.0.1.20", "tcp 5000 22 A");
    world.delivery("c", &ack).flow.expect("tracked")
}

#[test]
fn a_cache_keeps_a_flow_alive_and_ends_it() {
    let mut world = network();
    let flow = connect(&mut world);
    let states = |world: &World| {
        let (sender, receiver) = world.flows.get(flow);
        (sender.map(|record| record.state()), receiver.map(|record| record.state()))
    };
    assert_eq!(states(&world), (Some(FlowState::Established), Some(FlowState::Established)));
    later(&mut world, 400_000);
    let data = Activity { flags: TcpFlags::ACK, packets: 10, bytes: 10_000 };
    assert!(world.flows.touch(flow, FlowDirection::Reverse, data, world.now));
    later(&mut world, 400_000);
    assert_eq!(world.flows.expire(world.now), 0);
    let (sender, receiver) = world.flows.get(flow);
    // Two packets sent by the engine's count, ten received by the cache's and one by the engine's; at the server the
    // other way round.
    let counts = |record: FlowRecord| (record.packets_sent, record.packets_received);
    assert_eq!((sender.map(counts), receiver.map(counts)), (Some((2, 11)), Some((11, 2))));

    let fin = Activity { flags: TcpFlags::FIN.with(TcpFlags::ACK), packets: 1, bytes: 52 };
    assert!(world.flows.touch(flow, FlowDirection::Forward, fin, world.now));
    assert_eq!(states(&world), (Some(FlowState::HalfClosed), Some(FlowState::HalfClosed)));
    assert!(world.flows.touch(flow, FlowDirection::Reverse, fin, world.now));
    assert_eq!(states(&world), (Some(FlowState::Closing), Some(FlowState::Closing)));
    assert_eq!(world.flows.tracked(world.port("c")), 0, "what is closing counts no more");
    later(&mut world, 6);
    assert_eq!(world.flows.expire(world.now), 2);
    assert!(!world.flows.is_alive(flow) && world.flows.is_empty());
    assert!(!world.flows.touch(flow, FlowDirection::Forward, data, world.now));
}

#[test]
fn a_reset_that_a_cache_has_seen_ends_the_flow() {
    let mut world = network();
    let flow = connect(&mut world);
    let reset = Activity { flags: TcpFlags::RST, packets: 1, bytes: 40 };
    assert!(!world.flows.touch(flow, FlowDirection::Reverse, reset, world.now));
    assert!(world.flows.is_empty());
    let closed =
        world.flows.drain_events().filter(|event| matches!(event, FlowEvent::Closed(_, CloseReason::Reset)));
    assert_eq!(closed.count(), 2);
}

/// What a journal holds after some events.
fn replay(events: impl Iterator<Item = FlowEvent>) -> Vec<FlowRecord> {
    let mut records: Vec<FlowRecord> = Vec::new();
    for event in events {
        let (FlowEvent::Opened(record) | FlowEvent::Changed(record) | FlowEvent::Closed(record, _)) = event;
        records.retain(|known| known.key != record.key);
        if !matches!(event, FlowEvent::Closed(..)) {
            records.push(record);
        }
    }
    records
}

#[test]
fn a_journal_brings_connections_back() {
    let mut world = network();
    connect(&mut world);
    let query = world.packet("c", "10.0.0.2", "udp 6000 53");
    let asked = world.delivery("c", &query);
    let gone = world.packet("c", "10.0.1.20", "udp 7000 53");
    world.delivery("c", &gone);

    let json = serde_json::to_string(&world.flows.drain_events().collect::<Vec<_>>()).unwrap();
    let events: Vec<FlowEvent> = serde_json::from_str(&json).unwrap();
    let records = replay(events.into_iter());
    let mut live: Vec<FlowRecord> = world.flows.records().collect();
    assert_eq!(live.len(), records.len());
    live.retain(|record| !records.iter().any(|restored| restored.key == record.key));
    assert!(live.is_empty());

    // A new daemon, and no rule that would let anything pass any more.
    world.flows = Flows::new(FlowOptions { seed: 99, ..FlowOptions::default() });
    for record in records.iter().rev() {
        assert!(world.flows.restore(record, world.now));
        assert!(!world.flows.restore(record, world.now), "twice");
    }
    assert_eq!(world.flows.tracked(world.port("c")), 2);
    world.group("client", &[]);
    world.group("server", &[]);
    let data = world.packet("c", "10.0.1.20", "tcp 5000 22 A");
    assert_eq!(world.outcome("c", &data), "s");
    let back = world.packet("s", "10.0.0.10", "tcp 22 5000 A");
    assert_eq!(world.outcome("s", &back), "c");
    let other = world.packet("c", "10.0.1.20", "tcp 5001 22 S");
    assert_eq!(world.outcome("c", &other), "NoEgressRule");
    // The translation of the query is known in both directions.
    let plan = asked.cache.unwrap();
    let found = world.flows.find(&plan.reverse.unwrap(), world.now).unwrap();
    assert!(world.flows.touch(found, FlowDirection::Forward, Activity::default(), world.now));
    assert_eq!(
        world.flows.find(&plan.forward, world.now).map(|flow| world.flows.get(flow).0.is_some()),
        Some(true)
    );
    // What would be idle by now is not brought back.
    later(&mut world, 31);
    let mut late = Flows::default();
    let restored = records.iter().filter(|record| late.restore(record, world.now)).count();
    assert_eq!(restored, 2, "the TCP connection at both ends");
}

#[test]
fn what_belongs_to_an_interface_goes_with_it() {
    let mut world = network();
    connect(&mut world);
    let query = world.packet("c", "169.254.169.254", "tcp 6000 80 S");
    world.delivery("c", &query);
    assert_eq!(world.flows.len(), 4);
    world.remove("c");
    let applied = world.last.clone().unwrap();
    assert_eq!(applied.removed, [world.port("c")]);
    let left: Vec<_> = world.flows.records().map(|record| record.key.port).collect();
    assert_eq!(left, [world.port("s")], "the other half of the translation is gone too");
}

#[test]
fn the_host_has_a_limit_too() {
    let mut world = network();
    world.flows = Flows::new(FlowOptions { entries_max: 4, ..FlowOptions::default() });
    let mut outcomes = Vec::new();
    for port in [1, 2, 3] {
        let packet = world.packet("c", "10.0.1.20", &format!("tcp {port} 22 S"));
        outcomes.push(world.outcome("c", &packet));
    }
    assert_eq!(outcomes, ["s", "s", "FlowTableFull"]);
}

#[test]
fn a_change_makes_stale_what_it_touches_and_nothing_else() {
    let mut world = network();
    let stale = |world: &World| world.last.as_ref().unwrap().stale.iter().collect::<Vec<Port>>();
    let (c, s, other) = (world.port("c"), world.port("s"), world.port("other"));
    world.group("server", &["in tcp 22 @client"]);
    assert_eq!(stale(&world), [s, other]);
    world.group("server", &["in tcp 22 @client"]);
    assert_eq!(stale(&world), [], "nothing has changed");
    world.group("nobody", &["in tcp 22 @client"]);
    assert_eq!(stale(&world), []);
    world.acl("A", &["in 1 allow all 0.0.0.0/0"]);
    assert_eq!(stale(&world), [c]);
    world.routes("B", &["192.0.2.0/24 blackhole"]);
    assert_eq!(stale(&world), [s, other]);
    // A group's member: decisions about it have it at one end.
    world.modify("s", |interface| interface.security_groups.clear());
    assert_eq!(stale(&world), [s]);
    world.modify("s", |interface| interface.hostname = Some("web".to_owned()));
    assert!(world.last.as_ref().unwrap().removed.is_empty());
    let mut vpc = world.vpcs["v"].clone();
    vpc.ipv4_cidrs.push("100.64.0.0/24".parse().unwrap());
    world.apply(&[vpc.into()]);
    assert_eq!(stale(&world), [c, s, other]);
    world.remove("other");
    assert_eq!(stale(&world), [other]);
}

#[test]
fn ports_and_addresses_change_hands_within_a_batch() {
    let world = network();
    let old = world.interfaces["s"].clone();
    let mut new = old.clone();
    new.id = world::eni("new");
    let put = vpc_model::Delta::from(new.clone());
    let remove = vpc_model::Delta::Remove(vpc_model::ObjectId::Interface(old.id));
    for batch in [[put.clone(), remove.clone()], [remove, put]] {
        let mut applied = world.snapshot.apply(&batch);
        assert_eq!(applied.removed, [old.port]);
        assert_eq!(applied.snapshot.interface(old.port).map(|at| at.id), Some(new.id));
        assert_eq!(applied.snapshot.port_of_address(old.vpc, old.ipv4.into()), Some(old.port));
        assert!(applied.snapshot.interface_by_id(old.id).is_none());
        // The one that was there before is not disturbed by what is made of it.
        assert_eq!(world.snapshot.interface(old.port).map(|at| at.id), Some(old.id));
        applied = applied.snapshot.apply(&[vpc_model::Delta::Remove(vpc_model::ObjectId::Interface(new.id))]);
        assert_eq!(applied.snapshot.port_of_address(old.vpc, old.ipv4.into()), None);
    }
}

#[test]
fn an_interface_that_lies_in_a_subnet_of_another_vpc_reaches_nobody() {
    let mut world = World::new();
    world.group("all", &["in all 0.0.0.0/0", "out all 0.0.0.0/0"]);
    world.interface("w1", &["10.0.0.9"], &["all"]);
    world.modify("w1", |interface| interface.subnet = world::subnet("B"));
    let from_w = world.packet("w1", "10.0.1.20", "udp 1 2");
    assert_eq!(world.outcome("w1", &from_w), "Missing");
    // Its subnet is right for those that come later.
    for (name, address) in [("c", "10.0.1.10"), ("d", "10.0.1.20")] {
        world.interface(name, &[address], &["all"]);
    }
    let from_c = world.packet("c", "10.0.1.20", "udp 1 2");
    assert_eq!(world.outcome("c", &from_c), "d");
    assert_eq!(world.outcome("w1", &from_w), "Missing");
    // When all of its VPC have gone, nobody else's VPC is taken for it.
    for name in ["c", "d"] {
        world.remove(name);
    }
    world.interface("we", &["10.0.1.30"], &["all"]);
    world.modify("we", |interface| {
        interface.vpc = VpcId::from_bits(77);
        interface.subnet = world::subnet("B");
    });
    let from_x = world.packet("we", "10.0.1.20", "udp 1 2");
    assert_eq!(world.outcome("we", &from_x), "Missing");
}
