//! Metadata documents of SAML providers.
//!
//! Owns what is read of one: who issues assertions, with which certificates they are signed, and until when that holds.
//! Namespaces are told apart by the names of elements alone.
//!
//! <https://docs.oasis-open.org/security/saml/v2.0/saml-metadata-2.0-os.pdf>

use aws_types::Timestamp;
use identities::SamlDescription;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::certificate::der_of_base64;

/// Why a document is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MetadataError {
    /// It is not XML, or its outermost element is another.
    #[error("Could not parse metadata")]
    NotMetadata,
    /// Nobody issues assertions by it.
    #[error("Metadata must have an entityID and an IDPSSODescriptor")]
    NoIssuer,
    /// Nothing is there to check an assertion with.
    #[error("Metadata must have a valid X.509 signing certificate")]
    NoCertificate,
    /// It has a time that is none.
    #[error("Could not parse validUntil of the metadata")]
    ValidUntil,
}

/// Reads a metadata document.
///
/// # Errors
/// What it lacks.
pub(crate) fn read(document: &str) -> Result<SamlDescription, MetadataError> {
    let mut reader = Reader::from_str(document);
    let mut found = Found::default();
    loop {
        match reader.read_event().map_err(|_| MetadataError::NotMetadata)? {
            Event::Start(element) => found.start(&element)?,
            Event::Empty(element) => {
                found.start(&element)?;
                found.end();
            }
            Event::End(_) => found.end(),
            Event::Text(text) if found.is_in_certificate() => {
                found.text.push_str(&text);
            }
            Event::DocType(_) => return Err(MetadataError::NotMetadata),
            Event::Eof => break,
            _ => {}
        }
    }
    found.finish()
}

/// What has come up so far.
#[derive(Debug, Default)]
struct Found {
    /// The elements that are open, by their local names, with what a `KeyDescriptor` is for.
    open: Vec<(String, Option<String>)>,
    has_root: bool,
    has_issuer: bool,
    description: SamlDescription,
    /// The text of the certificate that is open.
    text: String,
}

impl Found {
    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), MetadataError> {
        let name = element.local_name().as_ref().to_owned();
        if self.open.is_empty() {
            if self.has_root || name != "EntityDescriptor" {
                return Err(MetadataError::NotMetadata);
            }
            self.has_root = true;
            self.description.entity_id = attribute(element, "entityID")?.unwrap_or_default();
            let until = attribute(element, "validUntil")?;
            let until =
                until.map(|text| text.parse::<jiff::Timestamp>().map_err(|_| MetadataError::ValidUntil));
            let until = until.transpose()?;
            self.description.valid_until =
                until.map(|until| Timestamp::from_unix_millis(until.as_millisecond()));
        }
        self.has_issuer |= self.open.len() == 1 && name == "IDPSSODescriptor";
        let purpose = attribute(element, "use")?;
        self.open.push((name, purpose));
        self.text.clear();
        Ok(())
    }

    fn is_in(&self, name: &str) -> bool {
        self.open.iter().any(|(held, _)| held == name)
    }

    /// Of the issuer, and not for encryption alone.
    fn is_in_certificate(&self) -> bool {
        let key = self.open.iter().find(|(name, _)| name == "KeyDescriptor");
        let is_for_signing = key.is_some_and(|(_, purpose)| purpose.as_deref() != Some("encryption"));
        is_for_signing
            && self.is_in("IDPSSODescriptor")
            && self.open.last().is_some_and(|(name, _)| name == "X509Certificate")
    }

    fn end(&mut self) {
        if self.is_in_certificate() {
            self.description.signing_certificates.extend(der_of_base64(&self.text));
        }
        self.open.pop();
    }

    fn finish(self) -> Result<SamlDescription, MetadataError> {
        if !self.has_root || !self.open.is_empty() {
            return Err(MetadataError::NotMetadata);
        }
        if !self.has_issuer || self.description.entity_id.is_empty() {
            return Err(MetadataError::NoIssuer);
        }
        if self.description.signing_certificates.is_empty() {
            return Err(MetadataError::NoCertificate);
        }
        Ok(self.description)
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, MetadataError> {
    for held in element.attributes() {
        let held = held.map_err(|_| MetadataError::NotMetadata)?;
        if held.key.local_name().as_ref() == name {
            let text = quick_xml::escape::unescape(&held.value).map_err(|_| MetadataError::NotMetadata)?;
            return Ok(Some(text.into_owned()));
        }
    }
    Ok(None)
}
