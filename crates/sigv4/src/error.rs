//! What is wrong with a signature, and what AWS calls it in each family of protocols.

use crate::SigningTime;

/// What is wrong with how a request is signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It presents no signature.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// A part of the signature is missing or malformed.
    #[error("{0}")]
    Incomplete(String),
    /// It is signed by another mechanism than the one that is supported.
    #[error("Unsupported AWS 'algorithm': '{0}'")]
    Mechanism(String),
    /// It is signed in several places.
    #[error(
        "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified"
    )]
    Several,
    /// No such access key, or none that may be used.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// A session token that is none, or is not of the access key, or whose role or user is gone.
    #[error("The security token included in the request is invalid.")]
    BadToken,
    /// The session of the session token has ended.
    #[error("The security token included in the request is expired")]
    ExpiredToken,
    /// The account of the access key is closed.
    #[error("The security token included in the request is invalid.")]
    AccountClosed,
    /// The day of the scope is not that of the signing time.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{scope}' != '{}', from '{time}'.",
        time.date()
    )]
    DateMismatch {
        /// The day in the scope.
        scope: String,
        /// When it was signed.
        time: SigningTime,
    },
    /// The scope names a region that does not exist.
    #[error("Credential should be scoped to a valid region, not '{0}'. ")]
    BadRegion(String),
    /// It was signed too long ago.
    #[error("Signature expired: {time} is now earlier than {} ({now} - 15 min.)", now.plus_secs(-crate::CLOCK_SKEW_SECS))]
    Expired {
        /// When it was signed.
        time: SigningTime,
        /// The server's time.
        now: SigningTime,
    },
    /// It was signed in the future.
    #[error("Signature not yet current: {time} is still later than {} ({now} + 15 min.)", now.plus_secs(crate::CLOCK_SKEW_SECS))]
    NotYetCurrent {
        /// When it was signed.
        time: SigningTime,
        /// The server's time.
        now: SigningTime,
    },
    /// The presigned request is past its time.
    #[error("Signature expired: {until} is now earlier than {now}")]
    PresignedExpired {
        /// Until when it was good.
        until: SigningTime,
        /// The server's time.
        now: SigningTime,
    },
    /// A presigned request says that it is good for no time, or for too long.
    #[error("X-Amz-Expires must be between 1 and {max} seconds, not {0}", max = crate::MAX_PRESIGNED_SECS)]
    BadExpiry(u32),
    /// The host is not covered.
    #[error("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")]
    HostNotSigned,
    /// A header that S3 wants covered is not.
    #[error("There were headers present in the request which were not signed: {0}")]
    HeaderNotSigned(String),
    /// The signature is not the one that the secret gives.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'{canonical_request}'\n\nThe String-to-Sign should have been\n'{string_to_sign}'\n"
    )]
    Mismatch {
        /// The canonical request that the signature was checked against.
        canonical_request: String,
        /// The string to sign that it was checked against.
        string_to_sign: String,
    },
    /// `x-amz-content-sha256` is not the hash of the body.
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    PayloadMismatch,
    /// There is no `x-amz-content-sha256`, which S3 wants of every request that is signed in its head.
    #[error("Missing required header for this request: x-amz-content-sha256")]
    NoPayloadHash,
    /// `x-amz-content-sha256` is nothing that it can be.
    #[error(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
    )]
    BadPayloadHash(String),
    /// The body is signed in a way that is not supported.
    #[error("The x-amz-content-sha256 value {0} is not supported.")]
    UnsupportedPayload(String),
}

/// The families of services that name these errors differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// EC2's query protocol.
    Ec2,
    /// The query protocol of all others, and `restXml` except S3.
    Query,
    /// JSON 1.0, 1.1 and CBOR: everything is status 400.
    Json,
    /// REST with JSON: status 403.
    RestJson,
    /// S3.
    S3,
}

/// A code, status and message as AWS answers them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The error code.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The public message.
    pub message: String,
}

impl SignatureError {
    /// The error as services of that family answer it.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html>,
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    pub fn to_aws(&self, flavour: Flavour) -> AwsError {
        let message = self.to_string();
        let (code, status, message) = match flavour {
            Flavour::Ec2 => self.ec2(message),
            Flavour::S3 => self.s3(message),
            Flavour::Query => {
                let (code, status) = self.query();
                (code, status, message)
            }
            Flavour::Json | Flavour::RestJson => {
                let message =
                    if *self == Self::Missing { "Missing Authentication Token".to_owned() } else { message };
                (self.json(), if flavour == Flavour::Json { 400 } else { 403 }, message)
            }
        };
        AwsError { code, status, message }
    }

    fn query(&self) -> (&'static str, u16) {
        match self {
            Self::Missing => ("MissingAuthenticationToken", 403),
            Self::Incomplete(_) | Self::Mechanism(_) | Self::Several | Self::BadExpiry(_) => {
                ("IncompleteSignature", 400)
            }
            Self::UnknownKey | Self::BadToken | Self::AccountClosed => ("InvalidClientTokenId", 403),
            Self::ExpiredToken => ("ExpiredToken", 403),
            Self::DateMismatch { .. }
            | Self::BadRegion(_)
            | Self::Expired { .. }
            | Self::NotYetCurrent { .. }
            | Self::PresignedExpired { .. }
            | Self::HostNotSigned
            | Self::HeaderNotSigned(_)
            | Self::Mismatch { .. }
            | Self::PayloadMismatch
            | Self::NoPayloadHash
            | Self::BadPayloadHash(_)
            | Self::UnsupportedPayload(_) => ("SignatureDoesNotMatch", 403),
        }
    }

    fn json(&self) -> &'static str {
        match self.query().0 {
            "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
            "IncompleteSignature" => "IncompleteSignatureException",
            "InvalidClientTokenId" => "UnrecognizedClientException",
            "ExpiredToken" => "ExpiredTokenException",
            _ => "InvalidSignatureException",
        }
    }

    /// EC2 tells an unknown key, a wrong signature and a wrong clock apart only in that an expired request has a code
    /// of its own.
    fn ec2(&self, message: String) -> (&'static str, u16, String) {
        match self {
            Self::Expired { .. } | Self::PresignedExpired { .. } | Self::ExpiredToken => {
                ("RequestExpired", 400, "Request has expired.".to_owned())
            }
            Self::AccountClosed => (
                "OptInRequired",
                401,
                "You are not subscribed to this service. Please go to http://aws.amazon.com to subscribe."
                    .to_owned(),
            ),
            Self::Incomplete(_) | Self::Mechanism(_) | Self::Several | Self::BadExpiry(_) => {
                ("IncompleteSignature", 400, message)
            }
            Self::UnsupportedPayload(_) => ("UnsupportedOperation", 400, message),
            Self::Missing
            | Self::UnknownKey
            | Self::BadToken
            | Self::DateMismatch { .. }
            | Self::BadRegion(_)
            | Self::NotYetCurrent { .. }
            | Self::HostNotSigned
            | Self::HeaderNotSigned(_)
            | Self::Mismatch { .. }
            | Self::NoPayloadHash
            | Self::BadPayloadHash(_)
            | Self::PayloadMismatch => (
                "AuthFailure",
                401,
                "AWS was not able to validate the provided access credentials".to_owned(),
            ),
        }
    }

    fn s3(&self, message: String) -> (&'static str, u16, String) {
        match self {
            Self::Missing => ("AccessDenied", 403, "Access Denied".to_owned()),
            Self::Incomplete(_) | Self::BadRegion(_) => ("AuthorizationHeaderMalformed", 400, message),
            // All of AWS's own begin with its name, the retired ones too.
            Self::Mechanism(name) if name.starts_with("AWS") => (
                "InvalidRequest",
                400,
                "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256."
                    .to_owned(),
            ),
            Self::Mechanism(_) => ("InvalidArgument", 400, "Unsupported Authorization Type".to_owned()),
            Self::Several | Self::BadPayloadHash(_) => ("InvalidArgument", 400, message),
            Self::NoPayloadHash => ("InvalidRequest", 400, message),
            Self::BadExpiry(_) => ("AuthorizationQueryParametersError", 400, message),
            Self::UnknownKey => {
                ("InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our records.".to_owned())
            }
            Self::BadToken => {
                ("InvalidToken", 400, "The provided token is malformed or otherwise invalid.".to_owned())
            }
            Self::ExpiredToken => ("ExpiredToken", 400, "The provided token has expired.".to_owned()),
            Self::AccountClosed => (
                "AccountProblem",
                403,
                "There is a problem with your AWS account that prevents the operation from completing successfully."
                    .to_owned(),
            ),
            Self::Expired { .. } | Self::NotYetCurrent { .. } => (
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.".to_owned(),
            ),
            Self::PresignedExpired { .. } => ("AccessDenied", 403, "Request has expired".to_owned()),
            Self::HostNotSigned | Self::HeaderNotSigned(_) => ("AccessDenied", 403, message),
            Self::DateMismatch { .. } => ("SignatureDoesNotMatch", 403, message),
            Self::Mismatch { .. } => (
                "SignatureDoesNotMatch",
                403,
                "The request signature we calculated does not match the signature you provided. Check your key and signing method."
                    .to_owned(),
            ),
            Self::PayloadMismatch => ("XAmzContentSHA256Mismatch", 400, message),
            Self::UnsupportedPayload(_) => ("NotImplemented", 501, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_tokens_are_refused_in_the_words_of_each_family() {
        let check = |error: SignatureError, expected: [(&str, u16); 5]| {
            let flavours = [Flavour::Ec2, Flavour::Query, Flavour::Json, Flavour::RestJson, Flavour::S3];
            for (flavour, expected) in flavours.into_iter().zip(expected) {
                let found = error.to_aws(flavour);
                assert_eq!((found.code, found.status), expected, "{error:?} {flavour:?}");
            }
        };
        let expired = "ExpiredTokenException";
        check(
            SignatureError::ExpiredToken,
            [
                ("RequestExpired", 400),
                ("ExpiredToken", 403),
                (expired, 400),
                (expired, 403),
                ("ExpiredToken", 400),
            ],
        );
        let unknown = [
            ("AuthFailure", 401),
            ("InvalidClientTokenId", 403),
            ("UnrecognizedClientException", 400),
            ("UnrecognizedClientException", 403),
        ];
        let [ec2, query, json, rest] = unknown;
        check(SignatureError::BadToken, [ec2, query, json, rest, ("InvalidToken", 400)]);
        check(SignatureError::UnknownKey, [ec2, query, json, rest, ("InvalidAccessKeyId", 403)]);
        let closed = SignatureError::AccountClosed;
        check(closed, [("OptInRequired", 401), query, json, rest, ("AccountProblem", 403)]);
    }
}
