//! The guest's network: loopback up, a DHCP client for every Ethernet interface, also for one that comes later.
//!
//! Owns which interface gets a client and when the network counts as configured. Refuses to know where interfaces
//! come from.

mod dhcp;
mod lease;
pub(crate) mod netlink;

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
        let (configured, done) = io::pipe()?;
        let awaited = Arc::new(Awaited { interfaces: Mutex::new(awaited.to_vec()), done });
        let links = netlink.links()?;
        std::thread::Builder::new()
            .name("network".to_owned())
            .spawn(move || watch(events, links, &awaited))?;
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

/// A client for each interface that there is and that comes; ends those whose interface goes.
fn watch(mut events: LinkEvents, links: Vec<Link>, awaited: &Arc<Awaited>) {
    let mut clients: HashMap<u32, Client> = HashMap::new();
    for link in links {
        consider(&mut clients, link, awaited);
    }
    loop {
        match events.next() {
            Ok(netlink::LinkEvent::Present(link)) => consider(&mut clients, link, awaited),
            Ok(netlink::LinkEvent::Gone(index)) => {
                if let Some(client) = clients.remove(&index) {
                    client.stop();
                }
            }
            Err(error) => {
                say(format_args!("interfaces are not watched any more: {error}"));
                return;
            }
        }
    }
}

fn consider(clients: &mut HashMap<u32, Client>, link: Link, awaited: &Arc<Awaited>) {
    if clients.contains_key(&link.index) || !wants_client(&link, awaited) {
        return;
    }
    let awaited = Arc::clone(awaited);
    let name = link.name.clone();
    match Client::start(&link, move |name| awaited.configured(name)) {
        Ok(client) => {
            clients.insert(link.index, client);
        }
        Err(error) => say(format_args!("no DHCP client for {name}: {error}")),
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
