//! What requests need, of a service that knows one VPC and one association.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use aws_model::{Fields, Value};
use aws_types::Tag;
use service_api::{
    NeededPermission, Principal, RequestContext, RequestId, ResourceFacts, Service, ServiceError,
    TargetResource,
};

/// The owner of the VPC that is known.
const OTHER: &str = "222222222222";

struct Ec2;

impl Service for Ec2 {
    fn model(&self) -> &'static str {
        "ec2"
    }

    fn implements(&self, _operation: &str) -> bool {
        true
    }

    fn call(&self, _: &RequestContext, _: &str, _: Value) -> Result<Value, ServiceError> {
        Ok(Value::Null)
    }

    fn resource(&self, _: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        let keys =
            ["ec2:Tenancy", "ec2:InstanceType"].map(|key| (key.to_owned(), vec!["default".to_owned()]));
        match (resource_type, id) {
            ("vpc", "vpc-1") => Some(ResourceFacts {
                owner: Some(OTHER.parse().unwrap()),
                tags: [Tag { key: "Team".to_owned(), value: "red".to_owned() }].into_iter().collect(),
                keys: keys.into(),
                ..ResourceFacts::default()
            }),
            ("subnet", "rtbassoc-1") => {
                Some(ResourceFacts { id: Some("subnet-7".to_owned()), ..ResourceFacts::default() })
            }
            _ => None,
        }
    }

    fn implied(
        &self,
        _: &RequestContext,
        operation: &str,
        resource_type: &str,
        _: &Value,
    ) -> Option<Vec<String>> {
        let is_default = (operation, resource_type) == ("RunInstances", "subnet");
        is_default.then(|| vec!["subnet-default".to_owned()])
    }
}

fn context() -> RequestContext {
    RequestContext {
        partition: aws_types::Partition::Aws,
        region: "eu-west-1".parse().unwrap(),
        principal: Principal::root(
            aws_types::Partition::Aws,
            "111111111111".parse().unwrap(),
            "AKIAIOSFODNN7EXAMPLE",
        ),
        request_id: RequestId::from_bits(0),
        now: aws_types::Timestamp::from_unix_secs(0),
        source_ip: [127, 0, 0, 1].into(),
        user_agent: String::new(),
        secure_transport: false,
        way: service_api::Way::default(),
    }
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn structure<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Structure(members.into_iter().collect::<Fields>())
}

fn tag(key: &str, value: &str) -> Value {
    structure([("Key", text(key)), ("Value", text(value))])
}

fn needed(operation: &str, input: &Value) -> NeededPermission {
    let mut needed = Ec2.needed_permissions(&context(), operation, input).unwrap();
    assert_eq!(needed.len(), 1, "{operation}");
    needed.remove(0)
}

fn arns(operation: &str, input: &Value) -> Vec<String> {
    needed(operation, input).resources.into_iter().map(|resource| resource.arn).collect()
}

#[test]
fn a_list_is_needed_on_all_and_says_nothing_of_the_request() {
    let expected = NeededPermission {
        action: "ec2:DescribeVpcs".into(),
        resources: vec![TargetResource::all()],
        keys: vec![],
    };
    assert_eq!(needed("DescribeVpcs", &structure([("VpcIds", Value::List(vec![text("vpc-1")]))])), expected);
}

#[test]
fn resources_have_the_owner_the_tags_and_the_keys_that_the_action_has() {
    let input = structure([("InternetGatewayId", text("igw-1")), ("VpcId", text("vpc-1"))]);
    let found = needed("AttachInternetGateway", &input);
    let [gateway, vpc] = &found.resources[..] else { panic!("{found:?}") };
    assert_eq!(gateway.arn, "arn:aws:ec2:eu-west-1:111111111111:internet-gateway/igw-1");
    assert_eq!(gateway.owner, None);
    assert_eq!(vpc.arn, "arn:aws:ec2:eu-west-1:222222222222:vpc/vpc-1");
    assert_eq!(vpc.owner, Some(OTHER.parse().unwrap()));
    let keys: Vec<_> = vpc.keys.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect();
    assert_eq!(keys, ["ec2:Tenancy=default", "aws:ResourceTag/Team=red", "ec2:ResourceTag/Team=red"]);
}

#[test]
fn what_a_request_makes_has_the_tags_that_are_for_it() {
    let specification = |resource_type: &str, tags: Vec<Value>| {
        structure([("ResourceType", text(resource_type)), ("Tags", Value::List(tags))])
    };
    let input = structure([
        ("VpcId", text("vpc-9")),
        ("TagSpecifications", Value::List(vec![specification("subnet", vec![tag("A", "1"), tag("B", "")])])),
    ]);
    let found = needed("CreateSubnet", &input);
    assert_eq!(found.keys, []);
    let [subnet, vpc] = &found.resources[..] else { panic!("{found:?}") };
    assert_eq!(subnet.arn, "arn:aws:ec2:eu-west-1:111111111111:subnet/*");
    let keys: Vec<_> =
        subnet.keys.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect();
    assert_eq!(keys, ["aws:RequestTag/A=1", "aws:RequestTag/B=", "aws:TagKeys=A,B"]);
    assert_eq!((vpc.arn.as_str(), &vpc.keys[..]), ("arn:aws:ec2:eu-west-1:111111111111:vpc/vpc-9", &[][..]));
}

#[test]
fn tags_for_all_are_the_requests() {
    let input = structure([
        ("Resources", Value::List(vec![text("vpc-9"), text("unknown")])),
        ("Tags", Value::List(vec![tag("A", "1")])),
    ]);
    let found = needed("CreateTags", &input);
    let arns: Vec<_> = found.resources.iter().map(|resource| resource.arn.as_str()).collect();
    assert_eq!(arns, ["arn:aws:ec2:eu-west-1:111111111111:vpc/vpc-9", "*"]);
    let expected = [
        ("aws:RequestTag/A".to_owned(), vec!["1".to_owned()]),
        ("aws:TagKeys".to_owned(), vec!["A".to_owned()]),
    ];
    assert_eq!(found.keys, expected);
}

#[test]
fn a_tag_without_a_value_has_an_empty_one_where_it_is_set() {
    let bare = || Value::List(vec![structure([("Key", text("A"))])]);
    let tags = |operation| {
        needed(operation, &structure([("Resources", Value::List(vec![text("vpc-9")])), ("Tags", bare())]))
            .keys
    };
    let all_keys = ("aws:TagKeys".to_owned(), vec!["A".to_owned()]);
    let set = ("aws:RequestTag/A".to_owned(), vec![String::new()]);
    assert_eq!(tags("CreateTags"), [set.clone(), all_keys.clone()]);
    assert_eq!(tags("DeleteTags"), std::slice::from_ref(&all_keys));
    let specification = structure([("ResourceType", text("vpc")), ("Tags", bare())]);
    let input = structure([("TagSpecifications", Value::List(vec![specification]))]);
    assert_eq!(needed("CreateVpc", &input).resources[0].keys, [set, all_keys]);
}

#[test]
fn what_leads_to_a_resource_is_none_itself() {
    let input = structure([("AssociationId", text("rtbassoc-1"))]);
    assert_eq!(
        arns("DisassociateRouteTable", &input),
        ["arn:aws:ec2:eu-west-1:111111111111:subnet/subnet-7"]
    );
    let input = structure([("AssociationId", text("rtbassoc-2"))]);
    assert_eq!(arns("DisassociateRouteTable", &input), ["*"]);
}

#[test]
fn what_a_request_means_is_asked_of_the_service() {
    let found = arns("RunInstances", &structure([("ImageId", text("ami-1"))]));
    let expected = [
        "arn:aws:ec2:eu-west-1::image/ami-1",
        "arn:aws:ec2:eu-west-1:111111111111:instance/*",
        "arn:aws:ec2:eu-west-1:111111111111:network-interface/*",
        "arn:aws:ec2:eu-west-1:111111111111:security-group/*",
        "arn:aws:ec2:eu-west-1:111111111111:subnet/subnet-default",
        "arn:aws:ec2:eu-west-1:111111111111:volume/*",
    ];
    assert_eq!(found, expected);
}

#[test]
fn an_operation_without_an_entry_needs_what_nobody_can_give() {
    assert_eq!(
        Ec2.needed_permissions(&context(), "ModifyVpcEndpointPayerResponsibility", &Value::Null),
        None
    );
}

/// Knows one role, and nothing else.
struct Iam;

impl Service for Iam {
    fn model(&self) -> &'static str {
        "iam"
    }

    fn implements(&self, _operation: &str) -> bool {
        true
    }

    fn call(&self, _: &RequestContext, _: &str, _: Value) -> Result<Value, ServiceError> {
        Ok(Value::Null)
    }

    fn resource(&self, _: &RequestContext, resource_type: &str, _: &str) -> Option<ResourceFacts> {
        let facts = ResourceFacts {
            tags: [Tag { key: "Team".to_owned(), value: "red".to_owned() }].into_iter().collect(),
            keys: vec![("iam:DelegationRequestOwner".to_owned(), vec!["x".to_owned()])],
            ..ResourceFacts::default()
        };
        (resource_type == "role" || resource_type == "policy").then_some(facts)
    }
}

/// In the reference, IAM's actions have no keys for their resources: the types of these have.
#[test]
fn resources_have_the_keys_of_their_type_where_the_action_says_none() {
    let input = structure([("RoleName", text("r")), ("PolicyName", text("p"))]);
    let needed = Iam.needed_permissions(&context(), "PutRolePolicy", &input).unwrap();
    let [role] = &needed[0].resources[..] else { panic!("{needed:?}") };
    assert_eq!(role.arn, "arn:aws:iam::111111111111:role/r");
    let keys: Vec<_> = role.keys.iter().map(|(key, values)| format!("{key}={}", values.join(","))).collect();
    assert_eq!(keys, ["aws:ResourceTag/Team=red", "iam:ResourceTag/Team=red"]);
    // A policy has no such key of IAM's own.
    let input = structure([("PolicyArn", text("arn:aws:iam::111111111111:policy/p"))]);
    let needed = Iam.needed_permissions(&context(), "GetPolicy", &input).unwrap();
    let keys: Vec<_> = needed[0].resources[0].keys.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["aws:ResourceTag/Team"]);
}
