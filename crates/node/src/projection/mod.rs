//! What EC2's records, and those of the internet's hosts, mean to the network: from records and a time to the engine's objects.
//!
//! Owns which objects are told anew when a record changes, or when time alone changes what a record says; what each object
//! is made of is in the file of its kind. An object is always made afresh of whatever records there are, so that telling it
//! once more than needed is harmless, and everything at once is the same as all changes one after another. Refuses to know
//! what the engine does with the objects.

mod account;
mod endpoint;
mod filter;
mod gateway;
mod interface;
mod peering;
mod prefix_list;
pub(crate) mod route_table;
mod schedule;
mod stale;
mod subnet;
mod transit_gateway;
mod view;
mod vpc;

use std::collections::BTreeSet;

use aws_types::{NetworkInterfaceId, Timestamp};
use store::{Commit, RecordKind, Scope, Snapshot};
use vpc_model::{Delta, Object, ObjectId};

pub(crate) use self::endpoint::service_addresses;
use self::schedule::Schedule;
use self::stale::Stale;
use self::view::View;
use crate::{internet_hosts, path_conditions};

/// The deltas of one step, and the scopes that the interfaces among them belong to.
#[derive(Debug, Default)]
pub(crate) struct Projection {
    /// What to tell the engine.
    pub(crate) deltas: Vec<Delta>,
    /// Whose the interfaces among them are.
    pub(crate) scopes: Vec<(NetworkInterfaceId, Scope)>,
}

impl Projection {
    fn put(&mut self, scope: &Scope, object: Object) {
        if let Object::Interface(interface) = &object {
            self.scopes.push((interface.id, scope.clone()));
        }
        self.deltas.push(Delta::Put(object));
    }

    /// Adds the removal of every known object that this projection does not have.
    pub(crate) fn remove_unlisted(&mut self, known: impl IntoIterator<Item = ObjectId>) {
        let listed: BTreeSet<ObjectId> = self
            .deltas
            .iter()
            .filter_map(|delta| match delta {
                Delta::Put(object) => Some(object.id()),
                Delta::Remove(_) => None,
            })
            .collect();
        self.deltas.extend(known.into_iter().filter(|id| !listed.contains(id)).map(Delta::Remove));
    }
}

/// Makes projections, and knows which objects change next without any change of a record.
#[derive(Debug, Default)]
pub(crate) struct Projector {
    schedule: Schedule,
}

impl Projector {
    /// Every object of a snapshot at that time.
    pub(crate) fn everything(&mut self, snapshot: &Snapshot, now: Timestamp) -> Projection {
        self.schedule = Schedule::default();
        let mut projection = Projection::default();
        projection.deltas.extend(endpoint::service_addresses().map(Delta::from));
        projection.deltas.extend(internet_hosts::everything(snapshot));
        projection.deltas.extend(path_conditions::everything(snapshot));
        self.tell(&mut projection, &Stale::everything(snapshot), &View::new(snapshot, now));
        projection
    }

    /// What a commit changed. Objects are as of `snapshot`, which may be newer: then a later commit says the same again.
    pub(crate) fn changed(&mut self, snapshot: &Snapshot, commit: &Commit, now: Timestamp) -> Projection {
        let mut projection = Projection::default();
        projection.deltas.extend(commit.changes.iter().flat_map(internet_hosts::changed));
        projection.deltas.extend(commit.changes.iter().filter_map(path_conditions::changed));
        let view = View::new(snapshot, now);
        self.tell(&mut projection, &Stale::of_commit(&view, commit), &view);
        projection
    }

    /// When [`Projector::due`] has something to tell, if no record changes before.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.schedule.first()
    }

    /// What has changed by itself.
    pub(crate) fn due(&mut self, snapshot: &Snapshot, now: Timestamp) -> Projection {
        let mut projection = Projection::default();
        let stale = self.schedule.take_due(now);
        self.tell(&mut projection, &stale, &View::new(snapshot, now));
        projection
    }

    fn tell(&mut self, projection: &mut Projection, stale: &Stale, view: &View<'_>) {
        for (id, scope) in stale.objects() {
            let (object, changes_at) = view.observe(|| object(view, scope, id));
            self.schedule.set(id, scope, changes_at);
            match object {
                Some(object) => projection.put(scope, object),
                None if stale.is_new(id) => {}
                None => projection.deltas.push(Delta::Remove(id)),
            }
        }
    }
}

/// Whether the network is made of records of a kind.
pub(crate) fn is_of_network(kind: &str) -> bool {
    let others = internet_hosts::RECORDS.iter().chain(path_conditions::RECORDS).map(RecordKind::name);
    stale::kinds().chain(others).any(|name| name == kind)
}

/// An object as of now, if there is one: what it is made of is there, and in use.
fn object(view: &View<'_>, scope: &Scope, id: ObjectId) -> Option<Object> {
    Some(match id {
        ObjectId::Vpc(id) => vpc::vpc(&*view.get(scope, id)?).into(),
        ObjectId::DhcpOptions(id) => vpc::dhcp_options(&*view.get(scope, id)?).into(),
        ObjectId::Subnet(id) => subnet::subnet(view, scope, &*view.get(scope, id)?)?.into(),
        ObjectId::RouteTable(id) => route_table::route_table(view, scope, &*view.get(scope, id)?).into(),
        ObjectId::NetworkAcl(id) => filter::network_acl(&*view.get(scope, id)?)?.into(),
        ObjectId::SecurityGroup(id) => filter::security_group(view, scope, &*view.get(scope, id)?).into(),
        ObjectId::Interface(id) => interface::interface(view, scope, &*view.get(scope, id)?)?.into(),
        ObjectId::InternetGateway(id) => {
            gateway::internet_gateway(view, scope, &*view.get(scope, id)?)?.into()
        }
        ObjectId::EgressOnlyInternetGateway(id) => {
            gateway::egress_only_internet_gateway(&*view.get(scope, id)?).into()
        }
        ObjectId::NatGateway(id) => gateway::nat_gateway(view, &*view.get(scope, id)?)?.into(),
        ObjectId::VpnGateway(id) => gateway::vpn_gateway(view, &*view.get(scope, id)?)?.into(),
        ObjectId::VpcPeeringConnection(id) => {
            peering::vpc_peering_connection(view, &*view.get(scope, id)?)?.into()
        }
        ObjectId::TransitGateway(id) => {
            transit_gateway::transit_gateway(view, scope, &*view.get(scope, id)?)?.into()
        }
        ObjectId::TransitGatewayAttachment(id) => {
            transit_gateway::attachment(view, &*view.get(scope, id)?)?.into()
        }
        ObjectId::TransitGatewayPeering(id) => {
            transit_gateway::peering(view, scope, &*view.get(scope, id)?)?.into()
        }
        ObjectId::TransitGatewayRouteTable(id) => {
            transit_gateway::route_table(view, scope, &*view.get(scope, id)?)?.into()
        }
        ObjectId::VpcEndpoint(id) => endpoint::vpc_endpoint(view, &*view.get(scope, id)?)?.into(),
        // No record of EC2's has them.
        ObjectId::ServiceAddresses(_)
        | ObjectId::PublicAddresses(_)
        | ObjectId::InternetHost(_)
        | ObjectId::Path(_) => return None,
    })
}

#[cfg(test)]
pub(crate) mod tests;
