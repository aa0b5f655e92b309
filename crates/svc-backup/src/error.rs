//! The errors of the `backup` model.

use aws_model::Value;
use service_api::ServiceError;

/// A request that the model allows and the service does not.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameterValueException", message)
}

/// What cannot be done as things stand.
pub(crate) fn invalid_request(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidRequestException", message)
}

/// Something that is not there.
pub(crate) fn not_found(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ResourceNotFoundException", message)
}

/// Something that is there already.
pub(crate) fn already_exists(
    message: &str,
    arn: Option<&str>,
    creator_request_id: Option<&String>,
) -> ServiceError {
    let mut error = ServiceError::new("AlreadyExistsException", message);
    if let Some(arn) = arn {
        error.fields.push("Arn", Value::String(arn.to_owned()));
    }
    if let Some(id) = creator_request_id {
        error.fields.push("CreatorRequestId", Value::String(id.clone()));
    }
    error
}

/// One too many. The quotas are at
/// <https://docs.aws.amazon.com/aws-backup/latest/devguide/aws-backup-limits.html>.
pub(crate) fn limit_exceeded(what: &str, most: usize) -> ServiceError {
    ServiceError::new("LimitExceededException", format!("An account can have at most {most} {what}."))
}
