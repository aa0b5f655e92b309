//! What is known of a request: condition keys and their values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use smallvec::{SmallVec, smallvec};

/// The text of a key or of a value. Literals cost no allocation.
pub type Text = Cow<'static, str>;

/// Most keys have one value.
type Values = SmallVec<[Text; 1]>;

/// With more keys than these, they are found by their hash.
const SEARCHED_MAX: usize = 32;
/// Of more tags with one key than these, no statement tells which is meant: see [`Context::rivals`].
pub(crate) const RIVALS_MAX: usize = 64;

/// Condition keys with their values. Names of keys are compared without case, as AWS does.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
///
/// A key without values is not in the context: AWS calls such a key null, whether it was never there or came out empty.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Its keys are in this context, too, but for those that are among the entries.
    base: Option<Arc<Context>>,
    entries: SmallVec<[Entry; 16]>,
    /// Where keys are among the entries, by their small letters, once there are many.
    places: Option<HashMap<Box<str>, usize>>,
    has_rivals: bool,
}

#[derive(Clone, Debug)]
struct Entry {
    key: Text,
    /// None: the key was taken away.
    values: Values,
    /// Whether the values are of tags, each of which has one.
    are_rivals: bool,
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// A context with the keys of another one, which many can be made of at little cost.
    pub fn above(base: &Arc<Self>) -> Self {
        if base.base.is_some() {
            return Self::clone(base);
        }
        Self { base: Some(Arc::clone(base)), has_rivals: base.has_rivals, ..Self::default() }
    }

    /// Gives `key` this one value and takes away what it had.
    pub fn set(&mut self, key: impl Into<Text>, value: impl Into<Text>) {
        self.put(key.into(), smallvec![value.into()]);
    }

    /// Gives `key` these values and takes away what it had. No values take the key away.
    pub fn set_many<V: Into<Text>>(&mut self, key: impl Into<Text>, values: impl IntoIterator<Item = V>) {
        self.put(key.into(), values.into_iter().map(Into::into).collect());
    }

    /// Gives the key of a tag, such as `aws:ResourceTag/Team`, this value. Tags whose keys differ in case alone have the same
    /// condition key; none of them takes away what another one gave it, and they are rivals.
    pub fn set_tag(&mut self, key: impl Into<Text>, value: impl Into<Text>) {
        let (key, value) = (key.into(), value.into());
        let held = self.get(&key);
        if held.len() > RIVALS_MAX || held.contains(&value) {
            return;
        }
        let Some(place) = self.place(&key) else {
            let mut values: Values = held.iter().cloned().collect();
            values.push(value);
            self.has_rivals |= values.len() > 1;
            let are_rivals = values.len() > 1;
            return self.push(Entry { key, values, are_rivals });
        };
        let entry = &mut self.entries[place];
        entry.values.push(value);
        entry.are_rivals = entry.values.len() > 1;
        self.has_rivals |= entry.are_rivals;
    }

    /// The values of `key`; empty if the context does not have it.
    pub fn get(&self, key: &str) -> &[Text] {
        self.entry(key).map_or(&[], |entry| &entry.values)
    }

    /// Takes `key` away.
    pub fn remove(&mut self, key: &str) {
        if self.entry(key).is_some() {
            self.put(key.to_owned().into(), Values::new());
        }
    }

    /// Every key with its values, in the order in which they were set first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Text])> {
        let below = self.base.iter().flat_map(|base| &base.entries);
        let below = below.map(|entry| self.place(&entry.key).map_or(entry, |place| &self.entries[place]));
        let is_own = |entry: &&Entry| self.base.as_ref().is_none_or(|base| base.place(&entry.key).is_none());
        below
            .chain(self.entries.iter().filter(is_own))
            .filter(|entry| !entry.values.is_empty())
            .map(|entry| (entry.key.as_ref(), entry.values.as_slice()))
    }

    /// Whether some keys have rivals.
    pub(crate) fn has_rivals(&self) -> bool {
        self.has_rivals
    }

    /// The values of `key`, if they are of tags of which only one can be meant. [`RIVALS_MAX`] and one are all that are kept.
    pub(crate) fn rivals(&self, key: &str) -> &[Text] {
        self.entry(key).filter(|entry| entry.are_rivals).map_or(&[], |entry| &entry.values)
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        match self.place(key) {
            Some(place) => Some(&self.entries[place]),
            None => self.base.as_ref()?.entry(key),
        }
    }

    fn place(&self, key: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key.to_ascii_lowercase().as_str()).copied(),
            None => self.entries.iter().position(|entry| entry.key.eq_ignore_ascii_case(key)),
        }
    }

    fn put(&mut self, key: Text, values: Values) {
        match self.place(&key) {
            Some(place) => {
                let entry = &mut self.entries[place];
                (entry.values, entry.are_rivals) = (values, false);
            }
            // There is nothing to take away.
            None if values.is_empty() && self.base.is_none() => {}
            None => self.push(Entry { key, values, are_rivals: false }),
        }
    }

    fn push(&mut self, entry: Entry) {
        if let Some(places) = &mut self.places {
            places.insert(entry.key.to_ascii_lowercase().into(), self.entries.len());
        }
        self.entries.push(entry);
        if self.places.is_none() && self.entries.len() > SEARCHED_MAX {
            let keys = self.entries.iter().enumerate();
            let keys = keys.map(|(place, entry)| (entry.key.to_ascii_lowercase().into(), place));
            self.places = Some(keys.collect());
        }
    }
}

/// The same keys with the same values, in the same order.
impl PartialEq for Context {
    fn eq(&self, other: &Self) -> bool {
        let rivals = |context: &Self, key: &str| !context.rivals(key).is_empty();
        self.iter().eq(other.iter()) && self.iter().all(|(key, _)| rivals(self, key) == rivals(other, key))
    }
}

impl Eq for Context {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_case_and_the_last_value_counts() {
        let mut context = Context::new();
        context.set("aws:UserName", "ann");
        context.set("AWS:username", "bob");
        assert_eq!(context.get("aws:username"), ["bob"]);
        context.set_many("aws:TagKeys", ["a", "b"]);
        assert_eq!(context.get("aws:tagkeys").len(), 2);
        context.set_many("aws:TagKeys", Vec::<String>::new());
        assert!(context.get("aws:TagKeys").is_empty());
        assert_eq!(context.iter().count(), 1);
    }

    #[test]
    fn tags_whose_keys_differ_in_case_are_rivals() {
        let mut context = Context::new();
        context.set_tag("aws:RequestTag/Team", "red");
        context.set_tag("aws:RequestTag/team", "red");
        assert!(!context.has_rivals() && context.rivals("aws:RequestTag/Team").is_empty());
        context.set_tag("aws:RequestTag/TEAM", "blue");
        assert!(context.has_rivals());
        assert_eq!(context.rivals("aws:requesttag/team"), ["red", "blue"]);
        let mut more = Context::above(&Arc::new(context.clone()));
        more.set_tag("aws:RequestTag/tEAM", "green");
        assert_eq!(more.rivals("aws:RequestTag/Team"), ["red", "blue", "green"]);
        assert_eq!(context.get("aws:RequestTag/Team").len(), 2);
        more.set("aws:RequestTag/Team", "one");
        assert!(more.rivals("aws:RequestTag/Team").is_empty());
        for number in 0..1_000 {
            context.set_tag("aws:RequestTag/Team", number.to_string());
        }
        assert_eq!(context.rivals("aws:RequestTag/Team").len(), RIVALS_MAX + 1);
    }

    #[test]
    fn what_lies_above_hides_what_is_below() {
        let mut base = Context::new();
        for number in 0..100 {
            base.set(format!("below/{number}"), number.to_string());
        }
        let base = Arc::new(base);
        let mut above = Context::above(&base);
        above.set("BELOW/7", "seven");
        above.remove("below/8");
        above.remove("nowhere");
        for number in 0..100 {
            above.set(format!("own/{number}"), number.to_string());
        }
        assert_eq!(above.get("below/7"), ["seven"]);
        assert!(above.get("below/8").is_empty());
        assert_eq!((above.get("below/99"), above.get("own/99")), (&["99".into()][..], &["99".into()][..]));
        assert_eq!(above.iter().count(), 199);
        assert_eq!(above.iter().nth(7), Some(("BELOW/7", &["seven".into()][..])));
        assert_eq!(base.get("below/8"), ["8"]);
        assert_eq!(Context::above(&Arc::new(above.clone())), above);
    }

    #[test]
    fn many_keys_take_a_time_that_grows_with_their_number() {
        let made = |count: usize| {
            let begun = std::time::Instant::now();
            let mut context = Context::new();
            for number in 0..count {
                context.set(format!("aws:RequestTag/{number}"), "x");
            }
            assert_eq!(context.iter().count(), count);
            begun.elapsed()
        };
        // A hundred times as many would take ten thousand times as long if each were compared with all.
        let (few, many) = (made(2_000), made(200_000));
        assert!(many < few * 1_500, "{few:?} {many:?}");
    }
}
