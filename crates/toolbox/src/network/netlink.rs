//! Links, addresses and routes of this network namespace, over rtnetlink.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload, Nla,
};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressScope, CacheInfo,
};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, Inet6IfaceFlags, LinkAttribute, LinkFlags, LinkLayerType, LinkMessage,
    LinkProtoInfoInet6, State,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};

/// The multicast groups of link changes, `RTNLGRP_LINK`, and of what routers say about links, `RTNLGRP_IPV6_IFINFO`.
const LINK_GROUP: u32 = 1;
const IPV6_INTERFACE_GROUP: u32 = 12;
/// In what the kernel says of a link's IPv6 (`linux/if_link.h`, `net/if_inet6.h`): the flags, and among them that a
/// router has said that addresses come by DHCPv6.
const INET6_FLAGS: u16 = 1;
const RA_MANAGED: u32 = 0x40;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// For Ethernet only.
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) mtu_bytes: u32,
    pub(crate) is_loopback: bool,
    pub(crate) is_up: bool,
    pub(crate) is_operational: bool,
    /// A router has said that IPv6 addresses come by DHCP.
    pub(crate) is_managed: bool,
}

/// A route to add.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ipv4Route {
    pub(crate) destination: Ipv4Addr,
    pub(crate) prefix_length: u8,
    /// `None`: the destination is on the link.
    pub(crate) gateway: Option<Ipv4Addr>,
    /// The address that what is sent along it comes from, unless the sender has chosen.
    pub(crate) source: Option<Ipv4Addr>,
    pub(crate) metric: u32,
    /// `None`: the main table.
    pub(crate) table: Option<u32>,
}

/// A connection to the kernel for requests.
#[derive(Debug)]
pub(crate) struct Netlink {
    socket: Socket,
    sequence_number: u32,
}

impl Netlink {
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self { socket, sequence_number: 0 })
    }

    pub(crate) fn links(&mut self) -> io::Result<Vec<Link>> {
        let answers = self.request(RouteNetlinkMessage::GetLink(LinkMessage::default()), NLM_F_DUMP)?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewLink(message) => Some(read_link(message)),
                _ => None,
            })
            .collect())
    }

    pub(crate) fn addresses(&mut self) -> io::Result<Vec<AddressMessage>> {
        let answers = self.request(RouteNetlinkMessage::GetAddress(AddressMessage::default()), NLM_F_DUMP)?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewAddress(message) => Some(message),
                _ => None,
            })
            .collect())
    }

    pub(crate) fn routes(&mut self, family: AddressFamily) -> io::Result<Vec<RouteMessage>> {
        let mut message = RouteMessage::default();
        message.header.address_family = family;
        let answers = self.request(RouteNetlinkMessage::GetRoute(message), NLM_F_DUMP)?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| match answer {
                RouteNetlinkMessage::NewRoute(message) => Some(message),
                _ => None,
            })
            .collect())
    }

    pub(crate) fn set_up(&mut self, index: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_ACK).map(drop)
    }

    pub(crate) fn set_mtu(&mut self, index: u32, mtu_bytes: u32) -> io::Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.attributes.push(LinkAttribute::Mtu(mtu_bytes));
        self.request(RouteNetlinkMessage::SetLink(message), NLM_F_ACK).map(drop)
    }

    /// Gives an interface an address, without the route to its subnet: the kernel's has no metric, so that with two
    /// interfaces in one subnet the order in which they came would decide (`fib_add_ifaddr`, `net/ipv4/fib_frontend.c`).
    pub(crate) fn add_ipv4_address(
        &mut self,
        index: u32,
        address: Ipv4Addr,
        prefix_len: u8,
    ) -> io::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = prefix_len;
        message.header.scope = AddressScope::Universe;
        message.header.index = index;
        message.attributes.push(AddressAttribute::Local(IpAddr::V4(address)));
        message.attributes.push(AddressAttribute::Address(IpAddr::V4(address)));
        message.attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
        if prefix_len < 31 {
            let broadcast = u32::from(address) | u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
            message.attributes.push(AddressAttribute::Broadcast(broadcast.into()));
        }
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        self.request(RouteNetlinkMessage::NewAddress(message), flags).map(drop)
    }

    /// Gives an interface an address for a time, after which the kernel takes it away.
    pub(crate) fn add_ipv6_address(
        &mut self,
        index: u32,
        address: Ipv6Addr,
        preferred_secs: u32,
        valid_secs: u32,
    ) -> io::Result<()> {
        let mut message = ipv6_address(index, address);
        let mut lifetimes = CacheInfo::default();
        lifetimes.ifa_preferred = preferred_secs.min(valid_secs);
        lifetimes.ifa_valid = valid_secs;
        message.attributes.push(AddressAttribute::CacheInfo(lifetimes));
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        self.request(RouteNetlinkMessage::NewAddress(message), flags).map(drop)
    }

    pub(crate) fn remove_ipv6_address(&mut self, index: u32, address: Ipv6Addr) -> io::Result<()> {
        match self.request(RouteNetlinkMessage::DelAddress(ipv6_address(index, address)), NLM_F_ACK) {
            Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => Ok(()),
            other => other.map(drop),
        }
    }

    pub(crate) fn remove_ipv4_addresses(&mut self, index: u32) -> io::Result<()> {
        for message in self.addresses()? {
            if message.header.index == index && message.header.family == AddressFamily::Inet {
                match self.request(RouteNetlinkMessage::DelAddress(message), NLM_F_ACK) {
                    // A secondary address goes with its primary.
                    Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {}
                    other => drop(other?),
                }
            }
        }
        Ok(())
    }

    pub(crate) fn add_ipv4_route(&mut self, index: u32, route: Ipv4Route) -> io::Result<()> {
        let mut message = RouteMessage::default();
        message.header = RouteHeader {
            address_family: AddressFamily::Inet,
            destination_prefix_length: route.prefix_length,
            table: if route.table.is_some() {
                RouteHeader::RT_TABLE_UNSPEC
            } else {
                RouteHeader::RT_TABLE_MAIN
            },
            protocol: RouteProtocol::Dhcp,
            scope: if route.gateway.is_some() { RouteScope::Universe } else { RouteScope::Link },
            kind: RouteType::Unicast,
            ..RouteHeader::default()
        };
        if route.prefix_length > 0 {
            message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(route.destination)));
        }
        if let Some(gateway) = route.gateway {
            message.attributes.push(RouteAttribute::Gateway(RouteAddress::Inet(gateway)));
        }
        if let Some(source) = route.source {
            message.attributes.push(RouteAttribute::PrefSource(RouteAddress::Inet(source)));
        }
        if let Some(table) = route.table {
            message.attributes.push(RouteAttribute::Table(table));
        }
        message.attributes.push(RouteAttribute::Oif(index));
        message.attributes.push(RouteAttribute::Priority(route.metric));
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
        self.request(RouteNetlinkMessage::NewRoute(message), flags).map(drop)
    }

    /// Has what an address sends follow a table, before the main one; the table's number is the rule's priority.
    pub(crate) fn add_ipv4_rule(&mut self, source: Ipv4Addr, table: u32) -> io::Result<()> {
        let mut message = RuleMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.src_len = 32;
        message.header.action = RuleAction::ToTable;
        message.attributes = vec![
            RuleAttribute::Source(IpAddr::V4(source)),
            RuleAttribute::Table(table),
            RuleAttribute::Priority(table),
            RuleAttribute::Protocol(RouteProtocol::Dhcp),
        ];
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        match self.request(RouteNetlinkMessage::NewRule(message), flags) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(()),
            other => other.map(drop),
        }
    }

    /// Removes the rules that [`Self::add_ipv4_rule`] made, of one table or (`None`) of all; those of others stay.
    pub(crate) fn remove_ipv4_rules(&mut self, table: Option<u32>) -> io::Result<()> {
        let mut message = RuleMessage::default();
        message.header.family = AddressFamily::Inet;
        for answer in self.request(RouteNetlinkMessage::GetRule(message), NLM_F_DUMP)? {
            let RouteNetlinkMessage::NewRule(rule) = answer else { continue };
            let is = |attribute| rule.attributes.contains(&attribute);
            if is(RuleAttribute::Protocol(RouteProtocol::Dhcp))
                && table.is_none_or(|table| is(RuleAttribute::Table(table)))
            {
                match self.request(RouteNetlinkMessage::DelRule(rule), NLM_F_ACK) {
                    Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {}
                    other => drop(other?),
                }
            }
        }
        Ok(())
    }

    /// Sends a request and gathers its answers.
    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<Vec<RouteNetlinkMessage>> {
        self.sequence_number += 1;
        let mut packet = NetlinkMessage::from(message);
        packet.header.flags = NLM_F_REQUEST | flags;
        packet.header.sequence_number = self.sequence_number;
        packet.finalize();
        let mut buffer = vec![0; packet.buffer_len()];
        packet.serialize(&mut buffer);
        self.socket.send(&buffer, 0)?;
        let mut answers = Vec::new();
        loop {
            let (bytes, _) = self.socket.recv_from_full()?;
            for packet in packets(&bytes) {
                if packet.header.sequence_number != self.sequence_number {
                    continue;
                }
                match packet.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) if error.code.is_none() => return Ok(answers),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
            }
        }
    }
}

/// The messages of one datagram. One that is not understood ends it: a kernel newer than the decoder.
fn packets(bytes: &[u8]) -> Vec<NetlinkMessage<RouteNetlinkMessage>> {
    let mut packets = Vec::new();
    let mut rest = bytes;
    while let Ok(packet) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest) {
        // Messages are aligned to four bytes.
        let length = (packet.header.length as usize).next_multiple_of(4);
        packets.push(packet);
        if length == 0 || length >= rest.len() {
            break;
        }
        rest = &rest[length..];
    }
    packets
}

/// As DHCPv6 gives them: the address alone, the prefix is the router's to tell.
fn ipv6_address(index: u32, address: Ipv6Addr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.prefix_len = 128;
    message.header.scope = AddressScope::Universe;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Address(IpAddr::V6(address)));
    message
}

fn read_link(message: LinkMessage) -> Link {
    let flags = message.header.flags;
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        mac: None,
        mtu_bytes: 0,
        is_loopback: flags.contains(LinkFlags::Loopback),
        is_up: flags.contains(LinkFlags::Up),
        is_operational: false,
        is_managed: false,
    };
    let is_ethernet = message.header.link_layer_type == LinkLayerType::Ether;
    for attribute in message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name = name,
            LinkAttribute::Mtu(mtu_bytes) => link.mtu_bytes = mtu_bytes,
            LinkAttribute::Address(mac) if is_ethernet => link.mac = mac.try_into().ok(),
            LinkAttribute::OperState(state) => link.is_operational = state == State::Up,
            LinkAttribute::AfSpecUnspec(families) => link.is_managed |= families.iter().any(is_managed),
            LinkAttribute::ProtoInfoInet6(facts) => {
                link.is_managed |= facts.iter().any(|fact| match fact {
                    LinkProtoInfoInet6::Other(fact) if fact.kind() == INET6_FLAGS => {
                        let mut flags = [0; 4];
                        let known = fact.value_len() == flags.len();
                        if known {
                            fact.emit_value(&mut flags);
                        }
                        known && u32::from_ne_bytes(flags) & RA_MANAGED != 0
                    }
                    _ => false,
                });
            }
            _ => {}
        }
    }
    link
}

fn is_managed(family: &AfSpecUnspec) -> bool {
    let AfSpecUnspec::Inet6(facts) = family else { return false };
    facts.iter().any(|fact| match fact {
        AfSpecInet6::Flags(flags) => flags.contains(Inet6IfaceFlags::RaManaged),
        _ => false,
    })
}

/// A change of the interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LinkEvent {
    /// It came, or something about it changed.
    Present(Link),
    /// The interface of this index went.
    Gone(u32),
}

/// Changes of the interfaces, as they happen.
#[derive(Debug)]
pub(crate) struct LinkEvents {
    socket: Socket,
    pending: Vec<LinkEvent>,
}

impl LinkEvents {
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.add_membership(LINK_GROUP)?;
        socket.add_membership(IPV6_INTERFACE_GROUP)?;
        Ok(Self { socket, pending: Vec::new() })
    }

    /// Waits for the next change.
    pub(crate) fn next(&mut self) -> io::Result<LinkEvent> {
        loop {
            if let Some(event) = self.pending.pop() {
                return Ok(event);
            }
            let (bytes, _) = self.socket.recv_from_full()?;
            self.pending = packets(&bytes)
                .into_iter()
                .rev()
                .filter_map(|packet| match packet.payload {
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(message)) => {
                        Some(LinkEvent::Present(read_link(message)))
                    }
                    NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(message)) => {
                        Some(LinkEvent::Gone(message.header.index))
                    }
                    _ => None,
                })
                .collect();
        }
    }
}
