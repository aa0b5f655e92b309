//! What S3 refuses, in the words that AWS has for it.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>

use std::borrow::Cow;

/// The elements that several wrong values stand in. Of more than there are names here the first are told.
const NUMBERED: [(&str, &str); 5] = [
    ("ArgumentName1", "ArgumentValue1"),
    ("ArgumentName2", "ArgumentValue2"),
    ("ArgumentName3", "ArgumentValue3"),
    ("ArgumentName4", "ArgumentValue4"),
    ("ArgumentName5", "ArgumentValue5"),
];

/// A text of AWS's.
pub(crate) type Message = Cow<'static, str>;

/// A name, a header or a configuration that S3 refuses. Its text is AWS's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A document that does not have the form of its kind.
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedXml,
    /// An access control list that does not have its form.
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedAcl,
    /// A document that is longer than its kind can be.
    #[error("Your request was too large.")]
    TooLong,
    /// A value that is not one of its kind.
    #[error("{message}")]
    Argument {
        /// What is wrong with it.
        message: Message,
        /// Which header, parameter or element it is.
        name: Message,
        /// The value, where AWS repeats it.
        value: Option<String>,
    },
    /// Values that do not go together.
    #[error("{0}")]
    Request(Message),
    /// A request that has a part which S3 asks for in another way.
    #[error("{0}")]
    BadRequest(Message),
    /// A tag that cannot be one.
    #[error("{message}")]
    Tag {
        /// What is wrong with it.
        message: Message,
        /// Its key.
        key: String,
        /// Its value, where it is that which is wrong.
        value: Option<String>,
    },
    /// A name that no bucket can have.
    #[error("The specified bucket is not valid.")]
    BucketName(String),
    /// A key that is too long.
    #[error("Your key is too long")]
    KeyTooLong {
        /// Its bytes.
        size_bytes: usize,
    },
    /// A bucket policy that says what none can.
    #[error("{0}")]
    Policy(Message),
    /// An access control list where the owner of the bucket owns everything in it.
    #[error("The bucket does not allow ACLs")]
    AclNotSupported,
    /// An access control list that gives somebody something, with a setting that has no place for such lists.
    #[error("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting")]
    AclWithOwnership,
    /// A public access control list with a new bucket, which has block public access.
    #[error("Bucket cannot have public ACLs set with BlockPublicAccess enabled")]
    AclWithBlock,
    /// A grantee named by an address of electronic mail, which S3 has given up.
    #[error("The specified method is not allowed against this resource.")]
    EmailGrantee,
    /// Block public access stands against it.
    #[error("Access Denied")]
    AccessDenied,
    /// Object lock stands against it.
    #[error("Access Denied because object protected by object lock.")]
    Locked,
    /// A bucket in a state that does not go with the request.
    #[error("{0}")]
    BucketState(Message),
    /// A storage class that Brume does not have, or nobody has.
    #[error("The storage class you specified is not valid")]
    StorageClass(String),
    /// A way of encryption that there is not.
    #[error("The Encryption request you specified is not valid. Supported value: AES256.")]
    EncryptionAlgorithm(String),
    /// A place that a request for an object cannot be sent on to.
    #[error("The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")]
    RedirectLocation,
    /// A range that lies behind the end of the object.
    #[error("The requested range is not satisfiable")]
    Range {
        /// The header.
        requested: String,
        /// The bytes of the object.
        size_bytes: u64,
    },
    /// A condition of the request that does not hold.
    #[error("At least one of the pre-conditions you specified did not hold")]
    Precondition(&'static str),
    /// A header with a value that the operation does not know what to do with.
    #[error("A header you provided implies functionality that is not implemented")]
    HeaderNotImplemented {
        /// The header, or several with commas between them.
        header: &'static str,
        /// What of it.
        additional: Message,
    },
    /// A request from another origin that the bucket's rules do not let pass.
    #[error("CORSResponse: {message}")]
    CorsForbidden {
        /// Why.
        message: &'static str,
        /// The method that the request asks for.
        method: String,
        /// `BUCKET` or `OBJECT`.
        resource_type: &'static str,
    },
    /// Destinations of notifications that cannot be told anything: their ARNs, each with the reason.
    #[error("Unable to validate the following destination configurations")]
    Destinations(Vec<(String, String)>),
    /// A bucket for logs that cannot be one.
    #[error("{message}")]
    LoggingTarget {
        /// Why.
        message: Message,
        /// Its name.
        bucket: String,
    },
}

impl RuleError {
    /// A value that is not one of its kind.
    pub(crate) fn argument(
        message: impl Into<Message>,
        name: impl Into<Message>,
        value: impl Into<String>,
    ) -> Self {
        Self::Argument { message: message.into(), name: name.into(), value: Some(value.into()) }
    }

    /// The same where AWS does not repeat the value.
    pub(crate) fn argument_alone(message: impl Into<Message>, name: impl Into<Message>) -> Self {
        Self::Argument { message: message.into(), name: name.into(), value: None }
    }

    /// AWS's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MalformedXml => "MalformedXML",
            Self::MalformedAcl => "MalformedACLError",
            Self::TooLong => "MaxMessageLengthExceeded",
            Self::Argument { .. } | Self::Destinations(_) => "InvalidArgument",
            Self::Request(_) => "InvalidRequest",
            Self::BadRequest(_) => "BadRequest",
            Self::Tag { .. } => "InvalidTag",
            Self::BucketName(_) => "InvalidBucketName",
            Self::KeyTooLong { .. } => "KeyTooLongError",
            Self::Policy(_) => "MalformedPolicy",
            Self::AclNotSupported => "AccessControlListNotSupported",
            Self::AclWithOwnership => "InvalidBucketAclWithObjectOwnership",
            Self::AclWithBlock => "InvalidBucketAclWithBlockPublicAccessError",
            Self::EmailGrantee => "MethodNotAllowed",
            Self::AccessDenied | Self::Locked => "AccessDenied",
            Self::BucketState(_) => "InvalidBucketState",
            Self::StorageClass(_) => "InvalidStorageClass",
            Self::EncryptionAlgorithm(_) => "InvalidEncryptionAlgorithmError",
            Self::RedirectLocation => "InvalidRedirectLocation",
            Self::Range { .. } => "InvalidRange",
            Self::Precondition(_) => "PreconditionFailed",
            Self::HeaderNotImplemented { .. } => "NotImplemented",
            Self::CorsForbidden { .. } => "AccessForbidden",
            Self::LoggingTarget { .. } => "InvalidTargetBucketForLogging",
        }
    }

    /// The HTTP status that AWS's page of errors gives for the code. The model of S3 does not have most of them.
    pub fn status(&self) -> u16 {
        match self {
            Self::AccessDenied | Self::Locked | Self::CorsForbidden { .. } => 403,
            Self::EmailGrantee => 405,
            Self::BucketState(_) => 409,
            Self::Precondition(_) => 412,
            Self::Range { .. } => 416,
            Self::HeaderNotImplemented { .. } => 501,
            _ => 400,
        }
    }

    /// The elements that stand beside code and message in the body, in their order.
    pub fn details(&self) -> Vec<(&'static str, String)> {
        let named = |name: &'static str, value: &str| (name, value.to_owned());
        match self {
            Self::Argument { name, value, .. } => {
                let name = named("ArgumentName", name);
                let value = value.iter().map(|value| named("ArgumentValue", value));
                [name].into_iter().chain(value).collect()
            }
            Self::Tag { key, value, .. } => {
                let value = value.iter().map(|value| named("TagValue", value));
                [named("TagKey", key)].into_iter().chain(value).collect()
            }
            Self::BucketName(name) => vec![named("BucketName", name)],
            Self::KeyTooLong { size_bytes } => vec![
                named("Size", &size_bytes.to_string()),
                named("MaxSizeAllowed", &crate::object_key::KEY_BYTES_MAX.to_string()),
            ],
            Self::StorageClass(class) => vec![named("StorageClassRequested", class)],
            Self::EncryptionAlgorithm(algorithm) => {
                vec![named("ArgumentName", "x-amz-server-side-encryption"), named("ArgumentValue", algorithm)]
            }
            Self::Range { requested, size_bytes } => {
                vec![named("RangeRequested", requested), named("ActualObjectSize", &size_bytes.to_string())]
            }
            Self::Precondition(condition) => vec![named("Condition", condition)],
            Self::HeaderNotImplemented { header, additional } => {
                vec![named("Header", header), named("additionalMessage", additional)]
            }
            Self::CorsForbidden { method, resource_type, .. } => {
                vec![named("Method", method), named("ResourceType", resource_type)]
            }
            Self::Destinations(refused) => {
                let numbered = refused.iter().zip(NUMBERED);
                numbered
                    .flat_map(|((arn, reason), (name, value))| [named(name, arn), named(value, reason)])
                    .collect()
            }
            Self::LoggingTarget { bucket, .. } => vec![named("TargetBucket", bucket)],
            Self::MalformedXml
            | Self::MalformedAcl
            | Self::TooLong
            | Self::Request(_)
            | Self::BadRequest(_)
            | Self::Policy(_)
            | Self::AclNotSupported
            | Self::AclWithOwnership
            | Self::AclWithBlock
            | Self::EmailGrantee
            | Self::RedirectLocation
            | Self::AccessDenied
            | Self::Locked
            | Self::BucketState(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_aws_code_status_and_elements() {
        let missing = "The destination queue does not exist".to_owned();
        let two = RuleError::Destinations(vec![
            ("arn:1".into(), missing.clone()),
            ("arn:2".into(), missing.clone()),
        ]);
        for (error, code, status, details) in [
            (
                RuleError::argument("Invalid id", "CanonicalUser/ID", "wrong-id"),
                "InvalidArgument",
                400,
                vec![("ArgumentName", "CanonicalUser/ID"), ("ArgumentValue", "wrong-id")],
            ),
            (
                RuleError::KeyTooLong { size_bytes: 1_025 },
                "KeyTooLongError",
                400,
                vec![("Size", "1025"), ("MaxSizeAllowed", "1024")],
            ),
            (RuleError::Precondition("If-Match"), "PreconditionFailed", 412, vec![("Condition", "If-Match")]),
            (RuleError::Locked, "AccessDenied", 403, vec![]),
            (RuleError::EmailGrantee, "MethodNotAllowed", 405, vec![]),
            (
                two,
                "InvalidArgument",
                400,
                vec![
                    ("ArgumentName1", "arn:1"),
                    ("ArgumentValue1", &missing),
                    ("ArgumentName2", "arn:2"),
                    ("ArgumentValue2", &missing),
                ],
            ),
        ] {
            assert_eq!((error.code(), error.status()), (code, status), "{error:?}");
            let had = error.details();
            let had: Vec<(&str, &str)> = had.iter().map(|(name, value)| (*name, value.as_str())).collect();
            assert_eq!(had, details);
        }
    }
}
