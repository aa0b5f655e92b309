//! Requests that are only thought of.

use std::sync::Arc;

use super::cloud::{Cloud, attach_to_user};
use aws_api::iam::{self as api, operation as op};
use aws_types::{AccountId, Partition};
use iam_policy::Policy;
use store::Snapshot;
use svc_iam::{Membership, Organization, OrganizationPolicy};

const BOB: &str = "arn:aws:iam::123456789012:user/Bob";

fn policy(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}]}}"#
    )
}

fn custom(policies: &[String], action: &str) -> api::SimulateCustomPolicyRequest {
    api::SimulateCustomPolicyRequest {
        policy_input_list: policies.to_vec(),
        action_names: vec![action.to_owned()],
        ..Default::default()
    }
}

fn results(cloud: &Cloud, input: api::SimulateCustomPolicyRequest) -> Vec<api::EvaluationResult> {
    cloud.ok::<op::SimulateCustomPolicy>(input).evaluation_results.unwrap()
}

fn entry(key: &str, values: &[&str], kind: &str) -> api::ContextEntry {
    api::ContextEntry {
        context_key_name: Some(key.to_owned()),
        context_key_values: Some(values.iter().map(|value| (*value).to_owned()).collect()),
        context_key_type: Some(kind.to_owned()),
    }
}

fn ids(result: &api::EvaluationResult) -> Vec<&str> {
    let matched = result.matched_statements.as_ref().unwrap();
    matched.iter().map(|one| one.source_policy_id.as_deref().unwrap()).collect()
}

/// The examples of the command line's manual.
#[test]
fn the_examples_of_aws_come_out_the_same() {
    let cloud = Cloud::new();
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}"#;
    let at = |time: &str| api::SimulateCustomPolicyRequest {
        context_entries: Some(vec![entry("aws:CurrentTime", &[time], "date")]),
        ..custom(&[text.to_owned()], "dynamodb:CreateBackup")
    };
    let place = |column: i32| Some(api::Position { line: Some(1), column: Some(column) });
    let expected = api::EvaluationResult {
        eval_action_name: "dynamodb:CreateBackup".to_owned(),
        eval_resource_name: Some("*".to_owned()),
        eval_decision: "allowed".to_owned(),
        matched_statements: Some(vec![api::Statement {
            source_policy_id: Some("PolicyInputList.1".to_owned()),
            source_policy_type: None,
            start_position: place(38),
            end_position: place(167),
        }]),
        missing_context_values: Some(Vec::new()),
        ..Default::default()
    };
    assert_eq!(results(&cloud, at("2019-04-25T11:00:00Z")), [expected]);
    let denied = &results(&cloud, at("2014-04-25T11:00:00Z"))[0];
    assert_eq!((denied.eval_decision.as_str(), ids(denied).len()), ("implicitDeny", 0));
    let missing = &results(&cloud, custom(&[text.to_owned()], "dynamodb:CreateBackup"))[0];
    assert_eq!(missing.eval_decision, "implicitDeny");
    assert_eq!(missing.missing_context_values.as_deref().unwrap(), ["aws:CurrentTime"]);
    let other = &results(&cloud, custom(&[text.to_owned()], "s3:GetObject"))[0];
    assert_eq!(
        other.missing_context_values.as_deref().unwrap(),
        [""; 0],
        "the statement is about another action"
    );
}

#[test]
fn a_denial_goes_over_all_else_and_is_what_matches() {
    let cloud = Cloud::new();
    let policies =
        [policy("Allow", "ec2:*", "*"), policy("Deny", "ec2:Delete*", "*"), policy("Allow", "*", "*")];
    let input = api::SimulateCustomPolicyRequest {
        action_names: ["ec2:DeleteVpc", "ec2:CreateVpc"].map(str::to_owned).to_vec(),
        resource_arns: Some(
            ["*", "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1"].map(str::to_owned).to_vec(),
        ),
        ..custom(&policies, "x:y")
    };
    let all = results(&cloud, input.clone());
    let shown: Vec<_> =
        all.iter().map(|one| (one.eval_action_name.as_str(), one.eval_decision.as_str(), ids(one))).collect();
    let denied = ("ec2:DeleteVpc", "explicitDeny", vec!["PolicyInputList.2"]);
    let allowed = ("ec2:CreateVpc", "allowed", vec!["PolicyInputList.1", "PolicyInputList.3"]);
    assert_eq!(shown, [denied.clone(), denied, allowed.clone(), allowed]);
    let page = |marker: Option<String>| {
        cloud.ok::<op::SimulateCustomPolicy>(api::SimulateCustomPolicyRequest {
            max_items: Some(3),
            marker,
            ..input.clone()
        })
    };
    let first = page(None);
    let second = page(first.marker.clone());
    let joined = first.evaluation_results.unwrap().into_iter().chain(second.evaluation_results.unwrap());
    assert_eq!((joined.collect::<Vec<_>>(), second.marker), (all, None));
}

#[test]
fn boundaries_and_organizations_limit() {
    let cloud = Cloud::new();
    let all = [policy("Allow", "*", "*")];
    let input = |boundary: &str, levels: &[&str]| {
        let level = |action: &&str| api::OrderedOrganizationPolicyType {
            service_control_policy_input_list: Some(vec![policy("Allow", action, "*")]),
        };
        api::SimulateCustomPolicyRequest {
            permissions_boundary_policy_input_list: Some(vec![policy("Allow", boundary, "*")]),
            ordered_organization_policy_input_list: Some(levels.iter().map(level).collect()),
            ..custom(&all, "s3:GetObject")
        }
    };
    for (boundary, levels, expect) in [
        ("s3:*", ["*", "s3:*"], ("allowed", true, true)),
        ("ec2:*", ["*", "s3:*"], ("implicitDeny", false, true)),
        ("s3:*", ["*", "ec2:*"], ("implicitDeny", true, false)),
    ] {
        let result = &results(&cloud, input(boundary, &levels))[0];
        let by_boundary = result.permissions_boundary_decision_detail.as_ref().unwrap();
        let by_organization = result.organizations_decision_detail.as_ref().unwrap();
        let shown = (
            result.eval_decision.as_str(),
            by_boundary.allowed_by_permissions_boundary.unwrap(),
            by_organization.allowed_by_organizations.unwrap(),
        );
        assert_eq!(shown, expect, "{boundary} {levels:?}");
    }
    let plain = &results(&cloud, custom(&all, "s3:GetObject"))[0];
    assert_eq!(plain.permissions_boundary_decision_detail, None);
    assert_eq!(plain.organizations_decision_detail, None);
}

#[test]
fn a_resource_policy_allows_within_and_across_accounts() {
    let cloud = Cloud::new();
    let bucket = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{BOB}"}},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}]}}"#
    );
    let input = |policies: &[String], owner: Option<&str>| api::SimulateCustomPolicyRequest {
        resource_arns: Some(vec!["arn:aws:s3:::b/k".to_owned()]),
        resource_policy: Some(bucket.clone()),
        resource_owner: owner.map(str::to_owned),
        caller_arn: Some(BOB.to_owned()),
        ..custom(policies, "s3:GetObject")
    };
    let nothing = [policy("Allow", "ec2:*", "*")];
    let own = &results(&cloud, input(&nothing, None))[0];
    assert_eq!((own.eval_decision.as_str(), ids(own)), ("allowed", vec!["ResourcePolicy"]));
    assert_eq!(own.matched_statements.as_ref().unwrap()[0].source_policy_type.as_deref(), Some("resource"));
    let other = Some("arn:aws:iam::210987654321:root");
    let across = &results(&cloud, input(&nothing, other))[0];
    assert_eq!(across.eval_decision, "implicitDeny");
    let details = across.eval_decision_details.as_ref().unwrap();
    assert_eq!(
        (details["IAM Policy"].as_str(), details["Resource Policy"].as_str()),
        ("implicitDeny", "allowed")
    );
    let both = &results(&cloud, input(&[policy("Allow", "s3:*", "*")], other))[0];
    assert_eq!(both.eval_decision, "allowed");
    let nobody = api::SimulateCustomPolicyRequest { caller_arn: None, ..input(&nothing, None) };
    cloud.refuses::<op::SimulateCustomPolicy>(
        nobody,
        "InvalidInput: CallerArn is required when a ResourcePolicy is specified.",
    );
}

#[test]
fn a_launch_touches_several_resources_together() {
    let cloud = Cloud::new();
    let arn = |part: &str| format!("arn:aws:ec2:us-east-1:123456789012:{part}");
    let resources = ["instance/i-1", "image/ami-1", "security-group/sg-1", "network-interface/eni-1"];
    let input = |more: &[&str], scenario: &str| api::SimulateCustomPolicyRequest {
        resource_arns: Some(resources.iter().chain(more).map(|part| arn(part)).collect()),
        resource_handling_option: Some(scenario.to_owned()),
        ..custom(
            &[policy("Allow", "ec2:RunInstances", "*"), policy("Deny", "ec2:*", &arn("subnet/*"))],
            "ec2:RunInstances",
        )
    };
    let allowed = &results(&cloud, input(&[], "EC2-VPC-InstanceStore"))[0];
    assert_eq!(allowed.eval_decision, "allowed");
    let denied = &results(&cloud, input(&["subnet/subnet-1"], "EC2-VPC-InstanceStore-Subnet"))[0];
    assert_eq!(denied.eval_decision, "explicitDeny");
    let each = denied.resource_specific_results.as_ref().unwrap();
    let shown: Vec<_> = each.iter().map(|one| one.eval_resource_decision.as_str()).collect();
    assert_eq!(shown, ["allowed", "allowed", "allowed", "allowed", "explicitDeny"]);
    cloud.refuses::<op::SimulateCustomPolicy>(
        input(&[], "EC2-VPC-EBS"),
        "InvalidInput: The resource handling option EC2-VPC-EBS needs a resource of type volume.",
    );
    cloud.refuses::<op::SimulateCustomPolicy>(
        input(&[], "EC2-Classic"),
        "InvalidInput: Invalid Resource Handling Option: EC2-Classic",
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let cloud = Cloud::new();
    let all = [policy("Allow", "*", "*")];
    let refuses = |input: api::SimulateCustomPolicyRequest, expect: &str| {
        cloud.refuses::<op::SimulateCustomPolicy>(input, &format!("InvalidInput: {expect}"));
    };
    for action in ["ec2:*", "DescribeVpcs", "ec2:", "a:b:c"] {
        refuses(custom(&all, action), &format!("Invalid Action Name: {action}"));
    }
    let with_resource = |resource: &str| api::SimulateCustomPolicyRequest {
        resource_arns: Some(vec![resource.to_owned()]),
        ..custom(&all, "s3:GetObject")
    };
    refuses(with_resource("bucket"), "Invalid Resource ARN: bucket");
    refuses(
        custom(&["{}".to_owned()], "s3:GetObject"),
        "Invalid policy PolicyInputList.1: Syntax errors in policy.",
    );
    let with_entry = |entry| api::SimulateCustomPolicyRequest {
        context_entries: Some(vec![entry]),
        ..custom(&all, "s3:GetObject")
    };
    refuses(
        with_entry(entry("k", &["a", "b"], "string")),
        "Context key k of type string cannot have more than one value.",
    );
    refuses(with_entry(entry("k", &["a"], "numeric")), "Context value a of key k is no numeric.");
    refuses(
        with_entry(entry("k", &["1", "b"], "numericList")),
        "Context value b of key k is no numericList.",
    );
    let with_caller = api::SimulateCustomPolicyRequest {
        caller_arn: Some("arn:aws:iam::123456789012:role/R".to_owned()),
        ..custom(&all, "s3:GetObject")
    };
    refuses(
        with_caller,
        "Invalid Caller ARN: arn:aws:iam::123456789012:role/R. It must be that of an IAM user.",
    );
}

fn principal(arn: &str, action: &str) -> api::SimulatePrincipalPolicyRequest {
    api::SimulatePrincipalPolicyRequest {
        policy_source_arn: arn.to_owned(),
        action_names: vec![action.to_owned()],
        ..Default::default()
    }
}

/// Bob has an inline policy for buckets of his name, a policy of AWS's, and one of his group's.
fn cloud_with_bob() -> Cloud {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.group("G");
    cloud.ok::<op::AddUserToGroup>(api::AddUserToGroupRequest {
        group_name: "G".to_owned(),
        user_name: "Bob".to_owned(),
    });
    cloud.ok::<op::PutGroupPolicy>(api::PutGroupPolicyRequest {
        group_name: "G".to_owned(),
        policy_name: "queues".to_owned(),
        policy_document: policy("Allow", "sqs:*", "*"),
    });
    cloud.ok::<op::PutUserPolicy>(api::PutUserPolicyRequest {
        user_name: "Bob".to_owned(),
        policy_name: "own".to_owned(),
        policy_document: policy("Allow", "s3:*", "arn:aws:s3:::${aws:username}"),
    });
    cloud
        .ok::<op::AttachUserPolicy>(attach_to_user("Bob", "arn:aws:iam::aws:policy/AmazonVPCReadOnlyAccess"));
    cloud
}

fn result(cloud: &Cloud, input: api::SimulatePrincipalPolicyRequest) -> api::EvaluationResult {
    cloud.ok::<op::SimulatePrincipalPolicy>(input).evaluation_results.unwrap().remove(0)
}

#[test]
fn a_principal_has_all_its_policies() {
    let cloud = cloud_with_bob();
    let vpcs = result(&cloud, principal(BOB, "ec2:DescribeVpcs"));
    assert_eq!((vpcs.eval_decision.as_str(), ids(&vpcs)), ("allowed", vec!["AmazonVPCReadOnlyAccess"]));
    let kind = |one: &api::EvaluationResult| {
        one.matched_statements.as_ref().unwrap()[0].source_policy_type.clone().unwrap()
    };
    assert_eq!(kind(&vpcs), "aws-managed");
    let queue = result(&cloud, principal(BOB, "sqs:SendMessage"));
    assert_eq!((ids(&queue), kind(&queue)), (vec!["queues"], "group".to_owned()));
    let bucket = |name: &str| api::SimulatePrincipalPolicyRequest {
        resource_arns: Some(vec![format!("arn:aws:s3:::{name}")]),
        ..principal(BOB, "s3:ListBucket")
    };
    let own = result(&cloud, bucket("Bob"));
    assert_eq!((own.eval_decision.as_str(), kind(&own)), ("allowed", "user".to_owned()));
    assert_eq!(result(&cloud, bucket("Eve")).eval_decision, "implicitDeny");
    let group = result(&cloud, principal("arn:aws:iam::123456789012:group/G", "sqs:SendMessage"));
    assert_eq!(group.eval_decision, "allowed");
    let more = api::SimulatePrincipalPolicyRequest {
        policy_input_list: Some(vec![policy("Deny", "sqs:*", "*")]),
        ..principal(BOB, "sqs:SendMessage")
    };
    assert_eq!(ids(&result(&cloud, more)), ["PolicyInputList.1"]);
}

#[test]
fn policies_of_a_principal_can_be_left_out() {
    let cloud = cloud_with_bob();
    let without = |action: &str, excluded: api::PolicyIdentifier| {
        let input = api::SimulatePrincipalPolicyRequest {
            policy_exclusion_list: Some(vec![excluded]),
            ..principal(BOB, action)
        };
        result(&cloud, input).eval_decision
    };
    let kind =
        |kind: &str| api::PolicyIdentifier { policy_type: Some(kind.to_owned()), ..Default::default() };
    let inline = |kind: &str, name: &str| api::PolicyIdentifier {
        inline_policy_identifier: Some(api::InlinePolicyIdentifierType {
            policy_name: "queues".to_owned(),
            attachment_type: kind.to_owned(),
            attachment_name: name.to_owned(),
        }),
        ..Default::default()
    };
    let arn = api::PolicyIdentifier {
        policy_arn: Some("arn:aws:iam::aws:policy/AmazonVPCReadOnlyAccess".to_owned()),
        ..Default::default()
    };
    assert_eq!(without("ec2:DescribeVpcs", arn), "implicitDeny");
    assert_eq!(without("ec2:DescribeVpcs", kind("aws-managed")), "implicitDeny");
    assert_eq!(without("ec2:DescribeVpcs", kind("inline")), "allowed");
    assert_eq!(without("sqs:SendMessage", kind("inline")), "implicitDeny");
    assert_eq!(without("sqs:SendMessage", inline("group", "G")), "implicitDeny");
    assert_eq!(without("sqs:SendMessage", inline("user", "Bob")), "allowed");
}

/// An organization whose accounts may do nothing but with EC2.
struct Ec2Alone;

impl Organization for Ec2Alone {
    fn membership(&self, _: &Snapshot, _: Partition, _: AccountId) -> Option<Membership> {
        None
    }

    fn service_control(&self, _: &Snapshot, _: Partition, _: AccountId) -> Vec<Vec<OrganizationPolicy>> {
        let policy = Policy::parse_stored(&policy("Allow", "ec2:*", "*")).unwrap();
        vec![vec![OrganizationPolicy { id: "p-1".to_owned(), policy }]]
    }
}

#[test]
fn the_boundary_and_the_organization_of_a_principal_count() {
    let mut cloud = cloud_with_bob();
    cloud.service = cloud.service.with_organization(Arc::new(Ec2Alone));
    let limit = api::CreatePolicyRequest {
        policy_name: "Limit".to_owned(),
        policy_document: policy("Allow", "sqs:*", "*"),
        ..Default::default()
    };
    let arn = cloud.ok::<op::CreatePolicy>(limit).policy.unwrap().arn.unwrap();
    cloud.ok::<op::PutUserPermissionsBoundary>(api::PutUserPermissionsBoundaryRequest {
        user_name: "Bob".to_owned(),
        permissions_boundary: arn,
    });
    let check = |input, expect: (bool, bool)| {
        let result = result(&cloud, input);
        assert_eq!(result.eval_decision, "implicitDeny");
        let by_boundary = result.permissions_boundary_decision_detail.unwrap();
        let by_organization = result.organizations_decision_detail.unwrap();
        let shown = (
            by_boundary.allowed_by_permissions_boundary.unwrap(),
            by_organization.allowed_by_organizations.unwrap(),
        );
        assert_eq!(shown, expect);
    };
    check(principal(BOB, "ec2:DescribeVpcs"), (false, true));
    check(principal(BOB, "sqs:SendMessage"), (true, false));
    // Whose statements allow is told of all but the organization's.
    cloud.ok::<op::DeleteUserPermissionsBoundary>(api::DeleteUserPermissionsBoundaryRequest {
        user_name: "Bob".to_owned(),
    });
    let told = result(&cloud, principal(BOB, "ec2:DescribeVpcs"));
    assert_eq!((told.eval_decision.as_str(), ids(&told)), ("allowed", vec!["AmazonVPCReadOnlyAccess"]));
    let excluded =
        |kind: &str| api::PolicyIdentifier { policy_type: Some(kind.to_owned()), ..Default::default() };
    let without = api::SimulatePrincipalPolicyRequest {
        policy_exclusion_list: Some(vec![excluded("scp"), excluded("permission-boundary")]),
        ..principal(BOB, "sqs:SendMessage")
    };
    let result = result(&cloud, without);
    assert_eq!((result.eval_decision.as_str(), result.organizations_decision_detail), ("allowed", None));
}

#[test]
fn a_request_asks_for_so_many_actions_on_resources() {
    let cloud = Cloud::new();
    let asked = |resources: usize| api::SimulateCustomPolicyRequest {
        action_names: (0..1000).map(|number| format!("ec2:Action{number}")).collect(),
        resource_arns: Some((0..resources).map(|number| format!("arn:aws:s3:::bucket{number}")).collect()),
        max_items: Some(2),
        ..custom(&[policy("Allow", "ec2:*", "*")], "ec2:Run")
    };
    cloud.refuses::<op::SimulateCustomPolicy>(
        asked(101),
        "InvalidInput: A request can ask for at most 100000 actions on resources.",
    );
    let found = cloud.ok::<op::SimulateCustomPolicy>(asked(100));
    let names = |found: &api::SimulatePolicyResponse| -> Vec<String> {
        let results = found.evaluation_results.iter().flatten();
        results
            .map(|one| format!("{} {}", one.eval_action_name, one.eval_resource_name.as_deref().unwrap()))
            .collect()
    };
    assert_eq!(names(&found), ["ec2:Action0 arn:aws:s3:::bucket0", "ec2:Action0 arn:aws:s3:::bucket1"]);
    let next = api::SimulateCustomPolicyRequest { marker: found.marker, ..asked(3) };
    let next = cloud.ok::<op::SimulateCustomPolicy>(next);
    assert_eq!(names(&next), ["ec2:Action0 arn:aws:s3:::bucket2", "ec2:Action1 arn:aws:s3:::bucket0"]);
}
