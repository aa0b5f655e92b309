//! The typed views agree with the models: whatever fits a shape passes through its type unchanged.

use aws_api::{Operation, ShapeError, ec2, ssm, sts};
use aws_model::{Fields, Model, ShapeId, ShapeKind, Value};
use bytes::Bytes;

/// A value with every member present, recursive ones down to some depth.
fn full(model: &'static Model, id: ShapeId, depth: usize) -> Value {
    match &model[id].kind {
        ShapeKind::Structure(structure) => {
            let members = structure.members.iter().filter(|member| depth > 0 || member.required);
            Value::Structure(Fields::from_iter(
                members.map(|member| (member.name, full(model, member.shape, depth.saturating_sub(1)))),
            ))
        }
        ShapeKind::List(list) => Value::List(vec![full(model, list.element, depth); 2]),
        ShapeKind::Map(map) => {
            Value::Map(["a", "b"].map(|key| (key.to_owned(), full(model, map.value, depth))).into())
        }
        ShapeKind::String(_) => Value::String(model[id].name.to_owned()),
        ShapeKind::Boolean => Value::Boolean(true),
        ShapeKind::Integer(_) => Value::Integer(i64::from(i32::MIN)),
        ShapeKind::Long(_) => Value::Integer(i64::MAX),
        ShapeKind::Float(_) | ShapeKind::Double(_) => Value::Float(0.5),
        ShapeKind::Blob(_) => Value::Blob(Bytes::from_static(&[0xff])),
        ShapeKind::Timestamp(_) => Value::Timestamp(1_795_357_680_123),
        ShapeKind::Document => Value::Null,
    }
}

fn check<O: Operation>()
where
    O::Input: Into<Value>,
    O::Output: TryFrom<Value, Error = ShapeError>,
{
    let model = aws_model::service(O::SERVICE).expect("the service is built in").model();
    let operation = model.operation(O::NAME).expect("it is in the model");
    for depth in [0, 1, 9] {
        if let Some(input) = &operation.input {
            let value = full(model, input.shape, depth);
            let typed =
                O::Input::try_from(value.clone()).unwrap_or_else(|error| panic!("{}: {error}", O::NAME));
            assert_eq!(typed.into(), value, "{}", O::NAME);
        }
        if let Some(output) = &operation.output {
            let value = full(model, output.shape, depth);
            let typed =
                O::Output::try_from(value.clone()).unwrap_or_else(|error| panic!("{}: {error}", O::NAME));
            assert_eq!(typed.into(), value, "{}", O::NAME);
        }
    }
}

#[test]
fn values_pass_through_unchanged() {
    check::<ec2::operation::CreateVpc>();
    check::<ec2::operation::DeleteVpc>();
    check::<ec2::operation::DescribeInstances>();
    check::<ec2::operation::DescribeSecurityGroups>();
    check::<ec2::operation::GetConsoleOutput>();
    check::<ec2::operation::ImportKeyPair>();
    check::<ec2::operation::RunInstances>();
    check::<ssm::operation::GetParametersByPath>();
    check::<ssm::operation::PutParameter>();
    check::<ssm::operation::SendCommand>();
    check::<sts::operation::GetCallerIdentity>();
}

#[test]
fn what_does_not_fit_is_refused() {
    let refusal = |fields: Vec<(&'static str, Value)>| {
        ec2::DeleteVpcRequest::try_from(Value::Structure(fields.into_iter().collect()))
            .map_err(|error| error.to_string())
    };
    assert_eq!(refusal(vec![]), Err("DeleteVpcRequest: VpcId is absent".to_owned()));
    assert_eq!(
        refusal(vec![("VpcId", Value::Integer(1))]),
        Err("DeleteVpcRequest: VpcId: string: found an integer".to_owned())
    );
    assert!(ec2::DeleteVpcRequest::try_from(Value::Null).is_err());
}

/// An absent list and an empty one are not the same thing.
#[test]
fn absent_is_not_empty() {
    let absent = ec2::DescribeVpcsRequest::default();
    let empty = ec2::DescribeVpcsRequest { vpc_ids: Some(Vec::new()), ..Default::default() };
    assert_ne!(Value::from(absent.clone()), Value::from(empty.clone()));
    assert_eq!(ec2::DescribeVpcsRequest::try_from(Value::from(absent.clone())), Ok(absent));
    assert_eq!(ec2::DescribeVpcsRequest::try_from(Value::from(empty.clone())), Ok(empty));
}
