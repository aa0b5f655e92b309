//! Attachments of VPCs: CreateTransitGatewayVpcAttachment, ModifyTransitGatewayVpcAttachment,
//! DeleteTransitGatewayVpcAttachment, DescribeTransitGatewayVpcAttachments, and accepting or rejecting one.
//!
//! Owns which subnets an attachment can have, and the gateway's interfaces in them. Refuses to know routes.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-vpc-attachments.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Tags, TransitGatewayAttachmentId, VpcId};
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::{
    self, AttachedSubnet, AttachmentTarget, TransitGatewayAttachment, VpcAttachmentOptions,
};
use super::{TransitGateway, has_non_deleted, switch, switched};
use crate::filter::{Filters, text};
use crate::network_interface::{self, ManagedKind, NewInterface};
use crate::page::Page;
use crate::progress::{self, Change, Progress, incorrect_state};
use crate::sharing::{self, Owned};
use crate::state::{Edit, State, not_found};
use crate::subnet::Subnet;
use crate::vpc::Vpc;
use crate::{Ec2, error, pace, tag};

const KIND: &str = "vpc";
/// The state of an attachment that waits for the owner of the gateway.
const PENDING: &str = "pendingAcceptance";

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayVpcAttachment>(create)
        .with::<op::ModifyTransitGatewayVpcAttachment>(modify)
        .with::<op::DeleteTransitGatewayVpcAttachment>(delete)
        .with::<op::DescribeTransitGatewayVpcAttachments>(describe)
        .with::<op::AcceptTransitGatewayVpcAttachment>(accept)
        .with::<op::RejectTransitGatewayVpcAttachment>(reject)
}

/// Adds the subnets that a request names, one in each zone, and makes the gateway's interfaces in them.
fn add_subnets(
    edit: &mut Edit<'_>,
    id: TransitGatewayAttachmentId,
    vpc: VpcId,
    subnets: &mut Vec<AttachedSubnet>,
    named: &[String],
) -> Result<(), ServiceError> {
    let mut zones = Vec::new();
    for held in &*subnets {
        zones.push(edit.held::<Subnet>(held.subnet)?.zone);
    }
    for text in named {
        let subnet = edit.named::<Subnet>(text)?;
        if subnet.vpc != vpc {
            let message = format!("Subnet {text} does not belong to VPC {vpc}.");
            return Err(error::invalid_value(message));
        }
        if zones.contains(&subnet.zone) {
            return Err(ServiceError::new("DuplicateSubnetsInSameZone", "Duplicate Subnets for same AZ"));
        }
        zones.push(subnet.zone.clone());
        let new = NewInterface {
            description: format!("Network Interface for Transit Gateway Attachment {id}"),
            ..NewInterface::default()
        };
        let interface = network_interface::make_managed(edit, &subnet, ManagedKind::TransitGateway, new)?.id;
        subnets.push(AttachedSubnet { subnet: subnet.id, interface });
    }
    Ok(())
}

/// Removes all of the gateway's interfaces.
pub(super) fn remove_interfaces(edit: &mut Edit<'_>, attachment: &TransitGatewayAttachment) {
    let owner = attachment.vpc_owner().unwrap_or(edit.account());
    if let AttachmentTarget::Vpc { subnets, .. } = &attachment.target {
        for held in subnets {
            network_interface::remove_managed(&mut edit.of_owner(owner), held.interface);
        }
    }
}

/// Checks that the subnets have IPv6 where the attachment is to carry it.
fn check_ipv6(
    edit: &Edit<'_>,
    options: VpcAttachmentOptions,
    subnets: &[AttachedSubnet],
) -> Result<(), ServiceError> {
    for held in subnets.iter().filter(|_| options.ipv6_support) {
        if edit.held::<Subnet>(held.subnet)?.ipv6_block().is_none() {
            let message = format!("Subnet {} has no IPv6 CIDR block, which Ipv6Support needs.", held.subnet);
            return Err(error::invalid_value(message));
        }
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayVpcAttachmentRequest,
) -> Result<api::CreateTransitGatewayVpcAttachmentResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "transit-gateway-attachment")?;
    let wanted = input.options.unwrap_or_default();
    let options = VpcAttachmentOptions {
        dns_support: switch(wanted.dns_support.as_ref(), true, "DnsSupport")?,
        security_group_referencing_support: switch(
            wanted.security_group_referencing_support.as_ref(),
            true,
            "SecurityGroupReferencingSupport",
        )?,
        ipv6_support: switch(wanted.ipv6_support.as_ref(), false, "Ipv6Support")?,
        appliance_mode_support: switch(
            wanted.appliance_mode_support.as_ref(),
            false,
            "ApplianceModeSupport",
        )?,
    };
    if input.subnet_ids.is_empty() {
        return Err(error::missing("SubnetIds"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let found = progress::usable::<TransitGateway>(edit, &input.transit_gateway_id)?;
        let (owner, gateway) = (found.owner, found.resource);
        let is_foreign = owner != edit.account();
        let vpc = edit.named::<Vpc>(&input.vpc_id)?.id;
        let is_attached = sharing::of_all::<TransitGatewayAttachment>(edit).any(|(_, other)| {
            other.gateway == gateway.id && other.vpc() == Some(vpc) && other.is_there(edit.now())
        });
        if is_attached {
            let message =
                format!("{} has non-deleted Transit Gateway Attachments with same VPC ID.", gateway.id);
            return Err(ServiceError::new("DuplicateTransitGatewayAttachment", message));
        }
        attachment::check_quota(&mut edit.of_owner(owner), gateway.id)?;
        let id = edit.new_id();
        let mut subnets = Vec::new();
        add_subnets(edit, id, vpc, &mut subnets, &input.subnet_ids)?;
        check_ipv6(edit, options, &subnets)?;
        let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
        let (tags, vpc_owner_tags) =
            if is_foreign { (Tags::default(), tags) } else { (tags, Tags::default()) };
        let vpc_owner = is_foreign.then(|| edit.account());
        let mut attachment = TransitGatewayAttachment {
            id,
            gateway: gateway.id,
            target: AttachmentTarget::Vpc { vpc, owner: vpc_owner, subnets, options },
            association: None,
            propagations: Vec::new(),
            progress: Progress::new(Change::Create, done_at),
            created_at: edit.now(),
            tags,
            vpc_owner_tags,
        };
        if is_foreign && !gateway.options.auto_accept_shared_attachments {
            attachment.progress.change = Change::Request;
        } else {
            attachment.use_defaults(&gateway, done_at);
        }
        edit.of_owner(owner).put(attachment.clone());
        Ok(api::CreateTransitGatewayVpcAttachmentResult {
            transit_gateway_vpc_attachment: Some(answered(edit, owner, attachment)),
        })
    })
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyTransitGatewayVpcAttachmentRequest,
) -> Result<api::ModifyTransitGatewayVpcAttachmentResult, ServiceError> {
    let wanted = input.options.unwrap_or_default();
    ec2.edit(context, input.dry_run, |edit| {
        let found = progress::usable::<TransitGatewayAttachment>(edit, &input.transit_gateway_attachment_id)?;
        let owner = found.owner;
        let mut attachment = attachment::of_kind(of_owner(edit, &found)?, KIND)?;
        let id = attachment.id;
        // The subnets are the VPC owner's.
        if attachment.vpc_owner().unwrap_or(owner) != edit.account() {
            return Err(sharing::not_owned::<TransitGatewayAttachment>());
        }
        if let AttachmentTarget::Vpc { vpc, subnets, options, .. } = &mut attachment.target {
            options.dns_support = switch(wanted.dns_support.as_ref(), options.dns_support, "DnsSupport")?;
            options.security_group_referencing_support = switch(
                wanted.security_group_referencing_support.as_ref(),
                options.security_group_referencing_support,
                "SecurityGroupReferencingSupport",
            )?;
            options.ipv6_support = switch(wanted.ipv6_support.as_ref(), options.ipv6_support, "Ipv6Support")?;
            options.appliance_mode_support = switch(
                wanted.appliance_mode_support.as_ref(),
                options.appliance_mode_support,
                "ApplianceModeSupport",
            )?;
            // What is removed goes first, so that another subnet of the same zone can take its place.
            for text in input.remove_subnet_ids.iter().flatten() {
                let subnet = edit.named::<Subnet>(text)?.id;
                let Some(place) = subnets.iter().position(|held| held.subnet == subnet) else {
                    let message = format!("Subnet {text} is not a subnet of {id}.");
                    return Err(error::invalid_value(message));
                };
                network_interface::remove_managed(edit, subnets.remove(place).interface);
            }
            let added = input.add_subnet_ids.as_deref().unwrap_or_default();
            add_subnets(edit, id, *vpc, subnets, added)?;
            if subnets.is_empty() {
                return Err(error::invalid_value("A VPC attachment must have at least one subnet."));
            }
            check_ipv6(edit, *options, subnets)?;
        }
        attachment.progress = Progress::new(Change::Modify, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        edit.of_owner(owner).put(attachment.clone());
        Ok(api::ModifyTransitGatewayVpcAttachmentResult {
            transit_gateway_vpc_attachment: Some(answered(edit, owner, attachment)),
        })
    })
}

/// The owner of the VPC deletes it, or that of the gateway; accepted or not. The gateway's interfaces go at once.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayVpcAttachmentRequest,
) -> Result<api::DeleteTransitGatewayVpcAttachmentResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_attachment_id;
        let found = edit.usable::<TransitGatewayAttachment>(text)?;
        if found.resource.progress.is_ended() {
            return Err(not_found::<TransitGatewayAttachment>(text));
        }
        if !matches!(found.resource.progress.state(edit.now()), "available" | PENDING) {
            return Err(incorrect_state(text));
        }
        let mut attachment = attachment::of_kind(of_owner(edit, &found)?, KIND)?;
        {
            let mut edit = edit.of_owner(found.owner);
            let over: Vec<_> = edit
                .all::<TransitGatewayAttachment>()
                .filter(|other| {
                    other.target == AttachmentTarget::Connect { transport: attachment.id }
                        && !other.progress.is_ended()
                })
                .map(|other| other.id.to_string())
                .collect();
            has_non_deleted(attachment.id, "Transit Gateway Connect Attachments", &over)?;
            remove_interfaces(&mut edit, &attachment);
            let progress = Progress::new(Change::Delete, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(&edit));
            attachment = attachment::end(&mut edit, attachment, progress);
        }
        Ok(api::DeleteTransitGatewayVpcAttachmentResult {
            transit_gateway_vpc_attachment: Some(answered(edit, found.owner, attachment)),
        })
    })
}

/// The record of an attachment that the owner of its VPC may have named, with all that its owner sees.
fn of_owner(
    edit: &mut Edit<'_>,
    found: &Owned<TransitGatewayAttachment>,
) -> Result<TransitGatewayAttachment, ServiceError> {
    edit.of_owner(found.owner).held::<TransitGatewayAttachment>(found.resource.id)
}

/// An attachment as the answer to this account has it.
fn answered(
    edit: &mut Edit<'_>,
    owner: AccountId,
    attachment: TransitGatewayAttachment,
) -> api::TransitGatewayVpcAttachment {
    let seen = edit.owned(owner, std::sync::Arc::new(attachment));
    shown(&edit.of_owner(owner), &seen.resource)
}

/// An attachment of another account's VPC that waits for the gateway's owner, who asks.
fn pending(edit: &Edit<'_>, text: &str) -> Result<TransitGatewayAttachment, ServiceError> {
    let attachment = attachment::of_kind(progress::live::<TransitGatewayAttachment>(edit, text)?, KIND)?;
    if attachment.progress.state(edit.now()) == PENDING { Ok(attachment) } else { Err(incorrect_state(text)) }
}

fn accept(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AcceptTransitGatewayVpcAttachmentRequest,
) -> Result<api::AcceptTransitGatewayVpcAttachmentResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut attachment = pending(edit, &input.transit_gateway_attachment_id)?;
        let gateway = edit.held::<TransitGateway>(attachment.gateway)?;
        let done_at = pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit);
        attachment.use_defaults(&gateway, done_at);
        attachment.progress = Progress::new(Change::Accept, done_at);
        edit.put(attachment.clone());
        Ok(api::AcceptTransitGatewayVpcAttachmentResult {
            transit_gateway_vpc_attachment: Some(shown(edit, &attachment)),
        })
    })
}

fn reject(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::RejectTransitGatewayVpcAttachmentRequest,
) -> Result<api::RejectTransitGatewayVpcAttachmentResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let attachment = pending(edit, &input.transit_gateway_attachment_id)?;
        remove_interfaces(edit, &attachment);
        let progress = Progress::new(Change::Reject, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        let attachment = attachment::end(edit, attachment, progress);
        Ok(api::RejectTransitGatewayVpcAttachmentResult {
            transit_gateway_vpc_attachment: Some(shown(edit, &attachment)),
        })
    })
}

fn shown(state: &impl State, attachment: &TransitGatewayAttachment) -> api::TransitGatewayVpcAttachment {
    let mut shown = api::TransitGatewayVpcAttachment {
        transit_gateway_attachment_id: Some(attachment.id.to_string()),
        transit_gateway_id: Some(attachment.gateway.to_string()),
        state: Some(attachment.state(state.now()).to_owned()),
        creation_time: Some(attachment.created_at),
        tags: tag::shown(&attachment.tags),
        ..Default::default()
    };
    if let AttachmentTarget::Vpc { vpc, owner, subnets, options } = &attachment.target {
        shown.vpc_id = Some(vpc.to_string());
        shown.vpc_owner_id = Some(owner.unwrap_or(state.account()).to_string());
        shown.subnet_ids = Some(subnets.iter().map(|held| held.subnet.to_string()).collect());
        shown.options = Some(api::TransitGatewayVpcAttachmentOptions {
            dns_support: switched(options.dns_support),
            security_group_referencing_support: switched(options.security_group_referencing_support),
            ipv6_support: switched(options.ipv6_support),
            appliance_mode_support: switched(options.appliance_mode_support),
        });
    }
    shown
}

static FILTERS: Filters<api::TransitGatewayVpcAttachment> = Filters {
    tags: Some(|attachment| attachment.tags.as_deref().unwrap_or_default()),
    named: &[
        ("state", |attachment| text(&attachment.state)),
        ("transit-gateway-attachment-id", |attachment| text(&attachment.transit_gateway_attachment_id)),
        ("transit-gateway-id", |attachment| text(&attachment.transit_gateway_id)),
        ("vpc-id", |attachment| text(&attachment.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewayVpcAttachmentsRequest,
) -> Result<api::DescribeTransitGatewayVpcAttachmentsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.transit_gateway_attachment_ids.as_ref();
    let attachments = attachment::selected_of_kind(&view, ids, KIND)?;
    let page =
        Page::new("DescribeTransitGatewayVpcAttachments", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (attachments, next_token) = page.of_owned(&view, attachments, wanted, shown)?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewayVpcAttachmentsResult {
            transit_gateway_vpc_attachments: Some(attachments),
            next_token,
        },
    )
}
