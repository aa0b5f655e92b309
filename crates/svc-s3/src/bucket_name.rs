//! What buckets can be called.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>

/// What no name begins with.
const PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
/// What no name ends in.
const SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Whether a bucket can be called so.
pub(crate) fn is_valid(name: &str) -> bool {
    let is_edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    (3..=63).contains(&name.len())
        && bytes.iter().all(|byte| is_edge(byte) || matches!(byte, b'.' | b'-'))
        && bytes.first().is_some_and(is_edge)
        && bytes.last().is_some_and(is_edge)
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !is_like_address(name)
        && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        && !SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

/// Four numbers, also where they are too large for an address.
fn is_like_address(name: &str) -> bool {
    let mut parts = name.split('.');
    name.split('.').count() == 4
        && parts.all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_the_rules_say() {
        for name in ["abc", "a-b.c", "1.2.3", "my-bucket-1", &"a".repeat(63), "1.2.3.4.5", "a.b.c.d"] {
            assert!(is_valid(name), "{name}");
        }
        for name in [
            "",
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            ".abc",
            "abc.",
            "a..b",
            "192.168.5.4",
            "999.1.1.1",
            "xn--abc",
            "sthree-abc",
            "amzn-s3-demo-x",
            "abc-s3alias",
            "abc--ol-s3",
            "abc.mrap",
            "abc--x-s3",
            "abc--table-s3",
            "äbc",
            "a b",
        ] {
            assert!(!is_valid(name), "{name}");
        }
    }
}
