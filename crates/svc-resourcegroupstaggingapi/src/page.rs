//! Pages of results, with the sizes and the error of the Resource Groups Tagging API.

use service_api::{Page, ServiceError, take_page};

use crate::error;

/// Takes a page from items that come with the key they are sorted by, ascending.
///
/// # Errors
/// `InvalidParameterException` for a token that no page ended with.
pub(crate) fn take<T>(
    items: impl IntoIterator<Item = (String, T)>,
    token: Option<&String>,
    size: usize,
) -> Result<Page<T>, ServiceError> {
    take_page(items, sent(token), size, refused)
}

/// The token of a request. An empty one asks for the first page.
pub(crate) fn sent(token: Option<&String>) -> Option<&str> {
    token.map(String::as_str).filter(|token| !token.is_empty())
}

pub(crate) fn refused() -> ServiceError {
    error::invalid_parameter("The specified PaginationToken is not valid.")
}
