//! VPC Block Public Access: ModifyVpcBlockPublicAccessOptions, DescribeVpcBlockPublicAccessOptions.
//!
//! Owns the account's options in a region, and which mode holds for a VPC or subnet. Exclusions from it are in
//! [`exclusion`]. Refuses to know packets.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-vpc-bpa.html>

pub(crate) mod exclusion;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{SubnetId, Timestamp, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind, Scope};

use crate::state::State;
use crate::{Ec2, error, pace};

/// Which traffic between VPCs and the internet is blocked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlockMode {
    /// None.
    #[default]
    Off,
    /// What comes in by itself.
    BlockIngress,
    /// All.
    BlockBidirectional,
}

impl BlockMode {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::BlockIngress => "block-ingress",
            Self::BlockBidirectional => "block-bidirectional",
        }
    }
}

/// An account's options in a region; stored under [`OPTIONS`], and absent until they are changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BlockPublicAccessOptions {
    /// The mode.
    pub mode: BlockMode,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// From when on the change is shown as complete.
    pub done_at: Timestamp,
}

impl Record for BlockPublicAccessOptions {
    const KIND: &'static str = "ec2.vpc-block-public-access-options";
}

/// The id of the one record.
const OPTIONS: &str = "options";

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<BlockPublicAccessOptions>()];

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::DescribeVpcBlockPublicAccessOptions>(describe)
        .with::<op::ModifyVpcBlockPublicAccessOptions>(modify);
    exclusion::operations(table)
}

/// The mode that holds for a VPC, or for one of its subnets: the account's, as far as no exclusion lets traffic pass.
pub fn internet_gateway_block_mode(
    read: &impl Read,
    scope: &Scope,
    vpc: VpcId,
    subnet: Option<SubnetId>,
) -> BlockMode {
    let options = read.get::<BlockPublicAccessOptions>(scope, OPTIONS);
    match options.map_or(BlockMode::Off, |held| held.mode) {
        BlockMode::Off => BlockMode::Off,
        mode => exclusion::mode(read, scope, mode, vpc, subnet),
    }
}

/// [`internet_gateway_block_mode`] as answers have it.
pub(crate) fn states(
    state: &impl State,
    vpc: VpcId,
    subnet: Option<SubnetId>,
) -> api::BlockPublicAccessStates {
    let mode = internet_gateway_block_mode(state.reader(), state.scope(), vpc, subnet);
    api::BlockPublicAccessStates { internet_gateway_block_mode: Some(mode.as_str().to_owned()) }
}

fn shown(state: &impl State, options: Option<&BlockPublicAccessOptions>) -> api::VpcBlockPublicAccessOptions {
    let now = state.now();
    let stage = match options {
        None => "default-state",
        Some(held) if now < held.done_at => "update-in-progress",
        Some(_) => "update-complete",
    };
    api::VpcBlockPublicAccessOptions {
        aws_account_id: Some(state.account().to_string()),
        aws_region: Some(state.region().to_string()),
        exclusions_allowed: Some("allowed".to_owned()),
        internet_gateway_block_mode: Some(
            options.map_or(BlockMode::Off, |held| held.mode).as_str().to_owned(),
        ),
        last_update_timestamp: options.map(|held| held.updated_at),
        managed_by: Some("account".to_owned()),
        state: Some(stage.to_owned()),
        ..Default::default()
    }
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcBlockPublicAccessOptionsRequest,
) -> Result<api::ModifyVpcBlockPublicAccessOptionsResult, ServiceError> {
    let mode = match input.internet_gateway_block_mode.as_str() {
        "off" => BlockMode::Off,
        "block-ingress" => BlockMode::BlockIngress,
        "block-bidirectional" => BlockMode::BlockBidirectional,
        other => {
            let why = "It must be off, block-ingress or block-bidirectional.";
            return Err(error::invalid_value_for(other, "internetGatewayBlockMode", why));
        }
    };
    ec2.edit(context, input.dry_run, |edit| {
        let done_at = pace::BLOCK_PUBLIC_ACCESS_CHANGE.done_at(edit);
        let options = BlockPublicAccessOptions { mode, updated_at: edit.now(), done_at };
        edit.put_record(OPTIONS, options.clone());
        Ok(api::ModifyVpcBlockPublicAccessOptionsResult {
            vpc_block_public_access_options: Some(shown(edit, Some(&options))),
        })
    })
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcBlockPublicAccessOptionsRequest,
) -> Result<api::DescribeVpcBlockPublicAccessOptionsResult, ServiceError> {
    let view = ec2.view(context);
    let options = view.record::<BlockPublicAccessOptions>(OPTIONS);
    ec2.answer(
        input.dry_run,
        api::DescribeVpcBlockPublicAccessOptionsResult {
            vpc_block_public_access_options: Some(shown(&view, options.as_deref())),
        },
    )
}
