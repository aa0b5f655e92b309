//! DHCP for IPv6 (RFC 8415), answered by the fabric.
//!
//! Owns the answers, which like those of [`super::dhcp`] follow from the interface alone: it is given the addresses that
//! it has, or told that it has none. Refuses to tell resolvers and domains, which instances with IPv4 addresses have by
//! DHCP for IPv4: <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_DHCP_Options.html>.

use std::net::{IpAddr, Ipv6Addr};

use vpc_model::DhcpOptions;

use super::build::{self, Link};
use super::neighbour::link_local;
use super::parse;
use super::{Asker, options};
use crate::packet::Packet;
use crate::reason::DropReason;
use crate::snapshot::Snapshot;

pub(crate) const SERVER_PORT: u16 = 547;
pub(crate) const CLIENT_PORT: u16 = 546;

const UDP_BYTES: usize = 8;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const CONFIRM: u8 = 4;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION_REQUEST: u8 = 11;

const OPTION_CLIENT_ID: u16 = 1;
const OPTION_SERVER_ID: u16 = 2;
const OPTION_IA_NA: u16 = 3;
const OPTION_IA_ADDRESS: u16 = 5;
const OPTION_STATUS: u16 = 13;
const OPTION_RAPID_COMMIT: u16 = 14;

/// How much longer than it is preferred an address stays valid: as on AWS, 450 seconds where it is preferred for 140.
const DEPRECATED_SECS: u32 = 310;

const STATUS_NO_ADDRESSES: u16 = 2;
const STATUS_NOT_ON_LINK: u16 = 4;

/// What is read of a client's message.
#[derive(Default)]
struct Message<'a> {
    kind: u8,
    transaction: [u8; 3],
    client: &'a [u8],
    server: Option<&'a [u8]>,
    /// Each association's identifier and the addresses that the client names in it.
    associations: Vec<([u8; 4], Vec<Ipv6Addr>)>,
    rapid_commit: bool,
}

/// Calls back for each option.
fn each_option<'a>(
    mut rest: &'a [u8],
    mut take: impl FnMut(u16, &'a [u8]) -> Result<(), DropReason>,
) -> Result<(), DropReason> {
    while !rest.is_empty() {
        let (header, after) = rest.split_at_checked(4).ok_or(DropReason::Malformed)?;
        let length = u16::from_be_bytes([header[2], header[3]]);
        let (value, after) = after.split_at_checked(length.into()).ok_or(DropReason::Malformed)?;
        take(u16::from_be_bytes([header[0], header[1]]), value)?;
        rest = after;
    }
    Ok(())
}

impl<'a> Message<'a> {
    fn read(payload: &'a [u8]) -> Result<Self, DropReason> {
        let [kind, transaction @ ..] = parse::bytes::<4>(payload, 0)?;
        let mut message = Self { kind, transaction, ..Self::default() };
        each_option(&payload[4..], |code, value| {
            match code {
                OPTION_CLIENT_ID => message.client = value,
                OPTION_SERVER_ID => message.server = Some(value),
                OPTION_RAPID_COMMIT => message.rapid_commit = true,
                OPTION_IA_NA => {
                    let id = parse::bytes(value, 0)?;
                    let mut addresses = Vec::new();
                    each_option(value.get(12..).ok_or(DropReason::Malformed)?, |code, value| {
                        if code == OPTION_IA_ADDRESS {
                            addresses.push(parse::ipv6_at(value, 0)?);
                        }
                        Ok(())
                    })?;
                    message.associations.push((id, addresses));
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }
}

fn put(options: &mut Vec<u8>, code: u16, value: &[u8]) {
    options.extend(code.to_be_bytes());
    options.extend((value.len() as u16).to_be_bytes());
    options.extend(value);
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
    let IpAddr::V6(source) = packet.source else { return Err(DropReason::Malformed) };
    let server = server_id(asker);
    if asker.subnet.subnet.ipv6_cidr.is_none() || message.server.is_some_and(|named| named != server) {
        return Err(DropReason::Unanswered);
    }
    let kind = match message.kind {
        SOLICIT if message.rapid_commit => REPLY,
        SOLICIT => ADVERTISE,
        REQUEST | CONFIRM | RENEW | REBIND | RELEASE | DECLINE | INFORMATION_REQUEST => REPLY,
        _ => return Err(DropReason::Unanswered),
    };
    let mut payload = vec![kind];
    payload.extend(message.transaction);
    put(&mut payload, OPTION_CLIENT_ID, message.client);
    put(&mut payload, OPTION_SERVER_ID, &server);
    if message.kind == SOLICIT && message.rapid_commit {
        put(&mut payload, OPTION_RAPID_COMMIT, &[]);
    }
    match message.kind {
        CONFIRM => put_confirmation(&mut payload, asker, &message),
        SOLICIT | REQUEST | RENEW | REBIND => {
            for (id, named) in &message.associations {
                put_association(&mut payload, asker, preferred_secs(snapshot, asker), *id, named);
            }
        }
        _ => {}
    }
    let link = Link { source: asker.subnet.router_mac, destination: packet.source_mac };
    let router = link_local(asker.subnet.router_mac);
    Ok(build::udp6(&link, (router, SERVER_PORT), (source, CLIENT_PORT), &payload))
}

/// For how long the addresses of a VPC are preferred, by its DHCP option set.
fn preferred_secs(snapshot: &Snapshot, asker: &Asker<'_>) -> u32 {
    options(snapshot, asker)
        .map_or(DhcpOptions::IPV6_PREFERRED_LEASE_SECS, |set| set.ipv6_preferred_lease_secs)
}

/// The router's identity: its MAC address (section 11.4).
fn server_id(asker: &Asker<'_>) -> Vec<u8> {
    let mut duid = vec![0, 3, 0, 1];
    duid.extend(asker.subnet.router_mac.0);
    duid
}

/// The addresses of the interface; what the client names and the interface has not (any more) ends at once. A client renews after half of the time for which an address is preferred, and asks anybody after four fifths (section
/// 21.4).
fn put_association(
    payload: &mut Vec<u8>,
    asker: &Asker<'_>,
    preferred_secs: u32,
    id: [u8; 4],
    named: &[Ipv6Addr],
) {
    let own = &asker.plugged.interface.ipv6;
    let mut association = Vec::from(id);
    association.extend((preferred_secs / 2).to_be_bytes());
    association.extend((preferred_secs / 5 * 4).to_be_bytes());
    let mut address = |address: Ipv6Addr, preferred_secs: u32, valid_secs: u32| {
        let mut value = Vec::from(address.octets());
        value.extend(preferred_secs.to_be_bytes());
        value.extend(valid_secs.to_be_bytes());
        put(&mut association, OPTION_IA_ADDRESS, &value);
    };
    // A lease is for the first address; the others are for the workload to configure.
    if let Some(&leased) = own.first() {
        address(leased, preferred_secs, preferred_secs.saturating_add(DEPRECATED_SECS));
    }
    for &gone in named.iter().filter(|named| !own.contains(named)) {
        address(gone, 0, 0);
    }
    if own.is_empty() {
        put(&mut association, OPTION_STATUS, &STATUS_NO_ADDRESSES.to_be_bytes());
    }
    put(payload, OPTION_IA_NA, &association);
}

/// Whether all addresses that the client names are still right (section 18.3.3).
fn put_confirmation(payload: &mut Vec<u8>, asker: &Asker<'_>, message: &Message<'_>) {
    let own = &asker.plugged.interface.ipv6;
    let are_own = message.associations.iter().all(|(_, named)| named.iter().all(|named| own.contains(named)));
    let status: u16 = if are_own { 0 } else { STATUS_NOT_ON_LINK };
    put(payload, OPTION_STATUS, &status.to_be_bytes());
}
