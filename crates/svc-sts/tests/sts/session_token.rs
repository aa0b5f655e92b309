//! GetSessionToken and GetFederationToken.

use aws_api::sts::{GetFederationTokenRequest, GetSessionTokenRequest, Tag, operation as op};
use service_api::{Principal, PrincipalKind};

use crate::cloud::*;

fn get_session_token(
    cloud: &Cloud,
    principal: &Principal,
    request: GetSessionTokenRequest,
) -> Result<Principal, service_api::ServiceError> {
    let answer = cloud.call::<op::GetSessionToken>(principal, request)?;
    Ok(cloud.open(&answer.credentials))
}

fn life_secs(principal: &Principal) -> i64 {
    session_of(principal).expires.unix_secs() - NOW_SECS
}

#[test]
fn a_user_gets_a_session_of_its_own() {
    let cloud = Cloud::new();
    let plain = get_session_token(&cloud, &alice(), GetSessionTokenRequest::default()).unwrap();
    assert_eq!((plain.arn.as_str(), &plain.kind, &*plain.user_id), (ALICE, &alice().kind, "AIDAALICE"));
    assert_eq!((life_secs(&plain), session_of(&plain).mfa_authenticated), (43_200, Some(false)));
    let code = cloud.device();
    let with_device = GetSessionTokenRequest {
        serial_number: Some(DEVICE.to_owned()),
        token_code: Some(code),
        duration_seconds: Some(129_600),
        ..GetSessionTokenRequest::default()
    };
    let proved = get_session_token(&cloud, &alice(), with_device.clone()).unwrap();
    assert_eq!((life_secs(&proved), session_of(&proved).mfa_authenticated), (129_600, Some(true)));
    expect(get_session_token(&cloud, &alice(), with_device), "AccessDenied", "invalid MFA");
    // Codes are not guessed by trying: after five wrong ones a right one is not looked at.
    let guess = |code: &str| {
        let request = GetSessionTokenRequest {
            serial_number: Some(DEVICE.to_owned()),
            token_code: Some(code.to_owned()),
            ..GetSessionTokenRequest::default()
        };
        get_session_token(&cloud, &alice(), request)
    };
    let code = cloud.device();
    for number in 0..5 {
        let other = (code.parse::<u32>().unwrap() + 1 + number) % 1_000_000;
        expect(guess(&format!("{other:06}")), "AccessDenied", "invalid MFA");
    }
    expect(guess(&code), "AccessDenied", "invalid MFA");
    // A session gets no other one.
    let refused = "Cannot call GetSessionToken with session credentials";
    expect(get_session_token(&cloud, &proved, GetSessionTokenRequest::default()), "AccessDenied", refused);
}

#[test]
fn a_root_users_session_lasts_an_hour() {
    let cloud = Cloud::new();
    let made = get_session_token(&cloud, &root(), GetSessionTokenRequest::default()).unwrap();
    assert_eq!((&made.kind, life_secs(&made)), (&PrincipalKind::Root, 3600));
    let short = GetSessionTokenRequest { duration_seconds: Some(900), ..GetSessionTokenRequest::default() };
    assert_eq!(life_secs(&get_session_token(&cloud, &root(), short).unwrap()), 900);
}

#[test]
fn a_user_lets_another_one_in() {
    let cloud = Cloud::new();
    let policy = allow(r#""Action":"ec2:*","Resource":"*""#);
    let request = GetFederationTokenRequest {
        name: "Bob".to_owned(),
        policy: Some(policy.clone()),
        tags: Some(vec![Tag { key: "team".to_owned(), value: "red".to_owned() }]),
        duration_seconds: Some(900),
        ..GetFederationTokenRequest::default()
    };
    let answer = cloud.call::<op::GetFederationToken>(&alice(), request.clone()).unwrap();
    let user = answer.federated_user.unwrap();
    assert_eq!(user.arn, "arn:aws:sts::111122223333:federated-user/Bob");
    assert_eq!(user.federated_user_id, "111122223333:Bob");
    assert!(answer.packed_policy_size.unwrap() > 0);
    let made = cloud.open(&answer.credentials);
    let (by, by_id) = (ALICE.parse().unwrap(), "AIDAALICE".to_owned());
    assert_eq!(made.kind, PrincipalKind::FederatedUser { name: "Bob".to_owned(), by, by_id });
    assert_eq!((life_secs(&made), &session_of(&made).policies), (900, &vec![policy]));
    assert_eq!(session_of(&made).tags.get("team"), Some("red"));
    let refused = "Cannot call GetFederationToken with session credentials";
    expect(cloud.call::<op::GetFederationToken>(&made, request.clone()), "AccessDenied", refused);
    let bad = GetFederationTokenRequest { policy: Some("x".to_owned()), ..request };
    expect(cloud.call::<op::GetFederationToken>(&alice(), bad), "MalformedPolicyDocument", "");
}
