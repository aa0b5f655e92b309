//! The inheritance operators: what a policy does with a setting that it inherits, and what it lets the policies below it
//! do.
//!
//! <https://docs.aws.amazon.com/organizations/latest/userguide/policy-operators.html>

use crate::json::Json;

pub(crate) const ASSIGN: &str = "@@assign";
pub(crate) const APPEND: &str = "@@append";
pub(crate) const REMOVE: &str = "@@remove";
/// What every operator begins with.
pub(crate) const MARK: &str = "@@";
/// The operator that says which operators the policies below may use.
pub(crate) const CONTROL: &str = "@@operators_allowed_for_child_policies";
const ALL: &str = "@@all";
const NONE: &str = "@@none";

/// A set of the operators that set values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operators {
    pub(crate) assign: bool,
    pub(crate) append: bool,
    pub(crate) remove: bool,
}

impl Operators {
    pub(crate) const ALL: Self = Self { assign: true, append: true, remove: true };
    pub(crate) const NONE: Self = Self { assign: false, append: false, remove: false };

    /// Reads the value of [`CONTROL`]: `@@all` and `@@none` stand alone.
    pub(crate) fn parse(value: &Json) -> Option<Self> {
        let names = value.texts()?;
        let mut set = Self::NONE;
        match names.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => return None,
            [ALL] => return Some(Self::ALL),
            [NONE] => return Some(Self::NONE),
            ref names => {
                for name in names {
                    match *name {
                        ASSIGN => set.assign = true,
                        APPEND => set.append = true,
                        REMOVE => set.remove = true,
                        _ => return None,
                    }
                }
            }
        }
        Some(set)
    }

    /// What both have.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            assign: self.assign && other.assign,
            append: self.append && other.append,
            remove: self.remove && other.remove,
        }
    }

    /// Whether something new may be put in.
    pub(crate) fn adds(self) -> bool {
        self.assign || self.append
    }
}
