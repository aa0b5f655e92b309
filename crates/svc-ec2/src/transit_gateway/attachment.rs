//! Attachments of transit gateways: DescribeTransitGatewayAttachments, and what attachments of all kinds have in common.
//!
//! Owns the record: what is attached, with which table it is associated, and to which it propagates. Refuses to know how
//! each kind is made.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/working-with-transit-gateways.html>

use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    AccountId, NetworkInterfaceId, Region, SubnetId, Tags, Timestamp, TransitGatewayAttachmentId,
    TransitGatewayId, TransitGatewayRouteTableId, VpcId, VpnConnectionId,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use super::TransitGateway;
use crate::filter::{Filters, text};
use crate::flow_log::{self, FlowLogResource};
use crate::page::Page;
use crate::progress::{Change, Progress, Progressing};
use crate::sharing::{self, Owned, Sharing};
use crate::state::{Edit, Naming, State, not_found, resource};
use crate::vpc::Vpc;
use crate::{Ec2, quota, tag};

/// A subnet of an attached VPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedSubnet {
    /// The subnet.
    pub subnet: SubnetId,
    /// The gateway's interface in it.
    pub interface: NetworkInterfaceId,
}

/// The options of a VPC attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of AWS's by its name")]
pub struct VpcAttachmentOptions {
    /// Whether names resolve to private addresses of other attached VPCs.
    pub dns_support: bool,
    /// Whether rules of the VPC's security groups can name groups of other attached VPCs.
    pub security_group_referencing_support: bool,
    /// Whether IPv6 passes.
    pub ipv6_support: bool,
    /// Whether both directions of a connection pass the same zone.
    pub appliance_mode_support: bool,
}

/// One side of a peering.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeeringSide {
    /// Its gateway.
    pub gateway: TransitGatewayId,
    /// The gateway's account.
    pub account: AccountId,
    /// The gateway's region.
    pub region: Region,
}

/// What is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttachmentTarget {
    /// A VPC.
    Vpc {
        /// The VPC.
        vpc: VpcId,
        /// Whose it is, if the gateway is shared with that account.
        #[serde(default)]
        owner: Option<AccountId>,
        /// Its subnets by which packets pass, one in each zone.
        subnets: Vec<AttachedSubnet>,
        /// Its options.
        options: VpcAttachmentOptions,
    },
    /// A transit gateway of another region or account. Each side keeps a record with the same id.
    Peering {
        /// Who asked.
        requester: PeeringSide,
        /// Who is to accept.
        accepter: PeeringSide,
        /// Whether this is the record of the accepter.
        is_accepter: bool,
        /// Whether the request had options, which answers show then.
        #[serde(default)]
        has_options: bool,
    },
    /// A third-party appliance, over another attachment.
    Connect {
        /// The attachment over which its tunnels run.
        transport: TransitGatewayAttachmentId,
    },
    /// A VPN connection.
    Vpn {
        /// The connection.
        connection: VpnConnectionId,
    },
}

/// The association of an attachment with the table that its packets are routed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitGatewayAssociation {
    /// The table.
    pub table: TransitGatewayRouteTableId,
    /// Whether it is being made or given up, and until when.
    #[serde(flatten)]
    pub progress: Progress,
}

impl TransitGatewayAssociation {
    /// The state that answers show.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        self.progress.in_words(now, ["associating", "associated", "disassociating", "disassociated"])
    }
}

/// An attachment of a transit gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitGatewayAttachment {
    /// Its id.
    pub id: TransitGatewayAttachmentId,
    /// The gateway, of this account and region.
    pub gateway: TransitGatewayId,
    /// What is attached.
    pub target: AttachmentTarget,
    /// The association with a table; one that has ended may still be here.
    pub association: Option<TransitGatewayAssociation>,
    /// The tables to which it propagates, in order.
    pub propagations: Vec<TransitGatewayRouteTableId>,
    /// What was last done to it.
    pub progress: Progress,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
    /// The tags that the owner of the VPC gave it, if that is another account.
    #[serde(default)]
    pub vpc_owner_tags: Tags,
}

resource!(
    TransitGatewayAttachment,
    TransitGatewayAttachmentId,
    "ec2.transit-gateway-attachment" in gateway,
    Naming {
        resource_type: "transit-gateway-attachment",
        noun: "transitGatewayAttachment",
        not_found: "InvalidTransitGatewayAttachmentID.NotFound",
        malformed: "InvalidTransitGatewayAttachmentID.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("Transit Gateway Attachment {id} was deleted or does not exist.")
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.ends_at()
    },
    /// By the owner of its VPC.
    fn is_seen_by(&self, _: &impl Read, owner: &Scope, account: AccountId) -> bool {
        account != owner.account && self.vpc_owner() == Some(account)
    },
    fn hide(&mut self) {
        self.tags = std::mem::take(&mut self.vpc_owner_tags);
    },
    const SHARING: Sharing = Sharing::Itself;
);

impl Progressing for TransitGatewayAttachment {
    fn progress(&self) -> Progress {
        self.progress
    }
}

impl TransitGatewayAttachment {
    /// The VPC, of a VPC attachment.
    pub fn vpc(&self) -> Option<VpcId> {
        match self.target {
            AttachmentTarget::Vpc { vpc, .. } => Some(vpc),
            AttachmentTarget::Peering { .. }
            | AttachmentTarget::Connect { .. }
            | AttachmentTarget::Vpn { .. } => None,
        }
    }

    /// Whose the VPC is, if it is not of the gateway's account.
    pub fn vpc_owner(&self) -> Option<AccountId> {
        match self.target {
            AttachmentTarget::Vpc { owner, .. } => owner,
            AttachmentTarget::Peering { .. }
            | AttachmentTarget::Connect { .. }
            | AttachmentTarget::Vpn { .. } => None,
        }
    }

    /// The state that answers show. AWS's clients know no `initiatingRequest` of VPC attachments.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        match (self.progress.change, &self.target) {
            (Change::Request, AttachmentTarget::Vpc { .. }) if !self.progress.is_done(now) => "pending",
            _ => self.progress.state(now),
        }
    }

    /// Whether it keeps its gateway: until its deletion is done.
    pub(crate) fn is_there(&self, now: Timestamp) -> bool {
        !self.progress.is_gone(now)
    }

    /// The association, unless it has ended.
    pub fn association_at(&self, now: Timestamp) -> Option<TransitGatewayAssociation> {
        self.association.filter(|held| !held.progress.is_gone(now))
    }

    /// The `resourceType`.
    pub(crate) fn resource_type(&self) -> &'static str {
        match self.target {
            AttachmentTarget::Vpc { .. } => "vpc",
            AttachmentTarget::Peering { .. } => "peering",
            AttachmentTarget::Connect { .. } => "connect",
            AttachmentTarget::Vpn { .. } => "vpn",
        }
    }

    /// The other side of a peering.
    pub(crate) fn other_side(&self) -> Option<&PeeringSide> {
        match &self.target {
            AttachmentTarget::Peering { requester, accepter, is_accepter, .. } => {
                Some(if *is_accepter { requester } else { accepter })
            }
            AttachmentTarget::Vpc { .. }
            | AttachmentTarget::Connect { .. }
            | AttachmentTarget::Vpn { .. } => None,
        }
    }

    /// The `resourceId`.
    pub(crate) fn resource_id(&self) -> String {
        match &self.target {
            AttachmentTarget::Vpc { vpc, .. } => vpc.to_string(),
            AttachmentTarget::Peering { requester, accepter, is_accepter, .. } => {
                if *is_accepter { requester } else { accepter }.gateway.to_string()
            }
            AttachmentTarget::Connect { transport } => transport.to_string(),
            AttachmentTarget::Vpn { connection } => connection.to_string(),
        }
    }

    /// The blocks that it propagates: those of its VPC.
    pub(crate) fn blocks(&self, state: &impl State) -> Vec<IpNet> {
        let vpc = self.vpc().and_then(|vpc| state.find::<Vpc>(vpc));
        vpc.map_or_else(Vec::new, |vpc| vpc.all_blocks().collect())
    }

    /// Associates it with the default table of its gateway and lets it propagate to the default one, where there are
    /// such tables.
    pub(crate) fn use_defaults(&mut self, gateway: &TransitGateway, done_at: Timestamp) {
        self.association = gateway.options.association_table.map(|table| TransitGatewayAssociation {
            table,
            progress: Progress::new(Change::Create, done_at),
        });
        // Routes are not propagated over a peering.
        if self.other_side().is_none() {
            self.propagations = gateway.options.propagation_table.into_iter().collect();
        }
    }
}

/// Ends an attachment: takes it out of all tables, where static routes to it become blackholes, and forgets its flow logs.
pub(super) fn end(
    edit: &mut Edit<'_>,
    attachment: TransitGatewayAttachment,
    progress: Progress,
) -> TransitGatewayAttachment {
    let ended =
        TransitGatewayAttachment { association: None, propagations: Vec::new(), progress, ..attachment };
    edit.put(ended.clone());
    flow_log::forget(edit, FlowLogResource::TransitGatewayAttachment(ended.id));
    ended
}

/// Whether a VPC has an attachment to that gateway which is in service.
pub(crate) fn carries(state: &impl State, gateway: TransitGatewayId, vpc: VpcId) -> bool {
    sharing::of_all::<TransitGatewayAttachment>(state).any(|(_, attachment)| {
        attachment.gateway == gateway
            && attachment.vpc() == Some(vpc)
            && attachment.progress.is_in_service(state.now())
    })
}

/// An attachment of one kind.
///
/// # Errors
/// The codes for malformed and unknown ids; one of another kind is unknown.
pub(crate) fn of_kind(
    attachment: TransitGatewayAttachment,
    kind: &str,
) -> Result<TransitGatewayAttachment, ServiceError> {
    if attachment.resource_type() == kind {
        Ok(attachment)
    } else {
        Err(not_found::<TransitGatewayAttachment>(attachment.id))
    }
}

/// The attachments of one kind that a describe operation is about.
///
/// # Errors
/// The codes for malformed and unknown ids; one of another kind is unknown.
pub(crate) fn selected_of_kind(
    state: &impl State,
    ids: Option<&Vec<String>>,
    kind: &str,
) -> Result<Vec<Owned<TransitGatewayAttachment>>, ServiceError> {
    let mut attachments = state.all_seen::<TransitGatewayAttachment>(ids)?;
    let is_named = ids.is_some_and(|ids| !ids.is_empty());
    let is_other = |held: &Owned<TransitGatewayAttachment>| held.resource.resource_type() != kind;
    if let Some(other) = attachments.iter().find(|held| is_named && is_other(held)) {
        return Err(not_found::<TransitGatewayAttachment>(other.resource.id));
    }
    attachments.retain(|held| !is_other(held));
    Ok(attachments)
}

/// Checks that a gateway can have one more attachment.
///
/// # Errors
/// `TransitGatewayAttachmentLimitExceeded`.
pub(crate) fn check_quota(edit: &mut Edit<'_>, gateway: TransitGatewayId) -> Result<(), ServiceError> {
    let count = edit
        .all::<TransitGatewayAttachment>()
        .filter(|attachment| attachment.gateway == gateway && !attachment.progress.is_ended())
        .count();
    quota::ATTACHMENTS_PER_TRANSIT_GATEWAY.check(edit, count + 1)
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeTransitGatewayAttachments>(describe)
}

fn shown(state: &impl State, attachment: &TransitGatewayAttachment) -> api::TransitGatewayAttachment {
    let now = state.now();
    let other = attachment.other_side().map(|side| side.account).or(attachment.vpc_owner());
    let owner = other.unwrap_or(state.account());
    api::TransitGatewayAttachment {
        transit_gateway_attachment_id: Some(attachment.id.to_string()),
        transit_gateway_id: Some(attachment.gateway.to_string()),
        transit_gateway_owner_id: Some(state.account().to_string()),
        resource_owner_id: Some(owner.to_string()),
        resource_type: Some(attachment.resource_type().to_owned()),
        resource_id: Some(attachment.resource_id()),
        state: Some(attachment.state(now).to_owned()),
        association: attachment.association_at(now).map(|held| api::TransitGatewayAttachmentAssociation {
            transit_gateway_route_table_id: Some(held.table.to_string()),
            transit_gateway_policy_table_id: None,
            state: Some(held.state(now).to_owned()),
        }),
        creation_time: Some(attachment.created_at),
        tags: tag::shown(&attachment.tags),
        nat_gateway_support: None,
    }
}

static FILTERS: Filters<api::TransitGatewayAttachment> = Filters {
    tags: Some(|attachment| attachment.tags.as_deref().unwrap_or_default()),
    named: &[
        ("association.state", |attachment| {
            attachment.association.as_ref().map_or_else(Vec::new, |held| text(&held.state))
        }),
        ("association.transit-gateway-route-table-id", |attachment| {
            let held = attachment.association.as_ref();
            held.map_or_else(Vec::new, |held| text(&held.transit_gateway_route_table_id))
        }),
        ("resource-id", |attachment| text(&attachment.resource_id)),
        ("resource-owner-id", |attachment| text(&attachment.resource_owner_id)),
        ("resource-type", |attachment| text(&attachment.resource_type)),
        ("state", |attachment| text(&attachment.state)),
        ("transit-gateway-attachment-id", |attachment| text(&attachment.transit_gateway_attachment_id)),
        ("transit-gateway-id", |attachment| text(&attachment.transit_gateway_id)),
        ("transit-gateway-owner-id", |attachment| text(&attachment.transit_gateway_owner_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewayAttachmentsRequest,
) -> Result<api::DescribeTransitGatewayAttachmentsResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeTransitGatewayAttachments", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (attachments, next_token) = page.of_seen(
        &view,
        input.transit_gateway_attachment_ids.as_ref(),
        wanted,
        |view, attachment: &TransitGatewayAttachment| shown(view, attachment),
    )?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewayAttachmentsResult {
            transit_gateway_attachments: Some(attachments),
            next_token,
        },
    )
}
