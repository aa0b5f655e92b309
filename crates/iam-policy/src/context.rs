//! What is known of a request: condition keys and their values.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

/// The text of a key or of a value. Literals cost no allocation.
pub type Text = Cow<'static, str>;

/// Most keys have one value.
type Values = SmallVec<[Text; 1]>;

/// Condition keys with their values. Names of keys are compared without case, as AWS does.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
///
/// A key without values is not in the context: AWS calls such a key null, whether it was never there or came out empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    entries: SmallVec<[(Text, Values); 16]>,
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives `key` this one value and takes away what it had.
    pub fn set(&mut self, key: impl Into<Text>, value: impl Into<Text>) {
        self.put(key.into(), smallvec![value.into()]);
    }

    /// Gives `key` these values and takes away what it had. No values take the key away.
    pub fn set_many<V: Into<Text>>(&mut self, key: impl Into<Text>, values: impl IntoIterator<Item = V>) {
        self.put(key.into(), values.into_iter().map(Into::into).collect());
    }

    /// The values of `key`; empty if the context does not have it.
    pub fn get(&self, key: &str) -> &[Text] {
        self.entries.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map_or(&[], |(_, values)| values)
    }

    /// Takes `key` away.
    pub fn remove(&mut self, key: &str) {
        self.entries.retain(|(name, _)| !name.eq_ignore_ascii_case(key));
    }

    /// Every key with its values, in the order in which they were set first.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Text])> {
        self.entries.iter().map(|(name, values)| (name.as_ref(), values.as_slice()))
    }

    fn put(&mut self, key: Text, values: Values) {
        if values.is_empty() {
            self.remove(&key);
            return;
        }
        match self.entries.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(&key)) {
            Some((_, had)) => *had = values,
            None => self.entries.push((key, values)),
        }
    }
}

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
}
