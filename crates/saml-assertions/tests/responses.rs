//! Responses that another implementation signed, as they are and as attackers change them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use aws_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use saml_assertions::{Assertion, Expected, Refusal};

/// 2027-01-15T08:00:00Z, a minute after the fixtures were issued.
const NOW: Timestamp = Timestamp::from_unix_secs(1_800_000_000);
const ISSUER: &str = "https://idp.example.com/saml";
const AUDIENCE: &str = "https://signin.aws.amazon.com/saml";
const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";

const BY_ASSERTION: &str = include_str!("fixtures/assertion_signed.xml");
const BY_RESPONSE: &str = include_str!("fixtures/response_signed.xml");
const BY_BOTH: &str = include_str!("fixtures/both_signed.xml");
const BY_ECDSA: &str = include_str!("fixtures/ecdsa_signed.xml");
const PREFIXES: &str = include_str!("fixtures/prefixes_listed.xml");

fn certificate(text: &str) -> Vec<u8> {
    STANDARD.decode(text.trim()).unwrap()
}

fn corp() -> Vec<u8> {
    certificate(include_str!("fixtures/rsa.certificate.txt"))
}

/// With these certificates, and for what it is made for.
fn read_by(
    xml: &str,
    certificates: &[Vec<u8>],
    change: impl FnOnce(&mut Expected<'_>),
) -> Result<Assertion, Refusal> {
    let mut expected = Expected {
        issuer: ISSUER,
        certificates,
        audiences: &["urn:amazon:webservices", AUDIENCE],
        is_recipient: |recipient| recipient == AUDIENCE,
        now: NOW,
    };
    change(&mut expected);
    Assertion::of_response(xml, &expected)
}

fn read_with(xml: &str, change: impl FnOnce(&mut Expected<'_>)) -> Result<Assertion, Refusal> {
    read_by(xml, &[certificate(include_str!("fixtures/ecdsa.certificate.txt")), corp()], change)
}

fn read(xml: &str) -> Result<Assertion, Refusal> {
    read_with(xml, |_| {})
}

/// Replaces a text that is there.
#[track_caller]
fn changed(xml: &str, from: &str, to: &str) -> String {
    assert!(xml.contains(from), "{from} is not there");
    xml.replace(from, to)
}

#[track_caller]
fn malformed(xml: &str, part: &str) {
    match read(xml) {
        Err(Refusal::Malformed(reason)) if reason.contains(part) => {}
        other => panic!("{other:?} has no {part}"),
    }
}

#[track_caller]
fn badly_signed(xml: &str, part: &str) {
    match read(xml) {
        Err(Refusal::Signature(reason)) if reason.contains(part) => {}
        other => panic!("{other:?} has no {part}"),
    }
}

/// What is between two texts, both included.
fn between<'a>(xml: &'a str, from: &str, to: &str) -> &'a str {
    let start = xml.find(from).unwrap();
    let end = start + xml[start..].find(to).unwrap() + to.len();
    &xml[start..end]
}

fn assertion_of(xml: &str) -> &str {
    between(xml, "<saml:Assertion", "</saml:Assertion>")
}

fn signature_of(xml: &str) -> &str {
    between(xml, "<ds:Signature ", "</ds:Signature>")
}

#[test]
fn what_is_signed_is_told() {
    for xml in [BY_ASSERTION, BY_RESPONSE, BY_BOTH, BY_ECDSA, PREFIXES] {
        let read = read(xml).unwrap();
        assert_eq!((read.issuer.as_str(), read.recipient.as_str()), (ISSUER, AUDIENCE));
        assert_eq!(read.issued, NOW.plus_millis(-60_000));
        assert_eq!(read.subject.name, "ann");
        assert_eq!(
            read.subject.format.as_deref(),
            Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent")
        );
        assert_eq!(read.values(ROLE).count(), 2);
        let tag = "https://aws.amazon.com/SAML/Attributes/PrincipalTag:team";
        assert_eq!(read.values(tag).collect::<Vec<_>>(), ["red & blüe"]);
        assert!(read.session_ends.is_some() && read.attribute_names().count() == 8);
    }
}

#[test]
fn other_keys_prove_nothing() {
    let other = [certificate(include_str!("fixtures/other.certificate.txt"))];
    for xml in [BY_ASSERTION, BY_RESPONSE, BY_BOTH, BY_ECDSA] {
        let refused = read_by(xml, &other, |_| {});
        assert!(matches!(refused, Err(Refusal::Signature(reason)) if reason.contains("no certificate")));
        assert!(read_by(xml, &[], |_| {}).is_err());
    }
    // The key that a signature brings along is not asked.
    let theirs = include_str!("fixtures/other.certificate.txt").trim();
    let ours = between(BY_ASSERTION, "<ds:X509Certificate>", "</ds:X509Certificate>");
    let with = format!("<ds:X509Certificate>{theirs}</ds:X509Certificate>");
    assert!(read(&changed(BY_ASSERTION, ours, &with)).is_ok());
}

#[test]
fn nothing_that_is_signed_can_be_changed() {
    for xml in [BY_ASSERTION, BY_RESPONSE, BY_BOTH] {
        badly_signed(&changed(xml, "role/saml,", "role/admin,"), "changed");
        badly_signed(&changed(xml, ">ann</saml:NameID>", ">eve</saml:NameID>"), "changed");
        badly_signed(&changed(xml, "2027-01-15T08:05:00Z", "2037-01-15T08:05:00Z"), "changed");
        badly_signed(&changed(xml, "<saml:Audience>urn:", "<saml:Audience >urn:x"), "changed");
        // Of the digest, too.
        let digest = between(xml, "<ds:DigestValue>", "</ds:DigestValue>");
        badly_signed(&changed(xml, digest, "<ds:DigestValue>AAAA</ds:DigestValue>"), "");
        let value = between(xml, "<ds:SignatureValue>", "</ds:SignatureValue>");
        badly_signed(&changed(xml, value, "<ds:SignatureValue>AAAA</ds:SignatureValue>"), "no certificate");
        badly_signed(&changed(xml, value, "<ds:SignatureValue>=</ds:SignatureValue>"), "as SAML has them");
        let info = between(xml, "<ds:Transform ", "/>");
        badly_signed(&changed(xml, info, ""), "as SAML has them");
    }
    // What is equal in the canonical form is no change.
    assert!(read(&changed(BY_ASSERTION, "<saml:Audience>urn:", "<saml:Audience\n >urn:")).is_ok());
    // The response around a signed assertion is not signed, and nothing of it is told.
    assert!(read(&changed(BY_ASSERTION, "ID=\"_response\"", "ID=\"_other\"")).is_ok());
    assert!(matches!(
        read(&changed(BY_BOTH, "ID=\"_response\"", "ID=\"_other\"")),
        Err(Refusal::Signature(reason)) if reason.contains("not of the element")
    ));
}

#[test]
fn signed_elements_cannot_be_wrapped() {
    let signed = assertion_of(BY_ASSERTION);
    let signature = signature_of(signed);
    let bare = signed.replace(signature, "");
    let forged = bare.replace(">ann<", ">eve<").replace("_assertion", "_forged");
    let swap = |with: &str| changed(BY_ASSERTION, signed, with);
    let twice = "more than one assertion";
    // The forged one before or after the signed one, and with the signed one inside it, in an extension, or in its signature.
    malformed(&swap(&format!("{forged}{signed}")), twice);
    malformed(&swap(&format!("{signed}{forged}")), twice);
    malformed(&swap(&forged.replace("</saml:Issuer>", &format!("</saml:Issuer>{signed}"))), twice);
    malformed(&swap(&format!("<x>{signed}</x>{forged}")), twice);
    let object = format!("<ds:Object>{bare}</ds:Object></ds:Signature>");
    let with_object = signature.replace("</ds:Signature>", &object);
    malformed(&swap(&forged.replace("</saml:Issuer>", &format!("</saml:Issuer>{with_object}"))), twice);
    // Under the same identifier.
    let same_id = bare.replace(">ann<", ">eve<");
    malformed(&swap(&format!("{same_id}{signed}")), "identifier");
    malformed(&swap(&format!("<x Id=\"_assertion\"/>{signed}")), "identifier");
    // The signature moved to what it does not sign, and the signed one moved away.
    let moved = forged.replace("</saml:Issuer>", &format!("</saml:Issuer>{signature}"));
    badly_signed(&swap(&moved), "not of the element");
    malformed(&swap(&format!("<x>{signed}</x>")), "where it belongs");
    badly_signed(&swap(&format!("{signature}{bare}")), "not of the element");
    badly_signed(&swap(&format!("<x>{signature}</x>{bare}")), "where it belongs");
    badly_signed(&swap(&signed.replace(signature, &signature.repeat(2))), "two signatures");
    // A reference to the whole document, to nothing, and two of them.
    let whole = signature.replace("URI=\"#_assertion\"", "URI=\"\"");
    badly_signed(&swap(&signed.replace(signature, &whole)), "not of the element");
    let reference = between(signature, "<ds:Reference", "</ds:Reference>");
    let two = signature.replace(reference, &reference.repeat(2));
    badly_signed(&swap(&signed.replace(signature, &two)), "as SAML has them");
    // An assertion that is in another namespace is none.
    malformed(&swap(&signed.replace("SAML:2.0:assertion", "SAML:2.0:other")), "no assertion");
}

#[test]
fn values_cannot_be_cut() {
    let not_taken = "not taken";
    malformed(&changed(BY_ASSERTION, ">ann</saml:NameID>", ">ann<!-- -->.eve</saml:NameID>"), not_taken);
    malformed(&changed(BY_ASSERTION, ">ann</saml:NameID>", ">ann<?x y?></saml:NameID>"), not_taken);
    malformed(&changed(BY_ASSERTION, ">ann</saml:NameID>", "><![CDATA[ann]]></saml:NameID>"), not_taken);
    malformed(&format!("<!DOCTYPE r [<!ENTITY a \"ann\">]>{BY_ASSERTION}"), not_taken);
    malformed(&changed(BY_ASSERTION, ">ann</saml:NameID>", ">&a;</saml:NameID>"), "not XML");
    let nested = changed(BY_ASSERTION, ">ann</saml:NameID>", ">ann<x/></saml:NameID>");
    badly_signed(&nested, "changed");
    assert!(read(&format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{BY_ASSERTION}")).is_ok());
}

#[test]
fn only_the_profile_is_taken() {
    assert_eq!(read(include_str!("fixtures/unsigned.xml")), Err(Refusal::Unsigned));
    badly_signed(include_str!("fixtures/inclusive_form.xml"), "canonical form");
    let weak = changed(BY_ASSERTION, "2001/04/xmldsig-more#rsa-sha256", "2000/09/xmldsig#rsa-sha1");
    badly_signed(&weak, "SHA-1 is not taken");
    let weak = changed(BY_ASSERTION, "2001/04/xmlenc#sha256", "2000/09/xmldsig#sha1");
    badly_signed(&weak, "SHA-1 is not taken");
    let shared = changed(BY_ASSERTION, "xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256");
    badly_signed(&shared, "algorithm");
    let other_kind = changed(BY_ASSERTION, "xmldsig-more#rsa-sha256", "xmldsig-more#ecdsa-sha256");
    badly_signed(&other_kind, "no certificate");
    malformed("", "not XML");
    malformed("<a/>", "no response");
    malformed(&changed(BY_ASSERTION, "Version=\"2.0\" IssueInstant", "Version=\"1.1\" IssueInstant"), "2.0");
    let deep = format!("{}{}", "<a>".repeat(30_000), "</a>".repeat(30_000));
    malformed(&deep, "nested too deep");
    let listed = |count: usize| {
        changed(PREFIXES, "PrefixList=\"xs unused\"", &format!("PrefixList=\"{}\"", "a ".repeat(count)))
    };
    badly_signed(&listed(32), "no certificate");
    badly_signed(&listed(33), "as SAML has them");
    let wide =
        changed(BY_ASSERTION, "</samlp:Response>", &format!("{}</samlp:Response>", "<a/>".repeat(20_000)));
    malformed(&wide, "not XML");
    let encrypted = BY_ASSERTION.replace("saml:Assertion", "saml:EncryptedAssertion");
    assert_eq!(read(&encrypted), Err(Refusal::Encrypted));
    let failed = changed(BY_ASSERTION, "status:Success", "status:Responder");
    assert!(matches!(read(&failed), Err(Refusal::Rejected(status)) if status.ends_with("Responder")));
}

#[test]
fn it_has_to_be_for_here_and_now() {
    let at = |secs: i64| read_with(BY_ASSERTION, |expected| expected.now = NOW.plus_millis(secs * 1000));
    assert_eq!(at(239).map(|read| read.subject.name), Ok("ann".to_owned()));
    assert_eq!(at(240), Err(Refusal::Expired));
    assert_eq!(at(300), Err(Refusal::Expired));
    assert!(at(-120).is_ok());
    assert_eq!(at(-121), Err(Refusal::NotYet));
    assert_eq!(read_with(BY_ASSERTION, |expected| expected.issuer = "urn:other"), Err(Refusal::Issuer));
    assert_eq!(read_with(BY_ASSERTION, |expected| expected.audiences = &["urn:x"]), Err(Refusal::Audience));
    assert_eq!(
        read_with(BY_ASSERTION, |expected| expected.is_recipient = |_| false),
        Err(Refusal::Recipient)
    );
}

proptest! {
    /// One character of a response is another one: nothing else is told of it than before, or it is refused.
    #[test]
    fn a_changed_response_tells_nothing_else(at in 0..BY_ASSERTION.len(), with in "[ -~]") {
        prop_assume!(BY_ASSERTION.is_char_boundary(at) && BY_ASSERTION.is_char_boundary(at + 1));
        let mut xml = BY_ASSERTION.to_owned();
        xml.replace_range(at..=at, &with);
        if let Ok(told) = read(&xml) {
            prop_assert_eq!(Ok(told), read(BY_ASSERTION));
        }
    }

    #[test]
    fn any_text_is_read(text in "[<>/a-c&;:='\" !?\\[\\]-]{0,60}") {
        prop_assert!(read(&text).is_err());
    }
}
