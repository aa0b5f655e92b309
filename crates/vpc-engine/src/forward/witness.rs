//! Who looks on while a packet is decided.
//!
//! Owns what a decision tells on its way. Refuses to know what is made of it.
//!
//! There is one code that decides packets. Whoever wants to know how a decision came about looks on; nobody does while
//! packets are carried, and then all of this is nothing in the compiled program.

use aws_types::{RouteTableId, SecurityGroupRuleId};
use ipnet::IpNet;
use vpc_model::{AclRuleNumber, Direction, ObjectId, Route};

use crate::compile::TransitRoute;
use crate::packet::Packet;
use crate::reach::{Field, Span};
use crate::reason::DropReason;
use crate::snapshot::{CompiledSubnet, PluggedInterface};

/// One thing that decided about a packet, or that it passed.
pub(crate) enum Event<'n> {
    /// The rules of an interface's groups let it pass: by that rule, or none where the connection is known.
    Rules { plugged: &'n PluggedInterface, direction: Direction, rule: Option<SecurityGroupRuleId> },
    /// The network ACL of a subnet lets it pass, by that entry.
    Acl { subnet: &'n CompiledSubnet, direction: Direction, rule: Option<AclRuleNumber> },
    /// The router of a subnet found the destination in the subnet itself.
    OnLink { subnet: &'n CompiledSubnet },
    /// A route table of a VPC leads on.
    Route { table: RouteTableId, route: Route },
    /// A route table of a transit gateway leads on.
    TransitRoute { table: aws_types::TransitGatewayRouteTableId, route: TransitRoute },
    /// It passed an object: a gateway, an attachment, a connection, an endpoint.
    Through { object: ObjectId },
    /// It came before an interface.
    Before { plugged: &'n PluggedInterface },
    /// It came to the internet, and whoever is there.
    OnInternet,
}

/// Somebody who looks on.
pub(crate) trait Witness<'n> {
    /// Whether anybody does. What follows need not be called otherwise.
    const LOOKS: bool;
    /// Whether only the way is asked for: the rules of interfaces are not asked but told of, every connection is tracked,
    /// and any refusal will do.
    const WAY_ONLY: bool = false;

    /// Something decided, about the packet as it is there.
    fn saw(&mut self, event: Event<'n>, packet: &Packet);

    /// Something refuses the packet. The way goes on if this is no error: to find what else would refuse it.
    ///
    /// # Errors
    /// The reason, and the packet is dropped.
    fn refused(&mut self, reason: DropReason, packet: &Packet) -> Result<(), DropReason>;

    /// What is decided is the same for these values of a field of the packet as it is there, its own among them.
    fn same_for(&mut self, field: Field, span: Span);

    /// The same of a field of the packet as it was sent.
    fn same_as_sent(&mut self, field: Field, span: Span);

    /// What is decided is about the interface that has the address which a field of the packet is there.
    fn by_owner(&mut self, field: Field, address: u128) {
        self.same_for(field, Span::one(address));
    }

    /// What the rules of an interface would be asked: about that peer, whose groups may be meant or not.
    fn would_ask(&mut self, _direction: Direction, _peer: std::net::IpAddr, _shows_groups: bool) {}

    /// A field of the packet is another from here on. What is decided by it from here on depends on what it was.
    fn replaced(&mut self, field: Field);

    /// A NAT gateway gives the packet a source and a source port of its own, unless it keeps the port.
    fn translated(&mut self, keeps_port: bool);

    /// A NAT gateway gives a reply the destination and port that the last translation that was not undone yet has replaced.
    fn restored(&mut self);

    /// Which of several ways it takes depends on all of the header, in a way that no range can tell.
    fn chosen_by_header(&mut self);
}

/// Nobody looks on.
pub(crate) struct Nobody;

impl<'n> Witness<'n> for Nobody {
    const LOOKS: bool = false;

    fn saw(&mut self, _: Event<'n>, _: &Packet) {}

    fn refused(&mut self, reason: DropReason, _: &Packet) -> Result<(), DropReason> {
        Err(reason)
    }

    fn same_for(&mut self, _: Field, _: Span) {}

    fn same_as_sent(&mut self, _: Field, _: Span) {}

    fn replaced(&mut self, _: Field) {}

    fn translated(&mut self, _: bool) {}

    fn restored(&mut self) {}

    fn chosen_by_header(&mut self) {}
}

impl<'n, W: Witness<'n>> Witness<'n> for &mut W {
    const LOOKS: bool = W::LOOKS;
    const WAY_ONLY: bool = W::WAY_ONLY;

    fn saw(&mut self, event: Event<'n>, packet: &Packet) {
        (**self).saw(event, packet);
    }

    fn refused(&mut self, reason: DropReason, packet: &Packet) -> Result<(), DropReason> {
        (**self).refused(reason, packet)
    }

    fn same_for(&mut self, field: Field, span: Span) {
        (**self).same_for(field, span);
    }

    fn same_as_sent(&mut self, field: Field, span: Span) {
        (**self).same_as_sent(field, span);
    }

    fn by_owner(&mut self, field: Field, address: u128) {
        (**self).by_owner(field, address);
    }

    fn would_ask(&mut self, direction: Direction, peer: std::net::IpAddr, shows_groups: bool) {
        (**self).would_ask(direction, peer, shows_groups);
    }

    fn replaced(&mut self, field: Field) {
        (**self).replaced(field);
    }

    fn translated(&mut self, keeps_port: bool) {
        (**self).translated(keeps_port);
    }

    fn restored(&mut self) {
        (**self).restored();
    }

    fn chosen_by_header(&mut self) {
        (**self).chosen_by_header();
    }
}

/// The part of the values around one that is on its side of a block: inside of it, or beyond one of its ends.
pub(crate) fn beside(value: u128, block: Span) -> Span {
    if value < block.first {
        Span { first: 0, last: block.first - 1 }
    } else if value > block.last {
        Span { first: block.last + 1, last: u128::MAX }
    } else {
        block
    }
}

/// The same of the addresses of a block, if that is of the address's family.
pub(crate) fn beside_block(address: std::net::IpAddr, block: IpNet) -> Span {
    let all = Span { first: 0, last: u128::MAX };
    if block.addr().is_ipv4() == address.is_ipv4() {
        beside(crate::reach::bits(address), Span::of_block(block))
    } else {
        all
    }
}
