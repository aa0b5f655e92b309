//! How many packets an interface may send to the services at link-local addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use parking_lot::Mutex;

/// The limit per network interface, over all link-local services together; what is above it is dropped.
///
/// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#vpc-dns-limits>
pub const LINK_LOCAL_PACKETS_PER_SEC: u32 = 1024;

/// For how many interfaces it is kept how much was dropped of each; all further ones count in the sum alone.
const MAX_COUNTED_INTERFACES: usize = 65_536;

/// The interface behind a link address, which has one in each family.
pub type InterfaceNumber = fn(IpAddr) -> Option<u32>;

/// Counts packets per interface in windows of one second. One budget is shared by all servers.
#[derive(Debug)]
pub struct LinkLocalBudget {
    clock: fn() -> Instant,
    started: Instant,
    number: InterfaceNumber,
    window: Mutex<Window>,
}

/// Whose packets are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sender {
    Interface(u32),
    /// One that no interface is known behind.
    Address(IpAddr),
}

#[derive(Debug, Default)]
struct Window {
    second: u64,
    /// Emptied at each new second, so it never holds more than the interfaces that asked within one.
    counts: HashMap<Sender, u32>,
    dropped: HashMap<Sender, u64>,
    dropped_in_all: u64,
}

impl Default for LinkLocalBudget {
    fn default() -> Self {
        Self::of_interfaces(|_| None)
    }
}

impl LinkLocalBudget {
    /// A budget that nothing was taken from, for each address.
    pub fn new() -> Self {
        Self::default()
    }

    /// A budget that nothing was taken from, for each interface: both of its link addresses have it together.
    pub fn of_interfaces(number: InterfaceNumber) -> Self {
        Self::with_clock(number, Instant::now)
    }

    /// The same by another clock than the machine's.
    pub fn with_clock(number: InterfaceNumber, clock: fn() -> Instant) -> Self {
        Self { clock, started: clock(), number, window: Mutex::default() }
    }

    /// Takes one packet from the budget of an interface. Answers whether there was one left; if not, the packet counts as
    /// dropped.
    pub fn take(&self, peer: IpAddr) -> bool {
        self.take_at(peer, (self.clock)())
    }

    /// How many packets of an interface were dropped since this budget began.
    pub fn dropped(&self, peer: IpAddr) -> u64 {
        self.window.lock().dropped.get(&self.sender(peer)).copied().unwrap_or_default()
    }

    /// How many packets were dropped since this budget began.
    pub fn dropped_in_all(&self) -> u64 {
        self.window.lock().dropped_in_all
    }

    fn sender(&self, peer: IpAddr) -> Sender {
        (self.number)(peer).map_or(Sender::Address(peer), Sender::Interface)
    }

    fn take_at(&self, peer: IpAddr, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.started).as_secs();
        let sender = self.sender(peer);
        let mut window = self.window.lock();
        if second != window.second {
            window.second = second;
            window.counts.clear();
        }
        let count = window.counts.entry(sender).or_default();
        if *count < LINK_LOCAL_PACKETS_PER_SEC {
            *count += 1;
            return true;
        }
        window.dropped_in_all += 1;
        if window.dropped.len() < MAX_COUNTED_INTERFACES || window.dropped.contains_key(&sender) {
            *window.dropped.entry(sender).or_default() += 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fact_62_1024_packets_a_second_for_each_interface() {
        let budget = LinkLocalBudget::new();
        let (one, other) = (IpAddr::from([100, 64, 0, 1]), IpAddr::from([100, 64, 0, 2]));
        let now = budget.started + Duration::from_millis(100);
        let passed = (0..3000).filter(|_| budget.take_at(one, now)).count();
        assert_eq!(passed, 1024);
        assert!(budget.take_at(other, now), "another interface has its own budget");
        assert!(budget.take_at(one, now + Duration::from_secs(1)), "a new second is a new budget");
        assert_eq!((budget.dropped(one), budget.dropped(other), budget.dropped_in_all()), (1976, 0, 1976));
    }

    #[test]
    fn fact_62_both_families_of_an_interface_share_a_budget() {
        let last_bits = |peer: IpAddr| match peer {
            IpAddr::V4(peer) => Some(peer.to_bits() & 0xff),
            IpAddr::V6(peer) => Some(peer.to_bits() as u32),
        };
        let budget = LinkLocalBudget::of_interfaces(last_bits);
        let (v4, v6): (IpAddr, IpAddr) =
            ("100.64.0.7".parse().unwrap(), "fd62:7275:6d65::7".parse().unwrap());
        let now = budget.started;
        let passed =
            (0..2000).filter(|packet| budget.take_at(if packet % 2 == 0 { v4 } else { v6 }, now)).count();
        assert_eq!(passed, 1024);
        assert_eq!((budget.dropped(v4), budget.dropped(v6)), (976, 976));
    }
}
