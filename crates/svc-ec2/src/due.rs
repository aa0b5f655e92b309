//! What is to be done about records when its time comes: ended resources are removed once nobody can see them any more,
//! NAT gateways give back what they have no longer, and detached interfaces leave their instances.
//!
//! Owns the index of these times, which is part of the state: one [`DueRecord`] for each record that something is to be
//! done about, in order of time, so that a request that finds nothing due reads one record. [`KINDS`] lists the kinds
//! that can be in it. Refuses to know the times: each record tells its own ([`Timed`]).

use std::ops::Bound;
use std::sync::LazyLock;

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;
use store::{Read, Record, RecordKind, Scope};

use crate::Ec2;
use crate::byoip::BroughtRange;
use crate::elastic_ip::transfer::AddressTransfer;
use crate::idempotency::UsedToken;
use crate::record::{
    CustomerGateway, IamInstanceProfileAssociation, Instance, Ipv6Pool, NatGateway, NetworkInterface,
    NetworkInterfacePermission, PrefixList, PublicIpv4Pool, SecurityGroupVpcAssociation, TransitGateway,
    TransitGatewayAttachment, TransitGatewayConnectPeer, TransitGatewayRouteTable, Volume,
    VpcBlockPublicAccessExclusion, VpcEndpoint, VpcEndpointConnection, VpcEndpointService,
    VpcPeeringConnection, VpnConnection, VpnGateway,
};
use crate::state::{Edit, Resource, State};
use crate::vpc_endpoint_service::connection;

/// What is to be done about a record, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It changes, and records of other resources show that: it is done before any request sees them.
    Change(Timestamp),
    /// Nobody can see it any more: it is removed with a later change of the account in the region.
    End(Timestamp),
}

impl Due {
    /// The list that it stands in, and the time.
    fn place(self) -> (&'static str, Timestamp) {
        match self {
            Self::Change(at) => (CHANGES, at),
            Self::End(at) => (ENDS, at),
        }
    }
}

/// A record that knows when something is to be done about it.
pub(crate) trait Timed: Record {
    /// What, and when; `None` while nobody knows.
    fn due(&self) -> Option<Due>;
}

impl<R: Resource> Timed for R {
    fn due(&self) -> Option<Due> {
        Resource::due(self)
    }
}

/// A kind of records that something can be due of.
struct Kind {
    /// As the store names it.
    name: &'static str,
    /// Raised where something else is due of such records, or at another time: those of older builds are entered anew.
    version: u32,
    /// Puts the records that are there into the index.
    index: fn(&mut Edit<'_>),
    /// What is due about one record, if it is there and something is.
    due: fn(&Edit<'_>, &str) -> Option<Due>,
    /// Does what is due about one record.
    carry_out: fn(&mut Edit<'_>, &str),
}

impl Kind {
    /// A kind of records that are removed when they end.
    const fn ending<R: Timed + Clone>() -> Self {
        Self {
            name: R::KIND,
            version: 1,
            index: index::<R>,
            due: due_of::<R>,
            carry_out: |edit, id| edit.remove_timed::<R>(id),
        }
    }
}

/// Every kind of records that know when something is due; [`Edit::put_timed`] checks that it is one of these.
const KINDS: &[Kind] = &[
    Kind::ending::<AddressTransfer>(),
    Kind::ending::<BroughtRange>(),
    Kind::ending::<CustomerGateway>(),
    Kind::ending::<IamInstanceProfileAssociation>(),
    Kind::ending::<Instance>(),
    Kind::ending::<Ipv6Pool>(),
    Kind { carry_out: crate::nat_gateway::settle, ..Kind::ending::<NatGateway>() },
    Kind { carry_out: crate::network_interface::settle, ..Kind::ending::<NetworkInterface>() },
    Kind::ending::<NetworkInterfacePermission>(),
    Kind::ending::<PrefixList>(),
    Kind::ending::<PublicIpv4Pool>(),
    Kind::ending::<SecurityGroupVpcAssociation>(),
    Kind::ending::<TransitGateway>(),
    Kind::ending::<TransitGatewayAttachment>(),
    Kind::ending::<TransitGatewayConnectPeer>(),
    Kind::ending::<TransitGatewayRouteTable>(),
    Kind::ending::<UsedToken>(),
    Kind::ending::<Volume>(),
    Kind::ending::<VpcBlockPublicAccessExclusion>(),
    Kind::ending::<VpcEndpoint>(),
    Kind { index: connection::index, ..Kind::ending::<VpcEndpointConnection>() },
    Kind::ending::<VpcEndpointService>(),
    Kind::ending::<VpcPeeringConnection>(),
    Kind::ending::<VpnConnection>(),
    Kind::ending::<VpnGateway>(),
];

/// How many ended records one change removes at most, so that none takes long.
const MOST_REMOVED: usize = 100;

/// That something is due of a record. There is nothing but the key: [`key`], or [`INDEXED`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct DueRecord {}

impl Record for DueRecord {
    const KIND: &'static str = "ec2.due";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<DueRecord>()];

/// The key that tells that the records of before there was an index are in it: those of all kinds of today, each named
/// with its version. A build that knows other kinds has another key, and enters their records.
static INDEXED: LazyLock<String> = LazyLock::new(|| {
    let kinds: Vec<String> = KINDS.iter().map(|kind| format!("{}:{}", kind.name, kind.version)).collect();
    format!("{INDEXED_PREFIX}/{}", kinds.join(","))
});
const INDEXED_PREFIX: &str = "indexed";
const CHANGES: &str = "change";
const ENDS: &str = "end";

/// The beginning of the keys of one list at one time. Times are written so that their order is that of the texts.
fn time(list: &str, at: Timestamp) -> String {
    format!("{list}/{:020}/", at.unix_millis().max(0))
}

/// The key of what is due about a record, such as `end/00000001795357680000/ec2.vpc-endpoint/vpce-…`.
fn key(due: Due, kind: &str, id: &str) -> String {
    let (list, at) = due.place();
    format!("{}{kind}/{id}", time(list, at))
}

/// The keys in a list whose time has come, in order of time.
fn come<'a>(
    reader: &'a impl Read,
    scope: &Scope,
    list: &str,
    now: Timestamp,
) -> impl Iterator<Item = &'a str> {
    let (from, to) = (format!("{list}/"), time(list, now.plus_millis(1)));
    reader
        .scan_from::<DueRecord>(scope, Bound::Included(&from))
        .map(|(key, _)| key)
        .take_while(move |key| *key < to.as_str())
}

/// Keeps in the index when something is due about a record that is about to be written, or removed where that is `None`.
pub(crate) fn schedule<R: Timed>(edit: &mut Edit<'_>, id: &str, due: Option<Due>) {
    debug_assert!(
        due.is_none() || KINDS.iter().any(|kind| kind.name == R::KIND),
        "{} is not in KINDS",
        R::KIND
    );
    let before = due_of::<R>(edit, id);
    if before != due {
        if let Some(before) = before {
            edit.remove_record::<DueRecord>(&key(before, R::KIND, id));
        }
        if let Some(due) = due {
            edit.put_record(&key(due, R::KIND, id), DueRecord {});
        }
    }
}

fn index<R: Timed + Clone>(edit: &mut Edit<'_>) {
    let records = edit.reader().scan::<R>(edit.scope());
    let keys = records.filter_map(|(id, record)| Some(key(record.due()?, R::KIND, id)));
    for key in keys.collect::<Vec<_>>() {
        edit.put_record(&key, DueRecord {});
    }
}

/// Puts everything that a part of the cloud has into its index, and what the whole cloud has, unless that was done.
pub(crate) fn index_all(edit: &mut Edit<'_>) {
    index_part(edit);
    index_part(&mut edit.whole_cloud());
}

fn index_part(edit: &mut Edit<'_>) {
    if edit.record::<DueRecord>(&INDEXED).is_some() {
        return;
    }
    let of_older_builds: Vec<String> = edit
        .reader()
        .scan_from::<DueRecord>(edit.scope(), Bound::Included(INDEXED_PREFIX))
        .map(|(key, _)| key.to_owned())
        .take_while(|key| key.starts_with(INDEXED_PREFIX))
        .collect();
    of_older_builds.iter().for_each(|key| edit.remove_record::<DueRecord>(key));
    KINDS.iter().for_each(|kind| (kind.index)(edit));
    edit.put_record(&INDEXED, DueRecord {});
}

fn due_of<R: Timed>(edit: &Edit<'_>, id: &str) -> Option<Due> {
    edit.record::<R>(id)?.due()
}

/// Does what has come due in a list. What a record says by now holds: one whose time has become later, as that of another
/// build can be, is entered anew.
fn carry_out(edit: &mut Edit<'_>, list: &str, most: usize) {
    let keys: Vec<String> =
        come(edit.reader(), edit.scope(), list, edit.now()).take(most).map(str::to_owned).collect();
    for key in keys {
        edit.remove_record::<DueRecord>(&key);
        let mut parts = key.splitn(4, '/').skip(2);
        if let (Some(name), Some(id)) = (parts.next(), parts.next())
            && let Some(kind) = KINDS.iter().find(|kind| kind.name == name)
        {
            match (kind.due)(edit, id) {
                Some(due) if due.place().0 == list && due.place().1 <= edit.now() => {
                    (kind.carry_out)(edit, id);
                }
                Some(later) => edit.put_record(&self::key(later, name, id), DueRecord {}),
                None => {}
            }
        }
    }
}

/// Removes records that nobody can see any more, of the account in the region and of the whole cloud. Every change ends
/// with this.
pub(crate) fn remove_ended(edit: &mut Edit<'_>) {
    carry_out(edit, ENDS, MOST_REMOVED);
    carry_out(&mut edit.whole_cloud(), ENDS, MOST_REMOVED);
}

impl Ec2 {
    /// Carries out what has come due since the last request and shows in records of other resources: the interfaces and
    /// Elastic IP addresses that NAT gateways have no more, and the attachments of detached interfaces. Every request
    /// does this first; reconcilers need not.
    ///
    /// # Errors
    /// A failed commit.
    pub fn settle(&self, scope: &Scope, now: Timestamp) -> Result<(), ServiceError> {
        let snapshot = self.store.snapshot();
        if snapshot.contains::<DueRecord>(scope, &INDEXED)
            && come(&snapshot, scope, CHANGES, now).next().is_none()
        {
            return Ok(());
        }
        self.transact(scope, now, |edit| {
            index_all(edit);
            carry_out(edit, CHANGES, usize::MAX);
            Ok(())
        })
    }
}
