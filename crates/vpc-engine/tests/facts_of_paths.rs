//! Which paths with conditions a packet's way takes, and what is not cached for it.

use vpc_engine::Packet;
use vpc_engine::testing::world::World;
use vpc_engine::testing::world::gateways::{arrived, everything, reply};
use vpc_model::{Condition, Delta, InternetPlace, Path, PathEnds, PathId, Port, Subnet};

const HOST: &str = "203.0.113.9";

fn path(name: &str, ends: PathEnds) -> Path {
    let condition = Condition { latency: "2ms".parse().expect("a latency"), ..Condition::default() };
    Path { id: PathId::of_name(name), ends, condition }
}

fn zones(name: &str, one: &[&str], other: &[&str]) -> Path {
    let zones = |letters: &[&str]| {
        letters.iter().map(|letter| format!("us-east-1{letter}").parse().expect("a zone")).collect()
    };
    path(name, PathEnds::Zones(zones(one), zones(other)))
}

fn of_host(name: &str, addresses: &[&str]) -> Path {
    path(
        name,
        PathEnds::InternetHost(
            addresses.iter().map(|address| address.parse().expect("an address")).collect(),
        ),
    )
}

/// The names of the paths that a packet takes, each with `<` where it takes it backwards.
fn legs(world: &mut World, from: &str, packet: &Packet) -> Vec<String> {
    let delivery = world.delivery(from, packet);
    let names: Vec<String> = ["aa", "ab", "ac", "host", "other"].map(str::to_owned).into();
    let name =
        |id| names.iter().find(|name| PathId::of_name(name) == id).expect("a path of the test").clone();
    let legs: Vec<String> = delivery
        .legs
        .iter()
        .map(|leg| format!("{}{}", if leg.is_back { "<" } else { "" }, name(leg.path)))
        .collect();
    assert_eq!(legs.is_empty(), delivery.legs.is_empty());
    assert!(legs.is_empty() || delivery.cache.is_none(), "what is made late must not be cached");
    legs
}

/// What a packet takes and what its answer takes, where it lands.
fn check(world: &mut World, from: &str, to: &str, at: &str, expected: &[&str], back: &[&str]) {
    let packet = world.packet(from, to, "udp 4000 7");
    assert_eq!(legs(world, from, &packet), expected, "{from} to {to}");
    let delivery = world.delivery(from, &packet);
    let answer = reply(&arrived(&packet, &delivery));
    assert_eq!(legs(world, at, &answer), back, "{at} to {from}");
}

fn with_all() -> World {
    let mut world = everything();
    world.put(zones("aa", &["a"], &["a"]));
    world.put(zones("ab", &["a"], &["b"]));
    world.put(of_host("host", &[HOST, "2001:db8::9"]));
    world
}

#[test]
fn a_way_takes_the_paths_between_its_zones_and_that_of_the_internets_host() {
    let mut world = with_all();
    check(&mut world, "a", "10.0.1.20", "b", &["aa"], &["aa"]);
    // Over a peering, and by a transit gateway into another zone and back.
    check(&mut world, "b", "10.1.0.10", "x", &["aa"], &["aa"]);
    check(&mut world, "b", "10.2.0.10", "y", &["aa", "ab"], &["<ab", "aa"]);
    // By an internet gateway, and by a NAT gateway in the same zone.
    check(&mut world, "a", HOST, "internet", &["host"], &["<host"]);
    check(&mut world, "a", "2001:db8::9", "internet", &["host"], &["<host"]);
    check(&mut world, "b", HOST, "internet", &["aa", "host"], &["<host", "aa"]);
    // From another zone by a transit gateway, within the zone to a NAT gateway, and out.
    check(&mut world, "y", HOST, "internet", &["<ab", "aa", "host"], &["<host", "aa", "ab"]);
    // Out of one internet gateway and into the other.
    world.set_public("m", "198.18.0.50");
    check(&mut world, "m", "198.18.0.10", "a", &["aa"], &["aa"]);
    // A host that has no path, the workstation, and what comes out of the blue.
    check(&mut world, "a", "192.0.2.1", "workstation", &[], &[]);
    let ping = world.packet_from_internet(HOST, "198.18.0.10", "icmp 8 0 7");
    assert_eq!(legs(&mut world, "internet", &ping), ["<host"]);
}

#[test]
fn hosts_have_paths_of_their_own_and_services_have_none() {
    let mut world = with_all();
    world
        .put(vpc_model::InternetHost { id: "203.0.113.10".parse().unwrap(), place: InternetPlace::Declared });
    world.put(of_host("other", &["203.0.113.10"]));
    let between = world.packet_from_internet(HOST, "203.0.113.10", "icmp 8 0 7");
    assert_eq!(legs(&mut world, "internet", &between), ["<host", "other"]);
    for (from, to) in
        [("a", "169.254.169.253"), ("a", "198.19.64.1"), ("b", "198.19.64.1"), ("y", "198.19.64.1")]
    {
        let spec = if to.starts_with("169") { "udp 4000 53" } else { "tcp 4000 443 S" };
        let packet = world.packet(from, to, spec);
        assert!(legs(&mut world, from, &packet).is_empty(), "{from} to {to}");
    }
}

#[test]
fn a_set_changed_or_cleared_path_makes_what_is_cached_of_its_ways_stale_at_once() {
    let mut world = everything();
    let sends = |world: &mut World, from: &str, to: &str, spec: &str| {
        let packet = world.packet(from, to, spec);
        world.delivery(from, &packet)
    };
    sends(&mut world, "b", "10.2.0.10", "tcp 1 2 S");
    let plan = sends(&mut world, "b", "10.2.0.10", "tcp 1 2 A").cache.unwrap();
    let outward = sends(&mut world, "y", HOST, "udp 1 2").cache.unwrap();
    let direct = sends(&mut world, "a", HOST, "udp 1 2").cache.unwrap();
    let stale = |world: &World, entry: &vpc_engine::CacheEntry| {
        let applied = world.last.as_ref().unwrap();
        let is_stale = |port| applied.stale.contains(port);
        is_stale(entry.from)
            || is_stale(entry.to)
            || entry.domain.is_some_and(|domain| applied.stale_domains.contains(&domain))
    };
    let mut check = |object: Delta, expected: [bool; 3], changed: usize| {
        world.apply(std::slice::from_ref(&object));
        let found = [&plan.forward, &outward.forward, &direct.forward].map(|entry| stale(&world, entry));
        assert_eq!(found, expected, "{object:?}");
        let applied = world.last.as_ref().unwrap();
        assert_eq!(applied.changed_paths.len(), changed, "{object:?}");
        assert!(!applied.has_new_rules, "{object:?}");
    };
    let slower = |path: Path| {
        let condition = Condition { latency: "3ms".parse().unwrap(), ..Condition::default() };
        Path { condition, ..path }
    };
    let ab = zones("ab", &["a"], &["b"]);
    check(ab.clone().into(), [true; 3], 1);
    check(ab.clone().into(), [false; 3], 0);
    check(slower(ab.clone()).into(), [true; 3], 1);
    check(Delta::Remove(ab.id.into()), [true; 3], 1);
    check(Delta::Remove(ab.id.into()), [false; 3], 0);
    // What is in zone b is stale, and what passes the domain that its VPC is in.
    check(zones("other", &["c"], &["b"]).into(), [true, true, false], 1);
    check(zones("ac", &["c"], &["d"]).into(), [false; 3], 1);
    let host = of_host("host", &[HOST]);
    check(host.clone().into(), [false, true, true], 1);
    check(Delta::Remove(host.id.into()), [false, true, true], 1);
    assert!(sends(&mut world, "a", HOST, "udp 1 2").cache.is_some(), "cached again");
    world.group("open", &[]);
    assert!(world.last.as_ref().unwrap().has_new_rules);
    world.put(ab);
    assert!(!world.last.as_ref().unwrap().has_new_rules);
    world.route("x", "X", &[("10.0.0.0/16", "transit")]);
    assert!(world.last.as_ref().unwrap().has_new_rules);
}

#[test]
fn answers_that_come_by_another_way_with_a_condition_are_not_cached() {
    let mut world = everything();
    world.group("open", &["out all 0.0.0.0/0", "in udp 2 10.0.0.0/8"]);
    let there = world.packet("b", "10.1.0.10", "udp 1 2");
    assert!(world.delivery("b", &there).cache.unwrap().reverse.is_some());
    // The attachment of the way back is in another zone.
    let subnet = world.snapshot.subnet(vpc_engine::testing::world::subnet("T")).unwrap().clone();
    world.put(Subnet { zone: "us-east-1c".parse().unwrap(), ..subnet });
    world.route("x", "X", &[("10.0.0.0/16", "transit")]);
    assert!(world.delivery("b", &there).cache.unwrap().reverse.is_some());
    world.put(zones("ac", &["a"], &["c"]));
    assert!(world.delivery("b", &there).cache.unwrap().reverse.is_none());
    let answer = reply(&arrived(&there, &world.delivery("b", &there)));
    assert_eq!(legs(&mut world, "x", &answer), ["ac", "<ac"]);
    assert_eq!(world.snapshot.paths().count(), 1);
    assert!(!world.snapshot.paths().any(|path| path.id == PathId::of_name("ab")));
    assert_eq!(world.port("internet"), Port::INTERNET);
}
