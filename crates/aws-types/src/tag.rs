//! Resource tags.

use serde::{Deserialize, Serialize};

/// One tag of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tag {
    /// 1 to 128 characters, case sensitive, unique on its resource.
    pub key: String,
    /// 0 to 256 characters.
    pub value: String,
}

/// The tags of one resource, in order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tags(std::collections::BTreeMap<String, String>);

impl Tags {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets a tag; the same key is overwritten.
    pub fn set(&mut self, tag: Tag) {
        self.0.insert(tag.key, tag.value);
    }

    /// Removes a key, or only the pair when a value is given.
    pub fn remove(&mut self, key: &str, value: Option<&str>) {
        if value.is_none_or(|value| self.get(key) == Some(value)) {
            self.0.remove(key);
        }
    }

    /// All pairs, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Tag> for Tags {
    fn from_iter<I: IntoIterator<Item = Tag>>(tags: I) -> Self {
        Self(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
    }
}
