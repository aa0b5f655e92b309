//! VPC endpoints: CreateVpcEndpoint, DeleteVpcEndpoints, ModifyVpcEndpoint, DescribeVpcEndpoints,
//! DescribeVpcEndpointAssociations.
//!
//! Owns the record, its states, its deletion, and the routes that gateway endpoints put into tables. Refuses to know what
//! answers at the other side.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/concepts.html>

mod create;
pub(crate) mod describe;
mod modify;
mod place;
mod policy;
mod private_dns;

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{
    NetworkInterfaceId, PrefixListId, Region, RouteTableId, SecurityGroupId, SubnetId, Tags, Timestamp,
    VpcEndpointId, VpcEndpointServiceId, VpcId,
};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use crate::network_interface;
use crate::route_table::{RouteTable, RouteTarget};
use crate::state::{Edit, Naming, State, not_found, resource};
use crate::vpc_endpoint_service::connection;
use crate::vpc_endpoint_service::invalid;
use crate::vpc_endpoint_service::notification::{self, NotificationSource};
use crate::{Ec2, error, pace};

/// How an endpoint leads to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VpcEndpointKind {
    /// By routes to the service's prefix list.
    Gateway,
    /// By network interfaces, with addresses of their own.
    Interface,
    /// By routes to a network interface, behind which a Gateway Load Balancer is.
    GatewayLoadBalancer,
}

impl VpcEndpointKind {
    /// As requests and answers name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "Gateway",
            Self::Interface => "Interface",
            Self::GatewayLoadBalancer => "GatewayLoadBalancer",
        }
    }
}

/// Of which families the addresses of an endpoint are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointAddressType {
    /// IPv4.
    Ipv4,
    /// Both.
    Dualstack,
}

impl EndpointAddressType {
    /// As requests and answers name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Dualstack => "dualstack",
        }
    }
}

/// How far an endpoint has come; with `done_at` it gives the state.
///
/// ```text
/// PendingAcceptance ──► Present ──► Rejected
///     │      ▲  └───────────────────▲  │
///     │      (a rejected one can be accepted: Present)
///     └──────────── all ──► Deleting
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndpointPhase {
    /// The owner of the service has not decided.
    PendingAcceptance,
    /// It becomes available, or is.
    Present,
    /// The owner of the service does not want it.
    Rejected,
    /// It is deleted, or becomes so.
    Deleting,
}

/// An interface of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSubnet {
    /// The subnet that it is in.
    pub subnet: SubnetId,
    /// The interface.
    pub interface: NetworkInterfaceId,
}

/// A VPC endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// Its id.
    pub id: VpcEndpointId,
    /// Its VPC.
    pub vpc: VpcId,
    /// How it leads to its service.
    pub kind: VpcEndpointKind,
    /// The name of the service.
    pub service: String,
    /// The id of the service, where a customer offers it.
    pub customer_service: Option<VpcEndpointServiceId>,
    /// What requests may pass it, as JSON; Gateway Load Balancer endpoints have none.
    pub policy: Option<String>,
    /// A gateway endpoint's route tables.
    pub route_tables: Vec<RouteTableId>,
    /// The subnets of other endpoints, with the interfaces there.
    pub subnets: Vec<EndpointSubnet>,
    /// The security groups of an interface endpoint.
    pub groups: Vec<SecurityGroupId>,
    /// Of which families its addresses are.
    pub ip_address_type: EndpointAddressType,
    /// Which records its DNS names have: `ipv4`, `dualstack`, `ipv6` or `service-defined`.
    pub dns_record_ip_type: String,
    /// The domain that its own DNS names are in; none for gateways.
    pub base_dns_name: Option<String>,
    /// What makes its DNS names hard to guess.
    pub dns_label: String,
    /// The public names of the service.
    pub private_dns_names: Vec<String>,
    /// Whether these lead to the endpoint in its VPC.
    pub private_dns_enabled: bool,
    /// Whether they do so for inbound resolver endpoints alone.
    pub private_dns_only_for_inbound: Option<bool>,
    /// How far it has come.
    pub phase: EndpointPhase,
    /// When what its phase says is done.
    pub done_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    VpcEndpoint,
    VpcEndpointId,
    "ec2.vpc-endpoint" in vpc,
    Naming {
        resource_type: "vpc-endpoint",
        noun: "Vpc Endpoint",
        not_found: "InvalidVpcEndpointId.NotFound",
        malformed: "InvalidVpcEndpointId.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "vpc-endpoint-id" => Some(self.id.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    fn not_found_message(id: &str) -> String {
        format!("The Vpc Endpoint Id '{id}' does not exist")
    },
    fn ends_at(&self) -> Option<Timestamp> {
        let shown_millis = match self.kind {
            // A gateway endpoint is nothing but routes.
            VpcEndpointKind::Gateway => 0,
            VpcEndpointKind::Interface | VpcEndpointKind::GatewayLoadBalancer => {
                pace::SHOWN_AFTER_DELETION_MILLIS
            }
        };
        self.is_deleting().then(|| self.done_at.plus_millis(shown_millis))
    }
);

impl VpcEndpoint {
    /// Whether it is deleted, or is being so: it counts for nothing then.
    pub fn is_deleting(&self) -> bool {
        self.phase == EndpointPhase::Deleting
    }

    /// Whether it is connected to its service.
    pub fn is_available(&self, now: Timestamp) -> bool {
        self.phase == EndpointPhase::Present && self.done_at <= now
    }

    /// When it becomes available by itself, if that is yet to come.
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        Some(self.done_at).filter(|done_at| self.phase == EndpointPhase::Present && now < *done_at)
    }

    /// Whether it is neither connected to its service nor to be so.
    pub(crate) fn is_ended(&self) -> bool {
        matches!(self.phase, EndpointPhase::Rejected | EndpointPhase::Deleting)
    }

    /// The state that describe operations show.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        match (self.phase, now < self.done_at) {
            (EndpointPhase::PendingAcceptance, _) => "pendingAcceptance",
            (EndpointPhase::Present, true) => "pending",
            (EndpointPhase::Present, false) => "available",
            (EndpointPhase::Rejected, _) => "rejected",
            (EndpointPhase::Deleting, true) => "deleting",
            (EndpointPhase::Deleting, false) => "deleted",
        }
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table.with::<op::DeleteVpcEndpoints>(delete);
    [create::operations, modify::operations, describe::operations]
        .into_iter()
        .fold(table, |table, add| add(table))
}

/// The endpoint of a request that is not being deleted.
pub(crate) fn named(edit: &Edit<'_>, text: &str) -> Result<VpcEndpoint, ServiceError> {
    let endpoint = edit.named::<VpcEndpoint>(text)?;
    if endpoint.is_deleting() {
        return Err(not_found::<VpcEndpoint>(text));
    }
    Ok(Arc::unwrap_or_clone(endpoint))
}

/// All endpoints that are not being deleted.
pub(crate) fn current<'a>(state: &'a impl State) -> impl Iterator<Item = Arc<VpcEndpoint>> + 'a {
    state.all::<VpcEndpoint>().filter(|endpoint| !endpoint.is_deleting())
}

/// Does something for each id of a request, and lists those for which it could not be done.
pub(crate) fn unsuccessful(
    edit: &mut Edit<'_>,
    ids: &[String],
    each: impl Fn(&mut Edit<'_>, &str) -> Result<(), ServiceError>,
) -> Vec<api::UnsuccessfulItem> {
    let mut items = Vec::new();
    for id in ids {
        if let Err(error) = each(edit, id) {
            items.push(error::unsuccessful(id, error));
        }
    }
    items
}

/// The prefix list that a gateway endpoint's routes are for.
fn prefix_list(region: &Region, service: &str) -> Option<PrefixListId> {
    let lists = aws_catalog::prefix_lists(region);
    lists.into_iter().find(|list| list.name == service).map(|list| list.id)
}

/// The routes that gateway endpoints put into a table: to which list they are, and by which endpoint.
pub fn gateway_endpoint_routes(
    read: &impl Read,
    scope: &Scope,
    table: &RouteTable,
) -> Vec<(PrefixListId, VpcEndpointId)> {
    read.parts::<VpcEndpoint>(scope, &table.vpc.to_string())
        .filter(|(_, endpoint)| !endpoint.is_deleting() && endpoint.route_tables.contains(&table.id))
        .filter_map(|(_, endpoint)| Some((prefix_list(&scope.region, &endpoint.service)?, endpoint.id)))
        .collect()
}

/// [`gateway_endpoint_routes`] of the account's tables.
pub(crate) fn routes(state: &impl State, table: &RouteTable) -> Vec<(PrefixListId, VpcEndpointId)> {
    gateway_endpoint_routes(state.reader(), state.scope(), table)
}

/// Ids that are malformed or unknown are unsuccessful items, as are endpoints that routes lead to.
fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpcEndpointsRequest,
) -> Result<api::DeleteVpcEndpointsResult, ServiceError> {
    if input.vpc_endpoint_ids.is_empty() {
        return Err(error::missing("VpcEndpointId"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let items = unsuccessful(edit, &input.vpc_endpoint_ids, |edit, text| {
            let mut endpoint = named(edit, text)?;
            let target = RouteTarget::VpcEndpoint(endpoint.id);
            if edit.all::<RouteTable>().any(|table| table.routes.iter().any(|route| route.target == target)) {
                return Err(invalid("Endpoint must be removed from route table before deletion"));
            }
            for held in endpoint.subnets.drain(..) {
                network_interface::remove_managed(edit, held.interface);
            }
            endpoint.route_tables.clear();
            endpoint.phase = EndpointPhase::Deleting;
            endpoint.done_at = pace::ENDPOINT_DELETION.done_at(edit);
            notification::forget(edit, NotificationSource::Endpoint(endpoint.id));
            connection::end(edit, &endpoint);
            edit.put(endpoint);
            Ok(())
        });
        Ok(api::DeleteVpcEndpointsResult { unsuccessful: Some(items) })
    })
}

/// Takes an endpoint of an account that is closed for good from the service that it uses.
pub(crate) fn disconnect(edit: &mut Edit<'_>, endpoint: &VpcEndpoint) {
    let ended = VpcEndpoint { phase: EndpointPhase::Deleting, done_at: edit.now(), ..endpoint.clone() };
    connection::end(edit, &ended);
}
