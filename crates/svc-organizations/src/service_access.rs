//! Trusted access: which services may act in the accounts of an organization.

use aws_api::organizations::{
    DisableAWSServiceAccessRequest, EnableAWSServiceAccessRequest, EnabledServicePrincipal,
    ListAWSServiceAccessForOrganizationRequest, ListAWSServiceAccessForOrganizationResponse,
};
use organization::{FeatureSet, Member};
use service_api::{RequestContext, ServiceError};
use store::Read as _;

use crate::{State, caller, error, page};

/// The services that work with Organizations, by what stands before `.amazonaws.com` in their principals.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_services_list.html>
const INTEGRATED: &[&str] = &[
    "access-analyzer",
    "account",
    "aws-artifact-account-sync",
    "auditmanager",
    "backup",
    "cloudtrail",
    "compute-optimizer",
    "config",
    "config-multiaccountsetup",
    "controltower",
    "cost-optimization-hub",
    "detective",
    "devops-guru",
    "ds",
    "fms",
    "guardduty",
    "health",
    "iam",
    "inspector2",
    "ipam",
    "license-manager",
    "macie",
    "malware-protection.guardduty",
    "member.org.stacksets.cloudformation",
    "networkmanager",
    "ram",
    "reachabilityanalyzer.networkinsights",
    "reporting.trustedadvisor",
    "resource-explorer-2",
    "securityhub",
    "servicecatalog",
    "servicequotas",
    "ssm",
    "sso",
    "stacksets.cloudformation",
    "storage-lens.s3",
    "tagpolicies.tag",
    "wellarchitected",
];

/// Whether a service can be trusted.
///
/// # Errors
/// `InvalidInputException`.
pub(crate) fn check(service_principal: &str) -> Result<(), ServiceError> {
    let name = service_principal.strip_suffix(".amazonaws.com");
    if name.is_some_and(|name| INTEGRATED.contains(&name)) {
        return Ok(());
    }
    Err(error::invalid_input(
        "UNRECOGNIZED_SERVICE_PRINCIPAL",
        "You specified an unrecognized service principal.",
    ))
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_EnableAWSServiceAccess.html>
pub(crate) fn enable(
    state: &State,
    context: &RequestContext,
    request: EnableAWSServiceAccessRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        check(&request.service_principal)?;
        if place.organization.feature_set != FeatureSet::All {
            return Err(error::needs_all_features());
        }
        let mut organization = (*place.organization).clone();
        organization.trusted_services.entry(request.service_principal.clone()).or_insert(context.now);
        organization.put(transaction, context.partition);
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DisableAWSServiceAccess.html>
pub(crate) fn disable(
    state: &State,
    context: &RequestContext,
    request: DisableAWSServiceAccessRequest,
) -> Result<aws_api::Unit, ServiceError> {
    let service = &request.service_principal;
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        check(service)?;
        let mut members = transaction.scan::<Member>(&place.scope);
        if members.any(|(_, member)| member.delegated_services.contains_key(service)) {
            return Err(error::constraint(
                "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
                "You can't disable access of a service that has delegated administrators. Deregister them first.",
            ));
        }
        drop(members);
        let mut organization = (*place.organization).clone();
        organization.trusted_services.remove(service);
        organization.put(transaction, context.partition);
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAWSServiceAccessForOrganization.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListAWSServiceAccessForOrganizationRequest,
) -> Result<ListAWSServiceAccessForOrganizationResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListAWSServiceAccessForOrganization")?;
    let services = place.organization.trusted_services.iter().map(|(service, enabled)| {
        let shown = EnabledServicePrincipal {
            service_principal: Some(service.clone()),
            date_enabled: Some(*enabled),
        };
        (service.clone(), shown)
    });
    let page = page::take(services, request.next_token.as_deref(), request.max_results)?;
    Ok(ListAWSServiceAccessForOrganizationResponse {
        enabled_service_principals: Some(page.items),
        next_token: page.next_token,
    })
}
