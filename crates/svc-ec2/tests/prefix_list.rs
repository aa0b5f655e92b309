mod rules;

use store::Read as _;

use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const UNKNOWN: &str = "pl-0123456789abcdef0";

/// Longer than any `…-in-progress`.
const SETTLED_MILLIS: i64 = 1000;

fn added(blocks: &[&str]) -> Vec<api::AddPrefixListEntry> {
    let entry = |block: &&str| api::AddPrefixListEntry { cidr: (*block).to_owned(), description: None };
    blocks.iter().map(entry).collect()
}

fn removed(blocks: &[&str]) -> Vec<api::RemovePrefixListEntry> {
    blocks.iter().map(|block| api::RemovePrefixListEntry { cidr: (*block).to_owned() }).collect()
}

fn request(name: &str, most: i32, blocks: &[&str]) -> api::CreateManagedPrefixListRequest {
    input!(CreateManagedPrefixListRequest {
        prefix_list_name: name,
        address_family: "IPv4",
        max_entries: most,
        entries: added(blocks),
    })
}

/// A list that can be changed at once.
fn create(cloud: &Cloud, most: i32, blocks: &[&str]) -> String {
    let list = cloud.ok::<op::CreateManagedPrefixList>(request("a list", most, blocks)).prefix_list.unwrap();
    cloud.wait(SETTLED_MILLIS);
    list.prefix_list_id.unwrap()
}

fn modification(id: &str, version: i64) -> api::ModifyManagedPrefixListRequest {
    input!(ModifyManagedPrefixListRequest { prefix_list_id: id, current_version: version })
}

fn add(cloud: &Cloud, id: &str, version: i64, blocks: &[&str]) -> api::ManagedPrefixList {
    let input =
        api::ModifyManagedPrefixListRequest { add_entries: Some(added(blocks)), ..modification(id, version) };
    let list = cloud.ok::<op::ModifyManagedPrefixList>(input).prefix_list.unwrap();
    cloud.wait(SETTLED_MILLIS);
    list
}

fn describe(cloud: &Cloud, id: &str) -> api::ManagedPrefixList {
    let input = input!(DescribeManagedPrefixListsRequest { prefix_list_ids: [id] });
    cloud.ok::<op::DescribeManagedPrefixLists>(input).prefix_lists.unwrap().remove(0)
}

fn state(cloud: &Cloud, id: &str) -> String {
    describe(cloud, id).state.unwrap()
}

fn entries(cloud: &Cloud, id: &str, version: Option<i64>) -> Vec<String> {
    let input = api::GetManagedPrefixListEntriesRequest {
        target_version: version,
        ..input!(GetManagedPrefixListEntriesRequest { prefix_list_id: id })
    };
    let entries = cloud.ok::<op::GetManagedPrefixListEntries>(input).entries.unwrap();
    entries.into_iter().map(|entry| entry.cidr.unwrap()).collect()
}

fn names(cloud: &Cloud, by: &[(&str, &[&str])]) -> Vec<String> {
    let input = input!(DescribeManagedPrefixListsRequest { filters: filters(by) });
    let lists = cloud.ok::<op::DescribeManagedPrefixLists>(input).prefix_lists.unwrap();
    let mut names: Vec<String> = lists.into_iter().map(|list| list.prefix_list_name.unwrap()).collect();
    names.sort();
    names
}

/// The ids of AWS's lists of DynamoDB and S3.
fn of_aws(cloud: &Cloud) -> [String; 2] {
    let lists =
        cloud.ok::<op::DescribePrefixLists>(input!(DescribePrefixListsRequest {})).prefix_lists.unwrap();
    ["dynamodb", "s3"].map(|service| {
        let list = lists.iter().find(|list| list.prefix_list_name.as_ref().unwrap().ends_with(service));
        list.unwrap().prefix_list_id.clone().unwrap()
    })
}

#[test]
fn a_list_is_made_and_shown() {
    let cloud = Cloud::new();
    let input = api::CreateManagedPrefixListRequest {
        entries: Some(vec![
            api::AddPrefixListEntry { cidr: "10.2.0.0/16".to_owned(), description: Some("two".to_owned()) },
            api::AddPrefixListEntry { cidr: "10.1.0.0/16".to_owned(), description: Some(String::new()) },
        ]),
        tag_specifications: Some(tagged("prefix-list", &[("a", "b")])),
        ..request("offices", 10, &[])
    };
    let made = cloud.ok::<op::CreateManagedPrefixList>(input).prefix_list.unwrap();
    let id = made.prefix_list_id.clone().unwrap();
    let expected = api::ManagedPrefixList {
        address_family: Some("IPv4".to_owned()),
        max_entries: Some(10),
        owner_id: Some("123456789012".to_owned()),
        prefix_list_arn: Some(format!("arn:aws:ec2:us-east-1:123456789012:prefix-list/{id}")),
        prefix_list_id: Some(id.clone()),
        prefix_list_name: Some("offices".to_owned()),
        state: Some("create-in-progress".to_owned()),
        tags: Some(tags(&[("a", "b")])),
        version: Some(1),
        ..Default::default()
    };
    assert_eq!(made, expected);
    assert_eq!(describe(&cloud, &id), expected);
    cloud.wait(999);
    assert_eq!(state(&cloud, &id), "create-in-progress");
    cloud.wait(1);
    assert_eq!(state(&cloud, &id), "create-complete");
    let held = cloud
        .ok::<op::GetManagedPrefixListEntries>(input!(GetManagedPrefixListEntriesRequest {
            prefix_list_id: &id
        }))
        .entries
        .unwrap();
    let expected = [("10.1.0.0/16", None), ("10.2.0.0/16", Some("two"))];
    let shown: Vec<_> =
        held.iter().map(|entry| (entry.cidr.as_deref().unwrap(), entry.description.as_deref())).collect();
    assert_eq!(shown, expected);

    let input = api::CreateManagedPrefixListRequest {
        address_family: "IPv6".to_owned(),
        ..request("six", 2, &["2001:db8:0:0::/48", "2001:db8:1::/48"])
    };
    let six = cloud.ok::<op::CreateManagedPrefixList>(input).prefix_list.unwrap();
    assert_eq!(six.address_family.as_deref(), Some("IPv6"));
    assert_eq!(entries(&cloud, &six.prefix_list_id.unwrap(), None), ["2001:db8::/48", "2001:db8:1::/48"]);
}

#[test]
fn lists_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |input: api::CreateManagedPrefixListRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreateManagedPrefixList>(input, code, message);
    };
    let invalid = "InvalidParameterValue";
    for reserved in ["com.amazonaws.x", "com.amazon.x", "com.aws.x"] {
        let message = "The prefix list name cannot begin with (com.amazonaws., com.amazon., com.aws.).";
        check(request(reserved, 1, &[]), invalid, message);
    }
    check(request("", 1, &[]), "MissingParameter", "…");
    check(request(&"n".repeat(256), 1, &[]), invalid, "…");
    check(request("a\u{1}b", 1, &[]), invalid, "…");
    for most in [0, -1, 1001] {
        check(request("x", most, &[]), invalid, "Must specify a max size between 1 and 1000");
    }
    let of = |family: &str, block: &str| api::CreateManagedPrefixListRequest {
        address_family: family.to_owned(),
        ..request("x", 5, &[block])
    };
    check(of("ipv4", "10.0.0.0/8"), invalid, "Value (ipv4) for parameter addressFamily is invalid. …");
    check(of("IPv4", "2001:db8::/32"), invalid, "Value (2001:db8::/32) for parameter Cidr is invalid. …");
    check(of("IPv6", "10.0.0.0/8"), invalid, "Value (10.0.0.0/8) for parameter Cidr is invalid. …");
    for block in ["10.0.0.1/8", "10.0.0.0", "10.0.0.0/33", "x", ""] {
        let message = format!("Value ({block}) for parameter Cidr is invalid. …");
        check(of("IPv4", block), invalid, &message);
    }
    let message = "Request cannot contain Cidr 10.0.0.0/8 more than once";
    check(request("x", 5, &["10.0.0.0/8", "10.0.0.0/8"]), invalid, message);
    let message = "You've reached the maximum number of entries for the prefix list.";
    check(request("x", 1, &["10.0.0.0/8", "11.0.0.0/8"]), "PrefixListMaxEntriesExceeded", message);
    for (description, is_valid) in [("d".repeat(255), true), ("d".repeat(256), false), ("\n".into(), false)] {
        let entry = api::AddPrefixListEntry { cidr: "10.0.0.0/8".to_owned(), description: Some(description) };
        let input = api::CreateManagedPrefixListRequest {
            entries: Some(vec![entry]),
            ..request(&"n".repeat(255), 1, &[])
        };
        if is_valid {
            cloud.ok::<op::CreateManagedPrefixList>(input);
        } else {
            check(input, invalid, "…");
        }
    }
    let many: Vec<String> = (0..101).map(|number| format!("10.0.{number}.0/24")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let message = "The number of entries per request cannot exceeds limit (100).";
    check(request("x", 1000, &many), invalid, message);
    cloud.ok::<op::CreateManagedPrefixList>(request("com.amazonaws-x", 1000, &many[..100]));
    let input = api::CreateManagedPrefixListRequest {
        tag_specifications: Some(tagged("vpc", &[("a", "b")])),
        ..request("x", 1, &[])
    };
    check(input, invalid, "…");
    let input = api::CreateManagedPrefixListRequest { dry_run: Some(true), ..request("x", 1, &[]) };
    check(input, "DryRunOperation", "…");
}

#[test]
fn a_repeated_request_makes_one_list() {
    let cloud = Cloud::new();
    let input = |name: &str| api::CreateManagedPrefixListRequest {
        client_token: Some("token".to_owned()),
        ..request(name, 1, &[])
    };
    let first = cloud.ok::<op::CreateManagedPrefixList>(input("x"));
    let revision = cloud.store.snapshot().revision();
    assert_eq!(cloud.ok::<op::CreateManagedPrefixList>(input("x")), first);
    assert_eq!(cloud.store.snapshot().revision(), revision);
    cloud.refuses::<op::CreateManagedPrefixList>(input("y"), "IdempotentParameterMismatch", "…");
    // A list that is only shown for a while yet is not the one that is asked for.
    let id = first.prefix_list.unwrap().prefix_list_id.unwrap();
    cloud.wait(SETTLED_MILLIS);
    cloud.ok::<op::DeleteManagedPrefixList>(input!(DeleteManagedPrefixListRequest { prefix_list_id: &id }));
    let second = cloud.ok::<op::CreateManagedPrefixList>(input("x")).prefix_list.unwrap();
    assert_ne!(second.prefix_list_id, Some(id));
}

#[test]
fn every_change_of_entries_makes_a_version() {
    let cloud = Cloud::new();
    let id = create(&cloud, 3, &["10.1.0.0/16"]);
    let input = api::ModifyManagedPrefixListRequest {
        add_entries: Some(added(&["10.3.0.0/16", "10.2.0.0/16"])),
        remove_entries: Some(removed(&["10.1.0.0/16"])),
        ..modification(&id, 1)
    };
    let changed = cloud.ok::<op::ModifyManagedPrefixList>(input).prefix_list.unwrap();
    // The new version is shown once the change is complete.
    assert_eq!((changed.version, changed.state.as_deref()), (Some(1), Some("modify-in-progress")));
    assert_eq!(describe(&cloud, &id).version, Some(1));
    assert_eq!(entries(&cloud, &id, None), ["10.2.0.0/16", "10.3.0.0/16"]);
    assert_eq!(entries(&cloud, &id, Some(1)), ["10.1.0.0/16"]);
    cloud.wait(SETTLED_MILLIS);
    assert_eq!(state(&cloud, &id), "modify-complete");
    assert_eq!(describe(&cloud, &id).version, Some(2));
    assert_eq!(add(&cloud, &id, 2, &["10.1.0.0/16"]).version, Some(2));
    assert_eq!(entries(&cloud, &id, Some(2)), ["10.2.0.0/16", "10.3.0.0/16"]);

    // A name and a size are of all versions.
    let input =
        input!(ModifyManagedPrefixListRequest { prefix_list_id: &id, prefix_list_name: "another name" });
    let renamed = cloud.ok::<op::ModifyManagedPrefixList>(input).prefix_list.unwrap();
    assert_eq!((renamed.version, renamed.state.as_deref()), (Some(3), Some("modify-complete")));
    assert_eq!(describe(&cloud, &id).prefix_list_name.as_deref(), Some("another name"));
    let resize =
        |most: i32| api::ModifyManagedPrefixListRequest { max_entries: Some(most), ..modification(&id, 3) };
    let resized = cloud.ok::<op::ModifyManagedPrefixList>(resize(4)).prefix_list.unwrap();
    assert_eq!((resized.version, resized.max_entries), (Some(3), Some(4)));
    assert_eq!(resized.state.as_deref(), Some("modify-in-progress"));
    cloud.wait(SETTLED_MILLIS);
    assert_eq!(describe(&cloud, &id).max_entries, Some(4));
    assert_eq!(add(&cloud, &id, 3, &["10.4.0.0/16"]).version, Some(3));
    cloud.refuses::<op::ModifyManagedPrefixList>(
        api::ModifyManagedPrefixListRequest { current_version: Some(4), ..resize(3) },
        "InvalidPrefixListModification",
        "The prefix list has 4 entries. …",
    );
}

#[test]
fn changes_that_cannot_be() {
    let cloud = Cloud::new();
    let id = create(&cloud, 2, &["10.1.0.0/16"]);
    let check = |input: api::ModifyManagedPrefixListRequest, code: &str, message: &str| {
        cloud.refuses::<op::ModifyManagedPrefixList>(input, code, message);
    };
    let adding = |blocks: &[&str]| api::ModifyManagedPrefixListRequest {
        add_entries: Some(added(blocks)),
        ..modification(&id, 1)
    };
    let removing = |blocks: &[&str]| api::ModifyManagedPrefixListRequest {
        remove_entries: Some(removed(blocks)),
        ..modification(&id, 1)
    };
    check(modification(&id, 1), "MissingParameter", "…");
    let message = "The prefix list has the incorrect version number.";
    let input = api::ModifyManagedPrefixListRequest { current_version: Some(2), ..adding(&["10.2.0.0/16"]) };
    check(input, "PrefixListVersionMismatch", message);
    let message = "The specified value for version is not valid. The value must be greater than (1).";
    let input = api::ModifyManagedPrefixListRequest { current_version: Some(0), ..adding(&["10.2.0.0/16"]) };
    check(input, "InvalidParameterValue", message);
    let message =
        "You cannot modify the entries and the maximum entries for the prefix list in the same request.";
    let input = api::ModifyManagedPrefixListRequest { max_entries: Some(3), ..adding(&["10.2.0.0/16"]) };
    check(input, "InvalidParameterCombination", message);
    let message = "The entry with the CIDR 10.1.0.0/16 already exists.";
    check(adding(&["10.1.0.0/16"]), "InvalidPrefixListModification", message);
    let message = "The entry with the CIDR 10.2.0.0/16 does not exist.";
    check(removing(&["10.2.0.0/16"]), "InvalidPrefixListModification", message);
    check(removing(&["10.1.0.0/16", "10.1.0.0/16"]), "InvalidParameterValue", "…");
    let message =
        "Request cannot contain Cidr 10.1.0.0/16 in both AddPrefixListEntries and RemovePrefixListEntries";
    let input = api::ModifyManagedPrefixListRequest {
        remove_entries: Some(removed(&["10.1.0.0/16"])),
        ..adding(&["10.1.0.0/16"])
    };
    check(input, "InvalidParameterValue", message);
    check(adding(&["2001:db8::/32"]), "InvalidParameterValue", "…");
    let message = "You've reached the maximum number of entries for the prefix list.";
    check(adding(&["10.2.0.0/16", "10.3.0.0/16"]), "PrefixListMaxEntriesExceeded", message);
    let many = ["10.0.0.0/8"; 101];
    let message = "Request cannot contain more than 100 entry additions or removals.";
    check(adding(&many), "InvalidParameterValue", message);
    check(removing(&many), "InvalidParameterValue", message);
    for most in [0, 1001] {
        let input = api::ModifyManagedPrefixListRequest { max_entries: Some(most), ..modification(&id, 1) };
        check(input, "InvalidParameterValue", "Must specify a max size between 1 and 1000");
    }
    let input = api::ModifyManagedPrefixListRequest {
        prefix_list_name: Some("com.aws.x".to_owned()),
        ..modification(&id, 1)
    };
    check(input, "InvalidParameterValue", "The prefix list name cannot begin with …");
    let input = api::ModifyManagedPrefixListRequest {
        ipam_prefix_list_resolver_sync_enabled: Some(true),
        ..modification(&id, 1)
    };
    check(input, "UnsupportedOperation", "…");
    let input = api::ModifyManagedPrefixListRequest { dry_run: Some(true), ..adding(&["10.2.0.0/16"]) };
    check(input, "DryRunOperation", "…");
    let message = format!("The prefix list ID '{UNKNOWN}' does not exist");
    let input = api::ModifyManagedPrefixListRequest {
        prefix_list_id: UNKNOWN.to_owned(),
        ..adding(&["10.2.0.0/16"])
    };
    check(input, "InvalidPrefixListID.NotFound", &message);
    let input =
        api::ModifyManagedPrefixListRequest { prefix_list_id: "pl-x".to_owned(), ..adding(&["10.2.0.0/16"]) };
    check(input, "InvalidPrefixListId.Malformed", "…");
}

#[test]
fn one_change_at_a_time() {
    let cloud = Cloud::new();
    let id = cloud.ok::<op::CreateManagedPrefixList>(request("x", 5, &[])).prefix_list.unwrap();
    let id = id.prefix_list_id.unwrap();
    let adding = |version: i64, block: &str| api::ModifyManagedPrefixListRequest {
        add_entries: Some(added(&[block])),
        ..modification(&id, version)
    };
    let delete = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &id });
    let message = |state: &str| {
        format!(
            "The request cannot be completed while the prefix list ({id}) is in the current state ({state})."
        )
    };
    let busy = message("create-in-progress");
    cloud.refuses::<op::ModifyManagedPrefixList>(adding(1, "10.0.0.0/8"), "IncorrectState", &busy);
    cloud.refuses::<op::DeleteManagedPrefixList>(delete(), "IncorrectState", &busy);
    cloud.wait(SETTLED_MILLIS);
    cloud.ok::<op::ModifyManagedPrefixList>(adding(1, "10.0.0.0/8"));
    let busy = message("modify-in-progress");
    cloud.refuses::<op::ModifyManagedPrefixList>(adding(2, "11.0.0.0/8"), "IncorrectState", &busy);
    cloud.refuses::<op::RestoreManagedPrefixListVersion>(restoration(&id, 1, 2), "IncorrectState", &busy);
    cloud.wait(SETTLED_MILLIS);
    cloud.ok::<op::RestoreManagedPrefixListVersion>(restoration(&id, 1, 2));
    let busy = message("restore-in-progress");
    cloud.refuses::<op::DeleteManagedPrefixList>(delete(), "IncorrectState", &busy);
}

fn restoration(id: &str, previous: i64, current: i64) -> api::RestoreManagedPrefixListVersionRequest {
    input!(RestoreManagedPrefixListVersionRequest {
        prefix_list_id: id,
        previous_version: previous,
        current_version: current,
    })
}

#[test]
fn an_earlier_version_comes_back_as_a_new_one() {
    let cloud = Cloud::new();
    let id = create(&cloud, 2, &["10.1.0.0/16", "10.2.0.0/16"]);
    let input = api::ModifyManagedPrefixListRequest {
        remove_entries: Some(removed(&["10.1.0.0/16", "10.2.0.0/16"])),
        ..modification(&id, 1)
    };
    cloud.ok::<op::ModifyManagedPrefixList>(input);
    cloud.wait(SETTLED_MILLIS);
    let check = |previous, current, code: &str, message: &str| {
        cloud.refuses::<op::RestoreManagedPrefixListVersion>(
            restoration(&id, previous, current),
            code,
            message,
        );
    };
    check(1, 1, "PrefixListVersionMismatch", "The prefix list has the incorrect version number.");
    check(2, 2, "InvalidParameterValue", "Value (2) for parameter previousVersion is invalid. …");
    for unknown in [0, -1, 3] {
        let message = format!("The version ({unknown}) of the prefix list '{id}' does not exist.");
        check(unknown, 2, "InvalidParameterValue", &message);
    }
    let dry = api::RestoreManagedPrefixListVersionRequest { dry_run: Some(true), ..restoration(&id, 1, 2) };
    cloud.refuses::<op::RestoreManagedPrefixListVersion>(dry, "DryRunOperation", "…");

    let restored =
        cloud.ok::<op::RestoreManagedPrefixListVersion>(restoration(&id, 1, 2)).prefix_list.unwrap();
    assert_eq!((restored.version, restored.state.as_deref()), (Some(2), Some("restore-in-progress")));
    assert_eq!(entries(&cloud, &id, None), ["10.1.0.0/16", "10.2.0.0/16"]);
    assert_eq!(entries(&cloud, &id, Some(2)), [""; 0]);
    cloud.wait(SETTLED_MILLIS);
    assert_eq!(state(&cloud, &id), "restore-complete");
    assert_eq!(describe(&cloud, &id).version, Some(3));

    // What a smaller list could not hold does not come back.
    cloud.ok::<op::RestoreManagedPrefixListVersion>(restoration(&id, 2, 3));
    cloud.wait(SETTLED_MILLIS);
    let resize = api::ModifyManagedPrefixListRequest { max_entries: Some(1), ..modification(&id, 4) };
    cloud.ok::<op::ModifyManagedPrefixList>(resize);
    cloud.wait(SETTLED_MILLIS);
    check(1, 4, "PrefixListMaxEntriesExceeded", "…");
}

#[test]
fn a_thousand_versions_are_kept() {
    let cloud = Cloud::new();
    let id = create(&cloud, 1, &["10.0.0.0/8"]);
    for version in 1..=1000 {
        let (old, new) =
            if version % 2 == 1 { ("10.0.0.0/8", "11.0.0.0/8") } else { ("11.0.0.0/8", "10.0.0.0/8") };
        let input = api::ModifyManagedPrefixListRequest {
            remove_entries: Some(removed(&[old])),
            add_entries: Some(added(&[new])),
            ..modification(&id, version)
        };
        cloud.ok::<op::ModifyManagedPrefixList>(input);
        cloud.wait(SETTLED_MILLIS);
    }
    assert_eq!(describe(&cloud, &id).version, Some(1001));
    assert_eq!(entries(&cloud, &id, Some(2)), ["11.0.0.0/8"]);
    let input = input!(GetManagedPrefixListEntriesRequest { prefix_list_id: &id, target_version: 1 });
    let message = format!("The version (1) of the prefix list '{id}' does not exist.");
    cloud.refuses::<op::GetManagedPrefixListEntries>(input, "InvalidParameterValue", &message);
}

#[test]
fn a_deleted_list_is_shown_for_a_while() {
    let cloud = Cloud::new();
    let id = create(&cloud, 5, &["10.0.0.0/8"]);
    add(&cloud, &id, 1, &["11.0.0.0/8"]);
    let delete = || input!(DeleteManagedPrefixListRequest { prefix_list_id: &id });
    let dry = api::DeleteManagedPrefixListRequest { dry_run: Some(true), ..delete() };
    cloud.refuses::<op::DeleteManagedPrefixList>(dry, "DryRunOperation", "…");
    let deleted = cloud.ok::<op::DeleteManagedPrefixList>(delete()).prefix_list.unwrap();
    assert_eq!(deleted.state.as_deref(), Some("delete-in-progress"));
    cloud.refuses::<op::DeleteManagedPrefixList>(delete(), "IncorrectState", "…");
    let message = format!("The prefix list ID '{id}' does not exist");
    let get = || input!(GetManagedPrefixListEntriesRequest { prefix_list_id: &id });
    cloud.refuses::<op::GetManagedPrefixListEntries>(get(), "InvalidPrefixListID.NotFound", &message);
    cloud.wait(SETTLED_MILLIS);
    assert_eq!(state(&cloud, &id), "delete-complete");
    cloud.refuses::<op::DeleteManagedPrefixList>(delete(), "InvalidPrefixListID.NotFound", &message);
    cloud.wait(60_000);
    let describe = input!(DescribeManagedPrefixListsRequest { prefix_list_ids: [&id] });
    cloud.refuses::<op::DescribeManagedPrefixLists>(describe, "InvalidPrefixListID.NotFound", &message);
    // The next list takes the last of it away.
    let held = || cloud.store.snapshot().contains::<svc_ec2::record::PrefixList>(&cloud.scope(), &id);
    assert!(held());
    create(&cloud, 1, &[]);
    assert!(!held());
}

#[test]
fn a_region_has_a_hundred_lists() {
    let cloud = Cloud::new();
    let first = create(&cloud, 1, &[]);
    for _ in 1..100 {
        cloud.ok::<op::CreateManagedPrefixList>(request("x", 1, &[]));
    }
    let message = "The maximum number of prefix lists has been reached.";
    cloud.refuses::<op::CreateManagedPrefixList>(request("x", 1, &[]), "PrefixListLimitExceeded", message);
    cloud.ok::<op::DeleteManagedPrefixList>(input!(DeleteManagedPrefixListRequest { prefix_list_id: first }));
    cloud.ok::<op::CreateManagedPrefixList>(request("x", 1, &[]));
}

#[test]
fn aws_manages_lists_of_its_own() {
    let cloud = Cloud::new();
    let [dynamodb, s3] = of_aws(&cloud);
    let expected = api::ManagedPrefixList {
        address_family: Some("IPv4".to_owned()),
        owner_id: Some("AWS".to_owned()),
        prefix_list_arn: Some(format!("arn:aws:ec2:us-east-1:aws:prefix-list/{s3}")),
        prefix_list_id: Some(s3.clone()),
        prefix_list_name: Some("com.amazonaws.us-east-1.s3".to_owned()),
        state: Some("create-complete".to_owned()),
        tags: Some(Vec::new()),
        ..Default::default()
    };
    assert_eq!(describe(&cloud, &s3), expected);
    let input = input!(DescribePrefixListsRequest { prefix_list_ids: [&s3] });
    let older = cloud.ok::<op::DescribePrefixLists>(input).prefix_lists.unwrap().remove(0);
    assert_eq!(older.cidrs.unwrap(), entries(&cloud, &s3, None));
    assert!(!entries(&cloud, &s3, None).is_empty());
    let elsewhere = of_aws(&Cloud::new().in_region("eu-central-1"));
    assert!(!elsewhere.contains(&s3) && !elsewhere.contains(&dynamodb));
    assert_eq!(of_aws(&Cloud::new()), [dynamodb.clone(), s3.clone()]);

    let message = format!("The prefix list '{s3}' is managed by AWS and cannot be changed.");
    let input = api::ModifyManagedPrefixListRequest {
        add_entries: Some(added(&["10.0.0.0/8"])),
        ..modification(&s3, 1)
    };
    cloud.refuses::<op::ModifyManagedPrefixList>(input, "OperationNotPermitted", &message);
    let input = input!(DeleteManagedPrefixListRequest { prefix_list_id: &s3 });
    cloud.refuses::<op::DeleteManagedPrefixList>(input, "OperationNotPermitted", &message);
    let input = restoration(&s3, 1, 2);
    cloud.refuses::<op::RestoreManagedPrefixListVersion>(input, "OperationNotPermitted", &message);
    let input = input!(GetManagedPrefixListEntriesRequest { prefix_list_id: &s3, target_version: 1 });
    cloud.refuses::<op::GetManagedPrefixListEntries>(input, "InvalidParameterValue", "…");

    let by = |by: &[(&str, &[&str])]| {
        let input = input!(DescribePrefixListsRequest { filters: filters(by) });
        let lists = cloud.ok::<op::DescribePrefixLists>(input).prefix_lists.unwrap();
        lists.into_iter().map(|list| list.prefix_list_id.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(by(&[("prefix-list-name", &["*.s3"])]), [s3.as_str()]);
    assert_eq!(by(&[("prefix-list-id", &[&dynamodb])]), [dynamodb.as_str()]);
    let input = input!(DescribePrefixListsRequest { filters: filters(&[("owner-id", &["AWS"])]) });
    cloud.refuses::<op::DescribePrefixLists>(
        input,
        "InvalidParameterValue",
        "The filter 'owner-id' is invalid",
    );
    // A customer's list is none of these.
    let own = create(&cloud, 1, &[]);
    let input = input!(DescribePrefixListsRequest { prefix_list_ids: [&own] });
    let message = format!("The prefix list ID '{own}' does not exist");
    cloud.refuses::<op::DescribePrefixLists>(input, "InvalidPrefixListID.NotFound", &message);
    let input = input!(DescribePrefixListsRequest { dry_run: true });
    cloud.refuses::<op::DescribePrefixLists>(input, "DryRunOperation", "…");
}

#[test]
fn lists_are_found() {
    let cloud = Cloud::new();
    let one = cloud.ok::<op::CreateManagedPrefixList>(request("one", 1, &[])).prefix_list.unwrap();
    let one = one.prefix_list_id.unwrap();
    cloud.ok::<op::CreateManagedPrefixList>(request("two", 1, &[]));
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest { resources: [&one], tags: tags(&[("k", "v")]) }));
    let (s3, dynamodb) = ("com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.dynamodb");
    assert_eq!(names(&cloud, &[]), [dynamodb, s3, "one", "two"]);
    assert_eq!(names(&cloud, &[("owner-id", &["AWS"])]), [dynamodb, s3]);
    assert_eq!(names(&cloud, &[("owner-id", &["123456789012"])]), ["one", "two"]);
    assert_eq!(names(&cloud, &[("prefix-list-id", &[&one])]), ["one"]);
    assert_eq!(names(&cloud, &[("prefix-list-name", &["t*", s3])]), [s3, "two"]);
    assert_eq!(names(&cloud, &[("tag:k", &["v"])]), ["one"]);
    assert_eq!(names(&cloud, &[("tag-key", &["k"])]), ["one"]);
    let input = input!(DescribeManagedPrefixListsRequest { filters: filters(&[("state", &["x"])]) });
    cloud.refuses::<op::DescribeManagedPrefixLists>(
        input,
        "InvalidParameterValue",
        "The filter 'state' is invalid",
    );
    let by_type = filters(&[("resource-type", &["prefix-list"])]);
    let described =
        cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest { filters: by_type })).tags.unwrap();
    assert_eq!(described.len(), 1);

    let [_, of_s3] = of_aws(&cloud);
    let both = input!(DescribeManagedPrefixListsRequest { prefix_list_ids: [&one, &of_s3] });
    assert_eq!(cloud.ok::<op::DescribeManagedPrefixLists>(both).prefix_lists.unwrap().len(), 2);
    let unknown = input!(DescribeManagedPrefixListsRequest { prefix_list_ids: [UNKNOWN, &of_s3] });
    let message = format!("The prefix list ID '{UNKNOWN}' does not exist");
    cloud.refuses::<op::DescribeManagedPrefixLists>(unknown, "InvalidPrefixListID.NotFound", &message);
    let malformed = input!(DescribeManagedPrefixListsRequest { prefix_list_ids: ["pl-1", &of_s3] });
    cloud.refuses::<op::DescribeManagedPrefixLists>(malformed, "InvalidPrefixListId.Malformed", "…");
    let dry = input!(DescribeManagedPrefixListsRequest { dry_run: true });
    cloud.refuses::<op::DescribeManagedPrefixLists>(dry, "DryRunOperation", "…");
}

#[test]
fn lists_and_entries_come_in_pages() {
    let cloud = Cloud::new();
    let blocks = ["9.0.0.0/8", "10.0.0.0/8", "10.0.0.0/16", "100.64.0.0/10"];
    let id = create(&cloud, 5, &blocks);
    let (mut found, mut next) = (Vec::new(), None);
    loop {
        let input = api::GetManagedPrefixListEntriesRequest {
            next_token: next,
            ..input!(GetManagedPrefixListEntriesRequest { prefix_list_id: &id, max_results: 3 })
        };
        let page = cloud.ok::<op::GetManagedPrefixListEntries>(input);
        found.extend(page.entries.unwrap().into_iter().map(|entry| entry.cidr.unwrap()));
        next = page.next_token;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(found, blocks);
    let page =
        |max: i32| input!(GetManagedPrefixListEntriesRequest { prefix_list_id: &id, max_results: max });
    cloud.refuses::<op::GetManagedPrefixListEntries>(page(101), "InvalidParameterValue", "…");
    let dry = input!(GetManagedPrefixListEntriesRequest { prefix_list_id: &id, dry_run: true });
    cloud.refuses::<op::GetManagedPrefixListEntries>(dry, "DryRunOperation", "…");

    // Both kinds of lists are in one order.
    let (mut found, mut next) = (Vec::new(), None);
    for _ in 0..3 {
        let input = api::DescribeManagedPrefixListsRequest {
            next_token: next,
            ..input!(DescribeManagedPrefixListsRequest { max_results: 1 })
        };
        let page = cloud.ok::<op::DescribeManagedPrefixLists>(input);
        found.extend(page.prefix_lists.unwrap().into_iter().map(|list| list.prefix_list_id.unwrap()));
        next = page.next_token;
    }
    assert!(next.is_none() && found.is_sorted());
    let [dynamodb, s3] = of_aws(&cloud);
    assert!([&id, &dynamodb, &s3].iter().all(|id| found.contains(id)), "{found:?}");
}

#[test]
fn associations_of_unknown_lists() {
    let cloud = Cloud::new();
    let input = |id: &str| input!(GetManagedPrefixListAssociationsRequest { prefix_list_id: id });
    let message = format!("The prefix list ID '{UNKNOWN}' does not exist");
    cloud.refuses::<op::GetManagedPrefixListAssociations>(
        input(UNKNOWN),
        "InvalidPrefixListID.NotFound",
        &message,
    );
    let id = create(&cloud, 1, &[]);
    let found = cloud.ok::<op::GetManagedPrefixListAssociations>(input(&id));
    assert_eq!(found.prefix_list_associations, Some(Vec::new()));
    let dry = api::GetManagedPrefixListAssociationsRequest { dry_run: Some(true), ..input(&id) };
    cloud.refuses::<op::GetManagedPrefixListAssociations>(dry, "DryRunOperation", "…");
}
