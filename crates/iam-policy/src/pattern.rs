//! Texts with wildcards and policy variables.
//!
//! Owns what `*`, `?` and `${…}` mean. Refuses to know which elements of a policy may have them: whoever compiles says so.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use smallvec::SmallVec;

use crate::Context;

/// What a text of a policy may contain beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grammar {
    /// `*` and `?` stand for other characters.
    pub(crate) wildcards: bool,
    /// `${key}` stands for a value of the request.
    pub(crate) variables: bool,
}

/// A text of a policy, taken apart once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// `*` alone.
    Any,
    /// No wildcard and no variable.
    Exact(Box<str>),
    /// A text and `*` at its end.
    Prefix(Box<str>),
    /// Anything else.
    Pieces(Box<[Piece]>),
}

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These characters.
    Text(Box<str>),
    /// Any characters, or none.
    Star,
    /// One character.
    One,
    /// The value of a condition key.
    Variable(Variable),
}

/// `${key}` or `${key, 'default'}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    key: Box<str>,
    default: Option<Box<str>>,
}

impl Variable {
    /// The value in a request. A key that is not there, or has several values, has none: AWS calls it null, and nothing equals
    /// it.
    pub(crate) fn value<'a>(&'a self, context: &'a Context) -> Option<&'a str> {
        match context.get(&self.key) {
            [value] => Some(value),
            _ => self.default.as_deref(),
        }
    }

    /// The condition key.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Reads what stands between the braces.
    fn parse(inner: &str) -> Self {
        if let Some((key, rest)) = inner.split_once(',') {
            let rest = rest.trim();
            if let Some(default) = rest.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                return Self { key: key.trim().into(), default: Some(default.into()) };
            }
        }
        Self { key: inner.trim().into(), default: None }
    }
}

/// A part of a text, in a request where all variables have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resolved<'a> {
    Text(&'a str),
    Star,
    One,
}

/// The parts of most texts fit in here.
pub(crate) type ResolvedPieces<'a> = SmallVec<[Resolved<'a>; 8]>;

impl Pattern {
    /// Takes a text apart.
    pub(crate) fn new(text: &str, grammar: Grammar) -> Self {
        Self::of(pieces(text, grammar))
    }

    /// The pattern that has these pieces.
    pub(crate) fn of(mut pieces: Vec<Piece>) -> Self {
        match pieces.as_mut_slice() {
            [] => Self::Exact("".into()),
            [Piece::Star] => Self::Any,
            [Piece::Text(text)] => Self::Exact(std::mem::take(text)),
            [Piece::Text(text), Piece::Star] => Self::Prefix(std::mem::take(text)),
            _ => Self::Pieces(pieces.into()),
        }
    }

    /// Whether a text is one of those that this stands for, in this request. False where a variable has no value.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact.as_ref() == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_ref()),
            Self::Pieces(pieces) => resolve(pieces, context).is_some_and(|pieces| glob(&pieces, text)),
        }
    }

    /// The same without a difference between cases, for texts without wildcards.
    pub(crate) fn equals_ignoring_case(&self, text: &str, context: &Context) -> bool {
        let mut rest = text;
        let mut take = |part: &str| {
            let mut given = rest.chars();
            let same = part.chars().all(|want| given.next().is_some_and(|have| same_letter(want, have)));
            rest = given.as_str();
            same
        };
        match self {
            Self::Exact(exact) => take(exact) && rest.is_empty(),
            Self::Pieces(pieces) => {
                let Some(pieces) = resolve(pieces, context) else { return false };
                pieces.iter().all(|piece| matches!(piece, Resolved::Text(part) if take(part)))
                    && rest.is_empty()
            }
            // Both need a wildcard, which the grammar of such texts does not have.
            Self::Any | Self::Prefix(_) => false,
        }
    }

    /// The keys of variables.
    pub(crate) fn variable_keys(&self) -> impl Iterator<Item = &str> {
        let pieces: &[Piece] = if let Self::Pieces(pieces) = self { pieces } else { &[] };
        variable_keys(pieces)
    }

    /// The keys of variables that have no value in this request.
    pub(crate) fn unresolved<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        let pieces: &[Piece] = if let Self::Pieces(pieces) = self { pieces } else { &[] };
        pieces.iter().filter_map(|piece| match piece {
            Piece::Variable(variable) if variable.value(context).is_none() => Some(variable.key()),
            _ => None,
        })
    }
}

/// The keys of variables in a text.
pub(crate) fn variable_keys(pieces: &[Piece]) -> impl Iterator<Item = &str> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Variable(variable) => Some(variable.key()),
        Piece::Text(_) | Piece::Star | Piece::One => None,
    })
}

fn same_letter(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

/// The parts of a text.
pub(crate) fn pieces(text: &str, grammar: Grammar) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    let flush = |plain: &mut String, found: &mut Vec<Piece>| {
        if !plain.is_empty() {
            found.push(Piece::Text(std::mem::take(plain).into()));
        }
    };
    while let Some(character) = rest.chars().next() {
        if grammar.variables
            && let Some(inside) = rest.strip_prefix("${")
            && let Some(end) = inside.find('}')
        {
            match &inside[..end] {
                literal @ ("*" | "?" | "$") => plain.push_str(literal),
                inner => {
                    flush(&mut plain, &mut found);
                    found.push(Piece::Variable(Variable::parse(inner)));
                }
            }
            rest = &inside[end + 1..];
            continue;
        }
        rest = &rest[character.len_utf8()..];
        match character {
            '*' if grammar.wildcards => {
                flush(&mut plain, &mut found);
                // Several in a row are as good as one.
                if found.last() != Some(&Piece::Star) {
                    found.push(Piece::Star);
                }
            }
            '?' if grammar.wildcards => {
                flush(&mut plain, &mut found);
                found.push(Piece::One);
            }
            _ => plain.push(character),
        }
    }
    flush(&mut plain, &mut found);
    found
}

/// Whether an action, or a part of one, is what a statement's text with `*` and `?` stands for. Case makes no difference.
pub fn stands_for_action(text: &str, action: &str) -> bool {
    let pattern = Pattern::new(&text.to_ascii_lowercase(), Grammar { wildcards: true, variables: false });
    pattern.matches(&action.to_ascii_lowercase(), &Context::new())
}

/// The parts with the values of variables in their place; `None` where one has no value. A wildcard in a value is itself.
pub(crate) fn resolve<'a>(pieces: &'a [Piece], context: &'a Context) -> Option<ResolvedPieces<'a>> {
    pieces
        .iter()
        .map(|piece| {
            Some(match piece {
                Piece::Text(text) => Resolved::Text(text),
                Piece::Star => Resolved::Star,
                Piece::One => Resolved::One,
                Piece::Variable(variable) => Resolved::Text(variable.value(context)?),
            })
        })
        .collect()
}

/// Whether these parts make up the text. Takes time in proportion to the product of both lengths at worst, because only the
/// last star is tried again.
pub(crate) fn glob(pieces: &[Resolved<'_>], text: &str) -> bool {
    let (mut at_piece, mut at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        match pieces.get(at_piece) {
            Some(Resolved::Star) => {
                at_piece += 1;
                if at_piece == pieces.len() {
                    return true;
                }
                star = Some((at_piece, at));
                continue;
            }
            Some(Resolved::Text(part)) if text[at..].starts_with(part) => {
                at += part.len();
                at_piece += 1;
                continue;
            }
            Some(Resolved::One) if at < text.len() => {
                at += width(text, at);
                at_piece += 1;
                continue;
            }
            None if at == text.len() => return true,
            _ => {}
        }
        let Some((after_star, from)) = star else { return false };
        if from == text.len() {
            return false;
        }
        at = from + width(text, from);
        at_piece = after_star;
        star = Some((after_star, at));
    }
}

/// The bytes of the character that begins there.
fn width(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Tries every way.
    fn slow(pattern: &[char], text: &[char]) -> bool {
        match (pattern.first(), text.first()) {
            (None, _) => text.is_empty(),
            (Some('*'), _) => slow(&pattern[1..], text) || (!text.is_empty() && slow(pattern, &text[1..])),
            (Some('?'), Some(_)) => slow(&pattern[1..], &text[1..]),
            (Some(want), Some(have)) => want == have && slow(&pattern[1..], &text[1..]),
            (Some(_), None) => false,
        }
    }

    fn new(text: &str) -> Pattern {
        Pattern::new(text, Grammar { wildcards: true, variables: true })
    }

    proptest! {
        #[test]
        fn wildcards_are_what_trying_every_way_finds(pattern in "[abé*?]{0,10}", text in "[abé]{0,14}") {
            let expected = slow(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(new(&pattern).matches(&text, &Context::new()), expected);
        }

        #[test]
        fn values_are_taken_as_they_are(before in "[ab*?]{0,4}", value in "[ab*?${}:]{0,6}", after in "[ab*?]{0,4}", text in "[ab*]{0,10}") {
            let mut context = Context::new();
            context.set("x:y", value.clone());
            let literal = value.replace('$', "\u{1}").replace('*', "${*}").replace('?', "${?}").replace('\u{1}', "${$}");
            let by_variable = new(&format!("{before}${{x:y}}{after}")).matches(&text, &context);
            prop_assert_eq!(by_variable, new(&format!("{before}{literal}{after}")).matches(&text, &context));
        }

        #[test]
        fn a_text_is_a_pattern_of_itself(text in "[a-z:/é]{0,20}") {
            prop_assert!(new(&text).matches(&text, &Context::new()));
            let prefix = new(&format!("{text}*")).matches(&format!("{text}x"), &Context::new());
            prop_assert!(prefix);
        }
    }

    /// What no text may do is to take ever more time: this would not end if every way were tried.
    #[test]
    fn many_stars_take_no_more_than_the_product() {
        let text = "a".repeat(2_000);
        assert!(!new(&"a*".repeat(1_000)).matches(&format!("{}b", text.replace('a', "c")), &Context::new()));
        assert!(!new(&format!("{}b", "*a".repeat(1_000))).matches(&text, &Context::new()));
    }
}
