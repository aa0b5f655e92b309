//! One signature of an element, which is in that element.
//!
//! Owns which algorithms there are. Refuses to know what the element says, and whose the certificates are. What a signature
//! says of its own key is not looked at.
//!
//! <https://www.w3.org/TR/xmldsig-core1/>

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512, digest};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::Refusal;
use crate::canonical::canonical;
use crate::element::{DSIG, is, text};

/// The canonical form that is taken, and the name of what lists its prefixes.
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
/// That the signature itself is not signed.
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// How many prefixes a list has at most. Each is looked for in every element.
const PREFIXES_MAX: usize = 32;

/// Whether one of the certificates' keys signed an element, by a signature that is its child.
///
/// # Errors
/// [`Refusal::Signature`] when none did, or in another way than is taken.
pub(crate) fn verify(
    signature: Node<'_, '_>,
    element: Node<'_, '_>,
    certificates: &[Vec<u8>],
) -> Result<(), Refusal> {
    let [info, value, rest @ ..] = &elements(signature)[..] else { return Err(unusual()) };
    let is_key_info = |nodes: &[Node<'_, '_>]| matches!(nodes, [only] if is(*only, DSIG, "KeyInfo"));
    if !is(*info, DSIG, "SignedInfo") || !is(*value, DSIG, "SignatureValue") {
        return Err(unusual());
    }
    if !rest.is_empty() && !is_key_info(rest) {
        return Err(unusual());
    }
    let [form, method, reference] = elements(*info)[..] else { return Err(unusual()) };
    if !is(form, DSIG, "CanonicalizationMethod") || !is(method, DSIG, "SignatureMethod") {
        return Err(unusual());
    }
    let reference = Reference::to(element, reference)?;
    let prefixes = exclusive_prefixes(form)?;
    let value = base64_of(*value)?;
    let method = Method::named(algorithm(method)?)?;
    // What nobody has signed is not worth the work of its digest.
    let signed = canonical(*info, None, &prefixes);
    if !certificates.iter().any(|der| method.has_signed(der, signed.as_bytes(), &value)) {
        return Err(Refusal::Signature("no certificate of the provider verifies it"));
    }
    let written = canonical(element, Some(signature), &reference.prefixes);
    if digest(reference.algorithm, written.as_bytes()).as_ref() == reference.digest {
        Ok(())
    } else {
        Err(Refusal::Signature("what it signed was changed"))
    }
}

/// What a signature says of the element that it is in.
struct Reference<'a> {
    prefixes: Vec<&'a str>,
    algorithm: &'static digest::Algorithm,
    digest: Vec<u8>,
}

impl<'a> Reference<'a> {
    /// Reads a reference, which has to be one to that very element.
    fn to(element: Node<'_, '_>, reference: Node<'a, '_>) -> Result<Self, Refusal> {
        let id = element.attribute("ID").filter(|id| !id.is_empty()).ok_or_else(unusual)?;
        let refers_to = reference.attribute("URI").and_then(|uri| uri.strip_prefix('#'));
        if !is(reference, DSIG, "Reference") || refers_to != Some(id) {
            return Err(Refusal::Signature("it is not of the element that it is in"));
        }
        let [transforms, method, value] = elements(reference)[..] else { return Err(unusual()) };
        if !is(transforms, DSIG, "Transforms")
            || !is(method, DSIG, "DigestMethod")
            || !is(value, DSIG, "DigestValue")
        {
            return Err(unusual());
        }
        let [enveloped, form] = elements(transforms)[..] else { return Err(unusual()) };
        let are_transforms = [enveloped, form].iter().all(|node| is(*node, DSIG, "Transform"));
        if !are_transforms || algorithm(enveloped)? != ENVELOPED {
            return Err(unusual());
        }
        Ok(Self {
            prefixes: exclusive_prefixes(form)?,
            algorithm: digest_named(algorithm(method)?)?,
            digest: base64_of(value)?,
        })
    }
}

/// How `SignedInfo` is signed.
enum Method {
    Rsa(&'static dyn VerificationAlgorithm),
    Ecdsa(&'static dyn VerificationAlgorithm, EcdsaPoint),
}

/// How long the point of a key is, uncompressed, which tells the curve.
#[derive(Clone, Copy, PartialEq, Eq)]
struct EcdsaPoint(usize);

impl Method {
    fn named(algorithm: &str) -> Result<Self, Refusal> {
        Ok(match algorithm {
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256" => {
                Self::Ecdsa(&ECDSA_P256_SHA256_FIXED, EcdsaPoint(65))
            }
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384" => {
                Self::Ecdsa(&ECDSA_P384_SHA384_FIXED, EcdsaPoint(97))
            }
            _ => return Err(weak(algorithm)),
        })
    }

    fn has_signed(&self, certificate: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
        let key = certificate.public_key();
        let (kind, bytes) = (key.algorithm.algorithm.to_id_string(), &*key.subject_public_key.data);
        let algorithm = match (self, kind.as_str()) {
            (Self::Rsa(algorithm), "1.2.840.113549.1.1.1") => *algorithm,
            (Self::Ecdsa(algorithm, point), "1.2.840.10045.2.1") if bytes.len() == point.0 => *algorithm,
            _ => return false,
        };
        UnparsedPublicKey::new(algorithm, bytes).verify(message, signature).is_ok()
    }
}

fn digest_named(algorithm: &str) -> Result<&'static digest::Algorithm, Refusal> {
    Ok(match algorithm {
        "http://www.w3.org/2001/04/xmlenc#sha256" => &SHA256,
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => &SHA384,
        "http://www.w3.org/2001/04/xmlenc#sha512" => &SHA512,
        _ => return Err(weak(algorithm)),
    })
}

fn weak(algorithm: &str) -> Refusal {
    Refusal::Signature(if algorithm.ends_with("sha1") {
        "SHA-1 is not taken: sign with SHA-256"
    } else {
        "its algorithm is not taken"
    })
}

fn unusual() -> Refusal {
    Refusal::Signature("it is not as SAML has them")
}

/// The elements in an element that has nothing but elements and space.
fn elements<'a, 'input>(parent: Node<'a, 'input>) -> Vec<Node<'a, 'input>> {
    parent.children().filter(Node::is_element).collect()
}

fn algorithm<'a>(node: Node<'a, '_>) -> Result<&'a str, Refusal> {
    node.attribute("Algorithm").ok_or_else(unusual)
}

/// The prefixes that a method or transform lists, which has to be that of the exclusive canonical form.
fn exclusive_prefixes<'a>(form: Node<'a, '_>) -> Result<Vec<&'a str>, Refusal> {
    if algorithm(form)? != EXCLUSIVE {
        return Err(Refusal::Signature("its canonical form is not the exclusive one without comments"));
    }
    match elements(form)[..] {
        [] => Ok(Vec::new()),
        [list] if is(list, EXCLUSIVE, "InclusiveNamespaces") => {
            let prefixes: Vec<_> =
                list.attribute("PrefixList").unwrap_or_default().split_ascii_whitespace().collect();
            if prefixes.len() > PREFIXES_MAX { Err(unusual()) } else { Ok(prefixes) }
        }
        _ => Err(unusual()),
    }
}

fn base64_of(node: Node<'_, '_>) -> Result<Vec<u8>, Refusal> {
    let mut text = text(node)?;
    text.retain(|character| !character.is_ascii_whitespace());
    STANDARD.decode(text).map_err(|_| unusual())
}
