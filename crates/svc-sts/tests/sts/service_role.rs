//! Sessions that services have of roles.

use aws_types::Partition;
use service_api::PrincipalKind;
use svc_sts::{ServiceSession, ServiceSessionError};

use crate::cloud::*;

#[test]
fn a_service_gets_a_session_of_a_role_that_trusts_it() {
    let cloud = Cloud::new();
    let instance = "arn:aws:ec2:us-east-1:111122223333:instance/i-1";
    let check = |trusted: &str, is_trusted: bool| {
        let role = cloud.role(ACCOUNT, "app", trusted);
        let session = ServiceSession {
            partition: Partition::Aws,
            region: &"us-east-1".parse().unwrap(),
            account: account(ACCOUNT),
            role: &role,
            service: "ec2.amazonaws.com",
            session_name: "i-1",
            secs: 21_600,
            source_instance_arn: Some(instance),
            now: NOW,
        };
        let sealed = session.seal(&cloud.authorization, &cloud.tokens, &mut || 3);
        if !is_trusted {
            assert_eq!(sealed, Err(ServiceSessionError::NotTrusted), "{trusted}");
            let told = cloud.authorization.last_denial(Some(account(ACCOUNT))).unwrap();
            assert_eq!(
                (told.principal.as_str(), told.action.as_str()),
                ("ec2.amazonaws.com", "sts:AssumeRole")
            );
            return;
        }
        let made = sealed.unwrap();
        let (_, principal) = cloud.tokens.open(&made.access_key_id, &made.token, NOW).unwrap();
        assert_eq!(principal.arn.as_str(), "arn:aws:sts::111122223333:assumed-role/app/i-1");
        assert!(matches!(principal.kind, PrincipalKind::AssumedRole { .. }));
        let session = session_of(&principal);
        assert_eq!(session.source_instance_arn.as_deref(), Some(instance));
        assert_eq!((session.mfa_authenticated, session.is_chained), (None, false));
        assert_eq!(session.expires, NOW.plus_millis(21_600_000));
    };
    let service = |name: &str, rest: &str| {
        allow(&format!(r#""Principal":{{"Service":"{name}"}},"Action":"sts:AssumeRole"{rest}"#))
    };
    check(&service("ec2.amazonaws.com", ""), true);
    check(&service("lambda.amazonaws.com", ""), false);
    check(&trust(ALICE), false);
    let condition = r#","Condition":{"StringEquals":{"aws:SourceAccount":"111122223333"}}"#;
    check(&service("ec2.amazonaws.com", condition), true);
    check(&service("ec2.amazonaws.com", &condition.replace("1111", "9999")), false);
    // Outside an organization there is no such key.
    let condition = r#","Condition":{"StringEquals":{"aws:SourceOrgID":"o-abcdefghij"}}"#;
    check(&service("ec2.amazonaws.com", condition), false);
}
