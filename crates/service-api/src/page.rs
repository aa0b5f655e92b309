//! Pages of results. A token names the last item of its page, so that items that come or go in between neither repeat
//! nor hide others.

use crate::{ServiceError, position, token_after};

/// One page of results.
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The token of the next page, when there is more.
    pub next_token: Option<String>,
}

/// Takes a page from items that come with the key they are sorted by, ascending.
///
/// # Errors
/// What the service answers to a token that no page ended with.
pub fn take_page<T>(
    items: impl IntoIterator<Item = (String, T)>,
    token: Option<&str>,
    size: usize,
    refused: impl FnOnce() -> ServiceError,
) -> Result<Page<T>, ServiceError> {
    let after = token.map(|token| position(token).ok_or_else(refused)).transpose()?;
    let mut rest = items.into_iter().skip_while(|(key, _)| after.is_some_and(|after| key.as_str() <= after));
    let mut page = Page { items: Vec::new(), next_token: None };
    let mut last_key = None;
    for (key, item) in rest.by_ref().take(size) {
        page.items.push(item);
        last_key = Some(key);
    }
    if rest.next().is_some() {
        page.next_token = last_key.as_deref().map(token_after);
    }
    Ok(page)
}

/// How many results were asked for; the model checked the range.
pub fn page_size(max_results: Option<i32>, default: usize) -> usize {
    max_results.and_then(|max| usize::try_from(max).ok()).filter(|max| *max > 0).unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused() -> ServiceError {
        ServiceError::new("InvalidNextToken", "The specified token isn't valid.")
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole(count in 0_usize..40, size in 1_usize..12) {
            let items: Vec<_> = (0..count).map(|index| (format!("{index:04}"), index)).collect();
            let (mut seen, mut token) = (Vec::new(), None);
            loop {
                let page = take_page(items.clone(), token.as_deref(), size, refused).unwrap();
                prop_assert!(page.items.len() == size || page.next_token.is_none());
                seen.extend(page.items);
                token = page.next_token;
                if token.is_none() {
                    break;
                }
            }
            prop_assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for token in ["", "x", "AAAA", "not base64!", "cGFnZQ"] {
            let error =
                take_page([("a".to_owned(), 1)], Some(token), 1, refused).map(|page| page.items).unwrap_err();
            assert_eq!(error.code, "InvalidNextToken", "{token}");
        }
    }
}
