//! Virtual private gateways: CreateVpnGateway, AttachVpnGateway, DetachVpnGateway, DeleteVpnGateway, DescribeVpnGateways.
//!
//! Owns the record, and that a gateway and a VPC have at most one of each other. Refuses to know the connections and
//! what passes them.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/how_it_works.html#VPNGateway>

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{AvailabilityZone, Tags, Timestamp, VpcId, VpnGatewayId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::customer_gateway::{IPSEC, check_type};
use crate::filter::{Filters, each, text};
use crate::progress::{Change, Progress};
use crate::state::{Edit, Naming, State, not_found, resource};
use crate::vpc::Vpc;
use crate::{Ec2, asn, dependency, error, pace, quota, route_table, tag, zone};

/// The attachment of a gateway to a VPC.
///
/// ```text
/// attaching ──> attached ──detach──> detaching ──> detached
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpnGatewayAttachment {
    /// The VPC.
    pub vpc: VpcId,
    /// Whether it is being made or given up, and until when.
    #[serde(flatten)]
    pub progress: Progress,
}

impl VpnGatewayAttachment {
    fn state(&self, now: Timestamp) -> &'static str {
        self.progress.in_words(now, ["attaching", "attached", "detaching", "detached"])
    }
}

/// A virtual private gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpnGateway {
    /// Its id.
    pub id: VpnGatewayId,
    /// Its autonomous system.
    pub asn: i64,
    /// The zone that its request names, which stands for nothing.
    pub zone: Option<AvailabilityZone>,
    /// The VPC that it is attached to, or was last.
    pub attachment: Option<VpnGatewayAttachment>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    VpnGateway,
    VpnGatewayId,
    "ec2.vpn-gateway",
    Naming {
        resource_type: "vpn-gateway",
        noun: "vpnGateway",
        not_found: "InvalidVpnGatewayID.NotFound",
        malformed: "InvalidVpnGatewayId.Malformed",
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.deleted_at.map(|at| at.plus_millis(pace::SHOWN_AFTER_DELETION_MILLIS))
    }
);

impl VpnGateway {
    /// The VPC that it is attached to, being attached and detached included.
    pub(crate) fn vpc(&self, now: Timestamp) -> Option<VpcId> {
        self.attachment.as_ref().filter(|held| held.state(now) != "detached").map(|held| held.vpc)
    }

    /// The VPC whose packets can go to it.
    pub fn attached_vpc(&self, now: Timestamp) -> Option<VpcId> {
        self.attachment.as_ref().filter(|held| held.state(now) == "attached").map(|held| held.vpc)
    }

    /// When its attachment changes next by itself.
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.attachment.as_ref().and_then(|held| held.progress.changes_after(now))
    }

    /// Whether the VPC's packets can go to it.
    pub(crate) fn is_attached_to(&self, vpc: VpcId, now: Timestamp) -> bool {
        self.attached_vpc(now) == Some(vpc)
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AttachVpnGateway>(attach)
        .with::<op::CreateVpnGateway>(create)
        .with::<op::DeleteVpnGateway>(delete)
        .with::<op::DescribeVpnGateways>(describe)
        .with::<op::DetachVpnGateway>(detach)
}

/// A gateway that is not deleted, by an id as a request has it.
///
/// # Errors
/// The codes for malformed and unknown ids.
pub(crate) fn available(state: &impl State, id: &str) -> Result<VpnGateway, ServiceError> {
    let gateway = state.named::<VpnGateway>(id)?;
    if gateway.deleted_at.is_some() {
        return Err(not_found::<VpnGateway>(id));
    }
    Ok(VpnGateway::clone(&gateway))
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateVpnGatewayRequest,
) -> Result<api::CreateVpnGatewayResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpn-gateway")?;
    check_type(&input.r#type)?;
    let asn = asn::amazon_side(input.amazon_side_asn)?;
    ec2.edit(context, input.dry_run, |edit| {
        let zone = zone::choose(edit, input.availability_zone.as_deref(), None)?.map(|zone| zone.name);
        let count = edit.all::<VpnGateway>().filter(|held| held.deleted_at.is_none()).count();
        quota::VPN_GATEWAYS_PER_REGION.check(edit, count + 1)?;
        let gateway = VpnGateway { id: edit.new_id(), asn, zone, attachment: None, deleted_at: None, tags };
        edit.put(gateway.clone());
        Ok(api::CreateVpnGatewayResult { vpn_gateway: Some(shown(&gateway, edit.now())) })
    })
}

fn attachment_shown(attachment: &VpnGatewayAttachment, now: Timestamp) -> api::VpcAttachment {
    api::VpcAttachment {
        state: Some(attachment.state(now).to_owned()),
        vpc_id: Some(attachment.vpc.to_string()),
    }
}

/// The same request again is no change.
fn attach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AttachVpnGatewayRequest,
) -> Result<api::AttachVpnGatewayResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut gateway = available(edit, &input.vpn_gateway_id)?;
        let vpc = edit.named::<Vpc>(&input.vpc_id)?.id;
        let now = edit.now();
        if let Some(held) = gateway.attachment.as_ref().filter(|held| held.state(now) != "detached") {
            if held.progress.is_ended() {
                let message = format!("The VPN gateway {} is being detached.", gateway.id);
                return Err(ServiceError::new("IncorrectState", message));
            }
            if held.vpc != vpc {
                let message = format!("resource {} is already attached to network {}", gateway.id, held.vpc);
                return Err(ServiceError::new("VpnGatewayAttachmentLimitExceeded", message));
            }
            let attachment = attachment_shown(held, now);
            return Ok(api::AttachVpnGatewayResult { vpc_attachment: Some(attachment) });
        }
        if edit.all::<VpnGateway>().any(|other| other.vpc(now) == Some(vpc)) {
            return Err(error::invalid_value(format!(
                "Network {vpc} already has a virtual private gateway attached"
            )));
        }
        let progress = Progress::new(Change::Create, pace::VPN_GATEWAY_ATTACHMENT.done_at(edit));
        let attachment = VpnGatewayAttachment { vpc, progress };
        let answer = api::AttachVpnGatewayResult { vpc_attachment: Some(attachment_shown(&attachment, now)) };
        gateway.attachment = Some(attachment);
        edit.put(gateway);
        Ok(answer)
    })
}

/// Routes to the gateway become blackholes, and it no longer propagates any.
fn detach(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DetachVpnGatewayRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        let mut gateway = available(edit, &input.vpn_gateway_id)?;
        let vpc = edit.named::<Vpc>(&input.vpc_id)?.id;
        if !gateway.attachment.as_ref().is_some_and(|held| held.vpc == vpc && !held.progress.is_ended()) {
            let message = format!(
                "The attachment with vpn gateway ID '{}' and vpc ID '{vpc}' does not exist",
                gateway.id
            );
            return Err(ServiceError::new("InvalidVpnGatewayAttachment.NotFound", message));
        }
        route_table::propagation::end(edit, gateway.id);
        let progress = Progress::new(Change::Delete, pace::VPN_GATEWAY_ATTACHMENT.done_at(edit));
        gateway.attachment = Some(VpnGatewayAttachment { vpc, progress });
        edit.put(gateway);
        Ok(Unit)
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpnGatewayRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit: &mut Edit<'_>| {
        let mut gateway = available(edit, &input.vpn_gateway_id)?;
        dependency::check_vpn_gateway(edit, gateway.id)?;
        gateway.deleted_at = Some(edit.now());
        edit.put(gateway);
        Ok(Unit)
    })
}

fn shown(gateway: &VpnGateway, now: Timestamp) -> api::VpnGateway {
    let attachments = gateway.attachment.iter().map(|held| attachment_shown(held, now));
    api::VpnGateway {
        amazon_side_asn: Some(gateway.asn),
        availability_zone: gateway.zone.as_ref().map(ToString::to_string),
        state: Some(if gateway.deleted_at.is_some() { "deleted" } else { "available" }.to_owned()),
        tags: tag::shown(&gateway.tags),
        r#type: Some(IPSEC.to_owned()),
        vpc_attachments: Some(attachments.collect()),
        vpn_gateway_id: Some(gateway.id.to_string()),
    }
}

static FILTERS: Filters<api::VpnGateway> = Filters {
    tags: Some(|gateway| gateway.tags.as_deref().unwrap_or_default()),
    named: &[
        ("amazon-side-asn", |gateway| gateway.amazon_side_asn.iter().map(i64::to_string).collect()),
        ("attachment.state", |gateway| each(&gateway.vpc_attachments, |held| held.state.clone())),
        ("attachment.vpc-id", |gateway| each(&gateway.vpc_attachments, |held| held.vpc_id.clone())),
        ("availability-zone", |gateway| text(&gateway.availability_zone)),
        ("state", |gateway| text(&gateway.state)),
        ("type", |gateway| text(&gateway.r#type)),
        ("vpn-gateway-id", |gateway| text(&gateway.vpn_gateway_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpnGatewaysRequest,
) -> Result<api::DescribeVpnGatewaysResult, ServiceError> {
    let view = ec2.view(context);
    let gateways = view.selected::<VpnGateway>(input.vpn_gateway_ids.as_ref())?;
    let mut gateways: Vec<_> = gateways.iter().map(|gateway| shown(gateway, view.now())).collect();
    FILTERS.apply(&mut gateways, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribeVpnGatewaysResult { vpn_gateways: Some(gateways) })
}
