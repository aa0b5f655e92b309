//! What the reference calls dependent actions: a service asks for them in the name of whoever asks it.

use authorization_table::{action, of_operation, split_action};
use identities::{InstanceProfile, Role, name_key};

use super::*;

/// Dependent actions that no operation here needs, and why.
const NOT_ASKED: [(&str, &str, &str); 15] = [
    ("CreateFlowLogs", "ecs:ListClusters", "logs of tasks of ECS, which is not here"),
    ("CreateFlowLogs", "ecs:ListContainerInstances", "logs of tasks of ECS, which is not here"),
    ("CreateFlowLogs", "ecs:ListServices", "logs of tasks of ECS, which is not here"),
    ("CreateFlowLogs", "ecs:ListTaskDefinitions", "logs of tasks of ECS, which is not here"),
    ("CreateFlowLogs", "ecs:ListTasks", "logs of tasks of ECS, which is not here"),
    ("CreateLaunchTemplate", "ssm:GetParameters", "images are not named by parameters"),
    ("CreateLaunchTemplateVersion", "ssm:GetParameters", "images are not named by parameters"),
    ("DescribeLaunchTemplateVersions", "ssm:GetParameters", "images are not named by parameters"),
    ("RunInstances", "ssm:GetParameters", "images are not named by parameters"),
    ("CreateVpcEndpoint", "ec2:DescribeSecurityGroups", "for the console alone"),
    ("CreateVpcEndpoint", "ec2:DescribeSubnets", "for the console alone"),
    ("CreateVpcEndpoint", "ec2:DescribeVpcs", "for the console alone"),
    ("CreateVpcEndpoint", "route53:AssociateVPCWithHostedZone", "private names are the endpoint's own here"),
    ("GetServiceQuota", "", "quotas that other services tell are not here"),
    ("ListServiceQuotas", "", "quotas that other services tell are not here"),
];

/// A value of a shape with everything in it, but for what would hold itself.
fn whole(model: &Model, shape: ShapeId, depth: usize) -> Option<Value> {
    Some(match &model.shape(shape).kind {
        ShapeKind::Structure(_) if depth == 0 => return None,
        ShapeKind::Structure(structure) => {
            let mut fields = Fields::new();
            for member in &structure.members {
                if let Some(value) = whole(model, member.shape, depth - 1) {
                    fields.push(member.name, value);
                }
            }
            Value::Structure(fields)
        }
        ShapeKind::List(list) => Value::List(whole(model, list.element, depth).into_iter().collect()),
        ShapeKind::String(_) => Value::String("name".to_owned()),
        ShapeKind::Boolean => Value::Boolean(true),
        _ => return None,
    })
}

/// An instance profile with a role.
fn put_profile(world: &World) {
    let scope = Scope::global(Partition::Aws, context().account());
    let arn = |kind: &str| format!("arn:aws:iam::123456789012:{kind}/name").parse().unwrap();
    let profile = InstanceProfile {
        id: "AIPANAME".to_owned(),
        name: "name".to_owned(),
        path: "/".to_owned(),
        arn: arn("instance-profile"),
        created: context().now,
        role: Some("name".to_owned()),
        tags: Tags::default(),
    };
    let role = Role {
        id: "AROANAME".to_owned(),
        name: "name".to_owned(),
        path: "/".to_owned(),
        arn: arn("role"),
        created: context().now,
        trust_policy: Policy::parse_stored(r#"{"Statement":{"Effect":"Deny","Action":"*","Principal":"*"}}"#)
            .unwrap(),
        description: None,
        max_session_secs: 3600,
        permissions_boundary: None,
        inline_policies: BTreeMap::new(),
        attached_policies: BTreeSet::new(),
        tags: Tags::default(),
        linked_service: None,
    };
    let put = world.store.transact(|transaction| {
        transaction.put(&scope, &name_key("name"), profile);
        transaction.put(&scope, &name_key("name"), role);
        Ok::<_, StoreError>(())
    });
    put.unwrap();
}

/// What a request with everything in it needs.
fn needed_for(world: &World, service: &dyn Service, operation: &Operation) -> Vec<NeededPermission> {
    let model = aws_model::service(service.model()).unwrap().model();
    let input = operation.input.as_ref().and_then(|input| whole(model, input.shape, 6));
    let input = input.unwrap_or(Value::Structure(Fields::new()));
    service.needed_permissions(&world.ask(None), operation.name, &input).unwrap_or_default()
}

#[test]
fn every_dependent_action_is_asked_or_has_a_reason_why_not() {
    let world = World::new();
    put_profile(&world);
    let mut used = BTreeSet::new();
    let mut passing = BTreeSet::new();
    let mut missing = Vec::new();
    for service in &world.services {
        for operation in operations(&**service) {
            let entry = of_operation(service.model(), operation.name).unwrap();
            let actions = entry.needs.iter().map(|need| split_action(need.action));
            let dependents: BTreeSet<&str> = actions
                .filter_map(|(prefix, name)| action(prefix, name))
                .flat_map(|action| action.dependent_actions.iter().copied())
                .collect();
            if dependents.is_empty() {
                continue;
            }
            let needed = needed_for(&world, &**service, operation);
            for dependent in dependents {
                if needed.iter().any(|permission| permission.action == dependent) {
                    if dependent == "iam:PassRole" {
                        passing.insert(operation.name);
                    }
                    continue;
                }
                let reason = NOT_ASKED.iter().position(|(name, action, _)| {
                    *name == operation.name && (action.is_empty() || *action == dependent)
                });
                if let Some(index) = reason {
                    used.insert(index);
                } else {
                    missing.push(format!("{}: {dependent}", operation.name));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not asked: {missing:#?}");
    let stale: Vec<_> =
        (0..NOT_ASKED.len()).filter(|index| !used.contains(index)).map(|index| NOT_ASKED[index]).collect();
    assert!(stale.is_empty(), "asked: {stale:?}");
    let expected = [
        "AddRoleToInstanceProfile",
        "AssociateIamInstanceProfile",
        "CreateBackupPlan",
        "CreateBackupSelection",
        "CreateFlowLogs",
        "ReplaceIamInstanceProfileAssociation",
        "RunInstances",
        "UpdateBackupPlan",
    ];
    assert_eq!(passing, expected.into());
}

/// To which service a role is passed, policies can ask.
#[test]
fn policies_see_to_whom_a_role_is_passed() {
    let world = World::new();
    put_profile(&world);
    let mut passed = BTreeMap::new();
    for service in &world.services {
        for operation in operations(&**service) {
            for permission in needed_for(&world, &**service, operation) {
                if permission.action != "iam:PassRole" {
                    continue;
                }
                let keys = permission.keys.iter().find(|(key, _)| key == "iam:PassedToService");
                passed
                    .insert(operation.name, keys.unwrap_or_else(|| panic!("{}", operation.name)).1.concat());
            }
        }
    }
    let to = |operation: &str| passed[operation].as_str();
    assert_eq!(to("RunInstances"), "ec2.amazonaws.com");
    assert_eq!(to("AddRoleToInstanceProfile"), "ec2.amazonaws.com");
    assert_eq!(to("CreateFlowLogs"), "vpc-flow-logs.amazonaws.com");
    assert_eq!(to("CreateBackupSelection"), "backup.amazonaws.com");
    assert_eq!(to("UpdateBackupPlan"), "malware-protection.guardduty.amazonaws.com");
}
