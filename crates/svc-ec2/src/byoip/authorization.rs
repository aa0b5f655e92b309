//! What proves that an address range is the account's: `CidrAuthorizationContext`.
//!
//! Owns the form of the message and of its signature. Refuses to know the registries: the certificate that a signature
//! would be checked with is in their records, which nothing here can read.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/byoip-onboard.html>

use aws_api::ec2 as api;
use ipnet::IpNet;
use service_api::{RequestContext, ServiceError};

use crate::error;

/// How many digits a date has in a message: `YYYYMMDD`.
const DATE_DIGITS: usize = 8;

fn invalid(text: &str, member: &str, why: &str) -> ServiceError {
    error::invalid_value_for(text, &format!("cidrAuthorizationContext.{member}"), why)
}

/// Checks that a message is the account's, for the range, and not expired; and that it has a signature.
///
/// # Errors
/// `MissingParameter`, `InvalidParameterValue`.
pub(super) fn check(
    context: &RequestContext,
    given: Option<&api::CidrAuthorizationContext>,
    range: IpNet,
) -> Result<(), ServiceError> {
    let given = given.ok_or_else(|| error::missing("cidrAuthorizationContext"))?;
    let message = given.message.as_str();
    let refused = |why: &str| invalid(message, "message", why);
    let [version, cloud, account, block, date, digest, scheme] = message.split('|').collect::<Vec<_>>()[..]
    else {
        return Err(refused("It has the form 1|aws|account|cidr|YYYYMMDD|SHA256|RSAPSS."));
    };
    if (version, cloud, digest, scheme) != ("1", "aws", "SHA256", "RSAPSS") {
        return Err(refused("It has the form 1|aws|account|cidr|YYYYMMDD|SHA256|RSAPSS."));
    }
    if account != context.account().to_string() {
        return Err(refused("It is for another account."));
    }
    if block.parse::<IpNet>().ok() != Some(range) {
        return Err(refused("It is for another address range."));
    }
    if date.len() != DATE_DIGITS || !date.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(refused("It has the form 1|aws|account|cidr|YYYYMMDD|SHA256|RSAPSS."));
    }
    let today: String =
        context.now.to_string().chars().filter(char::is_ascii_digit).take(DATE_DIGITS).collect();
    if date < today.as_str() {
        return Err(refused("It has expired."));
    }
    // Base64 with `-`, `_` and `~` in the places of `+`, `=` and `/`.
    let is_encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    if given.signature.is_empty() || !given.signature.bytes().all(is_encoded) {
        return Err(invalid(&given.signature, "signature", "It is not a signature in Base64 for URLs."));
    }
    Ok(())
}
