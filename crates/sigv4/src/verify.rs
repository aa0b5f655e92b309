//! Checking a presented signature.

use crate::chunk::is_signature;
use crate::sign::{signature, string_to_sign};
use crate::{Payload, Place, Presented, Request, SignatureError, SigningTime, UriRules};

/// How far the signing time may be from the server's clock, in seconds.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>
pub const CLOCK_SKEW_SECS: i64 = 15 * 60;

/// How long a presigned request may be good for, in seconds: seven days.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html>
pub const MAX_PRESIGNED_SECS: u32 = 7 * 24 * 3600;

/// Checks that the holder of `secret` signed the request, with this payload, at about `now`.
///
/// # Errors
/// What is wrong, in the order that AWS looks at it: the form, the time, the signature.
pub fn verify(
    presented: &Presented,
    request: &Request<'_>,
    payload: &Payload,
    rules: UriRules,
    secret: &str,
    now: SigningTime,
) -> Result<(), SignatureError> {
    check_covered(presented, request, rules)?;
    check_time(presented, now)?;
    let canonical_request = request.canonical(rules, &presented.signed_headers, payload);
    let string_to_sign = string_to_sign(&canonical_request, &presented.scope, presented.time);
    let expected = signature(secret, &presented.scope, &string_to_sign);
    if is_signature(&expected, presented.signature.as_bytes()) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch { canonical_request, string_to_sign })
    }
}

/// The host has to be covered, and for S3 every header that means something to AWS.
fn check_covered(
    presented: &Presented,
    request: &Request<'_>,
    rules: UriRules,
) -> Result<(), SignatureError> {
    let is_signed = |name: &str| presented.signed_headers.iter().any(|signed| signed == name);
    if !is_signed("host") && !is_signed(":authority") {
        return Err(SignatureError::HostNotSigned);
    }
    if rules == UriRules::S3 {
        let unsigned =
            request.headers.iter().find(|(name, _)| name.starts_with("x-amz-") && !is_signed(name));
        if let Some((name, _)) = unsigned {
            return Err(SignatureError::HeaderNotSigned((*name).to_owned()));
        }
    }
    Ok(())
}

pub(crate) fn check_time(presented: &Presented, now: SigningTime) -> Result<(), SignatureError> {
    let time = presented.time;
    if presented.scope.date != time.date() {
        return Err(SignatureError::DateMismatch { scope: presented.scope.date.clone(), time });
    }
    if time > now.plus_secs(CLOCK_SKEW_SECS) {
        return Err(SignatureError::NotYetCurrent { time, now });
    }
    match presented.place {
        Place::Header if time < now.plus_secs(-CLOCK_SKEW_SECS) => Err(SignatureError::Expired { time, now }),
        Place::Query { expires_secs } if expires_secs > MAX_PRESIGNED_SECS || expires_secs == 0 => {
            Err(SignatureError::BadExpiry(expires_secs))
        }
        Place::Query { expires_secs } if time.plus_secs(i64::from(expires_secs)) < now => {
            Err(SignatureError::PresignedExpired { until: time.plus_secs(i64::from(expires_secs)), now })
        }
        // The derived key is good for as long as a presigned request can be.
        Place::Form if time.plus_secs(i64::from(MAX_PRESIGNED_SECS)) < now => {
            Err(SignatureError::PresignedExpired {
                until: time.plus_secs(i64::from(MAX_PRESIGNED_SECS)),
                now,
            })
        }
        Place::Header | Place::Query { .. } | Place::Form => Ok(()),
    }
}
