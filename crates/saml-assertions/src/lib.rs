//! SAML responses: whether an identity provider signed what they say, and what that is.
//!
//! Owns a narrow profile of XML signatures and of SAML 2.0: a response with one assertion about a bearer, of which the
//! assertion, the response, or both are signed with RSA or ECDSA and SHA-2, over their exclusive canonical form. Refuses to
//! know which providers and roles there are, and what the attributes mean. Pure: the time and the certificates are the
//! caller's.
//!
//! What is told of an assertion is read from the very element whose signature was verified, so that nothing can be wrapped
//! around a signed element or put beside it. What the profile does not have is refused: document types, comments, CDATA and
//! processing instructions, identifiers that are there twice, signatures over anything but their parent, transforms but the
//! two that SAML names, SHA-1, and assertions that are encrypted.
//!
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-core-2.0-os.pdf>, section 5.4, and
//! <https://www.w3.org/TR/xmldsig-core1/>

mod assertion;
mod canonical;
mod element;
mod signature;

use std::collections::HashSet;

use aws_types::Timestamp;
use quick_xml::Reader;
use quick_xml::events::Event;
use roxmltree::{Document, Node, ParsingOptions};

use crate::element::{ASSERTION, DSIG, PROTOCOL, attribute, child, children, is, only_child, text};

pub use assertion::{Assertion, Subject};

/// How deep elements are in each other, at most. Responses have about ten levels.
const DEPTH_MAX: usize = 64;
/// How many elements and texts a response has at most. Those of whoever may assume a thousand roles have two thousand.
const NODES_MAX: u32 = 20_000;
/// The status of a response that brings an assertion.
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// What an assertion is held against.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who has to have issued it.
    pub issuer: &'a str,
    /// The certificates of the issuer, in DER. Whether they have expired is not looked at.
    pub certificates: &'a [Vec<u8>],
    /// It has to be for one of these audiences.
    pub audiences: &'a [&'a str],
    /// Whether somebody may present it at that address.
    pub is_recipient: fn(&str) -> bool,
    /// When it is presented.
    pub now: Timestamp,
}

/// Why a response proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no SAML response of the profile.
    #[error("Invalid SAML response: {0}")]
    Malformed(&'static str),
    /// The identity provider says that authentication failed: with this status.
    #[error("The identity provider reported that authentication failed: {0}")]
    Rejected(String),
    /// Its assertion is encrypted.
    #[error("Encrypted assertions are not supported")]
    Encrypted,
    /// Nothing that it says is signed.
    #[error("Response is not signed")]
    Unsigned,
    /// A signature is not that of the issuer, or not of the profile.
    #[error("Response signature invalid: {0}")]
    Signature(&'static str),
    /// Somebody else issued it.
    #[error("Issuer not present in specified provider")]
    Issuer,
    /// It is for another audience.
    #[error("Response does not contain the required audience")]
    Audience,
    /// It is to be presented somewhere else.
    #[error("Response does not contain the required recipient")]
    Recipient,
    /// It does not hold yet.
    #[error("The assertion does not hold yet")]
    NotYet,
    /// It holds no more.
    #[error("The assertion has expired")]
    Expired,
}

impl Assertion {
    /// Reads a response and tells what its assertion says, if that is signed and for now and here.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn of_response(xml: &str, expected: &Expected<'_>) -> Result<Self, Refusal> {
        check_text(xml)?;
        let options = ParsingOptions { nodes_limit: NODES_MAX, ..ParsingOptions::default() };
        let document =
            Document::parse_with_options(xml, options).map_err(|_| Refusal::Malformed("it is not XML"))?;
        let response = document.root_element();
        if !is(response, PROTOCOL, "Response") || response.attribute("Version") != Some("2.0") {
            return Err(Refusal::Malformed("it is no response of SAML 2.0"));
        }
        check_ids(&document)?;
        check_status(response)?;
        let assertion = only_assertion(&document)?;
        check_signatures(&document, [response, assertion], expected.certificates)?;
        Self::of_element(assertion, expected)
    }
}

/// Refuses what could be read in two ways, and what is nested so deep that reading it would exhaust the stack.
fn check_text(xml: &str) -> Result<(), Refusal> {
    let mut reader = Reader::from_str(xml);
    let mut depth = 0_usize;
    loop {
        match reader.read_event().map_err(|_| Refusal::Malformed("it is not XML"))? {
            Event::Start(_) if depth == DEPTH_MAX => {
                return Err(Refusal::Malformed("its elements are nested too deep"));
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::DocType(_) | Event::Comment(_) | Event::CData(_) | Event::PI(_) => {
                let message = "document types, comments, CDATA and processing instructions are not taken";
                return Err(Refusal::Malformed(message));
            }
            Event::Eof => return Ok(()),
            Event::Empty(_) | Event::Text(_) | Event::Decl(_) | Event::GeneralRef(_) => {}
        }
    }
}

/// Whatever is called an identifier somewhere has to be there once.
fn check_ids(document: &Document<'_>) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    for element in document.descendants().filter(Node::is_element) {
        let ids = element.attributes().filter(|held| held.name().eq_ignore_ascii_case("id"));
        for id in ids {
            if !seen.insert(id.value()) {
                return Err(Refusal::Malformed("an identifier is there twice"));
            }
        }
    }
    Ok(())
}

fn check_status(response: Node<'_, '_>) -> Result<(), Refusal> {
    let status = only_child(response, PROTOCOL, "Status")?;
    let code = attribute(only_child(status, PROTOCOL, "StatusCode")?, "Value")?;
    if code == SUCCESS {
        return Ok(());
    }
    let message = child(status, PROTOCOL, "StatusMessage").map(text).transpose()?;
    Err(Refusal::Rejected(message.unwrap_or_else(|| code.to_owned())))
}

/// The one assertion that there is, which is the response's child.
fn only_assertion<'a, 'input>(document: &'a Document<'input>) -> Result<Node<'a, 'input>, Refusal> {
    if document.descendants().any(|node| is(node, ASSERTION, "EncryptedAssertion")) {
        return Err(Refusal::Encrypted);
    }
    let mut all = document.descendants().filter(|node| is(*node, ASSERTION, "Assertion"));
    let assertion = all.next().ok_or(Refusal::Malformed("it has no assertion"))?;
    if all.next().is_some() {
        return Err(Refusal::Malformed("it has more than one assertion"));
    }
    if assertion.parent() != Some(document.root_element()) {
        return Err(Refusal::Malformed("its assertion is not where it belongs"));
    }
    Ok(assertion)
}

/// Every signature that there is has to be right, and to be of the response or of the assertion.
fn check_signatures(
    document: &Document<'_>,
    signed: [Node<'_, '_>; 2],
    certificates: &[Vec<u8>],
) -> Result<(), Refusal> {
    let all = document.descendants().filter(|node| is(*node, DSIG, "Signature")).count();
    if all == 0 {
        return Err(Refusal::Unsigned);
    }
    let mut verified = 0;
    for element in signed {
        let own: Vec<_> = children(element, DSIG, "Signature").collect();
        if own.len() > 1 {
            return Err(Refusal::Signature("an element has two signatures"));
        }
        for one in own {
            signature::verify(one, element, certificates)?;
            verified += 1;
        }
    }
    // Another one could only be there to be taken for one of these.
    if verified == all { Ok(()) } else { Err(Refusal::Signature("a signature is not where it belongs")) }
}
