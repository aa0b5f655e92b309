//! Exclusions: CreateVpcBlockPublicAccessExclusion, ModifyVpcBlockPublicAccessExclusion,
//! DeleteVpcBlockPublicAccessExclusion, DescribeVpcBlockPublicAccessExclusions.
//!
//! Owns the record. Refuses to know the account's options.

use aws_api::ec2::{self as api, operation as op};
use aws_types::{SubnetId, Tags, Timestamp, VpcBlockPublicAccessExclusionId, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use super::BlockMode;
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::state::{Edit, Naming, State, resource};
use crate::subnet::Subnet;
use crate::vpc::Vpc;
use crate::{Ec2, error, pace, quota, tag};

/// Which traffic an exclusion lets pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExclusionMode {
    /// All.
    AllowBidirectional,
    /// What goes out, and the answers to it.
    AllowEgress,
}

impl ExclusionMode {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AllowBidirectional => "allow-bidirectional",
            Self::AllowEgress => "allow-egress",
        }
    }

    /// # Errors
    /// `InvalidParameterValue`.
    fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "allow-bidirectional" => Ok(Self::AllowBidirectional),
            "allow-egress" => Ok(Self::AllowEgress),
            other => {
                let why = "It must be allow-bidirectional or allow-egress.";
                Err(error::invalid_value_for(other, "internetGatewayExclusionMode", why))
            }
        }
    }
}

/// What an exclusion is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Excluded {
    /// A VPC with all its subnets.
    Vpc(VpcId),
    /// One subnet.
    Subnet(SubnetId),
}

impl Excluded {
    fn arn(self, state: &impl State) -> String {
        match self {
            Self::Vpc(id) => state.arn(&format!("vpc/{id}")),
            Self::Subnet(id) => state.arn(&format!("subnet/{id}")),
        }
    }
}

/// A VPC or subnet for which the account's options do not hold, or not wholly.
///
/// ```text
/// create-in-progress ──> create-complete ──modify──> update-in-progress ──> update-complete
///                  any ──delete──> delete-in-progress ──> delete-complete ──1 h──> not shown
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcBlockPublicAccessExclusion {
    /// Its id.
    pub id: VpcBlockPublicAccessExclusionId,
    /// What it is for.
    pub excluded: Excluded,
    /// What it lets pass.
    pub mode: ExclusionMode,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last, if it was.
    pub updated_at: Option<Timestamp>,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
    /// When the last of these is complete.
    pub done_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    VpcBlockPublicAccessExclusion,
    VpcBlockPublicAccessExclusionId,
    "ec2.vpc-block-public-access-exclusion",
    Naming {
        resource_type: "vpc-block-public-access-exclusion",
        noun: "VPC Block Public Access exclusion",
        not_found: "InvalidVpcBlockPublicAccessExclusionId.NotFound",
        malformed: "InvalidVpcBlockPublicAccessExclusionId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.deleted_at.map(|_| self.done_at.plus_millis(pace::SHOWN_AFTER_DELETION_MILLIS))
    }
);

impl VpcBlockPublicAccessExclusion {
    /// The state at that time.
    pub fn state(&self, now: Timestamp) -> &'static str {
        let (in_progress, complete) = match (self.deleted_at, self.updated_at) {
            (Some(_), _) => ("delete-in-progress", "delete-complete"),
            (None, Some(_)) => ("update-in-progress", "update-complete"),
            (None, None) => ("create-in-progress", "create-complete"),
        };
        if now < self.done_at { in_progress } else { complete }
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateVpcBlockPublicAccessExclusion>(create)
        .with::<op::DeleteVpcBlockPublicAccessExclusion>(delete)
        .with::<op::DescribeVpcBlockPublicAccessExclusions>(describe)
        .with::<op::ModifyVpcBlockPublicAccessExclusion>(modify)
}

/// The exclusions that are not deleted.
fn current<S: State>(state: &S) -> impl Iterator<Item = std::sync::Arc<VpcBlockPublicAccessExclusion>> + '_ {
    state.all::<VpcBlockPublicAccessExclusion>().filter(|held| held.deleted_at.is_none())
}

/// What is left of the account's mode for a VPC or a subnet of it; a subnet's own exclusion goes before its VPC's.
pub(super) fn mode(
    read: &impl Read,
    scope: &Scope,
    mode: BlockMode,
    vpc: VpcId,
    subnet: Option<SubnetId>,
) -> BlockMode {
    let of = |excluded| {
        let mut all = read.scan::<VpcBlockPublicAccessExclusion>(scope).map(|(_, held)| held);
        all.find(|held| held.deleted_at.is_none() && held.excluded == excluded).map(|held| held.mode)
    };
    let exclusion = subnet.and_then(|subnet| of(Excluded::Subnet(subnet))).or_else(|| of(Excluded::Vpc(vpc)));
    match exclusion {
        None => mode,
        Some(ExclusionMode::AllowBidirectional) => BlockMode::Off,
        Some(ExclusionMode::AllowEgress) => BlockMode::BlockIngress,
    }
}

/// Removes the exclusion of a VPC or subnet that is deleted.
pub(crate) fn forget(edit: &mut Edit<'_>, excluded: Excluded) {
    let all: Vec<_> = edit
        .all::<VpcBlockPublicAccessExclusion>()
        .filter(|held| held.excluded == excluded)
        .map(|held| held.id)
        .collect();
    for id in all {
        edit.remove::<VpcBlockPublicAccessExclusion>(id);
    }
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateVpcBlockPublicAccessExclusionRequest,
) -> Result<api::CreateVpcBlockPublicAccessExclusionResult, ServiceError> {
    let mode = ExclusionMode::parse(&input.internet_gateway_exclusion_mode)?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpc-block-public-access-exclusion")?;
    ec2.edit(context, input.dry_run, |edit| {
        let excluded = match (&input.vpc_id, &input.subnet_id) {
            (Some(vpc), None) => Excluded::Vpc(edit.named::<Vpc>(vpc)?.id),
            (None, Some(subnet)) => Excluded::Subnet(edit.named::<Subnet>(subnet)?.id),
            (None, None) => return Err(error::missing_either("vpcId", "subnetId")),
            (Some(_), Some(_)) => {
                return Err(error::combination("Only one of vpcId and subnetId can be specified."));
            }
        };
        let count = current(edit).count();
        quota::BLOCK_PUBLIC_ACCESS_EXCLUSIONS_PER_REGION.check(edit, count + 1)?;
        if let Some(held) = current(edit).find(|held| held.excluded == excluded) {
            return Err(error::invalid_value(format!(
                "The resource '{}' has the exclusion '{}' already.",
                excluded.arn(edit),
                held.id
            )));
        }
        let exclusion = VpcBlockPublicAccessExclusion {
            id: edit.new_id(),
            excluded,
            mode,
            created_at: edit.now(),
            updated_at: None,
            deleted_at: None,
            done_at: pace::BLOCK_PUBLIC_ACCESS_CHANGE.done_at(edit),
            tags,
        };
        edit.put(exclusion.clone());
        Ok(api::CreateVpcBlockPublicAccessExclusionResult {
            vpc_block_public_access_exclusion: Some(shown(edit, &exclusion)),
        })
    })
}

/// An exclusion to be changed: one that is complete.
fn changeable(edit: &Edit<'_>, text: &str) -> Result<VpcBlockPublicAccessExclusion, ServiceError> {
    let exclusion = edit.named::<VpcBlockPublicAccessExclusion>(text)?;
    if exclusion.deleted_at.is_some() || edit.now() < exclusion.done_at {
        let message = format!("The exclusion '{text}' is in the state {}.", exclusion.state(edit.now()));
        return Err(ServiceError::new("IncorrectState", message));
    }
    Ok(std::sync::Arc::unwrap_or_clone(exclusion))
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcBlockPublicAccessExclusionRequest,
) -> Result<api::ModifyVpcBlockPublicAccessExclusionResult, ServiceError> {
    let mode = ExclusionMode::parse(&input.internet_gateway_exclusion_mode)?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut exclusion = changeable(edit, &input.exclusion_id)?;
        exclusion.mode = mode;
        exclusion.updated_at = Some(edit.now());
        exclusion.done_at = pace::BLOCK_PUBLIC_ACCESS_CHANGE.done_at(edit);
        edit.put(exclusion.clone());
        Ok(api::ModifyVpcBlockPublicAccessExclusionResult {
            vpc_block_public_access_exclusion: Some(shown(edit, &exclusion)),
        })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpcBlockPublicAccessExclusionRequest,
) -> Result<api::DeleteVpcBlockPublicAccessExclusionResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut exclusion = changeable(edit, &input.exclusion_id)?;
        exclusion.deleted_at = Some(edit.now());
        exclusion.done_at = pace::BLOCK_PUBLIC_ACCESS_CHANGE.done_at(edit);
        edit.put(exclusion.clone());
        Ok(api::DeleteVpcBlockPublicAccessExclusionResult {
            vpc_block_public_access_exclusion: Some(shown(edit, &exclusion)),
        })
    })
}

fn shown(
    state: &impl State,
    exclusion: &VpcBlockPublicAccessExclusion,
) -> api::VpcBlockPublicAccessExclusion {
    api::VpcBlockPublicAccessExclusion {
        creation_timestamp: Some(exclusion.created_at),
        deletion_timestamp: exclusion.deleted_at,
        exclusion_id: Some(exclusion.id.to_string()),
        internet_gateway_exclusion_mode: Some(exclusion.mode.as_str().to_owned()),
        last_update_timestamp: exclusion.updated_at,
        resource_arn: Some(exclusion.excluded.arn(state)),
        state: Some(exclusion.state(state.now()).to_owned()),
        tags: tag::shown(&exclusion.tags),
        ..Default::default()
    }
}

static FILTERS: Filters<api::VpcBlockPublicAccessExclusion> = Filters {
    tags: Some(|exclusion| exclusion.tags.as_deref().unwrap_or_default()),
    named: &[
        ("internet-gateway-exclusion-mode", |exclusion| text(&exclusion.internet_gateway_exclusion_mode)),
        ("resource-arn", |exclusion| text(&exclusion.resource_arn)),
        ("state", |exclusion| text(&exclusion.state)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcBlockPublicAccessExclusionsRequest,
) -> Result<api::DescribeVpcBlockPublicAccessExclusionsResult, ServiceError> {
    let view = ec2.view(context);
    let page =
        Page::new("DescribeVpcBlockPublicAccessExclusions", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (exclusions, next_token) =
        page.of(&view, input.exclusion_ids.as_ref(), wanted, |held: &VpcBlockPublicAccessExclusion| {
            shown(&view, held)
        })?;
    ec2.answer(
        input.dry_run,
        api::DescribeVpcBlockPublicAccessExclusionsResult {
            next_token,
            vpc_block_public_access_exclusions: Some(exclusions),
        },
    )
}
