//! AssumeRoleWithSAML: a role for whom a SAML provider's assertion is about. Nobody signs the request.
//!
//! Owns what AWS reads of an assertion. Refuses to know how assertions are signed (`saml-assertions`).
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html>,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html>

use std::collections::BTreeMap;

use aws_api::sts::{AssumeRoleWithSAMLRequest, AssumeRoleWithSAMLResponse};
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_types::{AccountId, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use iam_policy::{Caller, Context};
use identities::{SamlEncryption, SamlProvider, name_key};
use saml_assertions::{Assertion, Expected, Refusal};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Scope};

use crate::State;
use crate::error::{not_supported, validation};
use crate::federated::{Asked, Vouched};
use crate::proved::ProvedIdentity;
use crate::role::RoleName;
use crate::session::{credentials, packed_policy_size};
use crate::session_tag::SessionTags;

const ACTION: &str = "sts:AssumeRoleWithSAML";
/// The audiences and recipients of all regions.
const SIGN_IN: &str = "https://signin.aws.amazon.com/saml";
const WEB_SERVICES: &str = "urn:amazon:webservices";
/// What the names of attributes begin with that are for AWS.
const ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";
/// How long after its issue an assertion is taken.
const REDEEMED_WITHIN_MILLIS: i64 = 5 * 60 * 1000;
/// What a name's format begins with where its end says enough.
const NAME_FORMAT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";
/// What a SAML format is for which the assertion says none.
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// Attributes that are condition keys, by their names.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html#saml-attribute-mapping>
const ATTRIBUTE_KEYS: [(&str, &str); 30] = [
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "saml:edupersonaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "saml:edupersonnickname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "saml:edupersonorgdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "saml:edupersonorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "saml:edupersonprimaryaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "saml:edupersonprincipalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "saml:edupersonentitlement"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "saml:edupersonprimaryorgunitdn"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "saml:edupersonscopedaffiliation"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.10", "saml:edupersontargetedid"),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "saml:edupersonassurance"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "saml:eduorghomepageuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "saml:eduorgidentityauthnpolicyuri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "saml:eduorglegalname"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "saml:eduorgsuperioruri"),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "saml:eduorgwhitepagesuri"),
    ("urn:oid:2.5.4.3", "saml:cn"),
    ("urn:oid:2.5.4.3", "saml:commonName"),
    ("urn:oid:2.5.4.4", "saml:surname"),
    ("urn:oid:2.5.4.42", "saml:givenName"),
    ("urn:oid:2.5.4.45", "saml:x500UniqueIdentifier"),
    ("urn:oid:0.9.2342.19200300100.1.1", "saml:uid"),
    ("urn:oid:0.9.2342.19200300100.1.3", "saml:mail"),
    ("urn:oid:0.9.2342.19200300100.1.45", "saml:organizationStatus"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "saml:name"),
    ("http://schemas.xmlsoap.org/claims/CommonName", "saml:commonName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "saml:givenName"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "saml:surname"),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "saml:mail"),
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:primaryGroupSID"),
];

pub(crate) fn assume_role_with_saml(
    state: &State,
    context: &RequestContext,
    request: AssumeRoleWithSAMLRequest,
) -> Result<AssumeRoleWithSAMLResponse, ServiceError> {
    if request.minimum_session_token_size.is_some_and(|bytes| bytes > 0) {
        return Err(not_supported("MinimumSessionTokenSize"));
    }
    let named = RoleName::parse(&request.role_arn).ok_or_else(|| validation("Request ARN is invalid"))?;
    let proved =
        Proved::of_response(state, context, named.account, &request.principal_arn, &request.saml_assertion)?;
    let (provider, subject) = (proved.provider.arn.clone(), proved.assertion.subject.name.clone());
    let identity = ProvedIdentity::Saml {
        provider: provider.to_string(),
        qualifier: proved.qualifier.clone(),
        subject: subject.clone(),
    };
    state.proved.note(&context.request_id, identity);
    proved.check_role(&request.role_arn)?;
    let session_name = proved.session_name()?;
    let vouched = proved.vouched(named.account)?;
    let source_identity = vouched.source_identity.clone();
    let duration_seconds = match request.duration_seconds {
        Some(secs) => Some(secs),
        None => proved.session_duration()?,
    };
    let asked = Asked {
        action: ACTION,
        role: &named,
        session_name: &session_name,
        duration_seconds,
        policy: request.policy,
        policy_arns: request.policy_arns,
    };
    let (made, user) = asked.session(state, context, vouched)?;
    let subject_type = proved.subject_type();
    Ok(AssumeRoleWithSAMLResponse {
        credentials: Some(credentials(&made)),
        assumed_role_user: Some(user),
        packed_policy_size: packed_policy_size(&made),
        subject: Some(subject),
        subject_type: Some(subject_type),
        issuer: Some(proved.assertion.issuer),
        audience: Some(proved.assertion.recipient),
        name_qualifier: Some(proved.qualifier),
        source_identity,
        ..AssumeRoleWithSAMLResponse::default()
    })
}

/// What an assertion has proved.
struct Proved {
    provider: SamlProvider,
    assertion: Assertion,
    qualifier: String,
}

impl Proved {
    fn of_response(
        state: &State,
        context: &RequestContext,
        account: AccountId,
        provider_arn: &str,
        encoded: &str,
    ) -> Result<Self, ServiceError> {
        let scope = Scope::global(context.partition, account);
        let name = provider_arn.rsplit('/').next().unwrap_or_default();
        let found = state.store.snapshot().get::<SamlProvider>(&scope, &name_key(name));
        let provider = found.filter(|provider| provider.arn.as_str() == provider_arn);
        let provider = provider.ok_or_else(|| invalid("Specified provider doesn't exist"))?;
        if provider.description.valid_until.is_some_and(|until| until <= context.now) {
            return Err(invalid("The metadata document of the provider has expired"));
        }
        let mut encoded = encoded.to_owned();
        encoded.retain(|character| !character.is_ascii_whitespace());
        let xml = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let xml = xml.ok_or_else(|| invalid("Invalid base64 SAMLResponse"))?;
        let regional = format!("https://{}.signin.aws.amazon.com/saml", context.region);
        let expected = Expected {
            issuer: &provider.description.entity_id,
            certificates: &provider.description.signing_certificates,
            audiences: &[SIGN_IN, WEB_SERVICES, &regional],
            is_recipient,
            now: context.now,
        };
        let assertion = Assertion::of_response(&xml, &expected).map_err(refused)?;
        if provider.encryption == Some(SamlEncryption::Required) {
            return Err(invalid("The provider requires assertions to be encrypted"));
        }
        if assertion.issued.plus_millis(REDEEMED_WITHIN_MILLIS) <= context.now {
            return Err(expired("Token must be redeemed within 5 minutes of issuance"));
        }
        let qualifier = name_qualifier(&assertion.issuer, account, &provider.name);
        Ok(Self { provider: (*provider).clone(), assertion, qualifier })
    }

    fn values(&self, attribute: &str) -> Vec<String> {
        self.assertion.values(&format!("{ATTRIBUTES}{attribute}")).map(str::to_owned).collect()
    }

    /// The value of an attribute that has one at most.
    fn value(&self, attribute: &str) -> Result<Option<String>, ServiceError> {
        let mut values = self.values(attribute);
        let value = values.pop();
        if values.is_empty() {
            return Ok(value);
        }
        Err(invalid(format!("{attribute} must have one value in AuthnResponse")))
    }

    /// The provider has to say itself that the role is for its user: each value is a role and a provider, in either order.
    fn check_role(&self, role_arn: &str) -> Result<(), ServiceError> {
        let roles = self.values("Role");
        if roles.is_empty() {
            return Err(invalid("Role is required in AuthnResponse"));
        }
        let provider = self.provider.arn.as_str();
        let is_it = |value: &String| {
            let Some((one, other)) = value.split_once(',') else { return false };
            let pair = (one.trim(), other.trim());
            pair == (role_arn, provider) || pair == (provider, role_arn)
        };
        if roles.iter().any(is_it) { Ok(()) } else { Err(Asked::denied(ACTION)) }
    }

    fn session_name(&self) -> Result<String, ServiceError> {
        let name = self.value("RoleSessionName")?;
        let name = name.ok_or_else(|| invalid("RoleSessionName is required in AuthnResponse"))?;
        if is_name(&name) {
            return Ok(name);
        }
        Err(invalid("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"))
    }

    /// How long the provider wants sessions to be, in seconds.
    fn session_duration(&self) -> Result<Option<i32>, ServiceError> {
        let value = self.value("SessionDuration")?;
        let secs = value.map(|text| text.parse().ok().filter(|secs| (900..=43_200).contains(secs)));
        match secs {
            Some(None) => Err(invalid("SessionDuration in AuthnResponse must be from 900 to 43200")),
            Some(secs) => Ok(secs),
            None => Ok(None),
        }
    }

    fn source_identity(&self) -> Result<Option<String>, ServiceError> {
        let value = self.value("SourceIdentity")?;
        if value.as_ref().is_none_or(|value| is_name(value) && !value.starts_with("aws:")) {
            return Ok(value);
        }
        let message = "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"";
        Err(invalid(message))
    }

    fn tags(&self) -> Result<SessionTags, ServiceError> {
        let prefix = format!("{ATTRIBUTES}PrincipalTag:");
        let mut tags = Vec::new();
        for name in self.assertion.attribute_names().filter(|name| name.starts_with(&prefix)) {
            let values: Vec<&str> = self.assertion.values(name).collect();
            let key = name[prefix.len()..].to_owned();
            let [value] = values[..] else {
                return Err(invalid(format!(
                    "The session tag {key} of the assertion does not have one value"
                )));
            };
            tags.push(Tag { key, value: value.to_owned() });
        }
        SessionTags::of_request(tags, self.values("TransitiveTagKeys"), None)
    }

    fn subject_type(&self) -> String {
        let format = self.assertion.subject.format.as_deref().unwrap_or(UNSPECIFIED);
        format.strip_prefix(NAME_FORMAT).unwrap_or(format).to_owned()
    }

    fn vouched(&self, account: AccountId) -> Result<Vouched, ServiceError> {
        let Assertion { issuer, subject, recipient, session_ends, .. } = &self.assertion;
        let session_keys: BTreeMap<String, String> = [
            ("saml:namequalifier", self.qualifier.clone()),
            ("saml:sub", subject.name.clone()),
            ("saml:sub_type", self.subject_type()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        let mut keys = Context::new();
        for (key, value) in &session_keys {
            keys.set(key.clone(), value.clone());
        }
        keys.set("saml:iss", issuer.clone());
        keys.set("saml:aud", recipient.clone());
        keys.set("saml:doc", format!("{account}/{}", self.provider.name));
        for (attribute, key) in ATTRIBUTE_KEYS {
            let values: Vec<String> = self.assertion.values(attribute).map(str::to_owned).collect();
            if !values.is_empty() {
                keys.set_many(key, values);
            }
        }
        Ok(Vouched {
            caller: Caller::Saml { provider: self.provider.arn.clone() },
            provider: self.provider.arn.clone(),
            tags: self.tags()?,
            source_identity: self.source_identity()?,
            keys,
            session_keys,
            ends: *session_ends,
        })
    }
}

/// The pages at which AWS takes assertions: that of all regions, those of one, and those for one provider.
fn is_recipient(url: &str) -> bool {
    let Some((host, path)) = url.strip_prefix("https://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let region = host.strip_suffix("signin.aws.amazon.com");
    let is_region = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_host =
        region.is_some_and(|region| region.is_empty() || region.strip_suffix('.').is_some_and(is_region));
    is_host && (path == "saml" || path.starts_with("saml/acs/"))
}

/// What stands for the issuer of a name, in AWS's way.
fn name_qualifier(issuer: &str, account: AccountId, provider: &str) -> String {
    let text = format!("{issuer}{account}/{provider}");
    STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn is_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

fn refused(refusal: Refusal) -> ServiceError {
    let message = refusal.to_string();
    match refusal {
        Refusal::Rejected(_) => ServiceError::new("IDPRejectedClaim", message),
        Refusal::Expired => expired(message),
        Refusal::Malformed(_)
        | Refusal::Encrypted
        | Refusal::Unsigned
        | Refusal::Signature(_)
        | Refusal::Issuer
        | Refusal::Audience
        | Refusal::Recipient
        | Refusal::NotYet => invalid(message),
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidIdentityToken", message)
}

fn expired(message: impl Into<String>) -> ServiceError {
    ServiceError::new("ExpiredTokenException", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_pages_of_aws() {
        for url in [
            SIGN_IN,
            "https://eu-west-1.signin.aws.amazon.com/saml",
            "https://eu-west-1.signin.aws.amazon.com/saml/acs/SAMLSP1",
        ] {
            assert!(is_recipient(url), "{url}");
        }
        for url in [
            "http://signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com",
            "https://signin.aws.amazon.com/samlx",
            "https://evilsignin.aws.amazon.com/saml",
            "https://a.b.signin.aws.amazon.com/saml",
            "https://evil.example/signin.aws.amazon.com/saml",
            "https://.signin.aws.amazon.com/saml",
        ] {
            assert!(!is_recipient(url), "{url}");
        }
    }

    /// Reckoned with `openssl sha1 -binary | base64` of the text that AWS's page has.
    #[test]
    fn a_qualifier_is_a_hash() {
        let account = "123456789012".parse().unwrap();
        assert_eq!(
            name_qualifier("https://example.com/saml", account, "MySAMLIdP"),
            "1uAJanUnBc2XeUkHURMht+xam2c="
        );
    }
}
