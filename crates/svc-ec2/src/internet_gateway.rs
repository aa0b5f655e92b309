//! Internet gateways: DescribeInternetGateways.
//!
//! Owns the record. Refuses to know what passes a gateway.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{InternetGatewayId, Tags, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, each, text};
use crate::page::Page;
use crate::state::{Naming, State, resource};
use crate::{Ec2, tag};

/// An internet gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternetGateway {
    /// Its id.
    pub id: InternetGatewayId,
    /// The VPC that it is attached to.
    pub attachment: Option<VpcId>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    InternetGateway,
    InternetGatewayId,
    "ec2.internet-gateway",
    Naming {
        resource_type: "internet-gateway",
        noun: "internetGateway",
        not_found: "InvalidInternetGatewayID.NotFound",
        malformed: "InvalidInternetGatewayId.Malformed",
    }
);

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeInternetGateways>(describe)
}

fn shown(state: &impl State, gateway: &InternetGateway) -> api::InternetGateway {
    // An attached gateway has the state `available`, which the model's enum does not list.
    let attachments = gateway.attachment.iter().map(|vpc| api::InternetGatewayAttachment {
        state: Some("available".to_owned()),
        vpc_id: Some(vpc.to_string()),
    });
    api::InternetGateway {
        attachments: Some(attachments.collect()),
        internet_gateway_id: Some(gateway.id.to_string()),
        owner_id: Some(state.account().to_string()),
        tags: tag::shown(&gateway.tags),
    }
}

static FILTERS: Filters<api::InternetGateway> = Filters {
    tags: Some(|gateway| gateway.tags.as_deref().unwrap_or_default()),
    named: &[
        ("attachment.state", |gateway| each(&gateway.attachments, |attachment| attachment.state.clone())),
        ("attachment.vpc-id", |gateway| each(&gateway.attachments, |attachment| attachment.vpc_id.clone())),
        ("internet-gateway-id", |gateway| text(&gateway.internet_gateway_id)),
        ("owner-id", |gateway| text(&gateway.owner_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeInternetGatewaysRequest,
) -> Result<api::DescribeInternetGatewaysResult, ServiceError> {
    let view = ec2.view(context);
    let gateways = view.selected::<InternetGateway>(input.internet_gateway_ids.as_ref())?;
    let mut gateways: Vec<_> = gateways.iter().map(|gateway| shown(&view, gateway)).collect();
    FILTERS.apply(&mut gateways, input.filters.as_ref())?;
    let page = Page::new("DescribeInternetGateways", input.max_results, input.next_token.as_ref());
    let (gateways, next_token) =
        page.cut(gateways, |gateway| gateway.internet_gateway_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::DescribeInternetGatewaysResult { internet_gateways: Some(gateways), next_token },
    )
}
