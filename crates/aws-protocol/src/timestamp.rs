//! Times on the wire: ISO 8601, the HTTP date of RFC 7231, and seconds since the epoch.
//!
//! In and out they are milliseconds since the Unix epoch, what is finer than that being dropped.

use aws_model::TimestampFormat;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// Reads text in a format; a number of seconds is understood in any of them, as AWS does.
pub(crate) fn parse(text: &str, format: TimestampFormat) -> Option<i64> {
    let text = text.trim();
    let by_format = match format {
        TimestampFormat::Iso8601 => parse_iso8601(text),
        TimestampFormat::Rfc822 => parse_rfc822(text).or_else(|| parse_iso8601(text)),
        TimestampFormat::UnixTimestamp => None,
    };
    by_format.or_else(|| from_seconds(text.parse().ok()?)).or_else(|| parse_iso8601(text))
}

/// Seconds since the epoch, perhaps with a fraction.
pub(crate) fn from_seconds(seconds: f64) -> Option<i64> {
    let millis = (seconds * 1000.0).round();
    #[allow(clippy::cast_possible_truncation, reason = "jiff's range, checked next, is far within 64 bits")]
    let millis = millis.is_finite().then_some(millis as i64)?;
    in_range(millis).then_some(millis)
}

/// Whether a time can be written as a date: from the year -9999 to 9999.
pub(crate) fn in_range(millis: i64) -> bool {
    Timestamp::from_millisecond(millis).is_ok()
}

fn parse_iso8601(text: &str) -> Option<i64> {
    let parsed: Result<Timestamp, _> = text.parse();
    // EC2 and others take a date alone, and a time without a zone, for UTC.
    let parsed = parsed.or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        civil.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
    });
    parsed.ok().map(Timestamp::as_millisecond)
}

fn parse_rfc822(text: &str) -> Option<i64> {
    // HTTP has two older forms, which clients must not send and servers must read.
    const OLDER: [&str; 2] = ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"];
    let parsed = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok().or_else(|| {
        let civil = OLDER.iter().find_map(|form| jiff::civil::DateTime::strptime(form, text).ok())?;
        civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    parsed.map(Timestamp::as_millisecond)
}

/// Writes a time as text. Seconds have a fraction only where there is one, unless `always_millis`.
pub(crate) fn format(millis: i64, format: TimestampFormat, always_millis: bool) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(if millis < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    });
    match format {
        TimestampFormat::Iso8601 => {
            let fraction = always_millis || time.as_millisecond().rem_euclid(1000) != 0;
            let precision = if fraction { 3 } else { 0 };
            jiff::fmt::temporal::DateTimePrinter::new().precision(Some(precision)).timestamp_to_string(&time)
        }
        TimestampFormat::Rfc822 => time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimestampFormat::UnixTimestamp => seconds(millis),
    }
}

/// Seconds since the epoch in decimal, with a fraction only where there is one.
pub(crate) fn seconds(millis: i64) -> String {
    let (sign, magnitude) =
        if millis < 0 { ("-", millis.unsigned_abs()) } else { ("", millis.unsigned_abs()) };
    match magnitude % 1000 {
        0 => format!("{sign}{}", magnitude / 1000),
        fraction => format!("{sign}{}.{fraction:03}", magnitude / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimestampFormat::{Iso8601, Rfc822, UnixTimestamp};

    #[test]
    fn reads_what_clients_send() {
        for (text, as_format, expect) in [
            ("2026-11-22T14:28:00Z", Iso8601, Some(1_795_357_680_000)),
            ("2026-11-22T14:28:00.123456Z", Iso8601, Some(1_795_357_680_123)),
            ("2026-11-22T15:28:00+01:00", Iso8601, Some(1_795_357_680_000)),
            ("2026-11-22T14:28:00", Iso8601, Some(1_795_357_680_000)),
            ("2026-11-22", Iso8601, Some(1_795_305_600_000)),
            ("Sun, 22 Nov 2026 14:28:00 GMT", Rfc822, Some(1_795_357_680_000)),
            ("Sunday, 22-Nov-26 14:28:00 GMT", Rfc822, Some(1_795_357_680_000)),
            ("Sun Nov 22 14:28:00 2026", Rfc822, Some(1_795_357_680_000)),
            ("Sun Nov  1 14:28:00 2026", Rfc822, Some(1_793_543_280_000)),
            ("1795357680", UnixTimestamp, Some(1_795_357_680_000)),
            ("1795357680.5", Iso8601, Some(1_795_357_680_500)),
            ("-1.5", UnixTimestamp, Some(-1_500)),
            ("yesterday", Iso8601, None),
            ("1e300", UnixTimestamp, None),
            ("NaN", UnixTimestamp, None),
            ("", Rfc822, None),
        ] {
            assert_eq!(parse(text, as_format), expect, "{text}");
        }
    }

    #[test]
    fn writes_what_clients_read() {
        for (millis, as_format, expect) in [
            (1_795_357_680_000, Iso8601, "2026-11-22T14:28:00Z"),
            (1_795_357_680_120, Iso8601, "2026-11-22T14:28:00.120Z"),
            (1_795_357_680_000, Rfc822, "Sun, 22 Nov 2026 14:28:00 GMT"),
            (1_795_357_680_000, UnixTimestamp, "1795357680"),
            (1_795_357_680_050, UnixTimestamp, "1795357680.050"),
            (-1_500, UnixTimestamp, "-1.500"),
        ] {
            assert_eq!(format(millis, as_format, false), expect);
        }
        assert_eq!(format(0, Iso8601, true), "1970-01-01T00:00:00.000Z");
    }
}
