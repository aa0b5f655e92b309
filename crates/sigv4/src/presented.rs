//! What a request presents to prove who signed it: the `Authorization` header, or a presigned query.

use std::fmt;

use crate::time::SigningTime;
use crate::{ALGORITHM, Request, SignatureError, sha256_hex};

/// The last part of every credential scope.
const TERMINATOR: &str = "aws4_request";

/// What a derived key is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialScope {
    /// Eight digits.
    pub date: String,
    /// The region, such as `us-east-1`.
    pub region: String,
    /// The service's signing name, such as `ec2`.
    pub service: String,
}

impl fmt::Display for CredentialScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service)
    }
}

/// Where the signature stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the `Authorization` header.
    Header,
    /// In the query, good for this long after the signing time.
    Query {
        /// `X-Amz-Expires`.
        expires_secs: u32,
    },
    /// In a form, over the form's policy.
    Form,
}

/// A signature and what it says of itself. Nothing here is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// Who claims to have signed.
    pub access_key_id: String,
    /// What the key was derived for.
    pub scope: CredentialScope,
    /// The (lower-case) names of the headers that are covered, sorted.
    pub signed_headers: Vec<String>,
    /// The signature in hexadecimal.
    pub signature: String,
    /// When it was made.
    pub time: SigningTime,
    /// The session token that came with it.
    pub session_token: Option<String>,
    /// Where it stood.
    pub place: Place,
}

impl Presented {
    /// Reads what a request presents.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] when it presents nothing, [`SignatureError::Incomplete`] when a part is missing or
    /// malformed.
    pub fn of(request: &Request<'_>) -> Result<Self, SignatureError> {
        if let Some(authorization) = request.header("authorization") {
            return Self::of_header(request, authorization);
        }
        let has = |wanted: &str| request.query_pairs().any(|(name, _)| name == wanted);
        if has("X-Amz-Algorithm") || has("X-Amz-Signature") {
            return Self::of_query(request);
        }
        // Of version 2, which must not be taken for no signature at all.
        if has("AWSAccessKeyId") && has("Signature") {
            return Err(SignatureError::Mechanism("AWS".to_owned()));
        }
        Err(SignatureError::Missing)
    }

    fn of_header(request: &Request<'_>, authorization: &str) -> Result<Self, SignatureError> {
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(SignatureError::Mechanism(algorithm.to_owned()));
        }
        let part = |wanted: &str| {
            rest.split(',')
                .find_map(|part| part.trim().split_once('=').filter(|(name, _)| *name == wanted))
                .map(|(_, value)| value)
        };
        let (credential, signed, signature) = (part("Credential"), part("SignedHeaders"), part("Signature"));
        let date = request.header("x-amz-date").or_else(|| request.header("date"));
        let mut missing: Vec<String> =
            [("Credential", credential), ("Signature", signature), ("SignedHeaders", signed)]
                .iter()
                .filter(|(_, value)| value.is_none_or(str::is_empty))
                .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
                .collect();
        if date.is_none() {
            missing.push(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
                    .to_owned(),
            );
        }
        let (Some(credential), Some(signed), Some(signature), Some(date), true) =
            (credential, signed, signature, date, missing.is_empty())
        else {
            // The header itself is a secret of sorts, so only its hash is shown.
            let hash = sha256_hex(authorization.as_bytes());
            return Err(SignatureError::Incomplete(format!(
                "{} (Hashed with SHA-256) Authorization={hash}",
                missing.join(" ")
            )));
        };
        let time = SigningTime::parse_http_date(date).ok_or_else(|| {
            SignatureError::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        let (access_key_id, scope) = parse_credential(credential)?;
        Ok(Self {
            access_key_id,
            scope,
            signed_headers: parse_signed_headers(signed),
            signature: signature.to_owned(),
            time,
            session_token: request.header("x-amz-security-token").map(str::to_owned),
            place: Place::Header,
        })
    }

    fn of_query(request: &Request<'_>) -> Result<Self, SignatureError> {
        let part =
            |wanted: &str| request.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let required = |wanted: &str| {
            part(wanted).filter(|value| !value.is_empty()).ok_or_else(|| {
                SignatureError::Incomplete(format!("AWS query-string parameters must include '{wanted}'"))
            })
        };
        let algorithm = required("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(SignatureError::Incomplete(format!("Unsupported AWS 'algorithm': '{algorithm}'")));
        }
        let (access_key_id, scope) = parse_credential(&required("X-Amz-Credential")?)?;
        let signature = required("X-Amz-Signature")?;
        let date = required("X-Amz-Date")?;
        let time = SigningTime::parse_basic(&date).ok_or_else(|| {
            SignatureError::Incomplete(format!(
                "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\", not '{date}'"
            ))
        })?;
        let expires = required("X-Amz-Expires")?;
        let expires_secs = expires.parse().map_err(|_| {
            SignatureError::Incomplete(format!("X-Amz-Expires should be a number, not '{expires}'"))
        })?;
        Ok(Self {
            access_key_id,
            scope,
            signed_headers: parse_signed_headers(&required("X-Amz-SignedHeaders")?),
            signature,
            time,
            session_token: part("X-Amz-Security-Token")
                .or_else(|| request.header("x-amz-security-token").map(str::to_owned)),
            place: Place::Query { expires_secs },
        })
    }
}

pub(crate) fn parse_credential(credential: &str) -> Result<(String, CredentialScope), SignatureError> {
    // An access key id may itself contain slashes, so the scope is read from the end.
    let parts: Vec<&str> = credential.rsplitn(5, '/').collect();
    match parts[..] {
        [TERMINATOR, service, region, date, access_key_id]
            if !access_key_id.is_empty() && !service.is_empty() && !region.is_empty() =>
        {
            let scope = CredentialScope {
                date: date.to_owned(),
                region: region.to_owned(),
                service: service.to_owned(),
            };
            Ok((access_key_id.to_owned(), scope))
        }
        _ => Err(SignatureError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request, got '{credential}'"
        ))),
    }
}

fn parse_signed_headers(text: &str) -> Vec<String> {
    let mut names: Vec<String> = text.split(';').map(str::to_ascii_lowercase).collect();
    names.sort();
    names.dedup();
    names
}
