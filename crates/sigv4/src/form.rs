//! Signatures of forms: what a browser sends to S3 with the policy that somebody else signed.
//!
//! The text that is signed is the policy itself, and nothing of the request.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html>

use crate::chunk::is_signature;
use crate::presented::parse_credential;
use crate::sign::signature;
use crate::verify::check_time;
use crate::{ALGORITHM, Place, Presented, SignatureError, Signer, SigningTime};

/// The fields of a form that are about its signature, as they were sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormFields<'a> {
    /// `x-amz-algorithm`.
    pub algorithm: &'a str,
    /// `x-amz-credential`.
    pub credential: &'a str,
    /// `x-amz-date`.
    pub date: &'a str,
    /// `x-amz-signature`.
    pub signature: &'a str,
    /// `x-amz-security-token`.
    pub session_token: Option<&'a str>,
}

impl Presented {
    /// Reads what a form presents.
    ///
    /// # Errors
    /// [`SignatureError::Mechanism`] for another algorithm, [`SignatureError::Incomplete`] for a malformed part.
    pub fn of_form(fields: &FormFields<'_>) -> Result<Self, SignatureError> {
        if fields.algorithm != ALGORITHM {
            return Err(SignatureError::Mechanism(fields.algorithm.to_owned()));
        }
        let (access_key_id, scope) = parse_credential(fields.credential)?;
        let time = SigningTime::parse_basic(fields.date).ok_or_else(|| {
            let message = "X-Amz-Date must be formatted via ISO8601 Long format";
            SignatureError::Incomplete(message.to_owned())
        })?;
        Ok(Self {
            access_key_id,
            scope,
            signed_headers: Vec::new(),
            signature: fields.signature.to_owned(),
            time,
            session_token: fields.session_token.map(str::to_owned),
            place: Place::Form,
        })
    }
}

/// Checks that the holder of `secret` signed a policy, which is as it was sent: still in base64. Until when the policy is good it
/// says by itself.
///
/// # Errors
/// What is wrong, in the order that AWS looks at it: the time, the signature.
pub fn verify_policy(
    presented: &Presented,
    policy: &str,
    secret: &str,
    now: SigningTime,
) -> Result<(), SignatureError> {
    check_time(presented, now)?;
    let expected = signature(secret, &presented.scope, policy);
    if is_signature(&expected, presented.signature.as_bytes()) {
        return Ok(());
    }
    Err(SignatureError::Mismatch { canonical_request: String::new(), string_to_sign: policy.to_owned() })
}

impl Signer<'_> {
    /// The fields that a form needs beside a policy, which has to name the first three, and the signature of the policy.
    pub fn sign_policy(&self, policy: &str, time: SigningTime) -> Vec<(&'static str, String)> {
        let scope = self.scope(time);
        let signature = signature(self.secret, &scope, policy);
        let mut fields = self.policy_fields(time);
        fields.push(("x-amz-signature", signature));
        fields
    }

    /// The fields of a form that a policy has to name, for it to be signed.
    pub fn policy_fields(&self, time: SigningTime) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            ("x-amz-credential", format!("{}/{}", self.access_key_id, self.scope(time))),
            ("x-amz-date", time.to_string()),
        ];
        if let Some(token) = self.session_token {
            fields.push(("x-amz-security-token", token.to_owned()));
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret key of AWS's examples.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn signer() -> Signer<'static> {
        Signer {
            access_key_id: "AKIAIOSFODNN7EXAMPLE",
            secret: SECRET,
            session_token: None,
            region: "us-east-1",
            service: "s3",
        }
    }

    fn presented(fields: &[(&'static str, String)]) -> Result<Presented, SignatureError> {
        let field =
            |name: &str| fields.iter().find(|(held, _)| *held == name).map(|(_, value)| value.as_str());
        Presented::of_form(&FormFields {
            algorithm: field("x-amz-algorithm").unwrap(),
            credential: field("x-amz-credential").unwrap(),
            date: field("x-amz-date").unwrap(),
            signature: field("x-amz-signature").unwrap(),
            session_token: field("x-amz-security-token"),
        })
    }

    #[test]
    fn a_signed_policy_is_verified() {
        let time = SigningTime::from_unix_secs(1_451_347_200).unwrap();
        let fields = signer().sign_policy("eyJ9", time);
        let form = presented(&fields).unwrap();
        assert_eq!(form.scope.to_string(), "20151229/us-east-1/s3/aws4_request");
        let check = |policy: &str, secret: &str, after_secs: i64| {
            verify_policy(&form, policy, secret, time.plus_secs(after_secs)).map_err(|error| match error {
                SignatureError::Mismatch { string_to_sign, .. } => string_to_sign,
                other => format!("{other:?}").split(' ').next().unwrap().to_owned(),
            })
        };
        assert_eq!(check("eyJ9", SECRET, 0), Ok(()));
        assert_eq!(check("eyJ9", SECRET, 7 * 86_400), Ok(()));
        assert_eq!(check("eyJ9", SECRET, 7 * 86_400 + 1), Err("PresignedExpired".into()));
        assert_eq!(check("eyJ9", SECRET, -1_000), Err("NotYetCurrent".into()));
        assert_eq!(check("eyJ8", SECRET, 0), Err("eyJ8".into()));
        assert_eq!(check("eyJ9", "other", 0), Err("eyJ9".into()));
    }

    #[test]
    fn what_is_malformed_is_told() {
        let time = SigningTime::from_unix_secs(1_451_347_200).unwrap();
        for (name, value, expect) in [
            ("x-amz-algorithm", "AWS4-HMAC-SHA1", "Mechanism"),
            ("x-amz-credential", "AKIA/20151229/us-east-1/s3", "Incomplete"),
            ("x-amz-date", "2015-12-29", "Incomplete"),
            ("x-amz-date", "20151230T000000Z", "DateMismatch"),
        ] {
            let mut fields = signer().sign_policy("eyJ9", time);
            let field = fields.iter_mut().find(|(held, _)| *held == name).unwrap();
            field.1 = value.to_owned();
            let verified = presented(&fields)
                .and_then(|form| verify_policy(&form, "eyJ9", SECRET, time.plus_secs(86_400)));
            let error = format!("{:?}", verified.unwrap_err());
            assert!(error.starts_with(expect), "{name}: {error}");
        }
    }
}
