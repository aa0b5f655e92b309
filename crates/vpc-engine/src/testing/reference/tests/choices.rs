//! Facts 41 and 42: the address and port of a translation are the engine's to choose, within what a gateway may use.

use super::world::{World, arrival_of};
use crate::testing::reference::Expectation;

const HOST: &str = "203.0.113.10";

/// What the reference makes of an engine that lets a client's packet arrive with that source.
fn judge(world: &mut World, what: &str, source: (&str, u16)) -> (Expectation, bool) {
    let (from, packet) = world.packet("q", HOST, what);
    let arrival = arrival_of(&packet, (source.0.parse().expect("an address"), source.1));
    let expected = world.judge(from, &packet, &Ok(arrival)).expect("it arrives");
    (expected, expected.agrees(&arrival, None))
}

#[test]
fn a_gateway_chooses_among_what_it_has() {
    let mut world = World::usual();
    let mut check = |what, source, is_right| {
        let (expected, agrees) = judge(&mut world, what, source);
        assert_eq!(agrees, is_right, "{what} from {source:?}: {expected:?}");
    };
    check("tcp 1000 80 S", ("198.18.0.100", 1023), false);
    check("tcp 1000 80 S", ("198.18.0.10", 5000), false);
    check("tcp 1000 80 S", ("198.18.0.100", 5000), true);
    // The same connection keeps what it has.
    check("tcp 1000 80 A", ("198.18.0.100", 5001), false);
    check("tcp 1000 80 A", ("198.18.0.100", 5000), true);
    // Another to the same destination cannot have it; one to another port or of another protocol can.
    check("tcp 1001 80 S", ("198.18.0.100", 5000), false);
    check("tcp 1001 80 S", ("198.18.0.100", 5001), true);
    check("tcp 1001 81 S", ("198.18.0.100", 5000), true);
    check("udp 1001 80", ("198.18.0.100", 5000), true);
    check("udp 1001 80", ("198.18.0.101", 5000), false);
    // Any identifier will do for ICMP, but for one that is in use.
    check("icmp 8 7", ("198.18.0.100", 3), true);
    check("icmp 8 8", ("198.18.0.100", 3), false);
    check("icmp 8 8", ("198.18.0.100", 4), true);
}

#[test]
fn a_gateway_that_has_lost_an_address_chooses_another() {
    let mut world = World::usual();
    world.nat.addresses = vec!["10.0.0.100".parse().expect("an address"), "10.0.0.130".parse().expect("one")];
    world.put(world.nat.clone());
    let second = vpc_model::PublicIpv4 {
        public: "198.18.1.100".parse().expect("an address"),
        private: "10.0.0.130".parse().expect("an address"),
    };
    world.change_interface("n", |interface| {
        interface.secondary_ipv4 = vec![second.private];
        interface.public_ipv4.push(second);
    });
    assert!(judge(&mut world, "udp 1 2", ("198.18.1.100", 5000)).1);
    world.nat.addresses.pop();
    world.put(world.nat.clone());
    assert!(!judge(&mut world, "udp 1 2", ("198.18.1.100", 5000)).1, "the address is gone");
    assert!(judge(&mut world, "udp 1 2", ("198.18.0.100", 5000)).1);
}
