//! Packets to and from the services of the link.
//!
//! Owns the translation between an interface's view of a service and the service's view of the interface. Refuses to
//! know what services answer. Neither security groups (fact 29) nor network ACLs apply: AWS filters neither DNS, DHCP,
//! metadata nor time.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>
//!
//! A connection is two entries of the table that know each other, one at the interface's port with the addresses that
//! the interface uses, one at the service port with those that the service uses. What one end sends leaves with the
//! addresses of the other entry.

use std::net::IpAddr;

use vpc_model::{Port, Protocol};

use super::journey::VPC_MTU_BYTES;
use super::tracking::{flags, seen};
use super::witness::Witness;
use super::{ports, source};
use crate::flows::{
    Account, CloseReason, FlowId, FlowKey, Flows, Opening, PackedKey, Progress,
    SERVICE_CONNECTIONS_PER_INTERFACE, Timeouts, Tuple, TupleKind, Way, address, bits,
};
use crate::packet::{Packet, TcpFlags};
use crate::reason::DropReason;
use crate::services::{self, LINK_ROUTER_MAC, LinkService, SERVICES_MAC};
use crate::snapshot::{CompiledSubnet, Network, PluggedInterface};
use crate::time::Millis;
use crate::verdict::{CacheEntry, CacheKey, CachePlan, Delivery, Domains, Legs, Rewrite};

/// How many source ports are tried for a connection whose own one is taken by another of the same interface.
const OTHER_PORTS_TRIED: u32 = 63;

/// The ports that a connection to a service may have there: its own one first, then others.
pub(super) fn ports_to_try(own: u16) -> impl Iterator<Item = u16> {
    ports::to_try(own, own.into(), OTHER_PORTS_TRIED)
}

/// The service that a destination in a subnet is an address of.
pub(crate) fn asked(subnet: &CompiledSubnet, destination: IpAddr) -> Result<Option<LinkService>, DropReason> {
    let service = if services::is_reserved(destination) {
        LinkService::at(destination).ok_or(DropReason::NoSuchService { address: destination })?
    } else if subnet.resolver.is_some_and(|resolver| IpAddr::V4(resolver) == destination) {
        LinkService::Dns
    } else {
        return Ok(None);
    };
    if service == LinkService::Dns {
        let missing = DropReason::Missing { object: subnet.subnet.vpc.into() };
        let vpc = subnet.vpc.as_ref().ok_or(missing)?;
        if !vpc.dns_support {
            return Err(DropReason::DnsSupportDisabled { vpc: vpc.id });
        }
    }
    Ok(Some(service))
}

/// Source and destination port of TCP and UDP, the only protocols that services take.
fn ports(tuple: &Tuple, service: IpAddr) -> Result<(u16, u16), DropReason> {
    match tuple.kind {
        TupleKind::Ports { source, destination }
            if matches!(tuple.protocol, Protocol::TCP | Protocol::UDP) =>
        {
            Ok((source, destination))
        }
        _ => Err(DropReason::ServiceProtocol { address: service }),
    }
}

/// The two entries of a connection with a service.
#[derive(Clone, Copy)]
struct Pair {
    near: u32,
    far: u32,
}

/// What a request looks like to the service.
fn towards_service(far: &PackedKey) -> Rewrite {
    Rewrite {
        source_mac: LINK_ROUTER_MAC,
        destination_mac: SERVICES_MAC,
        source: Some(far.remote_endpoint()),
        destination: Some(far.local_endpoint()),
        quoted: None,
        segment_payload_max: None,
    }
}

/// What an answer looks like to the interface.
fn towards_interface(near: &PackedKey, plugged: &PluggedInterface, subnet: &CompiledSubnet) -> Rewrite {
    Rewrite {
        source_mac: subnet.router_mac,
        destination_mac: plugged.mac,
        source: Some(near.remote_endpoint()),
        destination: Some(near.local_endpoint()),
        quoted: None,
        segment_payload_max: None,
    }
}

/// The entries for both directions of a connection with a service.
fn entries(
    near: &PackedKey,
    far: &PackedKey,
    plugged: &PluggedInterface,
    subnet: &CompiledSubnet,
) -> [CacheEntry; 2] {
    let key = |key: &PackedKey| CacheKey {
        source: address(key.local),
        destination: address(key.remote),
        protocol: Protocol(key.protocol),
        source_port: key.local_port,
        destination_port: key.remote_port,
    };
    let port = plugged.port;
    let request = CacheEntry {
        from: port,
        key: key(near),
        source_mac: plugged.mac,
        destination_mac: subnet.router_mac,
        to: Port::SERVICES,
        rewrite: towards_service(far),
        mtu_bytes: VPC_MTU_BYTES,
        domain: None,
    };
    let answer = CacheEntry {
        from: Port::SERVICES,
        key: key(far),
        source_mac: SERVICES_MAC,
        destination_mac: LINK_ROUTER_MAC,
        to: port,
        rewrite: towards_interface(near, plugged, subnet),
        mtu_bytes: VPC_MTU_BYTES,
        domain: None,
    };
    [request, answer]
}

/// An interface asks a service.
pub(crate) fn ask(
    network: &Network,
    flows: &mut Flows,
    asker: (&PluggedInterface, &CompiledSubnet),
    service: LinkService,
    packet: &Packet,
    tuple: &Tuple,
    now: Millis,
) -> Result<Delivery, DropReason> {
    let (sender, subnet) = asker;
    let ports = ports(tuple, packet.destination)?;
    if !source::owns(network, sender, packet.source) {
        // Even without the check: the answer could only go to the interface itself.
        return Err(DropReason::SourceCheck { interface: sender.interface.id, address: packet.source });
    }
    let near = PackedKey::new(sender.port, Way::Out, tuple);
    let mut known = flows.table.find(&near, now);
    if let Some(slot) = known.filter(|&slot| flows.table.restarts(slot, flags(packet))) {
        flows.table.close(slot, CloseReason::Replaced);
        known = None;
    }
    let known = known.and_then(|near| Some(Pair { near, far: flows.table.translated(near)? }));
    let pair = match known {
        Some(pair) => pair,
        None => open(flows, sender, service.listener(packet.destination), ports, packet, tuple, now)?,
    };
    let far = flows.table.key(pair.far);
    let rewrite = towards_service(&far);
    let flow = advance(flows, known, (pair.near, pair.far), packet, now).unwrap_or_else(|| {
        Some(FlowId {
            sender: Some(flows.table.id(pair.near)),
            receiver: Some(flows.table.id(pair.far)),
            ..FlowId::default()
        })
    });
    let [request, answer] = entries(&near, &far, sender, subnet);
    // The request may have been addressed to another MAC address than the answer will come from.
    let forward = CacheEntry { destination_mac: packet.destination_mac, ..request };
    let cache =
        flow.map(|_| CachePlan { forward, reverse: Some(answer), source_ports: None, translation: None });
    let (legs, domains) = (Legs::default(), Domains::None);
    Ok(Delivery { to: Port::SERVICES, rewrite, flow, mtu_bytes: VPC_MTU_BYTES, legs, domains, cache })
}

/// Takes a packet of a known connection into account at the sending and the receiving entry. Answers nothing for a new
/// connection, whose entries began with the packet; otherwise the flow, unless the packet ended it.
fn advance(
    flows: &mut Flows,
    known: Option<Pair>,
    (sending, receiving): (u32, u32),
    packet: &Packet,
    now: Millis,
) -> Option<Option<FlowId>> {
    known?;
    let flow = FlowId {
        sender: Some(flows.table.id(sending)),
        receiver: Some(flows.table.id(receiving)),
        ..FlowId::default()
    };
    // The end of one entry is the end of both.
    let goes_on = flows.table.advance(sending, seen(packet, true, now))
        && flows.table.advance(receiving, seen(packet, false, now));
    Some(goes_on.then_some(flow))
}

/// Begins a connection with a service.
fn open(
    flows: &mut Flows,
    sender: &PluggedInterface,
    listener: IpAddr,
    (source_port, destination_port): (u16, u16),
    packet: &Packet,
    tuple: &Tuple,
    now: Millis,
) -> Result<Pair, DropReason> {
    if flags(packet).contains(TcpFlags::RST) {
        return Err(DropReason::UnknownServiceConnection);
    }
    make_room(flows, sender, now)?;
    let port = sender.port;
    let link = bits(services::link_address(port, listener));
    let far = |source_port| PackedKey {
        local: bits(listener),
        remote: link,
        port: Port::SERVICES.number(),
        local_port: destination_port,
        remote_port: source_port,
        protocol: tuple.protocol.0,
    };
    // Requests from two addresses of the interface, or to two addresses of the resolver, may have the same ports.
    let far = ports_to_try(source_port).map(far).find(|key| flows.table.find(key, now).is_none());
    let far = far.ok_or(DropReason::TrackingTableFull { interface: sender.interface.id })?;
    let opening = |key, account, opened_by_local| Opening {
        key,
        account,
        opened_by_local,
        progress: Progress::begin(tuple.protocol, flags(packet)),
        timeouts: Timeouts::from(sender.idle_timeouts),
    };
    let near = PackedKey::new(port, Way::Out, tuple);
    let pair = Pair {
        near: flows.table.place(opening(near, Account::Service, true), seen(packet, true, now)),
        far: flows.table.place(opening(far, Account::Free, false), seen(packet, false, now)),
    };
    flows.table.pair(pair.near, pair.far);
    flows.table.announce(pair.near);
    flows.table.announce(pair.far);
    Ok(pair)
}

fn make_room(flows: &mut Flows, plugged: &PluggedInterface, now: Millis) -> Result<(), DropReason> {
    let is_full =
        |flows: &Flows| flows.table.used(plugged.port, Account::Service) >= SERVICE_CONNECTIONS_PER_INTERFACE;
    let has_no_room = |flows: &Flows| flows.len() + 2 > flows.entries_max;
    if is_full(flows) || has_no_room(flows) {
        flows.expire(now);
    }
    if is_full(flows) {
        return Err(DropReason::TrackingTableFull { interface: plugged.interface.id });
    }
    if has_no_room(flows) { Err(DropReason::FlowTableFull) } else { Ok(()) }
}

/// A service answers an interface.
pub(crate) fn answer<'n, W: Witness<'n>>(
    network: &'n Network,
    flows: &mut Flows,
    packet: &Packet,
    tuple: &Tuple,
    now: Millis,
    witness: &mut W,
) -> Result<Delivery, DropReason> {
    let far = PackedKey::new(Port::SERVICES, Way::Out, tuple);
    let known = flows.table.find(&far, now).filter(|&slot| !flows.table.restarts(slot, flags(packet)));
    if services::managed_service_at(packet.source).is_some() {
        let far = known.ok_or(DropReason::UnsolicitedByService)?;
        return super::endpoint::answer(network, flows, (packet, tuple), far, now, witness);
    }
    ports(tuple, packet.source)?;
    let known = known.and_then(|far| Some(Pair { near: flows.table.translated(far)?, far }));
    let pair = known.ok_or(DropReason::UnsolicitedByService)?;
    let near = flows.table.key(pair.near);
    let to = FlowKey::from(near).port;
    let receiver = network.at(to).ok_or(DropReason::UnknownPort { port: to })?;
    super::gates::open_account(receiver)?;
    let missing = DropReason::Missing { object: receiver.interface.subnet.into() };
    let subnet = network.subnet_of(receiver).ok_or(missing)?;
    let own = address(near.local);
    if !source::owns(network, receiver, own) {
        return Err(DropReason::NoSuchAddress { vpc: receiver.interface.vpc, address: own });
    }
    let rewrite = towards_interface(&near, receiver, subnet);
    let flow = advance(flows, known, (pair.far, pair.near), packet, now).flatten();
    let [request, answer] = entries(&near, &far, receiver, subnet);
    let forward =
        CacheEntry { source_mac: packet.source_mac, destination_mac: packet.destination_mac, ..answer };
    // A request to the resolver may be refused by now.
    let reverse =
        asked(subnet, address(near.remote)).is_ok_and(|service| service.is_some()).then_some(request);
    let cache = flow.map(|_| CachePlan { forward, reverse, source_ports: None, translation: None });
    let (legs, domains) = (Legs::default(), Domains::None);
    Ok(Delivery { to, rewrite, flow, mtu_bytes: VPC_MTU_BYTES, legs, domains, cache })
}
