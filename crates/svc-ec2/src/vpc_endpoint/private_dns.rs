//! Private DNS: that the public names of a service lead to an endpoint inside its VPC.
//!
//! Owns when that can be. Refuses to answer names.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html>

use service_api::ServiceError;

use super::{VpcEndpoint, VpcEndpointKind, current, prefix_list};
use crate::state::{Edit, State};
use crate::vpc::Vpc;
use crate::vpc_endpoint_service::invalid;

/// Whether gateway endpoints reach the service as well.
pub(super) fn has_gateway(edit: &Edit<'_>, endpoint: &VpcEndpoint) -> bool {
    endpoint.kind == VpcEndpointKind::Interface && prefix_list(edit.region(), &endpoint.service).is_some()
}

/// Whether an endpoint has private DNS that does not say.
pub(super) fn is_usual(edit: &Edit<'_>, endpoint: &VpcEndpoint) -> bool {
    endpoint.kind == VpcEndpointKind::Interface
        && endpoint.customer_service.is_none()
        && !has_gateway(edit, endpoint)
}

/// Checks that an endpoint can have private DNS; without it there is nothing to check.
///
/// # Errors
/// `InvalidParameter`.
pub(super) fn check(edit: &Edit<'_>, endpoint: &VpcEndpoint) -> Result<(), ServiceError> {
    let has_gateway = has_gateway(edit, endpoint);
    if endpoint.private_dns_only_for_inbound.is_some() && !has_gateway {
        return Err(invalid(
            "PrivateDnsOnlyForInboundResolverEndpoint is available only for services that support both gateway and \
             interface endpoints.",
        ));
    }
    if !endpoint.private_dns_enabled {
        return Ok(());
    }
    if endpoint.kind != VpcEndpointKind::Interface {
        return Err(invalid("Private DNS can only be enabled for Interface type VPC Endpoints."));
    }
    if endpoint.private_dns_names.is_empty() {
        return Err(invalid(format!(
            "Private DNS can't be enabled because the service {} does not provide a private DNS name.",
            endpoint.service
        )));
    }
    // There is no public DNS in which a customer could prove whose a domain is.
    if endpoint.customer_service.is_some() {
        return Err(invalid(format!(
            "Private DNS can't be enabled because the service {} has not verified the private DNS name.",
            endpoint.service
        )));
    }
    let vpc = edit.held::<Vpc>(endpoint.vpc)?;
    if !vpc.enable_dns_support || !vpc.enable_dns_hostnames {
        return Err(invalid(format!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for {}",
            vpc.id
        )));
    }
    let conflict = current(edit)
        .filter(|other| other.id != endpoint.id && other.vpc == endpoint.vpc && other.private_dns_enabled)
        .find_map(|other| {
            endpoint.private_dns_names.iter().find(|name| other.private_dns_names.contains(name)).cloned()
        });
    if let Some(name) = conflict {
        return Err(invalid(format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {name} in the VPC {}",
            vpc.id
        )));
    }
    let has_route = || {
        current(edit).any(|other| {
            other.kind == VpcEndpointKind::Gateway && other.vpc == vpc.id && other.service == endpoint.service
        })
    };
    if has_gateway && endpoint.private_dns_only_for_inbound != Some(false) && !has_route() {
        return Err(invalid(format!(
            "To set PrivateDnsOnlyForInboundResolverEndpoint to true, the VPC {} must have a Gateway endpoint for the \
             service.",
            vpc.id
        )));
    }
    Ok(())
}
