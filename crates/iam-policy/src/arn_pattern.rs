//! ARNs in policies: of resources, which are compared as a whole, and in conditions, where each of six parts is compared.

use smallvec::SmallVec;

use crate::Context;
use crate::pattern::{
    Grammar, Pattern, Piece, Resolved, ResolvedPieces, glob, pieces, resolve, variable_keys,
};

/// Parts of an ARN. The last takes all further colons.
const PARTS: usize = 6;

/// An ARN in a `Resource` element.
///
/// Wildcards reach over colons. Variables are variables behind the fifth colon only. An ARN without a star that ends early goes
/// on with one in each part that is missing; with a star, it is that which stands for the parts.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePattern(Pattern);

impl ResourcePattern {
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        let wildcards = Grammar { wildcards: true, variables: false };
        let resource_at = text.match_indices(':').nth(PARTS - 2).map(|(at, _)| at + 1);
        match resource_at {
            Some(at) => {
                let mut found = pieces(&text[..at], wildcards);
                found.extend(pieces(&text[at..], Grammar { wildcards: true, variables }));
                Self(Pattern::of(joined(found)))
            }
            None if text.starts_with("arn:") && !text.contains('*') => {
                let missing = PARTS - text.split(':').count();
                Self(Pattern::new(&format!("{text}{}", ":*".repeat(missing)), wildcards))
            }
            None => Self(Pattern::new(text, wildcards)),
        }
    }

    pub(crate) fn matches(&self, resource: &str, context: &Context) -> bool {
        self.0.matches(resource, context)
    }

    /// The keys of variables.
    pub(crate) fn variable_keys(&self) -> impl Iterator<Item = &str> {
        self.0.variable_keys()
    }

    pub(crate) fn unresolved<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        self.0.unresolved(context)
    }
}

/// Neighbouring texts as one, so that simple patterns are seen to be simple.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (found.last_mut(), piece) {
            (Some(Piece::Text(before)), Piece::Text(text)) => *before = format!("{before}{text}").into(),
            (Some(Piece::Star), Piece::Star) => {}
            (_, piece) => found.push(piece),
        }
    }
    found
}

/// An ARN in a condition with `ArnLike` or one of its kin.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_ARN>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ArnPattern {
    /// `*` alone.
    Any,
    /// Without variables.
    Parts(Box<[Pattern; PARTS]>),
    /// With variables: a value may bring colons with it, so that it is taken apart once it is known.
    Variable(Box<[Piece]>),
    /// No ARN can match, because the text does not have six parts.
    Never,
}

impl ArnPattern {
    pub(crate) fn new(text: &str, variables: bool) -> Self {
        if text == "*" {
            return Self::Any;
        }
        let found = pieces(text, Grammar { wildcards: true, variables });
        if found.iter().any(|piece| matches!(piece, Piece::Variable(_))) {
            return Self::Variable(found.into());
        }
        let parts: Vec<Pattern> = text
            .splitn(PARTS, ':')
            .map(|part| Pattern::new(part, Grammar { wildcards: true, variables }))
            .collect();
        <[Pattern; PARTS]>::try_from(parts).map_or(Self::Never, |parts| Self::Parts(Box::new(parts)))
    }

    /// The keys of variables.
    pub(crate) fn variable_keys(&self) -> impl Iterator<Item = &str> {
        let pieces: &[Piece] = if let Self::Variable(pieces) = self { pieces } else { &[] };
        variable_keys(pieces)
    }

    pub(crate) fn matches(&self, arn: &str, context: &Context) -> bool {
        match self {
            Self::Any => true,
            Self::Never => false,
            Self::Parts(parts) => {
                let mut given = arn.splitn(PARTS, ':');
                parts.iter().all(|part| given.next().is_some_and(|text| part.matches(text, context)))
            }
            Self::Variable(pieces) => resolve(pieces, context).is_some_and(|pieces| {
                let parts = split(&pieces);
                let mut given = arn.splitn(PARTS, ':');
                parts.len() == PARTS
                    && parts.iter().all(|part| given.next().is_some_and(|text| glob(part, text)))
            }),
        }
    }
}

/// The pieces between colons.
fn split<'a>(pieces: &[Resolved<'a>]) -> SmallVec<[ResolvedPieces<'a>; PARTS]> {
    let mut parts: SmallVec<[ResolvedPieces<'a>; PARTS]> = SmallVec::new();
    let mut part = ResolvedPieces::new();
    for piece in pieces {
        match *piece {
            Resolved::Text(mut text) => {
                while parts.len() < PARTS - 1
                    && let Some((before, after)) = text.split_once(':')
                {
                    part.push(Resolved::Text(before));
                    parts.push(std::mem::take(&mut part));
                    text = after;
                }
                part.push(Resolved::Text(text));
            }
            wildcard => part.push(wildcard),
        }
    }
    parts.push(part);
    parts
}
