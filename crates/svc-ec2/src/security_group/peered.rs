//! Groups of peered VPCs in rules, DescribeSecurityGroupReferences and DescribeStaleSecurityGroups.
//!
//! Owns which groups of other VPCs a rule can name, and when such a rule is stale: its peering connection is no longer
//! active, or the group is gone. Refuses to know how connections come to be.
//! <https://docs.aws.amazon.com/vpc/latest/peering/vpc-peering-security-groups.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, SecurityGroupId, VpcId, VpcPeeringConnectionId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::Read;

use super::{Peer, SecurityGroup, SecurityGroupRule, rule};
use crate::Ec2;
use crate::page::Page;
use crate::state::{State, not_found, parse_id};
use crate::vpc::Vpc;
use crate::vpc_peering_connection::{self, PeeringState, VpcPeeringConnection};

/// The largest and smallest page of stale groups.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeStaleSecurityGroups.html>
const PAGE_LIMITS: (i32, i32) = (5, 255);

/// A group of a peered VPC in the same region, as a rule has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeeredGroup {
    /// The group.
    pub group: SecurityGroupId,
    /// Who owns it.
    pub account: AccountId,
    /// Its VPC.
    pub vpc: VpcId,
    /// The connection over which it is reached.
    pub connection: VpcPeeringConnectionId,
}

impl PeeredGroup {
    /// The state of its connection; `deleted` when that is no longer known.
    pub(super) fn status(&self, state: &impl State) -> &'static str {
        let connection = state.record::<VpcPeeringConnection>(&self.connection.to_string());
        connection.map_or(PeeringState::Deleted, |held| held.state(state.now())).as_str()
    }

    /// Whether its connection is no longer active, or the group is gone.
    fn is_stale(&self, state: &impl State) -> bool {
        self.status(state) != PeeringState::Active.as_str() || self.record(state).is_none()
    }

    fn record(&self, state: &impl State) -> Option<std::sync::Arc<SecurityGroup>> {
        let scope = state.part_of(self.account);
        let group = state.reader().get::<SecurityGroup>(&scope, &self.group.to_string());
        group.filter(|group| group.vpc == self.vpc)
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeSecurityGroupReferences>(describe_references)
        .with::<op::DescribeStaleSecurityGroups>(describe_stale)
}

/// The group of a peered VPC that a pair names, if it names one: among those over active connections in the same region,
/// or as a rule of the group has it, so that stale rules can be revoked.
///
/// # Errors
/// `InvalidGroupId.Malformed`, `InvalidVpcPeeringConnectionID.NotFound`.
pub(super) fn find(
    state: &impl State,
    holder: &SecurityGroup,
    pair: &api::UserIdGroupPair,
) -> Result<Option<PeeredGroup>, ServiceError> {
    let Some(text) = pair.group_id.as_deref() else { return Ok(None) };
    let Ok(id) = parse_id::<SecurityGroup>(text) else { return Ok(None) };
    let is_named = |peered: &PeeredGroup| {
        peered.group == id
            && pair.user_id.as_ref().is_none_or(|user| *user == peered.account.to_string())
            && pair.vpc_id.as_ref().is_none_or(|vpc| *vpc == peered.vpc.to_string())
            && pair.vpc_peering_connection_id.as_ref().is_none_or(|one| *one == peered.connection.to_string())
    };
    let over_connection = vpc_peering_connection::active_of(state, holder.vpc).into_iter().find_map(|held| {
        let peer = held.peer_of(holder.vpc).filter(|_| held.is_in_one_region())?;
        let peered = PeeredGroup { group: id, account: peer.account, vpc: peer.vpc, connection: held.id };
        (is_named(&peered) && peered.record(state).is_some()).then_some(peered)
    });
    let in_rule = || {
        holder.rules.iter().find_map(|rule| match rule.peer {
            Peer::PeeredGroup(peered) => Some(peered).filter(is_named),
            Peer::Group(_) | Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::PrefixList(_) => None,
        })
    };
    let found = over_connection.or_else(in_rule);
    match (&pair.vpc_peering_connection_id, found) {
        (Some(connection), None) => {
            state.named::<VpcPeeringConnection>(connection)?;
            Err(not_found::<SecurityGroup>(text))
        }
        (_, found) => Ok(found),
    }
}

/// Checks that a new rule can have that peer.
///
/// # Errors
/// `InvalidGroup.NotFound` for a group that cannot be reached any more.
pub(super) fn check(state: &impl State, peer: Peer) -> Result<(), ServiceError> {
    match peer {
        Peer::PeeredGroup(peered) if peered.is_stale(state) => Err(not_found::<SecurityGroup>(peered.group)),
        Peer::PeeredGroup(_) | Peer::Group(_) | Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::PrefixList(_) => Ok(()),
    }
}

/// Lists the peered VPCs whose groups name these groups; references inside a VPC are not among them.
fn describe_references(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSecurityGroupReferencesRequest,
) -> Result<api::DescribeSecurityGroupReferencesResult, ServiceError> {
    let view = ec2.view(context);
    let groups = view.all_seen::<SecurityGroup>(Some(&input.group_id))?;
    let groups = groups.into_iter().map(|held| held.resource);
    let mut references = Vec::new();
    for group in groups {
        for connection in vpc_peering_connection::active_of(&view, group.vpc) {
            let Some(peer) = connection.peer_of(group.vpc).filter(|_| connection.is_in_one_region()) else {
                continue;
            };
            let names_group = |rule: &SecurityGroupRule| {
                matches!(rule.peer, Peer::PeeredGroup(peered)
                    if peered.group == group.id && peered.connection == connection.id)
            };
            let there = view.elsewhere(peer.account, peer.region.clone());
            let mut others = there.all::<SecurityGroup>().filter(|other| other.vpc == peer.vpc);
            if others.any(|other| other.rules.iter().any(names_group)) {
                references.push(api::SecurityGroupReference {
                    group_id: Some(group.id.to_string()),
                    referencing_vpc_id: Some(peer.vpc.to_string()),
                    vpc_peering_connection_id: Some(connection.id.to_string()),
                    ..Default::default()
                });
            }
        }
    }
    ec2.answer(
        input.dry_run,
        api::DescribeSecurityGroupReferencesResult { security_group_reference_set: Some(references) },
    )
}

/// The stale rules of one direction, as permissions.
fn stale_permissions(state: &impl State, group: &SecurityGroup, egress: bool) -> Vec<api::StaleIpPermission> {
    let is_stale = |rule: &&SecurityGroupRule| match rule.peer {
        Peer::PeeredGroup(peered) => rule.egress == egress && peered.is_stale(state),
        Peer::Group(_) | Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::PrefixList(_) => false,
    };
    let permissions = rule::permissions(state, group.rules.iter().filter(is_stale));
    let stale = permissions.into_iter().map(|held| api::StaleIpPermission {
        from_port: held.from_port,
        ip_protocol: held.ip_protocol,
        to_port: held.to_port,
        user_id_group_pairs: held.user_id_group_pairs,
        ..Default::default()
    });
    stale.collect()
}

fn describe_stale(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeStaleSecurityGroupsRequest,
) -> Result<api::DescribeStaleSecurityGroupsResult, ServiceError> {
    let view = ec2.view(context);
    let vpc = view.named::<Vpc>(&input.vpc_id)?;
    let mut stale = Vec::new();
    for group in view.all::<SecurityGroup>().filter(|group| group.vpc == vpc.id) {
        let (ingress, egress) =
            (stale_permissions(&view, &group, false), stale_permissions(&view, &group, true));
        if ingress.is_empty() && egress.is_empty() {
            continue;
        }
        stale.push(api::StaleSecurityGroup {
            description: Some(group.description.clone()),
            group_id: Some(group.id.to_string()),
            group_name: Some(group.name.clone()),
            stale_ip_permissions: Some(ingress),
            stale_ip_permissions_egress: Some(egress),
            vpc_id: Some(vpc.id.to_string()),
        });
    }
    let page = Page::within(
        "DescribeStaleSecurityGroups",
        input.max_results,
        input.next_token.as_ref(),
        PAGE_LIMITS,
    );
    let (stale, next_token) = page.cut(stale, |group| group.group_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeStaleSecurityGroupsResult { next_token, stale_security_group_set: Some(stale) },
    )
}
