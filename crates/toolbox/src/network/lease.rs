//! DHCP messages and what they mean (RFC 2131, 2132, 3442). Pure: no socket, no clock.

use std::net::Ipv4Addr;
use std::time::Duration;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};

/// What a server has granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) address: Ipv4Addr,
    pub(super) prefix_length: u8,
    pub(super) server: Ipv4Addr,
    pub(super) routers: Vec<Ipv4Addr>,
    /// Destination, prefix length, gateway (unspecified: on the link). When there are any, routers do not count.
    pub(super) classless_routes: Vec<(Ipv4Addr, u8, Ipv4Addr)>,
    pub(super) name_servers: Vec<Ipv4Addr>,
    pub(super) search_domains: Vec<String>,
    pub(super) mtu_bytes: Option<u16>,
    pub(super) valid: Duration,
    /// T1: ask the same server again.
    pub(super) renew_after: Duration,
    /// T2: ask any server.
    pub(super) rebind_after: Duration,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// Is anybody there?
    Discover,
    /// Take an offer.
    Take { address: Ipv4Addr, server: Ipv4Addr },
    /// Prolong the lease of the address that the client has.
    Prolong { address: Ipv4Addr },
}

/// A message of a server to this client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Offer { address: Ipv4Addr, server: Ipv4Addr },
    Granted(Lease),
    Refused,
}

/// The time of a lease that says none, in seconds: an hour, as EC2 gives.
const DEFAULT_LEASE_SECS: u32 = 3600;

/// The bytes of a client's message.
pub(super) fn encode(ask: Ask, transaction: u32, mac: [u8; 6], elapsed_secs: u16) -> Option<Vec<u8>> {
    let none = Ipv4Addr::UNSPECIFIED;
    let has = if let Ask::Prolong { address } = ask { address } else { none };
    let mut message = Message::new_with_id(transaction, has, none, none, none, &mac);
    message.set_secs(elapsed_secs);
    // An answer to an address that the interface does not have yet may be missed unless it is broadcast.
    if !matches!(ask, Ask::Prolong { .. }) {
        message.set_flags(Flags::default().set_broadcast());
    }
    let kind = if ask == Ask::Discover { MessageType::Discover } else { MessageType::Request };
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    if let Ask::Take { address, server } = ask {
        options.insert(DhcpOption::RequestedIpAddress(address));
        options.insert(DhcpOption::ServerIdentifier(server));
    }
    let client: Vec<u8> = std::iter::once(1).chain(mac).collect();
    options.insert(DhcpOption::ClientIdentifier(client));
    options.insert(DhcpOption::ParameterRequestList(vec![
        OptionCode::SubnetMask,
        OptionCode::ClasslessStaticRoute,
        OptionCode::Router,
        OptionCode::DomainNameServer,
        OptionCode::DomainName,
        OptionCode::DomainSearch,
        OptionCode::InterfaceMtu,
        OptionCode::NtpServers,
    ]));
    let mut bytes = Vec::with_capacity(300);
    message.encode(&mut Encoder::new(&mut bytes)).ok()?;
    // Some relays and servers drop what is shorter than BOOTP's message.
    bytes.resize(bytes.len().max(300), 0);
    Some(bytes)
}

/// What a server's bytes mean, if they are an answer to this transaction of this client.
pub(super) fn decode(bytes: &[u8], transaction: u32, mac: [u8; 6]) -> Option<Answer> {
    let message = Message::decode(&mut Decoder::new(bytes)).ok()?;
    let ours = message.opcode() == Opcode::BootReply
        && message.xid() == transaction
        && message.chaddr().get(..6) == Some(&mac[..]);
    if !ours {
        return None;
    }
    let server = match message.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(server)) => *server,
        _ => message.siaddr(),
    };
    match message.opts().msg_type()? {
        MessageType::Offer => Some(Answer::Offer { address: message.yiaddr(), server }),
        MessageType::Ack => Some(Answer::Granted(read_lease(&message, server))),
        MessageType::Nak => Some(Answer::Refused),
        _ => None,
    }
}

fn read_lease(message: &Message, server: Ipv4Addr) -> Lease {
    let options = message.opts();
    let seconds = |code, default| match options.get(code) {
        Some(
            DhcpOption::AddressLeaseTime(seconds)
            | DhcpOption::Renewal(seconds)
            | DhcpOption::Rebinding(seconds),
        ) => *seconds,
        _ => default,
    };
    let valid_secs = seconds(OptionCode::AddressLeaseTime, DEFAULT_LEASE_SECS).max(2);
    // RFC 2131, 4.4.5: half and seven eighths of the lease, unless the server says otherwise.
    let renew_secs = seconds(OptionCode::Renewal, valid_secs / 2).min(valid_secs);
    let rebind_secs =
        seconds(OptionCode::Rebinding, (u64::from(valid_secs) * 7 / 8) as u32).clamp(renew_secs, valid_secs);
    let addresses = |code| match options.get(code) {
        Some(DhcpOption::Router(list) | DhcpOption::DomainNameServer(list)) => list.clone(),
        _ => Vec::new(),
    };
    Lease {
        address: message.yiaddr(),
        prefix_length: match options.get(OptionCode::SubnetMask) {
            Some(DhcpOption::SubnetMask(mask)) => u32::from(*mask).leading_ones() as u8,
            _ => 32,
        },
        server,
        routers: addresses(OptionCode::Router),
        classless_routes: match options.get(OptionCode::ClasslessStaticRoute) {
            Some(DhcpOption::ClasslessStaticRoute(routes)) => {
                routes.iter().map(|(net, gateway)| (net.addr(), net.prefix_len(), *gateway)).collect()
            }
            _ => Vec::new(),
        },
        name_servers: addresses(OptionCode::DomainNameServer),
        search_domains: search_domains(message),
        mtu_bytes: match options.get(OptionCode::InterfaceMtu) {
            // RFC 2132, 5.1: 68 is the least.
            Some(DhcpOption::InterfaceMtu(mtu_bytes)) if *mtu_bytes >= 68 => Some(*mtu_bytes),
            _ => None,
        },
        valid: Duration::from_secs(valid_secs.into()),
        renew_after: Duration::from_secs(renew_secs.into()),
        rebind_after: Duration::from_secs(rebind_secs.into()),
    }
}

/// The search list, or else the domain name, in which EC2 allows several separated by spaces. They end up in
/// `resolv.conf`, so nothing but what names are made of gets through.
fn search_domains(message: &Message) -> Vec<String> {
    let options = message.opts();
    let names: Vec<String> =
        match (options.get(OptionCode::DomainSearch), options.get(OptionCode::DomainName)) {
            (Some(DhcpOption::DomainSearch(names)), _) => names.iter().map(ToString::to_string).collect(),
            (_, Some(DhcpOption::DomainName(names))) => names.split_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
    let is_name = |name: &String| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    names.into_iter().map(|name| name.trim_end_matches(['.', '\0']).to_owned()).filter(is_name).collect()
}

/// `resolv.conf` for a lease.
pub(super) fn resolv_conf(lease: &Lease) -> String {
    let mut text = String::from("# from DHCP\n");
    if !lease.search_domains.is_empty() {
        text.push_str(&format!("search {}\n", lease.search_domains.join(" ")));
    }
    // The resolver library takes no more than three.
    for server in lease.name_servers.iter().take(3) {
        text.push_str(&format!("nameserver {server}\n"));
    }
    text.push_str("options timeout:2 attempts:5\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 5];

    fn reply(kind: MessageType, more: Vec<DhcpOption>) -> Vec<u8> {
        let none = Ipv4Addr::UNSPECIFIED;
        let mut message = Message::new_with_id(7, none, [10, 0, 0, 5].into(), none, none, &MAC);
        message.set_opcode(Opcode::BootReply);
        message.opts_mut().insert(DhcpOption::MessageType(kind));
        message.opts_mut().insert(DhcpOption::ServerIdentifier([10, 0, 0, 1].into()));
        for option in more {
            message.opts_mut().insert(option);
        }
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).unwrap();
        bytes
    }

    #[test]
    fn answers_are_understood() {
        let server = Ipv4Addr::new(10, 0, 0, 1);
        let offer = Answer::Offer { address: [10, 0, 0, 5].into(), server };
        assert_eq!(decode(&reply(MessageType::Offer, vec![]), 7, MAC), Some(offer));
        assert_eq!(decode(&reply(MessageType::Nak, vec![]), 7, MAC), Some(Answer::Refused));
        let granted = reply(
            MessageType::Ack,
            vec![
                DhcpOption::SubnetMask([255, 255, 255, 0].into()),
                DhcpOption::Router(vec![server]),
                DhcpOption::DomainNameServer(vec![[10, 0, 0, 2].into()]),
                DhcpOption::DomainName("ec2.internal evil\nnameserver".to_owned()),
                DhcpOption::InterfaceMtu(9001),
                DhcpOption::AddressLeaseTime(3600),
            ],
        );
        let Some(Answer::Granted(lease)) = decode(&granted, 7, MAC) else { panic!("not granted") };
        assert_eq!((lease.address, lease.prefix_length), (Ipv4Addr::new(10, 0, 0, 5), 24));
        assert_eq!((lease.routers, lease.mtu_bytes), (vec![server], Some(9001)));
        assert_eq!((lease.renew_after.as_secs(), lease.rebind_after.as_secs()), (1800, 3150));
        assert_eq!(lease.search_domains, ["ec2.internal", "evil", "nameserver"]);
    }

    #[test]
    fn answers_to_others_are_not_ours() {
        let bytes = reply(MessageType::Offer, vec![]);
        assert_eq!(decode(&bytes, 8, MAC), None);
        assert_eq!(decode(&bytes, 7, [2; 6]), None);
        assert_eq!(decode(&encode(Ask::Discover, 7, MAC, 0).unwrap(), 7, MAC), None);
        for length in 0..bytes.len().min(240) {
            assert_eq!(decode(&bytes[..length], 7, MAC), None, "cut to {length}");
        }
    }

    #[test]
    fn resolv_conf_holds_what_the_lease_says() {
        let bytes = reply(
            MessageType::Ack,
            vec![
                DhcpOption::DomainNameServer(vec![[10, 0, 0, 2].into()]),
                DhcpOption::DomainName("ec2.internal".to_owned()),
            ],
        );
        let Some(Answer::Granted(lease)) = decode(&bytes, 7, MAC) else { panic!("not granted") };
        let text = resolv_conf(&lease);
        assert!(text.contains("search ec2.internal\nnameserver 10.0.0.2\n"), "{text}");
    }
}
