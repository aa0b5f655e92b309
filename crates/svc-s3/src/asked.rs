//! What requests ask for of a new object beside its content: headers, storage class, and what is refused.

use std::collections::BTreeMap;

use bucket_rules::{RuleError, check_redirect_location};
use service_api::ServiceError;

use crate::error::{self, Failure};
use crate::rows::Headers;

/// How long metadata is together.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html>
const MOST_METADATA_BYTES: usize = 2048;
/// The class that is not named.
pub(crate) const STANDARD: &str = "STANDARD";
/// Classes that objects can be in. All are kept alike.
const CLASSES: [&str; 5] =
    [STANDARD, "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING"];
/// What clients that send chunks put before the encoding; it is none.
const CHUNKED: &str = "aws-chunked";

/// The headers of a request.
macro_rules! headers {
    ($from:expr) => {
        $crate::rows::Headers {
            cache_control: $from.cache_control.clone(),
            content_disposition: $from.content_disposition.clone(),
            content_encoding: $from.content_encoding.clone(),
            content_language: $from.content_language.clone(),
            content_type: $from.content_type.clone(),
            expires: $from.expires.clone(),
            website_redirect_location: $from.website_redirect_location.clone(),
            metadata: $from.metadata.clone().unwrap_or_default(),
        }
    };
}

pub(crate) use headers;

/// Looks at headers, and takes out of the encoding what is of the way alone.
///
/// # Errors
/// `MetadataTooLarge`, `InvalidRedirectLocation`.
pub(crate) fn checked(mut headers: Headers) -> Result<Headers, Failure> {
    let size: usize = headers.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MOST_METADATA_BYTES {
        let message = "Your metadata headers exceed the maximum allowed metadata size";
        let error = error::error(400, "MetadataTooLarge", message).with_field("Size", size.to_string());
        return Err(error.with_field("MaxSizeAllowed", MOST_METADATA_BYTES.to_string()).into());
    }
    if let Some(to) = &headers.website_redirect_location {
        check_redirect_location(to)?;
    }
    let encoding = headers.content_encoding.take();
    headers.content_encoding = encoding.and_then(|encoding| {
        let kept = encoding.split(',').map(str::trim).filter(|one| !one.is_empty() && *one != CHUNKED);
        let kept: Vec<&str> = kept.collect();
        (!kept.is_empty()).then(|| kept.join(", "))
    });
    // Names of headers have no case.
    let metadata = std::mem::take(&mut headers.metadata);
    headers.metadata = metadata
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect::<BTreeMap<_, _>>();
    Ok(headers)
}

/// The class that an object is kept in, where it is not the standard one.
///
/// # Errors
/// `InvalidStorageClass`, `NotImplemented` for those whose objects have to be restored first.
pub(crate) fn storage_class(asked: Option<&str>) -> Result<Option<String>, ServiceError> {
    match asked {
        None | Some(STANDARD) => Ok(None),
        Some(class) if CLASSES.contains(&class) => Ok(Some(class.to_owned())),
        Some(
            class @ ("GLACIER" | "DEEP_ARCHIVE" | "GLACIER_IR" | "OUTPOSTS" | "SNOW" | "EXPRESS_ONEZONE"),
        ) => Err(error::not_implemented(&format!("the storage class {class}"))),
        Some(class) => Err(error::of_rule(&RuleError::StorageClass(class.to_owned()))),
    }
}
