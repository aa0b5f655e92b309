//! Sessions of roles for whom an identity provider vouches, in a running cloud: what the operator and the client see of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cloud;

use std::io::{Read as _, Write as _};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use cloud::{Cloud, Finished, Mode, Xml, on_a_workstation, with_input};
use serde_json::{Value, json};

const IAM: &str = "2010-05-08";
const STS: &str = "2011-06-15";
const ISSUER: &str = "https://id.example.com/realm";
const SUBJECT: &str = "repo:me/app";

/// `brume identity-provider ARGUMENTS`.
fn identity_provider(cloud: &Cloud, arguments: &[&str], input: &str) -> Finished {
    let mut command = cloud::brume();
    command.arg("identity-provider").args(arguments).arg("--data-dir").arg(cloud.path());
    with_input(command, input.as_bytes())
}

fn iam(cloud: &Cloud, action: &str, parameters: &[(&str, &str)]) -> Xml {
    cloud.client().query("iam", IAM, action, parameters).unwrap()
}

/// The answer to a request of STS that nobody signs: its status, and the body.
fn unsigned(cloud: &Cloud, action: &str, parameters: &[(&str, &str)]) -> (u16, Xml) {
    let profile = node::read_profile(&node::DataDir::open(cloud.path()).unwrap()).unwrap();
    let (_, endpoint) = profile.iter().find(|(name, _)| *name == "AWS_ENDPOINT_URL").unwrap();
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut body = format!("Action={action}&Version={STS}");
    for (name, value) in parameters {
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
        body.push_str(&format!("&{name}={encoded}"));
    }
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nhost: sts.us-east-1.amazonaws.com\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, Xml::new(answer.split_once("\r\n\r\n").unwrap().1))
}

fn code(answer: &Xml) -> String {
    answer.first("Code").unwrap()
}

/// The newest event of an operation.
fn event(cloud: &Cloud, operation: &str) -> Value {
    let told = cloud.run("events", &["--json", "--service", "sts"]);
    assert_eq!(told.code, 0, "{told:?}");
    let mut all = told.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.rfind(|event| event["eventName"] == operation).unwrap()
}

fn now_secs() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// An identity provider, with its key.
struct Provider {
    key: EcdsaKeyPair,
    certificate: String,
}

impl Provider {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["id.example.com".to_owned()]).unwrap();
        let pkcs8 = made.signing_key.serialize_der();
        Self {
            key: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).unwrap(),
            certificate: STANDARD.encode(made.cert.der()),
        }
    }

    fn sign(&self, text: &str) -> Vec<u8> {
        self.key.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref().to_vec()
    }

    fn key_set(&self) -> String {
        let point = self.key.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        json!({"keys": [{"kty": "EC", "kid": "one", "crv": "P-256", "use": "sig", "x": x, "y": y}]})
            .to_string()
    }

    fn token(&self, expires: i64) -> String {
        let claims = json!({"iss": ISSUER, "sub": SUBJECT, "aud": "sts.amazonaws.com", "exp": expires});
        let encode = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encode(json!({"alg": "ES256", "kid": "one"})), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(&signed));
        format!("{signed}.{signature}")
    }

    fn metadata(&self) -> String {
        let certificate = &self.certificate;
        format!(
            r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ISSUER}"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ISSUER}"/></IDPSSODescriptor></EntityDescriptor>"#
        ) + &" ".repeat(1000)
    }

    /// A response with an assertion, which is written in its canonical form, as is what signs it.
    fn response(&self, role: &str, provider: &str) -> String {
        let at = |secs: i64| jiff::Timestamp::from_second(now_secs() + secs).unwrap().to_string();
        let (issued, ends) = (at(-1), at(120));
        let attribute = |name: &str, value: &str| {
            format!(
                r#"<saml:Attribute Name="https://aws.amazon.com/SAML/Attributes/{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>"#
            )
        };
        let attributes =
            attribute("Role", &format!("{role},{provider}")) + &attribute("RoleSessionName", "ann");
        let start = format!(
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a" IssueInstant="{issued}" Version="2.0"><saml:Issuer>{ISSUER}</saml:Issuer>"#
        );
        let rest = format!(
            r#"<saml:Subject><saml:NameID>ann</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="{ends}" Recipient="https://signin.aws.amazon.com/saml"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotOnOrAfter="{ends}"><saml:AudienceRestriction><saml:Audience>https://signin.aws.amazon.com/saml</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"#
        );
        let sum = STANDARD.encode(digest(&SHA256, format!("{start}{rest}").as_bytes()));
        let info = format!(
            r##"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></ds:SignatureMethod><ds:Reference URI="#_a"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{sum}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##
        );
        let value = STANDARD.encode(self.sign(&info));
        let signature = format!(
            r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{info}<ds:SignatureValue>{value}</ds:SignatureValue></ds:Signature>"#
        );
        format!(
            r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0"><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{start}{signature}{rest}</samlp:Response>"#
        )
    }
}

fn make_role(cloud: &Cloud, name: &str, provider: &str, action: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": action},
    ]});
    let trust = trust.to_string();
    let made = iam(cloud, "CreateRole", &[("RoleName", name), ("AssumeRolePolicyDocument", &trust)]);
    made.first("Arn").unwrap()
}

/// A token is believed once the operator has given the issuer's keys, and its user is told of in events.
fn with_a_web_identity(cloud: &Cloud, provider: &Provider) {
    let made = iam(
        cloud,
        "CreateOpenIDConnectProvider",
        &[("Url", ISSUER), ("ClientIDList.member.1", "sts.amazonaws.com")],
    );
    let arn = made.first("OpenIDConnectProviderArn").unwrap();
    let role = make_role(cloud, "web", &arn, "sts:AssumeRoleWithWebIdentity");
    let assume = |token: &str| {
        let parameters = [("RoleArn", &*role), ("RoleSessionName", "job"), ("WebIdentityToken", token)];
        unsigned(cloud, "AssumeRoleWithWebIdentity", &parameters)
    };
    let token = provider.token(now_secs() + 60);
    let (status, answer) = assume(&token);
    assert_eq!((status, &*code(&answer)), (400, "InvalidIdentityToken"));
    assert!(answer.first("Message").unwrap().contains("brume identity-provider keys"), "{answer:?}");
    let told = event(cloud, "AssumeRoleWithWebIdentity");
    assert_eq!(told["userIdentity"], json!({"type": "WebIdentityUser"}));
    // Nobody has proved to have to do with the account of the role.
    assert_eq!(told["recipientAccountId"], "000000000001");

    let given = identity_provider(cloud, &["keys", ISSUER, "--file", "-"], &provider.key_set());
    assert_eq!(given.code, 0, "{given:?}");
    assert!(identity_provider(cloud, &["list"], "").stdout.contains(ISSUER));
    let (status, answer) = assume(&token);
    assert_eq!(status, 200, "{answer:?}");
    assert_eq!(answer.first("SubjectFromWebIdentityToken").as_deref(), Some(SUBJECT));
    let told = event(cloud, "AssumeRoleWithWebIdentity");
    assert_eq!(
        told["userIdentity"],
        json!({
            "type": "WebIdentityUser", "principalId": format!("{arn}:sts.amazonaws.com:{SUBJECT}"),
            "userName": SUBJECT, "identityProvider": arn,
        })
    );
    assert!(!told.to_string().contains(&token), "{told}");
    let (status, answer) = assume(&provider.token(now_secs() - 1));
    assert_eq!((status, &*code(&answer)), (400, "ExpiredTokenException"));
    let (status, answer) = assume(&Provider::new().token(now_secs() + 60));
    assert_eq!((status, &*code(&answer)), (400, "InvalidIdentityToken"));

    let gone = identity_provider(cloud, &["remove", ISSUER], "");
    assert_eq!(gone.code, 0, "{gone:?}");
    assert_eq!(code(&assume(&token).1), "InvalidIdentityToken");
    let bad = identity_provider(cloud, &["keys", ISSUER, "--file", "-"], "{}");
    assert_eq!(bad.code, 1, "{bad:?}");
}

/// An assertion is believed that the provider of the metadata signed.
fn with_an_assertion(cloud: &Cloud, provider: &Provider) {
    let metadata = provider.metadata();
    let made = iam(cloud, "CreateSAMLProvider", &[("Name", "Corp"), ("SAMLMetadataDocument", &metadata)]);
    let arn = made.first("SAMLProviderArn").unwrap();
    let role = make_role(cloud, "saml", &arn, "sts:AssumeRoleWithSAML");
    let assume = |response: &str| {
        let encoded = STANDARD.encode(response);
        let parameters = [("RoleArn", &*role), ("PrincipalArn", &*arn), ("SAMLAssertion", &encoded)];
        unsigned(cloud, "AssumeRoleWithSAML", &parameters)
    };
    let response = provider.response(&role, &arn);
    let (status, answer) = assume(&response);
    assert_eq!(status, 200, "{answer:?}");
    assert_eq!(answer.first("Subject").as_deref(), Some("ann"));
    let qualifier = answer.first("NameQualifier").unwrap();
    let told = event(cloud, "AssumeRoleWithSAML");
    assert_eq!(
        told["userIdentity"],
        json!({
            "type": "SAMLUser", "principalId": format!("{qualifier}:ann"), "userName": "ann",
            "identityProvider": arn,
        })
    );
    let (status, answer) = assume(&response.replace(">ann<", ">eve<"));
    assert_eq!((status, &*code(&answer)), (400, "InvalidIdentityToken"));
    assert_eq!(event(cloud, "AssumeRoleWithSAML")["userIdentity"], json!({"type": "SAMLUser"}));
    let (_, answer) = assume(&Provider::new().response(&role, &arn));
    assert_eq!(code(&answer), "InvalidIdentityToken");
}

#[test]
fn identity_providers_vouch_for_who_does_not_sign() {
    on_a_workstation(|| {
        let cloud = Cloud::up(Mode::SlowPath);
        let provider = Provider::new();
        with_a_web_identity(&cloud, &provider);
        with_an_assertion(&cloud, &provider);
        cloud.finish();
    });
}
