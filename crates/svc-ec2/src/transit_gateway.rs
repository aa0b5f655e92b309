//! Transit gateways: CreateTransitGateway, ModifyTransitGateway, DeleteTransitGateway, DescribeTransitGateways.
//!
//! Owns the record and its options. Attachments of each kind, route tables, and what is in the tables are in files of
//! their own. Refuses to know how a packet passes a gateway.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/what-is-transit-gateway.html>

mod association;
pub(crate) mod attachment;
mod connect;
pub(crate) mod connect_peer;
mod erasure;
mod peering_attachment;
mod prefix_list_reference;
mod propagation;
mod route;
pub(crate) mod route_table;
mod vpc_attachment;
pub(crate) mod vpn_attachment;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Tags, Timestamp, TransitGatewayId, TransitGatewayRouteTableId};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};
use vpc_model::vpc::overlap;

use self::attachment::TransitGatewayAttachment;
use self::connect_peer::TransitGatewayConnectPeer;
pub(crate) use self::erasure::{attachments_to_others, detach, leave};
use self::route_table::TransitGatewayRouteTable;
use crate::filter::{Filters, text};
use crate::flow_log::{self, FlowLogResource};
use crate::page::Page;
use crate::progress::{self, Change, Progress, Progressing};
use crate::sharing::{self, Sharing};
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, asn, error, pace, quota, tag};

/// How many blocks of addresses a gateway can have.
/// <https://docs.aws.amazon.com/vpc/latest/tgw/transit-gateway-quotas.html>
const MOST_BLOCKS: usize = 5;
/// The longest prefixes of a gateway's blocks.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TransitGatewayRequestOptions.html>
const LONGEST_IPV4_PREFIX: u8 = 24;
const LONGEST_IPV6_PREFIX: u8 = 64;

/// The options of a transit gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of AWS's by its name")]
pub struct TransitGatewayOptions {
    /// Its autonomous system number.
    pub amazon_side_asn: i64,
    /// Its blocks, from which the addresses of Connect peers come.
    pub blocks: Vec<IpNet>,
    /// Whether attachments of other accounts need no acceptance.
    pub auto_accept_shared_attachments: bool,
    /// The table with which attachments are associated from the start, if any.
    pub association_table: Option<TransitGatewayRouteTableId>,
    /// The table to which attachments propagate from the start, if any.
    pub propagation_table: Option<TransitGatewayRouteTableId>,
    /// Whether several VPN tunnels to one destination share the load.
    pub vpn_ecmp_support: bool,
    /// Whether names resolve to private addresses across attached VPCs.
    pub dns_support: bool,
    /// Whether rules of security groups can name groups of other attached VPCs.
    pub security_group_referencing_support: bool,
}

/// A transit gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitGateway {
    /// Its id.
    pub id: TransitGatewayId,
    /// What its maker says it is for.
    pub description: String,
    /// Its options.
    pub options: TransitGatewayOptions,
    /// What was last done to it.
    pub progress: Progress,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    TransitGateway,
    TransitGatewayId,
    "ec2.transit-gateway",
    Naming {
        resource_type: "transit-gateway",
        noun: "transitGateway",
        not_found: "InvalidTransitGatewayID.NotFound",
        malformed: "InvalidTransitGatewayID.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("Transit Gateway {id} was deleted or does not exist.")
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.ends_at()
    },
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        sharing::is_shared(reader, owner, account, &format!("transit-gateway/{}", self.id))
    },
    const SHARING: Sharing = Sharing::Itself;
);

impl Progressing for TransitGateway {
    fn progress(&self) -> Progress {
        self.progress
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateTransitGateway>(create)
        .with::<op::ModifyTransitGateway>(modify)
        .with::<op::DeleteTransitGateway>(delete)
        .with::<op::DescribeTransitGateways>(describe);
    [
        association::operations,
        attachment::operations,
        connect::operations,
        connect_peer::operations,
        peering_attachment::operations,
        prefix_list_reference::operations,
        propagation::operations,
        route::operations,
        route_table::operations,
        vpc_attachment::operations,
    ]
    .into_iter()
    .fold(table, |table, add| add(table))
}

/// Reads `enable` or `disable`.
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn switch(value: Option<&String>, unset: bool, parameter: &str) -> Result<bool, ServiceError> {
    match value.map(String::as_str) {
        None => Ok(unset),
        Some("enable") => Ok(true),
        Some("disable") => Ok(false),
        Some(other) => {
            Err(error::invalid_value_for(other, parameter, "Valid values are 'enable' and 'disable'."))
        }
    }
}

/// `enable` or `disable`.
pub(crate) fn switched(is_on: bool) -> Option<String> {
    Some(if is_on { "enable" } else { "disable" }.to_owned())
}

/// A resource that others hang on cannot be deleted.
pub(crate) fn has_non_deleted(
    id: impl std::fmt::Display,
    what: &str,
    others: &[String],
) -> Result<(), ServiceError> {
    if others.is_empty() {
        return Ok(());
    }
    let message = format!("{id} has non-deleted {what}: {}.", others.join(", "));
    Err(ServiceError::new("IncorrectState", message))
}

fn block(text: &str) -> Result<IpNet, ServiceError> {
    const PARAMETER: &str = "transitGatewayCidrBlocks";
    let invalid = |why: &str| error::invalid_value_for(text, PARAMETER, why);
    let block: IpNet = text.parse().map_err(|_| invalid("This is not a valid CIDR block."))?;
    let longest = if matches!(block, IpNet::V4(_)) { LONGEST_IPV4_PREFIX } else { LONGEST_IPV6_PREFIX };
    if block.prefix_len() > longest {
        return Err(invalid("A block is of size /24 or larger for IPv4, and /64 or larger for IPv6."));
    }
    if overlap(block, connect_peer::LINK_LOCAL) {
        return Err(invalid("Addresses of 169.254.0.0/16 cannot be those of a transit gateway."));
    }
    Ok(block.trunc())
}

/// Adds blocks to a gateway's.
fn add_blocks(blocks: &mut Vec<IpNet>, added: Option<&Vec<String>>) -> Result<(), ServiceError> {
    for text in added.into_iter().flatten() {
        let block = block(text)?;
        if blocks.iter().any(|&held| overlap(held, block)) {
            let why = "It overlaps another block of the transit gateway.";
            return Err(error::invalid_value_for(text, "transitGatewayCidrBlocks", why));
        }
        blocks.push(block);
    }
    if blocks.len() > MOST_BLOCKS {
        let message = format!("A transit gateway can have at most {MOST_BLOCKS} CIDR blocks.");
        return Err(error::invalid_value(message));
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayRequest,
) -> Result<api::CreateTransitGatewayResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "transit-gateway")?;
    let wanted = input.options.unwrap_or_default();
    if switch(wanted.multicast_support.as_ref(), false, "MulticastSupport")? {
        return Err(error::unsupported("Multicast on transit gateways is not supported."));
    }
    let associates =
        switch(wanted.default_route_table_association.as_ref(), true, "DefaultRouteTableAssociation")?;
    let propagates =
        switch(wanted.default_route_table_propagation.as_ref(), true, "DefaultRouteTablePropagation")?;
    let mut options = TransitGatewayOptions {
        amazon_side_asn: asn::amazon_side(wanted.amazon_side_asn)?,
        blocks: Vec::new(),
        auto_accept_shared_attachments: switch(
            wanted.auto_accept_shared_attachments.as_ref(),
            false,
            "AutoAcceptSharedAttachments",
        )?,
        association_table: None,
        propagation_table: None,
        vpn_ecmp_support: switch(wanted.vpn_ecmp_support.as_ref(), true, "VpnEcmpSupport")?,
        dns_support: switch(wanted.dns_support.as_ref(), true, "DnsSupport")?,
        security_group_referencing_support: switch(
            wanted.security_group_referencing_support.as_ref(),
            false,
            "SecurityGroupReferencingSupport",
        )?,
    };
    add_blocks(&mut options.blocks, wanted.transit_gateway_cidr_blocks.as_ref())?;
    ec2.edit(context, input.dry_run, |edit| {
        let count = edit.all::<TransitGateway>().filter(|gateway| !gateway.progress.is_ended()).count();
        quota::TRANSIT_GATEWAYS_PER_ACCOUNT.check(edit, count + 1)?;
        let done_at = pace::TRANSIT_GATEWAY_CHANGE.done_at(edit);
        let mut gateway = TransitGateway {
            id: edit.new_id(),
            description: input.description.unwrap_or_default(),
            options,
            progress: Progress::new(Change::Create, done_at),
            created_at: edit.now(),
            tags,
        };
        if associates || propagates {
            let table = route_table::make(edit, gateway.id, Tags::default(), done_at);
            gateway.options.association_table = associates.then_some(table);
            gateway.options.propagation_table = propagates.then_some(table);
        }
        edit.put(gateway.clone());
        Ok(api::CreateTransitGatewayResult { transit_gateway: Some(shown(edit, &gateway)) })
    })
}

/// The default table after a change: what is named, or none.
fn default_table(
    edit: &Edit<'_>,
    gateway: TransitGatewayId,
    held: Option<TransitGatewayRouteTableId>,
    is_on: Option<&String>,
    named: Option<&String>,
    parameters: (&str, &str),
) -> Result<Option<TransitGatewayRouteTableId>, ServiceError> {
    let is_on = switch(is_on, held.is_some() || named.is_some(), parameters.0)?;
    match (is_on, named) {
        (true, Some(named)) => {
            let table = progress::available::<TransitGatewayRouteTable>(edit, named)?;
            route_table::check_gateway(&table, gateway)?;
            Ok(Some(table.id))
        }
        (true, None) => held.map(Some).ok_or_else(|| error::missing(parameters.1)),
        (false, Some(_)) => Err(error::combination(format!(
            "The parameter {} cannot be used while {} is 'disable'.",
            parameters.1, parameters.0
        ))),
        (false, None) => Ok(None),
    }
}

/// What a change makes of a gateway's options.
fn modified(
    edit: &Edit<'_>,
    gateway: &TransitGateway,
    wanted: &api::ModifyTransitGatewayOptions,
) -> Result<TransitGatewayOptions, ServiceError> {
    let id = gateway.id;
    let mut options = gateway.options.clone();
    let peers: Vec<_> = edit
        .all::<TransitGatewayConnectPeer>()
        .filter(|peer| peer.gateway == id && !peer.progress.is_ended())
        .collect();
    if let Some(wanted) = wanted.amazon_side_asn {
        options.amazon_side_asn = asn::amazon_side(Some(wanted))?;
        if options.amazon_side_asn != gateway.options.amazon_side_asn {
            let ids: Vec<_> = peers.iter().map(|peer| peer.id.to_string()).collect();
            has_non_deleted(id, "Connect Peers", &ids)?;
        }
    }
    for text in wanted.remove_transit_gateway_cidr_blocks.iter().flatten() {
        let block = block(text)?;
        let Some(place) = options.blocks.iter().position(|&held| held == block) else {
            let why = "It is not a block of the transit gateway.";
            return Err(error::invalid_value_for(text, "removeTransitGatewayCidrBlocks", why));
        };
        let used = peers.iter().filter(|peer| block.contains(&peer.transit_gateway_address));
        let used: Vec<_> = used.map(|peer| peer.id.to_string()).collect();
        has_non_deleted(id, "Connect Peers", &used)?;
        options.blocks.remove(place);
    }
    add_blocks(&mut options.blocks, wanted.add_transit_gateway_cidr_blocks.as_ref())?;
    options.auto_accept_shared_attachments = switch(
        wanted.auto_accept_shared_attachments.as_ref(),
        options.auto_accept_shared_attachments,
        "AutoAcceptSharedAttachments",
    )?;
    options.vpn_ecmp_support =
        switch(wanted.vpn_ecmp_support.as_ref(), options.vpn_ecmp_support, "VpnEcmpSupport")?;
    options.dns_support = switch(wanted.dns_support.as_ref(), options.dns_support, "DnsSupport")?;
    options.security_group_referencing_support = switch(
        wanted.security_group_referencing_support.as_ref(),
        options.security_group_referencing_support,
        "SecurityGroupReferencingSupport",
    )?;
    options.association_table = default_table(
        edit,
        id,
        options.association_table,
        wanted.default_route_table_association.as_ref(),
        wanted.association_default_route_table_id.as_ref(),
        ("DefaultRouteTableAssociation", "AssociationDefaultRouteTableId"),
    )?;
    options.propagation_table = default_table(
        edit,
        id,
        options.propagation_table,
        wanted.default_route_table_propagation.as_ref(),
        wanted.propagation_default_route_table_id.as_ref(),
        ("DefaultRouteTablePropagation", "PropagationDefaultRouteTableId"),
    )?;
    Ok(options)
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyTransitGatewayRequest,
) -> Result<api::ModifyTransitGatewayResult, ServiceError> {
    let wanted = input.options.unwrap_or_default();
    if switch(wanted.encryption_support.as_ref(), false, "EncryptionSupport")? {
        return Err(error::unsupported("Encryption on transit gateways is not supported."));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut gateway = progress::available::<TransitGateway>(edit, &input.transit_gateway_id)?;
        gateway.options = modified(edit, &gateway, &wanted)?;
        if let Some(description) = input.description {
            gateway.description = description;
        }
        gateway.progress = Progress::new(Change::Modify, pace::TRANSIT_GATEWAY_CHANGE.done_at(edit));
        edit.put(gateway.clone());
        Ok(api::ModifyTransitGatewayResult { transit_gateway: Some(shown(edit, &gateway)) })
    })
}

/// The tables of the gateway go with it.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayRequest,
) -> Result<api::DeleteTransitGatewayResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut gateway = progress::available::<TransitGateway>(edit, &input.transit_gateway_id)?;
        let attached: Vec<_> = edit
            .all::<TransitGatewayAttachment>()
            .filter(|attachment| attachment.gateway == gateway.id && attachment.is_there(edit.now()))
            .collect();
        let kinds = [
            ("Transit Gateway Connect Attachments", "connect"),
            ("Transit Gateway Cross Region Peering Attachments", "peering"),
            ("VPC Attachments", "vpc"),
            ("VPN Attachments", "vpn"),
        ];
        for (what, kind) in kinds {
            let of_kind = attached.iter().filter(|attachment| attachment.resource_type() == kind);
            let ids: Vec<_> = of_kind.map(|attachment| attachment.id.to_string()).collect();
            has_non_deleted(gateway.id, what, &ids)?;
        }
        let tables: Vec<_> = edit
            .all::<TransitGatewayRouteTable>()
            .filter(|table| table.gateway == gateway.id)
            .map(|table| table.id)
            .collect();
        for table in tables {
            edit.remove::<TransitGatewayRouteTable>(table);
        }
        gateway.progress = Progress::new(Change::Delete, pace::TRANSIT_GATEWAY_DELETION.done_at(edit));
        edit.put(gateway.clone());
        flow_log::forget(edit, FlowLogResource::TransitGateway(gateway.id));
        Ok(api::DeleteTransitGatewayResult { transit_gateway: Some(shown(edit, &gateway)) })
    })
}

fn shown(state: &impl State, gateway: &TransitGateway) -> api::TransitGateway {
    let options = &gateway.options;
    api::TransitGateway {
        transit_gateway_id: Some(gateway.id.to_string()),
        transit_gateway_arn: Some(state.arn(&format!("transit-gateway/{}", gateway.id))),
        state: Some(gateway.progress.state(state.now()).to_owned()),
        owner_id: Some(state.account().to_string()),
        description: Some(gateway.description.clone()),
        creation_time: Some(gateway.created_at),
        options: Some(api::TransitGatewayOptions {
            amazon_side_asn: Some(options.amazon_side_asn),
            transit_gateway_cidr_blocks: Some(options.blocks.iter().map(IpNet::to_string).collect()),
            auto_accept_shared_attachments: switched(options.auto_accept_shared_attachments),
            default_route_table_association: switched(options.association_table.is_some()),
            association_default_route_table_id: options.association_table.map(|id| id.to_string()),
            default_route_table_propagation: switched(options.propagation_table.is_some()),
            propagation_default_route_table_id: options.propagation_table.map(|id| id.to_string()),
            vpn_ecmp_support: switched(options.vpn_ecmp_support),
            dns_support: switched(options.dns_support),
            security_group_referencing_support: switched(options.security_group_referencing_support),
            multicast_support: switched(false),
            encryption_support: None,
        }),
        tags: tag::shown(&gateway.tags),
    }
}

/// One option of a gateway, as a filter's values.
fn option(
    gateway: &api::TransitGateway,
    value: fn(&api::TransitGatewayOptions) -> &Option<String>,
) -> Vec<String> {
    gateway.options.as_ref().map_or_else(Vec::new, |options| text(value(options)))
}

static FILTERS: Filters<api::TransitGateway> = Filters {
    tags: Some(|gateway| gateway.tags.as_deref().unwrap_or_default()),
    named: &[
        ("options.amazon-side-asn", |gateway| {
            let asn = gateway.options.as_ref().and_then(|options| options.amazon_side_asn);
            asn.iter().map(i64::to_string).collect()
        }),
        ("options.association-default-route-table-id", |gateway| {
            option(gateway, |options| &options.association_default_route_table_id)
        }),
        ("options.auto-accept-shared-attachments", |gateway| {
            option(gateway, |options| &options.auto_accept_shared_attachments)
        }),
        ("options.default-route-table-association", |gateway| {
            option(gateway, |options| &options.default_route_table_association)
        }),
        ("options.default-route-table-propagation", |gateway| {
            option(gateway, |options| &options.default_route_table_propagation)
        }),
        ("options.dns-support", |gateway| option(gateway, |options| &options.dns_support)),
        ("options.propagation-default-route-table-id", |gateway| {
            option(gateway, |options| &options.propagation_default_route_table_id)
        }),
        ("options.vpn-ecmp-support", |gateway| option(gateway, |options| &options.vpn_ecmp_support)),
        ("owner-id", |gateway| text(&gateway.owner_id)),
        ("state", |gateway| text(&gateway.state)),
        ("transit-gateway-id", |gateway| text(&gateway.transit_gateway_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewaysRequest,
) -> Result<api::DescribeTransitGatewaysResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeTransitGateways", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (gateways, next_token) =
        page.of_seen(&view, input.transit_gateway_ids.as_ref(), wanted, |view, gateway: &TransitGateway| {
            shown(view, gateway)
        })?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewaysResult { transit_gateways: Some(gateways), next_token },
    )
}
