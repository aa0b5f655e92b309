//! Pages of results, with the size and the error of Organizations.

use service_api::{Page, ServiceError, page_size, take_page};

use crate::error;

/// How many results a page has when the request names no number; also the most that it can name.
const DEFAULT_RESULTS: usize = 20;

/// Takes a page from items that come with the key they are sorted by, ascending.
///
/// # Errors
/// `InvalidInputException` for a token that no page ended with.
pub(crate) fn take<T>(
    items: impl IntoIterator<Item = (String, T)>,
    token: Option<&str>,
    max_results: Option<i32>,
) -> Result<Page<T>, ServiceError> {
    let refused =
        || error::invalid_input("INVALID_NEXT_TOKEN", "The specified value for NextToken is not valid.");
    take_page(items, token, page_size(max_results, DEFAULT_RESULTS), refused)
}
