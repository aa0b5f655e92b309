//! Delegated administrators: members that administer a service for the organization.

use aws_api::organizations::{
    DelegatedAdministrator, DelegatedService, DeregisterDelegatedAdministratorRequest,
    ListDelegatedAdministratorsRequest, ListDelegatedAdministratorsResponse,
    ListDelegatedServicesForAccountRequest, ListDelegatedServicesForAccountResponse,
    RegisterDelegatedAdministratorRequest,
};
use organization::{FeatureSet, Member};
use service_api::{RequestContext, ServiceError};
use store::Read as _;

use crate::{State, account, caller, error, page, service_access};

/// How many delegated administrators a service can have, where the service itself allows no fewer.
///
/// <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_integrate_delegated_admin.html>
const MAX_PER_SERVICE: usize = 5;

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_RegisterDelegatedAdministrator.html>
pub(crate) fn register(
    state: &State,
    context: &RequestContext,
    request: RegisterDelegatedAdministratorRequest,
) -> Result<aws_api::Unit, ServiceError> {
    let service = &request.service_principal;
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        service_access::check(service)?;
        let organization = &place.organization;
        if organization.feature_set != FeatureSet::All {
            return Err(error::needs_all_features());
        }
        let (member, account) = account::named(transaction, context, &place, &request.account_id)?;
        if account.id == organization.management {
            return Err(error::constraint(
                "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
                "You can't register the management account as a delegated administrator.",
            ));
        }
        if !account.is_active() {
            return Err(error::constraint(
                "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
                "You can't register a closed account as a delegated administrator.",
            ));
        }
        if member.delegated_services.contains_key(service) {
            return Err(ServiceError::new(
                "AccountAlreadyRegisteredException",
                "The provided account is already a delegated administrator for your organization.",
            ));
        }
        if !organization.trusted_services.contains_key(service) {
            return Err(error::constraint(
                "SERVICE_ACCESS_NOT_ENABLED",
                "You can't register a delegated administrator before you enable service access.",
            ));
        }
        let members = transaction.scan::<Member>(&place.scope);
        let registered = members.filter(|(_, one)| one.delegated_services.contains_key(service)).count();
        if registered >= MAX_PER_SERVICE {
            return Err(error::constraint(
                "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
                format!("A service can have {MAX_PER_SERVICE} delegated administrators."),
            ));
        }
        let mut member = (*member).clone();
        member.delegated_services.insert(service.clone(), context.now);
        transaction.put(&place.scope, &member.account.to_string(), member);
        Ok(aws_api::Unit)
    })
}

fn not_registered() -> ServiceError {
    ServiceError::new(
        "AccountNotRegisteredException",
        "The provided account is not a registered delegated administrator for your organization.",
    )
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeregisterDelegatedAdministrator.html>
pub(crate) fn deregister(
    state: &State,
    context: &RequestContext,
    request: DeregisterDelegatedAdministratorRequest,
) -> Result<aws_api::Unit, ServiceError> {
    state.store.transact(|transaction| {
        let place = caller::management(transaction, context)?;
        service_access::check(&request.service_principal)?;
        let (member, _) = account::named(transaction, context, &place, &request.account_id)?;
        let mut member = (*member).clone();
        member.delegated_services.remove(&request.service_principal).ok_or_else(not_registered)?;
        transaction.put(&place.scope, &member.account.to_string(), member);
        Ok(aws_api::Unit)
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedAdministrators.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListDelegatedAdministratorsRequest,
) -> Result<ListDelegatedAdministratorsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListDelegatedAdministrators")?;
    let mut shown = Vec::new();
    for found in account::all(&snapshot, context, &place) {
        let services = found.0.delegated_services.iter();
        let wanted = request.service_principal.as_ref();
        let since = services.filter(|(one, _)| wanted.is_none_or(|wanted| wanted == *one));
        let Some(since) = since.map(|(_, since)| *since).min() else { continue };
        let one = account::shown(state, &snapshot, context, &place, &found);
        let administrator = DelegatedAdministrator {
            id: one.id,
            arn: one.arn,
            email: one.email,
            name: one.name,
            status: one.status,
            state: one.state,
            joined_method: one.joined_method,
            joined_timestamp: one.joined_timestamp,
            delegation_enabled_date: Some(since),
        };
        shown.push((found.1.id.to_string(), administrator));
    }
    let page = page::take(shown, request.next_token.as_deref(), request.max_results)?;
    Ok(ListDelegatedAdministratorsResponse {
        delegated_administrators: Some(page.items),
        next_token: page.next_token,
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedServicesForAccount.html>
pub(crate) fn list_services(
    state: &State,
    context: &RequestContext,
    request: ListDelegatedServicesForAccountRequest,
) -> Result<ListDelegatedServicesForAccountResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let place = caller::reading_of(
        state,
        &snapshot,
        context,
        "ListDelegatedServicesForAccount",
        &request.account_id,
    )?;
    let (member, _) = account::named(&snapshot, context, &place, &request.account_id)?;
    if member.delegated_services.is_empty() {
        return Err(not_registered());
    }
    let services = member.delegated_services.iter().map(|(service, since)| {
        let shown = DelegatedService {
            service_principal: Some(service.clone()),
            delegation_enabled_date: Some(*since),
        };
        (service.clone(), shown)
    });
    let page = page::take(services, request.next_token.as_deref(), request.max_results)?;
    Ok(ListDelegatedServicesForAccountResponse {
        delegated_services: Some(page.items),
        next_token: page.next_token,
    })
}
