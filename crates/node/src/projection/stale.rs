//! Which objects are to be told anew.
//!
//! Owns the kinds of records that objects are made of, and how a change of one is followed to them ([`Source`]). Refuses to
//! know the objects.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use store::{Change, Commit, Read as _, Record, Scope, Snapshot};
use svc_ec2::record as ec2;
use vpc_model::ObjectId;

use super::View;

/// Objects to be told anew, with the scopes of the records that they are made of.
#[derive(Debug, Default)]
pub(super) struct Stale {
    objects: BTreeMap<ObjectId, Scope>,
    /// Those that nobody has heard of.
    new: BTreeSet<ObjectId>,
}

/// A kind of record that objects are made of.
pub(super) trait Source: Record {
    /// The object that each is, by the scope of the record; with the scope of the record that leads, where an object has
    /// several.
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        let _ = scope;
        None
    }

    /// Adds the other objects that a change of a record is about. There is a record before it or after it, or both.
    fn add_dependents(
        view: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        let _ = (view, scope, before, after, stale);
    }
}

/// What is done with the records of a kind, whatever it is.
struct Kind {
    name: &'static str,
    add_all: fn(&Snapshot, &mut Stale),
    add_changed: fn(&View<'_>, &Change, &mut Stale),
}

impl Kind {
    const fn of<R: Source>() -> Self {
        Self { name: R::KIND, add_all: add_all::<R>, add_changed: add_changed::<R> }
    }
}

/// Every kind of record that objects are made of.
const KINDS: &[Kind] = &[
    Kind::of::<identities::Account>(),
    Kind::of::<ec2::BlockPublicAccessOptions>(),
    Kind::of::<ec2::DhcpOptions>(),
    Kind::of::<ec2::EgressOnlyInternetGateway>(),
    Kind::of::<ec2::ElasticIp>(),
    Kind::of::<ec2::InternetGateway>(),
    Kind::of::<ec2::NatGateway>(),
    Kind::of::<ec2::NetworkAcl>(),
    Kind::of::<ec2::NetworkAclAssociation>(),
    Kind::of::<ec2::NetworkInterface>(),
    Kind::of::<ec2::PrefixList>(),
    Kind::of::<ec2::RouteTable>(),
    Kind::of::<ec2::SecurityGroup>(),
    Kind::of::<ec2::Subnet>(),
    Kind::of::<ec2::TransitGateway>(),
    Kind::of::<ec2::TransitGatewayAttachment>(),
    Kind::of::<ec2::TransitGatewayRouteTable>(),
    Kind::of::<ec2::Vpc>(),
    Kind::of::<ec2::VpcBlockPublicAccessExclusion>(),
    Kind::of::<ec2::VpcEndpoint>(),
    Kind::of::<ec2::VpcPeeringConnection>(),
    Kind::of::<ec2::VpnConnection>(),
    Kind::of::<ec2::VpnGateway>(),
];

/// The kinds' names.
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.name)
}

fn add_all<R: Source>(snapshot: &Snapshot, stale: &mut Stale) {
    for (scope, _, record) in snapshot.scan_all::<R>() {
        if let Some((scope, id)) = record.object(scope) {
            stale.add_new(&scope, id);
        }
    }
}

fn add_changed<R: Source>(view: &View<'_>, change: &Change, stale: &mut Stale) {
    let scope = &change.key.scope;
    let (before, after) = (change.before::<R>(), change.after::<R>());
    let object = |record: &R| record.object(scope);
    match (&before, &after) {
        (None, None) => return,
        (None, Some(after)) => object(after).into_iter().for_each(|(scope, id)| stale.add_new(&scope, id)),
        (Some(before), after) => {
            let both = std::iter::once(before).chain(after);
            both.filter_map(|record| object(record)).for_each(|(scope, id)| stale.add(&scope, id));
        }
    }
    R::add_dependents(view, scope, before.as_deref(), after.as_deref(), stale);
}

impl Stale {
    /// Every object of a snapshot.
    pub(super) fn everything(snapshot: &Snapshot) -> Self {
        let mut stale = Self::default();
        KINDS.iter().for_each(|kind| (kind.add_all)(snapshot, &mut stale));
        stale
    }

    /// The objects that a commit is about.
    pub(super) fn of_commit(view: &View<'_>, commit: &Commit) -> Self {
        let mut stale = Self::default();
        for change in commit.changes.iter() {
            if let Some(kind) = KINDS.iter().find(|kind| kind.name == change.key.kind) {
                (kind.add_changed)(view, change, &mut stale);
            }
        }
        stale
    }

    /// Adds an object.
    pub(super) fn add(&mut self, scope: &Scope, id: impl Into<ObjectId>) {
        if let Entry::Vacant(vacant) = self.objects.entry(id.into()) {
            vacant.insert(scope.clone());
        }
    }

    /// Adds an object that nobody has heard of, so that nobody has to hear that it is not there.
    fn add_new(&mut self, scope: &Scope, id: ObjectId) {
        self.add(scope, id);
        self.new.insert(id);
    }

    /// The objects, and the scopes of what they are made of.
    pub(super) fn objects(&self) -> impl Iterator<Item = (ObjectId, &Scope)> {
        self.objects.iter().map(|(id, scope)| (*id, scope))
    }

    /// Whether nobody has heard of an object.
    pub(super) fn is_new(&self, id: ObjectId) -> bool {
        self.new.contains(&id)
    }
}

/// What only one of two lists has.
pub(super) fn symmetric_difference<'a, T: PartialEq>(
    before: &'a [T],
    after: &'a [T],
) -> impl Iterator<Item = &'a T> {
    let ended = before.iter().filter(|held| !after.contains(held));
    ended.chain(after.iter().filter(|held| !before.contains(held)))
}
