//! `DeleteParameter` and `DeleteParameters`.

use aws_api::ssm::{
    DeleteParameterRequest, DeleteParameterResult, DeleteParametersRequest, DeleteParametersResult,
};
use service_api::{RequestContext, ServiceError};
use store::Transaction;

use super::name::{Reference, Selector};
use super::record::{Parameter, ParameterVersion, versions};
use crate::State;

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameter.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteParameterRequest,
) -> Result<DeleteParameterResult, ServiceError> {
    state.store.transact(|transaction| {
        if remove(transaction, context, &request.name) {
            return Ok(DeleteParameterResult {});
        }
        Err(ServiceError::new("ParameterNotFound", format!("Parameter {} not found.", request.name)))
    })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DeleteParameters.html>
pub(crate) fn delete_many(
    state: &State,
    context: &RequestContext,
    request: DeleteParametersRequest,
) -> Result<DeleteParametersResult, ServiceError> {
    state.store.transact(|transaction| {
        let (deleted, invalid) =
            request.names.into_iter().partition(|name| remove(transaction, context, name));
        Ok(DeleteParametersResult { deleted_parameters: Some(deleted), invalid_parameters: Some(invalid) })
    })
}

/// Removes a parameter with all its versions. Answers whether there was one; a single version cannot be removed.
fn remove(transaction: &mut Transaction, context: &RequestContext, text: &str) -> bool {
    let Ok(Reference { name, selector: Selector::Latest, .. }) = Reference::parse(context, text) else {
        return false;
    };
    let scope = context.scope();
    let numbers: Vec<i64> = versions(transaction, &scope, &name).map(|version| version.version).collect();
    for number in numbers {
        transaction.delete::<ParameterVersion>(&scope, &ParameterVersion::id(&name, number));
    }
    transaction.delete::<Parameter>(&scope, &name)
}
