//! Days and dates: midnights in UTC, and the texts of HTTP.

use aws_types::Timestamp;

const DAY_MILLIS: i64 = 86_400_000;

/// So many days after a time, rounded up to midnight in UTC.
///
/// | From | Days | Gives |
/// | --- | --- | --- |
/// | 2014-01-15 10:30 | 3 | 2014-01-19 00:00 |
/// | 2014-01-15 00:00 | 3 | 2014-01-18 00:00 |
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html>
pub(crate) fn midnight_after(time: Timestamp, days: u32) -> Timestamp {
    let millis = time.unix_millis().saturating_add(i64::from(days).saturating_mul(DAY_MILLIS));
    let rest = millis.rem_euclid(DAY_MILLIS);
    let up = if rest == 0 { 0 } else { DAY_MILLIS - rest };
    Timestamp::from_unix_millis(millis.saturating_add(up))
}

/// Whether a time is midnight in UTC.
pub(crate) fn is_midnight(time: Timestamp) -> bool {
    time.unix_millis().rem_euclid(DAY_MILLIS) == 0
}

/// A time that a pattern of `strftime` shows, in UTC.
pub(crate) fn shown(time: Timestamp, pattern: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(time.unix_millis()).unwrap_or(jiff::Timestamp::MAX);
    time.strftime(pattern).to_string()
}

/// A time as HTTP writes it: `Fri, 23 Dec 2012 00:00:00 GMT`.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub fn http_date(time: Timestamp) -> String {
    shown(time, "%a, %d %b %Y %H:%M:%S GMT")
}

/// A time without its fraction of a second, as headers have it.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_unix_secs(time.unix_secs())
}

/// The same day some years later; the 29th of February may become the 28th.
pub(crate) fn plus_years(time: Timestamp, years: u32) -> Timestamp {
    let later = jiff::Timestamp::from_millisecond(time.unix_millis()).ok().and_then(|time| {
        let span = jiff::Span::new().try_years(years).ok()?;
        time.to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).ok()
    });
    later.map_or(Timestamp::from_unix_millis(i64::MAX), |later| {
        Timestamp::from_unix_millis(later.timestamp().as_millisecond())
    })
}

/// So many days later, at the same time of day.
pub(crate) fn plus_days(time: Timestamp, days: u32) -> Timestamp {
    time.plus_millis(i64::from(days).saturating_mul(DAY_MILLIS))
}

#[cfg(test)]
pub(crate) fn at(text: &str) -> Timestamp {
    let time: jiff::Timestamp = text.parse().unwrap();
    Timestamp::from_unix_millis(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_end_at_midnight() {
        for (from, days, to) in [
            ("2014-01-15T10:30:00Z", 3, "2014-01-19T00:00:00Z"),
            ("2014-01-15T00:00:00Z", 3, "2014-01-18T00:00:00Z"),
            ("2014-01-15T00:00:00.001Z", 0, "2014-01-16T00:00:00Z"),
            ("2024-02-28T23:59:59Z", 1, "2024-03-01T00:00:00Z"),
        ] {
            assert_eq!(midnight_after(at(from), days), at(to), "{from}");
        }
        assert!(is_midnight(at("2014-01-15T00:00:00Z")) && !is_midnight(at("2014-01-15T00:00:01Z")));
        assert_eq!(plus_years(at("2024-02-29T01:00:00Z"), 1), at("2025-02-28T01:00:00Z"));
        assert_eq!(plus_days(at("2024-02-28T01:00:00Z"), 2), at("2024-03-01T01:00:00Z"));
    }

    #[test]
    fn dates_of_http() {
        let time = at("1994-11-06T08:49:37Z");
        assert_eq!(http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
