//! The password policy of an account.

use super::cloud::{By, Cloud};
use aws_api::Unit;
use aws_api::iam::{self as api, operation as op};

#[test]
fn a_policy_is_set_as_a_whole_and_deleted() {
    let cloud = Cloud::new();
    let missing = "NoSuchEntity: The Password Policy with domain name 123456789012 cannot be found.";
    cloud.refuses::<op::GetAccountPasswordPolicy>(Unit, missing);
    cloud.refuses::<op::DeleteAccountPasswordPolicy>(
        Unit,
        "NoSuchEntity: The account policy with name PasswordPolicy cannot be found.",
    );
    cloud.ok::<op::UpdateAccountPasswordPolicy>(api::UpdateAccountPasswordPolicyRequest {
        minimum_password_length: Some(14),
        require_symbols: Some(true),
        max_password_age: Some(90),
        password_reuse_prevention: Some(3),
        hard_expiry: Some(true),
        allow_users_to_change_password: Some(true),
        ..Default::default()
    });
    let policy = cloud.ok::<op::GetAccountPasswordPolicy>(Unit).password_policy;
    assert_eq!((policy.minimum_password_length, policy.expire_passwords), (Some(14), Some(true)));
    assert_eq!((policy.max_password_age, policy.password_reuse_prevention), (Some(90), Some(3)));
    assert_eq!((policy.require_symbols, policy.require_numbers), (Some(true), Some(false)));
    assert_eq!((policy.hard_expiry, policy.allow_users_to_change_password), (Some(true), Some(true)));
    cloud.refuses_to::<op::GetAccountPasswordPolicy>(
        &By::OtherRoot,
        Unit,
        &missing.replace("123456789012", "210987654321"),
    );

    cloud.ok::<op::UpdateAccountPasswordPolicy>(api::UpdateAccountPasswordPolicyRequest {
        require_numbers: Some(true),
        ..Default::default()
    });
    let expected = api::PasswordPolicy {
        minimum_password_length: Some(6),
        require_symbols: Some(false),
        require_numbers: Some(true),
        require_uppercase_characters: Some(false),
        require_lowercase_characters: Some(false),
        allow_users_to_change_password: Some(false),
        expire_passwords: Some(false),
        max_password_age: None,
        password_reuse_prevention: None,
        hard_expiry: Some(false),
    };
    assert_eq!(cloud.ok::<op::GetAccountPasswordPolicy>(Unit).password_policy, expected);
    cloud.ok::<op::DeleteAccountPasswordPolicy>(Unit);
    cloud.refuses::<op::GetAccountPasswordPolicy>(Unit, missing);
}
