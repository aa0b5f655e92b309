//! The document tree between codecs and services.

use bytes::Bytes;

/// One value of a modelled shape. Which variant stands where is what the shape says.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value at all: an element of a sparse list, or a JSON null inside a document. Members that are absent are
    /// left out of their structure instead.
    Null,
    /// A boolean.
    Boolean(bool),
    /// An integer or long.
    Integer(i64),
    /// A float or double.
    Float(f64),
    /// A string or enum.
    String(String),
    /// Raw bytes; never base64 here.
    Blob(Bytes),
    /// A time, in milliseconds since the Unix epoch.
    Timestamp(i64),
    /// A list.
    List(Vec<Value>),
    /// A map with string keys, in the order given.
    Map(Vec<(String, Value)>),
    /// A structure or union: its members that are present, by their name in the model.
    Structure(Fields),
}

/// The members of a structure that are present, by model name (not wire name), in no particular order.
///
/// Names are `&'static str` because models live as long as the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// No members.
    pub fn new() -> Self {
        Self::default()
    }

    /// No members, with room for so many.
    pub fn with_capacity(members: usize) -> Self {
        Self(Vec::with_capacity(members))
    }

    /// Adds a member; the caller sets each name once.
    pub fn push(&mut self, name: &'static str, value: Value) {
        self.0.push((name, value));
    }

    /// The member of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(member, _)| *member == name).map(|(_, value)| value)
    }

    /// The member of that name, for a reader that asks for names in about the order in which they were added: `place` is
    /// where it stands, 0 at first.
    pub fn get_next(&self, name: &str, place: &mut usize) -> Option<&Value> {
        let (before, after) = self.0.split_at((*place).min(self.0.len()));
        let index = after.iter().chain(before).position(|(member, _)| *member == name)?;
        let index = (*place + index) % self.0.len();
        *place = index + 1;
        Some(&self.0[index].1)
    }

    /// Removes and returns the member of that name.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        let index = self.0.iter().position(|(member, _)| *member == name)?;
        Some(self.0.swap_remove(index).1)
    }

    /// All members that are present.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// How many members are present.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no member is present.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Fields {
    type Item = (&'static str, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(&'static str, Value)> for Fields {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_in_any_order() {
        let fields: Fields = ["a", "b", "c"].into_iter().map(|name| (name, Value::Null)).collect();
        for order in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
            let mut place = 0;
            for name in order {
                assert_eq!(fields.get_next("d", &mut place), None);
                assert_eq!(fields.get_next(name, &mut place), Some(&Value::Null), "{order:?}: {name}");
            }
        }
        assert_eq!(Fields::new().get_next("a", &mut 0), None);
    }
}
