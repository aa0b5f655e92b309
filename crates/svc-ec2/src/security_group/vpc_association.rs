//! Further VPCs of a group: AssociateSecurityGroupVpc, DisassociateSecurityGroupVpc,
//! DescribeSecurityGroupVpcAssociations, GetSecurityGroupsForVpc.
//!
//! Owns in which VPCs beside its own interfaces may have a group. Refuses to know the interfaces' packets.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-assoc.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{SecurityGroupId, Timestamp, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind};

use super::SecurityGroup;
use crate::due::{Due, Timed};
use crate::filter::{Filters, text};
use crate::network_interface::NetworkInterface;
use crate::page::Page;
use crate::state::{Edit, State};
use crate::vpc::Vpc;
use crate::{Ec2, error, pace, tag};

/// A group's association with a further VPC; stored under both ids.
///
/// ```text
/// associating ──> associated ──disassociate──> disassociating ──> not shown
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupVpcAssociation {
    /// The group.
    pub group: SecurityGroupId,
    /// The further VPC.
    pub vpc: VpcId,
    /// From when on it is associated.
    pub associated_at: Timestamp,
    /// From when on it is so no more, once it is disassociated.
    pub disassociated_at: Option<Timestamp>,
}

impl Record for SecurityGroupVpcAssociation {
    const KIND: &'static str = "ec2.security-group-vpc-association";
}

impl SecurityGroupVpcAssociation {
    /// The state at that time.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match self.disassociated_at {
            Some(_) => "disassociating",
            None if now < self.associated_at => "associating",
            None => "associated",
        }
    }

    fn ends_at(&self) -> Option<Timestamp> {
        self.disassociated_at
    }
}

impl Timed for SecurityGroupVpcAssociation {
    fn due(&self) -> Option<Due> {
        self.ends_at().map(Due::End)
    }
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<SecurityGroupVpcAssociation>()];

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssociateSecurityGroupVpc>(associate)
        .with::<op::DescribeSecurityGroupVpcAssociations>(describe)
        .with::<op::DisassociateSecurityGroupVpc>(disassociate)
        .with::<op::GetSecurityGroupsForVpc>(for_vpc)
}

fn key(group: SecurityGroupId, vpc: VpcId) -> String {
    format!("{group}/{vpc}")
}

/// The association that was not ended.
fn current(state: &impl State, group: SecurityGroupId, vpc: VpcId) -> Option<SecurityGroupVpcAssociation> {
    state
        .record::<SecurityGroupVpcAssociation>(&key(group, vpc))
        .map(Arc::unwrap_or_clone)
        .filter(|held| held.disassociated_at.is_none())
}

/// Whether interfaces of that further VPC may have the group.
pub(crate) fn is_associated(state: &impl State, group: SecurityGroupId, vpc: VpcId) -> bool {
    current(state, group, vpc).is_some_and(|held| held.state(state.now()) == "associated")
}

/// Removes the associations that a predicate is true of, with the group or VPC that is deleted.
pub(crate) fn forget(edit: &mut Edit<'_>, is_gone: impl Fn(&SecurityGroupVpcAssociation) -> bool) {
    let gone: Vec<String> = edit
        .reader()
        .scan::<SecurityGroupVpcAssociation>(edit.scope())
        .filter(|(_, held)| is_gone(held))
        .map(|(key, _)| key.to_owned())
        .collect();
    for key in gone {
        edit.remove_timed::<SecurityGroupVpcAssociation>(&key);
    }
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateSecurityGroupVpcRequest,
) -> Result<api::AssociateSecurityGroupVpcResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let group = edit.named::<SecurityGroup>(&input.group_id)?;
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        if group.is_default() {
            let message = format!("The default security group '{}' cannot be associated.", group.id);
            return Err(error::not_permitted(message));
        }
        if vpc.is_default {
            let message = format!("Security groups cannot be associated with the default VPC '{}'.", vpc.id);
            return Err(error::not_permitted(message));
        }
        if group.vpc == vpc.id || current(edit, group.id, vpc.id).is_some() {
            return Err(error::invalid_value(format!(
                "The security group '{}' is associated with the VPC '{}' already.",
                group.id, vpc.id
            )));
        }
        let associated_at = pace::SECURITY_GROUP_ASSOCIATION.done_at(edit);
        let association = SecurityGroupVpcAssociation {
            group: group.id,
            vpc: vpc.id,
            associated_at,
            disassociated_at: None,
        };
        let state = Some(association.state(edit.now()).to_owned());
        edit.put_timed(&key(group.id, vpc.id), association);
        Ok(api::AssociateSecurityGroupVpcResult { state })
    })
}

fn disassociate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DisassociateSecurityGroupVpcRequest,
) -> Result<api::DisassociateSecurityGroupVpcResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let group = edit.named::<SecurityGroup>(&input.group_id)?;
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        let mut association = current(edit, group.id, vpc.id).ok_or_else(|| {
            error::invalid_value(format!(
                "The security group '{}' is not associated with the VPC '{}'.",
                group.id, vpc.id
            ))
        })?;
        let uses =
            |interface: &NetworkInterface| interface.vpc == vpc.id && interface.groups.contains(&group.id);
        if edit.all::<NetworkInterface>().any(|interface| uses(&interface)) {
            return Err(ServiceError::new(
                "DependencyViolation",
                format!("resource {} has a dependent object", group.id),
            ));
        }
        association.disassociated_at = Some(pace::SECURITY_GROUP_ASSOCIATION.done_at(edit));
        let state = Some(association.state(edit.now()).to_owned());
        edit.put_timed(&key(group.id, vpc.id), association);
        Ok(api::DisassociateSecurityGroupVpcResult { state })
    })
}

static FILTERS: Filters<api::SecurityGroupVpcAssociation> = Filters {
    tags: None,
    named: &[
        ("group-id", |held| text(&held.group_id)),
        ("group-owner-id", |held| text(&held.group_owner_id)),
        ("state", |held| text(&held.state)),
        ("vpc-id", |held| text(&held.vpc_id)),
        ("vpc-owner-id", |held| text(&held.vpc_owner_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeSecurityGroupVpcAssociationsRequest,
) -> Result<api::DescribeSecurityGroupVpcAssociationsResult, ServiceError> {
    let view = ec2.view(context);
    let owner = Some(view.account().to_string());
    let mut associations: Vec<_> = view
        .reader()
        .scan::<SecurityGroupVpcAssociation>(view.scope())
        .map(|(_, held)| held)
        .filter(|held| held.ends_at().is_none_or(|ends_at| view.now() < ends_at))
        .map(|held| api::SecurityGroupVpcAssociation {
            group_id: Some(held.group.to_string()),
            group_owner_id: owner.clone(),
            state: Some(held.state(view.now()).to_owned()),
            vpc_id: Some(held.vpc.to_string()),
            vpc_owner_id: owner.clone(),
            ..Default::default()
        })
        .collect();
    FILTERS.apply(&mut associations, input.filters.as_ref())?;
    let keyed = associations.into_iter().map(|held| {
        let id = |id: &Option<String>| id.clone().unwrap_or_default();
        (format!("{}/{}", id(&held.group_id), id(&held.vpc_id)), held)
    });
    let page =
        Page::new("DescribeSecurityGroupVpcAssociations", input.max_results, input.next_token.as_ref());
    let (associations, next_token) = page.cut(keyed.collect(), |(key, _)| key)?;
    let associations = associations.into_iter().map(|(_, held)| held).collect();
    ec2.answer(
        input.dry_run,
        api::DescribeSecurityGroupVpcAssociationsResult {
            next_token,
            security_group_vpc_associations: Some(associations),
        },
    )
}

static FILTERS_FOR_VPC: Filters<api::SecurityGroupForVpc> = Filters {
    tags: Some(|group| group.tags.as_deref().unwrap_or_default()),
    named: &[
        ("description", |group| text(&group.description)),
        ("group-id", |group| text(&group.group_id)),
        ("group-name", |group| text(&group.group_name)),
        ("owner-id", |group| text(&group.owner_id)),
        ("primary-vpc-id", |group| text(&group.primary_vpc_id)),
    ],
    absent: &[],
};

fn for_vpc(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetSecurityGroupsForVpcRequest,
) -> Result<api::GetSecurityGroupsForVpcResult, ServiceError> {
    let view = ec2.view(context);
    // In a shared VPC each account has groups of its own.
    let vpc = view.usable::<Vpc>(&input.vpc_id)?.resource.id;
    let mut groups: Vec<_> = view
        .all::<SecurityGroup>()
        .filter(|group| group.vpc == vpc || is_associated(&view, group.id, vpc))
        .map(|group| api::SecurityGroupForVpc {
            description: Some(group.description.clone()),
            group_id: Some(group.id.to_string()),
            group_name: Some(group.name.clone()),
            owner_id: Some(view.account().to_string()),
            primary_vpc_id: Some(group.vpc.to_string()),
            tags: tag::shown(&group.tags),
        })
        .collect();
    FILTERS_FOR_VPC.apply(&mut groups, input.filters.as_ref())?;
    let page = Page::new("GetSecurityGroupsForVpc", input.max_results, input.next_token.as_ref());
    let (security_groups, next_token) =
        page.cut(groups, |group| group.group_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetSecurityGroupsForVpcResult { next_token, security_group_for_vpcs: Some(security_groups) },
    )
}
