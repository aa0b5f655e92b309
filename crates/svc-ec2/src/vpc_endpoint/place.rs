//! Where an endpoint is: its route tables, or its subnets with their interfaces, and its security groups.
//!
//! Owns which of them an endpoint may have, and the making of its interfaces. Refuses to know requests as a whole.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/create-interface-endpoint.html>

use aws_api::ec2 as api;
use aws_types::{RouteTableId, SecurityGroupId, VpcEndpointId, VpcId};
use service_api::ServiceError;

use super::{EndpointAddressType, EndpointSubnet, VpcEndpoint, VpcEndpointKind, current, prefix_list};
use crate::error;
use crate::network_interface::{self, ManagedKind, NetworkInterface, NewInterface};
use crate::route_table::RouteTable;
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::subnet::address::Addresses;
use crate::vpc_endpoint_service::invalid;

/// A subnet that an endpoint is to be in, with the addresses that a request wants there.
#[derive(Clone, Default)]
pub(super) struct WantedSubnet {
    pub(super) subnet: String,
    ipv4: Option<String>,
    ipv6: Option<String>,
}

/// The subnets that a request names in its two lists, each once.
///
/// # Errors
/// `MissingParameter` for a configuration of no subnet.
pub(super) fn wanted_subnets(
    ids: Option<&Vec<String>>,
    configurations: Option<&Vec<api::SubnetConfiguration>>,
) -> Result<Vec<WantedSubnet>, ServiceError> {
    let mut wanted: Vec<WantedSubnet> = Vec::new();
    for held in configurations.into_iter().flatten() {
        let subnet = held.subnet_id.clone().ok_or_else(|| error::missing("SubnetConfiguration.SubnetId"))?;
        if wanted.iter().any(|other| other.subnet == subnet) {
            return Err(invalid(format!("Subnet {subnet} has more than one configuration")));
        }
        wanted.push(WantedSubnet { subnet, ipv4: held.ipv4.clone(), ipv6: held.ipv6.clone() });
    }
    for subnet in ids.into_iter().flatten() {
        if !wanted.iter().any(|other| other.subnet == *subnet) {
            wanted.push(WantedSubnet { subnet: subnet.clone(), ..Default::default() });
        }
    }
    Ok(wanted)
}

/// Makes the interface of an endpoint in a subnet.
///
/// # Errors
/// `InvalidParameter` for a subnet of another VPC or without the addresses, `DuplicateSubnetsInSameZone`.
pub(super) fn add_subnet(
    edit: &mut Edit<'_>,
    endpoint: &mut VpcEndpoint,
    wanted: &WantedSubnet,
) -> Result<(), ServiceError> {
    let subnet = edit.named::<Subnet>(&wanted.subnet)?;
    if subnet.vpc != endpoint.vpc {
        return Err(invalid(format!("Subnet {} does not belong to VPC {}", subnet.id, endpoint.vpc)));
    }
    let is_gateway = endpoint.kind == VpcEndpointKind::GatewayLoadBalancer;
    if is_gateway && !endpoint.subnets.is_empty() {
        return Err(invalid("Only one subnet can be specified for GatewayLoadBalancer type VPC Endpoints."));
    }
    let is_in_zone = |held: &EndpointSubnet| {
        edit.find::<Subnet>(held.subnet).is_some_and(|other| other.zone == subnet.zone)
    };
    if endpoint.subnets.iter().any(is_in_zone) {
        return Err(ServiceError::new(
            "DuplicateSubnetsInSameZone",
            format!("Found another VPC endpoint subnet in the availability zone of {}", subnet.id),
        ));
    }
    let has_ipv6 = endpoint.ip_address_type == EndpointAddressType::Dualstack;
    check_families(&subnet, endpoint.ip_address_type)?;
    if wanted.ipv6.is_some() && !has_ipv6 {
        return Err(invalid("An IPv6 address can be specified for dualstack VPC Endpoints only"));
    }
    let kind = if is_gateway { ManagedKind::GatewayLoadBalancerEndpoint } else { ManagedKind::VpcEndpoint };
    let new = NewInterface {
        description: format!("VPC Endpoint Interface {}", endpoint.id),
        groups: endpoint.groups.clone(),
        primary: wanted.ipv4.clone(),
        ipv6_count: Some(usize::from(has_ipv6 && wanted.ipv6.is_none())),
        ipv6: wanted.ipv6.iter().cloned().collect(),
        ..Default::default()
    };
    let interface = network_interface::make_managed(edit, &subnet, kind, new)?.id;
    endpoint.subnets.push(EndpointSubnet { subnet: subnet.id, interface });
    Ok(())
}

fn check_families(subnet: &Subnet, wanted: EndpointAddressType) -> Result<(), ServiceError> {
    if wanted == EndpointAddressType::Dualstack && subnet.ipv6_block().is_none() {
        return Err(invalid(format!(
            "Subnet {} does not have an IPv6 CIDR block, which dualstack needs",
            subnet.id
        )));
    }
    Ok(())
}

/// Gives the interfaces of an endpoint IPv6 addresses, or takes them.
pub(super) fn change_families(
    edit: &mut Edit<'_>,
    endpoint: &mut VpcEndpoint,
    wanted: EndpointAddressType,
) -> Result<(), ServiceError> {
    endpoint.ip_address_type = wanted;
    for held in &endpoint.subnets {
        let subnet = edit.held::<Subnet>(held.subnet)?;
        check_families(&subnet, wanted)?;
        let mut interface = edit.held::<NetworkInterface>(held.interface)?;
        match wanted {
            EndpointAddressType::Ipv4 => interface.ipv6_addresses.clear(),
            EndpointAddressType::Dualstack if interface.ipv6_addresses.is_empty() => {
                let mut addresses = Addresses::of(edit, &subnet);
                interface.ipv6_addresses.push(addresses.take_any_v6(edit.new_bits())?);
            }
            EndpointAddressType::Dualstack => {}
        }
        edit.put(interface);
    }
    Ok(())
}

/// The security groups that a request names, each once.
pub(super) fn groups(
    edit: &Edit<'_>,
    vpc: VpcId,
    ids: &[String],
) -> Result<Vec<SecurityGroupId>, ServiceError> {
    network_interface::wanted_groups(edit, vpc, ids, |group| {
        invalid(format!("Security group {group} and VPC {vpc} belong to different networks."))
    })
}

/// A route table for a gateway endpoint.
///
/// # Errors
/// `InvalidParameter` for a table of another VPC or of a gateway, `RouteAlreadyExists` for one with a route to
/// the service's prefix list.
pub(super) fn route_table(
    edit: &Edit<'_>,
    vpc: VpcId,
    service: &str,
    endpoint: Option<VpcEndpointId>,
    text: &str,
) -> Result<RouteTableId, ServiceError> {
    let table = edit.named::<RouteTable>(text)?;
    if table.vpc != vpc {
        return Err(invalid(format!("Route table {} does not belong to VPC {vpc}", table.id)));
    }
    if table.has_gateway() {
        let message = format!("Route table {} is associated with a gateway", table.id);
        return Err(invalid(message));
    }
    let is_taken = current(edit).any(|other| {
        Some(other.id) != endpoint && other.service == service && other.route_tables.contains(&table.id)
    });
    let list = prefix_list(edit.region(), service);
    if is_taken || list.is_some_and(|list| table.has_prefix_list(list)) {
        let list = list.map_or_else(String::new, |list| list.to_string());
        return Err(ServiceError::new(
            "RouteAlreadyExists",
            format!("route table {} already has a route with destination-prefix-list-id {list}", table.id),
        ));
    }
    Ok(table.id)
}
