//! Conditional requests: of reads, of copies' sources, and of writes.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use aws_types::Timestamp;
use service_api::ServiceError;

use crate::error;
use crate::versions::Found;

/// The conditions of a read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Conditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// What does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    /// A condition that the object is the one that is meant.
    Precondition(&'static str),
    /// A condition that the object is another than the one that is known.
    NotModified,
}

impl Conditions<'_> {
    /// Looks at an object. A match of tags has precedence over times, as in RFC 9110, section 13.2.2.
    pub(crate) fn check(&self, e_tag: &str, modified: Timestamp) -> Result<(), Fails> {
        let modified = modified.unix_secs();
        match (self.if_match, self.if_unmodified_since) {
            (Some(tags), _) if !names(tags, e_tag) => return Err(Fails::Precondition("If-Match")),
            (None, Some(time)) if modified > time.unix_secs() => {
                return Err(Fails::Precondition("If-Unmodified-Since"));
            }
            _ => {}
        }
        match (self.if_none_match, self.if_modified_since) {
            (Some(tags), _) if names(tags, e_tag) => Err(Fails::NotModified),
            (None, Some(time)) if modified <= time.unix_secs() => Err(Fails::NotModified),
            _ => Ok(()),
        }
    }

    /// The same for a read.
    ///
    /// # Errors
    /// `PreconditionFailed`, `NotModified`.
    pub(crate) fn check_read(&self, e_tag: &str, modified: Timestamp) -> Result<(), ServiceError> {
        self.check(e_tag, modified).map_err(|fails| match fails {
            Fails::Precondition(condition) => error::precondition_failed(condition),
            Fails::NotModified => {
                let error = error::error(304, "NotModified", "Not Modified");
                error::with(error, "ETag", format!("\"{e_tag}\""))
            }
        })
    }

    /// The same for the source of a copy, which fails in one way.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub(crate) fn check_source(&self, e_tag: &str, modified: Timestamp) -> Result<(), ServiceError> {
        self.check(e_tag, modified).map_err(|fails| {
            error::precondition_failed(match fails {
                Fails::Precondition("If-Match") => "x-amz-copy-source-If-Match",
                Fails::Precondition(_) => "x-amz-copy-source-If-Unmodified-Since",
                Fails::NotModified if self.if_none_match.is_some() => "x-amz-copy-source-If-None-Match",
                Fails::NotModified => "x-amz-copy-source-If-Modified-Since",
            })
        })
    }
}

/// Whether a list of tags names one, or is `*`.
fn names(tags: &str, e_tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        tag == "*" || tag.trim_matches('"') == e_tag
    })
}

/// The conditions of a write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteConditions<'a> {
    if_match: Option<&'a str>,
    if_none_match: Option<&'a str>,
}

impl<'a> WriteConditions<'a> {
    /// Those of a request.
    ///
    /// # Errors
    /// They are of a kind that writes do not have.
    pub(crate) fn of(
        if_match: Option<&'a str>,
        if_none_match: Option<&'a str>,
    ) -> Result<Self, ServiceError> {
        if if_none_match.is_some_and(|tags| tags != "*") {
            return Err(error::not_implemented("If-None-Match of writes can be * alone"));
        }
        if if_match.is_some() && if_none_match.is_some() {
            return Err(error::not_implemented("a write has If-Match or If-None-Match"));
        }
        Ok(Self { if_match, if_none_match })
    }

    /// Looks at what is there, in the transaction that writes.
    ///
    /// # Errors
    /// `PreconditionFailed`, or `NoSuchKey` where something has to be there.
    pub(crate) fn check(&self, key: &str, newest: Option<&Found>) -> Result<(), ServiceError> {
        let there = newest.filter(|found| !found.version.is_marker);
        if self.if_none_match.is_some() && there.is_some() {
            return Err(error::precondition_failed("If-None-Match"));
        }
        let Some(tags) = self.if_match else { return Ok(()) };
        let Some(there) = there else { return Err(error::no_such_key(key)) };
        if names(tags, &there.version.e_tag) { Ok(()) } else { Err(error::precondition_failed("If-Match")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: Timestamp = Timestamp::from_unix_secs(1000);

    #[test]
    fn tags_have_precedence_over_times() {
        let (before, after) = (Some(Timestamp::from_unix_secs(999)), Some(Timestamp::from_unix_secs(1001)));
        let check = |conditions: Conditions<'_>, expected: Result<(), Fails>| {
            assert_eq!(conditions.check("abc", SAVED), expected, "{conditions:?}");
        };
        let none = Conditions::default();
        check(none, Ok(()));
        for same in ["\"abc\"", "abc", "*", "\"x\", \"abc\""] {
            check(Conditions { if_match: Some(same), if_unmodified_since: before, ..none }, Ok(()));
            let known = Conditions { if_none_match: Some(same), if_modified_since: before, ..none };
            check(known, Err(Fails::NotModified));
        }
        let other = Some("\"x\"");
        check(Conditions { if_match: other, ..none }, Err(Fails::Precondition("If-Match")));
        check(Conditions { if_none_match: other, if_modified_since: after, ..none }, Ok(()));
        check(Conditions { if_unmodified_since: after, ..none }, Ok(()));
        let gone = Err(Fails::Precondition("If-Unmodified-Since"));
        check(Conditions { if_unmodified_since: before, ..none }, gone);
        check(Conditions { if_modified_since: before, ..none }, Ok(()));
        check(Conditions { if_modified_since: Some(SAVED), ..none }, Err(Fails::NotModified));
    }
}
