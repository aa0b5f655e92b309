//! What an assertion says, and whether that holds here and now.
//!
//! Refuses to know how it was proved.
//!
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf>, section 2, and the bearer's rules of
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf>, section 4.1.4

use aws_types::Timestamp;
use roxmltree::Node;

use crate::element::{ASSERTION, attribute, child, children, is, only_child, text};
use crate::{Expected, Refusal};

/// That whoever has the assertion is the one it is about.
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
/// How far the issuer's clock may be ahead.
const CLOCK_SKEW_MILLIS: i64 = 60_000;
/// The conditions of SAML itself. One that nobody knows would leave open whether the assertion holds.
const KNOWN_CONDITIONS: [&str; 3] = ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"];

/// What an assertion says that is signed, and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Who issued it.
    pub issuer: String,
    /// When.
    pub issued: Timestamp,
    /// Whom it is about.
    pub subject: Subject,
    /// The address at which it is to be presented.
    pub recipient: String,
    /// When the provider's own session ends.
    pub session_ends: Option<Timestamp>,
    /// The attributes with their values, by name, in the order of the assertion. Values that are no text are not among them.
    attributes: Vec<(String, Vec<String>)>,
}

/// Whom an assertion is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The name.
    pub name: String,
    /// What kind of name it is, as a URI.
    pub format: Option<String>,
}

impl Assertion {
    /// The values of an attribute, none if it is not there. One that is there twice has the values of both.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let called = self.attributes.iter().filter(move |(held, _)| held == name);
        called.flat_map(|(_, values)| values).map(String::as_str)
    }

    /// The names of the attributes.
    pub fn attribute_names(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|(name, _)| name.as_str())
    }

    /// Reads an element that was found to be signed.
    pub(crate) fn of_element(element: Node<'_, '_>, expected: &Expected<'_>) -> Result<Self, Refusal> {
        if attribute(element, "Version")? != "2.0" {
            return Err(Refusal::Malformed("it has no assertion of SAML 2.0"));
        }
        let issuer = text(only_child(element, ASSERTION, "Issuer")?)?;
        if issuer != expected.issuer {
            return Err(Refusal::Issuer);
        }
        let issued = time(attribute(element, "IssueInstant")?)?;
        if issued > expected.now.plus_millis(CLOCK_SKEW_MILLIS) {
            return Err(Refusal::NotYet);
        }
        check_conditions(only_child(element, ASSERTION, "Conditions")?, expected)?;
        let subject = only_child(element, ASSERTION, "Subject")?;
        let recipient = recipient(subject, expected)?;
        let name = only_child(subject, ASSERTION, "NameID")?;
        let subject = Subject { name: text(name)?, format: name.attribute("Format").map(str::to_owned) };
        let session_ends = session_ends(element)?;
        if session_ends.is_some_and(|end| end <= expected.now) {
            return Err(Refusal::Expired);
        }
        Ok(Self { issuer, issued, subject, recipient, session_ends, attributes: attributes(element)? })
    }
}

fn check_conditions(conditions: Node<'_, '_>, expected: &Expected<'_>) -> Result<(), Refusal> {
    check_period(conditions, expected.now)?;
    let is_known = |node: &Node<'_, '_>| KNOWN_CONDITIONS.iter().any(|name| is(*node, ASSERTION, name));
    if !conditions.children().filter(Node::is_element).all(|node| is_known(&node)) {
        return Err(Refusal::Malformed("it has a condition that is not known"));
    }
    let mut is_restricted = false;
    for restriction in children(conditions, ASSERTION, "AudienceRestriction") {
        is_restricted = true;
        let mut is_here = false;
        for audience in children(restriction, ASSERTION, "Audience") {
            is_here |= expected.audiences.contains(&text(audience)?.as_str());
        }
        if !is_here {
            return Err(Refusal::Audience);
        }
    }
    if is_restricted { Ok(()) } else { Err(Refusal::Audience) }
}

/// `NotBefore` and `NotOnOrAfter` of an element.
fn check_period(element: Node<'_, '_>, now: Timestamp) -> Result<(), Refusal> {
    let from = element.attribute("NotBefore").map(time).transpose()?;
    if from.is_some_and(|from| from > now.plus_millis(CLOCK_SKEW_MILLIS)) {
        return Err(Refusal::NotYet);
    }
    let until = element.attribute("NotOnOrAfter").map(time).transpose()?;
    if until.is_some_and(|until| until <= now) {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// Where a bearer is to present it: the address of the first confirmation that holds.
fn recipient(subject: Node<'_, '_>, expected: &Expected<'_>) -> Result<String, Refusal> {
    let mut refused = Refusal::Malformed("its subject is not confirmed for a bearer");
    let bearers = children(subject, ASSERTION, "SubjectConfirmation")
        .filter(|confirmation| confirmation.attribute("Method") == Some(BEARER));
    for data in bearers.filter_map(|confirmation| child(confirmation, ASSERTION, "SubjectConfirmationData")) {
        let recipient = attribute(data, "Recipient")?;
        attribute(data, "NotOnOrAfter")?;
        if !(expected.is_recipient)(recipient) {
            refused = Refusal::Recipient;
            continue;
        }
        match check_period(data, expected.now) {
            Ok(()) => return Ok(recipient.to_owned()),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// The earliest end of the provider's sessions.
fn session_ends(assertion: Node<'_, '_>) -> Result<Option<Timestamp>, Refusal> {
    let ends = children(assertion, ASSERTION, "AuthnStatement")
        .filter_map(|statement| statement.attribute("SessionNotOnOrAfter"))
        .map(time)
        .collect::<Result<Vec<_>, _>>()?;
    Ok(ends.into_iter().min())
}

fn attributes(assertion: Node<'_, '_>) -> Result<Vec<(String, Vec<String>)>, Refusal> {
    let mut all = Vec::new();
    for held in children(assertion, ASSERTION, "AttributeStatement")
        .flat_map(|statement| children(statement, ASSERTION, "Attribute"))
    {
        let texts = children(held, ASSERTION, "AttributeValue")
            .filter(|value| !value.children().any(|node| node.is_element()));
        let values = texts.map(text).collect::<Result<_, _>>()?;
        all.push((attribute(held, "Name")?.to_owned(), values));
    }
    Ok(all)
}

fn time(text: &str) -> Result<Timestamp, Refusal> {
    let time: jiff::Timestamp = text.parse().map_err(|_| Refusal::Malformed("it has a time that is none"))?;
    Ok(Timestamp::from_unix_millis(time.as_millisecond()))
}
