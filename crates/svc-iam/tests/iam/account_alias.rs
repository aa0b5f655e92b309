//! Aliases of accounts.

use super::cloud::{By, Cloud};
use aws_api::iam::{self as api, operation as op};

fn create(alias: &str) -> api::CreateAccountAliasRequest {
    api::CreateAccountAliasRequest { account_alias: alias.to_owned() }
}

fn delete(alias: &str) -> api::DeleteAccountAliasRequest {
    api::DeleteAccountAliasRequest { account_alias: alias.to_owned() }
}

#[test]
fn an_alias_is_of_one_account_and_an_account_has_one() {
    let cloud = Cloud::new();
    let list = |by: &By<'_>| cloud.ok_by::<op::ListAccountAliases>(by, Default::default()).account_aliases;
    assert!(list(&By::Root).is_empty());
    cloud.ok::<op::CreateAccountAlias>(create("first"));
    cloud.ok::<op::CreateAccountAlias>(create("first"));
    cloud.refuses_to::<op::CreateAccountAlias>(
        &By::OtherRoot,
        create("first"),
        "EntityAlreadyExists: The account alias first already exists.",
    );
    cloud.ok::<op::CreateAccountAlias>(create("second"));
    assert_eq!(list(&By::Root), ["second"]);
    cloud.ok_by::<op::CreateAccountAlias>(&By::OtherRoot, create("first"));
    assert_eq!(list(&By::OtherRoot), ["first"]);
    for alias in ["first", "third"] {
        let expect = format!("NoSuchEntity: The account alias {alias} cannot be found.");
        cloud.refuses::<op::DeleteAccountAlias>(delete(alias), &expect);
    }
    cloud.ok::<op::DeleteAccountAlias>(delete("second"));
    assert!(list(&By::Root).is_empty());
    cloud.refuses::<op::CreateAccountAlias>(
        create("123456789012"),
        "ValidationError: An account alias cannot be a 12 digit number.",
    );
}
