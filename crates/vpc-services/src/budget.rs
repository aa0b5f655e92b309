//! How many packets an interface may send to the services at link-local addresses.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Instant;

use parking_lot::Mutex;

/// The limit per network interface, over all link-local services together; what is above it is dropped.
///
/// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#vpc-dns-limits>
pub const LINK_LOCAL_PACKETS_PER_SEC: u32 = 1024;

/// Counts packets per interface in windows of one second. One budget is shared by all servers.
#[derive(Debug)]
pub struct LinkLocalBudget {
    started: Instant,
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    second: u64,
    /// Emptied at each new second, so it never holds more than the interfaces that asked within one.
    counts: HashMap<IpAddr, u32>,
}

impl Default for LinkLocalBudget {
    fn default() -> Self {
        Self { started: Instant::now(), window: Mutex::default() }
    }
}

impl LinkLocalBudget {
    /// A budget that nothing was taken from.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one packet from the budget of an interface. Answers whether there was one left.
    pub fn take(&self, peer: IpAddr) -> bool {
        self.take_at(peer, Instant::now())
    }

    fn take_at(&self, peer: IpAddr, now: Instant) -> bool {
        let second = now.saturating_duration_since(self.started).as_secs();
        let mut window = self.window.lock();
        if second != window.second {
            window.second = second;
            window.counts.clear();
        }
        let count = window.counts.entry(peer).or_default();
        let has_left = *count < LINK_LOCAL_PACKETS_PER_SEC;
        if has_left {
            *count += 1;
        }
        has_left
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
    }
}
