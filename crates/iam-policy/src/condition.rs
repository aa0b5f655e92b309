//! Conditions: an operator, a key, and the values of the policy.
//!
//! Owns what every operator means, for keys that are missing and for keys of several values, too. Refuses to know which keys a
//! request has.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html>

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use crate::Context;
use crate::arn_pattern::ArnPattern;
use crate::pattern::{Grammar, Pattern};
use crate::value::{Nanos, instant, network, number};

/// One operator on one key.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// `None` is one that the language does not have, in a policy that was stored before it was looked at.
    operator: Option<Operator>,
    name: Box<str>,
    key: Box<str>,
    values: Vec<String>,
    test: Test,
}

/// The name of an operator with its prefix and suffix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    quantifier: Quantifier,
    base: Base,
    negated: bool,
    if_exists: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// None is written: any value of the request will do, or none where the operator is negated.
    Plain,
    ForAllValues,
    ForAnyValue,
}

/// What is compared, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Comparison),
    Date(Comparison),
    Bool,
    BinaryEquals,
    IpAddress,
    /// `ArnEquals` and `ArnLike` are the same.
    Arn,
    Null,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn holds(self, ordering: Option<Ordering>) -> bool {
        let Some(ordering) = ordering else { return false };
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Every operator without prefix and suffix: its name, what it does, and whether that is turned around.
const OPERATORS: [(&str, Base, bool); 27] = [
    ("StringEquals", Base::StringEquals, false),
    ("StringNotEquals", Base::StringEquals, true),
    ("StringEqualsIgnoreCase", Base::StringEqualsIgnoreCase, false),
    ("StringNotEqualsIgnoreCase", Base::StringEqualsIgnoreCase, true),
    ("StringLike", Base::StringLike, false),
    ("StringNotLike", Base::StringLike, true),
    ("NumericEquals", Base::Numeric(Comparison::Equal), false),
    ("NumericNotEquals", Base::Numeric(Comparison::Equal), true),
    ("NumericLessThan", Base::Numeric(Comparison::Less), false),
    ("NumericLessThanEquals", Base::Numeric(Comparison::LessOrEqual), false),
    ("NumericGreaterThan", Base::Numeric(Comparison::Greater), false),
    ("NumericGreaterThanEquals", Base::Numeric(Comparison::GreaterOrEqual), false),
    ("DateEquals", Base::Date(Comparison::Equal), false),
    ("DateNotEquals", Base::Date(Comparison::Equal), true),
    ("DateLessThan", Base::Date(Comparison::Less), false),
    ("DateLessThanEquals", Base::Date(Comparison::LessOrEqual), false),
    ("DateGreaterThan", Base::Date(Comparison::Greater), false),
    ("DateGreaterThanEquals", Base::Date(Comparison::GreaterOrEqual), false),
    ("Bool", Base::Bool, false),
    ("BinaryEquals", Base::BinaryEquals, false),
    ("IpAddress", Base::IpAddress, false),
    ("NotIpAddress", Base::IpAddress, true),
    ("ArnEquals", Base::Arn, false),
    ("ArnLike", Base::Arn, false),
    ("ArnNotEquals", Base::Arn, true),
    ("ArnNotLike", Base::Arn, true),
    ("Null", Base::Null, false),
];

impl Operator {
    /// Reads a name such as `ForAnyValue:StringLikeIfExists`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            None => (Quantifier::Plain, name),
            Some(("ForAllValues", name)) => (Quantifier::ForAllValues, name),
            Some(("ForAnyValue", name)) => (Quantifier::ForAnyValue, name),
            Some(_) => return None,
        };
        let (name, if_exists) = name.strip_suffix("IfExists").map_or((name, false), |name| (name, true));
        if if_exists && name == "Null" {
            return None;
        }
        let (_, base, negated) = OPERATORS.iter().find(|(known, ..)| *known == name)?;
        Some(Self { quantifier, base: *base, negated: *negated, if_exists })
    }

    /// Whether the values of a policy can be read as this operator needs them. AWS refuses dates and networks that it cannot
    /// read, and takes other values that can never match.
    pub(crate) fn takes(self, value: &str) -> bool {
        match self.base {
            Base::Date(_) => instant(value).is_some(),
            Base::IpAddress => network(value).is_some(),
            _ => true,
        }
    }
}

/// The values of the policy as the operator needs them. What cannot be read is left out, since nothing is equal to it.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Equals(Vec<Pattern>),
    EqualsIgnoringCase(Vec<Pattern>),
    Number(Comparison, Vec<f64>),
    Date(Comparison, Vec<Nanos>),
    Bytes(Vec<Vec<u8>>),
    Network(Vec<IpNet>),
    Arn(Vec<ArnPattern>),
    /// Whether the key should be missing.
    Null(Vec<bool>),
}

impl Test {
    fn new(base: Base, values: &[String], variables: bool) -> Self {
        let patterns = |wildcards| -> Vec<Pattern> {
            values.iter().map(|value| Pattern::new(value, Grammar { wildcards, variables })).collect()
        };
        match base {
            Base::StringEquals => Self::Equals(patterns(false)),
            Base::StringLike => Self::Equals(patterns(true)),
            Base::StringEqualsIgnoreCase | Base::Bool => Self::EqualsIgnoringCase(patterns(false)),
            Base::Numeric(comparison) => {
                Self::Number(comparison, values.iter().filter_map(|value| number(value)).collect())
            }
            Base::Date(comparison) => {
                Self::Date(comparison, values.iter().filter_map(|value| instant(value)).collect())
            }
            Base::BinaryEquals => {
                Self::Bytes(values.iter().filter_map(|value| STANDARD.decode(value).ok()).collect())
            }
            Base::IpAddress => Self::Network(values.iter().filter_map(|value| network(value)).collect()),
            Base::Arn => Self::Arn(values.iter().map(|value| ArnPattern::new(value, variables)).collect()),
            Base::Null => Self::Null(
                values.iter().filter_map(|value| value.to_ascii_lowercase().parse::<bool>().ok()).collect(),
            ),
        }
    }

    /// Whether a value of the request is one that the policy has, or stands to one as the operator says.
    fn any(&self, given: &str, context: &Context) -> bool {
        match self {
            Self::Equals(patterns) => patterns.iter().any(|pattern| pattern.matches(given, context)),
            Self::EqualsIgnoringCase(patterns) => {
                patterns.iter().any(|pattern| pattern.equals_ignoring_case(given, context))
            }
            Self::Number(comparison, values) => number(given)
                .is_some_and(|given| values.iter().any(|value| comparison.holds(given.partial_cmp(value)))),
            Self::Date(comparison, values) => instant(given)
                .is_some_and(|given| values.iter().any(|value| comparison.holds(Some(given.cmp(value))))),
            Self::Bytes(values) => STANDARD.decode(given).is_ok_and(|given| values.contains(&given)),
            Self::Network(values) => given.parse::<IpAddr>().is_ok_and(|given| {
                let given = given.to_canonical();
                values.iter().any(|value| value.contains(&given))
            }),
            Self::Arn(patterns) => patterns.iter().any(|pattern| pattern.matches(given, context)),
            // Answered before values are looked at.
            Self::Null(_) => false,
        }
    }
}

impl Condition {
    /// A condition with everything read that can be read before there is a request. `name` is that of the operator.
    pub(crate) fn new(name: &str, key: &str, values: Vec<String>, variables: bool) -> Self {
        let operator = Operator::parse(name);
        let base = operator.map_or(Base::Null, |operator| operator.base);
        let test = Test::new(base, &values, variables);
        Self { operator, name: name.into(), key: key.into(), values, test }
    }

    /// The operator as it is written in policies.
    pub fn operator(&self) -> &str {
        &self.name
    }

    /// The condition key as the policy writes it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The values of the policy, before variables.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// The keys of variables in the values.
    pub(crate) fn variable_keys(&self) -> impl Iterator<Item = &str> {
        let patterns: &[Pattern] = match &self.test {
            Test::Equals(patterns) | Test::EqualsIgnoringCase(patterns) => patterns,
            _ => &[],
        };
        let arns: &[ArnPattern] = if let Test::Arn(arns) = &self.test { arns } else { &[] };
        patterns
            .iter()
            .flat_map(Pattern::variable_keys)
            .chain(arns.iter().flat_map(ArnPattern::variable_keys))
    }

    /// Whether the condition holds.
    ///
    /// | | The key is missing | It is there |
    /// | --- | --- | --- |
    /// | plain | only if negated | some value matches; negated: none does |
    /// | `ForAllValues` | yes | every value matches; negated: none does |
    /// | `ForAnyValue` | no | some value matches; negated: some does not |
    /// | `…IfExists` | yes | as without |
    /// | `Null` | value `true` | value `false` |
    pub(crate) fn holds(&self, context: &Context) -> bool {
        let Some(operator) = self.operator else { return false };
        let values = context.get(&self.key);
        if let Test::Null(missing) = &self.test {
            return missing.contains(&values.is_empty());
        }
        let Operator { quantifier, negated, if_exists, .. } = operator;
        // With a quantifier, AWS takes an empty text for an empty set.
        let nothing = match quantifier {
            Quantifier::Plain => values.is_empty(),
            Quantifier::ForAllValues | Quantifier::ForAnyValue => values.iter().all(|value| value.is_empty()),
        };
        if if_exists && values.is_empty() {
            return true;
        }
        let is_one = |value: &crate::Text| self.test.any(value, context);
        match quantifier {
            Quantifier::Plain if nothing => negated,
            Quantifier::Plain => values.iter().any(is_one) != negated,
            Quantifier::ForAllValues => nothing || values.iter().all(|value| is_one(value) != negated),
            Quantifier::ForAnyValue => !nothing && values.iter().any(|value| is_one(value) != negated),
        }
    }
}
