//! Who stands behind a link address: the answers that the resolver and the metadata service need.
//!
//! Owns an index of what the data plane was told, by port and by address. Everything else is read from the newest
//! snapshot when it is asked for.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use aws_types::{InstanceId, NetworkInterfaceId, VpcId};
use parking_lot::RwLock;
use store::{Read as _, Scope, Store};
use svc_ec2::record as ec2;
use vpc_engine::services::port_of_link_address;
use vpc_model::{Delta, Interface, Object, ObjectId, Port};
use vpc_services::{DnsDirectory, DnsNetwork, InstanceMetadata, MetadataDirectory};

use crate::metadata;
use crate::projection::Projection;
use crate::shareable::anyones;

/// An index over the objects that the data plane knows.
pub(crate) struct Directory {
    store: Store,
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    objects: HashSet<ObjectId>,
    interfaces: HashMap<NetworkInterfaceId, Interface>,
    by_port: HashMap<Port, NetworkInterfaceId>,
    by_address: HashMap<(VpcId, IpAddr), NetworkInterfaceId>,
    scopes: HashMap<NetworkInterfaceId, Scope>,
}

impl Index {
    fn remove_interface(&mut self, id: NetworkInterfaceId) {
        if let Some(old) = self.interfaces.remove(&id) {
            self.by_port.remove(&old.port);
            for address in old.addresses() {
                // The address may have moved to another interface before this one was told to be gone.
                if self.by_address.get(&(old.vpc, address)) == Some(&id) {
                    self.by_address.remove(&(old.vpc, address));
                }
            }
        }
    }

    fn put_interface(&mut self, interface: &Interface) {
        self.remove_interface(interface.id);
        self.by_port.insert(interface.port, interface.id);
        for address in interface.addresses() {
            self.by_address.insert((interface.vpc, address), interface.id);
        }
        self.interfaces.insert(interface.id, interface.clone());
    }
}

impl Directory {
    /// An empty index; the state is read from `store`.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, index: RwLock::default() }
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
        let (_, vpc) = anyones::<ec2::Vpc>(&self.store.snapshot(), &scope, &interface.vpc.to_string())?;
        Some(DnsNetwork {
            is_supported: vpc.enable_dns_support,
            private_domain: aws_catalog::region(&scope.region)?.private_domain().into(),
        })
    }

    fn has_private_address(&self, peer: IpAddr, address: Ipv4Addr) -> bool {
        self.behind(peer).is_some_and(|(_, asking)| {
            self.index.read().by_address.contains_key(&(asking.vpc, IpAddr::V4(address)))
        })
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
}

impl MetadataDirectory for Directory {
    fn instance(&self, peer: IpAddr) -> Option<Arc<InstanceMetadata>> {
        let (scope, interface) = self.behind(peer)?;
        metadata::of_interface(&self.store.snapshot(), &scope, interface.id).map(Arc::new)
    }
}
