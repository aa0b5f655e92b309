//! Delegated administrators of an organization's trails.
//!
//! Owns that only the management account names them. Who is one, the organization knows.

use aws_api::cloudtrail::{
    DeregisterOrganizationDelegatedAdminRequest, DeregisterOrganizationDelegatedAdminResponse,
    RegisterOrganizationDelegatedAdminRequest, RegisterOrganizationDelegatedAdminResponse,
};
use aws_model::Value;
use aws_types::AccountId;
use service_api::{RequestContext, ServiceError};

use crate::{State, error};

/// What Organizations calls a limit, or a state that does not allow something.
const CONSTRAINT: &str = "ConstraintViolationException";

fn set(
    state: &State,
    context: &RequestContext,
    account: &str,
    is_administrator: bool,
) -> Result<(), ServiceError> {
    let membership = state.organizations.membership(context.account()).ok_or_else(error::no_organization)?;
    if membership.management != context.account() {
        return Err(error::not_management());
    }
    let account: AccountId = account.parse().map_err(|_| {
        ServiceError::new("InvalidParameterException", format!("{account} is not an account id."))
    })?;
    let of_member = state.organizations.membership(account);
    if of_member.is_none_or(|of_member| of_member.organization != membership.organization) {
        let message = format!("The account {account} is not in your organization.");
        return Err(ServiceError::new("AccountNotFoundException", message));
    }
    error::check_trusted(&membership)?;
    state.organizations.set_administrator(context, account, is_administrator).map_err(of_organization)
}

/// What the organization answers, as CloudTrail's clients know it. Others than these are not told from inside of it.
fn of_organization(error: ServiceError) -> ServiceError {
    let reason = match error.fields.get("Reason") {
        Some(Value::String(reason)) => reason.as_str(),
        _ => "",
    };
    let code = match (error.code.as_ref(), reason) {
        ("AccountAlreadyRegisteredException", _) => "AccountRegisteredException",
        ("AWSOrganizationsNotInUseException", _) => "OrganizationsNotInUseException",
        ("AccessDeniedException", _) => "NotOrganizationManagementAccountException",
        (CONSTRAINT, "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR") => {
            "CannotDelegateManagementAccountException"
        }
        (CONSTRAINT, "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED") => {
            "DelegatedAdminAccountLimitExceededException"
        }
        (CONSTRAINT, "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE") => "OrganizationNotInAllFeaturesModeException",
        (CONSTRAINT, "SERVICE_ACCESS_NOT_ENABLED") => "CloudTrailAccessNotEnabledException",
        (CONSTRAINT, _) => "OperationNotPermittedException",
        // Accounts that are not there or not registered have the same codes in both models.
        _ => return error,
    };
    ServiceError::new(code, error.message)
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_RegisterOrganizationDelegatedAdmin.html>
pub(crate) fn register(
    state: &State,
    context: &RequestContext,
    request: RegisterOrganizationDelegatedAdminRequest,
) -> Result<RegisterOrganizationDelegatedAdminResponse, ServiceError> {
    set(state, context, &request.member_account_id, true)?;
    Ok(RegisterOrganizationDelegatedAdminResponse {})
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DeregisterOrganizationDelegatedAdmin.html>
pub(crate) fn deregister(
    state: &State,
    context: &RequestContext,
    request: DeregisterOrganizationDelegatedAdminRequest,
) -> Result<DeregisterOrganizationDelegatedAdminResponse, ServiceError> {
    set(state, context, &request.delegated_admin_account_id, false)?;
    Ok(DeregisterOrganizationDelegatedAdminResponse {})
}
