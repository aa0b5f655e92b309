//! Percent-encoding as Signature Version 4 wants it.

use std::borrow::Cow;
use std::fmt::Write;

/// Percent-encodes all but the unreserved characters of RFC 3986, with upper-case hexadecimal digits.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            encoded.push(char::from(*byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("writing to a string does not fail");
        }
    }
    encoded
}

/// Undoes percent-encoding. A `%` that does not begin an escape stands for itself, and so does `+`.
pub(crate) fn decode(text: &str) -> Cow<'_, [u8]> {
    percent_encoding::percent_decode_str(text).into()
}

/// Encodes each segment of a path, after it was decoded or as it is.
pub(crate) fn encode_path(path: &str, decode_first: bool) -> String {
    let segments = path
        .split('/')
        .map(|segment| if decode_first { encode(&decode(segment)) } else { encode(segment.as_bytes()) });
    segments.collect::<Vec<_>>().join("/")
}

/// Removes empty and dot segments as RFC 3986 section 5.2.4 has it. A slash at the end stays.
pub(crate) fn normalise_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let is_directory = path.ends_with('/') && !kept.is_empty();
    format!("/{}{}", kept.join("/"), if is_directory { "/" } else { "" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_normalised() {
        for (path, expect) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/..", "/"),
            ("/a/..", "/"),
            ("/a//b", "/a/b"),
            ("//a/./b/", "/a/b/"),
            ("/a/b/../c", "/a/c"),
        ] {
            assert_eq!(normalise_path(path), expect, "{path}");
        }
    }

    proptest! {
        #[test]
        fn encoding_is_undone_by_decoding(bytes in any::<Vec<u8>>()) {
            let encoded = encode(&bytes);
            prop_assert!(encoded.is_ascii());
            let decoded = decode(&encoded).into_owned();
            prop_assert_eq!(decoded, bytes);
        }
    }
}
