//! The headers `Range` and `x-amz-copy-source-range`.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-14>
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>

use std::ops::Range;

use crate::RuleError;

/// Bytes of an object, both ends included. The first is not behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl ByteRange {
    /// The range from one place to before another; `None` if nothing is between them.
    pub fn between(bounds: &Range<u64>) -> Option<Self> {
        (!bounds.is_empty()).then(|| Self { first: bounds.start, last: bounds.end - 1 })
    }

    /// The same as places, the end not included.
    pub fn bounds(self) -> Range<u64> {
        self.first..self.last + 1
    }

    /// The header `Content-Range` of an object with so many bytes.
    pub fn content_range(self, size_bytes: u64) -> String {
        format!("bytes {}-{}/{size_bytes}", self.first, self.last)
    }

    /// What of an object `Range` asks for. `None` is the whole: S3 sends that, with status 200, for several ranges and for what
    /// is not a range.
    ///
    /// # Errors
    /// [`RuleError::Range`] if it begins behind the end, or asks for the last no bytes.
    pub fn of_header(header: &str, size_bytes: u64) -> Result<Option<Self>, RuleError> {
        let unsatisfiable = || Err(RuleError::Range { requested: header.to_owned(), size_bytes });
        let Some((first, last)) = header.strip_prefix("bytes=").and_then(|rest| rest.split_once('-')) else {
            return Ok(None);
        };
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => {
                if first >= size_bytes {
                    return unsatisfiable();
                }
                Ok(Some(Self { first, last: last.min(size_bytes - 1) }))
            }
            (Some(first), None) if last.is_empty() => {
                if first >= size_bytes {
                    return unsatisfiable();
                }
                Ok(Some(Self { first, last: size_bytes - 1 }))
            }
            (None, Some(suffix)) if first.is_empty() => {
                if suffix == 0 || size_bytes == 0 {
                    return unsatisfiable();
                }
                Ok(Some(Self { first: size_bytes.saturating_sub(suffix), last: size_bytes - 1 }))
            }
            _ => Ok(None),
        }
    }

    /// What of its source a part is copied from. Both ends have to be there, and to lie in the source.
    ///
    /// # Errors
    /// [`RuleError::Argument`] if it does not have the form or ends behind the source; [`RuleError::Request`] if it begins there.
    pub fn of_copy_source(header: &str, size_bytes: u64) -> Result<Self, RuleError> {
        const NAME: &str = "x-amz-copy-source-range";
        let ends = header.strip_prefix("bytes=").and_then(|rest| rest.split_once('-'));
        let ends = ends.and_then(|(first, last)| Some((number(first)?, number(last)?)));
        let Some((first, last)) = ends.filter(|(first, last)| first <= last) else {
            let message = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
                zero-based offsets of the first and last bytes to copy";
            return Err(RuleError::argument(message, NAME, header));
        };
        if first >= size_bytes {
            let message = "The specified copy range is invalid for the source object size";
            return Err(RuleError::Request(message.into()));
        }
        if last >= size_bytes {
            let message = format!("Range specified is not valid for source object of size: {size_bytes}");
            return Err(RuleError::argument(message, NAME, header));
        }
        Ok(Self { first, last })
    }
}

/// Digits alone. A number that is greater than any size is the greatest.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As AWS answers for an object of ten bytes.
    #[test]
    fn the_header_range() {
        for (header, expected) in [
            ("bytes=0-8", Some((0, 8))),
            ("bytes=1-1", Some((1, 1))),
            ("bytes=1-", Some((1, 9))),
            ("bytes=-2", Some((8, 9))),
            ("bytes=-15", Some((0, 9))),
            ("bytes=0-100", Some((0, 9))),
            ("bytes=9-99999999999999999999999", Some((9, 9))),
            ("bytes=1-0", None),
            ("bytes=-1-", None),
            ("bytes=0--1", None),
            ("bytes=0-1,3-4,7-9", None),
            ("0-1", None),
            ("bytes=-", None),
            ("bytes=+1-2", None),
            ("items=0-1", None),
        ] {
            let range = ByteRange::of_header(header, 10).unwrap();
            assert_eq!(range.map(|range| (range.first, range.last)), expected, "{header}");
        }
        for header in ["bytes=-0", "bytes=100-200", "bytes=10-", "bytes=99999999999999999999-"] {
            let error = ByteRange::of_header(header, 10).unwrap_err();
            assert_eq!(error, RuleError::Range { requested: header.into(), size_bytes: 10 });
        }
        for header in ["bytes=0-", "bytes=-1", "bytes=40-50"] {
            assert_eq!(ByteRange::of_header(header, 0).unwrap_err().status(), 416, "{header}");
        }
        let range = ByteRange { first: 4, last: 7 };
        assert_eq!((range.content_range(11).as_str(), range.bounds()), ("bytes 4-7/11", 4..8));
        assert_eq!((ByteRange::between(&(4..8)), ByteRange::between(&(4..4))), (Some(range), None));
    }

    #[test]
    fn the_range_of_a_copy() {
        assert_eq!(ByteRange::of_copy_source("bytes=0-9", 10), Ok(ByteRange { first: 0, last: 9 }));
        for (header, code, message) in [
            ("0-8", "InvalidArgument", "The x-amz-copy-source-range value"),
            ("bytes=-", "InvalidArgument", "The x-amz-copy-source-range value"),
            ("bytes=-2", "InvalidArgument", "The x-amz-copy-source-range value"),
            ("bytes=1-", "InvalidArgument", "The x-amz-copy-source-range value"),
            ("bytes=1-0", "InvalidArgument", "The x-amz-copy-source-range value"),
            ("bytes=0-1,3-4,7-9", "InvalidArgument", "The x-amz-copy-source-range value"),
            ("bytes=0-100", "InvalidArgument", "Range specified is not valid for source object of size: 10"),
            ("bytes=100-200", "InvalidRequest", "The specified copy range is invalid"),
        ] {
            let error = ByteRange::of_copy_source(header, 10).unwrap_err();
            assert_eq!(error.code(), code, "{header}");
            assert!(error.to_string().starts_with(message), "{header}: {error}");
        }
    }
}
