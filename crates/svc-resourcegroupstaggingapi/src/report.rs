//! StartReportCreation and DescribeReportCreation: reports of an organization's compliance, as files in S3.
//!
//! Reports into buckets are not built.

use aws_api::resourcegroupstaggingapi::{
    DescribeReportCreationInput, DescribeReportCreationOutput, StartReportCreationInput,
    StartReportCreationOutput,
};
use service_api::{RequestContext, ServiceError};

use crate::{State, error};

fn check_caller(state: &State, context: &RequestContext) -> Result<(), ServiceError> {
    let members = state.policy.members(&state.store.snapshot(), context.partition, context.account());
    members.map(drop).map_err(error::no_members)
}

/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_StartReportCreation.html>
pub(crate) fn start(
    state: &State,
    context: &RequestContext,
    request: StartReportCreationInput,
) -> Result<StartReportCreationOutput, ServiceError> {
    check_caller(state, context)?;
    Err(error::invalid_parameter(format!("The bucket {} does not exist.", request.s3_bucket)))
}

/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_DescribeReportCreation.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    _: DescribeReportCreationInput,
) -> Result<DescribeReportCreationOutput, ServiceError> {
    check_caller(state, context)?;
    Ok(DescribeReportCreationOutput {
        status: Some("NO REPORT".to_owned()),
        ..DescribeReportCreationOutput::default()
    })
}
