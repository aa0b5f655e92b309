//! Who was found to be behind requests that nobody signed.
//!
//! Owns the way from the operation that read the proof to whoever records the call, which the request's context does not have:
//! each identity is noted once and taken once, by the request's id. Bounded, for where nobody takes them.

use std::collections::VecDeque;

use parking_lot::Mutex;
use service_api::RequestId;

/// So many requests are answered at one time at most, before their calls are recorded.
const NOTED_MAX: usize = 1024;

/// Somebody for whom an identity provider vouched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProvedIdentity {
    /// With a token of an OpenID Connect provider.
    WebIdentity {
        /// The provider's ARN.
        provider: String,
        /// For whom the token was made.
        audience: String,
        /// Whose it is.
        subject: String,
    },
    /// With an assertion of a SAML provider.
    Saml {
        /// The provider's ARN.
        provider: String,
        /// The hash that stands for issuer, account and provider.
        qualifier: String,
        /// Whom the assertion is about.
        subject: String,
    },
}

/// The identities that were proved and that nobody has taken yet.
#[derive(Debug, Default)]
pub struct ProvedIdentities(Mutex<VecDeque<(RequestId, ProvedIdentity)>>);

impl ProvedIdentities {
    pub(crate) fn note(&self, request: &RequestId, identity: ProvedIdentity) {
        let mut noted = self.0.lock();
        if noted.len() >= NOTED_MAX {
            noted.pop_front();
        }
        noted.push_back((request.clone(), identity));
    }

    /// Who is behind a request, if its proof was good.
    pub fn take(&self, request: &RequestId) -> Option<ProvedIdentity> {
        let mut noted = self.0.lock();
        let at = noted.iter().rposition(|(held, _)| held == request)?;
        noted.remove(at).map(|(_, identity)| identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_taken_once_and_few_are_kept() {
        let proved = ProvedIdentities::default();
        let identity = |subject: &str| ProvedIdentity::Saml {
            provider: "p".to_owned(),
            qualifier: "q".to_owned(),
            subject: subject.to_owned(),
        };
        let id = |bits: usize| RequestId::from_bits(bits as u128);
        for bits in 0..=NOTED_MAX {
            proved.note(&id(bits), identity(&bits.to_string()));
        }
        assert_eq!(proved.take(&id(0)), None);
        assert_eq!(proved.take(&id(7)), Some(identity("7")));
        assert_eq!(proved.take(&id(7)), None);
    }
}
