//! The errors of the `ram` model.

use service_api::ServiceError;

/// A request that the model allows and the service does not.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterException", message)
}

/// Something that is not there.
pub(crate) fn unknown(what: &str, name: &str) -> ServiceError {
    ServiceError::new("UnknownResourceException", format!("{what} {name} could not be found."))
}

/// A text that is not an ARN of the kind that is asked for.
pub(crate) fn malformed_arn(arn: &str) -> ServiceError {
    let message = format!("The specified resource ARN {arn} is not valid. Verify the ARN and try again.");
    ServiceError::new("MalformedArnException", message)
}

/// What cannot be done in this state, or in this cloud.
pub(crate) fn not_permitted(message: impl Into<String>) -> ServiceError {
    ServiceError::new("OperationNotPermittedException", message)
}
