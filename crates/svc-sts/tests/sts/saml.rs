//! AssumeRoleWithSAML, with responses that another implementation signed (see `saml-assertions`).

use aws_api::sts::{AssumeRoleWithSAMLRequest, AssumeRoleWithSAMLResponse, operation as op};
use aws_types::{Partition, Tags, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identities::{SamlDescription, SamlEncryption, SamlProvider};
use service_api::{Principal, PrincipalKind, RequestContext, Service as _, ServiceError};
use svc_sts::ProvedIdentity;

use crate::cloud::*;

const BY_ASSERTION: &str = include_str!("../../../saml-assertions/tests/fixtures/assertion_signed.xml");
/// Whose provider's session ends in 45 minutes.
const BY_RESPONSE: &str = include_str!("../../../saml-assertions/tests/fixtures/response_signed.xml");
const CERTIFICATE: &str = include_str!("../../../saml-assertions/tests/fixtures/rsa.certificate.txt");
const ISSUER: &str = "https://idp.example.com/saml";
const PROVIDER: &str = "arn:aws:iam::111122223333:saml-provider/Corp";
/// What AWS's pages say a qualifier is: the SHA-1 sum of the issuer, the account, a slash and the provider's name.
const QUALIFIER: &str = "/BWCFeaWE+hXWjPktXT8lFPCYqc=";

fn world(conditions: &str) -> Cloud {
    let cloud = Cloud::new();
    provider(&cloud, |_| {});
    for name in ["saml", "other", "third"] {
        cloud.role(ACCOUNT, name, &trusted(conditions));
    }
    cloud
}

fn provider(cloud: &Cloud, change: impl FnOnce(&mut SamlProvider)) {
    let mut provider = SamlProvider {
        id: "1".to_owned(),
        name: "Corp".to_owned(),
        arn: PROVIDER.parse().unwrap(),
        created: NOW,
        metadata: String::new(),
        description: SamlDescription {
            entity_id: ISSUER.to_owned(),
            valid_until: None,
            signing_certificates: vec![STANDARD.decode(CERTIFICATE.trim()).unwrap()],
        },
        encryption: None,
        private_keys: Vec::new(),
        tags: Tags::default(),
    };
    change(&mut provider);
    cloud.put(ACCOUNT, "corp", provider);
}

fn trusted(conditions: &str) -> String {
    allow(&format!(
        r#""Principal":{{"Federated":"{PROVIDER}"}},"Action":["sts:AssumeRoleWithSAML","sts:TagSession","sts:SetSourceIdentity"],
        "Condition":{conditions}"#
    ))
}

fn nobody(now: Timestamp) -> RequestContext {
    RequestContext { now, ..context(&Principal::anonymous(Partition::Aws)) }
}

fn assume_at(
    cloud: &Cloud,
    now: Timestamp,
    xml: &str,
    change: impl FnOnce(&mut AssumeRoleWithSAMLRequest),
) -> Result<AssumeRoleWithSAMLResponse, ServiceError> {
    let mut request = AssumeRoleWithSAMLRequest {
        role_arn: role_arn(ACCOUNT, "saml"),
        principal_arn: PROVIDER.to_owned(),
        saml_assertion: STANDARD.encode(xml),
        ..AssumeRoleWithSAMLRequest::default()
    };
    change(&mut request);
    let output = cloud.sts.call(&nobody(now), "AssumeRoleWithSAML", request.into())?;
    Ok(AssumeRoleWithSAMLResponse::try_from(output).unwrap())
}

fn assume(cloud: &Cloud, xml: &str) -> Result<AssumeRoleWithSAMLResponse, ServiceError> {
    assume_at(cloud, NOW, xml, |_| {})
}

#[test]
fn whom_an_assertion_is_about_gets_a_session() {
    let cloud = world("{}");
    let made = cloud.call::<op::AssumeRoleWithSAML>(
        &Principal::anonymous(Partition::Aws),
        AssumeRoleWithSAMLRequest {
            role_arn: role_arn(ACCOUNT, "saml"),
            principal_arn: PROVIDER.to_owned(),
            saml_assertion: STANDARD.encode(BY_ASSERTION),
            ..AssumeRoleWithSAMLRequest::default()
        },
    );
    let made = made.unwrap();
    assert_eq!((made.subject.as_deref(), made.subject_type.as_deref()), (Some("ann"), Some("persistent")));
    assert_eq!((made.issuer.as_deref(), made.name_qualifier.as_deref()), (Some(ISSUER), Some(QUALIFIER)));
    assert_eq!(made.audience.as_deref(), Some("https://signin.aws.amazon.com/saml"));
    assert_eq!(made.source_identity.as_deref(), Some("ann"));
    let principal = cloud.open(&made.credentials);
    assert_eq!(principal.arn.as_str(), "arn:aws:sts::111122223333:assumed-role/saml/ann@example.com");
    assert!(matches!(&principal.kind, PrincipalKind::AssumedRole { role, .. } if role == "saml"));
    let session = session_of(&principal);
    assert_eq!((session.tags.get("team"), session.tags.get("cost")), (Some("red & blüe"), Some("7")));
    assert_eq!(session.transitive_tag_keys, ["team".to_owned()].into());
    assert_eq!(session.federated_provider.as_deref(), Some(PROVIDER));
    let kept: Vec<(&str, &str)> =
        session.federated_keys.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let expected = [("saml:namequalifier", QUALIFIER), ("saml:sub", "ann"), ("saml:sub_type", "persistent")];
    assert_eq!(kept, expected);
    // As long as the assertion wants it.
    assert_eq!(session.expires, NOW.plus_millis(1800 * 1000));
    let proved = ProvedIdentity::Saml {
        provider: PROVIDER.to_owned(),
        qualifier: QUALIFIER.to_owned(),
        subject: "ann".to_owned(),
    };
    assert_eq!(cloud.proved.take(&nobody(NOW).request_id), Some(proved));
}

#[test]
fn a_session_ends_with_the_providers() {
    let cloud = world("{}");
    let secs = |xml, asked| {
        let made = assume_at(&cloud, NOW, xml, |request| request.duration_seconds = asked).unwrap();
        let expires = session_of(&cloud.open(&made.credentials)).expires;
        expires.unix_secs() - NOW_SECS
    };
    assert_eq!(secs(BY_ASSERTION, Some(3600)), 3600);
    assert_eq!(secs(BY_RESPONSE, Some(3600)), 2700);
    assert_eq!(secs(BY_RESPONSE, Some(900)), 900);
    let long = assume_at(&cloud, NOW, BY_ASSERTION, |request| request.duration_seconds = Some(7200));
    expect(long, "ValidationError", "MaxSessionDuration");
}

#[test]
fn the_assertion_names_the_roles() {
    let cloud = world("{}");
    let with = |role: &str| {
        assume_at(&cloud, NOW, BY_ASSERTION, |request| request.role_arn = role_arn(ACCOUNT, role))
    };
    assert!(with("saml").is_ok() && with("other").is_ok());
    let refused = "Not authorized to perform sts:AssumeRoleWithSAML";
    expect(with("third"), "AccessDenied", refused);
    // One that the assertion names, and that is not there.
    let cloud = Cloud::new();
    provider(&cloud, |_| {});
    expect(assume(&cloud, BY_ASSERTION), "AccessDenied", refused);
}

#[test]
fn the_trust_policy_has_the_say() {
    for (condition, is_allowed) in [
        (r#"{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml"}}"#, true),
        (r#"{"StringEquals":{"saml:aud":"https://else.example"}}"#, false),
        (r#"{"StringEquals":{"saml:iss":"https://idp.example.com/saml","saml:sub":"ann"}}"#, true),
        (r#"{"StringEquals":{"saml:sub":"eve"}}"#, false),
        (r#"{"StringEquals":{"saml:sub_type":"persistent","saml:doc":"111122223333/Corp"}}"#, true),
        (r#"{"StringEquals":{"saml:namequalifier":"/BWCFeaWE+hXWjPktXT8lFPCYqc="}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"saml:edupersonaffiliation":["staff","member"]}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"saml:edupersonaffiliation":"student"}}"#, false),
        (r#"{"StringEquals":{"aws:RequestTag/cost":"7","sts:SourceIdentity":"ann"}}"#, true),
        (r#"{"StringEquals":{"aws:RequestTag/cost":"8"}}"#, false),
        (r#"{"StringEquals":{"sts:RoleSessionName":"ann@example.com"}}"#, true),
    ] {
        let cloud = world(condition);
        let made = assume(&cloud, BY_ASSERTION);
        assert_eq!(made.is_ok(), is_allowed, "{condition}: {made:?}");
        if !is_allowed {
            expect(made, "AccessDenied", "Not authorized");
            assert!(cloud.proved.take(&nobody(NOW).request_id).is_some());
        }
    }
}

#[test]
fn assertions_that_prove_nothing_are_refused() {
    let cloud = world("{}");
    let bad = "InvalidIdentityToken";
    let check = |xml: &str, code: &str, part: &str| expect(assume(&cloud, xml), code, part);
    check(&BY_ASSERTION.replace(">ann<", ">eve<"), bad, "Response signature invalid");
    check(&BY_ASSERTION.replace("status:Success", "status:Responder"), "IDPRejectedClaim", "Responder");
    check("<a/>", bad, "Invalid SAML response");
    let encoded = assume_at(&cloud, NOW, "", |request| request.saml_assertion = "?".to_owned());
    expect(encoded, bad, "base64");
    let elsewhere =
        |arn: &str| assume_at(&cloud, NOW, BY_ASSERTION, |request| request.principal_arn = arn.to_owned());
    for arn in
        ["arn:aws:iam::111122223333:saml-provider/None", "arn:aws:iam::444455556666:saml-provider/Corp"]
    {
        expect(elsewhere(arn), bad, "Specified provider doesn't exist");
    }
    let at = |secs: i64| assume_at(&cloud, NOW.plus_millis(secs * 1000), BY_ASSERTION, |_| {});
    assert!(at(239).is_ok());
    expect(at(240), "ExpiredTokenException", "expired");
    expect(at(-121), bad, "not hold yet");
    assert_eq!(cloud.proved.take(&nobody(NOW).request_id).map(|_| ()), Some(()));
    assert_eq!(cloud.proved.take(&nobody(NOW).request_id), None);

    provider(&cloud, |provider| provider.description.signing_certificates.clear());
    check(BY_ASSERTION, bad, "Response signature invalid");
    provider(&cloud, |provider| provider.description.entity_id = "urn:other".to_owned());
    check(BY_ASSERTION, bad, "Issuer not present in specified provider");
    provider(&cloud, |provider| provider.description.valid_until = Some(NOW));
    check(BY_ASSERTION, bad, "metadata document of the provider has expired");
    provider(&cloud, |provider| provider.encryption = Some(SamlEncryption::Required));
    check(BY_ASSERTION, bad, "requires assertions to be encrypted");
    assert_eq!(cloud.proved.take(&nobody(NOW).request_id), None);
}
