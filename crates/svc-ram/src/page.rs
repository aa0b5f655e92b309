//! Pages of results. A token names the last item of its page, so that items that come in between neither repeat nor hide
//! others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_api::ServiceError;

/// What every token begins with, so that any other text is told apart.
const MARK: &str = "page:";

/// How many results a page has when the request names no number; also the most that it can name.
const DEFAULT_RESULTS: usize = 100;

/// One page, and the token of the next when there is more.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// Takes a page from items that come with the key they are sorted by, ascending.
///
/// # Errors
/// `InvalidNextTokenException` for a token that no page ended with.
pub(crate) fn take<T>(
    items: impl IntoIterator<Item = (String, T)>,
    token: Option<&str>,
    max_results: Option<i32>,
) -> Result<Page<T>, ServiceError> {
    let size = max_results.and_then(|max| usize::try_from(max).ok()).filter(|max| *max > 0);
    let after = token.map(read).transpose()?;
    let mut rest = items.into_iter().skip_while(|(key, _)| after.as_ref().is_some_and(|after| key <= after));
    let (keys, items): (Vec<String>, Vec<T>) = rest.by_ref().take(size.unwrap_or(DEFAULT_RESULTS)).unzip();
    let more = rest.next().and(keys.last());
    Ok(Page { items, next_token: more.map(|key| URL_SAFE_NO_PAD.encode(format!("{MARK}{key}"))) })
}

fn read(token: &str) -> Result<String, ServiceError> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    let key = text.as_deref().and_then(|text| text.strip_prefix(MARK));
    key.map(str::to_owned).ok_or_else(|| {
        ServiceError::new("InvalidNextTokenException", "The specified value for NextToken is not valid.")
    })
}
