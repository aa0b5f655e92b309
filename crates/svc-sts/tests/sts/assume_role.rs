//! AssumeRole.

use aws_api::sts::{PolicyDescriptorType, Tag};
use aws_types::Tags;
use identities::AccountState;
use service_api::{Principal, PrincipalKind};

use crate::cloud::*;

const ALLOW_ASSUME: &str = r#""Action":"sts:*","Resource":"*""#;

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

#[test]
fn a_session_of_a_role_is_made() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "app", &trust(ALICE));
    let arn = role_arn(ACCOUNT, "app");
    let made = cloud.assume(&alice(), &arn, |_| {}).unwrap();
    let user = made.assumed_role_user.clone().unwrap();
    assert_eq!(user.arn, "arn:aws:sts::111122223333:assumed-role/app/me");
    assert_eq!(user.assumed_role_id, "AROAAPP:me");
    assert_eq!((made.packed_policy_size, made.source_identity.clone()), (None, None));
    let principal = cloud.open(&made.credentials);
    let PrincipalKind::AssumedRole { role, role_id, role_arn, session_name } = &principal.kind else {
        panic!()
    };
    assert_eq!((&**role, &**role_id, role_arn.as_str(), &**session_name), ("app", "AROAAPP", &*arn, "me"));
    let session = session_of(&principal);
    assert_eq!((session.issued, session.expires), (NOW, NOW.plus_millis(3_600_000)));
    assert_eq!((session.mfa_authenticated, session.is_chained), (Some(false), false));
    assert_eq!(made.credentials.unwrap().expiration, session.expires);
}

#[test]
fn the_trust_policy_and_the_callers_policies_decide() {
    let check = |trusted: &str, of: &str, policies: &[&str], is_allowed: bool| {
        let cloud = Cloud::new();
        cloud.user(policies);
        cloud.role(of, "app", trusted);
        let arn = role_arn(of, "app");
        let result = cloud.assume(&alice(), &arn, |_| {});
        if is_allowed {
            assert!(result.is_ok(), "{trusted} {of} {policies:?}: {result:?}");
        } else {
            let message =
                format!("User: {ALICE} is not authorized to perform: sts:AssumeRole on resource: {arn}");
            let error = result.unwrap_err();
            assert_eq!((&*error.code, error.status, error.message), ("AccessDenied", Some(403), message));
        }
    };
    let allowed = allow(ALLOW_ASSUME);
    let (allowed, none): (&[&str], &[&str]) = (&[&allowed], &[]);
    let denied = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}"#;
    // Whom the trust policy names needs nothing else in the account; who is of an account that it names does.
    check(&trust(ALICE), ACCOUNT, none, true);
    check(&trust(ALICE), ACCOUNT, &[denied], false);
    check(&trust(ACCOUNT), ACCOUNT, none, false);
    check(&trust(ACCOUNT), ACCOUNT, allowed, true);
    check(&trust(OTHER), ACCOUNT, allowed, false);
    // In another account both have to allow.
    check(&trust(ALICE), OTHER, none, false);
    check(&trust(ALICE), OTHER, allowed, true);
    check(&trust(OTHER), OTHER, allowed, false);
    let service = allow(r#""Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole""#);
    check(&service, ACCOUNT, allowed, false);
}

#[test]
fn a_role_that_is_not_there_is_answered_as_one_that_may_not_be_assumed() {
    let cloud = Cloud::new();
    let denied = |arn: &str| expect(cloud.assume(&alice(), arn, |_| {}), "AccessDenied", arn);
    denied(&role_arn(ACCOUNT, "missing"));
    denied(&role_arn("999999999999", "missing"));
    cloud.role(ACCOUNT, "app", &trust(ALICE));
    // The path is a part of the ARN.
    denied("arn:aws:iam::111122223333:role/path/app");
    let linked = |role: &mut identities::Role| role.linked_service = Some("ec2.amazonaws.com".to_owned());
    cloud.role_with(ACCOUNT, "linked", &trust(ALICE), linked);
    denied(&role_arn(ACCOUNT, "linked"));
    let own = allow(ALLOW_ASSUME);
    cloud.user(&[&own]);
    cloud.role(OTHER, "app", &trust(ALICE));
    assert!(cloud.assume(&alice(), &role_arn(OTHER, "app"), |_| {}).is_ok());
    cloud.account(OTHER, AccountState::Suspended { closed: NOW });
    denied(&role_arn(OTHER, "app"));
    expect(
        cloud.assume(&alice(), "arn:aws:iam::111122223333:user/Alice", |_| {}),
        "ValidationError",
        "is invalid",
    );
}

#[test]
fn root_users_and_federated_users_assume_no_role() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "app", &trust(ACCOUNT));
    let arn = role_arn(ACCOUNT, "app");
    let refused = "Roles may not be assumed by root accounts.";
    expect(cloud.assume(&root(), &arn, |_| {}), "AccessDenied", refused);
    let (by, by_id) = (ALICE.parse().unwrap(), "AIDAALICE".to_owned());
    let kind = PrincipalKind::FederatedUser { name: "Bob".to_owned(), by, by_id };
    let federated = Principal { kind, ..alice() };
    expect(cloud.assume(&federated, &arn, |_| {}), "AccessDenied", "not authorized");
}

#[test]
fn conditions_of_the_trust_policy_see_the_request() {
    let cloud = Cloud::new();
    let arn = role_arn(ACCOUNT, "app");
    let condition = |condition: &str| {
        cloud.role(
            ACCOUNT,
            "app",
            &allow(&format!(
                r#""Principal":{{"AWS":"{ALICE}"}},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
                "Condition":{condition}"#
            )),
        );
    };
    condition(r#"{"StringEquals":{"sts:ExternalId":"secret"}}"#);
    expect(cloud.assume(&alice(), &arn, |_| {}), "AccessDenied", "");
    expect(cloud.assume(&alice(), &arn, |it| it.external_id = Some("other".into())), "AccessDenied", "");
    assert!(cloud.assume(&alice(), &arn, |it| it.external_id = Some("secret".into())).is_ok());
    condition(r#"{"StringLike":{"sts:RoleSessionName":"${aws:username}-*"}}"#);
    expect(cloud.assume(&alice(), &arn, |_| {}), "AccessDenied", "");
    assert!(cloud.assume(&alice(), &arn, |it| it.role_session_name = "Alice-1".into()).is_ok());
    condition(
        r#"{"StringEquals":{"aws:RequestTag/team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}"#,
    );
    assert!(cloud.assume(&alice(), &arn, |it| it.tags = Some(vec![tag("team", "red")])).is_ok());
    let two = vec![tag("team", "red"), tag("more", "x")];
    expect(cloud.assume(&alice(), &arn, |it| it.tags = Some(two)), "AccessDenied", "");
    condition(r#"{"StringEquals":{"aws:PrincipalTag/team":"blue"}}"#);
    expect(cloud.assume(&alice(), &arn, |_| {}), "AccessDenied", "");
    cloud.tag_user("team", "blue");
    assert!(cloud.assume(&alice(), &arn, |_| {}).is_ok());
    condition(r#"{"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}}"#);
    expect(cloud.assume(&alice(), &arn, |_| {}), "AccessDenied", "");
    condition(r#"{"StringEquals":{"sts:SourceIdentity":"Alice"}}"#);
    assert!(cloud.assume(&alice(), &arn, |it| it.source_identity = Some("Alice".into())).is_ok());
}

#[test]
fn tags_and_source_identities_take_permissions_of_their_own() {
    let cloud = Cloud::new();
    let arn = role_arn(ACCOUNT, "app");
    cloud.role(
        ACCOUNT,
        "app",
        &allow(&format!(r#""Principal":{{"AWS":"{ALICE}"}},"Action":"sts:AssumeRole""#)),
    );
    let tags = vec![tag("team", "red")];
    expect(
        cloud.assume(&alice(), &arn, |it| it.tags = Some(tags)),
        "AccessDenied",
        "sts:TagSession on resource",
    );
    let named = cloud.assume(&alice(), &arn, |it| it.source_identity = Some("Alice".into()));
    expect(named, "AccessDenied", "sts:SetSourceIdentity on resource");
}

#[test]
fn chained_sessions_take_over_and_last_an_hour() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "first", &trust(ALICE));
    cloud.role_with(ACCOUNT, "second", &trust(&role_arn(ACCOUNT, "first")), |role| {
        role.max_session_secs = 43_200;
        let policy = iam_policy::Policy::parse(&allow(ALLOW_ASSUME), iam_policy::PolicyKind::Identity);
        role.inline_policies.insert("assume".to_owned(), policy.unwrap());
    });
    let made = cloud.assume(&alice(), &role_arn(ACCOUNT, "first"), |it| {
        it.tags = Some(vec![tag("team", "red"), tag("own", "x")]);
        it.transitive_tag_keys = Some(vec!["team".into()]);
        it.source_identity = Some("Alice".into());
    });
    let made = made.unwrap();
    assert_eq!(
        (made.packed_policy_size.unwrap() > 0, made.source_identity.as_deref()),
        (true, Some("Alice"))
    );
    let first = cloud.open(&made.credentials);
    let second = role_arn(ACCOUNT, "second");
    let chained = cloud.assume(&first, &second, |_| {}).unwrap();
    let principal = cloud.open(&chained.credentials);
    let session = session_of(&principal);
    let expect_tags: Tags =
        [aws_types::Tag { key: "team".into(), value: "red".into() }].into_iter().collect();
    assert_eq!(session.tags, expect_tags);
    assert_eq!((session.source_identity.as_deref(), session.is_chained), (Some("Alice"), true));
    let long = cloud.assume(&first, &second, |it| it.duration_seconds = Some(3601));
    expect(long, "ValidationError", "1 hour session limit");
    let other = cloud.assume(&first, &second, |it| it.source_identity = Some("Bob".into()));
    expect(other, "AccessDenied", "sts:SetSourceIdentity");
    let conflict = cloud.assume(&first, &second, |it| it.tags = Some(vec![tag("Team", "blue")]));
    expect(conflict, "InvalidParameterValue", "conflicts with a transitive tag key");
}

#[test]
fn the_role_says_how_long_a_session_may_be() {
    let cloud = Cloud::new();
    cloud.role_with(ACCOUNT, "app", &trust(ALICE), |role| role.max_session_secs = 7200);
    let arn = role_arn(ACCOUNT, "app");
    let secs = |secs| cloud.assume(&alice(), &arn, |it| it.duration_seconds = Some(secs));
    let expires =
        |made: aws_api::sts::AssumeRoleResponse| made.credentials.unwrap().expiration.unix_secs() - NOW_SECS;
    assert_eq!(expires(secs(900).unwrap()), 900);
    assert_eq!(expires(secs(7200).unwrap()), 7200);
    expect(secs(7201), "ValidationError", "exceeds the MaxSessionDuration");
    assert_eq!(expires(cloud.assume(&alice(), &arn, |_| {}).unwrap()), 3600);
}

#[test]
fn session_policies_are_carried_and_checked() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "app", &trust(ALICE));
    let arn = role_arn(ACCOUNT, "app");
    let text = allow(r#""Action":"ec2:Describe*","Resource":"*""#);
    let managed = |arn: &str| vec![PolicyDescriptorType { arn: Some(arn.to_owned()) }];
    let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let made = cloud.assume(&alice(), &arn, |it| {
        (it.policy, it.policy_arns) = (Some(text.clone()), Some(managed(read_only)));
    });
    let principal = cloud.open(&made.unwrap().credentials);
    let session = session_of(&principal);
    assert_eq!((&session.policies, &session.policy_arns), (&vec![text], &vec![read_only.to_owned()]));
    let bad = cloud.assume(&alice(), &arn, |it| it.policy = Some("{}x".into()));
    expect(bad, "MalformedPolicyDocument", "");
    let missing = managed("arn:aws:iam::111122223333:policy/missing");
    expect(
        cloud.assume(&alice(), &arn, |it| it.policy_arns = Some(missing)),
        "ValidationError",
        "does not exist",
    );
    let nameless =
        vec![PolicyDescriptorType { arn: Some(read_only.to_owned()) }, PolicyDescriptorType { arn: None }];
    expect(
        cloud.assume(&alice(), &arn, |it| it.policy_arns = Some(nameless)),
        "ValidationError",
        "Value null at 'policyArns.2.member.arn'",
    );
    let long = allow(&format!(r#""Action":"ec2:*","Resource":"arn:aws:s3:::{}""#, "a".repeat(2048)));
    expect(cloud.assume(&alice(), &arn, |it| it.policy = Some(long)), "ValidationError", "length less than");
    // Tags that do not repeat themselves cannot be packed.
    let mut seed = 1_u64;
    let mut noise = || {
        (0..16)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                format!("{seed:016x}")
            })
            .collect::<String>()
    };
    let tags = (0..50).map(|index| tag(&format!("key{index}"), &noise())).collect();
    expect(
        cloud.assume(&alice(), &arn, |it| it.tags = Some(tags)),
        "PackedPolicyTooLarge",
        "% of allotted space",
    );
}

#[test]
fn a_device_proves_presence_once() {
    let cloud = Cloud::new();
    let code = cloud.device();
    let arn = role_arn(ACCOUNT, "app");
    cloud.role(
        ACCOUNT,
        "app",
        &allow(&format!(
            r#""Principal":{{"AWS":"{ALICE}"}},"Action":"sts:AssumeRole","Condition":{{"Bool":{{"aws:MultiFactorAuthPresent":"true"}}}}"#
        )),
    );
    expect(cloud.assume(&alice(), &arn, |_| {}), "AccessDenied", "not authorized");
    let with = |serial: Option<&str>, code: Option<&str>| {
        cloud.assume(&alice(), &arn, |it| {
            (it.serial_number, it.token_code) = (serial.map(str::to_owned), code.map(str::to_owned));
        })
    };
    expect(with(Some(DEVICE), None), "AccessDenied", "must provide both");
    expect(with(Some(DEVICE), Some("000000")), "AccessDenied", "invalid MFA one time pass code");
    let other = "arn:aws:iam::111122223333:mfa/other";
    expect(with(Some(other), Some(&code)), "AccessDenied", "unable to validate MFA code");
    let principal = cloud.open(&with(Some(DEVICE), Some(&code)).unwrap().credentials);
    assert_eq!(session_of(&principal).mfa_authenticated, Some(true));
    expect(with(Some(DEVICE), Some(&code)), "AccessDenied", "invalid MFA one time pass code");
}

#[test]
fn what_is_not_supported_is_refused() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "app", &trust(ALICE));
    let arn = role_arn(ACCOUNT, "app");
    let sized = cloud.assume(&alice(), &arn, |it| it.minimum_session_token_size = Some(100));
    expect(sized, "ValidationError", "MinimumSessionTokenSize");
    let contexts = cloud.assume(&alice(), &arn, |it| it.provided_contexts = Some(vec![Default::default()]));
    expect(contexts, "ValidationError", "ProvidedContexts");
}
