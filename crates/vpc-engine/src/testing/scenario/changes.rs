//! Changes of a full network: any object may become another, go, or come back. Refuses to know packets.

use aws_types::TransitGatewayAttachmentId;
use vpc_model::{AttachedNetwork, Delta, InterfaceRole, InternetBlock, ObjectId};

use super::Scenario;
use crate::testing::random::Random;
use crate::testing::topology::Topology;

/// One of a list, which is there more often than not.
fn coming_or_going<T: Clone + Into<Delta>>(
    list: &[T],
    id: impl Fn(&T) -> ObjectId,
    random: &mut Random,
) -> Option<Delta> {
    let object = list.get(random.below(list.len().max(1)))?;
    Some(if random.percent(45) { Delta::Remove(id(object)) } else { object.clone().into() })
}

impl Scenario {
    /// What changes in a full network.
    pub(super) fn change_anything(&mut self) -> Vec<Delta> {
        let (topology, random) = (&mut self.topology, &mut self.random);
        loop {
            let delta = match random.below(24) {
                0..=3 => {
                    let index = random.below(topology.security_groups.len());
                    topology.security_groups[index].rules = topology.random_rules(random, index);
                    Some(topology.security_groups[index].clone().into())
                }
                4 | 5 => {
                    let index = random.below(topology.network_acls.len());
                    topology.network_acls[index].entries = topology.random_entries(random);
                    Some(topology.network_acls[index].clone().into())
                }
                6..=8 => {
                    let index = random.below(topology.route_tables.len());
                    topology.route_tables[index].routes = topology.routes_of(index, random);
                    Some(topology.route_tables[index].clone().into())
                }
                9 => Some(change_subnet(topology, random)),
                10..=12 => change_workload(topology, random),
                13 => change_internet_gateway(topology, random),
                14 => coming_or_going(&topology.egress_only_gateways, |object| object.id.into(), random),
                15 | 16 => change_nat_gateway(topology, random),
                17 => coming_or_going(&topology.peerings, |object| object.id.into(), random),
                18 => coming_or_going(&topology.endpoints, |object| object.id.into(), random),
                19 => {
                    let id = |host: &vpc_model::InternetHost| ObjectId::InternetHost(host.id);
                    coming_or_going(&topology.hosts, id, random)
                }
                20 => change_transit_gateway(topology, random),
                21 | 22 => change_attachment(topology, random),
                _ => {
                    let count = topology.transit_tables.len();
                    (count > 0).then(|| {
                        let index = random.below(count);
                        topology.fill_transit_table(index, random);
                        topology.transit_tables[index].clone().into()
                    })
                }
            };
            if let Some(delta) = delta {
                return vec![delta];
            }
        }
    }
}

/// Another route table, another block of public access.
fn change_subnet(topology: &mut Topology, random: &mut Random) -> Delta {
    let index = random.below(topology.subnets.len());
    let vpc = topology.subnets[index].vpc;
    let tables: Vec<_> = topology
        .route_tables
        .iter()
        .filter(|table| table.vpc == vpc && !topology.gateway_tables.contains(&table.id))
        .map(|table| table.id)
        .collect();
    let subnet = &mut topology.subnets[index];
    if random.percent(50) {
        subnet.route_table = random.pick(&tables);
    } else {
        let (off, ingress, all) = (InternetBlock::Off, InternetBlock::Ingress, InternetBlock::Bidirectional);
        subnet.internet_block = random.pick(&[off, off, ingress, all]);
    }
    subnet.clone().into()
}

/// The interface at a port becomes another one, goes, comes back, has other public addresses, or its account is closed or
/// opened again.
fn change_workload(topology: &mut Topology, random: &mut Random) -> Option<Delta> {
    let index = random.below(topology.interfaces.len());
    let closed = match topology.interfaces[index].role {
        InterfaceRole::Workload => InterfaceRole::ClosedAccount,
        InterfaceRole::ClosedAccount => InterfaceRole::Workload,
        _ => return None,
    };
    match random.below(4) {
        0 => return Some(Delta::Remove(ObjectId::Interface(topology.interfaces[index].id))),
        1 => {
            let number = topology.interfaces[index].port.number() as usize;
            topology.interfaces[index] = topology.random_interface(number, random);
            topology.add_public_addresses(index, random);
        }
        2 => topology.interfaces[index].role = closed,
        _ => topology.add_public_addresses(index, random),
    }
    Some(topology.interfaces[index].clone().into())
}

fn change_internet_gateway(topology: &mut Topology, random: &mut Random) -> Option<Delta> {
    let count = topology.internet_gateways.len();
    if count > 0 && random.percent(30) {
        let index = random.below(count);
        let gateway = &mut topology.internet_gateways[index];
        let vpc = gateway.vpc;
        let own = topology
            .route_tables
            .iter()
            .find(|table| table.vpc == vpc && topology.gateway_tables.contains(&table.id));
        gateway.route_table = own.map(|table| table.id).filter(|_| random.percent(50));
        return Some(gateway.clone().into());
    }
    coming_or_going(&topology.internet_gateways, |object| object.id.into(), random)
}

/// A gateway goes, comes back, or loses an address for good.
fn change_nat_gateway(topology: &mut Topology, random: &mut Random) -> Option<Delta> {
    let count = topology.nat_gateways.len();
    if count > 0 && random.percent(30) {
        let index = random.below(count);
        let gateway = &mut topology.nat_gateways[index];
        if gateway.addresses.len() > 1 {
            gateway.addresses.pop();
        }
        return Some(gateway.clone().into());
    }
    coming_or_going(&topology.nat_gateways, |object| object.id.into(), random)
}

fn change_transit_gateway(topology: &mut Topology, random: &mut Random) -> Option<Delta> {
    let peering = |id: TransitGatewayAttachmentId| ObjectId::TransitGatewayPeering(id);
    match random.below(3) {
        0 => coming_or_going(&topology.transit_peerings, |object| peering(object.id), random),
        1 => coming_or_going(&topology.vpn_gateways, |object| object.id.into(), random),
        _ => {
            let count = topology.transit_gateways.len();
            let gateway = topology.transit_gateways.get_mut(random.below(count.max(1)))?;
            gateway.security_group_referencing ^= true;
            Some(gateway.clone().into())
        }
    }
}

fn change_attachment(topology: &mut Topology, random: &mut Random) -> Option<Delta> {
    let count = topology.attachments.len();
    if count == 0 {
        return None;
    }
    let index = random.below(count);
    let gateway = topology.attachments[index].gateway;
    let table = topology.transit_table(gateway, random);
    let attachment = &mut topology.attachments[index];
    match random.below(5) {
        0 => attachment.association = table,
        1 => return Some(Delta::Remove(ObjectId::TransitGatewayAttachment(attachment.id))),
        _ => {
            let AttachedNetwork::Vpc(vpc) = &mut attachment.target else { return None };
            match random.below(3) {
                0 => vpc.ipv6 ^= true,
                1 => vpc.appliance_mode ^= true,
                _ => vpc.security_group_referencing ^= true,
            }
        }
    }
    Some(attachment.clone().into())
}
