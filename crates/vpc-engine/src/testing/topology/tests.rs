//! What a random network has to be for judgements of it to mean anything.

use std::collections::HashSet;

use super::Topology;
use crate::testing::random::Random;

#[test]
fn full_networks_are_well_formed() {
    for seed in 0..1_000 {
        let topology = Topology::random(&mut Random::new(seed));
        let (mut ports, mut addresses, mut publics) = (HashSet::new(), HashSet::new(), HashSet::new());
        for interface in &topology.interfaces {
            assert!(ports.insert(interface.port), "seed {seed}: {interface:?}");
            for address in interface.addresses() {
                assert!(addresses.insert((interface.vpc, address)), "seed {seed}: {interface:?}");
            }
            for pair in &interface.public_ipv4 {
                assert!(publics.insert(pair.public), "seed {seed}: {interface:?}");
                assert!(interface.addresses().any(|own| own == std::net::IpAddr::V4(pair.private)));
            }
            let subnet = topology.subnets.iter().find(|subnet| subnet.id == interface.subnet);
            assert!(subnet.is_some_and(|subnet| subnet.cidr.contains(&interface.ipv4)), "seed {seed}");
        }
        for gateway in &topology.nat_gateways {
            let interface = topology.interfaces.iter().find(|one| one.id == gateway.interface);
            let interface = interface.expect("a gateway has an interface");
            assert_eq!(interface.subnet, gateway.subnet, "seed {seed}");
            assert!(
                gateway.addresses.iter().all(|own| interface.addresses().any(|one| one == *own)),
                "seed {seed}: {gateway:?}"
            );
        }
        let deltas = topology.deltas();
        let ids: HashSet<_> = deltas
            .iter()
            .map(|delta| match delta {
                vpc_model::Delta::Put(object) => object.id(),
                vpc_model::Delta::Remove(id) => *id,
            })
            .collect();
        assert_eq!(ids.len(), deltas.len(), "seed {seed}: two objects have one id");
    }
}
