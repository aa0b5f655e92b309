//! Every built-in model loads, is found under all its names, and is what its file promises.

use std::collections::BTreeSet;

use aws_model::{ShapeId, ShapeKind};

#[test]
fn every_model_is_whole() {
    for service in aws_model::services() {
        let model = service.model();
        let metadata = &model.metadata;
        assert_eq!(metadata.name, service.name);
        assert_eq!(
            (metadata.signing_name, metadata.endpoint_prefix),
            (service.signing_name, service.endpoint_prefix)
        );
        assert!(!metadata.protocols.is_empty() && !model.operations.is_empty(), "{}", service.name);
        assert!(model.operations.is_sorted_by_key(|operation| operation.name));
        assert!(model.shapes.is_sorted_by_key(|shape| shape.name));
        let check = |id: ShapeId| assert!((id.0 as usize) < model.shapes.len(), "{}: {id:?}", service.name);
        for shape in &model.shapes {
            match &shape.kind {
                ShapeKind::Structure(structure) => {
                    let names: BTreeSet<&str> = structure.members.iter().map(|member| member.name).collect();
                    assert_eq!(names.len(), structure.members.len(), "{} {}", service.name, shape.name);
                    structure.members.iter().for_each(|member| check(member.shape));
                }
                ShapeKind::List(list) => check(list.element),
                ShapeKind::Map(map) => {
                    check(map.value);
                    assert!(
                        matches!(model[map.key].kind, ShapeKind::String(_)),
                        "{} {}",
                        service.name,
                        shape.name
                    );
                }
                _ => {}
            }
        }
    }
}

#[test]
fn services_are_found() {
    let names =
        |services: Vec<&aws_model::Service>| services.iter().map(|service| service.name).collect::<Vec<_>>();
    assert_eq!(aws_model::services().len(), 51);
    assert_eq!(aws_model::service("ec2").map(|service| service.api_version), Some("2016-11-15"));
    assert!(aws_model::service("nothing").is_none());
    assert_eq!(names(aws_model::services_signing_as("elasticloadbalancing").collect()), ["elb", "elbv2"]);
    assert_eq!(names(aws_model::services_at_endpoint("monitoring").collect()), ["cloudwatch"]);
    assert_eq!(aws_model::service_of_target("AmazonSSM").map(|service| service.name), Some("ssm"));
}

/// Only what is asked for takes memory.
#[test]
fn models_load_when_asked_for() {
    let account = aws_model::service("account").expect("it is built in");
    let model = account.model();
    assert!(std::ptr::eq(model, account.loaded_model().expect("it is loaded now")));
}

#[test]
fn errors_are_found_by_shape_and_by_code() {
    let iam = aws_model::service("iam").expect("it is built in").model();
    let (shape, error) = iam.error("NoSuchEntity").expect("it is in the model");
    assert_eq!((shape.name, error.status), ("NoSuchEntityException", Some(404)));
    assert_eq!(
        iam.error("NoSuchEntityException").map(|(shape, _)| shape.name),
        Some("NoSuchEntityException")
    );
    assert!(iam.error("Nothing").is_none());
}
