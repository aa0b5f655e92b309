//! Egress-only internet gateways: CreateEgressOnlyInternetGateway, DeleteEgressOnlyInternetGateway,
//! DescribeEgressOnlyInternetGateways.
//!
//! Owns the record. Refuses to know what passes a gateway.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/egress-only-internet-gateway.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{EgressOnlyInternetGatewayId, Tags, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::Filters;
use crate::idempotency::Attempt;
use crate::page::Page;
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, quota, tag};

/// An egress-only internet gateway: IPv6 connections pass it from inside only. It is attached to its VPC for life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EgressOnlyInternetGateway {
    /// Its id.
    pub id: EgressOnlyInternetGatewayId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    EgressOnlyInternetGateway,
    EgressOnlyInternetGatewayId,
    "ec2.egress-only-internet-gateway",
    Naming {
        resource_type: "egress-only-internet-gateway",
        noun: "egressOnlyInternetGateway",
        not_found: "InvalidGatewayID.NotFound",
        malformed: "InvalidEgressOnlyInternetGatewayId.Malformed",
    }
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateEgressOnlyInternetGateway>(create)
        .with::<op::DeleteEgressOnlyInternetGateway>(delete)
        .with::<op::DescribeEgressOnlyInternetGateways>(describe)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateEgressOnlyInternetGatewayRequest,
) -> Result<api::CreateEgressOnlyInternetGatewayResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "egress-only-internet-gateway")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateEgressOnlyInternetGateway", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |gateway: &EgressOnlyInternetGateway| api::CreateEgressOnlyInternetGatewayResult {
            client_token: input.client_token.clone(),
            egress_only_internet_gateway: Some(shown(gateway)),
        };
        if let Some(attempt) = &attempt
            && let Some(gateway) = attempt.made::<EgressOnlyInternetGateway>(edit)?
        {
            return Ok(answer(&gateway));
        }
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        let count = edit.count::<EgressOnlyInternetGateway>();
        quota::EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION.check(edit, count + 1)?;
        // AWS publishes the limit of one for a VPC, and not its error.
        if edit.all::<EgressOnlyInternetGateway>().any(|gateway| gateway.vpc == vpc.id) {
            return Err(quota::EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION.exceeded());
        }
        let gateway = EgressOnlyInternetGateway { id: edit.new_id(), vpc: vpc.id, tags };
        edit.put(gateway.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![gateway.id.to_string()]);
        }
        Ok(answer(&gateway))
    })
}

/// Routes to the gateway become blackholes.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteEgressOnlyInternetGatewayRequest,
) -> Result<api::DeleteEgressOnlyInternetGatewayResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        let gateway = edit.named::<EgressOnlyInternetGateway>(&input.egress_only_internet_gateway_id)?;
        edit.remove::<EgressOnlyInternetGateway>(gateway.id);
        Ok(api::DeleteEgressOnlyInternetGatewayResult { return_code: Some(true) })
    })
}

fn shown(gateway: &EgressOnlyInternetGateway) -> api::EgressOnlyInternetGateway {
    let attachment = api::InternetGatewayAttachment {
        state: Some("attached".to_owned()),
        vpc_id: Some(gateway.vpc.to_string()),
    };
    api::EgressOnlyInternetGateway {
        attachments: Some(vec![attachment]),
        egress_only_internet_gateway_id: Some(gateway.id.to_string()),
        tags: tag::shown(&gateway.tags),
    }
}

/// AWS documents filters by tags alone.
static FILTERS: Filters<api::EgressOnlyInternetGateway> =
    Filters { tags: Some(|gateway| gateway.tags.as_deref().unwrap_or_default()), named: &[], absent: &[] };

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeEgressOnlyInternetGatewaysRequest,
) -> Result<api::DescribeEgressOnlyInternetGatewaysResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.egress_only_internet_gateway_ids.as_ref();
    let page = Page::within(
        "DescribeEgressOnlyInternetGateways",
        input.max_results,
        input.next_token.as_ref(),
        (5, 255),
    );
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (gateways, next_token) = page.of(&view, ids, wanted, shown)?;
    ec2.answer(
        input.dry_run,
        api::DescribeEgressOnlyInternetGatewaysResult {
            egress_only_internet_gateways: Some(gateways),
            next_token,
        },
    )
}
