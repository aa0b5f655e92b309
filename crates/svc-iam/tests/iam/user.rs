//! Users, and their tags.

use super::cloud::{By, Cloud, pairs, tags};
use aws_api::iam::{self as api, operation as op};
use aws_model::Value;
use service_api::Service as _;

fn named(name: &str) -> api::GetUserRequest {
    api::GetUserRequest { user_name: Some(name.to_owned()) }
}

fn create(name: &str, path: &str) -> api::CreateUserRequest {
    api::CreateUserRequest { user_name: name.to_owned(), path: Some(path.to_owned()), ..Default::default() }
}

fn delete(name: &str) -> api::DeleteUserRequest {
    api::DeleteUserRequest { user_name: name.to_owned() }
}

#[test]
fn a_user_is_made_shown_and_deleted() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateUser>(create("Bob", "/division_abc/")).user.unwrap();
    assert_eq!(made.arn, "arn:aws:iam::123456789012:user/division_abc/Bob");
    assert_eq!((made.path.as_str(), made.user_name.as_str()), ("/division_abc/", "Bob"));
    assert!(made.user_id.starts_with("AIDA") && made.user_id.len() == 21, "{}", made.user_id);
    assert_eq!(made.create_date, cloud.now);
    // Names are found whatever their case, and are of their account.
    assert_eq!(cloud.ok::<op::GetUser>(named("bOB")).user, made);
    cloud.refuses::<op::CreateUser>(
        create("BOB", "/"),
        "EntityAlreadyExists: User with name BOB already exists.",
    );
    let missing = "NoSuchEntity: The user with name Bob cannot be found.";
    cloud.refuses_to::<op::GetUser>(&By::OtherRoot, named("Bob"), missing);
    cloud.ok::<op::DeleteUser>(delete("bob"));
    cloud.refuses::<op::GetUser>(named("Bob"), missing);
    cloud.refuses::<op::DeleteUser>(delete("Bob"), missing);
    assert_ne!(cloud.user("Bob").user_id, made.user_id);
}

#[test]
fn who_names_nobody_means_itself() {
    let cloud = Cloud::new();
    let bob = cloud.user("Bob");
    let nobody = api::GetUserRequest::default();
    assert_eq!(cloud.ok_by::<op::GetUser>(&By::User("Bob"), nobody.clone()).user, bob);
    // The root user has neither name nor path.
    let asked = cloud.context(&By::Root);
    let answer = cloud.service.call(&asked, "GetUser", nobody.clone().into()).unwrap();
    let Value::Structure(answer) = answer else { panic!("{answer:?}") };
    let Some(Value::Structure(root)) = answer.get("User") else { panic!("{answer:?}") };
    let text = |text: &str| Some(Value::String(text.to_owned()));
    assert_eq!(root.get("UserId").cloned(), text("123456789012"));
    assert_eq!(root.get("Arn").cloned(), text("arn:aws:iam::123456789012:root"));
    assert_eq!((root.get("UserName"), root.get("Path")), (None, None));
    cloud.refuses_to::<op::GetUser>(
        &By::Role("R"),
        nobody,
        "ValidationError: Must specify userName when calling with non-User credentials",
    );
}

#[test]
fn users_are_listed_by_path_and_in_pages() {
    let cloud = Cloud::new();
    for (name, path) in [("b", "/x/"), ("A", "/x/y/"), ("c", "/")] {
        cloud.ok::<op::CreateUser>(api::CreateUserRequest {
            tags: Some(tags(&[("k", "v")])),
            ..create(name, path)
        });
    }
    let list = |path: Option<&str>, marker: Option<String>, max_items| {
        let path_prefix = path.map(str::to_owned);
        let page = cloud.ok::<op::ListUsers>(api::ListUsersRequest { path_prefix, marker, max_items });
        assert!(page.users.iter().all(|user| user.tags.is_none()));
        assert_eq!(page.is_truncated, Some(page.marker.is_some()));
        (page.users.into_iter().map(|user| user.user_name).collect::<Vec<_>>(), page.marker)
    };
    assert_eq!(list(None, None, None), (["A", "b", "c"].map(str::to_owned).to_vec(), None));
    assert_eq!(list(Some("/x/"), None, None).0, ["A", "b"]);
    assert_eq!(list(Some("/x/y"), None, None).0, ["A"]);
    let (first, marker) = list(None, None, Some(2));
    let (second, end) = list(None, marker, Some(2));
    assert_eq!((first.len(), second, end), (2, vec!["c".to_owned()], None));
    cloud.refuses::<op::ListUsers>(
        api::ListUsersRequest { marker: Some("b".to_owned()), ..Default::default() },
        "ValidationError: Invalid Marker.",
    );
}

#[test]
fn a_renamed_user_stays_who_it_is() {
    let cloud = Cloud::new();
    let made = cloud.user("Bob");
    cloud.user("Eve");
    let rename = |new: &str, path: Option<&str>| api::UpdateUserRequest {
        user_name: "Bob".to_owned(),
        new_user_name: Some(new.to_owned()),
        new_path: path.map(str::to_owned),
    };
    cloud.refuses::<op::UpdateUser>(
        rename("eve", None),
        "EntityAlreadyExists: User with name eve already exists.",
    );
    cloud.ok::<op::UpdateUser>(rename("BOB", Some("/p/")));
    assert_eq!(cloud.ok::<op::GetUser>(named("bob")).user.arn, "arn:aws:iam::123456789012:user/p/BOB");
    cloud.ok::<op::UpdateUser>(rename("Ann", None));
    let ann = cloud.ok::<op::GetUser>(named("Ann")).user;
    assert_eq!((ann.user_id, ann.arn.as_str()), (made.user_id, "arn:aws:iam::123456789012:user/p/Ann"));
    cloud.refuses::<op::GetUser>(named("Bob"), "NoSuchEntity: The user with name Bob cannot be found.");
}

#[test]
fn the_keys_of_a_users_tags_have_no_case() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateUser>(api::CreateUserRequest {
        tags: Some(tags(&[("Team", "a"), ("Cost", "1")])),
        ..create("Bob", "/")
    });
    let tag = |held: &[(&str, &str)]| api::TagUserRequest { user_name: "Bob".to_owned(), tags: tags(held) };
    let held = || {
        let input = api::ListUserTagsRequest { user_name: "Bob".to_owned(), ..Default::default() };
        cloud.ok::<op::ListUserTags>(input).tags
    };
    cloud.ok::<op::TagUser>(tag(&[("team", "b"), ("New", "")]));
    assert_eq!(pairs(&held()), [("Cost", "1"), ("New", ""), ("team", "b")]);
    assert_eq!(cloud.ok::<op::GetUser>(named("Bob")).user.tags, Some(held()));
    let keys = vec!["TEAM".to_owned(), "none".to_owned()];
    cloud.ok::<op::UntagUser>(api::UntagUserRequest { user_name: "Bob".to_owned(), tag_keys: keys });
    assert_eq!(pairs(&held()), [("Cost", "1"), ("New", "")]);
    cloud.refuses::<op::TagUser>(
        tag(&[("a", "1"), ("A", "2")]),
        "InvalidInput: Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
    let many: Vec<_> = (0..49).map(|number| (format!("k{number}"), "v")).collect();
    let many: Vec<_> = many.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    let refused = cloud.call::<op::TagUser>(&By::Root, tag(&many)).unwrap_err();
    assert_eq!(refused.code, "LimitExceeded");
    cloud.ok::<op::TagUser>(tag(&many[1..]));
    let refused = cloud.call::<op::TagUser>(&By::Root, tag(&[("aws:x", "1")])).unwrap_err();
    assert_eq!(refused.code, "InvalidInput");
}
