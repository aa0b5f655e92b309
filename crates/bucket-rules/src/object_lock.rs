//! Object lock: default retention of buckets, retention and legal holds of versions, and what they stand against.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>

use std::str::FromStr;

use aws_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RuleError;
use crate::time::{plus_days, plus_years};

const DAYS_MAX: i64 = 36_500;
const YEARS_MAX: i64 = 100;

/// How firm a retention is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionMode {
    /// Who may bypass it can.
    Governance,
    /// Nobody can.
    Compliance,
}

impl RetentionMode {
    /// As documents have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

impl FromStr for RetentionMode {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        match text {
            "GOVERNANCE" => Ok(Self::Governance),
            "COMPLIANCE" => Ok(Self::Compliance),
            _ => Err(RuleError::MalformedXml),
        }
    }
}

/// How long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionPeriod {
    /// Days of 24 hours.
    Days(u32),
    /// Years of the calendar.
    Years(u32),
}

/// What new versions of a bucket get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultRetention {
    /// How firm.
    pub mode: RetentionMode,
    /// How long.
    pub period: RetentionPeriod,
}

/// The rule of an object lock configuration, as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenRetention<'a> {
    /// `Mode`.
    pub mode: Option<&'a str>,
    /// `Days`.
    pub days: Option<i64>,
    /// `Years`.
    pub years: Option<i64>,
}

impl DefaultRetention {
    /// Reads the document of `PutObjectLockConfiguration`: whether it is enabled, and its rule, whose default retention may be
    /// missing. `Ok(None)` is a lock without a default.
    ///
    /// # Errors
    /// [`RuleError::MalformedXml`] or [`RuleError::Argument`].
    pub fn of_document(
        enabled: Option<&str>,
        rule: Option<Option<WrittenRetention<'_>>>,
    ) -> Result<Option<Self>, RuleError> {
        if enabled != Some("Enabled") {
            return Err(RuleError::MalformedXml);
        }
        let Some(rule) = rule else { return Ok(None) };
        let written = rule.ok_or(RuleError::MalformedXml)?;
        let mode = written.mode.ok_or(RuleError::MalformedXml)?.parse()?;
        let period = match (written.days, written.years) {
            (Some(days), None) => RetentionPeriod::Days(checked(days, DAYS_MAX, "Days")?),
            (None, Some(years)) => RetentionPeriod::Years(checked(years, YEARS_MAX, "Years")?),
            _ => return Err(RuleError::MalformedXml),
        };
        Ok(Some(Self { mode, period }))
    }

    /// The retention of a version that is made at a time.
    pub fn of_version(self, made: Timestamp) -> Retention {
        let until = match self.period {
            RetentionPeriod::Days(days) => plus_days(made, days),
            RetentionPeriod::Years(years) => plus_years(made, years),
        };
        Retention { mode: self.mode, until }
    }
}

fn checked(value: i64, max: i64, element: &'static str) -> Result<u32, RuleError> {
    let refused = |message: &'static str| Err(RuleError::argument(message, element, value.to_string()));
    match u32::try_from(value) {
        Ok(1..) if value > max => refused("Default retention period too large."),
        Ok(number @ 1..) => Ok(number),
        Ok(0) | Err(_) if value > max => refused("Default retention period too large."),
        Ok(0) | Err(_) => refused("Default retention period must be a positive integer value."),
    }
}

/// Until when a version is kept, and how firmly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// How firmly.
    pub mode: RetentionMode,
    /// Until when.
    pub until: Timestamp,
}

impl Retention {
    /// Reads the document of `PutObjectRetention`. `Ok(None)` is an empty one, which takes the retention away.
    ///
    /// # Errors
    /// [`RuleError::MalformedXml`] if one of both is missing; [`RuleError::Argument`] for a time that is over.
    pub fn of_document(
        mode: Option<&str>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Self>, RuleError> {
        let (mode, until) = match (mode, until) {
            (None, None) => return Ok(None),
            (Some(mode), Some(until)) => (mode.parse()?, until),
            _ => return Err(RuleError::MalformedXml),
        };
        in_future(until, now, "RetainUntilDate")?;
        Ok(Some(Self { mode, until }))
    }

    /// Reads the headers of a request that makes a version.
    ///
    /// # Errors
    /// [`RuleError::Argument`] if one of both is missing or is not one, or the time is over.
    pub fn of_headers(
        mode: Option<&str>,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Option<Self>, RuleError> {
        const MODE: &str = "x-amz-object-lock-mode";
        const UNTIL: &str = "x-amz-object-lock-retain-until-date";
        let both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied";
        match (mode, until) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(RuleError::argument_alone(both, MODE)),
            (Some(_), None) => Err(RuleError::argument_alone(both, UNTIL)),
            (Some(mode), Some(until)) => {
                let unknown = |_| RuleError::argument("Unknown wormMode directive.", MODE, mode);
                let mode = mode.parse().map_err(unknown)?;
                in_future(until, now, UNTIL)?;
                Ok(Some(Self { mode, until }))
            }
        }
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether one that is there may become another one, or none. `may_bypass` is whether the caller asked to bypass
    /// governance, and may.
    ///
    /// | There is | To a later time | To less, or another mode |
    /// | --- | --- | --- |
    /// | none, or one that is over | yes | yes |
    /// | governance | yes | with bypass |
    /// | compliance | yes | no |
    ///
    /// # Errors
    /// [`RuleError::Locked`].
    pub fn check_change(
        held: Option<&Self>,
        wanted: Option<&Self>,
        may_bypass: bool,
        now: Timestamp,
    ) -> Result<(), RuleError> {
        let Some(held) = held.filter(|held| held.holds(now)) else { return Ok(()) };
        let extends = wanted.is_some_and(|wanted| wanted.mode == held.mode && wanted.until >= held.until);
        let bypassed = held.mode == RetentionMode::Governance && may_bypass;
        if extends || bypassed { Ok(()) } else { Err(RuleError::Locked) }
    }
}

fn in_future(until: Timestamp, now: Timestamp, name: &'static str) -> Result<(), RuleError> {
    if until > now {
        return Ok(());
    }
    Err(RuleError::argument("The retain until date must be in the future!", name, until.to_string()))
}

/// Reads the status of a legal hold in a document.
///
/// # Errors
/// [`RuleError::MalformedXml`].
pub fn legal_hold_of_document(status: Option<&str>) -> Result<bool, RuleError> {
    match status {
        Some("ON") => Ok(true),
        Some("OFF") => Ok(false),
        _ => Err(RuleError::MalformedXml),
    }
}

/// Reads the header `x-amz-object-lock-legal-hold`.
///
/// # Errors
/// [`RuleError::Argument`].
pub fn legal_hold_of_header(status: &str) -> Result<bool, RuleError> {
    let message = "Legal Hold must be either of 'ON' or 'OFF'";
    let refused = |_| RuleError::argument(message, "x-amz-object-lock-legal-hold", status);
    legal_hold_of_document(Some(status)).map_err(refused)
}

/// Whether a version may be deleted for good or written over.
///
/// # Errors
/// [`RuleError::Locked`].
pub fn check_delete(
    retention: Option<&Retention>,
    has_legal_hold: bool,
    may_bypass: bool,
    now: Timestamp,
) -> Result<(), RuleError> {
    let held = retention.is_some_and(|retention| {
        let bypassed = retention.mode == RetentionMode::Governance && may_bypass;
        retention.holds(now) && !bypassed
    });
    if has_legal_hold || held { Err(RuleError::Locked) } else { Ok(()) }
}

/// Whether a bucket may be locked: it has to keep versions.
///
/// # Errors
/// [`RuleError::BucketState`].
pub fn check_lockable(versioning_is_enabled: bool) -> Result<(), RuleError> {
    if versioning_is_enabled {
        return Ok(());
    }
    let message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration";
    Err(RuleError::BucketState(message.into()))
}

/// Whether a bucket may stop to keep versions.
///
/// # Errors
/// [`RuleError::BucketState`].
pub fn check_suspend(is_locked: bool) -> Result<(), RuleError> {
    if !is_locked {
        return Ok(());
    }
    let message =
        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
    Err(RuleError::BucketState(message.into()))
}

/// Whether versions of a bucket may have retentions and holds.
///
/// # Errors
/// [`RuleError::Request`].
pub fn check_is_locked(is_locked: bool) -> Result<(), RuleError> {
    let message = "Bucket is missing Object Lock Configuration";
    if is_locked { Ok(()) } else { Err(RuleError::Request(message.into())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::at;

    const NOW: &str = "2026-11-28T12:00:00Z";

    #[test]
    fn default_retention() {
        use RetentionMode::{Compliance, Governance};
        let written = |mode, days, years| Some(Some(WrittenRetention { mode, days, years }));
        let governance = Some("GOVERNANCE");
        for (enabled, rule, code) in [
            (None, written(governance, Some(1), None), "MalformedXML"),
            (Some("Disabled"), written(governance, Some(1), None), "MalformedXML"),
            (Some("Enabled"), Some(None), "MalformedXML"),
            (Some("Enabled"), written(None, None, None), "MalformedXML"),
            (Some("Enabled"), written(governance, None, None), "MalformedXML"),
            (Some("Enabled"), written(governance, Some(1), Some(1)), "MalformedXML"),
            (Some("Enabled"), written(Some("governance"), Some(1), None), "MalformedXML"),
            (Some("Enabled"), written(governance, Some(0), None), "InvalidArgument"),
            (Some("Enabled"), written(governance, None, Some(-1)), "InvalidArgument"),
            (Some("Enabled"), written(governance, Some(36_501), None), "InvalidArgument"),
            (Some("Enabled"), written(governance, None, Some(101)), "InvalidArgument"),
        ] {
            let error = DefaultRetention::of_document(enabled, rule).unwrap_err();
            assert_eq!(error.code(), code, "{enabled:?} {rule:?}");
        }
        assert_eq!(DefaultRetention::of_document(Some("Enabled"), None), Ok(None));
        for (rule, mode, until) in [
            (written(governance, Some(1), None), Governance, "2026-11-29T12:00:00Z"),
            (written(Some("COMPLIANCE"), None, Some(2)), Compliance, "2028-11-28T12:00:00Z"),
        ] {
            let default = DefaultRetention::of_document(Some("Enabled"), rule).unwrap().unwrap();
            assert_eq!(default.of_version(at(NOW)), Retention { mode, until: at(until) });
            assert_eq!(mode.as_str().parse(), Ok(mode));
        }
    }

    #[test]
    fn retentions_are_read() {
        let (past, future) = (Some(at("2020-01-01T00:00:00Z")), Some(at("2030-01-01T00:00:00Z")));
        let governance = Some("GOVERNANCE");
        for (mode, until, of_document, of_headers) in [
            (governance, None, "MalformedXML", "InvalidArgument"),
            (None, future, "MalformedXML", "InvalidArgument"),
            (Some("BAD-VALUE"), future, "MalformedXML", "InvalidArgument"),
            (governance, past, "InvalidArgument", "InvalidArgument"),
        ] {
            let document = Retention::of_document(mode, until, at(NOW)).unwrap_err();
            let headers = Retention::of_headers(mode, until, at(NOW)).unwrap_err();
            assert_eq!((document.code(), headers.code()), (of_document, of_headers), "{mode:?} {until:?}");
        }
        assert_eq!(Retention::of_document(None, None, at(NOW)), Ok(None));
        assert_eq!(
            Retention::of_headers(governance, future, at(NOW)),
            Retention::of_document(governance, future, at(NOW))
        );
        let bad = Retention::of_headers(Some("BAD-VALUE"), future, at(NOW)).unwrap_err();
        assert_eq!(bad.to_string(), "Unknown wormMode directive.");
        assert_eq!(legal_hold_of_header("ON"), Ok(true));
        assert_eq!(legal_hold_of_document(Some("OFF")), Ok(false));
        assert_eq!(legal_hold_of_document(Some("abc")), Err(RuleError::MalformedXml));
        assert_eq!(legal_hold_of_header("on").unwrap_err().code(), "InvalidArgument");
    }

    #[test]
    fn what_may_change() {
        use RetentionMode::{Compliance, Governance};
        let until = |mode, text: &str| Some(Retention { mode, until: at(text) });
        let (early, middle, late) = ("2030-01-01T00:00:00Z", "2030-01-02T00:00:00Z", "2030-01-03T00:00:00Z");
        let over = "2026-11-28T12:00:00Z";
        for (held, wanted, plain, bypassing) in [
            (None, until(Compliance, early), true, true),
            (until(Compliance, over), None, true, true),
            (until(Governance, middle), until(Governance, late), true, true),
            (until(Governance, middle), until(Governance, early), false, true),
            (until(Governance, middle), until(Compliance, middle), false, true),
            (until(Governance, middle), None, false, true),
            (until(Compliance, middle), until(Compliance, late), true, true),
            (until(Compliance, middle), until(Compliance, early), false, false),
            (until(Compliance, middle), until(Governance, middle), false, false),
            (until(Compliance, middle), None, false, false),
        ] {
            for (may_bypass, expected) in [(false, plain), (true, bypassing)] {
                let checked = Retention::check_change(held.as_ref(), wanted.as_ref(), may_bypass, at(NOW));
                let expected = if expected { Ok(()) } else { Err(RuleError::Locked) };
                assert_eq!(checked, expected, "{held:?} {wanted:?} {may_bypass}");
            }
        }
        for (held, hold, plain, bypassing) in [
            (None, false, true, true),
            (None, true, false, false),
            (until(Governance, middle), false, false, true),
            (until(Governance, middle), true, false, false),
            (until(Compliance, middle), false, false, false),
            (until(Compliance, over), false, true, true),
        ] {
            for (may_bypass, expected) in [(false, plain), (true, bypassing)] {
                let checked = check_delete(held.as_ref(), hold, may_bypass, at(NOW));
                assert_eq!(checked.is_ok(), expected, "{held:?} {hold} {may_bypass}");
            }
        }
    }

    #[test]
    fn states_of_buckets() {
        for (checked, code, status) in [
            (check_lockable(false), "InvalidBucketState", 409),
            (check_suspend(true), "InvalidBucketState", 409),
            (check_is_locked(false), "InvalidRequest", 400),
        ] {
            let error = checked.unwrap_err();
            assert_eq!((error.code(), error.status()), (code, status));
        }
        assert!(
            check_lockable(true).is_ok() && check_suspend(false).is_ok() && check_is_locked(true).is_ok()
        );
    }
}
