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

use super::journey::{Entrance, Journey, Trip};
use super::plan::{self, Origin, Reply};
use super::service::ports_to_try;
use super::tracking::{self, End, flags};
use super::witness::{Nobody, Witness};
use crate::flows::{
    Account, EntryId, FlowId, FlowKey, Flows, NAT_GATEWAYS_PASSED_MAX, NatFlow, Opening, PackedKey, Progress,
    Seen, Timeouts, Tuple, TupleKind, Way,
};
use crate::packet::{Endpoint, Packet};
use crate::reason::DropReason;
use crate::services::{self, LINK_ROUTER_MAC, SERVICES_MAC};
use crate::snapshot::{Network, PluggedInterface, Snapshot};
use crate::time::Millis;
use crate::verdict::{CachePlan, Delivery, Legs, Rewrite};

/// Who is at the other end of a connection with a service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServicePeer {
    /// The service that was asked.
    pub service: ManagedService,
    /// The address and port that the packets come from: private through an endpoint, public over the internet.
    pub source: Endpoint,
    /// The address and port that was asked for.
    pub destination: Endpoint,
    /// The asking interface: a NAT gateway's for what comes through it. The port of the internet for its hosts.
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
        let port = services::port_of_link_address(peer.address)?;
        let endpoint = match near.port {
            Port::INTERNET => None,
            // Whoever came through an endpoint that is gone did not come over the internet for that.
            _ => Some(endpoint_for(network, network.at(port)?, near.remote.address)?.id),
        };
        Some(ServicePeer { service, source: near.local, destination: near.remote, port, endpoint })
    }
}

/// A packet that has landed at a service.
pub(super) struct Asked<'a, 'n> {
    pub(super) service: ManagedService,
    /// The endpoint that it came through, or none over the internet.
    pub(super) entrance: Option<Entrance<'n>>,
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
    let Asked { service, entrance, origin, sent, came, tuple, trip } = *asked;
    let asker = match entrance {
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
            domains: trip.domains(),
            cache: None,
        });
    }
    check_taken(entrance, trip)?;
    let near = PackedKey::new(asker, Way::Out, &trip.tuple);
    let held = flows.table.find(&near, now).and_then(|near| Halves::of(flows, near));
    // The far half that is there or will be: a connection that follows one with the same ends has its.
    let far = match held {
        Some(held) => flows.table.key(held.far.slot),
        None => {
            let seen_as = match entrance {
                Some(entrance) => entrance.sent_by,
                None => public_port(network, trip.packet.source).unwrap_or(origin.port()),
            };
            free_far(flows, service, seen_as, &trip.packet, now).ok_or(DropReason::FlowTableFull)?
        }
    };
    let known = held.filter(|held| !flows.table.restarts(held.near.slot, flags(came)));
    let [sender, _] = tracking::track(flows, [sent, None], trip.entries() + 2, now)?;
    let nat = trip.translations.map(|held| held.and_then(|held| held.commit(flows, came, now)));
    // Through an endpoint the near half is the interface's own entry, and has been taken into account as such.
    let own = sender.filter(|own| flows.table.key(own.slot) == near);
    let halves = match known {
        Some(known) => known.goes_on(flows, own, came, now).then_some(known),
        None if !tracking::begins(came, tuple) => None,
        None => Some(Halves::begin(flows, (near, far), own, came, now)),
    };
    let flow = halves.map(|halves| halves.flow(sender, nat));
    let mut goes = trip.packet;
    goes.set_source(far.remote_endpoint());
    goes.set_destination(far.local_endpoint());
    let rewrite = trip.rewrite(came, &goes, (LINK_ROUTER_MAC, SERVICES_MAC));
    let lasts = !trip.spans_domains && tracking::lasts([sent, None], came, tuple);
    let cache = halves.filter(|_| lasts).and_then(|halves| {
        plan(network, flows, origin, (came, tuple), trip, (&goes, rewrite, halves.near.slot), now)
    });
    let (legs, domains) = (Legs::default(), trip.domains());
    Ok(Delivery { to: Port::SERVICES, rewrite, flow, mtu_bytes: trip.mtu_bytes, legs, domains, cache })
}

/// Refuses what services do not take (fact 59).
fn check_taken(entrance: Option<Entrance<'_>>, trip: &Trip<'_>) -> Result<(), DropReason> {
    let is_taken = match trip.tuple.kind {
        TupleKind::Ports { .. } => trip.tuple.protocol == Protocol::TCP,
        TupleKind::Query { kind, is_reply, .. } => !is_reply && matches!(kind, 8 | 128),
        TupleKind::Message { .. } => false,
    };
    match entrance {
        _ if is_taken => Ok(()),
        Some(entrance) => Err(DropReason::EndpointProtocol { endpoint: entrance.endpoint.id }),
        None => Err(DropReason::ServiceProtocol { address: trip.packet.destination }),
    }
}

/// The two entries of a connection with a service.
#[derive(Clone, Copy)]
struct Halves {
    near: EntryId,
    far: EntryId,
}

impl Halves {
    /// Those of the connection with that near half.
    fn of(flows: &Flows, near: u32) -> Option<Self> {
        let far = flows.table.translated(near)?;
        Some(Self { near: flows.table.id(near), far: flows.table.id(far) })
    }

    /// Begins a connection with these ends. The near half is the interface's own entry where it is told.
    fn begin(
        flows: &mut Flows,
        (near, far): (PackedKey, PackedKey),
        own: Option<EntryId>,
        came: &Packet,
        now: Millis,
    ) -> Self {
        let seen = tracking::seen(came, true, now);
        let opening = |key, opened_by_local| Opening {
            key,
            account: Account::Free,
            opened_by_local,
            progress: Progress::begin(Protocol(far.protocol), flags(came)),
            timeouts: Timeouts::from(vpc_model::IdleTimeouts::DEFAULT),
        };
        let near = match own {
            Some(own) => own.slot,
            None => flows.table.open(opening(near, true), seen),
        };
        let far = flows.table.place(opening(far, false), Seen { sent_by_local: false, ..seen });
        flows.table.pair(near, far);
        flows.table.announce(near);
        flows.table.announce(far);
        Self { near: flows.table.id(near), far: flows.table.id(far) }
    }

    /// Takes a packet to the service into account, at the near half unless it is the interface's own entry; whether the
    /// connection goes on after it.
    fn goes_on(self, flows: &mut Flows, own: Option<EntryId>, came: &Packet, now: Millis) -> bool {
        let seen = tracking::seen(came, true, now);
        let near = flows.table.slot(self.near);
        near.is_some_and(|near| own == Some(self.near) || flows.table.advance(near, seen))
            && flows
                .table
                .slot(self.far)
                .is_some_and(|far| flows.table.advance(far, Seen { sent_by_local: false, ..seen }))
    }

    /// The flow of a packet to the service, which has passed these NAT gateways.
    fn flow(self, sender: Option<EntryId>, mut nat: [Option<NatFlow>; NAT_GATEWAYS_PASSED_MAX]) -> FlowId {
        if sender == Some(self.near) {
            return FlowId { sender, receiver: Some(self.far), nat };
        }
        // The halves of the translation are kept alive as those of a NAT gateway are.
        if let Some(free) = nat.iter_mut().find(|held| held.is_none()) {
            *free = Some(NatFlow { far: self.near, is_outward: true });
        }
        FlowId { sender, receiver: None, nat }
    }
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

/// A packet that a service sends on the connection with that near half, as the asker sees it, and its way there: from the
/// VPC of the endpoint that was asked through, whosever the address is there.
fn way_back<'n>(
    network: &'n Network,
    flows: &Flows,
    packet: &Packet,
    near: u32,
    now: Millis,
    witness: impl Witness<'n>,
) -> Trip<'n> {
    let key = flows.table.key(near);
    let near = FlowKey::from(key);
    let mut goes = *packet;
    goes.set_source(key.remote_endpoint());
    goes.set_destination(near.local);
    let journey = Journey::new(network, flows, &goes, Tuple::of(&goes), now).told_to(witness);
    if near.port == Port::INTERNET {
        return journey.start_on_internet();
    }
    let port = services::port_of_link_address(packet.destination).unwrap_or(near.port);
    let Some(asker) = network.at(port) else { return journey.end(DropReason::UnknownPort { port }) };
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
pub(super) fn answer<'n, W: Witness<'n>>(
    network: &'n Network,
    flows: &mut Flows,
    (packet, tuple): (&Packet, &Tuple),
    far: u32,
    now: Millis,
    witness: &mut W,
) -> Result<Delivery, DropReason> {
    let near = flows.table.translated(far);
    // An interface may forget sooner than the service.
    let near = near.filter(|&near| flows.table.find(&flows.table.key(near), now).is_some());
    let near = near.ok_or(DropReason::UnsolicitedByService)?;
    let (near_id, far_id) = (flows.table.id(near), flows.table.id(far));
    let trip = way_back(network, flows, packet, near, now, &mut *witness);
    let origin = Origin::Internet(Port::SERVICES);
    let delivery = super::deliver(network, flows, origin, packet, tuple, trip, now, witness)?;
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
    let forward = plan::entry((origin.port(), Port::SERVICES), came, tuple, rewrite, trip)?;
    let packet =
        Packet { source_mac: SERVICES_MAC, destination_mac: LINK_ROUTER_MAC, ..plan::reply_to(goes) };
    let back = way_back(network, flows, &packet, near, now, Nobody);
    let reply = Reply {
        packet: &packet,
        tuple: &Tuple::of(&packet),
        from: Port::SERVICES,
        subnet: None,
        trip: &back,
    };
    Some(CachePlan {
        forward,
        reverse: reply.entry(origin, came, tuple),
        source_ports: None,
        translation: None,
    })
}
