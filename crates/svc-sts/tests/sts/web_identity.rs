//! AssumeRoleWithWebIdentity.

use aws_api::sts::{AssumeRoleWithWebIdentityRequest, AssumeRoleWithWebIdentityResponse, operation as op};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_types::Partition;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identities::ProviderKeys;
use serde_json::{Value, json};
use service_api::{Principal, PrincipalKind, ServiceError};
use svc_sts::ProvedIdentity;

use crate::cloud::*;

const URL: &str = "id.example.com/realm";
const SUBJECT: &str = "repo:me/app";

/// A provider with a key of each kind.
struct Provider {
    rsa: RsaKeyPair,
    ecdsa: EcdsaKeyPair,
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Provider {
    fn new() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            ecdsa: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
        }
    }

    /// The keys, as they are published.
    fn published(&self) -> ProviderKeys {
        // As PKCS #1 has it: a sequence of two integers, the modulus of 256 bytes after a zero, and the exponent 65537.
        let der = self.rsa.public_key().as_ref();
        let (modulus, exponent) = (&der[9..265], &der[der.len() - 3..]);
        let point = self.ecdsa.public_key().as_ref();
        let set = json!({"keys": [
            {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "other"},
            {"kty": "RSA", "kid": "r", "use": "sig", "n": encode(modulus), "e": encode(exponent)},
            {"kty": "EC", "kid": "e", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])},
        ]});
        ProviderKeys { key_set: set.to_string(), usable: 2, given: NOW }
    }

    fn token(&self, header: Value, claims: &Value) -> String {
        let signed =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let random = SystemRandom::new();
        let signature = if header["alg"] == "ES256" {
            self.ecdsa.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec()
        } else {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
            signature
        };
        format!("{signed}.{}", encode(&signature))
    }
}

fn claims(change: Value) -> Value {
    let mut claims = json!({
        "iss": format!("https://{URL}"), "sub": SUBJECT, "aud": "sts.amazonaws.com", "exp": NOW_SECS + 60,
    });
    for (key, value) in change.as_object().unwrap() {
        claims[key] = value.clone();
    }
    claims
}

fn assume(cloud: &Cloud, token: &str) -> Result<AssumeRoleWithWebIdentityResponse, ServiceError> {
    let request = AssumeRoleWithWebIdentityRequest {
        role_arn: role_arn(ACCOUNT, "web"),
        role_session_name: "job".to_owned(),
        web_identity_token: token.to_owned(),
        ..AssumeRoleWithWebIdentityRequest::default()
    };
    cloud.call::<op::AssumeRoleWithWebIdentity>(&Principal::anonymous(Partition::Aws), request)
}

fn trusted(condition: &str) -> String {
    allow(&format!(
        r#""Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{URL}"}},
        "Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"],"Condition":{condition}"#
    ))
}

fn world(provider: &Provider) -> Cloud {
    let cloud = Cloud::new();
    cloud.put_at(&identities::cloud_scope(Partition::Aws), URL, provider.published());
    cloud.provider(URL, &["other", "sts.amazonaws.com"]);
    let condition = format!(
        r#"{{"StringEquals":{{"{URL}:aud":"sts.amazonaws.com"}},"StringLike":{{"{URL}:sub":"repo:me/*"}}}}"#
    );
    cloud.role(ACCOUNT, "web", &trusted(&condition));
    cloud
}

#[test]
fn who_has_a_token_of_the_provider_gets_a_session() {
    let provider = Provider::new();
    let cloud = world(&provider);
    for header in
        [json!({"alg": "RS256", "kid": "r"}), json!({"alg": "ES256", "kid": "e"}), json!({"alg": "ES256"})]
    {
        let token = provider.token(header, &claims(json!({"aud": ["mine", "sts.amazonaws.com"]})));
        let made = assume(&cloud, &token).unwrap();
        assert_eq!(made.subject_from_web_identity_token.as_deref(), Some(SUBJECT));
        assert_eq!(made.audience.as_deref(), Some("sts.amazonaws.com"));
        let principal = cloud.open(&made.credentials);
        assert_eq!(principal.arn.as_str(), "arn:aws:sts::111122223333:assumed-role/web/job");
        assert!(
            matches!(&principal.kind, PrincipalKind::AssumedRole { role_id, .. } if role_id == "AROAWEB")
        );
        let session = session_of(&principal);
        assert_eq!(session.federated_provider, made.provider);
        let kept: Vec<(&str, &str)> =
            session.federated_keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let (aud, sub) = (format!("{URL}:aud"), format!("{URL}:sub"));
        assert_eq!(kept, [(aud.as_str(), "sts.amazonaws.com"), (sub.as_str(), SUBJECT)]);
        assert_eq!((session.mfa_authenticated, session.expires), (None, NOW.plus_millis(3_600_000)));
        let proved = ProvedIdentity::WebIdentity {
            provider: made.provider.unwrap(),
            audience: "sts.amazonaws.com".to_owned(),
            subject: SUBJECT.to_owned(),
        };
        assert_eq!(cloud.proved.take(&context(&principal).request_id), Some(proved));
    }
}

#[test]
fn tokens_that_prove_nothing_are_refused() {
    let provider = Provider::new();
    let cloud = world(&provider);
    let header = || json!({"alg": "RS256", "kid": "r"});
    let check = |token: String, code: &str, part: &str| expect(assume(&cloud, &token), code, part);
    let bad = "InvalidIdentityToken";
    let of = |change| provider.token(header(), &claims(change));
    check("an.access.token".to_owned(), bad, "not a valid JWT");
    check(
        of(json!({"iss": "https://id.example.com"})),
        bad,
        "No OpenIDConnect provider found in your account for https://id.example.com",
    );
    check(of(json!({"aud": "somebody"})), bad, "Incorrect token audience");
    check(of(json!({"exp": NOW_SECS})), "ExpiredTokenException", "Token expired");
    check(of(json!({"nbf": NOW_SECS + 1})), bad, "does not hold yet");
    check(of(json!({"sub": "short"})), bad, "6 to 255");
    // Somebody else's key, a key of another kind, no signature, and other claims behind the same signature.
    let signed = "signature";
    check(Provider::new().token(header(), &claims(json!({}))), bad, signed);
    check(provider.token(json!({"alg": "RS256", "kid": "e"}), &claims(json!({}))), bad, signed);
    check(provider.token(json!({"alg": "RS384", "kid": "r"}), &claims(json!({}))), bad, signed);
    check(provider.token(json!({"alg": "none"}), &claims(json!({}))), bad, "not a valid JWT");
    check(provider.token(json!({"alg": "HS256"}), &claims(json!({}))), bad, "not a valid JWT");
    let token = of(json!({}));
    let (start, signature) = token.rsplit_once('.').unwrap();
    let other = of(json!({"sub": "repo:me/other"}));
    let (other, _) = other.rsplit_once('.').unwrap();
    check(format!("{other}.{signature}"), bad, signed);
    check(format!("{start}."), bad, signed);
    let request_id = context(&alice()).request_id;
    assert_eq!(cloud.proved.take(&request_id), None);
    // What is right so far is still for the trust policy to allow.
    let elsewhere = of(json!({"sub": "repo:you/app"}));
    check(elsewhere, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    assert!(cloud.proved.take(&request_id).is_some());
}

#[test]
fn without_keys_nothing_is_believed() {
    let provider = Provider::new();
    let cloud = Cloud::new();
    cloud.provider(URL, &["sts.amazonaws.com"]);
    cloud.role(ACCOUNT, "web", &trusted("{}"));
    let token = provider.token(json!({"alg": "RS256"}), &claims(json!({})));
    expect(assume(&cloud, &token), "InvalidIdentityToken", "Couldn't retrieve verification key");
    let what_to_do = format!("brume identity-provider keys https://{URL} --file");
    expect(assume(&cloud, &token), "InvalidIdentityToken", &what_to_do);
}

#[test]
fn a_provider_names_tags_and_who_is_behind() {
    let provider = Provider::new();
    let cloud = world(&provider);
    let change = json!({
        "https://aws.amazon.com/tags": {
            "principal_tags": {"team": ["red"], "cost": ["7"]}, "transitive_tag_keys": ["team"],
        },
        "https://aws.amazon.com/source_identity": "somebody",
    });
    let token = provider.token(json!({"alg": "RS256", "kid": "r"}), &claims(change));
    let made = assume(&cloud, &token).unwrap();
    assert_eq!(made.source_identity.as_deref(), Some("somebody"));
    let principal = cloud.open(&made.credentials);
    let session = session_of(&principal);
    assert_eq!((session.tags.get("team"), session.tags.get("cost")), (Some("red"), Some("7")));
    assert_eq!(session.transitive_tag_keys, ["team".to_owned()].into());
}
