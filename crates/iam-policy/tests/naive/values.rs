//! Values that are not texts, read by other means than the crate has.

use jiff::Timestamp;
use jiff::civil::Date;

pub(crate) fn number(text: &str) -> Option<f64> {
    if text.chars().any(|character| character.is_alphabetic() && character != 'e') {
        return None;
    }
    text.parse().ok()
}

/// Seconds since the epoch. The cases have whole ones only.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    let of_date = |year: &str, month: &str, day: &str| {
        let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    };
    if !text.contains('-') {
        return text.parse().ok();
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time.as_second());
    }
    match text.split('-').collect::<Vec<_>>().as_slice() {
        [year, month] => of_date(year, month, "1"),
        [year, month, day] => of_date(year, month, day),
        _ => None,
    }
}

pub(crate) fn in_network(given: &str, network: &str) -> bool {
    let (address, length) =
        network.split_once('/').map_or((network, None), |(address, length)| (address, Some(length)));
    let (Some((given, given_bits)), Some((address, bits))) = (address_bits(given), address_bits(address))
    else {
        return false;
    };
    let length: u32 = length.map_or(bits, |length| length.parse().unwrap());
    let cut = bits - length;
    given_bits == bits && (cut == 128 || given >> cut == address >> cut)
}

/// An address as a number, and how many bits it has. One of version 4 may be written as one of version 6.
fn address_bits(text: &str) -> Option<(u128, u32)> {
    let text = text.strip_prefix("::ffff:").unwrap_or(text);
    if let Ok(address) = text.parse::<std::net::Ipv4Addr>() {
        return Some((u32::from(address).into(), 32));
    }
    text.parse::<std::net::Ipv6Addr>().ok().map(|address| (address.into(), 128))
}

/// Bytes of base 64 with its padding.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let unpadded = text.trim_end_matches('=');
    let mut bits = String::new();
    for letter in unpadded.chars() {
        bits += &format!("{:06b}", LETTERS.find(letter)?);
    }
    bits.truncate(bits.len() / 8 * 8);
    bits.as_bytes()
        .chunks(8)
        .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).ok()?, 2).ok())
        .collect()
}
