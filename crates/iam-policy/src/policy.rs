//! A policy, read once and asked often.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::arn_pattern::ResourcePattern;
use crate::condition::Condition;
use crate::context::RIVALS_MAX;
use crate::document::{Document, Written, WrittenPrincipal};
use crate::pattern::{Grammar, Pattern};
use crate::principal::{AwsPrincipal, Grant, Principals};
use crate::span::{self, Span};
use crate::{Caller, Context, PolicyError, Text, validate};

/// What a policy is for, which decides what may stand in it.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PolicyKind {
    /// Of a user, group or role: a managed policy, which can be a permissions boundary.
    Identity,
    /// Of one user, group or role alone.
    Inline,
    /// Who may assume a role.
    Trust,
    /// Of a resource, such as a bucket or a queue.
    Resource,
    /// An organization's limit for the principals of its accounts.
    ServiceControl,
    /// An organization's limit for the resources of its accounts.
    ResourceControl,
    /// Given when a session begins.
    Session,
    /// Of a VPC endpoint.
    Endpoint,
}

/// What a statement does with a request that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// Lets it pass, unless another statement denies it.
    Allow,
    /// Refuses it, whatever else allows it.
    Deny,
}

/// A policy: its text, and what the text says. Clones share both. Two are equal if their texts are.
///
/// Serialised, it is its text. Deserialised, it is not held against the rules of its kind again: what AWS would refuse today
/// may have been stored before.
#[derive(Clone)]
pub struct Policy(Arc<Inner>);

struct Inner {
    text: Box<str>,
    has_variables: bool,
    statements: Vec<Statement>,
}

impl Policy {
    /// Reads a policy and holds it against the rules of its kind.
    ///
    /// # Errors
    /// The first rule that it breaks, in the order in which AWS looks at them.
    pub fn parse(text: &str, kind: PolicyKind) -> Result<Self, PolicyError> {
        let document = Document::parse(text).map_err(|error| error.of_kind(kind))?;
        validate::check(&document, kind).map_err(|error| error.of_kind(kind))?;
        Ok(Self::compile(text, document))
    }

    /// Reads a policy that was stored: the grammar holds, and the rules of its kind were looked at when it came in.
    ///
    /// # Errors
    /// [`PolicyError::Syntax`] if the text is not a policy at all.
    pub fn parse_stored(text: &str) -> Result<Self, PolicyError> {
        Ok(Self::compile(text, Document::parse(text)?))
    }

    /// The JSON as it was given.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The statements in their order.
    pub fn statements(&self) -> &[Statement] {
        &self.0.statements
    }

    /// The condition keys that the policy asks for, in conditions and in variables, in their order and each once.
    pub fn context_keys(&self) -> Vec<&str> {
        let mut found: Vec<&str> = Vec::new();
        for statement in self.statements() {
            for key in statement.context_keys() {
                if !found.iter().any(|had| had.eq_ignore_ascii_case(key)) {
                    found.push(key);
                }
            }
        }
        found
    }

    /// Where each statement is in the text, as simulations of IAM say it.
    pub fn spans(&self) -> Vec<Span> {
        span::of_statements(self.text())
    }

    /// Whether the policy has version 2012-10-17, the one in which `${…}` stands for a value.
    pub fn has_variables(&self) -> bool {
        self.0.has_variables
    }

    fn compile(text: &str, document: Document) -> Self {
        let has_variables = document.version.as_deref() == Some("2012-10-17");
        let statements =
            document.statements.into_iter().map(|written| Statement::new(written, has_variables));
        Self(Arc::new(Inner { text: text.into(), has_variables, statements: statements.collect() }))
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.text == other.0.text
    }
}

impl Eq for Policy {}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Policy").field(&self.text()).finish()
    }
}

impl Serialize for Policy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

impl<'de> Deserialize<'de> for Policy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse_stored(&text).map_err(serde::de::Error::custom)
    }
}

/// A statement, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    sid: Option<Box<str>>,
    effect: Effect,
    principal: PrincipalElement,
    action: Element<ActionPattern>,
    resource: Element<ResourcePattern>,
    conditions: Vec<Condition>,
}

/// `Principal`, `NotPrincipal`, or neither, as in policies that hang on whom they are about.
#[derive(Clone, Debug, PartialEq)]
enum PrincipalElement {
    Absent,
    Is(Principals),
    IsNot(Principals),
}

/// `Action` or `NotAction`, `Resource` or `NotResource`. An element that is absent is about everything.
#[derive(Clone, Debug, PartialEq)]
struct Element<P> {
    negated: bool,
    patterns: Vec<P>,
}

/// `service:Name` with wildcards, in small letters.
#[derive(Clone, Debug, PartialEq)]
struct ActionPattern {
    /// The service, if it has no wildcard, so that most patterns are done with after a few bytes.
    service: Option<Box<str>>,
    /// What is behind the colon then, and the whole otherwise.
    rest: Pattern,
}

impl ActionPattern {
    fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let wildcards = Grammar { wildcards: true, variables: false };
        match text.split_once(':') {
            Some((service, name)) if !service.contains(['*', '?']) => {
                Self { service: Some(service.into()), rest: Pattern::new(name, wildcards) }
            }
            _ => Self { service: None, rest: Pattern::new(&text, wildcards) },
        }
    }

    fn matches(&self, asked: &Asked<'_>) -> bool {
        match &self.service {
            None => self.rest.matches(asked.action, asked.context),
            Some(service) => {
                service.as_ref() == asked.service && self.rest.matches(asked.operation, asked.context)
            }
        }
    }
}

/// A request as statements look at it.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) caller: &'a Caller,
    /// In small letters, and its two parts.
    pub(crate) action: &'a str,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) context: &'a Context,
    /// Whether the caller has a permissions boundary: `NotPrincipal` with `Deny` always denies such a caller.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>
    pub(crate) has_boundary: bool,
}

/// What came of holding a statement against a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is about this request.
    Applies(Grant),
    /// It is about somebody else,
    OtherPrincipal,
    /// another action,
    OtherAction,
    /// another resource,
    OtherResource,
    /// or its condition with this index does not hold.
    Condition(usize),
}

impl Statement {
    fn new(written: Written, variables: bool) -> Self {
        let effect = written.effect().unwrap_or(Effect::Deny);
        let principal = match (written.principal, written.not_principal) {
            (Some(names), _) => PrincipalElement::Is(principals(names)),
            (None, Some(names)) => PrincipalElement::IsNot(principals(names)),
            (None, None) => PrincipalElement::Absent,
        };
        let action = Element::new(written.action, written.not_action, ActionPattern::new);
        let resource = Element::new(written.resource, written.not_resource, |text| {
            ResourcePattern::new(text, variables)
        });
        let mut conditions = Vec::new();
        for (name, keys) in written.conditions {
            conditions
                .extend(keys.into_iter().map(|(key, values)| Condition::new(&name, &key, values, variables)));
        }
        Self { sid: written.sid.map(Into::into), effect, principal, action, resource, conditions }
    }

    /// The statement's id.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// What it does.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Its conditions, all of which have to hold.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// The ARNs of users, roles, sessions and federated users that `Principal` or `NotPrincipal` names.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        let names = match &self.principal {
            PrincipalElement::Absent => None,
            PrincipalElement::Is(names) | PrincipalElement::IsNot(names) => Some(names),
        };
        names.into_iter().flat_map(|names| &names.aws).filter_map(|name| match name {
            AwsPrincipal::Arn(arn) => Some(arn.as_ref()),
            AwsPrincipal::Account(_) | AwsPrincipal::Id(_) => None,
        })
    }

    /// The condition keys that it asks for.
    fn context_keys(&self) -> impl Iterator<Item = &str> {
        let resources = self.resource.patterns.iter().flat_map(ResourcePattern::variable_keys);
        let conditions = self.conditions.iter();
        resources.chain(
            conditions.flat_map(|condition| [condition.key()].into_iter().chain(condition.variable_keys())),
        )
    }

    /// Holds the statement against a request, the cheapest and most telling elements first.
    pub(crate) fn test(&self, asked: &Asked<'_>) -> Outcome {
        if !self.action.has(|pattern| pattern.matches(asked)) {
            return Outcome::OtherAction;
        }
        let grant = match &self.principal {
            PrincipalElement::Absent => Some(Grant::Direct),
            PrincipalElement::Is(names) => names.grant(asked.caller),
            PrincipalElement::IsNot(names) => {
                let left_out = match self.effect {
                    Effect::Allow => names.grant(asked.caller).is_some(),
                    Effect::Deny => !asked.has_boundary && names.leaves_out(asked.caller),
                };
                (!left_out).then_some(Grant::Direct)
            }
        };
        let Some(grant) = grant else { return Outcome::OtherPrincipal };
        let missed = if asked.context.has_rivals() {
            self.missed_by_rivals(asked)
        } else {
            self.missed(asked.resource, asked.context)
        };
        missed.unwrap_or(Outcome::Applies(grant))
    }

    /// What of the statement is not about a resource in this context.
    fn missed(&self, resource: &str, context: &Context) -> Option<Outcome> {
        if !self.resource.has(|pattern| pattern.matches(resource, context)) {
            return Some(Outcome::OtherResource);
        }
        self.conditions.iter().position(|condition| !condition.holds(context)).map(Outcome::Condition)
    }

    /// The same where tags whose keys differ in case alone have different values. AWS says that a condition matches one of
    /// them, and not which: a statement that allows has to be about the request with each of them, one that denies with any.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-resourcetag>
    fn missed_by_rivals(&self, asked: &Asked<'_>) -> Option<Outcome> {
        let mut known = Context::new();
        let mut rivals: Vec<(&str, &[Text])> = Vec::new();
        for key in self.context_keys() {
            let of_key = asked.context.rivals(key);
            if !of_key.is_empty() && !rivals.iter().any(|(had, _)| had.eq_ignore_ascii_case(key)) {
                rivals.push((key, of_key));
            }
            known.set_many(key.to_owned(), asked.context.get(key).iter().cloned());
        }
        let choices = rivals.iter().try_fold(1, |choices: usize, (_, values)| {
            choices.checked_mul(values.len()).filter(|choices| *choices <= RIVALS_MAX)
        });
        let Some(choices) = choices else {
            let first =
                if self.conditions.is_empty() { Outcome::OtherResource } else { Outcome::Condition(0) };
            return Some(first).filter(|_| self.effect == Effect::Allow);
        };
        let missed = |choice: usize| {
            let mut context = known.clone();
            let mut rest = choice;
            for (key, values) in &rivals {
                context.set((*key).to_owned(), values[rest % values.len()].clone());
                rest /= values.len();
            }
            self.missed(asked.resource, &context)
        };
        match self.effect {
            Effect::Allow => (0..choices).find_map(missed),
            // The first of them that it is about is enough.
            Effect::Deny => (1..choices).try_fold(missed(0)?, |_, choice| missed(choice)),
        }
    }

    /// The keys of variables in `Resource` that have no value in the request.
    pub(crate) fn unresolved(&self, context: &Context) -> Vec<String> {
        let patterns = self.resource.patterns.iter();
        patterns.flat_map(|pattern| pattern.unresolved(context)).map(str::to_owned).collect()
    }
}

impl<P> Element<P> {
    fn new(is: Option<Vec<String>>, is_not: Option<Vec<String>>, pattern: impl Fn(&str) -> P) -> Self {
        // Neither is as if nothing were left out.
        let negated = is.is_none();
        let texts = is.or(is_not).unwrap_or_default();
        Self { negated, patterns: texts.iter().map(|text| pattern(text)).collect() }
    }

    fn has(&self, matches: impl FnMut(&P) -> bool) -> bool {
        self.patterns.iter().any(matches) != self.negated
    }
}

/// Reads the names; what is not one is left out, and nobody has it.
fn principals(written: WrittenPrincipal) -> Principals {
    let mut found = Principals::default();
    let kinds = match written {
        WrittenPrincipal::Text(text) => {
            found.everyone = text == "*";
            return found;
        }
        WrittenPrincipal::Kinds(kinds) => kinds,
    };
    for (kind, names) in kinds {
        for name in names {
            match kind.as_str() {
                "AWS" if name == "*" => found.everyone = true,
                "AWS" => found.aws.extend(AwsPrincipal::parse(&name)),
                "Service" => found.services.push(name.to_ascii_lowercase().into()),
                "Federated" => found.federated.push(name.into()),
                "CanonicalUser" => found.canonical.push(name.into()),
                _ => {}
            }
        }
    }
    found
}
