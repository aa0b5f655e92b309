//! Conditional requests: `If-Match` and its kin, for reads, for the sources of copies, and for writes.
//!
//! Owns which condition counts before which, and what it comes to. Refuses to know where objects are.
//!
//! <https://www.rfc-editor.org/rfc/rfc9110#section-13>
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html>

use aws_types::Timestamp;

use crate::RuleError;
use crate::time::whole_seconds;

/// The headers of a request. A copy has them with `x-amz-copy-source-` before their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conditions<'a> {
    /// `If-Match`.
    pub if_match: Option<&'a str>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a str>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<Timestamp>,
}

/// What conditions say of reading an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It is read.
    Read,
    /// 304: whoever asks has it already.
    NotModified,
}

/// What is there for conditions to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Current<'a> {
    /// The entity tag, without quotes.
    pub etag: &'a str,
    /// When it was last written.
    pub last_modified: Timestamp,
}

/// The first condition, in their order, that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missed {
    Match,
    UnmodifiedSince,
    NoneMatch,
    ModifiedSince,
}

impl Conditions<'_> {
    /// What they say of reading an object, at a time.
    ///
    /// # Errors
    /// [`RuleError::Precondition`], status 412, if `If-Match` or `If-Unmodified-Since` does not hold.
    pub fn of_read(&self, current: &Current<'_>, now: Timestamp) -> Result<ReadOutcome, RuleError> {
        match self.missed(current, now) {
            None => Ok(ReadOutcome::Read),
            Some(Missed::NoneMatch | Missed::ModifiedSince) => Ok(ReadOutcome::NotModified),
            Some(Missed::Match) => Err(RuleError::Precondition("If-Match")),
            Some(Missed::UnmodifiedSince) => Err(RuleError::Precondition("If-Unmodified-Since")),
        }
    }

    /// What they say of the source of a copy, which has no 304.
    ///
    /// # Errors
    /// [`RuleError::Precondition`] with the condition that does not hold.
    pub fn of_copy_source(&self, current: &Current<'_>, now: Timestamp) -> Result<(), RuleError> {
        let Some(missed) = self.missed(current, now) else { return Ok(()) };
        Err(RuleError::Precondition(match missed {
            Missed::Match => "x-amz-copy-source-If-Match",
            Missed::UnmodifiedSince => "x-amz-copy-source-If-Unmodified-Since",
            Missed::NoneMatch => "x-amz-copy-source-If-None-Match",
            Missed::ModifiedSince => "x-amz-copy-source-If-Modified-Since",
        }))
    }

    /// Where an entity tag is asked for, the date that says the same less exactly does not count.
    fn missed(&self, current: &Current<'_>, now: Timestamp) -> Option<Missed> {
        let modified = whole_seconds(current.last_modified);
        match self.if_match {
            Some(tags) if !matches(tags, current.etag) => return Some(Missed::Match),
            Some(_) => {}
            None => {
                if self.if_unmodified_since.is_some_and(|since| modified > since) {
                    return Some(Missed::UnmodifiedSince);
                }
            }
        }
        match self.if_none_match {
            Some(tags) => matches(tags, current.etag).then_some(Missed::NoneMatch),
            None => {
                // A date that is still to come is not one that anybody can have the object from.
                let since = self.if_modified_since.filter(|since| *since <= now);
                since.is_some_and(|since| modified <= since).then_some(Missed::ModifiedSince)
            }
        }
    }
}

/// Whether an entity tag is one of a list, or the list is `*`. S3 takes tags without quotes, and weak ones as they are.
fn matches(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|item| {
        let item = item.strip_prefix("W/").unwrap_or(item);
        item == "*" || item.trim_matches('"') == etag.trim_matches('"')
    })
}

/// The conditions of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WriteCondition {
    /// None is written.
    #[default]
    Always,
    /// `If-None-Match: *`: only if there is no object.
    Absent,
    /// `If-Match`: only if the object has this entity tag.
    Etag(String),
}

impl WriteCondition {
    /// Reads the headers of `PutObject` and `CompleteMultipartUpload`.
    ///
    /// # Errors
    /// [`RuleError::HeaderNotImplemented`] for what S3 does not do: both, an entity tag that must not be there, any object.
    pub fn of_put(if_match: Option<&str>, if_none_match: Option<&str>) -> Result<Self, RuleError> {
        let refused = |header, additional: &'static str| {
            Err(RuleError::HeaderNotImplemented { header, additional: additional.into() })
        };
        match (if_match, if_none_match) {
            (None, None) => Ok(Self::Always),
            (Some(_), Some(_)) => refused(
                "If-Match,If-None-Match",
                "Multiple conditional request headers present in the request",
            ),
            (None, Some("*")) => Ok(Self::Absent),
            (None, Some(_)) => refused(
                "If-None-Match",
                "We don't accept the provided value of If-None-Match header for this API",
            ),
            (Some("*"), None) => {
                refused("If-Match", "We don't accept the provided value of If-Match header for this API")
            }
            (Some(etag), None) => Ok(Self::Etag(etag.trim_matches('"').to_owned())),
        }
    }

    /// Reads the header of `DeleteObject`, where `*` stands for any object.
    pub fn of_delete(if_match: Option<&str>) -> Self {
        if_match.map_or(Self::Always, |etag| Self::Etag(etag.trim_matches('"').to_owned()))
    }

    /// Whether a write may go on. `current` is the entity tag of the current version, if that is an object.
    ///
    /// # Errors
    /// [`WriteRefused`].
    pub fn check(&self, current: Option<&str>) -> Result<(), WriteRefused> {
        match (self, current) {
            (Self::Always, _) | (Self::Absent, None) => Ok(()),
            (Self::Absent, Some(_)) => Err(WriteRefused::Precondition("If-None-Match")),
            (Self::Etag(_), None) => Err(WriteRefused::NoSuchKey),
            (Self::Etag(wanted), Some(etag)) if matches(wanted, etag) => Ok(()),
            (Self::Etag(_), Some(_)) => Err(WriteRefused::Precondition("If-Match")),
        }
    }
}

/// Why a write does not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteRefused {
    /// 404 `NoSuchKey`: there is nothing that could have the entity tag.
    NoSuchKey,
    /// 412: the header that does not hold.
    Precondition(&'static str),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::at;

    const ETAG: &str = "8d777f385d3dfec8815d20f7496026dc";
    const QUOTED: &str = "\"8d777f385d3dfec8815d20f7496026dc\"";
    /// 12:00:00 on the 2nd of October 2024.
    const SAVED_SECS: i64 = 1_727_870_400;
    const BEFORE: Option<Timestamp> = Some(Timestamp::from_unix_secs(SAVED_SECS - 86_400));
    const SAME: Option<Timestamp> = Some(Timestamp::from_unix_secs(SAVED_SECS));
    const AFTER: Option<Timestamp> = Some(Timestamp::from_unix_secs(SAVED_SECS + 86_400));
    const FUTURE: Option<Timestamp> = Some(Timestamp::from_unix_secs(2 * SAVED_SECS));

    fn conditions<'a>(
        if_match: Option<&'a str>,
        if_none_match: Option<&'a str>,
        if_modified_since: Option<Timestamp>,
        if_unmodified_since: Option<Timestamp>,
    ) -> Conditions<'a> {
        Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since }
    }

    #[test]
    fn conditions_have_an_order() {
        let (now, wrong) = (at("2024-10-04T00:00:00Z"), Some("etag123"));
        let current = Current { etag: ETAG, last_modified: at("2024-10-02T12:00:00.900Z") };
        let failed = |condition| Err(RuleError::Precondition(condition));
        let unmodified = Ok(ReadOutcome::NotModified);
        let read = Ok(ReadOutcome::Read);
        for (number, (conditions, expected)) in [
            // By elimination, as AWS answers.
            (conditions(wrong, Some(QUOTED), AFTER, BEFORE), failed("If-Match")),
            (conditions(None, Some(QUOTED), AFTER, BEFORE), failed("If-Unmodified-Since")),
            (conditions(None, Some(QUOTED), AFTER, None), unmodified.clone()),
            (conditions(None, None, AFTER, None), unmodified.clone()),
            (conditions(None, None, FUTURE, None), read.clone()),
            (conditions(None, Some(ETAG), None, None), unmodified.clone()),
            (conditions(None, None, None, SAME), read.clone()),
            (conditions(None, None, SAME, None), unmodified.clone()),
            (conditions(Some(QUOTED), wrong, BEFORE, AFTER), read.clone()),
            // The tag counts, and the date beside it does not.
            (conditions(Some(ETAG), None, None, BEFORE), read.clone()),
            (conditions(None, wrong, AFTER, None), read.clone()),
            (conditions(None, None, BEFORE, None), read.clone()),
            (conditions(Some("*"), None, None, None), read.clone()),
            (conditions(None, Some("*"), None, None), unmodified.clone()),
            (conditions(Some("\"a\", \"8d777f385d3dfec8815d20f7496026dc\""), None, None, None), read.clone()),
            (conditions(None, Some("W/\"8d777f385d3dfec8815d20f7496026dc\""), None, None), unmodified),
            (Conditions::default(), read),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(conditions.of_read(&current, now), expected, "{number}: {conditions:?}");
        }
        for (conditions, expected) in [
            (conditions(wrong, None, None, None), Some("x-amz-copy-source-If-Match")),
            (conditions(None, Some(ETAG), BEFORE, None), Some("x-amz-copy-source-If-None-Match")),
            (conditions(None, None, AFTER, None), Some("x-amz-copy-source-If-Modified-Since")),
            (conditions(None, None, None, BEFORE), Some("x-amz-copy-source-If-Unmodified-Since")),
            (conditions(Some(ETAG), None, None, BEFORE), None),
        ] {
            let expected = expected.map_or(Ok(()), |condition| Err(RuleError::Precondition(condition)));
            assert_eq!(conditions.of_copy_source(&current, now), expected);
        }
    }

    #[test]
    fn conditions_of_writes() {
        for (if_match, if_none_match, header) in [
            (Some(ETAG), Some("*"), "If-Match,If-None-Match"),
            (None, Some(ETAG), "If-None-Match"),
            (Some("*"), None, "If-Match"),
        ] {
            let error = WriteCondition::of_put(if_match, if_none_match).unwrap_err();
            assert_eq!((error.code(), error.status()), ("NotImplemented", 501));
            assert_eq!(error.details()[0].1, header);
        }
        let absent = WriteCondition::of_put(None, Some("*")).unwrap();
        let tag = WriteCondition::of_put(Some(QUOTED), None).unwrap();
        for (condition, current, expected) in [
            (&WriteCondition::Always, Some("x"), Ok(())),
            (&absent, None, Ok(())),
            (&absent, Some("x"), Err(WriteRefused::Precondition("If-None-Match"))),
            (&tag, Some(ETAG), Ok(())),
            (&tag, Some("x"), Err(WriteRefused::Precondition("If-Match"))),
            (&tag, None, Err(WriteRefused::NoSuchKey)),
            (&WriteCondition::of_delete(Some("*")), Some("x"), Ok(())),
            (&WriteCondition::of_delete(Some("*")), None, Err(WriteRefused::NoSuchKey)),
        ] {
            assert_eq!(condition.check(current), expected, "{condition:?} {current:?}");
        }
    }
}
