//! What all tag or backup policies together say of an account, and what is wrong with that.
//!
//! Owns whom it is told to. How policies merge, `management-policies` knows.

use aws_api::organizations::{
    self as api, DescribeEffectivePolicyRequest, DescribeEffectivePolicyResponse,
    EffectivePolicyValidationError, ListAccountsWithInvalidEffectivePolicyRequest,
    ListAccountsWithInvalidEffectivePolicyResponse, ListEffectivePolicyValidationErrorsRequest,
    ListEffectivePolicyValidationErrorsResponse,
};
use aws_types::AccountId;
use management_policies::PolicyKind;
use organization::{EffectivePolicy, TargetId, effective_policy, path_of};
use service_api::{RequestContext, ServiceError};
use store::Read;

use crate::caller::{self, Place};
use crate::{State, account, error, page, policy};

fn kind_named(name: &str) -> Result<PolicyKind, ServiceError> {
    policy::type_named(name)?.management().ok_or_else(|| {
        error::invalid_input("INVALID_ENUM_POLICY_TYPE", "Policies of the type have no effective policy.")
    })
}

fn find(
    reader: &impl Read,
    context: &RequestContext,
    kind: PolicyKind,
    account: AccountId,
) -> Result<EffectivePolicy, ServiceError> {
    let found = effective_policy(reader, context.partition, account, kind);
    let found = found
        .map_err(|broken| ServiceError::internal(format!("the effective policy of {account}: {broken}")))?;
    found.ok_or_else(|| {
        ServiceError::new(
            "EffectivePolicyNotFoundException",
            "If you ran this action on the management account, this policy type is not enabled. If you ran the action \
             on a member account, the account doesn't have an effective policy of this type.",
        )
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeEffectivePolicy.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeEffectivePolicyRequest,
) -> Result<DescribeEffectivePolicyResponse, ServiceError> {
    let kind = kind_named(&request.policy_type)?;
    let snapshot = state.store.snapshot();
    let own = context.account();
    let account = match request.target_id.as_deref().map(str::parse) {
        None => own,
        Some(Ok(TargetId::Account(account))) => account,
        Some(Ok(TargetId::Parent(_))) => {
            return Err(error::invalid_input(
                "TARGET_NOT_SUPPORTED",
                "You can't perform the specified operation on that target entity: it is no account.",
            ));
        }
        Some(Err(_)) => return Err(error::pattern()),
    };
    let place = if account == own {
        caller::member(&snapshot, context)?
    } else {
        caller::reading_of(state, &snapshot, context, "DescribeEffectivePolicy", &account.to_string())?
    };
    account::shown_member(&snapshot, context, &place, account).ok_or_else(error::target_not_found)?;
    let found = find(&snapshot, context, kind, account)?;
    Ok(DescribeEffectivePolicyResponse {
        effective_policy: Some(api::EffectivePolicy {
            policy_content: Some(found.effective.content()),
            last_updated_timestamp: Some(found.updated),
            target_id: Some(account.to_string()),
            policy_type: Some(request.policy_type),
        }),
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListAccountsWithInvalidEffectivePolicy.html>
pub(crate) fn list_invalid(
    state: &State,
    context: &RequestContext,
    request: ListAccountsWithInvalidEffectivePolicyRequest,
) -> Result<ListAccountsWithInvalidEffectivePolicyResponse, ServiceError> {
    let kind = kind_named(&request.policy_type)?;
    let snapshot = state.store.snapshot();
    let place = caller::reading(state, &snapshot, context, "ListAccountsWithInvalidEffectivePolicy")?;
    let is_invalid = |account: AccountId| {
        find(&snapshot, context, kind, account).is_ok_and(|found| !found.effective.errors().is_empty())
    };
    let accounts = account::all(&snapshot, context, &place).into_iter();
    let accounts = accounts
        .filter(|one| is_invalid(one.1.id))
        .map(|one| (one.1.id.to_string(), account::shown(state, &snapshot, context, &place, &one)));
    let page = page::take(accounts, request.next_token.as_deref(), request.max_results)?;
    Ok(ListAccountsWithInvalidEffectivePolicyResponse {
        accounts: Some(page.items),
        policy_type: Some(request.policy_type),
        next_token: page.next_token,
    })
}

/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListEffectivePolicyValidationErrors.html>
pub(crate) fn list_errors(
    state: &State,
    context: &RequestContext,
    request: ListEffectivePolicyValidationErrorsRequest,
) -> Result<ListEffectivePolicyValidationErrorsResponse, ServiceError> {
    let kind = kind_named(&request.policy_type)?;
    let snapshot = state.store.snapshot();
    let place: Place = caller::reading_of(
        state,
        &snapshot,
        context,
        "ListEffectivePolicyValidationErrors",
        &request.account_id,
    )?;
    let (_, account) = account::named(&snapshot, context, &place, &request.account_id)?;
    let found = find(&snapshot, context, kind, account.id)?;
    let errors = found.effective.errors().into_iter().enumerate().map(|(index, error)| {
        let shown = EffectivePolicyValidationError {
            error_code: Some(error.code.to_owned()),
            error_message: Some(error.message),
            path_to_error: Some(error.path),
            contributing_policies: Some(error.contributing_policies.into_iter().collect()),
        };
        (format!("{index:06}"), shown)
    });
    let page = page::take(errors, request.next_token.as_deref(), request.max_results)?;
    let path = path_of(&snapshot, context.partition, account.id);
    Ok(ListEffectivePolicyValidationErrorsResponse {
        path: path.map(|path| format!("{path}{}/", account.id)),
        account_id: Some(request.account_id),
        policy_type: Some(request.policy_type),
        evaluation_timestamp: Some(context.now),
        effective_policy_validation_errors: Some(page.items),
        next_token: page.next_token,
    })
}
