//! Who stands behind a link address: the answers that the resolver and the metadata service need.
//!
//! Owns an index of what the data plane was told, by port and by address, and of public addresses. Everything else is
//! read from the newest snapshot when it is asked for.

mod names;
mod public_addresses;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aws_types::{InstanceId, NetworkInterfaceId, Timestamp, VpcId};
use ipnet::IpNet;
use parking_lot::RwLock;
use store::{Commit, Read as _, Scope, Snapshot, Store};
use svc_ec2::record as ec2;
use vpc_engine::services::port_of_link_address;
use vpc_model::{Delta, Interface, Object, ObjectId, Port};
use vpc_services::{
    DnsAnswer, DnsDirectory, DnsNetwork, DnsQuestion, InstanceMetadata, MetadataDirectory, PublicNames,
};

pub(crate) use names::is_of_s3;
use public_addresses::PublicAddresses;

use crate::instance_credentials::InstanceCredentials;
use crate::metadata;
use crate::projection::Projection;
use crate::shareable::anyones;

/// An index over the objects that the data plane knows.
pub(crate) struct Directory {
    store: Store,
    index: RwLock<Index>,
    public_addresses: RwLock<PublicAddresses>,
    clock: fn() -> Timestamp,
    credentials: InstanceCredentials,
}

#[derive(Default)]
struct Index {
    objects: HashSet<ObjectId>,
    interfaces: HashMap<NetworkInterfaceId, Interface>,
    by_port: HashMap<Port, NetworkInterfaceId>,
    by_address: HashMap<IpAddr, BTreeMap<VpcId, NetworkInterfaceId>>,
    scopes: HashMap<NetworkInterfaceId, Scope>,
}

impl Index {
    fn remove_interface(&mut self, id: NetworkInterfaceId) {
        if let Some(old) = self.interfaces.remove(&id) {
            self.by_port.remove(&old.port);
            for address in old.addresses() {
                let Some(holders) = self.by_address.get_mut(&address) else { continue };
                // The address may have moved to another interface before this one was told to be gone.
                if holders.get(&old.vpc) == Some(&id) {
                    holders.remove(&old.vpc);
                }
                if holders.is_empty() {
                    self.by_address.remove(&address);
                }
            }
        }
    }

    fn put_interface(&mut self, interface: &Interface) {
        self.remove_interface(interface.id);
        self.by_port.insert(interface.port, interface.id);
        for address in interface.addresses() {
            self.by_address.entry(address).or_default().insert(interface.vpc, interface.id);
        }
        self.interfaces.insert(interface.id, interface.clone());
    }
}

impl Directory {
    /// An empty index; the state is read from `store`, and states that take time are as of `clock`.
    pub(crate) fn new(store: Store, clock: fn() -> Timestamp, credentials: InstanceCredentials) -> Self {
        let (index, public_addresses) = (RwLock::default(), RwLock::default());
        Self { store, index, public_addresses, clock, credentials }
    }

    /// Takes all public addresses of a snapshot, in the place of those that were known.
    pub(crate) fn take_public_addresses(&self, snapshot: &Snapshot) {
        *self.public_addresses.write() = PublicAddresses::of(snapshot);
    }

    /// Follows what a commit did to public addresses.
    pub(crate) fn follow(&self, commit: &Commit) {
        self.public_addresses.write().follow(commit);
    }

    /// Follows what the data plane is told.
    pub(crate) fn apply(&self, projection: &Projection) {
        let mut index = self.index.write();
        for delta in &projection.deltas {
            match delta {
                Delta::Put(object) => {
                    index.objects.insert(object.id());
                    if let Object::Interface(interface) = object {
                        index.put_interface(interface);
                    }
                }
                Delta::Remove(id) => {
                    index.objects.remove(id);
                    if let ObjectId::Interface(id) = id {
                        index.remove_interface(*id);
                        index.scopes.remove(id);
                    }
                }
            }
        }
        for (id, scope) in &projection.scopes {
            index.scopes.insert(*id, scope.clone());
        }
    }

    /// Every object that the data plane knows.
    pub(crate) fn objects(&self) -> Vec<ObjectId> {
        self.index.read().objects.iter().copied().collect()
    }

    /// How many interfaces the data plane knows.
    pub(crate) fn interface_count(&self) -> usize {
        self.index.read().interfaces.len()
    }

    /// The interface on a port.
    pub(crate) fn interface_on(&self, port: Port) -> Option<NetworkInterfaceId> {
        self.index.read().by_port.get(&port).copied()
    }

    /// The instance that the interface on a port hangs on.
    pub(crate) fn instance_on(&self, port: Port) -> Option<InstanceId> {
        let (id, scope) = {
            let index = self.index.read();
            let id = *index.by_port.get(&port)?;
            (id, index.scopes.get(&id)?.clone())
        };
        let record = self.store.snapshot().get::<ec2::NetworkInterface>(&scope, &id.to_string())?;
        Some(record.attachment.as_ref()?.instance)
    }

    /// Whose the interface on a port is.
    pub(crate) fn scope_on(&self, port: Port) -> Option<Scope> {
        let index = self.index.read();
        index.scopes.get(index.by_port.get(&port)?).cloned()
    }

    /// The interface behind a link address, and whose it is.
    fn behind(&self, peer: IpAddr) -> Option<(Scope, Interface)> {
        let port = port_of_link_address(peer)?;
        let index = self.index.read();
        let id = index.by_port.get(&port)?;
        Some((index.scopes.get(id)?.clone(), index.interfaces.get(id)?.clone()))
    }
}

impl DnsDirectory for Directory {
    fn network(&self, peer: IpAddr) -> Option<DnsNetwork> {
        let (scope, interface) = self.behind(peer)?;
        let snapshot = self.store.snapshot();
        let (_, vpc) = anyones::<ec2::Vpc>(&snapshot, &scope, &interface.vpc.to_string())?;
        let (_, subnet) = anyones::<ec2::Subnet>(&snapshot, &scope, &interface.subnet.to_string())?;
        Some(DnsNetwork {
            is_supported: vpc.enable_dns_support,
            has_private_names: names::has_names(&vpc),
            private_domain: aws_catalog::region(&scope.region)?.private_domain().into(),
            has_dns64: subnet.enable_dns64,
            blocks: vpc.blocks().map(IpNet::V4).chain(vpc.ipv6_blocks().map(IpNet::V6)).collect(),
        })
    }

    /// Those of the VPC itself, and private ones of any other VPC in the region.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html#vpc-dns-hostnames>
    fn has_private_address(&self, peer: IpAddr, address: Ipv4Addr) -> bool {
        let Some((scope, asking)) = self.behind(peer) else { return false };
        let index = self.index.read();
        let Some(holders) = index.by_address.get(&IpAddr::V4(address)) else { return false };
        let is_near = |id| index.scopes.get(id).is_some_and(|held: &Scope| held.region == scope.region);
        holders.contains_key(&asking.vpc) || address.is_private() && holders.values().any(is_near)
    }

    fn resource_name(&self, peer: IpAddr, instance: InstanceId) -> Vec<IpAddr> {
        let Some((scope, asking)) = self.behind(peer) else { return Vec::new() };
        let snapshot = self.store.snapshot();
        // In a shared VPC instances of several accounts know each other's names.
        let found = anyones::<ec2::Instance>(&snapshot, &scope, &instance.to_string());
        let Some((scope, record)) = found else {
            return Vec::new();
        };
        let Some(primary) = record.interfaces.first() else { return Vec::new() };
        let Some(primary) = snapshot.get::<ec2::NetworkInterface>(&scope, &primary.to_string()) else {
            return Vec::new();
        };
        let options = &record.private_dns_name_options;
        let ipv4 = options.resource_name_dns_a.then(|| IpAddr::V4(primary.primary_address()));
        let ipv6 =
            options.resource_name_dns_aaaa.then(|| primary.ipv6_addresses.first().copied().map(IpAddr::V6));
        let is_visible = primary.vpc == asking.vpc;
        ipv4.into_iter().chain(ipv6.flatten()).filter(|_| is_visible).collect()
    }

    fn instance_with(&self, peer: IpAddr, address: Ipv6Addr) -> Option<InstanceId> {
        let (_, asking) = self.behind(peer)?;
        let (scope, interface) = {
            let index = self.index.read();
            let id = *index.by_address.get(&IpAddr::V6(address))?.get(&asking.vpc)?;
            (index.scopes.get(&id)?.clone(), id)
        };
        let interface = self.store.snapshot().get::<ec2::NetworkInterface>(&scope, &interface.to_string())?;
        let instance = interface.attachment.as_ref()?.instance;
        self.resource_name(peer, instance).contains(&address.into()).then_some(instance)
    }

    fn other(&self, peer: IpAddr, question: &DnsQuestion) -> DnsAnswer {
        let Some((scope, interface)) = self.behind(peer) else { return DnsAnswer::Refused };
        let snapshot = self.store.snapshot();
        let asking = names::Asking { snapshot: &snapshot, scope, interface, now: (self.clock)() };
        names::answer(&asking, question, |address| self.public_addresses.read().holder(address).cloned())
    }
}

/// What AWS publishes: what hosts of the internet find of the cloud.
impl PublicNames for Directory {
    fn addresses(&self, name: &str) -> Option<Vec<IpAddr>> {
        let holder = |address| self.public_addresses.read().holder(address).cloned();
        names::published(&self.store.snapshot(), name, holder)
    }

    fn name(&self, address: IpAddr) -> Option<String> {
        let IpAddr::V4(address) = address else { return None };
        let held = self.public_addresses.read().holder(address).cloned()?;
        names::public_name(&self.store.snapshot(), &held, address)
    }
}

impl MetadataDirectory for Directory {
    fn instance(&self, peer: IpAddr) -> Option<Arc<InstanceMetadata>> {
        let (scope, interface) = self.behind(peer)?;
        let snapshot = self.store.snapshot();
        let (credentials, now) = (&self.credentials, (self.clock)());
        let sources = metadata::Sources { snapshot: &snapshot, credentials, now };
        metadata::of_interface(sources, &scope, interface.id).map(Arc::new)
    }
}
