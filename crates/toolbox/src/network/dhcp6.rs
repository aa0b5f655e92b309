//! The DHCPv6 client of one interface, in a thread of its own (RFC 8415): for addresses, which it asks for in one
//! exchange where the server can, and keeps until the interface goes. The default route comes from router advertisements.

use std::io;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dhcproto::v6::{DhcpOption, DhcpOptions, IAAddr, IANA, Message, MessageType, ORO, OptionCode};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::init::say;

use super::netlink::{Link, Netlink};
use super::stop::{Stop, random_u32};

const CLIENT_PORT: u16 = 546;
const SERVER_PORT: u16 = 547;
/// All DHCP servers and relays of the link.
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// The one association of addresses that this client has.
const ASSOCIATION: u32 = 1;

/// As for IPv4: the fabric answers at once or has just been started.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(16);
/// Between attempts to prolong a lease.
const RENEW_PAUSE: Duration = Duration::from_secs(10);
/// The lease's middle, when the server leaves T1 to the client.
const SHORTEST_RENEWAL_SECS: u32 = 1;

/// A running client.
#[derive(Debug)]
pub(super) struct Client {
    stop: Arc<Stop>,
}

/// What a server has given.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lease {
    server: Vec<u8>,
    addresses: Vec<IAAddr>,
    renew_after: Duration,
    valid: Duration,
}

/// A message of a server to this client.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Offer {
        server: Vec<u8>,
    },
    Granted(Lease),
    /// There is nothing for this client.
    Nothing,
}

impl Client {
    pub(super) fn start(link: &Link) -> io::Result<Self> {
        let mac = link.mac.ok_or_else(|| io::Error::other("it is not an Ethernet interface"))?;
        let stop = Arc::new(Stop::default());
        let worker = Worker {
            index: link.index,
            name: link.name.clone(),
            client: client_id(mac),
            stop: Arc::clone(&stop),
            netlink: Netlink::open()?,
            held: Vec::new(),
        };
        std::thread::Builder::new().name(format!("dhcp6-{}", link.name)).spawn(move || worker.run())?;
        Ok(Self { stop })
    }

    /// Ends it without a word to the server: the interface has gone.
    pub(super) fn stop(self) {
        self.stop.stop();
    }
}

struct Worker {
    index: u32,
    name: String,
    client: Vec<u8>,
    stop: Arc<Stop>,
    netlink: Netlink,
    /// Addresses that the interface has from here.
    held: Vec<Ipv6Addr>,
}

impl Worker {
    fn run(mut self) {
        while !self.stop.is_stopped() {
            let lease = match self.acquire() {
                Ok(Some(lease)) => lease,
                Ok(None) => return,
                // No link-local address to send from yet, or the interface is down.
                Err(_) if self.stop.sleep(Duration::from_millis(500)) => return,
                Err(_) => continue,
            };
            self.apply(&lease);
            if self.keep(lease) {
                return;
            }
        }
    }

    /// Until a server has given addresses. `None`: to be stopped.
    fn acquire(&self) -> io::Result<Option<Lease>> {
        let socket = self.socket()?;
        let mut wait = FIRST_WAIT;
        while !self.stop.is_stopped() {
            let solicit = self.message(MessageType::Solicit, None, &[]);
            match self.exchange(&socket, &solicit, wait)? {
                Some(Answer::Granted(lease)) => return Ok(Some(lease)),
                Some(Answer::Offer { server }) => {
                    let request = self.message(MessageType::Request, Some(&server), &[]);
                    if let Some(Answer::Granted(lease)) = self.exchange(&socket, &request, FIRST_WAIT * 4)? {
                        return Ok(Some(lease));
                    }
                }
                // A server has said no: an address may be assigned later.
                Some(Answer::Nothing) if self.stop.sleep(wait) => return Ok(None),
                Some(Answer::Nothing) | None => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        Ok(None)
    }

    /// Prolongs the lease for as long as it goes. `true`: to be stopped; `false`: the lease has ended.
    fn keep(&mut self, mut lease: Lease) -> bool {
        let mut granted_at = Instant::now();
        let mut pause = lease.renew_after;
        loop {
            let left = lease.valid.saturating_sub(granted_at.elapsed());
            if self.stop.sleep(pause.min(left)) {
                return true;
            }
            if granted_at.elapsed() >= lease.valid {
                // The kernel has removed the addresses by itself.
                self.held.clear();
                return false;
            }
            match self.prolong(&lease) {
                Ok(Some(Answer::Granted(new))) => {
                    granted_at = Instant::now();
                    pause = new.renew_after;
                    self.apply(&new);
                    lease = new;
                }
                Ok(Some(Answer::Nothing)) => {
                    self.withdraw(&[]);
                    return false;
                }
                Ok(_) | Err(_) => pause = RENEW_PAUSE.min(lease.renew_after),
            }
        }
    }

    fn prolong(&self, lease: &Lease) -> io::Result<Option<Answer>> {
        let socket = self.socket()?;
        let addresses: Vec<Ipv6Addr> = lease.addresses.iter().map(|address| address.addr).collect();
        let renew = self.message(MessageType::Renew, Some(&lease.server), &addresses);
        if let Some(answer) = self.exchange(&socket, &renew, Duration::from_secs(2))? {
            return Ok(Some(answer));
        }
        // The server may have been replaced by another.
        let rebind = self.message(MessageType::Rebind, None, &addresses);
        self.exchange(&socket, &rebind, Duration::from_secs(2))
    }

    fn apply(&mut self, lease: &Lease) {
        for address in &lease.addresses {
            let added = self.netlink.add_ipv6_address(
                self.index,
                address.addr,
                address.preferred_life,
                address.valid_life,
            );
            match added {
                Ok(()) if self.held.contains(&address.addr) => {}
                Ok(()) => {
                    say(format_args!("{}: {}", self.name, address.addr));
                    self.held.push(address.addr);
                }
                Err(error) => say(format_args!("{}: {}: {error}", self.name, address.addr)),
            }
        }
        self.withdraw(&lease.addresses);
    }

    /// Takes away what is held and not among these.
    fn withdraw(&mut self, keep: &[IAAddr]) {
        let (kept, gone): (Vec<Ipv6Addr>, Vec<Ipv6Addr>) =
            self.held.iter().partition(|held| keep.iter().any(|address| address.addr == **held));
        self.held = kept;
        for address in gone {
            if let Err(error) = self.netlink.remove_ipv6_address(self.index, address) {
                say(format_args!("{}: {address}: {error}", self.name));
            }
        }
    }

    fn socket(&self) -> io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, None)?;
        socket.set_only_v6(true)?;
        socket.set_reuse_address(true)?;
        socket.bind_device(Some(self.name.as_bytes()))?;
        socket.bind(&SockAddr::from(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, CLIENT_PORT, 0, 0)))?;
        Ok(socket.into())
    }

    fn message(&self, kind: MessageType, server: Option<&[u8]>, addresses: &[Ipv6Addr]) -> Message {
        let mut message = Message::new_with_id(kind, [0; 3]);
        message.set_xid_num(random_u32() & 0x00ff_ffff);
        let options = message.opts_mut();
        options.insert(DhcpOption::ClientId(self.client.clone()));
        if let Some(server) = server {
            options.insert(DhcpOption::ServerId(server.to_vec()));
        }
        if kind == MessageType::Solicit {
            options.insert(DhcpOption::RapidCommit);
        }
        options.insert(DhcpOption::ElapsedTime(0));
        let mut association = DhcpOptions::new();
        for address in addresses {
            association.insert(DhcpOption::IAAddr(IAAddr {
                addr: *address,
                preferred_life: 0,
                valid_life: 0,
                opts: DhcpOptions::new(),
            }));
        }
        options.insert(DhcpOption::IANA(IANA { id: ASSOCIATION, t1: 0, t2: 0, opts: association }));
        options.insert(DhcpOption::ORO(ORO { opts: vec![OptionCode::DomainNameServers] }));
        message
    }

    fn exchange(&self, socket: &UdpSocket, message: &Message, wait: Duration) -> io::Result<Option<Answer>> {
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).map_err(|error| io::Error::other(error.to_string()))?;
        socket.send_to(&bytes, SocketAddrV6::new(SERVERS, SERVER_PORT, 0, self.index))?;
        let deadline = Instant::now() + wait;
        let mut buffer = [0; 1500];
        while !self.stop.is_stopped() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut buffer) {
                Ok(count) => {
                    if let Some(answer) = read(&buffer[..count], message.xid(), &self.client) {
                        return Ok(Some(answer));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// A client's lasting name, made of its Ethernet address (RFC 8415, 11.4).
fn client_id(mac: [u8; 6]) -> Vec<u8> {
    [0, 3, 0, 1].into_iter().chain(mac).collect()
}

/// What a server's bytes mean, if they are an answer to this transaction of this client.
fn read(bytes: &[u8], transaction: [u8; 3], client: &[u8]) -> Option<Answer> {
    let message = Message::decode(&mut Decoder::new(bytes)).ok()?;
    let options = message.opts();
    let Some(DhcpOption::ClientId(to)) = options.get(OptionCode::ClientId) else { return None };
    let Some(DhcpOption::ServerId(server)) = options.get(OptionCode::ServerId) else { return None };
    if message.xid() != transaction || to != client {
        return None;
    }
    let associations = options.get_all(OptionCode::IANA).unwrap_or_default();
    let ours = associations.iter().find_map(|option| match option {
        DhcpOption::IANA(association) if association.id == ASSOCIATION => Some(association),
        _ => None,
    });
    let addresses: Vec<IAAddr> = ours
        .and_then(|association| association.opts.get_all(OptionCode::IAAddr))
        .unwrap_or_default()
        .iter()
        .filter_map(|option| match option {
            // A lifetime of zero takes an address away.
            DhcpOption::IAAddr(address) if address.valid_life > 0 => Some(address.clone()),
            _ => None,
        })
        .collect();
    let Some(valid_secs) = addresses.iter().map(|address| address.valid_life).min() else {
        return Some(Answer::Nothing);
    };
    match message.msg_type() {
        MessageType::Advertise => Some(Answer::Offer { server: server.clone() }),
        MessageType::Reply => {
            let asked = ours.map_or(0, |association| association.t1);
            let renew_secs = if asked == 0 { valid_secs / 2 } else { asked };
            Some(Answer::Granted(Lease {
                server: server.clone(),
                addresses,
                renew_after: Duration::from_secs(renew_secs.clamp(SHORTEST_RENEWAL_SECS, valid_secs).into()),
                valid: Duration::from_secs(valid_secs.into()),
            }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 5];

    fn reply(kind: MessageType, valid_secs: u32) -> Vec<u8> {
        let mut message = Message::new_with_id(kind, [1, 2, 3]);
        let mut association = DhcpOptions::new();
        association.insert(DhcpOption::IAAddr(IAAddr {
            addr: "2001:db8::5".parse().unwrap(),
            preferred_life: valid_secs,
            valid_life: valid_secs,
            opts: DhcpOptions::new(),
        }));
        let options = message.opts_mut();
        options.insert(DhcpOption::ClientId(client_id(MAC)));
        options.insert(DhcpOption::ServerId(vec![0, 3, 0, 1, 9]));
        options.insert(DhcpOption::IANA(IANA { id: ASSOCIATION, t1: 0, t2: 0, opts: association }));
        let mut bytes = Vec::new();
        message.encode(&mut Encoder::new(&mut bytes)).unwrap();
        bytes
    }

    #[test]
    fn answers_are_understood_when_they_are_ours() {
        let client = client_id(MAC);
        let Some(Answer::Granted(lease)) = read(&reply(MessageType::Reply, 450), [1, 2, 3], &client) else {
            panic!("not granted")
        };
        assert_eq!((lease.renew_after.as_secs(), lease.valid.as_secs()), (225, 450));
        assert_eq!(lease.addresses[0].addr.to_string(), "2001:db8::5");
        let server = vec![0, 3, 0, 1, 9];
        assert_eq!(
            read(&reply(MessageType::Advertise, 9), [1, 2, 3], &client),
            Some(Answer::Offer { server })
        );
        assert_eq!(read(&reply(MessageType::Reply, 0), [1, 2, 3], &client), Some(Answer::Nothing));
        assert_eq!(read(&reply(MessageType::Reply, 9), [1, 2, 4], &client), None);
        assert_eq!(read(&reply(MessageType::Reply, 9), [1, 2, 3], &client_id([9; 6])), None);
        let whole = reply(MessageType::Reply, 9);
        for length in 0..whole.len() {
            let answer = read(&whole[..length], [1, 2, 3], &client);
            assert!(!matches!(answer, Some(Answer::Granted(_))), "cut to {length}");
        }
    }
}
