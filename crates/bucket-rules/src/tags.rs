//! Tags of buckets and of objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketTagging.html>

use aws_types::{Tag, Tags};
use percent_encoding::percent_decode_str;

use crate::RuleError;

/// What is tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tagged {
    /// A bucket, or a bucket that is made with tags.
    Bucket,
    /// A version of an object.
    Object,
}

/// Tags of a bucket.
pub const BUCKET_TAGS_MAX: usize = 50;
/// Tags of a version of an object.
pub const OBJECT_TAGS_MAX: usize = 10;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

impl Tagged {
    /// Reads a set of tags.
    ///
    /// # Errors
    /// [`RuleError::Tag`] for a key or value that cannot be one, or a key that is there twice; [`RuleError::BadRequest`] if
    /// there are too many.
    pub fn tags(self, given: impl IntoIterator<Item = Tag>) -> Result<Tags, RuleError> {
        let mut tags = Tags::default();
        for tag in given {
            self.check(&tag)?;
            if tags.get(&tag.key).is_some() {
                let message = "Cannot provide multiple Tags with the same key".into();
                return Err(RuleError::Tag { message, key: tag.key, value: None });
            }
            tags.set(tag);
        }
        match self {
            Self::Bucket if tags.len() > BUCKET_TAGS_MAX => {
                Err(RuleError::BadRequest("Bucket tag count cannot be greater than 50".into()))
            }
            Self::Object if tags.len() > OBJECT_TAGS_MAX => {
                Err(RuleError::BadRequest("Object tags cannot be greater than 10".into()))
            }
            Self::Bucket | Self::Object => Ok(tags),
        }
    }

    fn check(self, tag: &Tag) -> Result<(), RuleError> {
        let refused = |message: &'static str, value: Option<&String>| {
            Err(RuleError::Tag { message: message.into(), key: tag.key.clone(), value: value.cloned() })
        };
        if tag.key.starts_with("aws:") {
            return match self {
                Self::Bucket => refused("System tags cannot be added/updated by requester", None),
                Self::Object => refused("Your TagKey cannot be prefixed with aws:", None),
            };
        }
        let key_chars = tag.key.chars().count();
        if key_chars == 0 || key_chars > KEY_CHARS_MAX || !tag.key.chars().all(is_allowed) {
            return refused("The TagKey you have provided is invalid", None);
        }
        if tag.value.chars().count() > VALUE_CHARS_MAX || !tag.value.chars().all(is_allowed) {
            return refused("The TagValue you have provided is invalid", Some(&tag.value));
        }
        Ok(())
    }
}

/// Letters, digits and spaces of all scripts, and these.
fn is_allowed(character: char) -> bool {
    character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character)
}

/// Reads the header `x-amz-tagging`: `key=value` pairs as in a query string.
///
/// # Errors
/// [`RuleError::Argument`] if it does not have the form or a key twice, and as [`Tagged::tags`].
pub fn tags_of_header(header: &str) -> Result<Tags, RuleError> {
    let refused = || {
        let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag \
            name duplicates.";
        RuleError::argument(message, "x-amz-tagging", header)
    };
    let decoded = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8().map(|text| text.into_owned()).map_err(|_| refused())
    };
    let mut given: Vec<Tag> = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        if value.contains('=') {
            return Err(refused());
        }
        let tag = Tag { key: decoded(key)?, value: decoded(value)? };
        if given.iter().any(|had| had.key == tag.key) {
            return Err(refused());
        }
        given.push(tag);
    }
    Tagged::Object.tags(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.into(), value: value.into() }
    }

    #[test]
    fn sets_of_tags() {
        use Tagged::{Bucket, Object};
        let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
        for (tagged, tags, message) in [
            (Object, vec![tag("a", "1"), tag("a", "2")], "Cannot provide multiple Tags with the same key"),
            (Bucket, vec![tag("aws:x", "1")], "System tags cannot be added/updated by requester"),
            (Object, vec![tag("aws:x", "1")], "Your TagKey cannot be prefixed with aws:"),
            (Object, vec![tag("", "1")], "The TagKey you have provided is invalid"),
            (Object, vec![tag("a,b", "1")], "The TagKey you have provided is invalid"),
            (Object, vec![tag(&long_key, "1")], "The TagKey you have provided is invalid"),
            (Bucket, vec![tag("a", "b,c")], "The TagValue you have provided is invalid"),
            (Bucket, vec![tag("a", &long_value)], "The TagValue you have provided is invalid"),
        ] {
            let error = tagged.tags(tags).unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), ("InvalidTag", message));
        }
        let many = |count: usize| (0..count).map(|number| tag(&format!("key {number}"), "Wert_.:/=+-@ß"));
        for (tagged, most) in [(Object, 10), (Bucket, 50)] {
            assert_eq!(tagged.tags(many(most)).unwrap().len(), most);
            assert_eq!(tagged.tags(many(most + 1)).unwrap_err().code(), "BadRequest");
        }
        let longest = tag(&"é".repeat(128), &"é".repeat(256));
        assert_eq!(Object.tags([longest]).unwrap().len(), 1);
    }

    #[test]
    fn the_header() {
        for (header, expected) in [
            ("", Some(vec![])),
            ("a=1", Some(vec![("a", "1")])),
            ("a=1&b=2", Some(vec![("a", "1"), ("b", "2")])),
            ("a=", Some(vec![("a", "")])),
            ("a", Some(vec![("a", "")])),
            ("a%20b=c+d%2F", Some(vec![("a b", "c d/")])),
            ("a=1&a=2", None),
            ("a=1,b=2", None),
            ("a=%FF", None),
        ] {
            let tags = tags_of_header(header);
            match expected {
                Some(expected) => {
                    assert_eq!(tags.unwrap().iter().collect::<Vec<_>>(), expected, "{header}");
                }
                None => assert_eq!(tags.unwrap_err().code(), "InvalidArgument", "{header}"),
            }
        }
        assert_eq!(tags_of_header("a,b=1").unwrap_err().code(), "InvalidTag");
        let eleven: Vec<String> = (0..11).map(|number| format!("k{number}=v")).collect();
        assert_eq!(tags_of_header(&eleven.join("&")).unwrap_err().code(), "BadRequest");
    }
}
