//! NAT gateways: addresses and ports of their own for connections that are opened from inside.
//!
//! Owns what a gateway translates (facts 41 to 50), and which address and port it takes. Refuses to know the way to the
//! gateway and from it.
//!
//! A connection is two entries of the table at the port of the gateway's interface, which know each other: the near one as
//! the client sees it, the far one as the server does.
//!
//! ```text
//!   client 10.0.1.5:4000  -->  server 203.0.113.9:443      near: local 203.0.113.9:443, remote 10.0.1.5:4000
//!   gateway 10.0.0.7:1100 -->  server 203.0.113.9:443      far:  local 10.0.0.7:1100,   remote 203.0.113.9:443
//! ```

use std::net::IpAddr;

use aws_types::NatGatewayId;
use vpc_model::{NatGateway, Port, PortRange, Protocol};

use super::gates;
use super::journey::{Journey, Place};
use super::ports::{self, FIRST_PORT, PORTS};
use super::tracking::{flags, seen};
use super::witness::{Event, Witness, beside};
use crate::flows::{
    Account, EntryId, Flows, NAT_CONNECTIONS_PER_DESTINATION, NatFlow, Opening, PackedKey, Progress, Seen,
    Table, Timeouts, Tuple, TupleKind, Way, bits,
};
use crate::packet::{Endpoint, Packet};
use crate::reach::Field;
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, PluggedInterface};
use crate::time::Millis;

/// The ports that a gateway takes (fact 42).
const OWN_PORTS: PortRange = match PortRange::new(FIRST_PORT, u16::MAX) {
    Ok(ports) => ports,
    Err(_) => PortRange::ALL,
};

/// What a NAT gateway has done to a packet.
#[derive(Clone, Copy)]
pub(crate) enum Translation {
    /// It belongs to the connection with that far half, and goes to the far side or comes from it.
    Known { far: u32, is_outward: bool },
    /// It opens one.
    New { near: PackedKey, far: PackedKey },
    /// It is an ICMP error about a connection.
    Related,
}

impl Translation {
    /// Takes a packet that has passed all gates into account; none where the connection ended with it or is none.
    pub(crate) fn commit(self, flows: &mut Flows, packet: &Packet, now: Millis) -> Option<NatFlow> {
        let seen = seen(packet, true, now);
        let flow = |far: EntryId, is_outward| NatFlow { far, is_outward };
        match self {
            Self::Known { far, is_outward } => {
                let id = flows.table.id(far);
                flows.advance_nat(far, is_outward, seen).then(|| flow(id, is_outward))
            }
            Self::New { near, far } => {
                let opening = |key, account, opened_by_local| Opening {
                    key,
                    account,
                    opened_by_local,
                    progress: Progress::begin(Protocol(far.protocol), flags(packet)),
                    timeouts: Timeouts::NAT,
                };
                let near = flows
                    .table
                    .place(opening(near, Account::Free, false), Seen { sent_by_local: false, ..seen });
                let far = flows.table.place(opening(far, Account::Nat, true), seen);
                flows.table.pair(near, far);
                flows.table.announce(near);
                flows.table.announce(far);
                Some(flow(flows.table.id(far), true))
            }
            Self::Related => None,
        }
    }

    /// The half that the far side sees of a connection that it opens.
    pub(crate) fn opened(&self) -> Option<&PackedKey> {
        match self {
            Self::New { far, .. } => Some(far),
            Self::Known { .. } | Self::Related => None,
        }
    }

    /// How many entries it needs.
    pub(crate) fn entries(&self) -> usize {
        match self {
            Self::New { .. } => 2,
            Self::Known { .. } | Self::Related => 0,
        }
    }
}

/// Whether a gateway still has the address that the far half of a connection is at. One that it no longer has takes its
/// connections with it.
fn has_address(gateway: &NatGateway, table: &Table, far: u32) -> bool {
    let local = table.key(far).local;
    gateway.addresses.iter().any(|held| bits((*held).into()) == local)
}

/// Whether an entry is the near half of a connection: the gateway itself opens the far one.
fn is_near(table: &Table, slot: u32) -> bool {
    !table.opened_by_local(slot)
}

impl<'n, W: Witness<'n>> Journey<'n, '_, W> {
    /// From a subnet into a NAT gateway, and out of it into the gateway's own subnet.
    pub(super) fn enter_nat_gateway(
        &mut self,
        gateway: &'n NatGateway,
        from: u32,
    ) -> Result<Place<'n>, DropReason> {
        let plugged = self.network.target(gateway.interface);
        let plugged = plugged.ok_or(DropReason::Missing { object: gateway.interface.into() })?;
        gates::open_account(plugged)?;
        let subnet = self.subnet_of(plugged)?;
        if plugged.subnet != from {
            self.enter_subnet(subnet)?;
        }
        self.come_into(subnet);
        let translation = self.translate_out(gateway, plugged.port)?;
        self.note(Event::Through { object: gateway.id.into() });
        self.leave_nat_gateway(translation, plugged, subnet)
    }

    /// From the far side to a NAT gateway's own address, and out of it into its own subnet.
    pub(super) fn back_through_nat_gateway(
        &mut self,
        plugged: &'n PluggedInterface,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        let gateway = self.network.gateways.nat_of(plugged.interface.id);
        let gateway = gateway.ok_or(DropReason::ManagedInterface { interface: plugged.interface.id })?;
        self.check_fragment(gateway.id)?;
        // An address that the gateway no longer has takes its connections with it.
        if !gateway.addresses.iter().any(|held| IpAddr::V4(*held) == self.trip.packet.destination) {
            return Err(DropReason::NatUnsolicited { gateway: gateway.id });
        }
        let translation = self.translate_back(gateway.id, plugged.port)?;
        self.leave_nat_gateway(translation, plugged, subnet)
    }

    /// Out of a NAT gateway, which has translated the packet, to the router of its own subnet.
    fn leave_nat_gateway(
        &mut self,
        translation: Translation,
        plugged: &'n PluggedInterface,
        subnet: &'n CompiledSubnet,
    ) -> Result<Place<'n>, DropReason> {
        let free = self.trip.translations.iter_mut().find(|held| held.is_none());
        *free.ok_or(DropReason::RoutingLoop { address: self.trip.packet.destination })? = Some(translation);
        self.trip.passed_gateway = true;
        self.enters_domain(subnet);
        self.trip.shows_groups = false;
        self.trip.is_tracked = true;
        self.exit = Some(plugged);
        Ok(Place::Router(subnet, plugged.subnet))
    }

    fn translate_out(&mut self, gateway: &NatGateway, port: Port) -> Result<Translation, DropReason> {
        let id = gateway.id;
        let (packet, tuple) = (self.trip.packet, self.trip.tuple);
        if packet.source.is_ipv6() {
            return Err(DropReason::NatIpv6 { gateway: id });
        }
        if !matches!(tuple.protocol, Protocol::TCP | Protocol::UDP | Protocol::ICMP) {
            return Err(DropReason::NatProtocol { gateway: id });
        }
        self.check_fragment(id)?;
        if let TupleKind::Message { .. } = tuple.kind {
            return self.translate_error_out(gateway, port);
        }
        let near = PackedKey::new(port, Way::In, &tuple);
        let table = &self.flows.table;
        let known = table.find(&near, self.now).filter(|&slot| is_near(table, slot));
        let far = known.and_then(|near| table.translated(near));
        let far = far.filter(|&far| has_address(gateway, table, far));
        if let (Some(near), Some(far)) = (known, far) {
            let key = table.key(far);
            let is_anew = table.restarts(near, flags(&packet));
            // A connection that follows one with the same ends has its address and port.
            let translation = match is_anew {
                true => {
                    self.note_port(gateway, &key);
                    Translation::New { near: table.key(near), far: key }
                }
                false => {
                    self.trip.opener_ports = None;
                    Translation::Known { far, is_outward: true }
                }
            };
            self.set_source(key.local_endpoint());
            return Ok(translation);
        }
        match tuple.kind {
            TupleKind::Query { is_reply: true, .. } => {
                return Err(DropReason::NatIdle { gateway: id });
            }
            _ if tuple.protocol == Protocol::TCP && !flags(&packet).opens() => {
                return Err(DropReason::NatIdle { gateway: id });
            }
            _ => {}
        }
        let far = self
            .choose(gateway, port, &near)
            .ok_or(DropReason::NatPortAllocation { gateway: id, address: packet.destination })?;
        self.note_port(gateway, &far);
        self.set_source(far.local_endpoint());
        Ok(Translation::New { near, far })
    }

    /// Notes for which other ports of the client a new connection would be translated in the same way: for those that it
    /// keeps, at a gateway that has no choice of addresses.
    fn note_port(&mut self, gateway: &NatGateway, far: &PackedKey) {
        let near_port = self.trip.packet.source_port();
        let keeps_port = near_port == far.local_port;
        if W::LOOKS {
            if gateway.addresses.len() > 1 {
                self.witness.chosen_by_header();
            }
            if keeps_port {
                self.witness.same_for(Field::SourcePort, OWN_PORTS.into());
            } else {
                // The port that it takes instead comes of a hash.
                self.witness.same_for(Field::SourcePort, beside(near_port.into(), OWN_PORTS.into()));
                self.witness.chosen_by_header();
            }
            self.witness.translated(keeps_port);
        }
        let is_first = self.trip.translations.iter().all(Option::is_none);
        if keeps_port && is_first && gateway.addresses.len() == 1 {
            self.trip.narrow_opener_ports(OWN_PORTS);
        } else {
            self.trip.opener_ports = None;
        }
    }

    /// An address and port for a new connection: the client's own port where it is free. None when every address has as
    /// many connections to the destination as it may.
    fn choose(&self, gateway: &NatGateway, port: Port, near: &PackedKey) -> Option<PackedKey> {
        let table = &self.flows.table;
        let hash = table.hash_of(near);
        let far_at = |local: IpAddr, local_port: u16| {
            let tuple = &self.trip.tuple;
            let mut far = PackedKey::new(port, Way::Out, tuple);
            (far.local, far.local_port) = (bits(local), local_port);
            far
        };
        let count = gateway.addresses.len();
        let first = hash as usize % count.max(1);
        let addresses = (0..count).map(|step| IpAddr::V4(gateway.addresses[(first + step) % count]));
        let wanted = near.remote_endpoint().port;
        addresses.into_iter().find_map(|local| {
            if table.nat_connections(&far_at(local, 0)) >= NAT_CONNECTIONS_PER_DESTINATION {
                return None;
            }
            let ports = ports::to_try(wanted, hash, PORTS).filter(|&port| port >= FIRST_PORT);
            ports.map(|port| far_at(local, port)).find(|far| table.find(far, self.now).is_none())
        })
    }

    /// A client's error about a packet that came to it through the gateway.
    fn translate_error_out(&mut self, gateway: &NatGateway, port: Port) -> Result<Translation, DropReason> {
        let unknown = DropReason::NatIdle { gateway: gateway.id };
        let about = self.trip.packet.about().ok_or(DropReason::NatProtocol { gateway: gateway.id })?;
        // The gateway had sent it to the client.
        let near = PackedKey::new(port, Way::Out, &Tuple::of_inner(about));
        let table = &self.flows.table;
        let slot = table.find(&near, self.now).filter(|&slot| is_near(table, slot)).ok_or(unknown)?;
        let far = table.translated(slot).filter(|&far| has_address(gateway, table, far)).ok_or(unknown)?;
        let own = self.flows.table.key(far).local_endpoint();
        if let Some(about) = self.trip.packet.about_mut() {
            about.set_destination(own);
        }
        self.set_source(Endpoint { address: own.address, port: 0 });
        Ok(Translation::Related)
    }

    fn translate_back(&mut self, id: NatGatewayId, port: Port) -> Result<Translation, DropReason> {
        let unknown = DropReason::NatUnsolicited { gateway: id };
        let table = &self.flows.table;
        let (packet, tuple) = (self.trip.packet, self.trip.tuple);
        if let TupleKind::Message { .. } = tuple.kind {
            let about = packet.about().ok_or(unknown)?;
            // The gateway had sent it to the far side.
            let far = PackedKey::new(port, Way::Out, &Tuple::of_inner(about));
            let slot = table.find(&far, self.now).filter(|&slot| !is_near(table, slot)).ok_or(unknown)?;
            let client = table.key(table.translated(slot).ok_or(unknown)?).remote_endpoint();
            if let Some(about) = self.trip.packet.about_mut() {
                about.set_source(client);
            }
            self.set_destination(Endpoint { address: client.address, port: 0 });
            return Ok(Translation::Related);
        }
        let far = PackedKey::new(port, Way::In, &tuple);
        let far = table.find(&far, self.now).filter(|&slot| !is_near(table, slot)).ok_or(unknown)?;
        let near = table.translated(far).ok_or(unknown)?;
        self.set_destination(table.key(near).remote_endpoint());
        self.witness.restored();
        Ok(Translation::Known { far, is_outward: false })
    }

    /// Fact 45.
    fn check_fragment(&self, gateway: NatGatewayId) -> Result<(), DropReason> {
        let packet = &self.trip.packet;
        if packet.fragment.is_some() && packet.protocol != Protocol::UDP {
            return Err(DropReason::NatFragment { gateway });
        }
        Ok(())
    }
}
