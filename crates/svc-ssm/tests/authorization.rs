//! What requests to Systems Manager need to be allowed.

#![allow(clippy::unwrap_used)]

mod harness;

use aws_api::Operation;
use aws_api::ssm::operation as op;
use aws_api::ssm::{
    GetParameterRequest, GetParametersByPathRequest, GetParametersRequest, PutParameterRequest,
    SendCommandRequest, Tag, Target,
};
use aws_model::Value;
use harness::{Harness, texts};
use service_api::{NeededPermission, Service as _};

fn needed<O: Operation>(cloud: &Harness, input: O::Input) -> Vec<NeededPermission>
where
    O::Input: Into<Value>,
{
    cloud.ssm.needed_permissions(&cloud.context, O::NAME, &input.into()).unwrap()
}

/// Each as `ACTION RESOURCE KEY=VALUE…`, without what ARNs begin with.
fn all(needed: &[NeededPermission]) -> Vec<String> {
    let mut found = Vec::new();
    for permission in needed {
        for resource in &permission.resources {
            let resource_name = resource.arn.splitn(4, ':').nth(3).unwrap_or(&resource.arn);
            let mut line = format!("{} {resource_name}", permission.action);
            for (key, values) in resource.keys.iter().chain(&permission.keys) {
                line += &format!(" {key}={}", values.join(","));
            }
            found.push(line);
        }
    }
    found
}

fn put(name: &str) -> PutParameterRequest {
    let tag = Tag { key: "Team".to_owned(), value: "red".to_owned() };
    PutParameterRequest {
        name: name.to_owned(),
        value: "v".to_owned(),
        r#type: Some("String".to_owned()),
        tags: Some(vec![tag]),
        ..PutParameterRequest::default()
    }
}

#[test]
fn parameters_are_named_in_many_ways() {
    let cloud = Harness::new();
    cloud.call::<op::PutParameter>(put("/a/b")).unwrap();
    let arn = "arn:aws:ssm:us-east-1:123456789012:parameter/a/b";
    let get = |name: &str| GetParameterRequest { name: name.to_owned(), with_decryption: None };
    // Neither another partition nor no account makes it another parameter.
    let odd = ["arn:x:ssm:us-east-1:123456789012:parameter/a/b", "arn:aws:ssm:us-east-1::parameter/a/b"];
    let arns = [arn, "arn:aws:ssm:us-east-1:123456789012:parameter/a/b:1"];
    for name in ["/a/b", "/a/b:1"].into_iter().chain(arns).chain(odd) {
        let expected = "ssm:GetParameter us-east-1:123456789012:parameter/a/b aws:ResourceTag/Team=red ssm:ResourceTag/Team=red";
        assert_eq!(all(&needed::<op::GetParameter>(&cloud, get(name))), [expected], "{name}");
    }
    let several = GetParametersRequest { names: texts(&["/a/b", "c"]), with_decryption: None };
    let expected = [
        "ssm:GetParameters us-east-1:123456789012:parameter/a/b aws:ResourceTag/Team=red ssm:ResourceTag/Team=red",
        "ssm:GetParameters us-east-1:123456789012:parameter/c",
    ];
    assert_eq!(all(&needed::<op::GetParameters>(&cloud, several)), expected);
    let below = GetParametersByPathRequest {
        path: "/a".to_owned(),
        recursive: Some(true),
        ..GetParametersByPathRequest::default()
    };
    let expected = ["ssm:GetParametersByPath us-east-1:123456789012:parameter/a ssm:Recursive=true"];
    assert_eq!(all(&needed::<op::GetParametersByPath>(&cloud, below)), expected);
}

#[test]
fn tags_on_a_new_parameter_need_an_action_of_their_own() {
    let cloud = Harness::new();
    let rest =
        "us-east-1:123456789012:parameter/p ssm:Overwrite=false aws:RequestTag/Team=red aws:TagKeys=Team";
    let expected = [format!("ssm:PutParameter {rest}"), format!("ssm:AddTagsToResource {rest}")];
    assert_eq!(all(&needed::<op::PutParameter>(&cloud, put("p"))), expected);
    let plain = PutParameterRequest { tags: None, ..put("p") };
    let expected = ["ssm:PutParameter us-east-1:123456789012:parameter/p ssm:Overwrite=false"];
    assert_eq!(all(&needed::<op::PutParameter>(&cloud, plain)), expected);
}

#[test]
fn a_command_touches_its_document_and_its_instances() {
    let cloud = Harness::new();
    let id = cloud.instance(1, &[("Team", "red")]).to_string();
    let send = SendCommandRequest {
        document_name: "AWS-RunShellScript".to_owned(),
        instance_ids: Some(vec![id.clone()]),
        ..SendCommandRequest::default()
    };
    let document = "ssm:SendCommand us-east-1::document/AWS-RunShellScript".to_owned();
    let instance = format!(
        "ssm:SendCommand us-east-1:123456789012:instance/{id} aws:ResourceTag/Team=red ssm:ResourceTag/Team=red"
    );
    let expected = [document.clone(), instance];
    assert_eq!(all(&needed::<op::SendCommand>(&cloud, send.clone())), expected);
    let target = |key: &str, value: &str| SendCommandRequest {
        instance_ids: None,
        targets: Some(vec![Target { key: Some(key.to_owned()), values: Some(vec![value.to_owned()]) }]),
        ..send.clone()
    };
    assert_eq!(all(&needed::<op::SendCommand>(&cloud, target("InstanceIds", &id))), expected);
    // Tags select instances, each of which is asked for; none of them is all that there may be.
    assert_eq!(all(&needed::<op::SendCommand>(&cloud, target("tag:Team", "red"))), expected);
    cloud.instance(2, &[("Team", "blue")]);
    assert_eq!(all(&needed::<op::SendCommand>(&cloud, target("tag:Team", "red"))), expected);
    let expected = [document, "ssm:SendCommand us-east-1:123456789012:instance/*".to_owned()];
    assert_eq!(all(&needed::<op::SendCommand>(&cloud, target("tag:Team", "green"))), expected);
}
