//! Security groups: CreateSecurityGroup, DeleteSecurityGroup, DescribeSecurityGroups.
//!
//! Owns the record of groups with their rules. A rule's form is in [`rule`], the operations on rules in
//! [`rules`] and [`rule_change`]; groups of peered VPCs in [`peered`].
//! Refuses to know which packets a rule lets through.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-security-groups.html>

pub(crate) mod peered;
mod rule;
mod rule_change;
mod rules;
pub(crate) mod vpc_association;

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, PrefixListId, SecurityGroupId, Tags, VpcId, VpcPeeringConnectionId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

pub use peered::PeeredGroup;
pub use rule::{IpProtocol, Peer, SecurityGroupRule};
pub(crate) use rules::retag_rule;
pub use vpc_association::SecurityGroupVpcAssociation;

use crate::filter::{Filters, each, number, text};
use crate::page::Page;
use crate::sharing::{self, Owned, Sharing};
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, default_vpc, dependency, error, quota, tag};

/// The name of the group that each VPC has from the start.
const DEFAULT_NAME: &str = "default";
const DEFAULT_DESCRIPTION: &str = "default VPC security group";

/// How long names and descriptions can be.
const MAX_CHARACTERS: usize = 255;

/// A security group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// The VPC that it is for.
    pub vpc: VpcId,
    /// Its name, unique in the VPC whatever its case.
    pub name: String,
    /// What its maker says it is for.
    pub description: String,
    /// Its rules, both ways, in the order of their making.
    pub rules: Vec<SecurityGroupRule>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    SecurityGroup,
    SecurityGroupId,
    "ec2.security-group" in vpc,
    Naming {
        resource_type: "security-group",
        noun: "security group",
        not_found: "InvalidGroup.NotFound",
        malformed: "InvalidGroupId.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "group-id" => Some(self.id.to_string()),
            "group-name" => Some(self.name.clone()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    fn not_found_message(id: &str) -> String {
        format!("The security group '{id}' does not exist")
    },
    fn none_found_message(ids: &[String]) -> String {
        format!("The security groups '{}' do not exist", ids.join(", "))
    },
    /// By the owner of its VPC.
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        account != owner.account
            && reader.contains::<Vpc>(
                &Scope::new(owner.partition, account, owner.region.clone()),
                &self.vpc.to_string(),
            )
    },
    fn hide(&mut self) {
        self.tags = Tags::default();
        self.rules.iter_mut().for_each(|rule| rule.tags = Tags::default());
    },
    const SHARING: Sharing = Sharing::Vpc;
);

impl SecurityGroup {
    /// Whether a rule of it names that prefix list.
    pub fn has_prefix_list(&self, list: PrefixListId) -> bool {
        self.rules.iter().any(|rule| rule.peer == Peer::PrefixList(list))
    }

    /// Whether a rule of it names a group that is reached over that connection.
    pub fn has_peering_connection(&self, connection: VpcPeeringConnectionId) -> bool {
        self.rules.iter().any(|rule| match rule.peer {
            Peer::PeeredGroup(peered) => peered.connection == connection,
            Peer::Group(_) | Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::PrefixList(_) => false,
        })
    }

    /// Whether it is the group that its VPC has from the start.
    pub fn is_default(&self) -> bool {
        self.name == DEFAULT_NAME
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateSecurityGroup>(create)
        .with::<op::DeleteSecurityGroup>(delete)
        .with::<op::DescribeSecurityGroups>(describe);
    [peered::operations, rule_change::operations, rules::operations, vpc_association::operations]
        .into_iter()
        .fold(table, |table, add| add(table))
}

/// The groups that name a prefix list and cannot have as many rules as it stands for now.
pub(crate) fn overfull(edit: &Edit<'_>, list: PrefixListId) -> Vec<SecurityGroupId> {
    sharing::of_all::<SecurityGroup>(edit)
        .map(|(_, group)| group)
        .filter(|group| group.has_prefix_list(list))
        .filter(|group| [false, true].iter().any(|egress| rules::check_count(edit, group, *egress).is_err()))
        .map(|group| group.id)
        .collect()
}

/// Makes the default group of a new VPC: all from its own members in, everything out.
pub(crate) fn make_default(edit: &mut Edit<'_>, vpc: &Vpc) {
    let mut group = SecurityGroup {
        id: edit.new_id(),
        vpc: vpc.id,
        name: DEFAULT_NAME.to_owned(),
        description: DEFAULT_DESCRIPTION.to_owned(),
        rules: open_egress(edit, vpc),
        tags: Tags::default(),
    };
    group.rules.push(SecurityGroupRule::everything(edit.new_id(), false, Peer::Group(group.id)));
    edit.put(group);
}

/// The rules that a new group has: everything out, over IPv6 too when the VPC has it.
fn open_egress(edit: &Edit<'_>, vpc: &Vpc) -> Vec<SecurityGroupRule> {
    let v4 = Peer::Ipv4("0.0.0.0/0".parse().expect("the block is written correctly"));
    let v6 = Peer::Ipv6("::/0".parse().expect("the block is written correctly"));
    let peers = [Some(v4), vpc.ipv6_blocks().next().map(|_| v6)];
    peers.into_iter().flatten().map(|peer| SecurityGroupRule::everything(edit.new_id(), true, peer)).collect()
}

/// The default group of a VPC.
///
/// # Errors
/// `UnauthorizedOperation` for another account's VPC, whose default group is that account's.
pub(crate) fn default_of(state: &impl State, vpc: VpcId) -> Result<Arc<SecurityGroup>, ServiceError> {
    state
        .all::<SecurityGroup>()
        .find(|group| group.vpc == vpc && group.is_default())
        .ok_or_else(sharing::no_default_group)
}

/// The group that a request names by id, or by its name in the default VPC.
///
/// # Errors
/// `MissingParameter`, `InvalidGroup.NotFound`, `InvalidGroupId.Malformed`, `VPCIdNotSpecified`.
pub(crate) fn by_id_or_name(
    state: &impl State,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<Arc<SecurityGroup>, ServiceError> {
    match (id, name) {
        (Some(id), _) => state.named::<SecurityGroup>(id),
        (None, Some(name)) => by_name(state, name),
        (None, None) => Err(error::missing("groupName or groupId")),
    }
}

/// The group with that name in the default VPC.
///
/// # Errors
/// `InvalidGroup.NotFound`, `VPCIdNotSpecified`.
pub(crate) fn by_name(state: &impl State, name: &str) -> Result<Arc<SecurityGroup>, ServiceError> {
    let vpc = default_vpc::required(state)?;
    state.all::<SecurityGroup>().find(|group| group.vpc == vpc.id && group.name == name).ok_or_else(|| {
        let message = format!("The security group '{name}' does not exist in default VPC '{}'", vpc.id);
        ServiceError::new("InvalidGroup.NotFound", message)
    })
}

/// Checks how many groups an interface is to have.
///
/// # Errors
/// `SecurityGroupsPerInterfaceLimitExceeded`.
pub(crate) fn check_count(edit: &Edit<'_>, count: usize) -> Result<(), ServiceError> {
    if count > quota::MOST_SECURITY_GROUPS_PER_INTERFACE {
        return Err(quota::SECURITY_GROUPS_PER_INTERFACE.exceeded());
    }
    quota::SECURITY_GROUPS_PER_INTERFACE.check(edit, count)
}

/// The groups' ids and names, as answers about interfaces have them.
pub(crate) fn identifiers(state: &impl State, groups: &[SecurityGroupId]) -> Vec<api::GroupIdentifier> {
    let shown = groups.iter().map(|id| api::GroupIdentifier {
        group_id: Some(id.to_string()),
        group_name: state.find::<SecurityGroup>(*id).map(|group| group.name.clone()),
    });
    shown.collect()
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    if name.eq_ignore_ascii_case(DEFAULT_NAME) {
        return Err(error::invalid_value(format!("Cannot use reserved security group name: {name}")));
    }
    if name.starts_with("sg-") {
        let why = "Group names may not be in the format sg-*.";
        return Err(error::invalid_value_for(name, "GroupName", why));
    }
    check_text(name, "GroupName", "group name")
}

/// The characters that names and descriptions may have.
fn check_text(text: &str, parameter: &str, noun: &str) -> Result<(), ServiceError> {
    if !text.is_ascii() {
        return Err(error::invalid_value_for(
            text,
            parameter,
            "Character sets beyond ASCII are not supported.",
        ));
    }
    if text.is_empty() {
        return Err(error::missing(parameter));
    }
    if text.len() > MAX_CHARACTERS || !text.chars().all(rule::is_description_character) {
        return Err(error::invalid_value(format!(
            "Invalid security {noun}. Valid values are strings less than 256 characters from the following set:  {}",
            rule::DESCRIPTION_CHARACTERS
        )));
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateSecurityGroupRequest,
) -> Result<api::CreateSecurityGroupResult, ServiceError> {
    // AWS keeps a name without the spaces at its end, and compares names whatever their case.
    // <https://docs.aws.amazon.com/vpc/latest/userguide/security-groups.html>
    let name = input.group_name.trim_end_matches(' ');
    check_name(name)?;
    check_text(&input.description, "GroupDescription", "group description")?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "security-group")?;
    ec2.edit(context, input.dry_run, |edit| {
        let vpc = match input.vpc_id.as_deref() {
            Some(id) => edit.usable::<Vpc>(id)?.resource,
            None => default_vpc::required(edit)?,
        };
        let mut count = 0;
        for group in edit.all::<SecurityGroup>() {
            count += 1;
            if group.vpc == vpc.id && group.name.eq_ignore_ascii_case(name) {
                let message = format!("The security group '{name}' already exists for VPC '{}'", vpc.id);
                return Err(ServiceError::new("InvalidGroup.Duplicate", message));
            }
        }
        quota::SECURITY_GROUPS_PER_REGION.check(edit, count + 1)?;
        let group = SecurityGroup {
            id: edit.new_id(),
            vpc: vpc.id,
            name: name.to_owned(),
            description: input.description,
            rules: open_egress(edit, &vpc),
            tags,
        };
        edit.put(group.clone());
        Ok(api::CreateSecurityGroupResult {
            group_id: Some(group.id.to_string()),
            security_group_arn: Some(edit.arn(&format!("security-group/{}", group.id))),
            tags: tag::shown(&group.tags),
        })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteSecurityGroupRequest,
) -> Result<api::DeleteSecurityGroupResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let group = by_id_or_name(edit, input.group_id.as_deref(), input.group_name.as_deref())?;
        if group.is_default() {
            let message = format!(
                "the specified group: \"{}\" name: \"{}\" cannot be deleted by a user",
                group.id, group.name
            );
            return Err(ServiceError::new("CannotDelete", message));
        }
        dependency::check_security_group(edit, group.id)?;
        vpc_association::forget(edit, |held| held.group == group.id);
        edit.remove::<SecurityGroup>(group.id);
        Ok(api::DeleteSecurityGroupResult { group_id: Some(group.id.to_string()), r#return: Some(true) })
    })
}

fn shown(state: &impl State, group: &SecurityGroup) -> api::SecurityGroup {
    let permissions = |egress| {
        let rules = group.rules.iter().filter(|rule| rule.egress == egress);
        Some(rule::permissions(state, rules))
    };
    api::SecurityGroup {
        description: Some(group.description.clone()),
        group_id: Some(group.id.to_string()),
        group_name: Some(group.name.clone()),
        ip_permissions: permissions(false),
        ip_permissions_egress: permissions(true),
        owner_id: Some(state.account().to_string()),
        security_group_arn: Some(state.arn(&format!("security-group/{}", group.id))),
        tags: tag::shown(&group.tags),
        vpc_id: Some(group.vpc.to_string()),
    }
}

/// A group as answers have it, with what filters look at beside that.
struct Found {
    shown: api::SecurityGroup,
    /// The names of the groups that rules name, and whether the rule is for egress.
    peers: Vec<(bool, String)>,
}

impl Found {
    fn new(state: &impl State, group: &SecurityGroup) -> Self {
        let peers = group.rules.iter().filter_map(|rule| match rule.peer {
            Peer::Group(id) => Some((rule.egress, state.own::<SecurityGroup>(id)?.name.clone())),
            // The names of other accounts' groups are theirs.
            Peer::PeeredGroup(_) | Peer::Ipv4(_) | Peer::Ipv6(_) | Peer::PrefixList(_) => None,
        });
        Self { shown: shown(state, group), peers: peers.collect() }
    }

    fn peers_of(&self, egress: bool) -> Vec<String> {
        self.peers.iter().filter(|(of, _)| *of == egress).map(|(_, name)| name.clone()).collect()
    }
}

/// The values that permissions have for a filter.
macro_rules! permission {
    ($list:ident, $permission:ident => $values:expr) => {
        |group| group.shown.$list.iter().flatten().flat_map(|$permission| $values).collect()
    };
}

static FILTERS: Filters<Found> = Filters {
    tags: Some(|group| group.shown.tags.as_deref().unwrap_or_default()),
    named: &[
        ("description", |group| text(&group.shown.description)),
        (
            "egress.ip-permission.cidr",
            permission!(ip_permissions_egress, held => each(&held.ip_ranges, |range| range.cidr_ip.clone())),
        ),
        (
            "egress.ip-permission.from-port",
            permission!(ip_permissions_egress, held => number(held.from_port)),
        ),
        (
            "egress.ip-permission.group-id",
            permission!(ip_permissions_egress, held => each(&held.user_id_group_pairs, |pair| pair.group_id.clone())),
        ),
        ("egress.ip-permission.group-name", |group| group.peers_of(true)),
        (
            "egress.ip-permission.ipv6-cidr",
            permission!(ip_permissions_egress, held => each(&held.ipv6_ranges, |range| range.cidr_ipv6.clone())),
        ),
        (
            "egress.ip-permission.prefix-list-id",
            permission!(ip_permissions_egress, held => each(&held.prefix_list_ids, |list| list.prefix_list_id.clone())),
        ),
        (
            "egress.ip-permission.protocol",
            permission!(ip_permissions_egress, held => text(&held.ip_protocol)),
        ),
        ("egress.ip-permission.to-port", permission!(ip_permissions_egress, held => number(held.to_port))),
        (
            "egress.ip-permission.user-id",
            permission!(ip_permissions_egress, held => each(&held.user_id_group_pairs, |pair| pair.user_id.clone())),
        ),
        ("group-id", |group| text(&group.shown.group_id)),
        ("group-name", |group| text(&group.shown.group_name)),
        (
            "ip-permission.cidr",
            permission!(ip_permissions, held => each(&held.ip_ranges, |range| range.cidr_ip.clone())),
        ),
        ("ip-permission.from-port", permission!(ip_permissions, held => number(held.from_port))),
        (
            "ip-permission.group-id",
            permission!(ip_permissions, held => each(&held.user_id_group_pairs, |pair| pair.group_id.clone())),
        ),
        ("ip-permission.group-name", |group| group.peers_of(false)),
        (
            "ip-permission.ipv6-cidr",
            permission!(ip_permissions, held => each(&held.ipv6_ranges, |range| range.cidr_ipv6.clone())),
        ),
        (
            "ip-permission.prefix-list-id",
            permission!(ip_permissions, held => each(&held.prefix_list_ids, |list| list.prefix_list_id.clone())),
        ),
        ("ip-permission.protocol", permission!(ip_permissions, held => text(&held.ip_protocol))),
        ("ip-permission.to-port", permission!(ip_permissions, held => number(held.to_port))),
        (
            "ip-permission.user-id",
            permission!(ip_permissions, held => each(&held.user_id_group_pairs, |pair| pair.user_id.clone())),
        ),
        ("owner-id", |group| text(&group.shown.owner_id)),
        ("vpc-id", |group| text(&group.shown.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSecurityGroupsRequest,
) -> Result<api::DescribeSecurityGroupsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.group_ids.filter(|ids| !ids.is_empty());
    let names = input.group_names.filter(|names| !names.is_empty());
    let mut groups = if ids.is_some() || names.is_none() { view.all_seen(ids.as_ref())? } else { Vec::new() };
    for name in names.iter().flatten() {
        groups.push(Owned { owner: view.account(), resource: by_name(&view, name)? });
    }
    groups.sort_by_key(|held| held.resource.id);
    groups.dedup_by_key(|held| held.resource.id);
    let page = Page::new("DescribeSecurityGroups", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (groups, next_token) = page.of_owned(&view, groups, wanted, Found::new)?;
    let groups = groups.into_iter().map(|group| group.shown).collect();
    ec2.answer(input.dry_run, api::DescribeSecurityGroupsResult { next_token, security_groups: Some(groups) })
}
