//! DHCP for IPv4 (RFC 2131, 2132), answered by the fabric.
//!
//! Owns leases, which are no state at all: an interface's primary address is its own for as long as it has it, so every
//! request has one right answer. Refuses other servers: an interface's own answers go nowhere.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html>

use std::net::{IpAddr, Ipv4Addr};

use aws_types::MacAddress;
use vpc_model::{DhcpOptions, NetbiosNodeType, Resolver};

use super::build::{self, Link};
use super::parse;
use super::{Asker, options};
use crate::packet::Packet;
use crate::reason::DropReason;
use crate::services::LinkService;
use crate::snapshot::Snapshot;

pub(crate) const SERVER_PORT: u16 = 67;
pub(crate) const CLIENT_PORT: u16 = 68;

/// How long a lease lasts. A changed DHCP option set is taken at the next renewal, after half of it (fact 71).
pub const LEASE_SECS: u32 = 3600;

const UDP_BYTES: usize = 8;
/// The fixed part of a message, before the magic cookie.
const FIXED_BYTES: usize = 236;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
const BROADCAST_FLAG: u16 = 0x8000;

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;
const INFORM: u8 = 8;

/// What is read of a client's message.
struct Message {
    fixed: [u8; FIXED_BYTES],
    kind: u8,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
}

impl Message {
    fn read(payload: &[u8]) -> Result<Self, DropReason> {
        let fixed: [u8; FIXED_BYTES] = parse::bytes(payload, 0)?;
        // A request, of an Ethernet client.
        if fixed[..3] != [1, 1, 6] || parse::bytes(payload, FIXED_BYTES)? != COOKIE {
            return Err(DropReason::Malformed);
        }
        let mut message = Self { fixed, kind: 0, requested: None, server: None };
        let mut rest = &payload[FIXED_BYTES + COOKIE.len()..];
        while let [code, after @ ..] = rest {
            rest = match code {
                0 => after,
                255 => break,
                _ => {
                    let (&length, after) = after.split_first().ok_or(DropReason::Malformed)?;
                    let (value, after) =
                        after.split_at_checked(length.into()).ok_or(DropReason::Malformed)?;
                    message.take(*code, value)?;
                    after
                }
            };
        }
        Ok(message)
    }

    fn take(&mut self, code: u8, value: &[u8]) -> Result<(), DropReason> {
        let address = || parse::bytes::<4>(value, 0).map(Ipv4Addr::from);
        match code {
            50 => self.requested = Some(address()?),
            53 => [self.kind] = parse::bytes(value, 0)?,
            54 => self.server = Some(address()?),
            _ => {}
        }
        Ok(())
    }

    fn flags(&self) -> u16 {
        u16::from_be_bytes([self.fixed[10], self.fixed[11]])
    }

    /// The address that the client has and uses.
    fn client_address(&self) -> Ipv4Addr {
        Ipv4Addr::from([self.fixed[12], self.fixed[13], self.fixed[14], self.fixed[15]])
    }

    fn client_mac(&self) -> MacAddress {
        let [.., a, b, c, d, e, f] = *self.fixed.first_chunk::<34>().expect("the fixed part is longer");
        MacAddress([a, b, c, d, e, f])
    }
}

/// Answers a client.
pub(crate) fn answer(
    snapshot: &Snapshot,
    asker: &Asker<'_>,
    packet: &Packet,
    frame: &[u8],
) -> Result<Vec<u8>, DropReason> {
    let layout = parse::layout(frame)?;
    let message = Message::read(&frame[..layout.end][layout.transport + UDP_BYTES..])?;
    let interface = &asker.plugged.interface;
    if message.client_mac() != interface.mac {
        return Err(DropReason::SpoofedMac { interface: interface.id, mac: message.client_mac() });
    }
    let router = asker.subnet.router;
    let is_for_another = message.server.is_some_and(|server| server != router)
        || !matches!(packet.destination, IpAddr::V4(to) if to == Ipv4Addr::BROADCAST || to == router);
    if is_for_another {
        return Err(DropReason::Unanswered);
    }
    let asked = message.requested.unwrap_or(message.client_address());
    let kind = match message.kind {
        DISCOVER => OFFER,
        REQUEST if asked == interface.ipv4 => ACK,
        REQUEST => NAK,
        INFORM => ACK,
        // Releases and refusals change nothing.
        _ => return Err(DropReason::Unanswered),
    };
    Ok(reply(snapshot, asker, &message, kind))
}

fn reply(snapshot: &Snapshot, asker: &Asker<'_>, message: &Message, kind: u8) -> Vec<u8> {
    let (interface, subnet) = (&asker.plugged.interface, asker.subnet);
    let is_lease = kind != NAK && message.kind != INFORM;
    let leased = if is_lease { interface.ipv4 } else { Ipv4Addr::UNSPECIFIED };
    let in_use = if kind == NAK { Ipv4Addr::UNSPECIFIED } else { message.client_address() };

    let mut payload = message.fixed.to_vec();
    payload[0] = 2;
    payload[3] = 0;
    payload[8..10].fill(0);
    payload[12..16].copy_from_slice(&in_use.octets());
    payload[16..20].copy_from_slice(&leased.octets());
    payload[20..24].fill(0);
    payload[44..].fill(0);
    payload.extend(COOKIE);
    let mut options = Options(&mut payload);
    options.put(53, &[kind]);
    options.put(54, &subnet.router.octets());
    if is_lease {
        options.put(51, &LEASE_SECS.to_be_bytes());
        options.put(58, &(LEASE_SECS / 2).to_be_bytes());
        options.put(59, &(LEASE_SECS / 8 * 7).to_be_bytes());
    }
    if kind != NAK {
        options.put(1, &subnet.subnet.cidr.netmask().octets());
        options.put(28, &subnet.subnet.cidr.broadcast().octets());
        options.put(3, &subnet.router.octets());
        options.put(12, hostname(asker).as_bytes());
        put_option_set(&mut options, snapshot, asker);
    }
    payload.push(255);

    // To the address in use; to everybody where the client asks for it or cannot be reached; else to the new address.
    let is_broadcast = kind == NAK || message.flags() & BROADCAST_FLAG != 0;
    let (destination, mac) = match in_use {
        Ipv4Addr::UNSPECIFIED if is_broadcast => (Ipv4Addr::BROADCAST, MacAddress::BROADCAST),
        Ipv4Addr::UNSPECIFIED => (interface.ipv4, interface.mac),
        in_use => (in_use, interface.mac),
    };
    let link = Link { source: subnet.router_mac, destination: mac };
    build::udp4(&link, (subnet.router, SERVER_PORT), (destination, CLIENT_PORT), &payload)
}

/// The host name of a lease.
fn hostname(asker: &Asker<'_>) -> String {
    let interface = &asker.plugged.interface;
    interface.hostname.clone().unwrap_or_else(|| {
        let [a, b, c, d] = interface.ipv4.octets();
        format!("ip-{a}-{b}-{c}-{d}")
    })
}

/// What the VPC's DHCP option set says. A VPC without one gets the MTU, and the resolver at its link-local address, as
/// instances on Nitro do.
fn put_option_set(put: &mut Options<'_>, snapshot: &Snapshot, asker: &Asker<'_>) {
    let Some(set) = options(snapshot, asker) else {
        put.put(26, &DhcpOptions::VPC_MTU_BYTES.to_be_bytes());
        put.addresses(6, std::iter::once(LinkService::Dns.ipv4()));
        return;
    };
    put.put(26, &set.mtu_bytes.to_be_bytes());
    if let Some(domain) = &set.domain_name {
        put.put(15, domain.as_bytes());
    }
    let resolvers = set.resolvers.iter().filter_map(|resolver| match resolver {
        // AWS names the resolver of the VPC, which the link-local address is another name of.
        Resolver::AmazonProvided => Some(asker.subnet.resolver.unwrap_or(LinkService::Dns.ipv4())),
        Resolver::Address(IpAddr::V4(address)) => Some(*address),
        Resolver::Address(IpAddr::V6(_)) => None,
    });
    put.addresses(6, resolvers);
    put.addresses(
        42,
        set.ntp_servers.iter().filter_map(|server| match server {
            IpAddr::V4(address) => Some(*address),
            IpAddr::V6(_) => None,
        }),
    );
    put.addresses(44, set.netbios_name_servers.iter().copied());
    if let Some(kind) = set.netbios_node_type {
        let code = match kind {
            NetbiosNodeType::Broadcast => 1,
            NetbiosNodeType::PointToPoint => 2,
            NetbiosNodeType::Mixed => 4,
            NetbiosNodeType::Hybrid => 8,
        };
        put.put(46, &[code]);
    }
}

/// The options of a message that is being written.
struct Options<'a>(&'a mut Vec<u8>);

impl Options<'_> {
    /// An option; longer values than an option can hold are cut.
    fn put(&mut self, code: u8, value: &[u8]) {
        let value = &value[..value.len().min(255)];
        self.0.push(code);
        self.0.push(value.len() as u8);
        self.0.extend(value);
    }

    /// A list of addresses, when there are any.
    fn addresses(&mut self, code: u8, addresses: impl Iterator<Item = Ipv4Addr>) {
        let octets: Vec<u8> = addresses.take(63).flat_map(|address| address.octets()).collect();
        if !octets.is_empty() {
            self.put(code, &octets);
        }
    }
}
