//! What is found by tags, and how tags change, over all services.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod harness;

use std::collections::BTreeMap;

use aws_api::resourcegroupstaggingapi::{self as api, operation as op};
use harness::{ACCOUNT, Cloud, OTHER, POLICY, texts};
use svc_resourcegroupstaggingapi::NoMembers;

const NO_POLICY: &str = r#"{"tags":{}}"#;
const INVALID: &str = "InvalidParameterException";

fn found(cloud: &Cloud, input: api::GetResourcesInput) -> Vec<String> {
    let mappings = cloud.ok::<op::GetResources>(input).resource_tag_mapping_list.unwrap();
    mappings
        .into_iter()
        .map(|mapping| mapping.resource_arn.unwrap().rsplit(':').next().unwrap().to_owned())
        .collect()
}

fn filters(filters: &[(&str, &[&str])]) -> api::GetResourcesInput {
    let filter = |(key, values): &(&str, &[&str])| api::TagFilter {
        key: Some((*key).to_owned()),
        values: texts(values),
    };
    api::GetResourcesInput {
        tag_filters: Some(filters.iter().map(filter).collect()),
        ..api::GetResourcesInput::default()
    }
}

fn of_types(types: &[&str]) -> api::GetResourcesInput {
    api::GetResourcesInput { resource_type_filters: texts(types), ..api::GetResourcesInput::default() }
}

#[test]
fn resources_are_found_by_tags_types_and_arns() {
    let cloud = Cloud::new(NO_POLICY);
    let web = cloud.put("ec2", "vpc/vpc-1", &[("Stage", "prod"), ("Name", "web")]);
    cloud.put("ec2", "subnet/subnet-1", &[("Stage", "test")]);
    cloud.put("ssm", "parameter/a", &[("Stage", "prod")]);
    let bare = cloud.put("ec2", "vpc/vpc-2", &[]);
    cloud.put_in("eu-west-1", ACCOUNT, "ec2", "vpc/vpc-3", &[("Stage", "prod")]);
    cloud.put_in("us-east-1", OTHER, "ec2", "vpc/vpc-4", &[("Stage", "prod")]);
    assert_eq!(
        found(&cloud, api::GetResourcesInput::default()),
        ["subnet/subnet-1", "vpc/vpc-1", "parameter/a"]
    );
    for (wanted, expected) in [
        (&[("Stage", &["prod"] as &[&str])] as &[(&str, &[&str])], vec!["vpc/vpc-1", "parameter/a"]),
        (&[("Stage", &["prod", "test"])], vec!["subnet/subnet-1", "vpc/vpc-1", "parameter/a"]),
        (&[("Stage", &[])], vec!["subnet/subnet-1", "vpc/vpc-1", "parameter/a"]),
        (&[("Stage", &["prod"]), ("Name", &[])], vec!["vpc/vpc-1"]),
        (&[("stage", &["prod"])], vec![]),
    ] {
        assert_eq!(found(&cloud, filters(wanted)), expected, "{wanted:?}");
    }
    assert_eq!(found(&cloud, of_types(&["ec2"])), ["subnet/subnet-1", "vpc/vpc-1"]);
    assert_eq!(found(&cloud, of_types(&["ec2:vpc", "ssm"])), ["vpc/vpc-1", "parameter/a"]);
    let named = |arns: &[&str]| api::GetResourcesInput {
        resource_arn_list: texts(arns),
        ..api::GetResourcesInput::default()
    };
    assert_eq!(found(&cloud, named(&[&web, &bare])), ["vpc/vpc-1"]);
    cloud.refuses::<op::GetResources>(named(&["vpc-1"]), INVALID, "not valid");
    let more = api::GetResourcesInput { resources_per_page: Some(5), ..named(&[&web]) };
    cloud.refuses::<op::GetResources>(more, INVALID, "ResourceARNList cannot be used");
    let unnamed = api::GetResourcesInput {
        tag_filters: Some(vec![api::TagFilter { key: None, values: texts(&["prod"]) }]),
        ..api::GetResourcesInput::default()
    };
    cloud.refuses::<op::GetResources>(unnamed, INVALID, "key");
}

#[test]
fn pages_end_by_the_number_of_resources_or_of_tags() {
    let cloud = Cloud::new(NO_POLICY);
    let keys: Vec<String> = (0..40).map(|index| format!("k{index}")).collect();
    let tags: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    for index in 0..7 {
        cloud.put("ec2", &format!("vpc/vpc-{index}"), &tags);
    }
    let sizes = |limit: api::GetResourcesInput| {
        let (mut sizes, mut seen, mut token) = (Vec::new(), Vec::new(), None);
        loop {
            let answer = cloud
                .ok::<op::GetResources>(api::GetResourcesInput { pagination_token: token, ..limit.clone() });
            let page = answer.resource_tag_mapping_list.unwrap();
            sizes.push(page.len());
            seen.extend(page.into_iter().map(|one| one.resource_arn.unwrap()));
            token = Some(answer.pagination_token.unwrap());
            if token.as_deref() == Some("") {
                break;
            }
        }
        seen.dedup();
        assert_eq!(seen.len(), 7);
        sizes
    };
    let none = api::GetResourcesInput::default();
    assert_eq!(sizes(none.clone()), [7]);
    assert_eq!(sizes(api::GetResourcesInput { resources_per_page: Some(3), ..none.clone() }), [3, 3, 1]);
    assert_eq!(sizes(api::GetResourcesInput { tags_per_page: Some(100), ..none.clone() }), [2, 2, 2, 1]);
    let both =
        api::GetResourcesInput { tags_per_page: Some(200), resources_per_page: Some(6), ..none.clone() };
    assert_eq!(sizes(both), [5, 2]);
    for (resources_per_page, tags_per_page) in
        [(Some(0), None), (Some(101), None), (None, Some(50)), (None, Some(150))]
    {
        let input = api::GetResourcesInput { resources_per_page, tags_per_page, ..none.clone() };
        cloud.refuses::<op::GetResources>(input, INVALID, "PerPage is");
    }
    let forged = api::GetResourcesInput { pagination_token: Some("forged".to_owned()), ..none };
    cloud.refuses::<op::GetResources>(forged, INVALID, "PaginationToken");
}

#[test]
fn keys_and_values() {
    let cloud = Cloud::new(NO_POLICY);
    cloud.put("ec2", "vpc/vpc-1", &[("Stage", "prod"), ("Name", "web")]);
    cloud.put("ssm", "parameter/a", &[("Stage", "test")]);
    cloud.put("ssm", "parameter/b", &[("Stage", "prod")]);
    cloud.put_in("us-east-1", OTHER, "ec2", "vpc/vpc-4", &[("Other", "x")]);
    let keys = cloud.ok::<op::GetTagKeys>(api::GetTagKeysInput::default());
    assert_eq!((keys.tag_keys, keys.pagination_token.as_deref()), (texts(&["Name", "Stage"]), Some("")));
    let values = |key: &str| {
        let input = api::GetTagValuesInput { key: key.to_owned(), pagination_token: None };
        cloud.ok::<op::GetTagValues>(input).tag_values
    };
    assert_eq!(values("Stage"), texts(&["prod", "test"]));
    assert_eq!(values("stage"), texts(&[]));
}

fn tagging(arns: &[&str], tags: &[(&str, &str)]) -> api::TagResourcesInput {
    let tags: BTreeMap<_, _> =
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    api::TagResourcesInput { resource_arn_list: texts(arns).unwrap(), tags }
}

#[test]
fn tags_are_set_and_removed_and_failures_told_by_resource() {
    let cloud = Cloud::new(POLICY);
    let vpc = cloud.put("ec2", "vpc/vpc-1", &[]);
    let subnet = cloud.put("ec2", "subnet/subnet-1", &[("Old", "x")]);
    let gone = vpc.replace("vpc-1", "vpc-9");
    let foreign = cloud.put_in("us-east-1", OTHER, "ec2", "vpc/vpc-4", &[]);
    let far = cloud.put_in("eu-west-1", ACCOUNT, "ec2", "vpc/vpc-5", &[]);
    let arns = [vpc.as_str(), &subnet, &gone, &foreign, &far];
    // The policy is enforced for VPCs alone.
    let failed =
        cloud.ok::<op::TagResources>(tagging(&arns, &[("CostCenter", "Prod")])).failed_resources_map.unwrap();
    let failures: BTreeMap<_, _> = failed
        .iter()
        .map(|(arn, info)| {
            // What its service does not have is told with its service's code.
            let code = if *arn == gone { "InvalidID.NotFound" } else { INVALID };
            assert_eq!((info.status_code, info.error_code.as_deref()), (Some(400), Some(code)));
            (arn.as_str(), info.error_message.as_deref().unwrap())
        })
        .collect();
    assert_eq!(failures.len(), 4);
    assert_eq!(
        failures[vpc.as_str()],
        "The tag policy does not allow the specified value for the following tag key: 'CostCenter'."
    );
    assert!(failures[gone.as_str()].contains("does not exist"));
    assert!(
        failures[foreign.as_str()].contains("is not a resource of")
            && failures[far.as_str()].contains("us-east-1")
    );
    assert_eq!(cloud.tags(&vpc), []);
    assert_eq!(cloud.tags(&foreign), []);
    assert_eq!(cloud.tags(&subnet).len(), 2);
    let failed = cloud.ok::<op::TagResources>(tagging(&[&vpc], &[("CostCenter", "Sandbox")]));
    assert_eq!(failed.failed_resources_map, Some(BTreeMap::new()));
    assert_eq!(cloud.tags(&vpc), [("CostCenter".to_owned(), "Sandbox".to_owned())]);
    let keys = texts(&["Old", "CostCenter"]).unwrap();
    let untag =
        api::UntagResourcesInput { resource_arn_list: vec![subnet.clone(), gone.clone()], tag_keys: keys };
    let failed = cloud.ok::<op::UntagResources>(untag).failed_resources_map.unwrap();
    assert_eq!(failed.keys().collect::<Vec<_>>(), [&gone]);
    assert_eq!(cloud.tags(&subnet), []);
    cloud.refuses::<op::TagResources>(tagging(&[&vpc], &[("aws:x", "y")]), INVALID, "reserved");
    cloud.refuses::<op::TagResources>(tagging(&["vpc-1"], &[("x", "y")]), INVALID, "ARN");
}

fn compliance(excluding: bool) -> api::GetResourcesInput {
    api::GetResourcesInput {
        include_compliance_details: Some(true),
        exclude_compliant_resources: Some(excluding),
        ..api::GetResourcesInput::default()
    }
}

#[test]
fn compliance_is_told_where_it_is_asked_for() {
    let cloud = Cloud::new(POLICY);
    cloud.put("ec2", "instance/i-1", &[("Name", "web")]);
    cloud.put("ec2", "subnet/subnet-1", &[("costcenter", "Production")]);
    cloud.put("ec2", "subnet/subnet-2", &[("CostCenter", "Prod")]);
    cloud.put("ec2", "subnet/subnet-3", &[("CostCenter", "Production")]);
    let all = cloud.ok::<op::GetResources>(compliance(false)).resource_tag_mapping_list.unwrap();
    let details: Vec<_> = all.into_iter().map(|mapping| mapping.compliance_details.unwrap()).collect();
    let wrong =
        api::ComplianceDetails { compliance_status: Some(false), ..api::ComplianceDetails::default() };
    assert_eq!(
        details,
        [
            api::ComplianceDetails { missing_tag_keys: texts(&["CostCenter"]), ..wrong.clone() },
            api::ComplianceDetails { noncompliant_keys: texts(&["costcenter"]), ..wrong.clone() },
            api::ComplianceDetails { keys_with_noncompliant_values: texts(&["CostCenter"]), ..wrong },
            api::ComplianceDetails { compliance_status: Some(true), ..api::ComplianceDetails::default() },
        ]
    );
    assert_eq!(found(&cloud, compliance(true)), ["instance/i-1", "subnet/subnet-1", "subnet/subnet-2"]);
    let plain = cloud.ok::<op::GetResources>(api::GetResourcesInput::default());
    assert!(plain.resource_tag_mapping_list.unwrap().iter().all(|one| one.compliance_details.is_none()));
    let alone = api::GetResourcesInput {
        exclude_compliant_resources: Some(true),
        ..api::GetResourcesInput::default()
    };
    cloud.refuses::<op::GetResources>(alone, INVALID, "IncludeComplianceDetails");
}

#[test]
fn the_summary_counts_over_accounts_and_regions() {
    let cloud = Cloud::new(POLICY);
    cloud.put("ec2", "instance/i-1", &[]);
    cloud.put("ec2", "subnet/subnet-1", &[("costcenter", "Production")]);
    cloud.put("ec2", "subnet/subnet-3", &[("CostCenter", "Production")]);
    cloud.put_in("eu-west-1", OTHER, "ec2", "subnet/subnet-4", &[("CostCenter", "Prod")]);
    let summary = |input: api::GetComplianceSummaryInput| {
        let answer = cloud.ok::<op::GetComplianceSummary>(input);
        assert_eq!(answer.pagination_token.as_deref(), Some(""));
        let shown = answer.summary_list.unwrap().into_iter().map(|one| {
            let place =
                [one.target_id, one.region, one.resource_type].into_iter().flatten().collect::<Vec<_>>();
            (place.join(" "), one.non_compliant_resources.unwrap())
        });
        shown.collect::<Vec<_>>()
    };
    let line = |place: &str, count| (place.to_owned(), count);
    let none = api::GetComplianceSummaryInput::default();
    assert_eq!(summary(none.clone()), [line("", 3)]);
    let by =
        |attributes: &[&str]| api::GetComplianceSummaryInput { group_by: texts(attributes), ..none.clone() };
    assert_eq!(summary(by(&["TARGET_ID"])), [line(ACCOUNT, 2), line(OTHER, 1)]);
    assert_eq!(
        summary(by(&["REGION", "RESOURCE_TYPE"])),
        [line("eu-west-1 ec2:subnet", 1), line("us-east-1 ec2:instance", 1), line("us-east-1 ec2:subnet", 1)]
    );
    let filtered = |change: &dyn Fn(&mut api::GetComplianceSummaryInput)| {
        let mut input = none.clone();
        change(&mut input);
        summary(input)[0].1
    };
    assert_eq!(filtered(&|input| input.target_id_filters = texts(&["ou-1234-bbbbbbbb"])), 1);
    assert_eq!(filtered(&|input| input.target_id_filters = texts(&["r-1234"])), 3);
    assert_eq!(filtered(&|input| input.target_id_filters = texts(&[ACCOUNT])), 2);
    assert_eq!(filtered(&|input| input.region_filters = texts(&["us-east-1"])), 2);
    assert_eq!(filtered(&|input| input.resource_type_filters = texts(&["ec2:instance"])), 1);
    assert_eq!(filtered(&|input| input.tag_key_filters = texts(&["costcenter"])), 1);
}

#[test]
fn only_who_manages_an_organization_sees_its_compliance() {
    let constraint = "ConstraintViolationException";
    let start = || api::StartReportCreationInput { s3_bucket: "reports".to_owned() };
    let cloud = Cloud::new(POLICY);
    for error in [
        cloud.call::<op::GetComplianceSummary>(OTHER, api::GetComplianceSummaryInput::default()).unwrap_err(),
        cloud.call::<op::StartReportCreation>(OTHER, start()).unwrap_err(),
        cloud.call::<op::DescribeReportCreation>(OTHER, api::DescribeReportCreationInput {}).unwrap_err(),
    ] {
        assert_eq!(error.code, constraint);
    }
    cloud.refuses::<op::StartReportCreation>(start(), INVALID, "The bucket reports does not exist.");
    let report = cloud.ok::<op::DescribeReportCreation>(api::DescribeReportCreationInput {});
    assert_eq!(report.status.as_deref(), Some("NO REPORT"));
    let untrusted = Cloud::with(POLICY, Some(NoMembers::NotTrusted));
    untrusted.refuses::<op::GetComplianceSummary>(
        api::GetComplianceSummaryInput::default(),
        constraint,
        "tagpolicies.tag.amazonaws.com",
    );
}
