//! Tags, as all resources of IAM have them.
//!
//! Owns the rules of keys and numbers. The resources' files own the operations.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html>

use std::collections::BTreeSet;

use aws_api::iam as api;
use aws_types::{Tag, Tags};
use service_api::ServiceError;

use crate::error;

/// How many tags one can have.
const MAX_TAGS: usize = 50;

/// Whether two keys that differ in case alone are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyCase {
    /// They are: of users and roles. The last one's case is kept.
    Ignored,
    /// They are two: of everything else.
    Kept,
}

impl KeyCase {
    fn same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Ignored => one.to_lowercase() == other.to_lowercase(),
            Self::Kept => one == other,
        }
    }
}

/// The tags of what a request creates.
///
/// # Errors
/// `InvalidInput`, `LimitExceeded`.
pub(crate) fn of(case: KeyCase, wanted: Option<Vec<api::Tag>>) -> Result<Tags, ServiceError> {
    let mut tags = Tags::default();
    add(case, &mut tags, wanted.unwrap_or_default())?;
    Ok(tags)
}

/// Sets tags.
///
/// # Errors
/// `InvalidInput`, `LimitExceeded`.
pub(crate) fn add(case: KeyCase, tags: &mut Tags, wanted: Vec<api::Tag>) -> Result<(), ServiceError> {
    let mut named = BTreeSet::new();
    for tag in wanted {
        if tag.key.to_ascii_lowercase().starts_with("aws:") {
            return Err(error::invalid_input(
                "Value at 'tags.member.key' failed to satisfy constraint: Member must not begin with the reserved prefix aws:",
            ));
        }
        // A request cannot name a key twice, whatever the case, of no resource.
        if !named.insert(tag.key.to_lowercase()) {
            return Err(error::invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
        remove(case, tags, std::slice::from_ref(&tag.key));
        tags.set(Tag { key: tag.key, value: tag.value });
    }
    if tags.len() > MAX_TAGS {
        return Err(error::limit_exceeded(format!(
            "The number of tags has reached the maximum limit of {MAX_TAGS}."
        )));
    }
    Ok(())
}

/// Removes tags by their keys.
pub(crate) fn remove(case: KeyCase, tags: &mut Tags, keys: &[String]) {
    let gone = |held: &str| keys.iter().any(|key| case.same(held, key));
    let gone: Vec<String> = tags.iter().filter(|(key, _)| gone(key)).map(|(key, _)| key.to_owned()).collect();
    gone.iter().for_each(|key| tags.remove(key, None));
}

/// Tags as answers have them.
pub(crate) fn shown(tags: &Tags) -> Vec<api::Tag> {
    tags.iter().map(|(key, value)| api::Tag { key: key.to_owned(), value: value.to_owned() }).collect()
}

/// [`shown`] with what pages are sorted by: the place in the order of the keys, since a key can have more bytes than a marker.
pub(crate) fn keyed(tags: &Tags) -> impl Iterator<Item = (String, api::Tag)> {
    shown(tags).into_iter().enumerate().map(|(place, tag)| (format!("{place:03}"), tag))
}
