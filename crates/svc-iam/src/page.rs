//! Pages of results, as IAM has them: `Marker`, `MaxItems` and `IsTruncated`.
//!
//! Owns what a marker looks like: the key of the page's last result, so that results that come or go in between neither
//! repeat nor hide others.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_api::{ServiceError, page_size, position, take_page, token_after};

use crate::error;

/// How many results a page has when the request names no number.
const DEFAULT_ITEMS: usize = 100;

/// One page of results.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page begins, when there is one.
    pub(crate) marker: Option<String>,
}

impl<T> Page<T> {
    /// `IsTruncated`.
    #[expect(clippy::unnecessary_wraps, reason = "it is optional in the model")]
    pub(crate) fn is_truncated(&self) -> Option<bool> {
        Some(self.marker.is_some())
    }
}

/// Takes a page from items that come with the key they are sorted by, ascending. A key has at most 200 bytes: a marker has
/// at most 320.
///
/// # Errors
/// `ValidationError` for a marker that no page ended with.
pub(crate) fn take<T>(
    items: impl IntoIterator<Item = (String, T)>,
    marker: Option<&str>,
    max_items: Option<i32>,
) -> Result<Page<T>, ServiceError> {
    let refused = || error::validation("Invalid Marker.");
    let token = marker.map(|marker| opened(marker).ok_or_else(refused)).transpose()?;
    let page = take_page(items, token.as_deref(), page_size(max_items, DEFAULT_ITEMS), refused)?;
    let marker = page.next_token.map(|token| URL_SAFE_NO_PAD.encode(token));
    Ok(Page { items: page.items, marker })
}

/// A key that fits into a marker: long ones end with their hash, so that they stay apart.
pub(crate) fn short_key(key: &str) -> String {
    const MAX_BYTES: usize = 200;
    if key.len() <= MAX_BYTES {
        return key.to_owned();
    }
    let sum = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.as_bytes());
    let sum = URL_SAFE_NO_PAD.encode(sum);
    let mut end = MAX_BYTES - sum.len();
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{sum}", &key[..end])
}

fn opened(marker: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()?;
    position(&text).map(token_after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_keys_become_short_ones_and_stay_apart() {
        let [one, other] = ["a", "b"].map(|end| format!("{}{end}", "é".repeat(300)));
        assert!(short_key(&one).len() <= 200 && short_key(&one) != short_key(&other));
        assert_eq!(short_key("mfa/phone"), "mfa/phone");
    }

    #[test]
    fn pages_follow_each_other_and_other_markers_are_refused() {
        let items = || ["a", "b", "c"].map(|name| (name.to_owned(), name));
        let first = take(items(), None, Some(2)).unwrap();
        assert_eq!((first.items.as_slice(), first.is_truncated()), (["a", "b"].as_slice(), Some(true)));
        let second = take(items(), first.marker.as_deref(), Some(2)).unwrap();
        assert_eq!((second.items.as_slice(), second.is_truncated()), (["c"].as_slice(), Some(false)));
        for marker in ["", "b", "YQ", "not base64!"] {
            let refused = take(items(), Some(marker), None).map(|page| page.items);
            assert_eq!(refused.unwrap_err().code, "ValidationError", "{marker}");
        }
    }
}
