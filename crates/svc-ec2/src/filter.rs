//! Filters of describe operations: names, values with wildcards, tags.
//!
//! Owns how a filter matches. Refuses to know what any filter's name stands for: each resource has a table of them.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>

use aws_api::ec2 as api;
use aws_types::Tags;
use service_api::ServiceError;

use crate::error;

/// How many values one request's filters can have together.
const MAX_VALUES: usize = 200;

/// A filter's name, and the values that an item has for it.
pub(crate) type Named<T> = (&'static str, fn(&T) -> Vec<String>);

/// The filters of one kind of answer: from a filter's name to the values that an item has for it.
pub(crate) struct Filters<T: 'static> {
    /// The tags of an item, where the operation knows `tag:KEY`, `tag-key` and `tag-value`.
    pub(crate) tags: Option<fn(&T) -> &[api::Tag]>,
    /// The others, by name.
    pub(crate) named: &'static [Named<T>],
    /// Those that AWS documents for what no item has here: they match nothing.
    pub(crate) absent: &'static [&'static str],
}

/// What one filter looks at.
enum Subject<T: 'static> {
    TagValue(String),
    TagKeys,
    TagValues,
    Named(fn(&T) -> Vec<String>),
}

/// The filters of one request: every one that an item has to match.
pub(crate) struct Wanted<'a, T: 'static> {
    kind: &'a Filters<T>,
    filters: Vec<(&'a str, Subject<T>, Vec<Pattern>)>,
}

impl<T> Wanted<'_, T> {
    /// Whether an item matches.
    pub(crate) fn matches(&self, item: &T) -> bool {
        self.filters.iter().all(|(_, subject, patterns)| self.kind.matches(item, subject, patterns))
    }

    /// Whether an item can match, by what is known of it before it is there: its tags, and the values of some filters.
    pub(crate) fn may_match(&self, tags: &Tags, attribute: impl Fn(&str) -> Option<String>) -> bool {
        self.filters.iter().all(|(name, subject, patterns)| {
            let any = |text: &str| patterns.iter().any(|pattern| pattern.matches(text));
            match subject {
                Subject::TagKeys => tags.iter().any(|(key, _)| any(key)),
                Subject::TagValues => tags.iter().any(|(_, value)| any(value)),
                Subject::TagValue(key) => tags.get(key).is_some_and(any),
                Subject::Named(_) => attribute(name).is_none_or(|value| any(&value)),
            }
        })
    }
}

impl<T> Filters<T> {
    /// Keeps the items that match every filter of the request.
    ///
    /// # Errors
    /// A filter without a name or values, or with a name that this kind does not have.
    pub(crate) fn apply(
        &self,
        items: &mut Vec<T>,
        filters: Option<&Vec<api::Filter>>,
    ) -> Result<(), ServiceError> {
        let wanted = self.wanted(filters)?;
        items.retain(|item| wanted.matches(item));
        Ok(())
    }

    /// Reads the filters of a request.
    ///
    /// # Errors
    /// A filter without a name or values, or with a name that this kind does not have.
    pub(crate) fn wanted<'a>(
        &'a self,
        filters: Option<&'a Vec<api::Filter>>,
    ) -> Result<Wanted<'a, T>, ServiceError> {
        let filters = filters.map_or(&[][..], Vec::as_slice);
        if filters.iter().map(|filter| filter.values.as_ref().map_or(0, Vec::len)).sum::<usize>() > MAX_VALUES
        {
            return Err(ServiceError::new(
                "FilterLimitExceeded",
                format!("The maximum number of filter values specified on a single call is {MAX_VALUES}"),
            ));
        }
        let read = filters.iter().map(|filter| {
            let name = filter.name.as_deref().unwrap_or("null");
            let subject = self.subject(name)?;
            let Some(values) = filter.values.as_ref().filter(|values| !values.is_empty()) else {
                return Err(error::missing("Filter.Value"));
            };
            let patterns: Vec<Pattern> = values.iter().map(|value| Pattern::new(value)).collect();
            Ok((name, subject, patterns))
        });
        Ok(Wanted { kind: self, filters: read.collect::<Result<Vec<_>, ServiceError>>()? })
    }

    fn subject(&self, name: &str) -> Result<Subject<T>, ServiceError> {
        if self.tags.is_some() {
            match name {
                "tag-key" => return Ok(Subject::TagKeys),
                "tag-value" => return Ok(Subject::TagValues),
                _ => {}
            }
            if let Some(key) = name.strip_prefix("tag:") {
                return Ok(Subject::TagValue(key.to_owned()));
            }
        }
        if let Some((_, values)) = self.named.iter().find(|(known, _)| *known == name) {
            return Ok(Subject::Named(*values));
        }
        if self.absent.contains(&name) {
            return Ok(Subject::Named(|_| Vec::new()));
        }
        Err(error::invalid_value(format!("The filter '{name}' is invalid")))
    }

    fn matches(&self, item: &T, subject: &Subject<T>, patterns: &[Pattern]) -> bool {
        let any = |text: &str| patterns.iter().any(|pattern| pattern.matches(text));
        let tags = || self.tags.map_or(&[][..], |tags| tags(item));
        match subject {
            Subject::Named(values) => values(item).iter().any(|value| any(value)),
            Subject::TagKeys => tags().iter().any(|tag| any(tag.key.as_deref().unwrap_or_default())),
            Subject::TagValues => tags().iter().any(|tag| any(tag.value.as_deref().unwrap_or_default())),
            Subject::TagValue(key) => tags()
                .iter()
                .any(|tag| tag.key.as_ref() == Some(key) && any(tag.value.as_deref().unwrap_or_default())),
        }
    }
}

/// The value of an optional text member, as a filter's values.
pub(crate) fn text(value: &Option<String>) -> Vec<String> {
    value.iter().cloned().collect()
}

/// The value of an optional boolean member.
pub(crate) fn flag(value: Option<bool>) -> Vec<String> {
    value.iter().map(bool::to_string).collect()
}

/// The value of an optional number member.
pub(crate) fn number(value: Option<i32>) -> Vec<String> {
    value.iter().map(i32::to_string).collect()
}

/// The values that a list's elements have.
pub(crate) fn each<E>(list: &Option<Vec<E>>, value: impl Fn(&E) -> Option<String>) -> Vec<String> {
    list.iter().flatten().filter_map(value).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// `*`: any number of characters.
    Any,
    /// `?`: one character or none.
    Maybe,
    /// This character; `\*`, `\?` and `\\` stand for the characters themselves.
    Just(char),
}

/// A filter value: `*` and `?` are wildcards, a backslash takes the meaning from the next character. Case matters.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html#Filtering_Resources_CLI>
#[derive(Clone, Debug)]
pub struct Pattern(Vec<Token>);

impl Pattern {
    /// Reads a filter value; every text is one.
    pub fn new(text: &str) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            tokens.push(match character {
                '*' => Token::Any,
                '?' => Token::Maybe,
                '\\' => Token::Just(characters.next().unwrap_or('\\')),
                other => Token::Just(other),
            });
        }
        Self(tokens)
    }

    /// Whether the whole text matches. Takes (length of the text) × (length of the pattern) steps at most.
    pub fn matches(&self, text: &str) -> bool {
        if self.0.iter().all(|token| matches!(token, Token::Just(_))) {
            return self.0.iter().copied().eq(text.chars().map(Token::Just));
        }
        // `reached[n]`: the text so far matches the first n tokens.
        let mut reached = vec![false; self.0.len() + 1];
        let mut next = reached.clone();
        reached[0] = true;
        self.skip(&mut reached);
        for character in text.chars() {
            next.fill(false);
            for (place, token) in self.0.iter().enumerate().filter(|(place, _)| reached[*place]) {
                match token {
                    Token::Any => next[place] = true,
                    Token::Maybe => next[place + 1] = true,
                    Token::Just(wanted) => next[place + 1] |= *wanted == character,
                }
            }
            self.skip(&mut next);
            std::mem::swap(&mut reached, &mut next);
        }
        reached[self.0.len()]
    }

    /// Wildcards match nothing too.
    fn skip(&self, reached: &mut [bool]) {
        for (place, token) in self.0.iter().enumerate() {
            if reached[place] && matches!(token, Token::Any | Token::Maybe) {
                reached[place + 1] = true;
            }
        }
    }
}
