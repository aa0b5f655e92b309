//! Network ACLs: CreateNetworkAcl, DeleteNetworkAcl, DescribeNetworkAcls, ReplaceNetworkAclAssociation.
//!
//! Owns the record of ACLs with their entries; the operations on entries are in [`entry`], which subnets an ACL guards
//! is in [`association`]. The deny at the end of each list is not in the record: it is always there. Refuses to know
//! which packets pass.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html>

pub(crate) mod association;
mod entry;

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, NetworkAclId, Tags, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

pub use association::NetworkAclAssociation;
pub use entry::{Action, NetworkAclEntry};

use crate::filter::{Filters, each, flag, number, text};
use crate::idempotency::Attempt;
use crate::page::Page;
use crate::sharing::{self, Sharing};
use crate::state::{Edit, Naming, State, View, resource};
use crate::vpc::Vpc;
use crate::{Ec2, dependency, error, quota, tag};

/// A network ACL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkAcl {
    /// Its id.
    pub id: NetworkAclId,
    /// The VPC that it is for.
    pub vpc: VpcId,
    /// Whether it is the one that the VPC has from the start.
    pub is_default: bool,
    /// Its entries, by direction (in first) and number, without the deny at the end.
    pub entries: Vec<NetworkAclEntry>,
    /// The subnets that it guards, as builds wrote them that had no [`NetworkAclAssociation`]: version 1. Version 2 has
    /// none, so that such a build does not take the ACL for one that guards nothing.
    #[serde(default, rename = "associations", skip_serializing_if = "Option::is_none")]
    pub(crate) old_associations: Option<Vec<association::OldAssociation>>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NetworkAcl,
    NetworkAclId,
    "ec2.network-acl" version 2 in vpc,
    Naming {
        resource_type: "network-acl",
        noun: "networkAcl",
        not_found: "InvalidNetworkAclID.NotFound",
        malformed: "InvalidNetworkAclId.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "network-acl-id" => Some(self.id.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    /// With the subnets that it is for.
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        let mut associations = reader.scan::<NetworkAclAssociation>(owner).map(|(_, held)| held);
        associations
            .any(|held| held.acl == self.id && sharing::has_subnet(reader, owner, account, held.subnet))
    },
    const SHARING: Sharing = Sharing::Vpc;
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateNetworkAcl>(create)
        .with::<op::DeleteNetworkAcl>(delete)
        .with::<op::DescribeNetworkAcls>(describe);
    association::operations(entry::operations(table))
}

/// Makes the default ACL of a new VPC, which allows everything.
pub(crate) fn make_default(edit: &mut Edit<'_>, vpc: &Vpc) {
    let has_ipv6 = vpc.ipv6_blocks().next().is_some();
    edit.put(NetworkAcl {
        id: edit.new_id(),
        vpc: vpc.id,
        is_default: true,
        entries: entry::open(has_ipv6),
        old_associations: None,
        tags: Tags::default(),
    });
}

/// Lets IPv6 through a VPC's default ACL when the VPC gets its first IPv6 block, unless the ACL was changed.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html>
pub(crate) fn open_for_ipv6(edit: &mut Edit<'_>, vpc: VpcId) {
    let mut acl = NetworkAcl::clone(&*default_of(edit, vpc));
    if acl.entries == entry::open(false) {
        acl.entries = entry::open(true);
        edit.put(acl);
    }
}

fn default_of(state: &impl State, vpc: VpcId) -> Arc<NetworkAcl> {
    state
        .parts::<NetworkAcl, _>(vpc)
        .find(|acl| acl.is_default)
        .expect("a VPC has its default network ACL for life")
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateNetworkAclRequest,
) -> Result<api::CreateNetworkAclResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "network-acl")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateNetworkAcl", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, acl: &NetworkAcl| api::CreateNetworkAclResult {
            client_token: input.client_token.clone(),
            network_acl: Some(shown(edit, acl, &association::of(edit, acl.id))),
        };
        if let Some(attempt) = &attempt
            && let Some(acl) = attempt.made::<NetworkAcl>(edit)?
        {
            return Ok(answer(edit, &acl));
        }
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        let count = edit.parts::<NetworkAcl, _>(vpc.id).count();
        quota::NETWORK_ACLS_PER_VPC.check(edit, count + 1)?;
        let acl = NetworkAcl {
            id: edit.new_id(),
            vpc: vpc.id,
            is_default: false,
            entries: Vec::new(),
            old_associations: None,
            tags,
        };
        edit.put(acl.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![acl.id.to_string()]);
        }
        Ok(answer(edit, &acl))
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkAclRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let acl = edit.named::<NetworkAcl>(&input.network_acl_id)?;
        if acl.is_default {
            return Err(error::invalid_value(format!("cannot delete default network ACL {}", acl.id)));
        }
        dependency::check_network_acl(edit, acl.id)?;
        edit.remove::<NetworkAcl>(acl.id);
        Ok(Unit)
    })
}

fn shown(
    state: &impl State,
    acl: &NetworkAcl,
    associations: &[Arc<NetworkAclAssociation>],
) -> api::NetworkAcl {
    let has_ipv6 = state.find::<Vpc>(acl.vpc).is_some_and(|vpc| vpc.ipv6_blocks().next().is_some());
    let associations = associations.iter().map(|held| api::NetworkAclAssociation {
        network_acl_association_id: Some(held.id.to_string()),
        network_acl_id: Some(acl.id.to_string()),
        subnet_id: Some(held.subnet.to_string()),
    });
    api::NetworkAcl {
        associations: Some(associations.collect()),
        entries: Some(entry::all_shown(&acl.entries, has_ipv6)),
        is_default: Some(acl.is_default),
        network_acl_id: Some(acl.id.to_string()),
        owner_id: Some(state.account().to_string()),
        tags: Some(tag::shown_always(&acl.tags)),
        vpc_id: Some(acl.vpc.to_string()),
    }
}

static FILTERS: Filters<api::NetworkAcl> = Filters {
    tags: Some(|acl| acl.tags.as_deref().unwrap_or_default()),
    named: &[
        ("association.association-id", |acl| {
            each(&acl.associations, |held| held.network_acl_association_id.clone())
        }),
        ("association.network-acl-id", |acl| each(&acl.associations, |held| held.network_acl_id.clone())),
        ("association.subnet-id", |acl| each(&acl.associations, |held| held.subnet_id.clone())),
        ("default", |acl| flag(acl.is_default)),
        ("entry.cidr", |acl| each(&acl.entries, |entry| entry.cidr_block.clone())),
        ("entry.icmp.code", |acl| {
            each(&acl.entries, |entry| entry.icmp_type_code.as_ref()?.code.map(|code| code.to_string()))
        }),
        ("entry.icmp.type", |acl| {
            each(&acl.entries, |entry| entry.icmp_type_code.as_ref()?.r#type.map(|kind| kind.to_string()))
        }),
        ("entry.ipv6-cidr", |acl| each(&acl.entries, |entry| entry.ipv6_cidr_block.clone())),
        ("entry.port-range.from", |acl| {
            each(&acl.entries, |entry| entry.port_range.as_ref()?.from.map(|port| port.to_string()))
        }),
        ("entry.port-range.to", |acl| {
            each(&acl.entries, |entry| entry.port_range.as_ref()?.to.map(|port| port.to_string()))
        }),
        ("entry.protocol", |acl| each(&acl.entries, |entry| entry.protocol.clone())),
        ("entry.rule-action", |acl| each(&acl.entries, |entry| entry.rule_action.clone())),
        ("entry.egress", |acl| acl.entries.iter().flatten().flat_map(|entry| flag(entry.egress)).collect()),
        ("entry.rule-number", |acl| {
            acl.entries.iter().flatten().flat_map(|entry| number(entry.rule_number)).collect()
        }),
        ("network-acl-id", |acl| text(&acl.network_acl_id)),
        ("owner-id", |acl| text(&acl.owner_id)),
        ("vpc-id", |acl| text(&acl.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkAclsRequest,
) -> Result<api::DescribeNetworkAclsResult, ServiceError> {
    let view = ec2.view(context);
    let associations = association::by_acl(&view);
    let show = |of_owner: &View, acl: &NetworkAcl| {
        if of_owner.account() == view.account() {
            shown(of_owner, acl, associations.get(&acl.id).map_or(&[][..], Vec::as_slice))
        } else {
            shown(of_owner, acl, &association::of(of_owner, acl.id))
        }
    };
    let page = Page::new("DescribeNetworkAcls", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (acls, next_token) = page.of_seen(&view, input.network_acl_ids.as_ref(), wanted, show)?;
    ec2.answer(input.dry_run, api::DescribeNetworkAclsResult { network_acls: Some(acls), next_token })
}
