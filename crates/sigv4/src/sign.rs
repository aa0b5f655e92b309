//! Signing, for clients and for checking what clients signed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::encode::encode;
use crate::{ALGORITHM, CredentialScope, Payload, Request, SigningTime, UriRules, sha256_hex};

pub(crate) fn hmac(key: &[u8], message: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().into()
}

/// The key that signs for a scope, derived from a secret access key.
pub fn derive_key(secret: &str, scope: &CredentialScope) -> [u8; 32] {
    let date = hmac(format!("AWS4{secret}").as_bytes(), &scope.date);
    let region = hmac(&date, &scope.region);
    let service = hmac(&region, &scope.service);
    hmac(&service, "aws4_request")
}

/// The string to sign.
pub(crate) fn string_to_sign(canonical_request: &str, scope: &CredentialScope, time: SigningTime) -> String {
    format!("{ALGORITHM}\n{time}\n{scope}\n{}", sha256_hex(canonical_request.as_bytes()))
}

/// The signature in hexadecimal.
pub(crate) fn signature(secret: &str, scope: &CredentialScope, string_to_sign: &str) -> String {
    hex::encode(hmac(&derive_key(secret, scope), string_to_sign))
}

/// Signs requests as one identity, for one region and service.
#[derive(Clone)]
pub struct Signer<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// The secret access key.
    pub secret: &'a str,
    /// The session token of temporary credentials.
    pub session_token: Option<&'a str>,
    /// The region, such as `us-east-1`.
    pub region: &'a str,
    /// The service's signing name, such as `ec2`.
    pub service: &'a str,
}

impl Signer<'_> {
    pub(crate) fn scope(&self, time: SigningTime) -> CredentialScope {
        CredentialScope {
            date: time.date(),
            region: self.region.to_owned(),
            service: self.service.to_owned(),
        }
    }

    fn rules(&self) -> UriRules {
        if self.service == "s3" { UriRules::S3 } else { UriRules::Normalised }
    }

    /// Signs all headers of the request and returns those to add: `x-amz-date`, for S3 `x-amz-content-sha256`, with a
    /// session `x-amz-security-token`, and `authorization`. The request must have a `host` header.
    pub fn sign(
        &self,
        request: &Request<'_>,
        payload: &Payload,
        time: SigningTime,
    ) -> Vec<(&'static str, String)> {
        let mut added = vec![("x-amz-date", time.to_string())];
        if self.rules() == UriRules::S3 {
            added.push(("x-amz-content-sha256", payload.as_str().to_owned()));
        }
        if let Some(token) = self.session_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        let mut headers = request.headers.to_vec();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let mut names: Vec<String> = headers.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        names.dedup();
        let scope = self.scope(time);
        let canonical = Request { headers: &headers, ..*request }.canonical(self.rules(), &names, payload);
        let signature = signature(self.secret, &scope, &string_to_sign(&canonical, &scope, time));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={signature}",
            self.access_key_id,
            names.join(";")
        );
        added.push(("authorization", authorization));
        added
    }

    /// The query that makes the request presigned, its own query included. All its headers are signed and have to be
    /// sent. S3 bodies are not covered; for other services the body is.
    pub fn presign(
        &self,
        request: &Request<'_>,
        payload: &Payload,
        time: SigningTime,
        expires_secs: u32,
    ) -> String {
        let scope = self.scope(time);
        let mut names: Vec<String> = request.headers.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        names.dedup();
        let mut query = vec![
            format!("X-Amz-Algorithm={ALGORITHM}"),
            format!("X-Amz-Credential={}", encode(format!("{}/{scope}", self.access_key_id).as_bytes())),
            format!("X-Amz-Date={time}"),
            format!("X-Amz-Expires={expires_secs}"),
            format!("X-Amz-SignedHeaders={}", encode(names.join(";").as_bytes())),
        ];
        if let Some(token) = self.session_token {
            query.push(format!("X-Amz-Security-Token={}", encode(token.as_bytes())));
        }
        if !request.query.is_empty() {
            query.insert(0, request.query.to_owned());
        }
        let query = query.join("&");
        let canonical = Request { query: &query, ..*request }.canonical(self.rules(), &names, payload);
        let signature = signature(self.secret, &scope, &string_to_sign(&canonical, &scope, time));
        format!("{query}&X-Amz-Signature={signature}")
    }
}
