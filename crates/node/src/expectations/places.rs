//! Who is meant by a selector.
//!
//! Owns the index from tags, ids and addresses to the ends of packets. Refuses to know what becomes of packets.

use std::collections::HashMap;
use std::net::IpAddr;

use assertions::Selector;
use ipnet::IpNet;
use store::{Read as _, Snapshot as Records};
use svc_ec2::record as ec2;
use vpc_engine::Snapshot;
use vpc_engine::reach::{self, HeaderBox, HeaderSet, Span};
use vpc_model::{Interface, InterfaceRole, Port, PortRange};

use super::Outside;

/// An end of packets.
#[derive(Clone)]
pub(super) struct Place<'a> {
    /// What people know it by.
    pub(super) name: String,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone)]
pub(super) enum Kind<'a> {
    /// An interface, or that address of it alone.
    Interface(&'a Interface, Option<IpAddr>),
    /// A host outside: declared, or the workstation.
    Outside(Port, Vec<IpAddr>),
    /// An address to send to, whoever has it.
    Address(IpAddr),
    /// All of the internet.
    Internet,
}

impl Place<'_> {
    /// Whether both are one interface.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Interface(one, _), Kind::Interface(two, _)) => one.port == two.port,
            (Kind::Interface(one, _), Kind::Address(address))
            | (Kind::Address(address), Kind::Interface(one, _)) => one.addresses().any(|own| own == *address),
            (Kind::Outside(one, _), Kind::Outside(two, _)) => one == two && self.name == other.name,
            (Kind::Internet, Kind::Internet) => true,
            _ => false,
        }
    }

    /// The port that its packets come in by; none where nobody sends.
    pub(super) fn port(&self) -> Option<Port> {
        match &self.kind {
            Kind::Interface(interface, _) => Some(interface.port),
            Kind::Outside(port, _) => Some(*port),
            Kind::Internet => Some(Port::INTERNET),
            Kind::Address(_) => None,
        }
    }

    /// What it sends from: its first address where that is enough, or all of them.
    pub(super) fn sources(&self, places: &Places<'_>, is_ipv6: bool, all: bool) -> Vec<Span> {
        let own = match &self.kind {
            Kind::Interface(_, Some(address)) => vec![IpNet::from(*address)],
            Kind::Interface(interface, None) => inside(interface),
            Kind::Outside(_, addresses) => addresses.iter().copied().map(IpNet::from).collect(),
            Kind::Address(_) => Vec::new(),
            Kind::Internet => return places.internet(is_ipv6),
        };
        let takes_all = all || !matches!(self.kind, Kind::Interface(..));
        spans(own, is_ipv6, takes_all)
    }

    /// Where it is reached, from outside of the cloud or from inside: at its first address where that is enough, or at all.
    pub(super) fn destinations(
        &self,
        places: &Places<'_>,
        is_ipv6: bool,
        from_outside: bool,
        all: bool,
    ) -> Vec<Span> {
        let own = match &self.kind {
            Kind::Interface(_, Some(address)) if !from_outside => vec![IpNet::from(*address)],
            Kind::Interface(interface, only) => {
                let is_meant = |private: IpAddr| only.is_none_or(|only| only == private);
                let public = interface.public_ipv4.iter().filter(|pair| is_meant(pair.private.into()));
                let public = public.map(|pair| IpNet::from(IpAddr::V4(pair.public)));
                let ipv6 = inside(interface).into_iter().filter(|block| block.addr().is_ipv6());
                let ipv6 = ipv6.filter(|block| only.is_none_or(|only| block.contains(&only)));
                match (from_outside, all) {
                    (true, _) => public.chain(ipv6).collect(),
                    (false, true) => inside(interface).into_iter().chain(public).collect(),
                    (false, false) => inside(interface),
                }
            }
            Kind::Outside(_, addresses) => addresses.iter().copied().map(IpNet::from).collect(),
            Kind::Address(address) => vec![IpNet::from(*address)],
            Kind::Internet => return places.internet(is_ipv6),
        };
        let takes_all = all || matches!(self.kind, Kind::Outside(..));
        spans(own, is_ipv6, takes_all)
    }
}

fn spans(blocks: Vec<IpNet>, is_ipv6: bool, all: bool) -> Vec<Span> {
    let of_family = blocks.into_iter().filter(|block| block.addr().is_ipv6() == is_ipv6);
    of_family.map(Span::of_block).take(if all { usize::MAX } else { 1 }).collect()
}

/// The addresses that an interface has inside of its VPC, the primary one first; IPv6 addresses are the same outside.
fn inside(interface: &Interface) -> Vec<IpNet> {
    let prefixes = interface.ipv4_prefixes.iter().copied().map(IpNet::V4);
    let prefixes = prefixes.chain(interface.ipv6_prefixes.iter().copied().map(IpNet::V6));
    interface.addresses().map(IpNet::from).chain(prefixes).collect()
}

/// Everybody who can be meant.
pub(super) struct Places<'a> {
    outside: &'a Outside,
    interfaces: Vec<Known<'a>>,
    by_id: HashMap<String, Vec<usize>>,
    by_tag: HashMap<(String, String), Vec<usize>>,
    by_address: HashMap<IpAddr, Vec<usize>>,
    /// What is the internet's, of each family.
    internet: [Vec<Span>; 2],
}

struct Known<'a> {
    interface: &'a Interface,
    name: String,
}

impl<'a> Places<'a> {
    /// Those of a state, which a network was compiled from. The tags of instances are those of `instances`: states of earlier
    /// have none.
    pub(super) fn of(
        records: &Records,
        instances: &Records,
        snapshot: &'a Snapshot,
        outside: &'a Outside,
    ) -> Self {
        let mut places = Self {
            outside,
            interfaces: Vec::new(),
            by_id: HashMap::new(),
            by_tag: HashMap::new(),
            by_address: HashMap::new(),
            internet: [false, true].map(|is_ipv6| internet(outside, is_ipv6)),
        };
        let instances: HashMap<String, _> =
            instances.scan_all::<ec2::Instance>().map(|(_, id, record)| (id.to_owned(), record)).collect();
        for (_, _, record) in records.scan_all::<ec2::NetworkInterface>() {
            let interface = Port::new(record.port).ok().and_then(|port| snapshot.interface(port));
            let Some(interface) = interface.filter(|held| held.id == record.id) else { continue };
            if interface.role != InterfaceRole::Workload {
                continue;
            }
            let instance = record.attachment.as_ref().map(|attachment| attachment.instance.to_string());
            let of_instance = instance.as_ref().and_then(|id| instances.get(id));
            let mut tags: Vec<(&str, &str)> = record.tags.iter().collect();
            tags.extend(of_instance.iter().flat_map(|instance| instance.tags.iter()));
            places.add(interface, instance.as_deref(), &tags);
        }
        places
    }

    fn add(&mut self, interface: &'a Interface, instance: Option<&str>, tags: &[(&str, &str)]) {
        let index = self.interfaces.len();
        let named = tags.iter().find(|(key, _)| *key == "Name").map(|(_, value)| *value);
        let known: Vec<&str> = named.into_iter().chain(instance).collect();
        let name = match known.as_slice() {
            [] => interface.id.to_string(),
            known => format!("{} ({})", interface.id, known.join(", ")),
        };
        let ids = [interface.id.to_string(), interface.subnet.to_string(), interface.vpc.to_string()];
        let groups = interface.security_groups.iter().map(ToString::to_string);
        for id in ids.into_iter().chain(groups).chain(instance.map(str::to_owned)) {
            self.by_id.entry(id).or_default().push(index);
        }
        for (key, value) in tags {
            let held = self.by_tag.entry(((*key).to_owned(), (*value).to_owned())).or_default();
            // An instance and its interface may well have the same.
            if held.last() != Some(&index) {
                held.push(index);
            }
        }
        let public = interface.public_ipv4.iter().map(|pair| IpAddr::V4(pair.public));
        for address in interface.addresses().chain(public) {
            self.by_address.entry(address).or_default().push(index);
        }
        self.interfaces.push(Known { interface, name });
    }

    /// Every interface, the internet, and the workstation.
    pub(super) fn everybody(&self) -> Vec<Place<'a>> {
        let interfaces = self.interfaces.iter().map(|Known { interface, name }| Place {
            name: name.clone(),
            kind: Kind::Interface(interface, None),
        });
        let outside = [Selector::Internet, Selector::Workstation];
        interfaces.chain(outside.iter().filter_map(|one| self.meant(one).ok()).flatten()).collect()
    }

    /// Every address of a family that is the internet's.
    fn internet(&self, is_ipv6: bool) -> Vec<Span> {
        self.internet[usize::from(is_ipv6)].clone()
    }

    /// How many are meant at most, without a list of them.
    pub(super) fn count(&self, selector: &Selector) -> usize {
        let held = match selector {
            Selector::Tag { key, value } => self.by_tag.get(&(key.clone(), value.clone())),
            Selector::Id(id) => self.by_id.get(id),
            Selector::Address(address) => self.by_address.get(address),
            Selector::Internet | Selector::Workstation | Selector::Host(_) => None,
        };
        held.map_or(1, Vec::len)
    }

    /// Who can send, of those that are meant.
    ///
    /// # Errors
    /// What to say when there is nobody.
    pub(super) fn senders(&self, selector: &Selector) -> Result<Vec<Place<'a>>, String> {
        let Selector::Address(address) = selector else { return self.meant(selector) };
        if let Some(place) = self.outside_at(*address) {
            return Ok(vec![place]);
        }
        let place = |index: &usize| {
            let Known { interface, name } = &self.interfaces[*index];
            let pair = interface.public_ipv4.iter().find(|pair| IpAddr::V4(pair.public) == *address);
            let own = pair.map_or(*address, |pair| IpAddr::V4(pair.private));
            Place { name: name.clone(), kind: Kind::Interface(interface, Some(own)) }
        };
        let holders = self.by_address.get(address).into_iter().flatten();
        let holders: Vec<Place<'a>> = holders.map(place).collect();
        if holders.is_empty() { Err(format!("{address} is an address of nobody here")) } else { Ok(holders) }
    }

    /// Who can be sent to, of those that are meant.
    ///
    /// # Errors
    /// What to say when there is nobody.
    pub(super) fn receivers(&self, selector: &Selector) -> Result<Vec<Place<'a>>, String> {
        match selector {
            Selector::Address(address) => Ok(vec![
                self.outside_at(*address)
                    .unwrap_or_else(|| Place { name: address.to_string(), kind: Kind::Address(*address) }),
            ]),
            selector => self.meant(selector),
        }
    }

    fn outside_at(&self, address: IpAddr) -> Option<Place<'a>> {
        let place = |port| Place { name: address.to_string(), kind: Kind::Outside(port, vec![address]) };
        if self.outside.workstation.contains(&address) {
            return Some(place(Port::WORKSTATION));
        }
        let is_host = self.outside.hosts.iter().any(|(_, addresses)| addresses.contains(&address));
        is_host.then(|| place(Port::INTERNET))
    }

    fn meant(&self, selector: &Selector) -> Result<Vec<Place<'a>>, String> {
        let nobody: &[usize] = &[];
        let held = |held: Option<&'_ Vec<usize>>, problem: String| {
            let held: Vec<Place<'a>> = held
                .map_or(nobody, Vec::as_slice)
                .iter()
                .map(|&index| {
                    let Known { interface, name } = &self.interfaces[index];
                    Place { name: name.clone(), kind: Kind::Interface(interface, None) }
                })
                .collect();
            if held.is_empty() { Err(problem) } else { Ok(held) }
        };
        match selector {
            Selector::Internet => Ok(vec![Place { name: "internet".to_owned(), kind: Kind::Internet }]),
            Selector::Workstation if self.outside.workstation.is_empty() => {
                Err("this cloud has no workstation".to_owned())
            }
            Selector::Workstation => {
                let kind = Kind::Outside(Port::WORKSTATION, self.outside.workstation.clone());
                Ok(vec![Place { name: "workstation".to_owned(), kind }])
            }
            Selector::Host(name) => {
                let host = self.outside.hosts.iter().find(|(host, _)| host == name);
                let (name, addresses) = host.ok_or_else(|| format!("the internet has no host {name}"))?;
                let kind = Kind::Outside(Port::INTERNET, addresses.clone());
                Ok(vec![Place { name: name.clone(), kind }])
            }
            Selector::Tag { key, value } => {
                let problem =
                    format!("no interface and no instance has the tag {key} with the value \"{value}\"");
                held(self.by_tag.get(&(key.clone(), value.clone())), problem)
            }
            Selector::Id(id) => {
                held(self.by_id.get(id), format!("there is no {id}, or nothing that sends packets is in it"))
            }
            Selector::Address(_) => Err("an address is looked up in other ways".to_owned()),
        }
    }
}

#[cfg(test)]
impl Places<'_> {
    /// Makes a tag one of so many, each of them the first that has it.
    pub(super) fn repeat_for_tests(&mut self, key: &str, value: &str, count: usize) {
        let held = self.by_tag.get_mut(&(key.to_owned(), value.to_owned())).expect("somebody has it");
        *held = vec![held[0]; count];
    }
}

/// Every public address of a family but the cloud's own, those of services of AWS, and the workstation's.
fn internet(outside: &Outside, is_ipv6: bool) -> Vec<Span> {
    let ports = Span::from(PortRange::ALL);
    let last = if is_ipv6 { u128::MAX } else { u32::MAX.into() };
    let line = |span: Span| HeaderBox { spans: [span, Span::one(0), ports, ports] };
    let mut all = HeaderSet::of(line(Span { first: 0, last }));
    let taken = outside.taken.iter().copied().chain(reach::never_public());
    let taken = taken.chain(outside.workstation.iter().copied().map(IpNet::from));
    for block in taken.filter(|block| block.addr().is_ipv6() == is_ipv6) {
        all.remove(&line(Span::of_block(block)));
    }
    all.boxes().iter().map(|one| one.spans[0]).collect()
}
