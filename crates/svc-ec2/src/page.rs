//! Pages of describe operations.
//!
//! Owns `MaxResults` and `NextToken`. A token names the last item of the page that it follows, so it stays valid
//! whatever is created or deleted in between. Refuses to know what the items are.

use aws_api::ec2 as api;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_api::ServiceError;
use sha2::{Digest, Sha256};

use crate::error;
use crate::sharing::Owned;
use crate::state::Resource;

/// The smallest and largest `MaxResults`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination>
pub(crate) const LIMITS: (i32, i32) = (5, 1000);

/// How much of the check sum stands in a token.
const CHECK_BYTES: usize = 8;

fn check_sum(operation: &str, last: &str) -> Vec<u8> {
    let mut hash = Sha256::new();
    hash.update(operation.as_bytes());
    hash.update([0]);
    hash.update(last.as_bytes());
    hash.finalize()[..CHECK_BYTES].to_vec()
}

fn token(operation: &str, last: &str) -> String {
    let mut bytes = check_sum(operation, last);
    bytes.extend(last.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn last_of(operation: &str, token: &str) -> Result<String, ServiceError> {
    let invalid = || ServiceError::new("InvalidNextToken", "The specified NextToken is not valid.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (check, last) = bytes.split_at_checked(CHECK_BYTES).ok_or_else(invalid)?;
    let last = std::str::from_utf8(last).map_err(|_| invalid())?;
    if check == check_sum(operation, last) { Ok(last.to_owned()) } else { Err(invalid()) }
}

/// What a request says about pages.
pub(crate) struct Page<'a> {
    /// The operation: a token of another one is refused.
    pub(crate) operation: &'static str,
    /// `MaxResults`.
    pub(crate) max_results: Option<i32>,
    /// `NextToken`.
    pub(crate) next_token: Option<&'a String>,
    /// The smallest and largest `MaxResults` of the operation.
    pub(crate) limits: (i32, i32),
}

impl<'a> Page<'a> {
    /// With the limits that most operations have.
    pub(crate) fn new(
        operation: &'static str,
        max_results: Option<i32>,
        next_token: Option<&'a String>,
    ) -> Self {
        Self { operation, max_results, next_token, limits: LIMITS }
    }

    /// Leaves out resources that are sure to be beside the page, so that they need not be shown to be left out by
    /// [`Page::cut`]: where nothing is filtered, those before it and those after the first that follows it.
    pub(crate) fn before_filters<R: Resource>(
        &self,
        mut resources: Vec<Owned<R>>,
        filters: Option<&Vec<api::Filter>>,
    ) -> Vec<Owned<R>> {
        if filters.is_some_and(|filters| !filters.is_empty()) {
            return resources;
        }
        // What is wrong with the token or the size is told by `cut`.
        let token = self.next_token.filter(|token| !token.is_empty());
        if let Some(last) = token.and_then(|token| last_of(self.operation, token).ok()) {
            resources.drain(..resources.partition_point(|held| held.resource.id().to_string() <= last));
        }
        if let Some(size) = self.max_results.and_then(|size| usize::try_from(size).ok()) {
            resources.truncate(size.saturating_add(1));
        }
        resources
    }

    /// Cuts the page out of all items, which are ordered by their key, and returns it with the next page's token.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a page size out of range, `InvalidNextToken`.
    pub(crate) fn cut<T>(
        &self,
        mut items: Vec<T>,
        key: impl Fn(&T) -> &str,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        debug_assert!(items.is_sorted_by(|a, b| key(a) <= key(b)), "pages are cut from ordered items");
        let (least, most) = self.limits;
        let bound = match self.max_results {
            Some(size) if size < least => {
                Some(format!("Expecting a value greater than or equal to {least}."))
            }
            Some(size) if size > most => Some(format!("Expecting a value less than or equal to {most}.")),
            _ => None,
        };
        if let (Some(size), Some(bound)) = (self.max_results, bound) {
            return Err(error::invalid_value_for(size, "maxResults", &bound));
        }
        if let Some(token) = self.next_token.filter(|token| !token.is_empty()) {
            let last = last_of(self.operation, token)?;
            items.drain(..items.partition_point(|item| key(item) <= last.as_str()));
        }
        let size = self.max_results.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
        if items.len() <= size {
            return Ok((items, None));
        }
        items.truncate(size);
        let next = items.last().map(|item| token(self.operation, key(item)));
        Ok((items, next))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_join_to_the_whole(keys in proptest::collection::btree_set("[a-z0-9-]{1,8}", 0..60), size in 5_i32..20) {
            let keys: Vec<String> = keys.into_iter().collect();
            let mut joined = Vec::new();
            let mut next = None;
            loop {
                let page = Page::new("DescribeThings", Some(size), next.as_ref());
                let (items, token) = page.cut(keys.clone(), String::as_str).unwrap();
                prop_assert!(items.len() <= size as usize);
                prop_assert!(token.is_none() || items.len() == size as usize);
                joined.extend(items);
                match token {
                    Some(token) => next = Some(token),
                    None => break,
                }
            }
            prop_assert_eq!(joined, keys);
        }

        #[test]
        fn an_item_deleted_between_pages_loses_no_other(keys in proptest::collection::btree_set("[a-z]{1,6}", 7..40)) {
            let mut keys: Vec<String> = keys.into_iter().collect();
            let (first, next) = Page::new("D", Some(5), None).cut(keys.clone(), String::as_str).unwrap();
            keys.remove(4);
            let (rest, _) = Page::new("D", Some(1000), next.as_ref()).cut(keys.clone(), String::as_str).unwrap();
            prop_assert_eq!(&rest[..], &keys[4..]);
            prop_assert_eq!(first.len(), 5);
        }

        #[test]
        fn other_tokens_are_refused(text in ".{0,40}") {
            prop_assume!(!text.is_empty());
            let error = Page::new("D", None, Some(&text)).cut(vec!["a"], |item| item).unwrap_err();
            prop_assert_eq!(error.code, "InvalidNextToken");
        }
    }

    #[test]
    fn a_token_belongs_to_its_operation() {
        let foreign = token("DescribeVpcs", "vpc-1");
        let error =
            Page::new("DescribeSubnets", None, Some(&foreign)).cut(vec!["a"], |item| item).unwrap_err();
        assert_eq!(error.code, "InvalidNextToken");
    }
}
