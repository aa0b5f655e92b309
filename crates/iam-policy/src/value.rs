//! Values of conditions that are not texts: numbers, points in time, addresses.

use std::net::IpAddr;

use ipnet::IpNet;

/// A decimal number, as `Numeric…` operators read it.
pub(crate) fn number(text: &str) -> Option<f64> {
    // Words such as `inf`, which the parser of the language knows, are not numbers to AWS.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    plain.then(|| text.parse().ok())?
}

/// An address or a block of them, as `IpAddress` reads it. An address alone is a block of one.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Nanoseconds since the Unix epoch.
pub(crate) type Nanos = i128;

const NANOS_PER_SEC: i128 = 1_000_000_000;

/// A point in time, as `Date…` operators read it: a form of ISO 8601 from the year to fractions of a second, or seconds since
/// the epoch. A text with a `T` or a dash is the former. Without a zone it is UTC.
///
/// <https://www.w3.org/TR/NOTE-datetime>
pub(crate) fn instant(text: &str) -> Option<Nanos> {
    if !text.contains(['t', 'T', '-']) {
        return text
            .parse::<i64>()
            .ok()
            .filter(|secs| *secs >= 0)
            .map(|secs| i128::from(secs) * NANOS_PER_SEC);
    }
    let (date, time) = text.split_once(['t', 'T']).unwrap_or((text, ""));
    let days = days_since_epoch(date)?;
    Some(i128::from(days) * 86_400 * NANOS_PER_SEC + time_of_day(time)?)
}

/// `-292275054` to `292278993`, the years that AWS takes.
const YEARS: std::ops::RangeInclusive<i64> = -292_275_054..=292_278_993;

fn days_since_epoch(date: &str) -> Option<i64> {
    let (sign, date) = date.strip_prefix('-').map_or((1, date), |date| (-1, date));
    let mut parts = date.split('-');
    let year = sign * digits(parts.next()?)?;
    let month = parts.next().map_or(Some(1), digits)?;
    let day = parts.next().map_or(Some(1), digits)?;
    let valid = YEARS.contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    (valid && parts.next().is_none()).then(|| {
        // Howard Hinnant's days_from_civil: years begin in March, so that the day that may be missing is the last one.
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        era * 146_097 + day_of_era - 719_468
    })
}

/// Nanoseconds since midnight in UTC, of `hh[:mm[:ss[.fraction]]]` with `Z` or `±hh[:mm]` or nothing.
fn time_of_day(time: &str) -> Option<Nanos> {
    let zone_at = time.find(['z', 'Z', '+', '-']).unwrap_or(time.len());
    let (time, zone) = time.split_at(zone_at);
    let offset_mins = match zone.as_bytes().first() {
        None => 0,
        Some(b'z' | b'Z') if zone.len() == 1 => 0,
        Some(sign @ (b'+' | b'-')) => {
            let (hours, mins) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
            if hours.len() != 2 || mins.len() != 2 {
                return None;
            }
            let mins = bounded(hours, 23)? * 60 + bounded(mins, 59)?;
            if *sign == b'+' { mins } else { -mins }
        }
        Some(_) => return None,
    };
    if time.is_empty() {
        return Some(-i128::from(offset_mins) * 60 * NANOS_PER_SEC);
    }
    let mut parts = time.split(':');
    let hours = bounded(parts.next()?, 23)?;
    let mins = parts.next().map_or(Some(0), |part| bounded(part, 59))?;
    let secs = parts.next().unwrap_or("0");
    let (secs, fraction) = secs.split_once('.').map_or((secs, None), |(secs, part)| (secs, Some(part)));
    let secs = bounded(secs, 59)?;
    let nanos = match fraction {
        None => 0,
        Some(part) if part.len() <= 9 => digits(part)? * 10_i64.pow(9 - u32::try_from(part.len()).ok()?),
        Some(_) => return None,
    };
    let whole = (hours * 60 + mins - offset_mins) * 60 + secs;
    parts.next().is_none().then(|| i128::from(whole) * NANOS_PER_SEC + i128::from(nanos))
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

fn bounded(text: &str, max: i64) -> Option<i64> {
    digits(text).filter(|value| *value <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        let secs = |text: &str| instant(text).map(|nanos| nanos / NANOS_PER_SEC);
        for (text, expected) in [
            ("0", Some(0)),
            ("1700000000", Some(1_700_000_000)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-02", Some(86_400)),
            ("2000-03", Some(951_868_800)),
            ("2024-02-29T12:30Z", Some(1_709_209_800)),
            ("2024-02-29T12:30:15.5+02:00", Some(1_709_202_615)),
            ("2024-02-29t12:30:15-01:30", Some(1_709_215_215)),
            ("1969-12-31T23:59:59Z", Some(-1)),
            ("-292275054", Some(-9_223_372_017_043_200)),
            ("01T", Some(-62_135_596_800)),
            ("2016-12-13t2:00:00.593194+23", Some(1_481_511_600)),
            ("2016-12-13t2:00:00.593194+1", None),
            ("2016-12-13t2:00:00.1999999999+10:59", None),
            ("9223372036854775808", None),
            ("234-13", None),
            ("yesterday", None),
            ("2024-01-01T24:00", None),
            ("", None),
        ] {
            assert_eq!(secs(text), expected, "{text}");
        }
        assert_eq!(instant("1970-01-01T00:00:00.25Z"), Some(250_000_000));
    }

    #[test]
    fn numbers_and_networks() {
        assert_eq!(number("10.50"), Some(10.5));
        assert_eq!(number("-3"), Some(-3.0));
        for bad in ["", "inf", "nan", "ten", "1 "] {
            assert_eq!(number(bad), None, "{bad}");
        }
        assert_eq!(network("10.0.0.7"), "10.0.0.7/32".parse().ok());
        assert_eq!(network("2001:db8::/64"), "2001:db8::/64".parse().ok());
        assert_eq!(network("10.0.0.0/33"), None);
    }
}
