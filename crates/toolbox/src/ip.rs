//! `ip`: what interfaces, addresses and routes there are, as iproute2 prints them. It changes nothing.

use std::ffi::OsString;
use std::net::IpAddr;
use std::process::ExitCode;

use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};

use crate::network::netlink::{Link, Netlink};

const HELP: &str = "usage: ip [-4 | -6] { address | link | route } [show] [dev NAME]

A stand-in for ip: it shows interfaces, addresses and routes, and changes nothing.
";

pub(crate) fn main(args: &[OsString]) -> ExitCode {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    match run(&args) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<String, String> {
    let mut family = None;
    let mut words = args.iter().map(String::as_str).peekable();
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        match option {
            "-4" => family = Some(AddressFamily::Inet),
            "-6" => family = Some(AddressFamily::Inet6),
            "-h" | "--help" | "-help" => return Ok(HELP.to_owned()),
            other => return Err(format!("Option \"{other}\" is not supported, try \"ip --help\".")),
        }
    }
    let object = words.next().ok_or(HELP)?;
    let is = |full: &str| !object.is_empty() && full.starts_with(object);
    let _ = words.next_if(|word| !word.is_empty() && ("show".starts_with(word) || "list".starts_with(word)));
    let device = match (words.next(), words.next()) {
        (Some("dev"), Some(name)) => Some(name),
        (Some(name), None) if name != "dev" => Some(name),
        (None, _) => None,
        (Some(word), _) => return Err(format!("Command \"{word}\" is not supported, try \"ip --help\".")),
    };
    let failed = |error: std::io::Error| format!("Cannot talk to rtnetlink: {error}");
    let mut netlink = Netlink::open().map_err(failed)?;
    let links = netlink.links().map_err(failed)?;
    if device.is_some_and(|name| !links.iter().any(|link| link.name == name)) {
        return Err(format!("Device \"{}\" does not exist.", device.unwrap_or_default()));
    }
    let shown = |link: &&Link| device.is_none_or(|name| link.name == name);
    if is("address") {
        let addresses = netlink.addresses().map_err(failed)?;
        Ok(links
            .iter()
            .filter(shown)
            .map(|link| link_text(link) + &addresses_text(link, &addresses, family))
            .collect())
    } else if is("link") {
        Ok(links.iter().filter(shown).map(link_text).collect())
    } else if is("route") {
        let routes = netlink.routes(family.unwrap_or(AddressFamily::Inet)).map_err(failed)?;
        let routes = routes.iter().filter_map(|route| route_text(route, &links, device));
        Ok(routes.collect())
    } else {
        Err(format!("Object \"{object}\" is unknown, try \"ip --help\"."))
    }
}

fn link_text(link: &Link) -> String {
    let mut flags = vec![if link.is_loopback { "LOOPBACK" } else { "BROADCAST,MULTICAST" }];
    if link.is_up {
        flags.push("UP");
    }
    if link.is_operational || (link.is_loopback && link.is_up) {
        flags.push("LOWER_UP");
    }
    let state = match (link.is_loopback, link.is_operational, link.is_up) {
        (true, _, true) => "UNKNOWN",
        (false, true, _) => "UP",
        _ => "DOWN",
    };
    let kind = if link.is_loopback { "loopback" } else { "ether" };
    let mac = link.mac.unwrap_or_default().map(|byte| format!("{byte:02x}")).join(":");
    let broadcast = if link.is_loopback { "00:00:00:00:00:00" } else { "ff:ff:ff:ff:ff:ff" };
    format!(
        "{}: {}: <{}> mtu {} state {state}\n    link/{kind} {mac} brd {broadcast}\n",
        link.index,
        link.name,
        flags.join(","),
        link.mtu_bytes
    )
}

fn addresses_text(link: &Link, addresses: &[AddressMessage], family: Option<AddressFamily>) -> String {
    let mut text = String::new();
    for message in addresses {
        let header = &message.header;
        if header.index != link.index || family.is_some_and(|family| family != header.family) {
            continue;
        }
        let mut shown: Option<IpAddr> = None;
        let mut broadcast = String::new();
        for attribute in &message.attributes {
            match attribute {
                AddressAttribute::Local(address) => shown = Some(*address),
                AddressAttribute::Address(address) => shown = shown.or(Some(*address)),
                AddressAttribute::Broadcast(address) => broadcast = format!(" brd {address}"),
                _ => {}
            }
        }
        let Some(address) = shown else { continue };
        let name = if address.is_ipv4() { "inet" } else { "inet6" };
        let scope = match header.scope {
            AddressScope::Universe => "global",
            AddressScope::Host => "host",
            AddressScope::Site => "site",
            _ => "link",
        };
        text.push_str(&format!("    {name} {address}/{}{broadcast} scope {scope}", header.prefix_len));
        text.push_str(&if address.is_ipv4() { format!(" {}\n", link.name) } else { "\n".to_owned() });
    }
    text
}

/// A route of the main table, on one line. `None`: it is of another table, or not of the device.
fn route_text(route: &RouteMessage, links: &[Link], device: Option<&str>) -> Option<String> {
    let header = &route.header;
    if header.table != RouteHeader::RT_TABLE_MAIN {
        return None;
    }
    let (mut destination, mut rest, mut on_device) = ("default".to_owned(), String::new(), None);
    let mut metric = String::new();
    let mut source = String::new();
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Destination(address) => {
                let length = header.destination_prefix_length;
                let is_host = length == if header.address_family == AddressFamily::Inet { 32 } else { 128 };
                destination = address_text(address)?;
                if !is_host {
                    destination.push_str(&format!("/{length}"));
                }
            }
            RouteAttribute::Gateway(address) => rest.push_str(&format!(" via {}", address_text(address)?)),
            RouteAttribute::Oif(index) => {
                on_device = links.iter().find(|link| link.index == *index).map(|link| link.name.clone());
            }
            RouteAttribute::PrefSource(address) => source = format!(" src {}", address_text(address)?),
            RouteAttribute::Priority(value) => metric = format!(" metric {value}"),
            _ => {}
        }
    }
    if device.is_some() && device != on_device.as_deref() {
        return None;
    }
    if let Some(name) = on_device {
        rest.push_str(&format!(" dev {name}"));
    }
    let kind = match header.kind {
        RouteType::BlackHole => "blackhole ",
        RouteType::Unreachable => "unreachable ",
        RouteType::Prohibit => "prohibit ",
        _ => "",
    };
    let protocol = match header.protocol {
        RouteProtocol::Kernel => " proto kernel",
        RouteProtocol::Dhcp => " proto dhcp",
        RouteProtocol::Static => " proto static",
        RouteProtocol::Ra => " proto ra",
        _ => "",
    };
    let scope = if header.scope == RouteScope::Link { " scope link" } else { "" };
    Some(format!("{kind}{destination}{rest}{protocol}{scope}{source}{metric}\n"))
}

fn address_text(address: &RouteAddress) -> Option<String> {
    match address {
        RouteAddress::Inet(address) => Some(address.to_string()),
        RouteAddress::Inet6(address) => Some(address.to_string()),
        _ => None,
    }
}
