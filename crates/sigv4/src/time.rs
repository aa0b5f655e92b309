//! The time of a signature.

use std::fmt;

/// The basic ISO 8601 form of `x-amz-date`.
const BASIC: &str = "%Y%m%dT%H%M%SZ";

/// A point in time in whole seconds, as signatures carry it: `20150830T123600Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SigningTime(jiff::Timestamp);

impl SigningTime {
    /// From whole seconds since the Unix epoch; `None` beyond the year 9999.
    pub fn from_unix_secs(unix_secs: i64) -> Option<Self> {
        jiff::Timestamp::from_second(unix_secs).ok().map(Self)
    }

    /// Whole seconds since the Unix epoch.
    pub fn unix_secs(self) -> i64 {
        self.0.as_second()
    }

    /// Reads the form of `x-amz-date`.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let is_shape = text.len() == 16
            && text.bytes().enumerate().all(|(index, byte)| match index {
                8 => byte == b'T',
                15 => byte == b'Z',
                _ => byte.is_ascii_digit(),
            });
        let civil = is_shape.then(|| jiff::civil::DateTime::strptime(BASIC, text).ok()).flatten()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| Self(zoned.timestamp()))
    }

    /// Reads the `Date` header of HTTP, which stands in for a missing `x-amz-date`; the basic form too.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        Self::parse_basic(text)
            .or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| Self(zoned.timestamp())))
    }

    /// The eight digits of the day.
    pub fn date(self) -> String {
        self.0.strftime("%Y%m%d").to_string()
    }

    /// The extended ISO 8601 form: `2015-08-30T12:36:00Z`.
    pub fn to_iso8601(self) -> String {
        self.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// The time this many seconds later.
    #[must_use]
    pub fn plus_secs(self, secs: i64) -> Self {
        Self::from_unix_secs(self.unix_secs().saturating_add(secs)).unwrap_or(Self(jiff::Timestamp::MAX))
    }
}

impl fmt::Display for SigningTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.strftime(BASIC))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms_and_nothing_else() {
        let time = SigningTime::from_unix_secs(1_440_938_160).unwrap();
        assert_eq!((time.to_string().as_str(), time.date().as_str()), ("20150830T123600Z", "20150830"));
        assert_eq!(SigningTime::parse_basic("20150830T123600Z"), Some(time));
        assert_eq!(SigningTime::parse_http_date("Sun, 30 Aug 2015 12:36:00 GMT"), Some(time));
        for bad in [
            "",
            "20150830",
            "20150830T123600",
            "20151330T123600Z",
            "2015-08-30T12:36:00Z",
            "20150830t123600Z",
        ] {
            assert_eq!(SigningTime::parse_basic(bad), None, "{bad}");
            assert_eq!(SigningTime::parse_http_date(bad), None, "{bad}");
        }
    }
}
