//! The DHCP client of one interface, in a thread of its own.
//!
//! ```text
//! asking --ack--> bound --T1--> renewing --T2--> rebinding --end of lease--> asking
//!   ^               ^-----ack------+----ack---------+  |
//!   +------------------------nak-----------------------+
//! ```

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::init::say;

use super::lease::{self, Answer, Ask, Lease};
use super::netlink::{Ipv4Route, Link, Netlink};
use super::stop::{Stop, random_u32};
use packet::PacketSocket;

mod packet;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// The first wait for an answer. RFC 2131 proposes four seconds for networks that are shared and slow; a fabric that
/// is a process on the same host answers at once or has just been started.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Waits double up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

/// A running client.
#[derive(Debug)]
pub(super) struct Client {
    stop: Arc<Stop>,
    table: Option<u32>,
}

impl Client {
    /// Starts one; `configured` is called with the interface's name after each lease that was put into effect.
    pub(super) fn start(link: &Link, configured: impl Fn(&str) + Send + 'static) -> io::Result<Self> {
        let mac = link.mac.ok_or_else(|| io::Error::other("it is not an Ethernet interface"))?;
        let stop = Arc::new(Stop::default());
        let worker = Worker {
            index: link.index,
            name: link.name.clone(),
            mac,
            stop: Arc::clone(&stop),
            netlink: Netlink::open()?,
            began: Instant::now(),
        };
        std::thread::Builder::new()
            .name(format!("dhcp-{}", link.name))
            .spawn(move || worker.run(&configured))?;
        Ok(Self { stop, table: table_of(&link.name) })
    }

    /// Ends it without a word to the server: the interface has gone, and its addresses and routes with it, but rules
    /// are no interface's.
    pub(super) fn stop(self, netlink: &mut Netlink) -> io::Result<()> {
        self.stop.stop();
        self.table.map_or(Ok(()), |table| netlink.remove_ipv4_rules(Some(table)))
    }
}

struct Worker {
    index: u32,
    name: String,
    mac: [u8; 6],
    stop: Arc<Stop>,
    netlink: Netlink,
    began: Instant,
}

impl Worker {
    fn run(mut self, configured: &dyn Fn(&str)) {
        let mut told = None;
        while !self.stop.is_stopped() {
            let lease = match self.acquire() {
                Ok(Some(lease)) => lease,
                Ok(None) => return,
                Err(error) => {
                    // Each kind of trouble is told once, not at each try.
                    if told.replace(error.kind()) != Some(error.kind()) {
                        say(format_args!("{}: DHCP: {error}", self.name));
                    }
                    if self.stop.sleep(Duration::from_secs(1)) {
                        return;
                    }
                    continue;
                }
            };
            if let Err(error) = self.apply(&lease) {
                say(format_args!("{}: {}: {error}", self.name, lease.address));
            }
            say(format_args!(
                "{}: {}/{} from {} in {} ms",
                self.name,
                lease.address,
                lease.prefix_length,
                lease.server,
                self.began.elapsed().as_millis()
            ));
            configured(&self.name);
            if self.keep(lease) {
                return;
            }
            self.began = Instant::now();
        }
    }

    /// Until a server has granted a lease. `None`: to be stopped.
    fn acquire(&mut self) -> io::Result<Option<Lease>> {
        self.netlink.set_up(self.index)?;
        let socket = PacketSocket::open(self.index)?;
        let mut wait = FIRST_WAIT;
        loop {
            if self.stop.is_stopped() {
                return Ok(None);
            }
            let transaction = random_u32();
            let offer = self.exchange(&socket, Ask::Discover, transaction, wait)?;
            if let Some(Answer::Offer { address, server }) = offer {
                let take = Ask::Take { address, server };
                for _ in 0..4 {
                    match self.exchange(&socket, take, transaction, FIRST_WAIT.max(wait))? {
                        Some(Answer::Granted(lease)) => return Ok(Some(lease)),
                        Some(_) => break,
                        None => {}
                    }
                }
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Sends to everybody and waits for a fitting answer.
    fn exchange(
        &self,
        socket: &PacketSocket,
        ask: Ask,
        transaction: u32,
        wait: Duration,
    ) -> io::Result<Option<Answer>> {
        let elapsed_secs = u16::try_from(self.began.elapsed().as_secs()).unwrap_or(u16::MAX);
        let message = lease::encode(ask, transaction, self.mac, elapsed_secs)
            .ok_or_else(|| io::Error::other("the message cannot be encoded"))?;
        let source = if let Ask::Prolong { address } = ask { address } else { Ipv4Addr::UNSPECIFIED };
        let from = SocketAddrV4::new(source, CLIENT_PORT);
        socket.broadcast(from, SERVER_PORT, &message)?;
        let deadline = Instant::now() + wait;
        while !self.stop.is_stopped() {
            let Some(payload) = socket.receive(CLIENT_PORT, deadline)? else { return Ok(None) };
            match (ask, lease::decode(&payload, transaction, self.mac)) {
                (Ask::Discover, Some(answer @ Answer::Offer { .. })) => return Ok(Some(answer)),
                (Ask::Discover, _) | (_, None | Some(Answer::Offer { .. })) => {}
                (_, answer) => return Ok(answer),
            }
        }
        Ok(None)
    }

    /// Prolongs the lease for as long as servers agree. `true`: to be stopped; `false`: the lease has ended.
    fn keep(&mut self, mut lease: Lease) -> bool {
        let mut granted_at = Instant::now();
        if self.stop.sleep(lease.renew_after) {
            return true;
        }
        loop {
            let age = granted_at.elapsed();
            if age >= lease.valid {
                say(format_args!("{}: the lease of {} has ended", self.name, lease.address));
                self.remove();
                return false;
            }
            let answer = if age < lease.rebind_after { self.renew(&lease) } else { self.rebind(&lease) };
            match answer {
                Ok(Some(Answer::Granted(new))) => {
                    granted_at = Instant::now();
                    if new != lease
                        && let Err(error) = self.apply(&new)
                    {
                        say(format_args!("{}: {}: {error}", self.name, new.address));
                    }
                    lease = new;
                    if self.stop.sleep(lease.renew_after) {
                        return true;
                    }
                }
                Ok(Some(Answer::Refused)) => {
                    say(format_args!("{}: the lease of {} was withdrawn", self.name, lease.address));
                    self.remove();
                    return false;
                }
                Ok(_) | Err(_) => {
                    // RFC 2131, 4.4.5: again after half of what is left, but not more often than each minute; with
                    // short leases more often.
                    let next = if age < lease.rebind_after { lease.rebind_after } else { lease.valid };
                    let left = next.saturating_sub(granted_at.elapsed());
                    let pause = (left / 2).clamp(Duration::from_millis(500), Duration::from_secs(60));
                    if self.stop.sleep(pause) {
                        return true;
                    }
                }
            }
        }
    }

    /// Asks the server of the lease, from the address that it gave.
    fn renew(&self, lease: &Lease) -> io::Result<Option<Answer>> {
        let socket = UdpSocket::bind((lease.address, CLIENT_PORT))?;
        socket.connect((lease.server, SERVER_PORT))?;
        let transaction = random_u32();
        let message = lease::encode(Ask::Prolong { address: lease.address }, transaction, self.mac, 0)
            .ok_or_else(|| io::Error::other("the message cannot be encoded"))?;
        socket.send(&message)?;
        let deadline = Instant::now() + Duration::from_secs(2);
        let mut buffer = [0; 1500];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut buffer) {
                Ok(count) => {
                    if let Some(answer) = lease::decode(&buffer[..count], transaction, self.mac) {
                        return Ok(Some(answer));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    fn rebind(&self, lease: &Lease) -> io::Result<Option<Answer>> {
        let socket = PacketSocket::open(self.index)?;
        let ask = Ask::Prolong { address: lease.address };
        self.exchange(&socket, ask, random_u32(), Duration::from_secs(2))
    }

    /// Puts a lease into effect.
    fn apply(&mut self, lease: &Lease) -> io::Result<()> {
        if let Some(mtu_bytes) = lease.mtu_bytes
            && let Err(error) = self.netlink.set_mtu(self.index, mtu_bytes.into())
        {
            say(format_args!("{}: MTU {mtu_bytes}: {error}", self.name));
        }
        let keep = self.netlink.addresses()?.iter().any(|message| {
            message.header.index == self.index
                && message.header.prefix_len == lease.prefix_length
                && message
                    .attributes
                    .contains(&netlink_packet_route::address::AddressAttribute::Local(lease.address.into()))
        });
        if !keep {
            self.remove_addresses()?;
            self.netlink.add_ipv4_address(self.index, lease.address, lease.prefix_length)?;
        }
        let table = table_of(&self.name);
        for route in routes(lease, metric_of(&self.name)) {
            self.netlink.add_ipv4_route(self.index, route)?;
            if table.is_some() {
                self.netlink.add_ipv4_route(self.index, Ipv4Route { table, ..route })?;
            }
        }
        if let Some(table) = table {
            self.netlink.add_ipv4_rule(lease.address, table)?;
        }
        if is_primary(&self.name) {
            // In one step: a reader never sees half of it.
            fs::write("/etc/resolv.conf.new", lease::resolv_conf(lease))?;
            fs::rename("/etc/resolv.conf.new", "/etc/resolv.conf")?;
        }
        Ok(())
    }

    fn remove(&mut self) {
        if let Err(error) = self.remove_addresses() {
            say(format_args!("{}: {error}", self.name));
        }
    }

    /// With the last address the kernel removes the interface's routes, of all tables; the rules are left to do.
    fn remove_addresses(&mut self) -> io::Result<()> {
        self.netlink.remove_ipv4_addresses(self.index)?;
        table_of(&self.name).map_or(Ok(()), |table| self.netlink.remove_ipv4_rules(Some(table)))
    }
}

/// The routes of a lease, that to its subnet first: gateways are reached by it. RFC 3442: with classless routes,
/// routers do not count.
fn routes(lease: &Lease, metric: u32) -> Vec<Ipv4Route> {
    let route = |destination, prefix_length, gateway| Ipv4Route {
        destination,
        prefix_length,
        gateway,
        source: None,
        metric,
        table: None,
    };
    let mut routes = Vec::new();
    if lease.prefix_length < 32 {
        let mask = u32::MAX.checked_shl(32 - u32::from(lease.prefix_length)).unwrap_or(0);
        let subnet = Ipv4Addr::from_bits(lease.address.to_bits() & mask);
        routes.push(Ipv4Route { source: Some(lease.address), ..route(subnet, lease.prefix_length, None) });
    }
    if lease.classless_routes.is_empty() {
        let router = lease.routers.first();
        routes.extend(router.map(|gateway| route(Ipv4Addr::UNSPECIFIED, 0, Some(*gateway))));
    } else {
        routes.extend(lease.classless_routes.iter().map(|(destination, prefix_length, gateway)| {
            route(*destination, *prefix_length, (!gateway.is_unspecified()).then_some(*gateway))
        }));
    }
    routes
}

fn is_primary(name: &str) -> bool {
    name == "eth0"
}

/// The first interface is preferred; metrics as Amazon Linux sets them, 512 for it and upwards for the others.
fn metric_of(name: &str) -> u32 {
    512 + 10 * number_of(name)
}

/// The table by which the addresses of an interface send, so that an answer leaves by the interface whose address was
/// asked: a network that checks sources drops it at another. Numbered as Amazon Linux does. The first interface has
/// none: it is what the main table prefers, with all that the guest adds there.
fn table_of(name: &str) -> Option<u32> {
    let number = number_of(name);
    (number > 0).then_some(10_000 + number)
}

fn number_of(name: &str) -> u32 {
    // What an instance can have is far below; a name is no reason to overflow.
    let number: u16 = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    number.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_interface_has_the_best_metric() {
        assert_eq!([metric_of("eth0"), metric_of("eth1"), metric_of("eth12")], [512, 522, 632]);
    }

    #[test]
    fn interfaces_beyond_the_first_have_a_table() {
        assert_eq!(
            [table_of("eth0"), table_of("eth1"), table_of("eth12")],
            [None, Some(10_001), Some(10_012)]
        );
    }
}
