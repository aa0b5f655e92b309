//! Parameter Store through the service's operations.

#![allow(clippy::unwrap_used)]

mod harness;

use aws_api::ssm::operation as op;
use aws_api::ssm::{
    AddTagsToResourceRequest, DeleteParameterRequest, DeleteParametersRequest, DescribeParametersRequest,
    GetParameterHistoryRequest, GetParameterRequest, GetParametersByPathRequest, GetParametersRequest,
    LabelParameterVersionRequest, ListTagsForResourceRequest, Parameter, ParameterStringFilter,
    ParametersFilter, PutParameterRequest, RemoveTagsFromResourceRequest, Tag,
    UnlabelParameterVersionRequest,
};
use harness::{Harness, texts};

fn put(name: &str, value: &str) -> PutParameterRequest {
    PutParameterRequest {
        name: name.to_owned(),
        value: value.to_owned(),
        r#type: Some("String".to_owned()),
        ..PutParameterRequest::default()
    }
}

fn overwrite(name: &str, value: &str) -> PutParameterRequest {
    PutParameterRequest { overwrite: Some(true), r#type: None, ..put(name, value) }
}

fn get(name: &str) -> GetParameterRequest {
    GetParameterRequest { name: name.to_owned(), with_decryption: None }
}

fn by_path(path: &str) -> GetParametersByPathRequest {
    GetParametersByPathRequest { path: path.to_owned(), ..GetParametersByPathRequest::default() }
}

fn names(parameters: Option<Vec<Parameter>>) -> Vec<String> {
    parameters.unwrap().into_iter().map(|parameter| parameter.name.unwrap()).collect()
}

fn value(harness: &Harness, name: &str) -> String {
    harness.call::<op::GetParameter>(get(name)).unwrap().parameter.unwrap().value.unwrap()
}

#[test]
fn a_parameter_comes_back_as_it_was_put() {
    let harness = Harness::new();
    let answer = harness.call::<op::PutParameter>(put("/app/db", "one")).unwrap();
    assert_eq!((answer.version, answer.tier.as_deref()), (Some(1), Some("Standard")));
    let parameter = harness.call::<op::GetParameter>(get("/app/db")).unwrap().parameter.unwrap();
    assert_eq!(
        parameter,
        Parameter {
            name: Some("/app/db".to_owned()),
            r#type: Some("String".to_owned()),
            value: Some("one".to_owned()),
            version: Some(1),
            selector: None,
            source_result: None,
            last_modified_date: Some(harness::NOW),
            arn: Some("arn:aws:ssm:us-east-1:123456789012:parameter/app/db".to_owned()),
            data_type: Some("text".to_owned()),
        }
    );
    // The same name in another region is another parameter.
    let mut elsewhere = harness;
    elsewhere.context.region = "eu-west-1".parse().unwrap();
    assert_eq!(elsewhere.refused::<op::GetParameter>(get("/app/db")).0, "ParameterNotFound");
}

#[test]
fn versions_and_selectors() {
    let harness = Harness::new();
    harness.call::<op::PutParameter>(put("key", "one")).unwrap();
    assert_eq!(
        harness.refused::<op::PutParameter>(put("key", "two")),
        (
            "ParameterAlreadyExists".to_owned(),
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true."
                .to_owned()
        )
    );
    assert_eq!(value(&harness, "key"), "one");
    assert_eq!(harness.call::<op::PutParameter>(overwrite("key", "two")).unwrap().version, Some(2));
    assert_eq!(value(&harness, "key"), "two");
    let first = harness.call::<op::GetParameter>(get("key:1")).unwrap().parameter.unwrap();
    assert_eq!((first.value.as_deref(), first.selector.as_deref()), (Some("one"), Some(":1")));
    assert_eq!(first.name.as_deref(), Some("key"));
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/key:1";
    assert_eq!(value(&harness, arn), "one");
    let check =
        |name: &str, code: &str| assert_eq!(harness.refused::<op::GetParameter>(get(name)).0, code, "{name}");
    check("key:3", "ParameterVersionNotFound");
    check("key:prod", "ParameterVersionNotFound");
    check("other", "ParameterNotFound");
    check("a b", "ValidationException");
    check("key:", "ValidationException");
    check("arn:aws:ssm:eu-west-1:123456789012:parameter/key", "ValidationException");
    check("arn:aws:ssm:us-east-1:999999999999:parameter/key", "ParameterNotFound");
    check("arn:aws:s3:::key", "ValidationException");
}

#[test]
fn a_hundred_versions_are_kept() {
    let harness = Harness::new();
    harness.call::<op::PutParameter>(put("key", "1")).unwrap();
    for version in 2..=103 {
        harness.call::<op::PutParameter>(overwrite("key", &version.to_string())).unwrap();
    }
    let (mut versions, mut next_token) = (Vec::new(), None);
    loop {
        let request = GetParameterHistoryRequest {
            name: "key".to_owned(),
            next_token,
            ..GetParameterHistoryRequest::default()
        };
        let page = harness.call::<op::GetParameterHistory>(request).unwrap();
        versions.extend(page.parameters.unwrap().into_iter().map(|version| version.version.unwrap()));
        next_token = page.next_token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(versions, (4..=103).collect::<Vec<_>>());
    assert_eq!(harness.refused::<op::GetParameter>(get("key:3")).0, "ParameterVersionNotFound");
    assert_eq!(value(&harness, "key:4"), "4");
}

#[test]
fn what_cannot_be_put_is_refused_and_changes_nothing() {
    let harness = Harness::new();
    harness.call::<op::PutParameter>(put("old", "1")).unwrap();
    let check = |what: &str, request: PutParameterRequest, code: &str, message: &str| {
        let refused = harness.refused::<op::PutParameter>(request);
        assert_eq!(refused.0, code, "{what}");
        assert!(refused.1.contains(message), "{what}: {}", refused.1);
    };
    let invalid = "ValidationException";
    let base = || put("new", "1");
    check("no value", put("new", ""), invalid, "at 'value' failed to satisfy constraint");
    check("no type", PutParameterRequest { r#type: None, ..base() }, invalid, "A parameter type is required");
    let unknown = PutParameterRequest { r#type: Some("Text".into()), ..base() };
    check("unknown type", unknown, invalid, "[SecureString, StringList, String]");
    check("reserved name", put("aws-key", "1"), invalid, "can't be prefixed with \"aws\" or \"ssm\"");
    check(
        "reserved path",
        put("/aws/service/x", "1"),
        "AccessDeniedException",
        "No access to reserved parameter name: /aws/service/x.",
    );
    check(
        "ssm path",
        put("/ssm/x", "1"),
        invalid,
        "can't be prefixed with \"ssm\" (case-insensitive). If formed as a path",
    );
    check("bad characters", put("my key", "1"), invalid, "3 symbols .-_");
    check("too deep", put(&"/a".repeat(16), "1"), "HierarchyLevelLimitExceededException", "15 levels");
    check("nested", put("new", "{{ssm:other}}"), invalid, "can't nest another parameter");
    check("too long", put("new", &"x".repeat(4097)), invalid, "maximum parameter value of 4096 characters");
    let advanced = PutParameterRequest { tier: Some("Advanced".into()), ..put("new", &"x".repeat(8193)) };
    check("far too long", advanced, invalid, "8192 characters");
    let pattern = |pattern: &str, value: &str| PutParameterRequest {
        allowed_pattern: Some(pattern.into()),
        ..put("new", value)
    };
    check(
        "mismatch",
        pattern(r"\d{1,4}", "12345"),
        "ParameterPatternMismatchException",
        r"cannot be validated against allowedPattern: \d{1,4}",
    );
    check("bad pattern", pattern("(", "1"), "InvalidAllowedPatternException", "regular expression");
    let list = PutParameterRequest { r#type: Some("StringList".into()), ..pattern("[a-z]", "a,b,C") };
    check("list mismatch", list, "ParameterPatternMismatchException", "[a-z]");
    let tag = |key: &str| Tag { key: key.into(), value: "v".into() };
    let both = PutParameterRequest { overwrite: Some(true), tags: Some(vec![tag("k")]), ..base() };
    check("tags and overwrite", both, invalid, "tags and overwrite can't be used together");
    check("reserved tag", PutParameterRequest { tags: Some(vec![tag("aws:k")]), ..base() }, invalid, "aws:");
    let many = (0..51).map(|index| tag(&format!("k{index}"))).collect();
    check("many tags", PutParameterRequest { tags: Some(many), ..base() }, "TooManyTagsError", "50");
    let policies = PutParameterRequest { policies: Some("[{\"Type\":\"Expiration\"}]".into()), ..base() };
    check("policies", policies, invalid, "not implemented");
    check(
        "data type",
        PutParameterRequest { data_type: Some("Text".into()), ..base() },
        invalid,
        "data type is not supported: Text",
    );
    check(
        "no image",
        PutParameterRequest { data_type: Some("aws:ec2:image".into()), ..base() },
        invalid,
        "AMI",
    );
    let key = PutParameterRequest {
        key_id: Some("alias/mine".into()),
        r#type: Some("SecureString".into()),
        ..base()
    };
    check("another key", key, "InvalidKeyId", "alias/mine");
    let all = harness
        .call::<op::DescribeParameters>(DescribeParametersRequest::default())
        .unwrap()
        .parameters
        .unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
}

#[test]
fn tiers_rise_and_never_fall() {
    let harness = Harness::new();
    let tier = |tier: &str, length: usize| PutParameterRequest {
        tier: Some(tier.to_owned()),
        ..overwrite("key", &"x".repeat(length))
    };
    harness.call::<op::PutParameter>(put("key", "1")).unwrap();
    let rise = harness.call::<op::PutParameter>(tier("Intelligent-Tiering", 4097)).unwrap();
    assert_eq!(rise.tier.as_deref(), Some("Advanced"));
    let stay = harness.call::<op::PutParameter>(tier("Intelligent-Tiering", 10)).unwrap();
    assert_eq!(stay.tier.as_deref(), Some("Advanced"));
    let refused = harness.refused::<op::PutParameter>(tier("Standard", 10));
    assert!(refused.1.contains("can't downgrade"), "{refused:?}");
    assert_eq!(
        harness.call::<op::PutParameter>(overwrite("key", "y")).unwrap().tier.as_deref(),
        Some("Advanced")
    );
}

#[test]
fn what_an_overwrite_leaves_out_stays() {
    let harness = Harness::new();
    let first = PutParameterRequest {
        description: Some("about it".into()),
        allowed_pattern: Some("[a-z]+".into()),
        r#type: Some("SecureString".into()),
        ..put("key", "abc")
    };
    harness.call::<op::PutParameter>(first).unwrap();
    assert_eq!(
        harness.refused::<op::PutParameter>(overwrite("key", "ABC")).0,
        "ParameterPatternMismatchException"
    );
    harness.call::<op::PutParameter>(overwrite("key", "def")).unwrap();
    let all = harness
        .call::<op::DescribeParameters>(DescribeParametersRequest::default())
        .unwrap()
        .parameters
        .unwrap();
    let [described] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(described.description.as_deref(), Some("about it"));
    assert_eq!(described.allowed_pattern.as_deref(), Some("[a-z]+"));
    assert_eq!(
        (described.r#type.as_deref(), described.key_id.as_deref()),
        (Some("SecureString"), Some("alias/aws/ssm"))
    );
    assert_eq!(described.version, Some(2));
}

#[test]
fn secure_strings_show_their_value_only_to_those_who_ask() {
    let harness = Harness::new();
    let secret = "correct horse battery staple";
    harness
        .call::<op::PutParameter>(PutParameterRequest {
            r#type: Some("SecureString".into()),
            ..put("key", secret)
        })
        .unwrap();
    let sealed = value(&harness, "key");
    assert!(!sealed.is_empty() && !sealed.contains(secret), "{sealed}");
    assert_eq!(value(&harness, "key"), sealed, "it is the same each time");
    let open = GetParameterRequest { with_decryption: Some(true), ..get("key") };
    assert_eq!(
        harness.call::<op::GetParameter>(open).unwrap().parameter.unwrap().value.as_deref(),
        Some(secret)
    );
    let history = GetParameterHistoryRequest { name: "key".into(), ..GetParameterHistoryRequest::default() };
    let history = harness.call::<op::GetParameterHistory>(history).unwrap().parameters.unwrap();
    assert_eq!(history[0].value.as_deref(), Some(sealed.as_str()));
}

#[test]
fn many_are_got_and_deleted_at_once() {
    let harness = Harness::new();
    for name in ["a", "/b/c"] {
        harness.call::<op::PutParameter>(put(name, name)).unwrap();
    }
    let wanted = texts(&["a", "missing", "/b/c:1", "a b", "a", "/b/c:9"]);
    let answer = harness
        .call::<op::GetParameters>(GetParametersRequest { names: wanted, with_decryption: None })
        .unwrap();
    assert_eq!(names(answer.parameters), ["a", "/b/c"]);
    assert_eq!(answer.invalid_parameters.unwrap(), ["missing", "a b", "/b/c:9"]);
    let answer = harness
        .call::<op::DeleteParameters>(DeleteParametersRequest { names: texts(&["a", "missing"]) })
        .unwrap();
    assert_eq!(answer.deleted_parameters.unwrap(), ["a"]);
    assert_eq!(answer.invalid_parameters.unwrap(), ["missing"]);
    let delete = || DeleteParameterRequest { name: "/b/c".into() };
    harness.call::<op::DeleteParameter>(delete()).unwrap();
    assert_eq!(harness.refused::<op::DeleteParameter>(delete()).0, "ParameterNotFound");
    // What is put again starts anew, without the old versions.
    harness.call::<op::PutParameter>(put("a", "again")).unwrap();
    assert_eq!(value(&harness, "a:1"), "again");
}

#[test]
fn paths() {
    let harness = Harness::new();
    for name in ["/app/a", "/app/b", "/app/x/c", "/app/x/y/d", "/application", "/app2/e", "plain"] {
        harness.call::<op::PutParameter>(put(name, "1")).unwrap();
    }
    let check = |path: &str, recursive: bool, expected: &[&str]| {
        let request = GetParametersByPathRequest { recursive: Some(recursive), ..by_path(path) };
        let answer = harness.call::<op::GetParametersByPath>(request).unwrap();
        assert_eq!(names(answer.parameters), expected, "{path}");
        assert_eq!(answer.next_token, None, "{path}");
    };
    check("/app", false, &["/app/a", "/app/b"]);
    check("/app/", false, &["/app/a", "/app/b"]);
    check("/app", true, &["/app/a", "/app/b", "/app/x/c", "/app/x/y/d"]);
    check("/app/x", true, &["/app/x/c", "/app/x/y/d"]);
    check("/", false, &["/application", "plain"]);
    check("/nothing", true, &[]);
    for bad in ["app", "", "//app", "/app b"] {
        assert_eq!(
            harness.refused::<op::GetParametersByPath>(by_path(bad)).0,
            "ValidationException",
            "{bad}"
        );
    }
    let first = GetParametersByPathRequest { recursive: Some(true), max_results: Some(3), ..by_path("/app") };
    let page = harness.call::<op::GetParametersByPath>(first.clone()).unwrap();
    assert_eq!(names(page.parameters), ["/app/a", "/app/b", "/app/x/c"]);
    let rest = GetParametersByPathRequest { next_token: page.next_token, ..first.clone() };
    let answer = harness.call::<op::GetParametersByPath>(rest.clone()).unwrap();
    assert_eq!(names(answer.parameters), ["/app/x/y/d"]);
    let forged = GetParametersByPathRequest { next_token: Some("forged".into()), ..first };
    let other = GetParametersByPathRequest { path: "/app/x".into(), ..rest.clone() };
    for refused in [forged, other] {
        assert_eq!(harness.refused::<op::GetParametersByPath>(refused).0, "InvalidNextToken");
    }
    let mut later = harness;
    later.context.now = later.context.now.plus_millis(24 * 60 * 60 * 1000);
    assert_eq!(later.refused::<op::GetParametersByPath>(rest).0, "InvalidNextToken");
}

#[test]
fn public_parameters() {
    let harness = Harness::new();
    let name = if cfg!(target_arch = "aarch64") {
        "al2023-ami-kernel-default-arm64"
    } else {
        "amzn2-ami-hvm-x86_64-gp2"
    };
    let name = format!("/aws/service/ami-amazon-linux-latest/{name}");
    let parameter = harness.call::<op::GetParameter>(get(&name)).unwrap().parameter.unwrap();
    let image = parameter.value.unwrap().parse().unwrap();
    assert!(aws_catalog::image(&harness.context.region, image).is_some());
    assert_eq!(parameter.arn.unwrap(), format!("arn:aws:ssm:us-east-1::parameter{name}"));
    let answer =
        harness.call::<op::GetParametersByPath>(by_path("/aws/service/ami-amazon-linux-latest")).unwrap();
    assert_eq!(answer.parameters.unwrap().len(), 10);
    assert!(answer.next_token.is_some());
    let many =
        GetParametersRequest { names: vec![name, "/aws/service/nothing".into()], with_decryption: None };
    let many = harness.call::<op::GetParameters>(many).unwrap();
    assert_eq!((many.parameters.unwrap().len(), many.invalid_parameters.unwrap().len()), (1, 1));
    let region = get("/aws/service/global-infrastructure/regions/eu-west-1/longName");
    let region = harness.call::<op::GetParameter>(region).unwrap().parameter.unwrap();
    assert_eq!(region.value.as_deref(), Some("Europe (Ireland)"));
}

#[test]
fn descriptions_are_filtered() {
    let harness = Harness::new();
    let tags = Some(vec![Tag { key: "env".into(), value: "prod".into() }]);
    harness.call::<op::PutParameter>(PutParameterRequest { tags, ..put("/app/a", "1") }).unwrap();
    let secret = PutParameterRequest { r#type: Some("SecureString".into()), ..put("/app/x/b", "1") };
    harness.call::<op::PutParameter>(secret).unwrap();
    harness.call::<op::PutParameter>(put("plain", "1")).unwrap();
    let filter = |key: &str, option: Option<&str>, values: &[&str]| ParameterStringFilter {
        key: key.into(),
        option: option.map(Into::into),
        values: Some(texts(values)),
    };
    let describe = |filters: Vec<ParameterStringFilter>| DescribeParametersRequest {
        parameter_filters: Some(filters),
        ..DescribeParametersRequest::default()
    };
    let check = |filters: Vec<ParameterStringFilter>, expected: &[&str]| {
        let what = format!("{filters:?}");
        let answer = harness.call::<op::DescribeParameters>(describe(filters)).unwrap();
        let found: Vec<String> =
            answer.parameters.unwrap().into_iter().map(|found| found.name.unwrap()).collect();
        assert_eq!(found, expected, "{what}");
    };
    check(vec![], &["/app/a", "/app/x/b", "plain"]);
    check(vec![filter("Name", None, &["plain", "/app/a"])], &["/app/a", "plain"]);
    check(vec![filter("Name", Some("BeginsWith"), &["/app"])], &["/app/a", "/app/x/b"]);
    check(vec![filter("Name", Some("Contains"), &["x/"])], &["/app/x/b"]);
    check(vec![filter("Type", None, &["SecureString"])], &["/app/x/b"]);
    check(vec![filter("Path", None, &["/app"])], &["/app/a"]);
    check(vec![filter("Path", Some("Recursive"), &["/app"])], &["/app/a", "/app/x/b"]);
    check(vec![filter("tag:env", None, &["prod"])], &["/app/a"]);
    check(vec![filter("tag:env", None, &[])], &["/app/a"]);
    check(vec![filter("tag:env", None, &["dev"])], &[]);
    check(vec![filter("KeyId", None, &["alias/aws/ssm"])], &["/app/x/b"]);
    check(
        vec![filter("Tier", None, &["Standard"]), filter("DataType", None, &["text"])],
        &["/app/a", "/app/x/b", "plain"],
    );
    let refuse = |filters: Vec<ParameterStringFilter>, code: &str, message: &str| {
        let refused = harness.refused::<op::DescribeParameters>(describe(filters));
        assert_eq!(refused.0, code);
        assert!(refused.1.contains(message), "{}", refused.1);
    };
    refuse(vec![filter("Label", None, &["x"])], "InvalidFilterKey", "Label");
    refuse(vec![filter("Name", None, &[])], "InvalidFilterValue", "missing");
    refuse(vec![filter("Name", Some("OneLevel"), &["x"])], "InvalidFilterOption", "OneLevel");
    refuse(vec![filter("Path", Some("Equals"), &["/x"])], "InvalidFilterOption", "[Recursive, OneLevel]");
    refuse(vec![filter("Path", None, &["/aws/x"])], "ValidationException", "global namespace");
    refuse(vec![filter("Type", None, &["Text"])], "InvalidFilterOption", "Text");
    refuse(
        vec![filter("Name", None, &["a"]), filter("Name", None, &["b"])],
        "InvalidFilterKey",
        "duplicated",
    );
    let old = ParametersFilter { key: "Name".into(), values: texts(&["/app"]) };
    let request = DescribeParametersRequest {
        filters: Some(vec![old.clone()]),
        ..DescribeParametersRequest::default()
    };
    assert_eq!(harness.call::<op::DescribeParameters>(request).unwrap().parameters.unwrap().len(), 2);
    let both = DescribeParametersRequest {
        filters: Some(vec![old]),
        ..describe(vec![filter("Name", None, &["a"])])
    };
    assert!(harness.refused::<op::DescribeParameters>(both).1.contains("either Filters or ParameterFilters"));
}

#[test]
fn tags() {
    let harness = Harness::new();
    harness.call::<op::PutParameter>(put("/app/a", "1")).unwrap();
    let add = |kind: &str, id: &str| AddTagsToResourceRequest {
        resource_type: kind.into(),
        resource_id: id.into(),
        tags: vec![Tag { key: "k".into(), value: "v".into() }, Tag { key: "l".into(), value: "w".into() }],
    };
    harness.call::<op::AddTagsToResource>(add("Parameter", "/app/a")).unwrap();
    let remove = RemoveTagsFromResourceRequest {
        resource_type: "Parameter".into(),
        resource_id: "/app/a".into(),
        tag_keys: texts(&["k", "missing"]),
    };
    harness.call::<op::RemoveTagsFromResource>(remove).unwrap();
    let list = ListTagsForResourceRequest { resource_type: "Parameter".into(), resource_id: "/app/a".into() };
    let listed = harness.call::<op::ListTagsForResource>(list).unwrap().tag_list.unwrap();
    assert_eq!(listed, [Tag { key: "l".into(), value: "w".into() }]);
    // Tags belong to the parameter and not to a version.
    harness.call::<op::PutParameter>(overwrite("/app/a", "2")).unwrap();
    let list = ListTagsForResourceRequest { resource_type: "Parameter".into(), resource_id: "/app/a".into() };
    assert_eq!(harness.call::<op::ListTagsForResource>(list).unwrap().tag_list.unwrap().len(), 1);
    assert_eq!(harness.refused::<op::AddTagsToResource>(add("Document", "x")).0, "InvalidResourceType");
    assert_eq!(harness.refused::<op::AddTagsToResource>(add("Parameter", "missing")).0, "InvalidResourceId");
}

#[test]
fn labels() {
    let harness = Harness::new();
    harness.call::<op::PutParameter>(put("key", "one")).unwrap();
    harness.call::<op::PutParameter>(overwrite("key", "two")).unwrap();
    let label = |version: Option<i64>, labels: &[&str]| LabelParameterVersionRequest {
        name: "key".into(),
        parameter_version: version,
        labels: texts(labels),
    };
    let answer =
        harness.call::<op::LabelParameterVersion>(label(Some(1), &["prod", "1st", "AWSish", "a b"])).unwrap();
    assert_eq!(answer.invalid_labels.unwrap(), ["1st", "AWSish", "a b"]);
    assert_eq!(value(&harness, "key:prod"), "one");
    // Without a version the newest is meant, and the label moves to it.
    assert_eq!(
        harness.call::<op::LabelParameterVersion>(label(None, &["prod"])).unwrap().parameter_version,
        Some(2)
    );
    assert_eq!(value(&harness, "key:prod"), "two");
    let selected = harness.call::<op::GetParameter>(get("key:prod")).unwrap().parameter.unwrap();
    assert_eq!((selected.selector.as_deref(), selected.version), (Some(":prod"), Some(2)));
    let many: Vec<String> = (0..10).map(|index| format!("l{index}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = harness.refused::<op::LabelParameterVersion>(label(Some(2), &many));
    assert_eq!(refused.0, "ParameterVersionLabelLimitExceeded");
    harness.call::<op::LabelParameterVersion>(label(Some(1), &many)).unwrap();
    assert_eq!(
        harness.refused::<op::LabelParameterVersion>(label(Some(9), &["x"])).0,
        "ParameterVersionNotFound"
    );

    // A labelled version is not forgotten.
    for _ in 3..=100 {
        harness.call::<op::PutParameter>(overwrite("key", "more")).unwrap();
    }
    assert_eq!(
        harness.refused::<op::PutParameter>(overwrite("key", "x")).0,
        "ParameterMaxVersionLimitExceeded"
    );
    let unlabel = |version: i64, labels: &[&str]| UnlabelParameterVersionRequest {
        name: "key".into(),
        parameter_version: version,
        labels: texts(labels),
    };
    let answer =
        harness.call::<op::UnlabelParameterVersion>(unlabel(1, &[&many[..], &["prod"]].concat())).unwrap();
    assert_eq!(
        (answer.removed_labels.unwrap().len(), answer.invalid_labels.unwrap()),
        (10, texts(&["prod"]))
    );
    harness.call::<op::PutParameter>(overwrite("key", "x")).unwrap();
    assert_eq!(harness.refused::<op::GetParameter>(get("key:l1")).0, "ParameterVersionNotFound");
    assert_eq!(value(&harness, "key:prod"), "two");
}
