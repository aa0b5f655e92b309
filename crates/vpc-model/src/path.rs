//! What a part of the way of packets is like: how long it takes, what it loses, and how much it carries.
//!
//! Owns the checked values, with the words in which people write them, and between what a condition holds. Refuses to know
//! which packets go there (the engine does), and how they are made late (the data plane does).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use aws_types::AvailabilityZone;
use serde::{Deserialize, Serialize};

/// How long packets take one way, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Latency(u32);

/// How many packets are lost, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Loss(u32);

/// How many bits pass in a second, link headers included; or all that come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Bandwidth(u64);

/// A word or number is no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// Of a latency.
    #[error("{0} is no latency of at most 10 s; write it as 2ms, 1.5ms, 500us or 1s")]
    Latency(String),
    /// Of a loss.
    #[error("{0} is no loss; write it as 0.5%, from 0% to 100%")]
    Loss(String),
    /// Of a bandwidth.
    #[error(
        "{0} is no bandwidth from 64kbit to 100gbit in a second; write it as 512kbit, 100mbit, 1gbit or unlimited"
    )]
    Bandwidth(String),
}

/// A number with at most so many digits behind the point, in units of the last of these digits.
fn fixed(text: &str, digits: usize) -> Option<u64> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(rest) || rest.len() > digits {
        return None;
    }
    format!("{whole}{rest:0<digits$}").parse().ok()
}

/// The same number as text, without what says nothing.
fn unfixed(number: u64, digits: usize) -> String {
    let text = format!("{number:0width$}", width = digits + 1);
    let (whole, rest) = text.split_at(text.len() - digits);
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { whole.to_owned() } else { format!("{whole}.{rest}") }
}

impl Latency {
    /// The longest.
    pub const MAX: Self = Self(10_000_000);

    /// So many milliseconds.
    ///
    /// # Errors
    /// When that is longer than [`Self::MAX`].
    pub fn from_millis(millis: u32) -> Result<Self, ConditionError> {
        Self::try_from(millis.saturating_mul(1000))
    }

    /// In microseconds.
    pub const fn micros(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Latency {
    type Error = ConditionError;

    fn try_from(micros: u32) -> Result<Self, ConditionError> {
        if micros > Self::MAX.0 {
            return Err(ConditionError::Latency(format!("{micros}us")));
        }
        Ok(Self(micros))
    }
}

impl From<Latency> for u32 {
    fn from(latency: Latency) -> Self {
        latency.0
    }
}

impl FromStr for Latency {
    type Err = ConditionError;

    /// A number with its unit; without one it is of milliseconds.
    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let micros = if let Some(number) = text.strip_suffix("us") {
            fixed(number, 0)
        } else if let Some(number) = text.strip_suffix("ms") {
            fixed(number, 3)
        } else if let Some(number) = text.strip_suffix('s') {
            fixed(number, 6)
        } else {
            fixed(text, 3)
        };
        let latency = micros.and_then(|micros| Self::try_from(u32::try_from(micros).ok()?).ok());
        latency.ok_or_else(|| ConditionError::Latency(text.to_owned()))
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}ms", unfixed(self.0.into(), 3)))
    }
}

impl Loss {
    /// All of them.
    pub const ALL: Self = Self(1_000_000);

    /// In millionths.
    pub const fn millionths(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Loss {
    type Error = ConditionError;

    fn try_from(millionths: u32) -> Result<Self, ConditionError> {
        if millionths > Self::ALL.0 {
            return Err(ConditionError::Loss(format!("{}%", unfixed(millionths.into(), 4))));
        }
        Ok(Self(millionths))
    }
}

impl From<Loss> for u32 {
    fn from(loss: Loss) -> Self {
        loss.0
    }
}

impl FromStr for Loss {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let millionths = text.strip_suffix('%').and_then(|number| fixed(number, 4));
        let loss = millionths.and_then(|millionths| Self::try_from(u32::try_from(millionths).ok()?).ok());
        loss.ok_or_else(|| ConditionError::Loss(text.to_owned()))
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}%", unfixed(self.0.into(), 4)))
    }
}

impl Bandwidth {
    /// Whatever comes passes.
    pub const UNLIMITED: Self = Self(0);
    /// The smallest.
    pub const MIN: Self = Self(64_000);
    /// The largest.
    pub const MAX: Self = Self(100_000_000_000);

    /// Bits in a second; none where there is no limit.
    pub fn bits_per_sec(self) -> Option<u64> {
        Some(self.0).filter(|&bits| bits > 0)
    }
}

impl TryFrom<u64> for Bandwidth {
    type Error = ConditionError;

    /// Bits in a second, or 0 for no limit.
    fn try_from(bits: u64) -> Result<Self, ConditionError> {
        if bits != 0 && !(Self::MIN.0..=Self::MAX.0).contains(&bits) {
            return Err(ConditionError::Bandwidth(format!("{bits}bit")));
        }
        Ok(Self(bits))
    }
}

impl From<Bandwidth> for u64 {
    fn from(bandwidth: Bandwidth) -> Self {
        bandwidth.0
    }
}

impl FromStr for Bandwidth {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        if text == "unlimited" {
            return Ok(Self::UNLIMITED);
        }
        let units = [("kbit", 3), ("mbit", 6), ("gbit", 9)];
        let bits = units
            .iter()
            .find_map(|&(unit, digits)| Some((text.strip_suffix(unit)?, digits)))
            .and_then(|(number, digits)| fixed(number, digits))
            .filter(|&bits| bits > 0);
        let bandwidth = bits.and_then(|bits| Self::try_from(bits).ok());
        bandwidth.ok_or_else(|| ConditionError::Bandwidth(text.to_owned()))
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (digits, unit) = match self.0 {
            0 => return f.pad("unlimited"),
            bits if bits >= 1_000_000_000 => (9, "gbit"),
            bits if bits >= 1_000_000 => (6, "mbit"),
            _ => (3, "kbit"),
        };
        f.pad(&format!("{}{unit}", unfixed(self.0, digits)))
    }
}

/// What a part of a way is like, each direction by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// How long it takes.
    pub latency: Latency,
    /// What it loses.
    pub loss: Loss,
    /// How much it carries; what comes on top waits for a while, and then is dropped.
    pub bandwidth: Bandwidth,
}

impl Condition {
    /// Whether it is as if there were none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Names a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PathId(u64);

impl PathId {
    /// The id of the path with that name, the same at every start: FNV-1a.
    pub fn of_name(name: &str) -> Self {
        let mix = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }
}

impl fmt::Display for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "path-{:016x}", self.0)
    }
}

/// A part of ways that has a condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Path {
    /// Its id.
    pub id: PathId,
    /// What it lies between.
    pub ends: PathEnds,
    /// What it is like.
    pub condition: Condition,
}

/// What a path lies between.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PathEnds {
    /// From any zone of one list to any of the other, and back. A zone that is in both is a path to itself, whose two
    /// directions are one. No two zones have two paths between them.
    Zones(Vec<AvailabilityZone>, Vec<AvailabilityZone>),
    /// Between a host of the internet, which has these addresses, and all others.
    InternetHost(Vec<IpAddr>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(text: &str, value: Option<u64>, shown: &str)
    where
        T: FromStr<Err = ConditionError> + fmt::Display + Into<u64>,
    {
        let read = text.parse::<T>();
        match value {
            Some(value) => {
                let read = read.unwrap();
                assert_eq!(read.to_string(), shown, "{text}");
                assert_eq!(read.to_string().parse::<T>().unwrap().into(), value, "{shown}");
                assert_eq!(read.into(), value, "{text}");
            }
            None => {
                let error = read.err().map(|error| error.to_string()).unwrap_or_default();
                assert!(error.starts_with(&format!("{text} is no {shown}")), "{text}: {error}");
            }
        }
    }

    /// So that one check reads all.
    #[derive(Debug)]
    struct Wide<T>(T);

    impl<T: FromStr<Err = ConditionError>> FromStr for Wide<T> {
        type Err = ConditionError;

        fn from_str(text: &str) -> Result<Self, ConditionError> {
            text.parse().map(Self)
        }
    }

    impl<T: fmt::Display> fmt::Display for Wide<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.fmt(f)
        }
    }

    impl<T: Into<u32>> From<Wide<T>> for u64 {
        fn from(wide: Wide<T>) -> Self {
            wide.0.into().into()
        }
    }

    #[test]
    fn values_are_written_with_their_units() {
        for (text, micros, shown) in [
            ("2ms", 2000, "2ms"),
            ("2", 2000, "2ms"),
            ("1.5ms", 1500, "1.5ms"),
            ("500us", 500, "0.5ms"),
            ("0ms", 0, "0ms"),
            ("0.25s", 250_000, "250ms"),
            ("10s", 10_000_000, "10000ms"),
        ] {
            check::<Wide<Latency>>(text, Some(micros), shown);
        }
        for text in [
            "",
            "ms",
            "-1ms",
            "1m",
            "10.1s",
            "10000001us",
            "1.5us",
            "0.0001ms",
            "1e3ms",
            "99999999999999999999",
        ] {
            check::<Wide<Latency>>(text, None, "latency");
        }
        for (text, millionths, shown) in
            [("0.5%", 5000, "0.5%"), ("100%", 1_000_000, "100%"), ("0%", 0, "0%"), ("0.0001%", 1, "0.0001%")]
        {
            check::<Wide<Loss>>(text, Some(millionths), shown);
        }
        for text in ["0.5", "100.1%", "-1%", "%", "0.00001%"] {
            check::<Wide<Loss>>(text, None, "loss");
        }
        for (text, bits, shown) in [
            ("100mbit", 100_000_000, "100mbit"),
            ("64kbit", 64_000, "64kbit"),
            ("1.5gbit", 1_500_000_000, "1.5gbit"),
            ("2000kbit", 2_000_000, "2mbit"),
            ("100gbit", 100_000_000_000, "100gbit"),
            ("unlimited", 0, "unlimited"),
        ] {
            check::<Bandwidth>(text, Some(bits), shown);
        }
        for text in ["100", "63kbit", "101gbit", "0mbit", "100mb", "-1mbit", "mbit", "1.0000001mbit"] {
            check::<Bandwidth>(text, None, "bandwidth");
        }
    }

    #[test]
    fn what_is_read_from_records_is_checked() {
        assert!(serde_json::from_str::<Latency>("10000001").is_err());
        assert!(serde_json::from_str::<Loss>("1000001").is_err());
        assert!(serde_json::from_str::<Bandwidth>("1").is_err());
        let condition = Condition { latency: Latency(1), loss: Loss(2), bandwidth: Bandwidth(64_000) };
        let json = serde_json::to_string(&condition).unwrap();
        assert_eq!(serde_json::from_str::<Condition>(&json).unwrap(), condition);
        assert!(Condition::default().is_none() && !condition.is_none());
    }
}
