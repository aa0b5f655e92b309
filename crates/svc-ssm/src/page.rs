//! Pages of results, with the error of Systems Manager.

use service_api::{Page, ServiceError, take_page};

pub(crate) use service_api::page_size as size;

/// Takes a page from items that come with the key they are sorted by, ascending.
///
/// # Errors
/// `InvalidNextToken` for a token that no page ended with.
pub(crate) fn take<T>(
    items: impl IntoIterator<Item = (String, T)>,
    token: Option<&str>,
    max_results: usize,
) -> Result<Page<T>, ServiceError> {
    let refused = || ServiceError::new("InvalidNextToken", "The specified token isn't valid.");
    take_page(items, token, max_results, refused)
}
