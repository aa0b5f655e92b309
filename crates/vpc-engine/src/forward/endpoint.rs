//! Services of AWS that have public addresses: by a gateway endpoint or over the internet.
//!
//! Owns how such a service sees who asks (facts 59, 60), and the way of its answers. Refuses to know what it answers and
//! what policies say.
//!
//! As with the services of the link, a connection is two entries of the table that know each other: one with the addresses
//! that the asker uses, and one at the service port, where each asker has an address of its own. Through an endpoint the
//! first is at the asking interface, and is the one that its rules track. Over the internet it is at the port of the
//! internet, where public addresses belong to one only: to a NAT gateway, say.

use std::net::IpAddr;

use aws_types::VpcEndpointId;
use vpc_model::{ManagedService, Port, Protocol, RouteTarget, VpcEndpoint};

use super::journey::{Journey, Trip};
use super::plan::{self, Origin};
use super::service::ports_to_try;
use super::tracking::{self, End, flags};
use crate::flows::{
    Account, FlowId, FlowKey, Flows, NatFlow, Opening, PackedKey, Progress, Seen, Timeouts, Tuple, TupleKind,
    Way,
};
use crate::packet::{Endpoint, Packet, TcpFlags};
use crate::reason::DropReason;
use crate::services::{self, LINK_ROUTER_MAC, SERVICES_MAC};
use crate::snapshot::{Network, PluggedInterface, Snapshot};
use crate::time::Millis;
use crate::verdict::{CacheEntry, CachePlan, Delivery, Legs, Rewrite};

/// Who is at the other end of a connection with a service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePeer {
    /// The service that was asked.
    pub service: ManagedService,
    /// The address and port that the packets come from: private through an endpoint, public over the internet.
    pub source: Endpoint,
    /// The address and port that was asked for.
    pub destination: Endpoint,
    /// The asking interface, or the port of the internet.
    pub port: Port,
    /// The endpoint that leads to the service from there, if the connection came through one.
    pub endpoint: Option<VpcEndpointId>,
}

impl Flows {
    /// Who is behind the address and port that a service sees on a connection; none where nobody is, or not any more.
    pub fn service_peer(
        &self,
        snapshot: &Snapshot,
        listener: Endpoint,
        peer: Endpoint,
        now: Millis,
    ) -> Option<ServicePeer> {
        let service = services::managed_service_at(listener.address)?;
        let far = FlowKey { port: Port::SERVICES, protocol: Protocol::TCP, local: listener, remote: peer };
        let far = self.table.find(&far.into(), now)?;
        let near = FlowKey::from(self.table.key(self.table.translated(far)?));
        let network = snapshot.network();
        let asker = network.at(near.port);
        let endpoint = asker.and_then(|asker| endpoint_for(network, asker, near.remote.address));
        let endpoint = endpoint.map(|endpoint| endpoint.id);
        let port = services::port_of_link_address(peer.address)?;
        Some(ServicePeer { service, source: near.local, destination: near.remote, port, endpoint })
    }
}

/// A packet that has landed at a service.
pub(super) struct Asked<'a, 'n> {
    pub(super) service: ManagedService,
    /// The endpoint that it came through, or none over the internet.
    pub(super) endpoint: Option<&'n VpcEndpoint>,
    pub(super) origin: Origin<'n>,
    pub(super) sent: Option<End<'a>>,
    /// As it came.
    pub(super) came: &'a Packet,
    pub(super) tuple: &'a Tuple,
    pub(super) trip: &'a Trip<'n>,
}

/// Delivers a packet that has landed at a service.
pub(super) fn deliver(
    network: &Network,
    flows: &mut Flows,
    asked: &Asked<'_, '_>,
    now: Millis,
) -> Result<Delivery, DropReason> {
    let Asked { service, endpoint, origin, sent, came, tuple, trip } = *asked;
    let asker = match endpoint {
        Some(_) => origin.port(),
        None => Port::INTERNET,
    };
    if let Some(error) = error_for_service(flows, asker, &trip.packet, now) {
        let rewrite = Rewrite::between(came, &error, LINK_ROUTER_MAC, SERVICES_MAC);
        return Ok(Delivery {
            to: Port::SERVICES,
            rewrite,
            flow: None,
            mtu_bytes: trip.mtu_bytes,
            legs: Legs::default(),
            cache: None,
        });
    }
    let is_taken = match trip.tuple.kind {
        TupleKind::Ports { .. } => trip.tuple.protocol == Protocol::TCP,
        TupleKind::Query { kind, is_reply, .. } => !is_reply && matches!(kind, 8 | 128),
        TupleKind::Message { .. } => false,
    };
    if !is_taken {
        let address = trip.packet.destination;
        let refused = DropReason::ServiceProtocol { address };
        return Err(endpoint.map_or(refused, |held| DropReason::EndpointProtocol { endpoint: held.id }));
    }
    let near = PackedKey::new(asker, Way::Out, &trip.tuple);
    let known = flows.table.find(&near, now).filter(|&slot| !flows.table.restarts(slot, flags(came)));
    let pair = known.and_then(|near| Some((near, flows.table.translated(near)?)));
    // The far half that is there or will be: a connection that follows one with the same ends has its.
    let far = match flows.table.find(&near, now).and_then(|near| flows.table.translated(near)) {
        Some(far) => flows.table.key(far),
        None => {
            let seen_as = match endpoint {
                Some(_) => asker,
                None => public_port(network, trip.packet.source).unwrap_or(origin.port()),
            };
            free_far(flows, service, seen_as, &trip.packet, now).ok_or(DropReason::FlowTableFull)?
        }
    };
    let translated: usize = trip.translations.iter().flatten().map(super::nat::Translation::entries).sum();
    let [sender, _] = tracking::track(flows, [sent, None], translated + 2, now)?;
    let mut nat = trip.translations.map(|held| held.and_then(|held| held.commit(flows, came, now)));
    let seen = tracking::seen(came, true, now);
    let is_tracked = |flows: &Flows| sender.map(|id| id.slot) == flows.table.find(&near, now);
    let flow = match pair {
        // Through an endpoint the near half has been taken into account as the interface's own.
        Some((near, far)) => {
            let goes_on = (is_tracked(flows) || flows.table.advance(near, seen))
                && flows.table.slot(flows.table.id(far)).is_some()
                && flows.table.advance(far, Seen { sent_by_local: false, ..seen });
            goes_on.then(|| (flows.table.id(near), flows.table.id(far)))
        }
        // A reset begins nothing.
        None if flags(came).contains(TcpFlags::RST) => None,
        None => {
            let opening = |key, opened_by_local| Opening {
                key,
                account: Account::Free,
                opened_by_local,
                progress: Progress::begin(Protocol(far.protocol), flags(came)),
                timeouts: Timeouts::from(vpc_model::IdleTimeouts::DEFAULT),
            };
            let near = match flows.table.find(&near, now) {
                Some(tracked) if is_tracked(flows) => tracked,
                _ => flows.table.open(opening(near, true), seen),
            };
            let far = flows.table.place(opening(far, false), Seen { sent_by_local: false, ..seen });
            flows.table.pair(near, far);
            flows.table.announce(near);
            flows.table.announce(far);
            Some((flows.table.id(near), flows.table.id(far)))
        }
    };
    let flow = flow.map(|(near, far)| {
        if sender == Some(near) {
            return FlowId { sender, receiver: Some(far), nat };
        }
        // The halves of the translation are kept alive as those of a NAT gateway are.
        if let Some(free) = nat.iter_mut().find(|held| held.is_none()) {
            *free = Some(NatFlow { far: near, is_outward: true });
        }
        FlowId { sender, receiver: None, nat }
    });
    let mut goes = trip.packet;
    goes.set_source(far.remote_endpoint());
    goes.set_destination(far.local_endpoint());
    let rewrite = Rewrite::between(came, &goes, LINK_ROUTER_MAC, SERVICES_MAC);
    let near = flows
        .table
        .find(&near, now)
        .filter(|_| flow.is_some() && !trip.spans_domains && tracking::lasts([sent, None], came, tuple));
    let cache =
        near.and_then(|near| plan(network, flows, origin, (came, tuple), trip, (&goes, rewrite, near), now));
    let legs = Legs::default();
    Ok(Delivery { to: Port::SERVICES, rewrite, flow, mtu_bytes: trip.mtu_bytes, legs, cache })
}

/// An ICMP error about a packet that a service sent on a known connection, as the service gets it.
fn error_for_service(flows: &Flows, asker: Port, packet: &Packet, now: Millis) -> Option<Packet> {
    let about = packet.about()?;
    // The asker had received it.
    let near = flows.table.find(&PackedKey::new(asker, Way::In, &Tuple::of_inner(about)), now)?;
    let far = flows.table.key(flows.table.translated(near)?);
    let (own, peer) = (far.local_endpoint(), far.remote_endpoint());
    let mut error = *packet;
    error.set_source(Endpoint { address: peer.address, port: 0 });
    error.set_destination(Endpoint { address: own.address, port: 0 });
    let about = error.about_mut()?;
    about.set_source(own);
    about.set_destination(peer);
    Some(error)
}

/// The port of whoever has a public address.
fn public_port(network: &Network, public: IpAddr) -> Option<Port> {
    match public {
        IpAddr::V4(address) => network.public_ipv4(address).map(|(plugged, _)| plugged.port),
        IpAddr::V6(address) => {
            let number = network.number_of_vpc(network.vpc_of_ipv6(address)?)?;
            network.owner(number, public).map(|plugged| plugged.port)
        }
    }
}

/// A far half for a new connection, which no other connection has.
fn free_far(
    flows: &Flows,
    service: ManagedService,
    asker: Port,
    packet: &Packet,
    now: Millis,
) -> Option<PackedKey> {
    let source = services::link_address(asker, packet.source);
    let far = |port| {
        let mut seen = *packet;
        seen.set_destination(Endpoint {
            address: services::managed_listener(service, packet.destination),
            port: packet.destination_port(),
        });
        seen.set_source(Endpoint { address: source, port });
        PackedKey::new(Port::SERVICES, Way::In, &Tuple::of(&seen))
    };
    ports_to_try(packet.source_port()).map(far).find(|key| flows.table.find(key, now).is_none())
}

/// A packet that a service sends on the connection with that far half, as the asker sees it, and its way there.
fn way_back<'n>(network: &'n Network, flows: &Flows, packet: &Packet, near: u32, now: Millis) -> Trip<'n> {
    let key = flows.table.key(near);
    let near = FlowKey::from(key);
    let mut goes = *packet;
    goes.set_source(key.remote_endpoint());
    goes.set_destination(near.local);
    let journey = Journey::new(network, flows, &goes, Tuple::of(&goes), now);
    let Some(asker) = network.at(near.port) else { return journey.start_on_internet() };
    match network.owner(asker.vpc, near.local.address) {
        Some(receiver) => journey.start_before_interface(receiver),
        None => {
            let (vpc, address) = (asker.interface.vpc, near.local.address);
            journey.end(DropReason::NoSuchAddress { vpc, address })
        }
    }
}

/// The endpoint that routes of an interface lead to for an address.
fn endpoint_for<'n>(
    network: &'n Network,
    asker: &PluggedInterface,
    address: IpAddr,
) -> Option<&'n VpcEndpoint> {
    let routes = network.subnet_of(asker)?.routes.as_deref()?;
    match routes.find(address)?.target {
        RouteTarget::VpcEndpoint(id) => network.gateways.endpoint(id),
        _ => None,
    }
}

/// Delivers the answer of a service, of the connection with that far half.
pub(super) fn answer(
    network: &Network,
    flows: &mut Flows,
    packet: &Packet,
    tuple: &Tuple,
    far: u32,
    now: Millis,
) -> Result<Delivery, DropReason> {
    let near = flows.table.translated(far).ok_or(DropReason::UnsolicitedByService)?;
    let (near_id, far_id) = (flows.table.id(near), flows.table.id(far));
    let trip = way_back(network, flows, packet, near, now);
    let delivery =
        super::deliver(network, flows, Origin::Internet(Port::SERVICES), packet, tuple, trip, now)?;
    let seen = tracking::seen(packet, true, now);
    if let Some(far) = flows.table.slot(far_id) {
        flows.table.advance(far, seen);
    }
    // Through an endpoint it has been taken into account as the interface's own.
    let is_own = delivery.flow.is_some_and(|flow| flow.receiver == Some(near_id));
    if let Some(near) = flows.table.slot(near_id).filter(|_| !is_own) {
        flows.table.advance(near, Seen { sent_by_local: false, ..seen });
    }
    // What the asker sends next has both directions cached.
    Ok(Delivery { cache: None, legs: Legs::default(), ..delivery })
}

/// The entries of both directions of a connection that lasts.
fn plan(
    network: &Network,
    flows: &Flows,
    origin: Origin<'_>,
    (came, tuple): (&Packet, &Tuple),
    trip: &Trip<'_>,
    (goes, rewrite, near): (&Packet, Rewrite, u32),
    now: Millis,
) -> Option<CachePlan> {
    let forward = CacheEntry {
        from: origin.port(),
        key: plan::key(came.source, came.destination, tuple)?,
        source_mac: came.source_mac,
        destination_mac: came.destination_mac,
        to: Port::SERVICES,
        rewrite: Rewrite { segment_payload_max: None, ..rewrite },
        mtu_bytes: trip.mtu_bytes,
        domain: trip.domain,
    };
    let reply = Packet { source_mac: SERVICES_MAC, destination_mac: LINK_ROUTER_MAC, ..plan::reply_to(goes) };
    let back = way_back(network, flows, &reply, near, now);
    let expected = plan::reply_to(came);
    let is_as_expected = back.packet.source == expected.source
        && back.packet.destination == expected.destination
        && back.tuple == tuple.reversed();
    let landed = back.landing.ok().and_then(|landing| plan::landing_macs(&back, landing, &reply, None));
    let landed = landed.filter(|(_, to)| is_as_expected && !back.spans_domains && *to == origin.port());
    let reverse = landed.and_then(|((source_mac, destination_mac), to)| {
        Some(CacheEntry {
            from: Port::SERVICES,
            key: plan::key(reply.source, reply.destination, &Tuple::of(&reply))?,
            source_mac: reply.source_mac,
            destination_mac: reply.destination_mac,
            to,
            rewrite: Rewrite::between(&reply, &back.packet, source_mac, destination_mac),
            mtu_bytes: back.mtu_bytes,
            domain: back.domain,
        })
    });
    Some(CachePlan { forward, reverse, source_ports: None })
}
