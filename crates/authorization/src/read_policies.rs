//! The policies that come as text: of sessions and of VPC endpoints with every request, read once for many requests, and of the
//! resources of one request, read once for it.
//!
//! Owns how many are remembered. Reading one takes longer than the decision. They are found by the whole text, so that none is
//! taken for another.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use iam_policy::Policy;
use parking_lot::Mutex;

use crate::nothing;

/// How many are remembered since the last time that so many were; those of the time before are remembered, too. A text of
/// a session has 2,048 characters at most, and of an endpoint, of which there are few, 20,480: all of them take a few
/// megabytes.
const REMEMBERED_MAX: usize = 512;

/// Policies that were read lately.
#[derive(Default)]
pub(crate) struct ReadPolicies(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    newer: HashSet<ByText>,
    older: HashSet<ByText>,
}

/// A policy that is found by its text.
struct ByText(Policy);

impl Borrow<str> for ByText {
    fn borrow(&self) -> &str {
        self.0.text()
    }
}

impl Hash for ByText {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text().hash(state);
    }
}

impl PartialEq for ByText {
    fn eq(&self, other: &Self) -> bool {
        self.0.text() == other.0.text()
    }
}

impl Eq for ByText {}

impl ReadPolicies {
    /// The policy of that text, unless it is none.
    pub(crate) fn read(&self, text: &str) -> Option<Policy> {
        let mut remembered = self.0.lock();
        if let Some(found) = remembered.newer.get(text) {
            return Some(found.0.clone());
        }
        let found = remembered.older.take(text);
        drop(remembered);
        let found = match found {
            Some(found) => found.0,
            None => Policy::parse_stored(text).ok()?,
        };
        let mut remembered = self.0.lock();
        if remembered.newer.len() == REMEMBERED_MAX {
            remembered.older = std::mem::take(&mut remembered.newer);
        }
        remembered.newer.insert(ByText(found.clone()));
        Some(found)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let remembered = self.0.lock();
        remembered.newer.len() + remembered.older.len()
    }
}

/// The policies of the resources of one request, of which there may be a thousand with one policy. They are forgotten with it:
/// resources are many more than sessions and endpoints.
#[derive(Default)]
pub(crate) struct ResourcePolicies<'a> {
    read: HashMap<&'a str, Policy>,
    /// The latest text, which is most often the next one, too.
    latest: Option<(&'a Arc<str>, Policy)>,
}

impl<'a> ResourcePolicies<'a> {
    /// The policy of that text. One that cannot be read allows nothing, for the resource's owner cannot have meant that it says
    /// nothing.
    pub(crate) fn read(&mut self, text: &'a Arc<str>) -> Policy {
        if let Some((_, policy)) = self.latest.as_ref().filter(|(latest, _)| Arc::ptr_eq(latest, text)) {
            return policy.clone();
        }
        let read = || Policy::parse_stored(text).unwrap_or_else(|_| nothing());
        let policy = self.read.entry(text).or_insert_with(read).clone();
        self.latest = Some((text, policy.clone()));
        policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: usize) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"S{number}","Effect":"Allow","Action":"*","Resource":"*"}}]}}"#
        )
    }

    #[test]
    fn a_text_of_many_resources_is_read_once() {
        let texts: Vec<Arc<str>> = [text(1), text(2), text(1), "{".to_owned()].map(Into::into).into();
        let again = Arc::clone(&texts[0]);
        let mut policies = ResourcePolicies::default();
        let first = policies.read(&texts[0]);
        assert_eq!(first.statements()[0].sid(), Some("S1"));
        assert_eq!(policies.read(&texts[1]).statements()[0].sid(), Some("S2"));
        for same in [&texts[2], &texts[2], &again] {
            assert!(std::ptr::eq(policies.read(same).text(), first.text()));
        }
        assert_eq!(policies.read(&texts[3]), nothing());
    }

    #[test]
    fn what_is_used_is_remembered_and_no_more_than_fits() {
        let policies = ReadPolicies::default();
        assert_eq!(policies.read("{"), None);
        assert_eq!(policies.len(), 0);
        for number in 0..3_000 {
            let read = policies.read(&text(number));
            assert!(read.is_some_and(|policy| policy.text() == text(number)));
            let used = policies.read(&text(0));
            assert!(used.is_some_and(|policy| policy.statements()[0].sid() == Some("S0")));
            assert!(policies.len() <= 2 * REMEMBERED_MAX);
        }
        let remembered = policies.0.lock();
        assert!(remembered.newer.contains(text(0).as_str()) || remembered.older.contains(text(0).as_str()));
        assert!(!remembered.newer.contains(text(1).as_str()) && !remembered.older.contains(text(1).as_str()));
    }
}
