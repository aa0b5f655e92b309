//! Session tags: what a request gives its session, and what a chained one takes over.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html>

use std::collections::BTreeSet;

use aws_types::{Tag, Tags};
use iam_policy::Context;
use service_api::{ServiceError, Session};

use crate::error::validation;

/// The tags of a session that is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionTags {
    pub(crate) tags: Tags,
    pub(crate) transitive: BTreeSet<String>,
    /// Whether the request or the caller's session brings any, for which it takes `sts:TagSession`.
    pub(crate) is_tagged: bool,
    asked: Vec<Tag>,
}

impl SessionTags {
    /// Checks what a request says, and adds what the caller's session hands on.
    pub(crate) fn of_request(
        asked: Vec<Tag>,
        transitive: Vec<String>,
        caller: Option<&Session>,
    ) -> Result<Self, ServiceError> {
        let mut seen = BTreeSet::new();
        for tag in &asked {
            if tag.key.to_ascii_lowercase().starts_with("aws:") {
                return Err(invalid("Tag keys beginning with \"aws:\" are reserved for system use."));
            }
            if !seen.insert(tag.key.to_lowercase()) {
                return Err(invalid(
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
        }
        if transitive.iter().any(|key| !asked.iter().any(|tag| tag.key == *key)) {
            return Err(validation(
                "The specified transitive tag key must be included in the requested tags.",
            ));
        }
        let mut made = Self {
            tags: asked.iter().cloned().collect(),
            transitive: transitive.into_iter().collect(),
            is_tagged: !asked.is_empty(),
            asked,
        };
        for key in caller.into_iter().flat_map(|session| &session.transitive_tag_keys) {
            if seen.contains(&key.to_lowercase()) {
                return Err(invalid(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                     from the calling session.",
                ));
            }
            let value = caller.and_then(|session| session.tags.get(key)).unwrap_or_default().to_owned();
            made.tags.set(Tag { key: key.clone(), value });
            made.transitive.insert(key.clone());
            made.is_tagged = true;
        }
        Ok(made)
    }

    /// The condition keys of what the request says.
    pub(crate) fn keys(&self, keys: &mut Context) {
        for tag in &self.asked {
            keys.set_tag(format!("aws:RequestTag/{}", tag.key), tag.value.clone());
        }
        keys.set_many("aws:TagKeys", self.asked.iter().map(|tag| tag.key.clone()));
        keys.set_many("sts:TransitiveTagKeys", self.transitive.iter().cloned());
    }
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::new("InvalidParameterValue", message).with_status(400)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> Tag {
        Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn tags_are_checked_and_transitive_ones_are_handed_on() {
        let caller = Session {
            tags: [tag("team", "red"), tag("own", "x")].into_iter().collect(),
            transitive_tag_keys: ["team".to_owned()].into(),
            ..Session::default()
        };
        let made = SessionTags::of_request(vec![tag("cost", "7")], vec![], Some(&caller)).unwrap();
        assert_eq!(made.tags, [tag("team", "red"), tag("cost", "7")].into_iter().collect());
        assert_eq!(made.transitive, ["team".to_owned()].into());
        assert!(made.is_tagged);
        let none = SessionTags::of_request(vec![], vec![], Some(&Session::default())).unwrap();
        assert_eq!(none, SessionTags::default());
        let check = |tags, transitive: &[&str], code: &str| {
            let transitive = transitive.iter().map(|key| (*key).to_owned()).collect();
            let error = SessionTags::of_request(tags, transitive, Some(&caller)).unwrap_err();
            assert_eq!(error.code, code, "{error}");
        };
        check(vec![tag("a", "1"), tag("A", "2")], &[], "InvalidParameterValue");
        check(vec![tag("aws:a", "1")], &[], "InvalidParameterValue");
        check(vec![tag("Team", "blue")], &[], "InvalidParameterValue");
        check(vec![tag("a", "1")], &["b"], "ValidationError");
    }
}
