//! DescribeAccountAttributes.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use crate::{Ec2, default_vpc, error, quota};

/// What `max-instances` says to every account. AWS keeps it without meaning: what counts are vCPUs.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html>
const NOMINAL_INSTANCES: u32 = 20;

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeAccountAttributes>(describe)
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeAccountAttributesRequest,
) -> Result<api::DescribeAccountAttributesResult, ServiceError> {
    let view = ec2.view(context);
    let default_vpc = default_vpc::find(&view).map_or_else(|| "none".to_owned(), |vpc| vpc.id.to_string());
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        (
            "vpc-max-security-groups-per-interface",
            quota::SECURITY_GROUPS_PER_INTERFACE.most_in(&view).to_string(),
        ),
        ("default-vpc", default_vpc),
        ("max-instances", NOMINAL_INSTANCES.to_string()),
        ("max-elastic-ips", quota::ELASTIC_IPS_PER_REGION.most_in(&view).to_string()),
        ("vpc-max-elastic-ips", quota::ELASTIC_IPS_PER_REGION.most_in(&view).to_string()),
    ];
    let wanted = input.attribute_names.filter(|names| !names.is_empty());
    if let Some(unknown) = wanted.iter().flatten().find(|name| !all.iter().any(|(known, _)| known == name)) {
        return Err(error::invalid_value_for(unknown, "attributeName", "Unknown account attribute"));
    }
    let found = all
        .into_iter()
        .filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|wanted| wanted == name)));
    let found = found.map(|(name, value)| api::AccountAttribute {
        attribute_name: Some(name.to_owned()),
        attribute_values: Some(vec![api::AccountAttributeValue { attribute_value: Some(value) }]),
    });
    ec2.answer(
        input.dry_run,
        api::DescribeAccountAttributesResult { account_attributes: Some(found.collect()) },
    )
}
