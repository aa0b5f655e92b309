//! Every operation that is built, asked for by a user as the gateway asks: without a permission it is denied, and with the
//! actions that AWS names for it, and no others, it is allowed. Which these are is in `actions.txt`, by hand: nothing that
//! decides tells it.

mod dependent;

use std::collections::{BTreeMap, BTreeSet};

use aws_model::{Fields, Model, Operation, ShapeId, ShapeKind, Value};
use aws_types::{Partition, Tags};
use iam_policy::Policy;
use identities::User;
use service_api::{NeededPermission, Principal, PrincipalKind, RequestContext, Service};
use store::{MemoryBackend, Scope, StoreError};

use super::*;
use crate::events::Events;
use crate::service_use::ServiceUseLog;
use crate::services::{Behaviour, Services, Shared};
use crate::testing::{NoHost, context, s3};

mod condition_keys;

/// The operations that need another action than that of their name, with all that they need: first of the least input, then
/// of the one that has every member. What needs none is for everybody who signs, or its service asks by itself.
const ACTIONS: &str = include_str!("actions.txt");
/// What actions begin with, where it is not the name of the model.
const PREFIXES: [(&str, &str); 2] =
    [("resourcegroupstaggingapi", "tag"), ("service-quotas", "servicequotas")];

struct World {
    store: Store,
    authorizing: ByPolicies,
    services: Vec<Arc<dyn Service>>,
    _directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let tokens = Tokens::with_key(&[7; 32]);
        let directory = tempfile::tempdir().unwrap();
        let events = Arc::new(Events::start(directory.path().join("events"), store.clone()).unwrap());
        let authorizing = ByPolicies::new(store.clone(), tokens.clone());
        let behaviour = Behaviour { enforce_quotas: false, realistic_timing: false };
        let uses = Arc::new(ServiceUseLog::new(store.clone()));
        let s3 = s3(&store, directory.path());
        let shared = Shared {
            store: &store,
            tokens: &tokens,
            authorizing: &authorizing,
            events: &events,
            uses: &uses,
            s3: &s3,
        };
        let services = Services::new(behaviour, NoHost, shared).all;
        Self { store, authorizing, services, _directory: directory }
    }

    /// A request of a user who has this policy, or none.
    fn ask(&self, policy: Option<&str>) -> RequestContext {
        let root = context();
        let arn: aws_types::Arn = "arn:aws:iam::123456789012:user/ann".parse().unwrap();
        let policy = policy.map(|text| ("p".to_owned(), Policy::parse_stored(text).unwrap()));
        let user = User {
            id: "AIDAANN".to_owned(),
            name: "ann".to_owned(),
            path: "/".to_owned(),
            arn: arn.clone(),
            created: root.now,
            password_last_used: None,
            permissions_boundary: None,
            inline_policies: policy.into_iter().collect(),
            attached_policies: BTreeSet::new(),
            groups: BTreeSet::new(),
            tags: Tags::default(),
        };
        let scope = Scope::global(Partition::Aws, root.account());
        let put = self.store.transact(|transaction| {
            transaction.put(&scope, "ann", user);
            Ok::<_, StoreError>(())
        });
        put.unwrap();
        let kind = PrincipalKind::User { name: "ann".to_owned() };
        RequestContext {
            principal: Principal { kind, arn, user_id: "AIDAANN".to_owned(), ..root.principal },
            ..root
        }
    }

    fn decide(
        &self,
        service: &dyn Service,
        operation: &str,
        policy: Option<&str>,
        needed: &[NeededPermission],
    ) -> Result<(), String> {
        let asked = self.ask(policy);
        let authorization = self.authorizing.authorization();
        let decided = authorization.decide(&asked, service.model(), operation, Some(needed));
        decided.map_err(|refusal| refusal.message)
    }

    /// Asks as the gateway does, for a user with this policy. What is told of a denial.
    fn authorize(
        &self,
        service: &dyn Service,
        operation: &'static str,
        policy: Option<&str>,
        input: &Value,
    ) -> Result<(), String> {
        let context = self.ask(policy);
        let asked = AccessRequest { context: &context, service, operation, input };
        self.authorizing.authorize(asked).map(|_| ()).map_err(|refused| match refused {
            Refused::Denied(denied) => denied.message,
            Refused::TooMany(too_many) => format!("{too_many:?}"),
        })
    }
}

/// A value of a shape, with the members that have to be there, or also those at the top that may name something.
fn sample(model: &Model, shape: ShapeId, is_top: bool, is_full: bool) -> Option<Value> {
    Some(match &model.shape(shape).kind {
        ShapeKind::Structure(structure) => {
            let members = structure.members.iter().filter(|member| member.required || (is_top && is_full));
            let mut fields = Fields::new();
            for member in members {
                if let Some(value) = sample(model, member.shape, false, is_full) {
                    fields.push(member.name, value);
                }
            }
            Value::Structure(fields)
        }
        ShapeKind::List(list) => {
            Value::List(sample(model, list.element, false, is_full).into_iter().collect())
        }
        ShapeKind::String(_) => Value::String("name".to_owned()),
        ShapeKind::Boolean => Value::Boolean(false),
        _ => return None,
    })
}

/// The least policy that allows these: each action on its resources.
fn least(needed: &[NeededPermission]) -> String {
    let statements: Vec<_> = needed
        .iter()
        .map(|permission| {
            let resources: BTreeSet<_> =
                permission.resources.iter().map(|resource| resource.arn.as_str()).collect();
            serde_json::json!({"Effect": "Allow", "Action": permission.action, "Resource": resources})
        })
        .collect();
    serde_json::json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

fn operations(service: &dyn Service) -> impl Iterator<Item = &'static Operation> {
    let model = aws_model::service(service.model()).unwrap().model();
    model.operations.iter().filter(|operation| service.implements(operation.name))
}

/// What an operation needs, by its name and by `actions.txt`.
fn expected(model: &str, operation: &str, is_full: bool) -> Vec<String> {
    let name = format!("{model}:{operation}");
    let found = ACTIONS.lines().find_map(|line| line.strip_prefix(&name)?.strip_prefix(": "));
    let Some(found) = found else {
        let prefix = PREFIXES.iter().find(|(held, _)| *held == model).map_or(model, |(_, prefix)| prefix);
        return vec![format!("{prefix}:{operation}")];
    };
    let (least, full) = found.split_once(" | ").unwrap_or((found, found));
    let of_input = if is_full { full } else { least };
    of_input.split(' ').filter(|action| *action != "none").map(str::to_owned).collect()
}

/// The input of an operation with the members that have to be there, or with all.
fn input_of(model: &Model, operation: &Operation, is_full: bool) -> Value {
    let input = operation.input.as_ref().and_then(|input| sample(model, input.shape, true, is_full));
    input.unwrap_or(Value::Structure(Fields::new()))
}

fn allowing(actions: &[String]) -> String {
    let statement = serde_json::json!({"Effect": "Allow", "Action": actions, "Resource": "*"});
    serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

#[test]
fn every_operation_is_denied_without_a_permission_and_allowed_by_the_least_policy() {
    let world = World::new();
    let mut looked_at: BTreeMap<&str, usize> = BTreeMap::new();
    for service in &world.services {
        let service = &**service;
        let model = aws_model::service(service.model()).unwrap().model();
        for (operation, is_full) in operations(service).flat_map(|one| [(one, false), (one, true)]) {
            let name = format!("{}:{}", service.model(), operation.name);
            let input = input_of(model, operation, is_full);
            let decide = |policy: Option<&str>| world.authorize(service, operation.name, policy, &input);
            let actions = expected(service.model(), operation.name, is_full);
            let Some(first) = actions.first() else {
                assert_eq!(decide(None), Ok(()), "{name} is free");
                continue;
            };
            let told = decide(None).unwrap_err();
            let expect = format!("arn:aws:iam::123456789012:user/ann is not authorized to perform: {first}");
            let ends = format!("because no identity-based policy allows the {first} action");
            assert!(told.contains(&expect) && told.ends_with(&ends), "{name}: {told}");
            // These actions are enough, and so they are on what the service says that it touches.
            assert_eq!(decide(Some(&allowing(&actions))), Ok(()), "{name} by {actions:?}");
            let needed = service.needed_permissions(&world.ask(None), operation.name, &input).unwrap();
            assert_eq!(decide(Some(&least(&needed))), Ok(()), "{name} by {}", least(&needed));
            // With one action less it is that one which is missing.
            for taken in &actions {
                let fewer: Vec<String> = actions.iter().filter(|one| *one != taken).cloned().collect();
                let nothing = ["x:Nothing".to_owned()];
                let policy = allowing(if fewer.is_empty() { &nothing } else { &fewer });
                let told = decide(Some(&policy)).expect_err(&format!("{name} without {taken}"));
                assert!(told.contains(&format!("to perform: {taken} ")), "{name} without {taken}: {told}");
            }
            *looked_at.entry(service.model()).or_default() += 1;
        }
    }
    assert_eq!(looked_at.len(), world.services.len(), "{looked_at:?}");
    assert!(looked_at.values().sum::<usize>() > 1000, "{looked_at:?}");
}

/// What is not in the file needs the action of its name, and nothing in the file is of before.
#[test]
fn the_actions_of_operations_are_those_of_the_file() {
    let world = World::new();
    let mut lines = Vec::new();
    for service in &world.services {
        let service = &**service;
        let model = aws_model::service(service.model()).unwrap().model();
        let prefix = PREFIXES.iter().find(|(held, _)| *held == service.model());
        let prefix = prefix.map_or(service.model(), |(_, prefix)| prefix);
        for operation in operations(service) {
            let [least, full] = [false, true].map(|is_full| {
                let input = input_of(model, operation, is_full);
                let needed = service.needed_permissions(&world.ask(None), operation.name, &input).unwrap();
                let mut actions: Vec<String> = Vec::new();
                for one in needed {
                    if !actions.contains(&one.action.to_string()) {
                        actions.push(one.action.into_owned());
                    }
                }
                if actions.is_empty() { "none".to_owned() } else { actions.join(" ") }
            });
            let own = format!("{prefix}:{}", operation.name);
            if least != own || full != own {
                let both = if least == full { least } else { format!("{least} | {full}") };
                lines.push(format!("{}:{}: {both}", service.model(), operation.name));
            }
        }
    }
    lines.sort();
    let found = lines.join("\n") + "\n";
    assert!(found == ACTIONS, "actions.txt is not what operations need, which is:\n{found}");
}

#[test]
fn policies_see_what_a_request_attaches_and_which_type_of_policy_it_is_about() {
    let world = World::new();
    let decide = |model: &str, operation: &str, members: &[(&'static str, &str)], condition: &str| {
        let service = world.services.iter().find(|service| service.model() == model).unwrap();
        let input = members.iter().map(|(name, value)| (*name, Value::String((*value).to_owned())));
        let input = Value::Structure(input.collect());
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},
            {{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"StringEquals":{{{condition}}}}}}}]}}"#
        );
        let needed = service.needed_permissions(&world.ask(None), operation, &input).unwrap();
        world.decide(&**service, operation, Some(&policy), &needed).is_ok()
    };
    let admin = r#""iam:PolicyARN":"arn:aws:iam::aws:policy/AdministratorAccess""#;
    for (arn, allowed) in [("AdministratorAccess", false), ("ReadOnlyAccess", true)] {
        let arn = format!("arn:aws:iam::aws:policy/{arn}");
        let members = [("UserName", "ann"), ("PolicyArn", arn.as_str())];
        assert_eq!(decide("iam", "AttachUserPolicy", &members, admin), allowed, "{arn}");
    }
    let bounded = r#""iam:PermissionsBoundary":"arn:aws:iam::123456789012:policy/b""#;
    let create = [("UserName", "new"), ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/b")];
    assert!(
        !decide("iam", "CreateUser", &create, bounded) && decide("iam", "CreateUser", &create[..1], bounded)
    );
    let tags = r#""organizations:PolicyType":"TAG_POLICY""#;
    for (policy_type, allowed) in [("TAG_POLICY", false), ("BACKUP_POLICY", true)] {
        let members = [("RootId", "r-ab12"), ("PolicyType", policy_type)];
        assert_eq!(decide("organizations", "EnablePolicyType", &members, tags), allowed, "{policy_type}");
    }
}

/// Each resource is decided by itself, so that whoever sends many, allowed or not, has the daemon work for as many.
#[test]
fn a_request_names_a_thousand_resources_and_tags_at_most() {
    let world = World::new();
    let by_policies = ByPolicies::new(world.store.clone(), Tokens::with_key(&[7; 32]));
    let service = world.services.iter().find(|service| service.model() == "ec2").unwrap();
    let context = world.ask(Some(
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    ));
    let ask = |operation: &'static str, input: &Value| {
        let asked = AccessRequest { context: &context, service: &**service, operation, input };
        by_policies.authorize(asked).map(|_| ())
    };
    let structure = |members: Vec<(&'static str, Value)>| Value::Structure(members.into_iter().collect());
    let text = |text: String| Value::String(text);
    let list = |count: usize, item: &dyn Fn(usize) -> Value| Value::List((0..count).map(item).collect());
    let tag = |number| structure(vec![("Key", text(format!("k{number}"))), ("Value", text(String::new()))]);
    let create_tags = |resources: usize, tags: usize| {
        let resources = list(resources, &|number| text(format!("vpc-{number:017x}")));
        ask("CreateTags", &structure(vec![("Resources", resources), ("Tags", list(tags, &tag))]))
    };
    let too_many = |what| Err(Refused::TooMany(what));
    assert_eq!(create_tags(1_000, 1_000), Ok(()));
    assert_eq!(create_tags(1_001, 1), too_many(TooMany::Resources));
    assert_eq!(create_tags(1, 1_001), too_many(TooMany::Tags));
    // As many as fit into a request are counted, and no more is made of them.
    let begun = std::time::Instant::now();
    assert_eq!(create_tags(300_000, 1), too_many(TooMany::Resources));
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
    let specified = |count: usize| {
        let specification =
            structure(vec![("ResourceType", text("vpc".to_owned())), ("Tags", list(99, &tag))]);
        ask("CreateVpc", &structure(vec![("TagSpecifications", list(count, &|_| specification.clone()))]))
    };
    assert_eq!((specified(10), specified(11)), (Ok(()), too_many(TooMany::Tags)));
    // The volumes of a launch have no names, and are as many questions.
    let launch = |count: usize| {
        let volume = structure(vec![("Ebs", structure(vec![("VolumeSize", Value::Integer(1))]))]);
        let mappings = list(count, &|_| volume.clone());
        ask(
            "RunInstances",
            &structure(vec![("ImageId", text("ami-1".to_owned())), ("BlockDeviceMappings", mappings)]),
        )
    };
    assert_eq!((launch(10), launch(2_000)), (Ok(()), too_many(TooMany::Resources)));
    let denied = world.ask(None);
    let input = structure(vec![("VpcId", text("vpc-1".to_owned()))]);
    let asked =
        AccessRequest { context: &denied, service: &**service, operation: "DeleteVpc", input: &input };
    assert!(matches!(by_policies.authorize(asked), Err(Refused::Denied(_))));
}

#[test]
fn who_makes_an_administrator_of_trails_needs_the_organizations_permission_too() {
    let world = World::new();
    let trail = world.services.iter().find(|service| service.model() == "cloudtrail").unwrap();
    for (operation, member, of_organization) in [
        ("RegisterOrganizationDelegatedAdmin", "MemberAccountId", "RegisterDelegatedAdministrator"),
        (
            "DeregisterOrganizationDelegatedAdmin",
            "DelegatedAdminAccountId",
            "DeregisterDelegatedAdministrator",
        ),
    ] {
        let input = [(member, Value::String("222222222222".to_owned()))].into_iter().collect();
        let needed = trail.needed_permissions(&world.ask(None), operation, &Value::Structure(input)).unwrap();
        let allowed_by = |service: &str| {
            let of_organization = format!(
                r#"{{"Effect":"Allow","Action":"organizations:{of_organization}","Resource":"*","Condition":{{"StringEquals":
                {{"organizations:ServicePrincipal":"{service}"}}}}}}"#
            );
            let policy = format!(
                r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Action":["cloudtrail:*","organizations:ListAWSServiceAccessForOrganization",
                "iam:GetRole","iam:CreateServiceLinkedRole"],"Resource":"*"}},{of_organization}]}}"#
            );
            world.decide(&**trail, operation, Some(&policy), &needed)
        };
        let told = allowed_by("backup.amazonaws.com").unwrap_err();
        assert!(told.contains(&format!("to perform: organizations:{of_organization}")), "{told}");
        assert_eq!(allowed_by("cloudtrail.amazonaws.com"), Ok(()), "{operation}");
    }
}

/// What a service refuses by itself is told as that, and not hidden behind what policies denied before.
#[test]
fn a_service_that_refuses_is_told_too() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let authorizing = ByPolicies::new(store, Tokens::with_key(&[7; 32]));
    let noting = Noting { authorizing: authorizing.clone(), recorder: () };
    let model = aws_model::service("organizations").unwrap().model();
    let call = |secs: i64, outcome: Outcome| {
        let asked = RequestContext {
            now: aws_types::Timestamp::from_unix_secs(secs),
            request_id: service_api::RequestId::from_bits(u128::try_from(secs).unwrap() << 80),
            ..context()
        };
        let operation = model.operation("ListRoots").unwrap();
        Call { context: asked, model, operation, input: None, outcome, tls: None, host: None }
    };
    let failed = |code: &str| Outcome::Failed {
        code: code.to_owned(),
        message: "You don't have permissions to access this resource.".to_owned(),
        is_fault: false,
    };
    noting.record(call(1, failed("AWSOrganizationsNotInUseException")));
    noting.record(call(1, Outcome::Done(Value::Null)));
    assert!(authorizing.denial(None, None).is_none());
    let refused = call(3, failed("AccessDeniedException"));
    let id = refused.context.request_id.as_str().to_owned();
    noting.record(refused);
    let told = |id: Option<&str>| match authorizing.denial(id, None) {
        Some(WhyDenied::ByService(refusal)) => {
            format!("{} {} {}", refusal.operation, refusal.code, refusal.message)
        }
        Some(WhyDenied::ByPolicies(denial)) => denial.operation,
        None => "nothing".to_owned(),
    };
    let expect =
        "organizations:ListRoots AccessDeniedException You don't have permissions to access this resource.";
    assert_eq!((told(None), told(Some(&id))), (expect.to_owned(), expect.to_owned()));
    // Whatever was refused last is the last.
    let denied = |secs: i64| {
        let asked = call(secs, failed("AccessDeniedException"));
        let needed = NeededPermission {
            action: "ec2:DescribeVpcs".into(),
            resources: vec![service_api::TargetResource::all()],
            keys: Vec::new(),
        };
        let arn: aws_types::Arn = "arn:aws:iam::123456789012:user/ann".parse().unwrap();
        let kind = PrincipalKind::User { name: "ann".to_owned() };
        let principal = Principal { kind, arn, ..asked.context.principal.clone() };
        let ask = RequestContext { principal, ..asked.context.clone() };
        authorizing.authorization().decide(&ask, "ec2", "DescribeVpcs", Some(&[needed])).unwrap_err();
        noting.record(asked);
    };
    denied(2);
    assert_eq!(told(None), expect);
    denied(4);
    assert_eq!(told(None), "ec2:DescribeVpcs");
    assert_eq!(told(Some("none")), "nothing");
}

/// The root user of a member is another account's, and has no policy of its own.
#[test]
fn who_may_assume_root_may_do_so_in_another_account() {
    let world = World::new();
    let sts = world.services.iter().find(|service| service.model() == "sts").unwrap();
    let text = |text: &str| Value::String(text.to_owned());
    let task = "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials";
    let policy = Value::Structure([("arn", text(task))].into_iter().collect());
    let input = [("TargetPrincipal", text("222222222222")), ("TaskPolicyArn", policy)].into_iter().collect();
    let input = Value::Structure(input);
    let allow = |condition: &str| {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"sts:AssumeRoot",
            "Resource":"arn:aws:iam::222222222222:root","Condition":{{"StringEquals":{{"sts:TaskPolicyArn":"{condition}"}}}}}}]}}"#
        );
        world.authorize(&**sts, "AssumeRoot", Some(&policy), &input)
    };
    assert_eq!(allow(task), Ok(()));
    assert!(allow("arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy").is_err());
}
