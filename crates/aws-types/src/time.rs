//! Points in time. The clock is the caller's.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, the finest grain that AWS APIs print.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp {
    unix_millis: i64,
}

impl Timestamp {
    /// From milliseconds since the epoch.
    pub const fn from_unix_millis(unix_millis: i64) -> Self {
        Self { unix_millis }
    }

    /// From whole seconds since the epoch.
    pub const fn from_unix_secs(unix_secs: i64) -> Self {
        Self { unix_millis: unix_secs.saturating_mul(1000) }
    }

    /// Milliseconds since the epoch.
    pub const fn unix_millis(self) -> i64 {
        self.unix_millis
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn unix_secs(self) -> i64 {
        self.unix_millis.div_euclid(1000)
    }

    /// This time moved by so many milliseconds.
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self { unix_millis: self.unix_millis.saturating_add(millis) }
    }
}

/// ISO 8601 in UTC with milliseconds: `2026-11-22T14:28:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_millisecond(self.unix_millis).unwrap_or(jiff::Timestamp::MAX);
        write!(
            f,
            "{}",
            jiff::fmt::temporal::DateTimePrinter::new().precision(Some(3)).timestamp_to_string(&time)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_milliseconds() {
        assert_eq!(Timestamp::from_unix_secs(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Timestamp::from_unix_millis(1_795_357_680_123).to_string(), "2026-11-22T14:28:00.123Z");
    }
}
