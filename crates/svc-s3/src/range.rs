//! Ranges of contents.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>

use std::ops::Range;

use service_api::ServiceError;

use crate::error::{self, Failure};
use crate::rows::PartList;

/// What of a content is wanted. `None`: all of it. What is no range is no wish, as RFC 9110 has it, and so are several ranges.
///
/// # Errors
/// `InvalidRange`: nothing of the content is in it.
pub(crate) fn of_header(text: &str, length: u64) -> Result<Option<Range<u64>>, ServiceError> {
    let Some((first, last)) = text.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(length),
        (Some(first), None) if last.trim().is_empty() => first..length,
        (None, Some(count)) if first.trim().is_empty() => length.saturating_sub(count)..length,
        _ => return Ok(None),
    };
    if range.is_empty() { Err(unsatisfiable(text, length)) } else { Ok(Some(range)) }
}

fn unsatisfiable(text: &str, length: u64) -> ServiceError {
    let error = error::error(416, "InvalidRange", "The requested range is not satisfiable");
    error::with(error::with(error, "RangeRequested", text), "ActualObjectSize", length.to_string())
}

/// The range of the source of a part: it has to be one, and all of it to be there.
///
/// # Errors
/// `InvalidArgument`, `InvalidRange`.
pub(crate) fn of_source(text: &str, length: u64) -> Result<Range<u64>, ServiceError> {
    let bounds = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    let bounds = bounds.and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let Some((first, last)) = bounds.filter(|(first, last): &(u64, u64)| first <= last) else {
        let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
                       zero-based offsets of the first and last bytes to copy";
        return Err(error::invalid_argument(message, "x-amz-copy-source-range", text));
    };
    if last >= length {
        let message = format!("Range specified is not valid for source object of size: {length}");
        return Err(error::invalid_argument(message, "x-amz-copy-source-range", text));
    }
    Ok(first..last + 1)
}

/// Where the part of a number is in an object. What was uploaded whole is part 1.
///
/// # Errors
/// `InvalidPartNumber`.
pub(crate) fn of_part(number: i32, length: u64, parts: Option<&PartList>) -> Result<Range<u64>, Failure> {
    let missing = || {
        let error = error::error(416, "InvalidPartNumber", "The requested partnumber is not satisfiable");
        error::with(error, "PartNumberRequested", number.to_string())
    };
    let Some(list) = parts else {
        return if number == 1 { Ok(0..length) } else { Err(missing().into()) };
    };
    let mut start = 0;
    for part in &list.parts {
        if i64::from(part.number) == i64::from(number) {
            return Ok(start..start + part.size_bytes);
        }
        start += part.size_bytes;
    }
    Err(missing().into())
}

/// The header of an answer.
pub(crate) fn shown(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_rfc_9110_has_them() {
        let check = |text: &str, expected: Option<Range<u64>>| {
            assert_eq!(of_header(text, 10).unwrap(), expected, "{text}");
        };
        check("bytes=0-3", Some(0..4));
        check("bytes=5-", Some(5..10));
        check("bytes=5-99", Some(5..10));
        check("bytes=-3", Some(7..10));
        check("bytes=-30", Some(0..10));
        for none in ["bytes=3-2", "bytes=a-b", "bytes=", "0-3", "bytes=0-1,3-4", "items=0-3", "bytes=-"] {
            check(none, None);
        }
        for (text, length) in [("bytes=10-", 10), ("bytes=10-12", 10), ("bytes=-0", 10), ("bytes=0-", 0)] {
            assert_eq!(of_header(text, length).unwrap_err().code, "InvalidRange", "{text}");
        }
        assert_eq!(of_source("bytes=2-9", 10).unwrap(), 2..10);
        for text in ["bytes=2-10", "bytes=2-", "bytes=9-2", "2-3"] {
            assert_eq!(of_source(text, 10).unwrap_err().code, "InvalidArgument", "{text}");
        }
    }
}
