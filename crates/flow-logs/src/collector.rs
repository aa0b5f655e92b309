//! What is counted between two looks: the part that stands where packets are decided.
//!
//! Owns which ports are logged and the sums of their flows. Cheap for a port that is not: one look into an empty or small
//! table. Refuses to know logs and windows.

use aws_types::NetworkInterfaceId;
use rustc_hash::{FxHashMap, FxHashSet};
use vpc_model::Port;

use crate::flow::{Counts, Flow};

/// Flows that are told apart between two looks; of further ones it is only known that there were some.
pub const COLLECTED_FLOWS_MAX: usize = 1 << 16;

/// The ports that have a flow log, and the flows at them.
#[derive(Debug, Default)]
pub struct Collector {
    interfaces: FxHashMap<Port, NetworkInterfaceId>,
    collected: Collected,
}

/// What was counted since the last look.
#[derive(Debug, Default)]
pub struct Collected {
    /// By flow.
    pub flows: FxHashMap<Flow, Counts>,
    /// The interfaces that had flows beside those, for which there was no room.
    pub missed: FxHashSet<NetworkInterfaceId>,
}

impl Collector {
    /// Says whose flows are counted from now on.
    pub fn set_interfaces(&mut self, interfaces: FxHashMap<Port, NetworkInterfaceId>) {
        self.interfaces = interfaces;
    }

    /// Whether there is nothing to count.
    pub fn is_empty(&self) -> bool {
        self.interfaces.is_empty()
    }

    /// The interface at a port, if its flows are counted.
    pub fn interface(&self, port: Port) -> Option<NetworkInterfaceId> {
        if self.interfaces.is_empty() { None } else { self.interfaces.get(&port).copied() }
    }

    /// Counts nothing at a port any more, which may become another interface's. What was counted stays.
    pub fn forget_port(&mut self, port: Port) {
        self.interfaces.remove(&port);
    }

    /// Counts packets of a flow.
    pub fn count(&mut self, flow: Flow, counts: Counts) {
        self.collected.count(flow.with_ports_of_protocol(), counts);
    }

    /// What was counted since the last call.
    pub fn take(&mut self) -> Collected {
        std::mem::take(&mut self.collected)
    }
}

impl Collected {
    fn count(&mut self, flow: Flow, counts: Counts) {
        if let Some(known) = self.flows.get_mut(&flow) {
            known.add(&counts);
        } else if self.flows.len() < COLLECTED_FLOWS_MAX {
            self.flows.insert(flow, counts);
        } else {
            self.missed.insert(flow.interface);
        }
    }

    /// Adds what another collector has counted.
    pub fn merge(&mut self, other: Self) {
        other.flows.into_iter().for_each(|(flow, counts)| self.count(flow, counts));
        self.missed.extend(other.missed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use aws_types::ResourceId as _;
    use vpc_model::{Direction, Protocol};

    use super::*;
    use crate::flow::Action;

    fn flow(source_port: u16, destination: u32) -> Flow {
        Flow {
            interface: NetworkInterfaceId::from_bits(1),
            direction: Direction::Egress,
            source: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 4)),
            destination: IpAddr::V4(Ipv4Addr::from_bits(destination)),
            protocol: Protocol::TCP,
            source_port,
            destination_port: 80,
            action: Action::Accept,
        }
    }

    #[test]
    fn there_is_a_limit_and_what_is_above_it_is_told() {
        let mut collector = Collector::default();
        for number in 0..COLLECTED_FLOWS_MAX as u32 {
            collector.count(flow(number as u16, number >> 16), Counts::at(0, 1, 40, 0));
        }
        collector.count(flow(1, 0), Counts::at(7, 1, 40, 0));
        let one = FxHashSet::from_iter([NetworkInterfaceId::from_bits(1)]);
        assert!(collector.collected.missed.is_empty(), "a known flow needs no room");
        collector.count(flow(1, 1), Counts::at(0, 1, 40, 0));
        let collected = collector.take();
        assert_eq!((collected.flows.len(), collected.missed), (COLLECTED_FLOWS_MAX, one));
        assert_eq!(collected.flows[&flow(1, 0)].packets, 2);
        assert!(collector.take().flows.is_empty());
    }

    #[test]
    fn echoes_are_one_flow_whatever_their_identifiers() {
        let mut collector = Collector::default();
        for id in 0..3 {
            collector.count(Flow { protocol: Protocol::ICMP, ..flow(id, 0) }, Counts::at(0, 1, 84, 0));
        }
        let collected = collector.take();
        assert_eq!(collected.flows.len(), 1);
        assert!(
            collected.flows.iter().all(|(flow, counts)| flow.destination_port == 0 && counts.packets == 3)
        );
    }
}
