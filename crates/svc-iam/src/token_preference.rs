//! Which tokens the global endpoint of STS gives: SetSecurityTokenServicePreferences.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetSecurityTokenServicePreferences.html>

use aws_api::Unit;
use aws_api::iam::{SetSecurityTokenServicePreferencesRequest, operation as op};
use identities::{TokenPreference, TokenVersion};
use service_api::{Operations, RequestContext, ServiceError};

use crate::{State, scope};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::SetSecurityTokenServicePreferences>(set)
}

fn set(
    state: &State,
    context: &RequestContext,
    request: SetSecurityTokenServicePreferencesRequest,
) -> Result<Unit, ServiceError> {
    // The model knows these two.
    let global_endpoint = match request.global_endpoint_token_version.as_str() {
        "v2Token" => TokenVersion::V2,
        _ => TokenVersion::V1,
    };
    state.store.transact(|transaction| {
        transaction.put(&scope(context), TokenPreference::KEY, TokenPreference { global_endpoint });
        Ok(Unit)
    })
}
