//! The attributes of elastic IP addresses: DescribeAddressesAttribute, ModifyAddressAttribute, ResetAddressAttribute.
//!
//! The only attribute is the name that an address has in reverse DNS. AWS sets it once the name resolves to the address
//! in public DNS, which there is not here: so no address has one, and setting it is refused.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Elastic_Addressing_Reverse_DNS.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::ElasticIp;
use crate::page::Page;
use crate::state::State;
use crate::{Ec2, error};

/// The smallest and largest `MaxResults` of DescribeAddressesAttribute.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAddressesAttribute.html>
const PAGE_LIMITS: (i32, i32) = (1, 1000);

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeAddressesAttribute>(describe)
        .with::<op::ModifyAddressAttribute>(modify)
        .with::<op::ResetAddressAttribute>(reset)
}

fn check_attribute(attribute: &str) -> Result<(), ServiceError> {
    if attribute == "domain-name" {
        Ok(())
    } else {
        Err(error::invalid_value_for(attribute, "attribute", "The only attribute is 'domain-name'."))
    }
}

fn no_reverse_dns() -> ServiceError {
    error::unsupported("Reverse DNS names of Elastic IP addresses are not supported.")
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeAddressesAttributeRequest,
) -> Result<api::DescribeAddressesAttributeResult, ServiceError> {
    input.attribute.as_deref().map_or(Ok(()), check_attribute)?;
    let found = ec2.view(context).selected::<ElasticIp>(input.allocation_ids.as_ref())?;
    let attributes = found.iter().map(|elastic_ip| api::AddressAttribute {
        allocation_id: Some(elastic_ip.id.to_string()),
        public_ip: Some(elastic_ip.address.to_string()),
        ..Default::default()
    });
    let page =
        Page::within("DescribeAddressesAttribute", input.max_results, input.next_token.as_ref(), PAGE_LIMITS);
    let (addresses, next_token) =
        page.cut(attributes.collect(), |address| address.allocation_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeAddressesAttributeResult { addresses: Some(addresses), next_token },
    )
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyAddressAttributeRequest,
) -> Result<api::ModifyAddressAttributeResult, ServiceError> {
    ec2.view(context).named::<ElasticIp>(&input.allocation_id)?;
    if input.domain_name.is_none() {
        return Err(error::missing("DomainName"));
    }
    Err(no_reverse_dns())
}

fn reset(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ResetAddressAttributeRequest,
) -> Result<api::ResetAddressAttributeResult, ServiceError> {
    check_attribute(&input.attribute)?;
    ec2.view(context).named::<ElasticIp>(&input.allocation_id)?;
    Err(no_reverse_dns())
}
