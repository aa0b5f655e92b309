//! Pages of describe operations.
//!
//! Owns `MaxResults` and `NextToken`. A token names the last item of the page that it follows, so it stays valid
//! whatever is created or deleted in between. Refuses to know what the items are, and how tokens are sealed against other
//! requests, changes and use after a day (`service_api` does that).

use std::sync::Arc;

use service_api::{ServiceError, position, token_after};

use crate::error;
use crate::filter::Wanted;
use crate::sharing::Owned;
use crate::state::{Resource, State, View};

/// The smallest and largest `MaxResults`.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html#api-pagination>
pub(crate) const LIMITS: (i32, i32) = (5, 1000);

/// The same where AWS names no smallest `MaxResults`.
pub(crate) const LIMITS_FROM_ONE: (i32, i32) = (1, 1000);

fn invalid_token() -> ServiceError {
    ServiceError::new("InvalidNextToken", "The specified NextToken is not valid.")
}

/// What a request says about pages.
pub(crate) struct Page<'a> {
    /// The operation, for whoever looks for a mistake.
    operation: &'static str,
    /// `MaxResults`.
    max_results: Option<i32>,
    /// `NextToken`.
    next_token: Option<&'a String>,
    /// The smallest and largest `MaxResults` of the operation.
    limits: (i32, i32),
}

impl<'a> Page<'a> {
    /// With the limits that most operations have.
    pub(crate) fn new(
        operation: &'static str,
        max_results: Option<i32>,
        next_token: Option<&'a String>,
    ) -> Self {
        Self::within(operation, max_results, next_token, LIMITS)
    }

    /// With limits of the operation's own.
    pub(crate) fn within(
        operation: &'static str,
        max_results: Option<i32>,
        next_token: Option<&'a String>,
        limits: (i32, i32),
    ) -> Self {
        Self { operation, max_results, next_token, limits }
    }

    /// The same where AWS takes a larger `MaxResults` for the largest.
    pub(crate) fn capped(
        operation: &'static str,
        max_results: Option<i32>,
        next_token: Option<&'a String>,
        limits: (i32, i32),
    ) -> Self {
        Self::within(operation, max_results.map(|size| size.min(limits.1)), next_token, limits)
    }

    /// The key that the page follows, where it is not the first.
    ///
    /// # Errors
    /// `InvalidNextToken`.
    pub(crate) fn after(&self) -> Result<Option<&'a str>, ServiceError> {
        self.next_token.map(|token| position(token).ok_or_else(invalid_token)).transpose()
    }

    /// The page of the resources of a kind (those with these ids, or all) that match the filters. Shows none before the
    /// page, one after it, and few that do not match: see [`Resource::attribute`].
    ///
    /// # Errors
    /// Of the ids, of the filters, of the page.
    pub(crate) fn of<R: Resource, T>(
        &self,
        state: &impl State,
        ids: Option<&Vec<String>>,
        wanted: Result<Wanted<'_, T>, ServiceError>,
        show: impl Fn(&R) -> T,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        if ids.is_some_and(|ids| !ids.is_empty()) {
            return self.of_these(state.selected::<R>(ids)?, wanted, show);
        }
        let wanted = wanted?;
        self.size()?;
        let key = |resource: &Arc<R>| resource.id().to_string();
        self.cut_while_shown(
            state.after::<R>(self.after()?),
            key,
            may_match::<R, T>(&wanted),
            &wanted,
            |it| show(it),
        )
    }

    /// The page of these resources, which are ordered by their ids.
    ///
    /// # Errors
    /// Of the filters, of the page.
    pub(crate) fn of_these<R: Resource, T>(
        &self,
        resources: impl IntoIterator<Item = Arc<R>>,
        wanted: Result<Wanted<'_, T>, ServiceError>,
        show: impl Fn(&R) -> T,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        let key = |resource: &Arc<R>| resource.id().to_string();
        let wanted = wanted?;
        self.cut_while_shown(resources, key, may_match::<R, T>(&wanted), &wanted, |resource| show(resource))
    }

    /// The page of the resources of a kind, as [`Page::of`], where those of other accounts can be among them: each is shown
    /// as its owner's view has it.
    ///
    /// # Errors
    /// Of the ids, of the filters, of the page.
    pub(crate) fn of_seen<R: Resource, T>(
        &self,
        view: &View,
        ids: Option<&Vec<String>>,
        wanted: Result<Wanted<'_, T>, ServiceError>,
        show: impl Fn(&View, &R) -> T,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        if ids.is_some_and(|ids| !ids.is_empty()) {
            return self.of_owned(view, view.all_seen::<R>(ids)?, wanted, show);
        }
        let others = view.others_seen::<R>();
        if others.is_empty() {
            return self.of(view, None, wanted, |resource| show(view, resource));
        }
        let mut all: Vec<Owned<R>> = view.all_own::<R>().chain(others).collect();
        all.sort_by_key(|held| held.resource.id());
        self.of_owned(view, all, wanted, show)
    }

    /// The page of these resources, which are ordered by their ids and some of which are other accounts'.
    ///
    /// # Errors
    /// Of the filters, of the page.
    pub(crate) fn of_owned<R: Resource, T>(
        &self,
        view: &View,
        resources: Vec<Owned<R>>,
        wanted: Result<Wanted<'_, T>, ServiceError>,
        show: impl Fn(&View, &R) -> T,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        let wanted = wanted?;
        let may_match = may_match::<R, T>(&wanted);
        self.cut_while_shown(
            resources,
            |held| held.resource.id().to_string(),
            |held| may_match(&held.resource),
            &wanted,
            |held| {
                if held.owner == view.account() {
                    show(view, &held.resource)
                } else {
                    show(&view.of_owner(held.owner), &held.resource)
                }
            },
        )
    }

    /// The page of items that are ordered by their key: shows those that may match, from the one after the last page to
    /// the first after this one.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a page size out of range, `InvalidNextToken`.
    pub(crate) fn cut_while_shown<I, T>(
        &self,
        items: impl IntoIterator<Item = I>,
        key: impl Fn(&I) -> String,
        may_match: impl Fn(&I) -> bool,
        wanted: &Wanted<'_, T>,
        show: impl Fn(&I) -> T,
    ) -> Result<(Vec<T>, Option<String>), ServiceError> {
        let size = self.size()?;
        let after = self.after()?;
        let (mut page, mut last) = (Vec::new(), None);
        let mut rest = items.into_iter().peekable();
        while rest.next_if(|item| after.is_some_and(|after| key(item).as_str() <= after)).is_some() {}
        for item in rest {
            if !may_match(&item) {
                debug_assert!(
                    !wanted.matches(&show(&item)),
                    "{}: an item that matches is left out",
                    self.operation
                );
                continue;
            }
            let shown = show(&item);
            if !wanted.matches(&shown) {
                continue;
            }
            if page.len() == size {
                return Ok((page, last.as_ref().map(|last| token_after(&key(last)))));
            }
            page.push(shown);
            last = Some(item);
        }
        Ok((page, None))
    }

    /// How many items the page has at most.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a size out of range.
    fn size(&self) -> Result<usize, ServiceError> {
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
        Ok(self.max_results.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX))
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
        debug_assert!(items.is_sorted_by(|a, b| key(a) <= key(b)), "{} cuts ordered items", self.operation);
        let size = self.size()?;
        if let Some(last) = self.after()? {
            items.drain(..items.partition_point(|item| key(item) <= last));
        }
        if items.len() <= size {
            return Ok((items, None));
        }
        items.truncate(size);
        let next = items.last().map(|item| token_after(key(item)));
        Ok((items, next))
    }
}

fn may_match<R: Resource, T>(wanted: &Wanted<'_, T>) -> impl Fn(&Arc<R>) -> bool {
    move |resource: &Arc<R>| wanted.may_match(resource.tags(), |name| resource.attribute(name))
}

#[cfg(test)]
mod tests {
    use aws_api::ec2 as api;
    use aws_types::Tags;
    use proptest::prelude::*;

    use super::*;
    use crate::filter::Filters;

    #[test]
    fn a_capped_page_has_as_many_items_as_the_largest() {
        let items: Vec<String> = (0..30).map(|number| format!("{number:02}")).collect();
        let page = Page::capped("DescribeThings", Some(1_000_000), None, (1, 20));
        let (items, next) = page.cut(items, String::as_str).unwrap();
        assert_eq!((items.len(), next.is_some()), (20, true));
    }

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
            prop_assume!(!text.is_empty() && !text.starts_with("after:"));
            let error = Page::new("D", None, Some(&text)).cut(vec!["a"], |item| item).unwrap_err();
            prop_assert_eq!(error.code, "InvalidNextToken");
        }
    }

    static NAMES: Filters<String> =
        Filters { tags: None, named: &[("name", |name| vec![name.clone()])], absent: &[] };

    #[test]
    fn only_the_page_and_the_item_after_it_are_shown() {
        let shown = std::cell::RefCell::new(Vec::new());
        let page = |next: Option<&String>| {
            shown.borrow_mut().clear();
            let key = |item: &i32| format!("{item:03}");
            let show = |item: &i32| {
                shown.borrow_mut().push(*item);
                key(item)
            };
            let wanted = NAMES.wanted(None).unwrap();
            Page::new("D", Some(5), next).cut_while_shown(0..100, key, |_| true, &wanted, show).unwrap()
        };
        let (first, next) = page(None);
        assert_eq!(first, ["000", "001", "002", "003", "004"]);
        assert_eq!(*shown.borrow(), [0, 1, 2, 3, 4, 5]);
        page(next.as_ref());
        assert_eq!(*shown.borrow(), [5, 6, 7, 8, 9, 10]);
    }

    #[test]
    fn pages_of_what_matches_join_to_the_whole() {
        let filters =
            vec![api::Filter { name: Some("name".to_owned()), values: Some(vec!["*7".to_owned()]) }];
        let (mut joined, mut next) = (Vec::new(), None);
        loop {
            let wanted = NAMES.wanted(Some(&filters)).unwrap();
            let key = |item: &i32| format!("{item:03}");
            let may_match = |item: &i32| wanted.may_match(&Tags::default(), |_| Some(key(item)));
            let page = Page::new("D", Some(5), next.as_ref());
            let (items, token) = page.cut_while_shown(0..100, key, may_match, &wanted, key).unwrap();
            joined.extend(items);
            match token {
                Some(token) => next = Some(token),
                None => break,
            }
        }
        assert_eq!(joined, (0..10).map(|ten| format!("0{ten}7")).collect::<Vec<_>>());
    }
}
