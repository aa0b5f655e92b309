//! How each family of services says that a request may not be made.

use service_api::ServiceError;
use sigv4::Flavour;

use crate::Denied;

/// The error of a denial.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
pub(crate) fn error(denied: Denied, flavour: Flavour) -> ServiceError {
    let Denied { message, encoded } = denied;
    match flavour {
        Flavour::Ec2 => {
            let message = format!(
                "You are not authorized to perform this operation. {message}. Encoded authorization failure message: {encoded}"
            );
            ServiceError::new("UnauthorizedOperation", message).with_status(403)
        }
        Flavour::Query | Flavour::S3 => ServiceError::new("AccessDenied", message).with_status(403),
        Flavour::Json => ServiceError::new("AccessDeniedException", message).with_status(400),
        Flavour::RestJson => ServiceError::new("AccessDeniedException", message).with_status(403),
    }
}
