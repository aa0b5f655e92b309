//! How each family of services says that a request does not come to its service.

use aws_model::Model;
use service_api::{RESOURCES_MAX, ServiceError, TAGS_MAX, TooMany};
use sigv4::Flavour;

use crate::authenticate::flavour;
use crate::{Denied, Refused};

impl Refused {
    /// The error that a service answers with when a request to it is not carried out, as its preferred protocol has it: for
    /// services that ask another one on behalf of whoever asked them.
    pub fn error(self, model: &Model) -> ServiceError {
        let metadata = &model.metadata;
        let protocol = metadata.protocols.first().copied().unwrap_or(aws_model::WireProtocol::AwsJson);
        error(self, flavour(metadata.signing_name, protocol))
    }
}

/// The error of a request that is not carried out.
pub(crate) fn error(refused: Refused, flavour: Flavour) -> ServiceError {
    match refused {
        Refused::Denied(denied) => denial(denied, flavour),
        Refused::TooMany(too_many) => invalid(too_many, flavour),
    }
}

/// The error of a denial.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
fn denial(denied: Denied, flavour: Flavour) -> ServiceError {
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

/// The error of a request that is too large to be decided. S3 says of a document that has too many of something no more than that
/// it is none: nothing but what is named in documents can be so many.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
fn invalid(too_many: TooMany, flavour: Flavour) -> ServiceError {
    let message = match too_many {
        _ if flavour == Flavour::S3 => {
            "The XML you provided was not well-formed or did not validate against our published schema"
                .to_owned()
        }
        TooMany::Resources => format!("The request can name at most {RESOURCES_MAX} resources"),
        TooMany::Tags => format!("The request can name at most {TAGS_MAX} tags"),
    };
    let code = match flavour {
        Flavour::Ec2 => "InvalidParameterValue",
        Flavour::S3 => "MalformedXML",
        Flavour::Query => "ValidationError",
        Flavour::Json | Flavour::RestJson => "ValidationException",
    };
    ServiceError::new(code, message).with_status(400)
}
