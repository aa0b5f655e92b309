//! Passwords of users.

use super::cloud::{By, Cloud};
use aws_api::iam::{self as api, operation as op};

fn create(name: &str, password: &str) -> api::CreateLoginProfileRequest {
    api::CreateLoginProfileRequest {
        user_name: Some(name.to_owned()),
        password: Some(password.to_owned()),
        password_reset_required: None,
    }
}

fn named(name: &str) -> api::GetLoginProfileRequest {
    api::GetLoginProfileRequest { user_name: Some(name.to_owned()) }
}

fn change(old: &str, new: &str) -> api::ChangePasswordRequest {
    api::ChangePasswordRequest { old_password: old.to_owned(), new_password: new.to_owned() }
}

#[test]
fn a_profile_is_made_shown_and_deleted() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let missing = "NoSuchEntity: Login Profile for User Bob cannot be found.";
    cloud.refuses::<op::GetLoginProfile>(named("Bob"), missing);
    let made = cloud.ok::<op::CreateLoginProfile>(create("Bob", "Secret-1234")).login_profile;
    assert_eq!((made.user_name.as_str(), made.create_date), ("Bob", cloud.now));
    assert_eq!(made.password_reset_required, Some(false));
    assert_eq!(cloud.ok::<op::GetLoginProfile>(named("bob")).login_profile, made);
    let own = api::GetLoginProfileRequest { user_name: None };
    assert_eq!(cloud.ok_by::<op::GetLoginProfile>(&By::User("Bob"), own.clone()).login_profile, made);
    cloud.refuses::<op::GetLoginProfile>(
        own,
        "ValidationError: Must specify userName when calling with non-User credentials",
    );
    cloud.refuses::<op::CreateLoginProfile>(
        create("Bob", "Secret-1234"),
        "EntityAlreadyExists: Login Profile for user Bob already exists.",
    );
    cloud.refuses::<op::CreateLoginProfile>(
        create("Eve", "Secret-1234"),
        "NoSuchEntity: The user with name Eve cannot be found.",
    );
    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must delete login profile first.",
    );
    cloud.ok::<op::UpdateLoginProfile>(api::UpdateLoginProfileRequest {
        user_name: "Bob".to_owned(),
        password_reset_required: Some(true),
        ..Default::default()
    });
    let shown = cloud.ok::<op::GetLoginProfile>(named("Bob")).login_profile;
    assert_eq!(shown.password_reset_required, Some(true));
    let delete = api::DeleteLoginProfileRequest { user_name: Some("Bob".to_owned()) };
    cloud.ok::<op::DeleteLoginProfile>(delete.clone());
    cloud.refuses::<op::DeleteLoginProfile>(delete, missing);
    cloud.ok::<op::DeleteUser>(api::DeleteUserRequest { user_name: "Bob".to_owned() });
}

#[test]
fn passwords_are_as_the_policy_wants_them() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    let refuses = |password: &str, why: &str| {
        let expect = format!("PasswordPolicyViolation: {why}");
        cloud.refuses::<op::CreateLoginProfile>(create("Bob", password), &expect);
    };
    refuses("Secr-12", "Password should have a minimum length of 8");
    refuses(
        "secretsecret1",
        "Password must include a minimum of three of the following mix of character types: uppercase, lowercase, numbers, and symbols !@#$%^&*()_+-=[]{}|'",
    );
    cloud.ok::<op::UpdateAccountPasswordPolicy>(api::UpdateAccountPasswordPolicyRequest {
        minimum_password_length: Some(10),
        require_symbols: Some(true),
        require_numbers: Some(true),
        require_uppercase_characters: Some(true),
        require_lowercase_characters: Some(true),
        ..Default::default()
    });
    refuses("Secret-12", "Password should have a minimum length of 10");
    refuses("secret-1234", "Password should have at least one uppercase letter");
    refuses("SECRET-1234", "Password should have at least one lowercase letter");
    refuses("Secret-secret", "Password should have at least one number");
    refuses("Secret12345", "Password should have at least one symbol");
    cloud.ok::<op::CreateLoginProfile>(create("Bob", "Secret-1234"));
}

#[test]
fn users_change_their_own_passwords() {
    let mut cloud = Cloud::new();
    cloud.user("Bob");
    cloud.ok::<op::UpdateAccountPasswordPolicy>(api::UpdateAccountPasswordPolicyRequest {
        password_reuse_prevention: Some(1),
        ..Default::default()
    });
    cloud.ok::<op::CreateLoginProfile>(api::CreateLoginProfileRequest {
        password_reset_required: Some(true),
        ..create("Bob", "Secret-1234")
    });
    let bob = By::User("Bob");
    cloud.refuses_to::<op::ChangePassword>(
        &bob,
        change("Secret-1235", "Another-1234"),
        "AccessDenied: The old password was incorrect.",
    );
    for by in [By::Root, By::Role("R")] {
        let expect = "InvalidUserType: Only IAM Users can change their own password";
        cloud.refuses_to::<op::ChangePassword>(&by, change("Secret-1234", "Another-1234"), expect);
    }
    let again = "PasswordPolicyViolation: Password does not conform to the account password policy: it was used before.";
    cloud.refuses_to::<op::ChangePassword>(&bob, change("Secret-1234", "Secret-1234"), again);
    cloud.refuses_to::<op::ChangePassword>(
        &bob,
        change("Secret-1234", "short"),
        "PasswordPolicyViolation: Password should have a minimum length of 6",
    );
    cloud.now = cloud.now.plus_millis(1000);
    cloud.ok_by::<op::ChangePassword>(&bob, change("Secret-1234", "Another-1234"));
    let shown = cloud.ok::<op::GetLoginProfile>(named("Bob")).login_profile;
    assert_eq!(shown.password_reset_required, Some(false), "the user has set it");
    cloud.refuses_to::<op::ChangePassword>(
        &bob,
        change("Secret-1234", "Third-12345"),
        "AccessDenied: The old password was incorrect.",
    );
    // One that is older than the policy remembers can come again.
    cloud.ok_by::<op::ChangePassword>(&bob, change("Another-1234", "Secret-1234"));
    let update = |password: &str| api::UpdateLoginProfileRequest {
        user_name: "Bob".to_owned(),
        password: Some(password.to_owned()),
        ..Default::default()
    };
    cloud.refuses::<op::UpdateLoginProfile>(update("Secret-1234"), again);
    cloud.ok::<op::UpdateLoginProfile>(update("Admin-set-1234"));
    cloud.ok_by::<op::ChangePassword>(&bob, change("Admin-set-1234", "Secret-1234"));
}

#[test]
fn what_is_stored_does_not_have_the_password() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.ok::<op::CreateLoginProfile>(create("Bob", "Secret-1234"));
    let snapshot = cloud.store.snapshot();
    let texts: Vec<_> = snapshot.records().map(|(_, stored)| format!("{stored:?}")).collect();
    assert!(texts.iter().any(|text| text.contains("iterations")), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains("Secret-1234")));
}
