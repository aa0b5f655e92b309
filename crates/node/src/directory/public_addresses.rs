//! Which interface a public address stands for.
//!
//! Owns an index of the Elastic IP addresses and of those of Amazon's pool that interfaces have, which follows the store
//! commit by commit. Refuses to know what the address is asked for.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use aws_types::NetworkInterfaceId;
use store::{Commit, Read as _, Scope, Snapshot};
use svc_ec2::record as ec2;

/// What a public address stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    /// Whose the interface is.
    pub(super) scope: Scope,
    /// The interface.
    pub(super) interface: NetworkInterfaceId,
    /// Its private address.
    pub(super) private: Ipv4Addr,
}

/// The public addresses that stand for something.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PublicAddresses(HashMap<Ipv4Addr, Holder>);

impl PublicAddresses {
    /// All of a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let elastic =
            snapshot.scan_all::<ec2::ElasticIp>().filter_map(|(scope, _, record)| of_elastic(scope, &record));
        let assigned = snapshot
            .scan_all::<ec2::NetworkInterface>()
            .filter_map(|(scope, _, record)| of_interface(scope, &record));
        Self(elastic.chain(assigned).collect())
    }

    /// Takes what a commit changed.
    pub(super) fn follow(&mut self, commit: &Commit) {
        let mut before = Vec::new();
        let mut after = Vec::new();
        for change in commit.changes.iter() {
            let scope = &change.key.scope;
            before.extend(change.before::<ec2::ElasticIp>().and_then(|record| of_elastic(scope, &record)));
            before.extend(
                change.before::<ec2::NetworkInterface>().and_then(|record| of_interface(scope, &record)),
            );
            after.extend(change.after::<ec2::ElasticIp>().and_then(|record| of_elastic(scope, &record)));
            after.extend(
                change.after::<ec2::NetworkInterface>().and_then(|record| of_interface(scope, &record)),
            );
        }
        for (address, _) in before {
            self.0.remove(&address);
        }
        self.0.extend(after);
    }

    /// What an address stands for.
    pub(super) fn holder(&self, address: Ipv4Addr) -> Option<&Holder> {
        self.0.get(&address)
    }
}

fn of_elastic(scope: &Scope, record: &ec2::ElasticIp) -> Option<(Ipv4Addr, Holder)> {
    let held = record.association.as_ref()?;
    let (interface, private) = (held.interface, held.private_address);
    Some((record.address, Holder { scope: scope.clone(), interface, private }))
}

fn of_interface(scope: &Scope, record: &ec2::NetworkInterface) -> Option<(Ipv4Addr, Holder)> {
    let ec2::AssignedAddress::Held(address) = record.assigned_address else { return None };
    let (interface, private) = (record.id, record.primary_address());
    Some((address, Holder { scope: scope.clone(), interface, private }))
}
