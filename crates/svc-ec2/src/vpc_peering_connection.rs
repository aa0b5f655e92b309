//! VPC peering connections: the record, its states, and how answers show it.
//!
//! Owns the states as a function of time. When the two sides are in different accounts or regions, each has a copy of the
//! record with the same id, and both are written in one transaction; tags are each side's own. How a connection is
//! asked for is in [`request`], what becomes of it in [`change`]. Refuses to know routes and packets.
//! <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-basics.html>

mod change;
mod describe;
mod request;

use aws_api::ec2 as api;
use aws_types::{AccountId, Region, Tags, Timestamp, VpcId, VpcPeeringConnectionId};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use service_api::Operations;
use store::{Read, Scope};

use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, pace, tag};

const HOUR_MILLIS: i64 = 3_600_000;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// How long a request can be accepted.
const ACCEPTABLE_MILLIS: i64 = 7 * DAY_MILLIS;
/// How long the account that ended a connection, or one whose request failed, still sees it.
const SHOWN_SHORTLY_MILLIS: i64 = 2 * HOUR_MILLIS;
/// How long the other account still sees it, and both an expired request.
const SHOWN_LONG_MILLIS: i64 = 2 * DAY_MILLIS;

/// Why a request fails: AWS tells no more.
const FAILED: &str = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";

/// One of the two VPCs of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeredVpc {
    /// Who owns it.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
    /// The VPC. That of a request that fails may not exist.
    pub vpc: VpcId,
    /// Whether the other VPC resolves public names of instances in this one to private addresses.
    pub allow_dns_resolution: bool,
}

/// What was decided about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeeringDecision {
    /// Nothing yet.
    None,
    /// It cannot be: the peer VPC does not exist, or its blocks overlap.
    Failed,
    /// It was accepted and carries packets from that time on.
    Accepted {
        /// When it is active.
        active_at: Timestamp,
    },
    /// It was rejected.
    Rejected {
        /// When.
        at: Timestamp,
    },
    /// It was deleted.
    Deleted {
        /// Who did.
        by: AccountId,
        /// When it is shown as deleted.
        done_at: Timestamp,
    },
}

/// The state of a connection.
///
/// ```text
/// initiating-request ──> pending-acceptance ──accept──> provisioning ──> active ──delete──> deleting ──> deleted
///         │                      ├──reject──> rejected
///         └──> failed            ├──7 days──> expired
///                                └──delete──> deleting
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeeringState {
    /// Being asked for.
    InitiatingRequest,
    /// To be accepted or rejected.
    PendingAcceptance,
    /// Accepted, and not yet active.
    Provisioning,
    /// In use.
    Active,
    /// Being deleted.
    Deleting,
    /// Deleted.
    Deleted,
    /// Rejected.
    Rejected,
    /// It could not be.
    Failed,
    /// Nobody accepted it.
    Expired,
}

impl PeeringState {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InitiatingRequest => "initiating-request",
            Self::PendingAcceptance => "pending-acceptance",
            Self::Provisioning => "provisioning",
            Self::Active => "active",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }

    /// Whether it is the state of one that is asked for or accepted.
    pub fn is_live(self) -> bool {
        match self {
            Self::InitiatingRequest | Self::PendingAcceptance | Self::Provisioning | Self::Active => true,
            Self::Deleting | Self::Deleted | Self::Rejected | Self::Failed | Self::Expired => false,
        }
    }
}

/// A VPC peering connection, as one of its sides has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcPeeringConnection {
    /// Its id.
    pub id: VpcPeeringConnectionId,
    /// Whose copy this is.
    pub holder: AccountId,
    /// The VPC that asked.
    pub requester: PeeredVpc,
    /// The VPC that was asked.
    pub accepter: PeeredVpc,
    /// When the request is with the accepter, or has failed.
    pub requested_at: Timestamp,
    /// Until when it can be accepted.
    pub expires_at: Timestamp,
    /// What was decided.
    pub decision: PeeringDecision,
    /// Its tags, of this side alone.
    pub tags: Tags,
}

resource!(
    VpcPeeringConnection,
    VpcPeeringConnectionId,
    "ec2.vpc-peering-connection",
    Naming {
        resource_type: "vpc-peering-connection",
        noun: "vpcPeeringConnection",
        not_found: "InvalidVpcPeeringConnectionID.NotFound",
        malformed: "InvalidVpcPeeringConnectionId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.shown_until()
    }
);

impl VpcPeeringConnection {
    /// Its state at that time.
    pub fn state(&self, now: Timestamp) -> PeeringState {
        match self.decision {
            PeeringDecision::Deleted { done_at, .. } if now < done_at => PeeringState::Deleting,
            PeeringDecision::Deleted { .. } => PeeringState::Deleted,
            PeeringDecision::Rejected { .. } => PeeringState::Rejected,
            PeeringDecision::Accepted { active_at } if now < active_at => PeeringState::Provisioning,
            PeeringDecision::Accepted { .. } => PeeringState::Active,
            PeeringDecision::None | PeeringDecision::Failed if now < self.requested_at => {
                PeeringState::InitiatingRequest
            }
            PeeringDecision::Failed => PeeringState::Failed,
            PeeringDecision::None if now < self.expires_at => PeeringState::PendingAcceptance,
            PeeringDecision::None => PeeringState::Expired,
        }
    }

    /// Whether it carries packets at that time.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.state(now) == PeeringState::Active
    }

    /// When it becomes active by itself, if that is yet to come.
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        match self.decision {
            PeeringDecision::Accepted { active_at } => Some(active_at).filter(|active_at| now < *active_at),
            PeeringDecision::None
            | PeeringDecision::Failed
            | PeeringDecision::Rejected { .. }
            | PeeringDecision::Deleted { .. } => None,
        }
    }

    /// Whether it is asked for or accepted, so that there is no second one between its VPCs. A request that is going to
    /// fail is neither, also while it is being made.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.decision != PeeringDecision::Failed && self.state(now).is_live()
    }

    /// Until when its holder sees it; `None` while nobody knows.
    fn shown_until(&self) -> Option<Timestamp> {
        let shown = |is_by_holder| if is_by_holder { SHOWN_SHORTLY_MILLIS } else { SHOWN_LONG_MILLIS };
        match self.decision {
            PeeringDecision::None => Some(self.expires_at.plus_millis(SHOWN_LONG_MILLIS)),
            PeeringDecision::Failed => Some(self.requested_at.plus_millis(SHOWN_SHORTLY_MILLIS)),
            PeeringDecision::Accepted { .. } => None,
            PeeringDecision::Rejected { at } => {
                Some(at.plus_millis(shown(self.holder == self.accepter.account)))
            }
            PeeringDecision::Deleted { by, done_at } => Some(done_at.plus_millis(shown(self.holder == by))),
        }
    }

    /// The other side, of a side's VPC.
    pub(crate) fn peer_of(&self, vpc: VpcId) -> Option<&PeeredVpc> {
        if self.requester.vpc == vpc {
            Some(&self.accepter)
        } else if self.accepter.vpc == vpc {
            Some(&self.requester)
        } else {
            None
        }
    }

    /// Whether both sides are in one region.
    pub fn is_in_one_region(&self) -> bool {
        self.requester.region == self.accepter.region
    }

    fn is_between(&self, one: &PeeredVpc, other: &PeeredVpc) -> bool {
        let same = |held: &PeeredVpc, asked: &PeeredVpc| held.vpc == asked.vpc;
        (same(&self.requester, one) && same(&self.accepter, other))
            || (same(&self.requester, other) && same(&self.accepter, one))
    }

    /// What a request is told about its state.
    fn message(&self, state: PeeringState) -> String {
        match state {
            PeeringState::InitiatingRequest => format!("Initiating Request to {}", self.accepter.account),
            PeeringState::PendingAcceptance => format!("Pending Acceptance by {}", self.accepter.account),
            PeeringState::Provisioning => "Provisioning".to_owned(),
            PeeringState::Active => "Active".to_owned(),
            PeeringState::Deleting => "Deleting".to_owned(),
            PeeringState::Deleted => match self.decision {
                PeeringDecision::Deleted { by, .. } => format!("Deleted by {by}"),
                _ => "Deleted".to_owned(),
            },
            PeeringState::Rejected => format!("Rejected by {}", self.accepter.account),
            PeeringState::Failed => FAILED.to_owned(),
            PeeringState::Expired => "Expired".to_owned(),
        }
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    describe::operations(change::operations(request::operations(table)))
}

/// The part of the cloud where a side is.
pub(crate) fn scope_of(state: &impl State, side: &PeeredVpc) -> Scope {
    Scope::new(state.scope().partition, side.account, side.region.clone())
}

/// The active connections of a VPC of this account and region.
pub(crate) fn active_of(state: &impl State, vpc: VpcId) -> Vec<VpcPeeringConnection> {
    let now = state.now();
    let all = state.all::<VpcPeeringConnection>();
    all.filter(|held| held.peer_of(vpc).is_some() && held.is_active(now))
        .map(std::sync::Arc::unwrap_or_clone)
        .collect()
}

/// A VPC whose block would be in a peered VPC too, among the blocks of the VPCs that a VPC is peered with or asked to be.
pub(crate) fn overlapping_peer(state: &impl State, vpc: VpcId, block: Ipv4Net) -> Option<VpcId> {
    let now = state.now();
    state.all::<VpcPeeringConnection>().filter(|held| held.is_live(now)).find_map(|held| {
        let side = held.peer_of(vpc)?;
        let peer = state.reader().get::<Vpc>(&scope_of(state, side), &side.vpc.to_string())?;
        peer.blocks().any(|other| vpc_model::vpc::overlap(other, block)).then_some(peer.id)
    })
}

/// Whether a VPC was asked by another account to peer and has not answered: it cannot be deleted then.
pub(crate) fn has_foreign_request(edit: &Edit<'_>, vpc: VpcId) -> bool {
    let now = edit.now();
    edit.all::<VpcPeeringConnection>().any(|held| {
        let is_open =
            matches!(held.state(now), PeeringState::InitiatingRequest | PeeringState::PendingAcceptance);
        is_open && held.accepter.vpc == vpc && held.requester.account != edit.account()
    })
}

/// Deletes the connections of a VPC that is deleted.
pub(crate) fn delete_those_of(edit: &mut Edit<'_>, vpc: VpcId) {
    let now = edit.now();
    let of_vpc: Vec<_> = edit
        .all::<VpcPeeringConnection>()
        .filter(|held| held.peer_of(vpc).is_some() && held.is_live(now))
        .collect();
    let decision =
        PeeringDecision::Deleted { by: edit.account(), done_at: pace::PEERING_CHANGE.done_at(edit) };
    for held in of_vpc {
        write(edit, &held, |copy| copy.decision = decision);
    }
}

/// Ends a connection of an account that is closed for good.
pub(crate) fn give_up(edit: &mut Edit<'_>, connection: &VpcPeeringConnection) {
    if connection.is_live(edit.now()) {
        let decision = PeeringDecision::Deleted { by: edit.account(), done_at: edit.now() };
        write(edit, connection, |copy| copy.decision = decision);
    }
}

/// Changes every copy of a connection.
fn write(edit: &mut Edit<'_>, connection: &VpcPeeringConnection, change: impl Fn(&mut VpcPeeringConnection)) {
    let key = connection.id.to_string();
    for side in [&connection.requester, &connection.accepter] {
        let mut there = edit.elsewhere(side.account, side.region.clone());
        if let Some(copy) = there.record::<VpcPeeringConnection>(&key) {
            let mut copy = std::sync::Arc::unwrap_or_clone(copy);
            change(&mut copy);
            there.put(copy);
        }
    }
}

/// A connection as answers have it.
fn shown(state: &impl State, connection: &VpcPeeringConnection) -> api::VpcPeeringConnection {
    let now = state.now();
    let held = connection.state(now);
    let is_accepted = matches!(held, PeeringState::Provisioning | PeeringState::Active);
    let is_open = matches!(held, PeeringState::InitiatingRequest | PeeringState::PendingAcceptance);
    api::VpcPeeringConnection {
        accepter_vpc_info: Some(side_shown(state, &connection.accepter, is_accepted, is_accepted)),
        expiration_time: is_open.then_some(connection.expires_at),
        requester_vpc_info: Some(side_shown(
            state,
            &connection.requester,
            is_open || is_accepted || held == PeeringState::Failed,
            is_accepted,
        )),
        status: Some(api::VpcPeeringConnectionStateReason {
            code: Some(held.as_str().to_owned()),
            message: Some(connection.message(held)),
        }),
        tags: Some(tag::shown_always(&connection.tags)),
        vpc_peering_connection_id: Some(connection.id.to_string()),
        ..Default::default()
    }
}

/// A side, whose blocks are told from when it has agreed, and its options while they count.
fn side_shown(
    state: &impl State,
    side: &PeeredVpc,
    with_blocks: bool,
    with_options: bool,
) -> api::VpcPeeringConnectionVpcInfo {
    let vpc = state.reader().get::<Vpc>(&scope_of(state, side), &side.vpc.to_string());
    let vpc = vpc.filter(|_| with_blocks);
    let v4 = vpc.as_ref().map(|vpc| {
        vpc.blocks().map(|block| api::CidrBlock { cidr_block: Some(block.to_string()) }).collect::<Vec<_>>()
    });
    let v6 = vpc.as_ref().map(|vpc| {
        let shown = |block: ipnet::Ipv6Net| api::Ipv6CidrBlock { ipv6_cidr_block: Some(block.to_string()) };
        vpc.ipv6_blocks().map(shown).collect::<Vec<_>>()
    });
    api::VpcPeeringConnectionVpcInfo {
        cidr_block: vpc.as_ref().map(|vpc| vpc.primary_block().to_string()),
        ipv6_cidr_block_set: v6.filter(|blocks| !blocks.is_empty()),
        cidr_block_set: v4,
        owner_id: Some(side.account.to_string()),
        peering_options: with_options.then(|| api::VpcPeeringConnectionOptionsDescription {
            allow_dns_resolution_from_remote_vpc: Some(side.allow_dns_resolution),
            allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
            allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
            ..Default::default()
        }),
        vpc_id: Some(side.vpc.to_string()),
        region: Some(side.region.to_string()),
    }
}
