//! When rules run: `cron(...)` and `rate(...)`.
//!
//! Owns which expressions there are. Refuses to know when the next time is: no backup is made.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html>

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field of six: the numbers that it may have, and names for them from the first on.
struct Field {
    range: std::ops::RangeInclusive<u16>,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { range: 0..=59, names: &[] };
const HOUR: Field = Field { range: 0..=23, names: &[] };
const DAY_OF_MONTH: Field = Field { range: 1..=31, names: &[] };
const MONTH: Field = Field { range: 1..=12, names: &MONTHS };
const DAY_OF_WEEK: Field = Field { range: 1..=7, names: &DAYS };
const YEAR: Field = Field { range: 1970..=2199, names: &[] };

/// Whether an expression says when to run.
pub(crate) fn is_valid(text: &str) -> bool {
    let inside = |name: &str| text.strip_prefix(name)?.strip_suffix(')');
    match (inside("cron("), inside("rate(")) {
        (Some(fields), _) => is_cron(fields),
        (_, Some(rate)) => is_rate(rate),
        (None, None) => false,
    }
}

fn is_cron(text: &str) -> bool {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [minute, hour, day_of_month, month, day_of_week, year] = fields[..] else { return false };
    // One of the two kinds of days says when, and the other has no say.
    let has_one_day = (day_of_month == "?") != (day_of_week == "?");
    has_one_day
        && MINUTE.takes(minute)
        && HOUR.takes(hour)
        && (day_of_month == "?" || is_day_of_month(day_of_month))
        && MONTH.takes(month)
        && (day_of_week == "?" || is_day_of_week(day_of_week))
        && YEAR.takes(year)
}

/// `L` is the last day, `3W` the weekday that is next to the third.
fn is_day_of_month(text: &str) -> bool {
    let of_weekday =
        text.strip_suffix('W').is_some_and(|day| day == "L" || DAY_OF_MONTH.number(day).is_some());
    text == "L" || of_weekday || DAY_OF_MONTH.takes(text)
}

/// `6L` is the last Friday of the month, `6#3` its third.
fn is_day_of_week(text: &str) -> bool {
    let is_day = |text: &str| DAY_OF_WEEK.number(text).is_some();
    let is_last = text.strip_suffix('L').is_some_and(|day| day.is_empty() || is_day(day));
    let is_counted = text.split_once('#').is_some_and(|(day, which)| {
        is_day(day) && which.parse().is_ok_and(|which: u8| (1..=5).contains(&which))
    });
    is_last || is_counted || DAY_OF_WEEK.takes(text)
}

impl Field {
    /// Whether a field is a list of values, ranges and steps.
    fn takes(&self, text: &str) -> bool {
        text.split(',').all(|part| self.takes_part(part))
    }

    fn takes_part(&self, part: &str) -> bool {
        let (from, step) = match part.split_once('/') {
            Some((from, step)) => (from, Some(step)),
            None => (part, None),
        };
        let is_step =
            |step: &str| step.parse().is_ok_and(|step: u16| (1..=*self.range.end()).contains(&step));
        let is_from = match from.split_once('-') {
            Some((first, last)) => match (self.number(first), self.number(last)) {
                // Hours and days can go on past the last, as from SAT to MON.
                (Some(first), Some(last)) => first <= last || self.range.end() <= &23,
                _ => false,
            },
            None => from == "*" || self.number(from).is_some(),
        };
        is_from && step.is_none_or(is_step)
    }

    fn number(&self, text: &str) -> Option<u16> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = named {
            return Some(self.range.start() + u16::try_from(place).ok()?);
        }
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number: u16 = text.parse().ok().filter(|_| is_number)?;
        self.range.contains(&number).then_some(number)
    }
}

/// `1 hour`, `12 hours`.
fn is_rate(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(count), Some(unit), None) = (words.next(), words.next(), words.next()) else { return false };
    let Ok(count) = count.parse::<u32>() else { return false };
    let units = if count == 1 { ["minute", "hour", "day"] } else { ["minutes", "hours", "days"] };
    count > 0 && units.contains(&unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_say_when_or_are_refused() {
        for good in [
            "cron(0 5 ? * * *)",
            "cron(0/15 8-17 ? * MON-FRI 2026-2030)",
            "cron(0 0 L * ? *)",
            "cron(0 0 3W 1,JUL ? *)",
            "cron(0 22 ? * 6#3 *)",
            "cron(0 22 ? * 6L *)",
            "cron(0 0,12 1 */2 ? *)",
            "cron(0 5 ? * SAT-MON *)",
            "rate(1 hour)",
            "rate(12 hours)",
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "cron(99 5 * * ? *)",
            "cron(0 24 * * ? *)",
            "cron(0 5 0 * ? *)",
            "cron(0 5 32 * ? *)",
            "cron(0 5 ? 13 * *)",
            "cron(0 5 ? * 8 *)",
            "cron(0 5 ? * 6#6 *)",
            "cron(0 5 ? * FOO *)",
            "cron(0 5 * * ? 1969)",
            "cron(0 5 * * * *)",
            "cron(0 5 ? * ? *)",
            "cron(0 5 * * ?)",
            "cron(30-10 5 * * ? *)",
            "cron(0/0 5 * * ? *)",
            "cron(+5 5 * * ? *)",
            "rate(1 hours)",
            "rate(0 hours)",
            "rate(5 fortnights)",
            "at 5",
            "",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}
