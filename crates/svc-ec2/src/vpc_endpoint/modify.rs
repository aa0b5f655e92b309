//! ModifyVpcEndpoint.
//!
//! Owns which changes each type of endpoint takes. Refuses to know what packets make of them.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{EndpointPhase, VpcEndpoint, VpcEndpointKind, create, named, place, policy, private_dns};
use crate::network_interface::{self, NetworkInterface};
use crate::route_table::RouteTable;
use crate::security_group::SecurityGroup;
use crate::state::{Edit, State};
use crate::subnet::Subnet;
use crate::vpc_endpoint_service::{self, invalid};
use crate::{Ec2, error, pace, security_group};

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::ModifyVpcEndpoint>(modify)
}

fn some(list: &Option<Vec<String>>) -> bool {
    list.as_ref().is_some_and(|list| !list.is_empty())
}

fn check_parameters(
    kind: VpcEndpointKind,
    input: &api::ModifyVpcEndpointRequest,
) -> Result<(), ServiceError> {
    let is_gateway = kind == VpcEndpointKind::Gateway;
    if !is_gateway && (some(&input.add_route_table_ids) || some(&input.remove_route_table_ids)) {
        return Err(invalid("Route table IDs are only supported for Gateway type VPC Endpoint."));
    }
    if is_gateway && (some(&input.add_subnet_ids) || some(&input.remove_subnet_ids)) {
        return Err(invalid(
            "Subnet IDs are only supported for Interface and Gateway Load Balancer type VPC Endpoints.",
        ));
    }
    if kind == VpcEndpointKind::GatewayLoadBalancer
        && (some(&input.add_subnet_ids) || some(&input.remove_subnet_ids))
    {
        return Err(invalid("The subnet of a GatewayLoadBalancer type VPC Endpoint cannot be changed."));
    }
    let changes_groups = some(&input.add_security_group_ids) || some(&input.remove_security_group_ids);
    if kind != VpcEndpointKind::Interface && changes_groups {
        return Err(invalid("Security group IDs are only supported for Interface type VPC Endpoints."));
    }
    let options = input.dns_options.as_ref();
    if kind != VpcEndpointKind::Interface
        && options.is_some_and(|options| options.private_dns_only_for_inbound_resolver_endpoint.is_some())
    {
        return Err(invalid(
            "DnsOptions PrivateDnsOnlyForInboundResolverEndpoint is applicable only to Interface VPC Endpoints.",
        ));
    }
    create::check_dns_options(options)
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcEndpointRequest,
) -> Result<api::ModifyVpcEndpointResult, ServiceError> {
    if input.reset_policy == Some(true) && input.policy_document.is_some() {
        return Err(error::combination("PolicyDocument cannot be used with ResetPolicy."));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut endpoint = named(edit, &input.vpc_endpoint_id)?;
        match endpoint.phase {
            EndpointPhase::Present => {}
            EndpointPhase::PendingAcceptance | EndpointPhase::Rejected | EndpointPhase::Deleting => {
                let state = endpoint.state(edit.now());
                let message = format!("VPC endpoint {} cannot be modified while it is {state}", endpoint.id);
                return Err(ServiceError::new("InvalidState", message));
            }
        }
        check_parameters(endpoint.kind, &input)?;
        if let Some(text) = &input.policy_document {
            create::check_policy(endpoint.kind, endpoint.customer_service.is_some(), text)?;
            endpoint.policy = Some(text.clone());
        }
        if input.reset_policy == Some(true) {
            endpoint.policy = policy::default_of(endpoint.kind);
        }
        change_route_tables(edit, &mut endpoint, &input)?;
        change_subnets(edit, &mut endpoint, &input)?;
        change_groups(edit, &mut endpoint, &input)?;
        change_names(edit, &mut endpoint, &input)?;
        if endpoint.kind != VpcEndpointKind::Gateway {
            let done_at = pace::ENDPOINT_CHANGE.done_at(edit);
            if some(&input.add_subnet_ids) || some(&input.remove_subnet_ids) {
                endpoint.done_at = done_at;
            }
        }
        edit.put(endpoint);
        Ok(api::ModifyVpcEndpointResult { r#return: Some(true) })
    })
}

fn change_route_tables(
    edit: &Edit<'_>,
    endpoint: &mut VpcEndpoint,
    input: &api::ModifyVpcEndpointRequest,
) -> Result<(), ServiceError> {
    for text in input.remove_route_table_ids.iter().flatten() {
        let table = edit.named::<RouteTable>(text)?.id;
        if !endpoint.route_tables.contains(&table) {
            return Err(invalid(format!(
                "Route table {table} is not associated with VPC endpoint {}",
                endpoint.id
            )));
        }
        endpoint.route_tables.retain(|held| *held != table);
    }
    for text in input.add_route_table_ids.iter().flatten() {
        let table = place::route_table(edit, endpoint.vpc, &endpoint.service, Some(endpoint.id), text)?;
        if !endpoint.route_tables.contains(&table) {
            endpoint.route_tables.push(table);
        }
    }
    Ok(())
}

fn change_subnets(
    edit: &mut Edit<'_>,
    endpoint: &mut VpcEndpoint,
    input: &api::ModifyVpcEndpointRequest,
) -> Result<(), ServiceError> {
    for text in input.remove_subnet_ids.iter().flatten() {
        let subnet = edit.named::<Subnet>(text)?.id;
        let Some(at) = endpoint.subnets.iter().position(|held| held.subnet == subnet) else {
            return Err(invalid(format!(
                "Subnet {subnet} is not associated with VPC endpoint {}",
                endpoint.id
            )));
        };
        network_interface::remove_managed(edit, endpoint.subnets.remove(at).interface);
    }
    let configurations = input.subnet_configurations.as_ref();
    for subnet in place::wanted_subnets(input.add_subnet_ids.as_ref(), configurations)? {
        if !input.add_subnet_ids.iter().flatten().any(|added| *added == subnet.subnet) {
            return Err(error::unsupported("The addresses of a VPC endpoint in a subnet cannot be changed."));
        }
        place::add_subnet(edit, endpoint, &subnet)?;
    }
    Ok(())
}

fn change_groups(
    edit: &mut Edit<'_>,
    endpoint: &mut VpcEndpoint,
    input: &api::ModifyVpcEndpointRequest,
) -> Result<(), ServiceError> {
    if !some(&input.add_security_group_ids) && !some(&input.remove_security_group_ids) {
        return Ok(());
    }
    for text in input.remove_security_group_ids.iter().flatten() {
        let group = edit.named::<SecurityGroup>(text)?.id;
        if !endpoint.groups.contains(&group) {
            return Err(invalid(format!(
                "Security group {group} is not associated with VPC endpoint {}",
                endpoint.id
            )));
        }
        endpoint.groups.retain(|held| *held != group);
    }
    let added = input.add_security_group_ids.as_deref().unwrap_or_default();
    for group in place::groups(edit, endpoint.vpc, added)? {
        if !endpoint.groups.contains(&group) {
            endpoint.groups.push(group);
        }
    }
    security_group::check_count(edit, endpoint.groups.len())?;
    if endpoint.groups.is_empty() {
        return Err(invalid("A VPC endpoint must have at least one security group"));
    }
    for held in &endpoint.subnets {
        let mut interface = edit.held::<NetworkInterface>(held.interface)?;
        interface.groups.clone_from(&endpoint.groups);
        edit.put(interface);
    }
    Ok(())
}

fn change_names(
    edit: &mut Edit<'_>,
    endpoint: &mut VpcEndpoint,
    input: &api::ModifyVpcEndpointRequest,
) -> Result<(), ServiceError> {
    if let Some(text) = &input.ip_address_type {
        let offered = match endpoint.customer_service {
            None => vec!["ipv4".to_owned(), "ipv6".to_owned()],
            Some(id) => vpc_endpoint_service::find(edit, id)
                .map_or_else(Vec::new, |(_, service)| service.ip_address_types()),
        };
        let wanted = create::address_type(endpoint.kind, &offered, Some(text))?;
        if wanted != endpoint.ip_address_type {
            place::change_families(edit, endpoint, wanted)?;
            endpoint.dns_record_ip_type = wanted.as_str().to_owned();
        }
    }
    let options = input.dns_options.as_ref();
    if let Some(text) = options.and_then(|options| options.dns_record_ip_type.as_deref()) {
        endpoint.dns_record_ip_type = create::record_type(endpoint.ip_address_type, text)?;
    }
    if let Some(flag) = options.and_then(|options| options.private_dns_only_for_inbound_resolver_endpoint) {
        endpoint.private_dns_only_for_inbound = Some(flag);
    }
    if let Some(flag) = input.private_dns_enabled {
        endpoint.private_dns_enabled = flag;
    }
    if input.private_dns_enabled == Some(true) || options.is_some() {
        private_dns::check(edit, endpoint)?;
    }
    Ok(())
}
