//! Autonomous system numbers as requests have them.
//!
//! Owns which numbers the two ends of a BGP session can have. Refuses to know gateways.

use service_api::ServiceError;

use crate::error;

/// The number of Amazon's end where a request names none.
const AMAZON_SIDE_DEFAULT: i64 = 64_512;

/// The number of Amazon's end, which is a private one. <https://www.rfc-editor.org/rfc/rfc6996>
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn amazon_side(wanted: Option<i64>) -> Result<i64, ServiceError> {
    let wanted = wanted.unwrap_or(AMAZON_SIDE_DEFAULT);
    if matches!(wanted, 64_512..=65_534 | 4_200_000_000..=4_294_967_294) {
        return Ok(wanted);
    }
    let why = "It must be between 64512 and 65534 or between 4200000000 and 4294967294.";
    Err(error::invalid_value_for(wanted, "amazonSideAsn", why))
}

/// The number of the customer's end: any but the last one of each size, which is reserved.
/// <https://www.rfc-editor.org/rfc/rfc7300>
///
/// # Errors
/// `InvalidParameterValue`.
pub(crate) fn customer_side(wanted: i64, parameter: &str) -> Result<u32, ServiceError> {
    let valid = u32::try_from(wanted).ok().filter(|asn| ![0, 65535, u32::MAX].contains(asn));
    valid.ok_or_else(|| error::invalid_value_for(wanted, parameter, "This is not a valid ASN."))
}
