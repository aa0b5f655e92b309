//! What is left of EC2-Classic: DescribeMovingAddresses, MoveAddressToVpc, RestoreAddressToClassic.
//!
//! Owns that there is no EC2-Classic: no address is moving, and none can be moved. Refuses to know anything else.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeMovingAddresses.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{ElasticIp, parse_address, unknown_address};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeMovingAddresses>(describe)
        .with::<op::MoveAddressToVpc>(to_vpc)
        .with::<op::RestoreAddressToClassic>(to_classic)
}

/// Checks that an address is one of the account's.
///
/// # Errors
/// `InvalidAddress.NotFound`, `InvalidParameterValue`.
fn check_own(state: &impl State, address: &str) -> Result<(), ServiceError> {
    let wanted = parse_address(address)?;
    if state.all::<ElasticIp>().any(|held| held.address == wanted) {
        Ok(())
    } else {
        Err(unknown_address(address))
    }
}

static FILTERS: Filters<api::MovingAddressStatus> =
    Filters { tags: None, named: &[("moving-status", |moving| text(&moving.move_status))], absent: &[] };

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeMovingAddressesRequest,
) -> Result<api::DescribeMovingAddressesResult, ServiceError> {
    let view = ec2.view(context);
    input.public_ips.iter().flatten().try_for_each(|address| check_own(&view, address))?;
    let mut none = Vec::new();
    FILTERS.apply(&mut none, input.filters.as_ref())?;
    let page = Page::new("DescribeMovingAddresses", input.max_results, input.next_token.as_ref());
    let (none, next_token) = page.cut(none, |moving| moving.public_ip.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeMovingAddressesResult { moving_address_statuses: Some(none), next_token },
    )
}

fn to_vpc(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::MoveAddressToVpcRequest,
) -> Result<api::MoveAddressToVpcResult, ServiceError> {
    check_own(&ec2.view(context), &input.public_ip)?;
    let message =
        format!("The address {} is for use in a VPC already: there is no EC2-Classic.", input.public_ip);
    Err(error::unsupported(message))
}

fn to_classic(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RestoreAddressToClassicRequest,
) -> Result<api::RestoreAddressToClassicResult, ServiceError> {
    check_own(&ec2.view(context), &input.public_ip)?;
    let message = format!("The address {} cannot be restored: there is no EC2-Classic.", input.public_ip);
    Err(error::unsupported(message))
}
