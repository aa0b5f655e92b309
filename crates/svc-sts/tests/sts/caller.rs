//! GetCallerIdentity, GetAccessKeyInfo and DecodeAuthorizationMessage.

use aws_api::sts::{
    DecodeAuthorizationMessageRequest, GetAccessKeyInfoRequest, GetCallerIdentityRequest, operation as op,
};
use aws_types::Partition;
use identities::{cloud_scope, new_root_key};
use service_api::Service as _;
use store::StoreError;

use crate::cloud::*;

#[test]
fn everybody_is_told_who_it_is() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "app", &trust(ALICE));
    let check = |principal, arn: &str, user_id: &str| {
        let answer = cloud.call::<op::GetCallerIdentity>(&principal, GetCallerIdentityRequest {}).unwrap();
        let account = Some(ACCOUNT.to_owned());
        assert_eq!(
            (answer.arn, answer.user_id, answer.account),
            (Some(arn.into()), Some(user_id.into()), account)
        );
    };
    check(root(), "arn:aws:iam::111122223333:root", ACCOUNT);
    check(alice(), ALICE, "AIDAALICE");
    let made = cloud.assume(&alice(), &role_arn(ACCOUNT, "app"), |_| {}).unwrap();
    let session = cloud.open(&made.credentials);
    check(session, "arn:aws:sts::111122223333:assumed-role/app/me", "AROAAPP:me");
}

#[test]
fn an_access_key_tells_its_account() {
    let cloud = Cloud::new();
    cloud.role(ACCOUNT, "app", &trust(ALICE));
    let info = |id: &str| {
        let request = GetAccessKeyInfoRequest { access_key_id: id.to_owned() };
        cloud.call::<op::GetAccessKeyInfo>(&alice(), request).map(|answer| answer.account.unwrap())
    };
    let made = cloud.assume(&alice(), &role_arn(ACCOUNT, "app"), |_| {}).unwrap();
    assert_eq!(info(&made.credentials.unwrap().access_key_id).unwrap(), ACCOUNT);
    let key = cloud.store.transact(|transaction| {
        Ok::<_, StoreError>(new_root_key(transaction, Partition::Aws, account(OTHER), &mut || 5, NOW))
    });
    let key = key.unwrap();
    assert_eq!(info(&key.id).unwrap(), OTHER);
    expect(info("AKIAIOSFODNN7EXAMPLE"), "ValidationError", "is not valid");
    assert_eq!(cloud_scope(Partition::Aws).account.to_string(), "000000000000");
}

#[test]
fn a_message_is_decoded_for_its_account() {
    let cloud = Cloud::new();
    let decode = |text: &str| {
        let request = DecodeAuthorizationMessageRequest { encoded_message: text.to_owned() };
        let answer = cloud.call::<op::DecodeAuthorizationMessage>(&alice(), request)?;
        Ok(answer.decoded_message.unwrap())
    };
    let seal = |of: &str| cloud.tokens.seal_message(account(of), r#"{"allowed":false}"#, &mut || 9);
    assert_eq!(decode(&seal(ACCOUNT)).unwrap(), r#"{"allowed":false}"#);
    expect(decode(&seal(OTHER)), "InvalidAuthorizationMessageException", "not valid");
    expect(decode("nothing"), "InvalidAuthorizationMessageException", "not valid");
}

#[test]
fn what_is_not_built_says_so() {
    let sts = Cloud::new().sts;
    for operation in ["GetDelegatedAccessToken", "GetWebIdentityToken"] {
        assert!(!sts.implements(operation));
        let error = sts.call(&context(&alice()), operation, empty()).unwrap_err();
        assert_eq!(error.code, "InvalidAction");
    }
}

#[test]
fn tags_of_a_federated_session_need_an_action_of_their_own() {
    use aws_api::sts::{GetFederationTokenRequest, Tag};

    let cloud = Cloud::new();
    let actions = |tags: Option<Vec<Tag>>| -> Vec<String> {
        let request = GetFederationTokenRequest {
            name: "bob".to_owned(),
            tags,
            ..GetFederationTokenRequest::default()
        };
        let needed =
            cloud.sts.needed_permissions(&context(&alice()), "GetFederationToken", &request.into()).unwrap();
        needed.iter().map(|permission| permission.action.to_string()).collect()
    };
    assert_eq!(actions(None), ["sts:GetFederationToken"]);
    let tag = Tag { key: "team".to_owned(), value: "blue".to_owned() };
    assert_eq!(actions(Some(vec![tag])), ["sts:GetFederationToken", "sts:TagSession"]);
}
