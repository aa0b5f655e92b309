//! Random traffic through full networks: the evaluator plays both sides, so that what is drawn is known to be worth it.

use std::collections::BTreeMap;

use vpc_model::Port;

use crate::testing::reference::Reference;
use crate::testing::{Scenario, Step};
use crate::time::Millis;

/// How many networks, and how many things happen in each.
const NETWORKS: u64 = 1_000;
const STEPS: usize = 60;

#[derive(Default)]
struct Shown {
    counts: BTreeMap<String, u64>,
}

impl Shown {
    fn add(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }
}

/// Where a packet has gone, in a word.
fn place(port: Port) -> &'static str {
    match port {
        Port::SERVICES => "a service",
        Port::INTERNET => "the internet",
        Port::WORKSTATION => "the workstation",
        _ => "an interface",
    }
}

fn run(seed: u64, shown: &mut Shown) {
    let mut scenario = Scenario::full(seed);
    let mut reference = Reference::default();
    reference.apply(&scenario.topology().deltas());
    let mut now = Millis::from_secs(1_000_000);
    for _ in 0..STEPS {
        match scenario.step() {
            Step::Wait(secs) => now = Millis(now.0 + secs * 1000),
            Step::Change(deltas) => reference.apply(&deltas),
            Step::Packet(from, packet) => match reference.judge_alone(from, &packet, now) {
                Ok(expected) => {
                    shown.add(&format!("from {} to {}", place(from), place(expected.arrival.to)));
                    if reference.bindings.iter().any(|binding| binding.last_seen == now) {
                        shown.add("translated");
                    }
                    scenario.arrived(&packet, &expected.arrival);
                }
                Err(reason) => shown.add(reason),
            },
        }
    }
}

#[test]
fn full_networks_show_every_reason_and_every_way() {
    let mut shown = Shown::default();
    for seed in 0..NETWORKS {
        run(seed, &mut shown);
    }
    println!("{:#?}", shown.counts);
    for expected in [
        "translated",
        "from an interface to an interface",
        "from an interface to a service",
        "from an interface to the internet",
        "from an interface to the workstation",
        "from the internet to an interface",
        "from the workstation to an interface",
        "from a service to an interface",
        "NoEgressRule",
        "NoIngressRule",
        "NetworkAclDenied",
        "NoRoute",
        "Blackhole",
        "NoSuchAddress",
        "Hairpin",
        "NoPublicAddress",
        "PrivateDestination",
        "PrivateSource",
        "PublicAccessBlocked",
        "NoSuchHost",
        "NoSuchPublicAddress",
        "NoInternetGateway",
        "EgressOnly",
        "MiddleboxBypassed",
        "Ipv4ThroughEgressOnly",
        "NatUnsolicited",
        "NatProtocol",
        "NatIdle",
        "NatFragment",
        "NatIpv6",
        "ManagedInterface",
        "PeeringTransit",
        "NotAttached",
        "ZoneNotAttached",
        "NoAssociation",
        "NoTransitRoute",
        "TransitBlackhole",
        "TunnelDown",
        "Ipv6NotAttached",
        "RoutingLoop",
        "EndpointProtocol",
        "NoAppliance",
    ] {
        let count = shown.counts.get(expected).copied().unwrap_or_default();
        assert!(count >= 5, "too few of {expected}: {count}");
    }
}
