//! The way of a packet between two interfaces: next hop, rules, ACLs, checks.
//!
//! Owns each gate as one function that only reads. Refuses to know connections: whoever asks a rule has found none.

use std::net::IpAddr;

use aws_types::{MacAddress, SecurityGroupId};
use vpc_model::{AclAction, Direction, PortRange, Protocol, RouteTarget};

use super::source;
use crate::compile::{Probe, Rules};
use crate::flows::{Tuple, TupleKind};
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, Network, PluggedInterface};

/// A packet on its way from an interface.
pub(crate) struct Crossing<'a> {
    pub(crate) network: &'a Network,
    pub(crate) sender: &'a PluggedInterface,
    pub(crate) subnet: &'a CompiledSubnet,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) tuple: Tuple,
    /// An interface that may well have the destination, which saves a lookup: for a reply, the one that asked.
    pub(crate) likely: Option<&'a PluggedInterface>,
}

/// The interface that a packet goes to next.
#[derive(Clone, Copy)]
pub(crate) struct Hop<'a> {
    pub(crate) receiver: &'a PluggedInterface,
    /// Whether the destination is the receiver's own address. Otherwise it is a middlebox.
    pub(crate) is_direct: bool,
}

impl Probe {
    /// What a rule compares of a packet.
    pub(crate) fn of(tuple: &Tuple) -> Self {
        match tuple.kind {
            TupleKind::Ports { destination, .. } => match tuple.protocol {
                Protocol::TCP => Self::Tcp(destination),
                Protocol::UDP => Self::Udp(destination),
                Protocol(number) => Self::Other(number),
            },
            TupleKind::Query { kind, is_reply, .. } => {
                Self::icmp(tuple.protocol, if is_reply { reply_kind(kind) } else { kind }, 0)
            }
            TupleKind::Message { kind, code } => Self::icmp(tuple.protocol, kind, code),
        }
    }

    fn icmp(protocol: Protocol, kind: u8, code: u8) -> Self {
        let message = u16::from_be_bytes([kind, code]);
        if protocol == Protocol::ICMP { Self::Icmp(message) } else { Self::Icmpv6(message) }
    }
}

/// The ICMP type that answers a query.
pub(crate) fn reply_kind(kind: u8) -> u8 {
    match kind {
        8 => 0,
        kind => kind + 1,
    }
}

impl<'a> Crossing<'a> {
    /// Where the packet goes.
    ///
    /// An address of the subnet decides by itself, whatever the frame is addressed to: so a neighbour whose ARP entry
    /// is older than a moved or reused address is understood, where AWS would have announced the move. Beyond the
    /// subnet the neighbour that the frame is addressed to is the next hop (a middlebox, or a node that routes for
    /// containers); a MAC address that nobody has any more stands for the router.
    pub(crate) fn next_hop(&self, mac: MacAddress) -> Result<Hop<'a>, DropReason> {
        if mac == self.subnet.router_mac || self.subnet.contains(self.destination) {
            return self.route();
        }
        match self.network.neighbour(self.sender.subnet, mac) {
            Some(receiver) => {
                let is_direct = source::owns(self.network, receiver, self.destination);
                self.not_back(Hop { receiver, is_direct })
            }
            None => self.route(),
        }
    }

    /// Where the router sends the packet (facts 1, 6, 9, 10).
    pub(crate) fn route(&self) -> Result<Hop<'a>, DropReason> {
        let address = self.destination;
        if self.subnet.contains(address) {
            if address == IpAddr::V4(self.subnet.router) {
                return Err(DropReason::RouterAddress { address });
            }
            return self.local();
        }
        let table = self.subnet.routes.as_deref();
        let table = table.ok_or(DropReason::Missing { object: self.subnet.subnet.route_table.into() })?;
        let route = table.find(address).ok_or(DropReason::NoRoute { table: table.id, address })?;
        let blackhole = DropReason::Blackhole { table: table.id, destination: route.destination };
        match route.target {
            RouteTarget::Local => self.local(),
            RouteTarget::Blackhole => Err(blackhole),
            RouteTarget::Interface(id) => {
                let receiver = self.network.target(id).filter(|target| target.vpc == self.sender.vpc);
                let receiver = receiver.ok_or(blackhole)?;
                let is_direct = source::owns(self.network, receiver, address);
                self.not_back(Hop { receiver, is_direct })
            }
            _ => Err(blackhole),
        }
    }

    fn local(&self) -> Result<Hop<'a>, DropReason> {
        let address = self.destination;
        let likely =
            self.likely.filter(|likely| likely.vpc == self.sender.vpc && address == IpAddr::V4(likely.ipv4));
        let owner = likely.or_else(|| self.network.owner(self.sender.vpc, address));
        let receiver =
            owner.ok_or_else(|| DropReason::NoSuchAddress { vpc: self.sender.interface.vpc, address })?;
        self.not_back(Hop { receiver, is_direct: true })
    }

    fn not_back(&self, hop: Hop<'a>) -> Result<Hop<'a>, DropReason> {
        if hop.receiver.port == self.sender.port {
            return Err(DropReason::Hairpin { interface: self.sender.interface.id });
        }
        Ok(hop)
    }

    /// Asks the sender's egress rules; answers whether the connection is to be tracked there.
    ///
    /// A group names the receiver only when the packet goes to it directly (fact 19). Where no route leads on, the
    /// owner of the address counts, so that the reason is the route and not a rule that would allow it.
    pub(crate) fn egress_rules(&self, hop: Option<&Hop<'_>>) -> Result<bool, DropReason> {
        let peer = match hop {
            Some(hop) => hop.is_direct.then_some(hop.receiver),
            None => self.network.owner(self.sender.vpc, self.destination),
        };
        let groups: &[SecurityGroupId] = peer.map_or(&[], |peer| self.network.groups_of(peer));
        self.ask(self.sender, Direction::Egress, self.destination, groups)
            .ok_or_else(|| DropReason::NoEgressRule { interface: self.sender.interface.id })
    }

    /// Asks the receiver's ingress rules; answers whether the connection is to be tracked there.
    pub(crate) fn ingress_rules(&self, hop: &Hop<'_>) -> Result<bool, DropReason> {
        let is_own = source::owns(self.network, self.sender, self.source);
        let groups: &[SecurityGroupId] = if is_own { self.network.groups_of(self.sender) } else { &[] };
        self.ask(hop.receiver, Direction::Ingress, self.source, groups)
            .ok_or_else(|| DropReason::NoIngressRule { interface: hop.receiver.interface.id })
    }

    fn ask(
        &self,
        plugged: &PluggedInterface,
        direction: Direction,
        peer: IpAddr,
        peer_groups: &[SecurityGroupId],
    ) -> Option<bool> {
        let policy = self.network.policy_of(plugged)?;
        let (rules, opposite) = (policy.rules(direction), policy.rules(direction.opposite()));
        let admission = rules.admit(Probe::of(&self.tuple), peer, peer_groups)?;
        Some(!self.is_untracked(admission.open, rules, opposite, peer))
    }

    /// Fact 23: TCP and UDP that a rule for any address lets pass, while one in the other direction lets any address
    /// and all ports pass, is not tracked. Either of the two may be the rule for the request, so that the first packet
    /// and its reply are judged alike.
    fn is_untracked(&self, open: bool, rules: &Rules, opposite: &Rules, peer: IpAddr) -> bool {
        let protocol = self.tuple.protocol;
        if !open || !matches!(protocol, Protocol::TCP | Protocol::UDP) {
            return false;
        }
        opposite.is_open_to_all_ports(protocol, peer)
            || (rules.is_open_to_all_ports(protocol, peer)
                && opposite.is_open_to(Probe::of(&self.tuple.reversed()), peer))
    }

    /// Asks the ACL of the sender's subnet, unless the packet stays in the subnet (fact 16).
    pub(crate) fn egress_acl(&self, hop: Option<&Hop<'_>>) -> Result<(), DropReason> {
        let stays = hop.map_or_else(
            || self.subnet.contains(self.destination),
            |hop| hop.receiver.subnet == self.sender.subnet,
        );
        if stays { Ok(()) } else { self.acl(self.subnet, Direction::Egress, self.destination) }
    }

    /// Asks the ACL of the receiver's subnet, unless the packet stays in the subnet; answers the receiver's subnet.
    pub(crate) fn ingress_acl(&self, hop: &Hop<'a>) -> Result<&'a CompiledSubnet, DropReason> {
        if hop.receiver.subnet == self.sender.subnet {
            return Ok(self.subnet);
        }
        let subnet = self
            .network
            .subnet_of(hop.receiver)
            .filter(|subnet| subnet.vpc_number == Some(hop.receiver.vpc))
            .ok_or_else(|| DropReason::Missing { object: hop.receiver.interface.subnet.into() })?;
        self.acl(subnet, Direction::Ingress, self.source)?;
        Ok(subnet)
    }

    fn acl(&self, subnet: &CompiledSubnet, direction: Direction, peer: IpAddr) -> Result<(), DropReason> {
        let acl = subnet.acl.as_deref();
        let acl = acl.ok_or(DropReason::Missing { object: subnet.subnet.network_acl.into() })?;
        match acl.decide(direction, Probe::of(&self.tuple), peer) {
            (AclAction::Allow, _) => Ok(()),
            (AclAction::Deny, rule) => Err(DropReason::NetworkAclDenied { acl: acl.id, direction, rule }),
        }
    }

    /// The TCP destination ports around the packet's own for which both ACLs on its way decide as they do for it.
    pub(crate) fn acl_ports_around(
        &self,
        hop: &Hop<'_>,
        receiver_subnet: &CompiledSubnet,
        port: u16,
    ) -> PortRange {
        if hop.receiver.subnet == self.sender.subnet {
            return PortRange::ALL;
        }
        let around = |subnet: &CompiledSubnet, direction| {
            let acl = subnet.acl.as_deref();
            acl.map_or(PortRange::one(port), |acl| acl.tcp_ports_around(direction, port))
        };
        let egress = around(self.subnet, Direction::Egress);
        let ingress = around(receiver_subnet, Direction::Ingress);
        // Both hold the port, so they overlap.
        PortRange::new(egress.from().max(ingress.from()), egress.to().min(ingress.to()))
            .unwrap_or(PortRange::one(port))
    }

    /// The destination check (fact 31).
    pub(crate) fn destination_check(&self, hop: &Hop<'_>) -> Result<(), DropReason> {
        if hop.receiver.source_dest_check && !hop.is_direct {
            let interface = &hop.receiver.interface;
            return Err(DropReason::DestinationCheck { interface: interface.id, address: self.destination });
        }
        Ok(())
    }
}
