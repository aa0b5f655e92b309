//! X.509 certificates and keys, as requests bring them: in PEM.
//!
//! Owns what is wrong with one, in AWS's words. Refuses to know what a certificate is for.

use aws_types::Timestamp;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use service_api::ServiceError;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// A certificate that was read.
#[derive(Debug)]
pub(crate) struct Certificate {
    der: Vec<u8>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

pub(crate) fn malformed(message: impl Into<String>) -> ServiceError {
    ServiceError::new("MalformedCertificate", message)
}

impl Certificate {
    /// Reads a PEM file with one certificate.
    ///
    /// # Errors
    /// `MalformedCertificate`.
    pub(crate) fn read(pem: &str) -> Result<Self, ServiceError> {
        let refused =
            || malformed("Unable to parse certificate. Please ensure the certificate is in PEM format.");
        let mut all = Self::read_all(pem).ok_or_else(refused)?;
        let only = all.pop().ok_or_else(refused)?;
        if !all.is_empty() {
            return Err(malformed("Certificate body must contain only one certificate."));
        }
        Ok(only)
    }

    /// Reads all certificates of a PEM file. `None` when one of them is none.
    fn read_all(pem: &str) -> Option<Vec<Self>> {
        let ders = CertificateDer::pem_slice_iter(pem.as_bytes());
        ders.map(|der| Self::from_der(der.ok()?.as_ref())).collect()
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let (rest, parsed) = X509Certificate::from_der(der).ok()?;
        let validity = parsed.validity();
        let time = |time: x509_parser::time::ASN1Time| Timestamp::from_unix_secs(time.timestamp());
        let (not_before, not_after) = (time(validity.not_before), time(validity.not_after));
        rest.is_empty().then(|| Self { der: der.to_vec(), not_before, not_after })
    }

    /// The encoded certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    fn parsed(&self) -> X509Certificate<'_> {
        X509Certificate::from_der(&self.der).expect("it was read before").1
    }

    /// # Errors
    /// `MalformedCertificate` when it is not valid yet, or no longer.
    pub(crate) fn check_valid_at(&self, now: Timestamp) -> Result<(), ServiceError> {
        if now < self.not_before {
            return Err(malformed("Certificate is not yet valid. The 'Not Before' date is in the future."));
        }
        if now > self.not_after {
            return Err(malformed("Certificate is no longer valid. The 'Not After' date is in the past."));
        }
        Ok(())
    }

    /// Whether a private key in PEM is the certificate's.
    ///
    /// # Errors
    /// `MalformedCertificate` for what is no key, or an encrypted one; `KeyPairMismatch`.
    pub(crate) fn check_key(&self, pem: &str) -> Result<(), ServiceError> {
        let refused = || {
            malformed(
                "Unable to parse private key. Please ensure that it is in PEM format and not encrypted.",
            )
        };
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| refused())?;
        let key = any_supported_type(&key).map_err(|_| refused())?;
        let public = key.public_key().ok_or_else(refused)?;
        if public.as_ref() != self.parsed().public_key().raw {
            let message = "The private key does not match the public key of the certificate.";
            return Err(ServiceError::new("KeyPairMismatch", message));
        }
        Ok(())
    }

    /// Whether a chain in PEM begins with what signed the certificate and goes on so.
    ///
    /// # Errors
    /// `MalformedCertificate`.
    pub(crate) fn check_chain(&self, pem: &str) -> Result<(), ServiceError> {
        let chain = Self::read_all(pem).filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| {
            malformed(
                "Unable to parse certificate chain. Please ensure the certificate chain is in PEM format.",
            )
        })?;
        let mut signed = self.parsed();
        for (index, signer) in chain.iter().enumerate() {
            let signer = signer.parsed();
            let is_signed = signed.issuer() == signer.subject()
                && signed.verify_signature(Some(signer.public_key())).is_ok();
            if !is_signed {
                return Err(malformed(format!(
                    "Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: {index}"
                )));
            }
            signed = signer;
        }
        Ok(())
    }
}

/// Whether a text is a private key in PEM that is not encrypted.
pub(crate) fn is_private_key(pem: &str) -> bool {
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    key.is_ok_and(|key| any_supported_type(&key).is_ok())
}

/// A certificate in DER from base64, as SAML metadata has them. `None` when it is none.
pub(crate) fn der_of_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    Certificate::from_der(&der).map(|certificate| certificate.der)
}
