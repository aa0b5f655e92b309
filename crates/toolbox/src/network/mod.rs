//! The guest's network: loopback up, a DHCP client for every Ethernet interface, also for one that comes later.
//!
//! Owns which interface gets a client and when the network counts as configured. Refuses to know where interfaces
//! come from.

mod dhcp;
mod dhcp6;
mod lease;
pub(crate) mod netlink;
mod stop;

use std::collections::HashMap;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex};

use crate::init::say;

use dhcp::Client;
use netlink::{Link, LinkEvents, Netlink};

/// The network of the guest, looked after by threads for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Network {
    configured: PipeReader,
}

/// Interfaces that are still to be configured before the network is up.
struct Awaited {
    interfaces: Mutex<Vec<String>>,
    done: PipeWriter,
}

impl Network {
    /// Starts to look after the network.
    pub(crate) fn start(awaited: &[String]) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        // Events first, then the list: nothing falls between.
        let events = LinkEvents::open()?;
        for link in netlink.links()? {
            if link.is_loopback {
                netlink.set_up(link.index)?;
            } else {
                // Left over from before a reboot.
                netlink.remove_ipv4_addresses(link.index)?;
            }
        }
        // A kernel that has no rules has none left over.
        if let Err(error) = netlink.remove_ipv4_rules(None) {
            say(format_args!("rules of before are not removed: {error}"));
        }
        let (configured, done) = io::pipe()?;
        let awaited = Arc::new(Awaited { interfaces: Mutex::new(awaited.to_vec()), done });
        let links = netlink.links()?;
        std::thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || watch(events, netlink, links, &awaited))?;
        Ok(Self { configured })
    }

    /// Becomes readable when every awaited interface has been configured.
    pub(crate) fn configured(&self) -> BorrowedFd<'_> {
        self.configured.as_fd()
    }
}

impl Awaited {
    fn is_awaited(&self, name: &str) -> bool {
        self.interfaces.lock().is_ok_and(|interfaces| interfaces.iter().any(|awaited| awaited == name))
    }

    fn configured(&self, name: &str) {
        let Ok(mut interfaces) = self.interfaces.lock() else { return };
        let before = interfaces.len();
        interfaces.retain(|awaited| awaited != name);
        if interfaces.is_empty() && before > 0 {
            let _ = (&self.done).write_all(b"c");
        }
    }
}

/// The clients of one interface.
struct Clients {
    v4: Client,
    /// From when a router has asked for it.
    v6: Option<dhcp6::Client>,
}

/// Clients for each interface that there is and that comes; ends those whose interface goes.
fn watch(mut events: LinkEvents, mut netlink: Netlink, links: Vec<Link>, awaited: &Arc<Awaited>) {
    let mut clients: HashMap<u32, Clients> = HashMap::new();
    for link in links {
        consider(&mut clients, link, awaited);
    }
    loop {
        match events.next() {
            Ok(netlink::LinkEvent::Present(link)) => consider(&mut clients, link, awaited),
            Ok(netlink::LinkEvent::Gone(index)) => {
                if let Some(clients) = clients.remove(&index) {
                    if let Err(error) = clients.v4.stop(&mut netlink) {
                        say(format_args!("rules of an interface that has gone: {error}"));
                    }
                    if let Some(client) = clients.v6 {
                        client.stop();
                    }
                }
            }
            Err(error) => {
                say(format_args!("interfaces are not watched any more: {error}"));
                return;
            }
        }
    }
}

fn consider(clients: &mut HashMap<u32, Clients>, link: Link, awaited: &Arc<Awaited>) {
    if let Some(clients) = clients.get_mut(&link.index) {
        clients.consider_v6(&link);
        return;
    }
    if !wants_client(&link, awaited) {
        return;
    }
    let awaited = Arc::clone(awaited);
    skip_duplicate_detection(&link.name);
    match Client::start(&link, move |name| awaited.configured(name)) {
        Ok(v4) => {
            let mut started = Clients { v4, v6: None };
            started.consider_v6(&link);
            clients.insert(link.index, started);
        }
        Err(error) => say(format_args!("no DHCP client for {}: {error}", link.name)),
    }
}

impl Clients {
    fn consider_v6(&mut self, link: &Link) {
        if self.v6.is_none() && link.is_managed {
            match dhcp6::Client::start(link) {
                Ok(client) => self.v6 = Some(client),
                Err(error) => say(format_args!("no DHCPv6 client for {}: {error}", link.name)),
            }
        }
    }
}

/// The fabric gives each address out once, so the seconds that the kernel waits for another owner to speak up, and
/// before it asks for a router, are lost. A guest without IPv6 has nothing to set.
fn skip_duplicate_detection(name: &str) {
    for (setting, value) in [("accept_dad", "0"), ("dad_transmits", "0"), ("router_solicitation_delay", "0")]
    {
        let _ = std::fs::write(format!("/proc/sys/net/ipv6/conf/{name}/{setting}"), value);
    }
}

/// Ethernet interfaces by the names that instances have; what the guest makes itself (bridges, pairs) is its own.
fn wants_client(link: &Link, awaited: &Awaited) -> bool {
    let instance_name = link
        .name
        .strip_prefix("eth")
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()));
    link.mac.is_some() && (instance_name || awaited.is_awaited(&link.name))
}
