//! GetTagKeys and GetTagValues: the keys and values that tags of the caller's resources in the region have.

use std::collections::BTreeSet;

use aws_api::resourcegroupstaggingapi::{
    GetTagKeysInput, GetTagKeysOutput, GetTagValuesInput, GetTagValuesOutput,
};
use service_api::{RequestContext, ServiceError};

use crate::{State, page};

/// How many keys or values a page has.
const PER_PAGE: usize = 1000;

/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetTagKeys.html>
pub(crate) fn keys(
    state: &State,
    context: &RequestContext,
    request: GetTagKeysInput,
) -> Result<GetTagKeysOutput, ServiceError> {
    let resources = state.own(context);
    let keys: BTreeSet<&str> =
        resources.iter().flat_map(|resource| resource.tags.iter().map(|(key, _)| key)).collect();
    let page = page::take(keyed(keys), request.pagination_token.as_ref(), PER_PAGE)?;
    Ok(GetTagKeysOutput {
        pagination_token: Some(page.next_token.unwrap_or_default()),
        tag_keys: Some(page.items),
    })
}

/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetTagValues.html>
pub(crate) fn values(
    state: &State,
    context: &RequestContext,
    request: GetTagValuesInput,
) -> Result<GetTagValuesOutput, ServiceError> {
    let resources = state.own(context);
    let values: BTreeSet<&str> =
        resources.iter().filter_map(|resource| resource.tags.get(&request.key)).collect();
    let page = page::take(keyed(values), request.pagination_token.as_ref(), PER_PAGE)?;
    Ok(GetTagValuesOutput {
        pagination_token: Some(page.next_token.unwrap_or_default()),
        tag_values: Some(page.items),
    })
}

fn keyed(texts: BTreeSet<&str>) -> impl Iterator<Item = (String, String)> {
    texts.into_iter().map(|text| (text.to_owned(), text.to_owned()))
}
