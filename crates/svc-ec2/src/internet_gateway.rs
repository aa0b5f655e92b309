//! Internet gateways: CreateInternetGateway, AttachInternetGateway, DetachInternetGateway, DeleteInternetGateway,
//! DescribeInternetGateways.
//!
//! Owns the record, and that a gateway and a VPC have at most one of each other. Refuses to know what passes a gateway.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html>

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{InternetGatewayId, Tags, VpcId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, each, text};
use crate::page::Page;
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, dependency, error, quota, route_table, sharing, tag};

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
    table
        .with::<op::AttachInternetGateway>(attach)
        .with::<op::CreateInternetGateway>(create)
        .with::<op::DeleteInternetGateway>(delete)
        .with::<op::DescribeInternetGateways>(describe)
        .with::<op::DetachInternetGateway>(detach)
}

/// The gateway that is attached to a VPC.
pub(crate) fn of_vpc(state: &impl State, vpc: VpcId) -> Option<std::sync::Arc<InternetGateway>> {
    let mut all = sharing::of_all::<InternetGateway>(state).map(|(_, gateway)| gateway);
    all.find(|gateway| gateway.attachment == Some(vpc))
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateInternetGatewayRequest,
) -> Result<api::CreateInternetGatewayResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "internet-gateway")?;
    ec2.edit(context, input.dry_run, |edit| {
        quota::INTERNET_GATEWAYS_PER_REGION.check(edit, edit.count::<InternetGateway>() + 1)?;
        let gateway = InternetGateway { id: edit.new_id(), attachment: None, tags };
        edit.put(gateway.clone());
        Ok(api::CreateInternetGatewayResult { internet_gateway: Some(shown(edit, &gateway)) })
    })
}

/// A gateway to be changed, and the VPC that the change is about.
fn pair(edit: &Edit<'_>, gateway: &str, vpc: &str) -> Result<(InternetGateway, VpcId), ServiceError> {
    let gateway = InternetGateway::clone(&*edit.named::<InternetGateway>(gateway)?);
    Ok((gateway, edit.named::<Vpc>(vpc)?.id))
}

fn attach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AttachInternetGatewayRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let (mut gateway, vpc) = pair(edit, &input.internet_gateway_id, &input.vpc_id)?;
        if let Some(held) = gateway.attachment {
            let message = format!("resource {} is already attached to network {held}", gateway.id);
            return Err(ServiceError::new("Resource.AlreadyAssociated", message));
        }
        if of_vpc(edit, vpc).is_some() {
            return Err(error::invalid_value(format!(
                "Network {vpc} already has an internet gateway attached"
            )));
        }
        gateway.attachment = Some(vpc);
        edit.put(gateway);
        Ok(Unit)
    })
}

/// Routes to the gateway become blackholes, and its own route table is no longer associated with it.
fn detach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DetachInternetGatewayRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let (mut gateway, vpc) = pair(edit, &input.internet_gateway_id, &input.vpc_id)?;
        if gateway.attachment != Some(vpc) {
            let message = format!("resource {} is not attached to network {vpc}", gateway.id);
            return Err(ServiceError::new("Gateway.NotAttached", message));
        }
        dependency::check_detach(edit, vpc)?;
        route_table::forget_gateway(edit, gateway.id);
        gateway.attachment = None;
        edit.put(gateway);
        Ok(Unit)
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteInternetGatewayRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let gateway = edit.named::<InternetGateway>(&input.internet_gateway_id)?;
        dependency::check_internet_gateway(edit, gateway.id)?;
        edit.remove::<InternetGateway>(gateway.id);
        Ok(Unit)
    })
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
    let page = Page::new("DescribeInternetGateways", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (gateways, next_token) =
        page.of(&view, input.internet_gateway_ids.as_ref(), wanted, |gateway: &InternetGateway| {
            shown(&view, gateway)
        })?;
    ec2.answer(
        input.dry_run,
        api::DescribeInternetGatewaysResult { internet_gateways: Some(gateways), next_token },
    )
}
