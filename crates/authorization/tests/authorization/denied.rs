//! What is not known, not shared, or named by nobody is denied; and what that costs has a limit.

use authorization::ServiceAsking;
use iam_policy::Caller;
use service_api::Sharing;
use store::Transaction;

use super::*;

/// What is not known to limit an account limits it to nothing.
#[test]
fn a_broken_organization_denies() {
    let gone = |policy_type: PolicyType, change: &dyn Fn(&mut Transaction, &Scope)| {
        let world = World::new();
        let text = if policy_type == PolicyType::ServiceControl {
            statement("Deny", "x:y", "")
        } else {
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"x:y","Resource":"*"}]}"#.to_owned()
        };
        world.organize(policy_type, &text);
        let root = Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE");
        let delete = || on("ec2:DeleteVpc", &format!("arn:aws:ec2:eu-central-1:{MEMBER}:vpc/vpc-1"), |_| {});
        assert_eq!(world.ask(&root, &[delete()]), Ok(()));
        let changed = world.store.transact(|transaction| {
            change(transaction, &Scope::global(P, account(MANAGEMENT)));
            Ok::<_, StoreError>(())
        });
        changed.unwrap();
        let told = world.told(&root, delete());
        assert!(told.contains("with an explicit deny in a ") && told.ends_with(" control policy"), "{told}");
        // Accounts outside are not bound by it.
        let other = Principal::root(P, account(OTHER), "AKIAIOSFODNN7EXAMPLE");
        assert!(world.may(&other, "ec2:DescribeVpcs"));
    };
    gone(PolicyType::ServiceControl, &|transaction, scope| {
        transaction.delete::<Member>(scope, MEMBER);
    });
    gone(PolicyType::ServiceControl, &|transaction, scope| {
        transaction.delete::<Organization>(scope, "organization");
    });
    for policy_type in [PolicyType::ServiceControl, PolicyType::ResourceControl] {
        gone(policy_type, &|transaction, scope| {
            transaction.delete::<PolicyRecord>(scope, "p-0123456789");
        });
    }
}

/// From another account both sides have to allow, and a resource without a policy does not.
#[test]
fn another_accounts_resource_without_a_policy_is_its_own_alone() {
    let world = World::new();
    let root = Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE");
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"222222222222"},"Action":"*","Resource":"*"}]}"#;
    let get = |owner: &str, policy: Option<&str>, sharing: Sharing| {
        let get = on("s3:GetObject", "arn:aws:s3:::bucket/key", |target| {
            target.owner = Some(account(owner));
            target.policy = policy.map(Into::into);
            target.sharing = sharing;
        });
        world.ask(&root, &[get]).map_err(|refusal| refusal.message)
    };
    let told = get(OTHER, None, Sharing::ByPolicy).unwrap_err();
    assert!(told.ends_with("because no resource-based policy allows the s3:GetObject action"), "{told}");
    assert_eq!(get(OTHER, Some(allow), Sharing::ByPolicy), Ok(()));
    assert_eq!(get(MEMBER, None, Sharing::ByPolicy), Ok(()));
    // Where the service looks at what is shared, it says so; a policy that is there counts all the same.
    assert_eq!(get(OTHER, None, Sharing::ByService), Ok(()));
    assert!(get(OTHER, Some(&allow.replace("2222", "9999")), Sharing::ByService).is_err());
    // Also where all resources are meant.
    let all = on("s3:GetObject", "*", |target| target.owner = Some(account(OTHER)));
    assert!(world.ask(&root, &[all]).is_err());
}

#[test]
fn what_is_needed_on_nothing_is_denied() {
    let world = World::new();
    let admin = world.user(MEMBER, "admin", &[&statement("Allow", "*", "")], |_| {});
    let nothing = NeededPermission { resources: Vec::new(), ..any("ec2:RunInstances") };
    for principal in [admin, Principal::root(P, account(MEMBER), "AKIAIOSFODNN7EXAMPLE")] {
        assert!(world.may(&principal, "ec2:DescribeVpcs"));
        let asked = [any("ec2:DescribeVpcs"), nothing.clone()];
        let told = world.ask(&principal, &asked).unwrap_err().message;
        assert!(told.contains("not authorized to perform: ec2:RunInstances"), "{told}");
    }
}

/// A policy of AWS's size whose every statement asks for a key that the request makes large.
#[test]
fn a_denial_takes_no_more_for_conditions_that_ask_for_a_large_key() {
    let world = World::new();
    let one =
        r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:UserAgent":""}}}"#;
    let many = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, vec![one; 55].join(","));
    let arns: BTreeSet<String> =
        (0..10).map(|number| world.managed(MEMBER, &format!("p{number}"), &many)).collect();
    let ann = world.user(MEMBER, "ann", &[], |user| user.attached_policies = arns);
    let agent = "a".repeat(15 << 10);
    let request = RequestContext { user_agent: agent.clone(), ..context(&ann) };
    let denied = world.authorization.decide(&request, "ec2", "Test", Some(&[any("ec2:DescribeVpcs")]));
    denied.unwrap_err();
    let denial = world.authorization.last_denial(Some(account(MEMBER))).unwrap();
    let written = serde_json::to_string(&denial).unwrap();
    assert_eq!(written.matches(&agent).count(), 1);
    assert!(written.len() < 256 << 10, "{}", written.len());
    assert_eq!(denial.explanation.policies.len(), 10);
}

fn instance_role(world: &World, trust: &str) -> bool {
    let keys = Context::new();
    let request_id = RequestId::from_bits(8);
    let by = ServiceAsking {
        request_id: &request_id,
        service: "ec2.amazonaws.com",
        account: account(MEMBER),
        partition: P,
        region: &"eu-central-1".parse().unwrap(),
        now: NOW,
    };
    let role = RoleAsked {
        caller: &Caller::Service { name: by.service.to_owned(), account: None },
        action: "sts:AssumeRole",
        arn: &format!("arn:aws:iam::{MEMBER}:role/r"),
        account: account(MEMBER),
        trust: &Policy::parse_stored(trust).unwrap(),
        keys: &keys,
    };
    world.authorization.decide_on_role_for_service(&by, &role).is_allowed()
}

#[test]
fn services_are_bound_by_resource_control_policies_and_known_by_the_organization_they_act_for() {
    let trust = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"ec2.amazonaws.com"}},"Action":"sts:AssumeRole"{condition}}}]}}"#
        )
    };
    let of_organization = trust(
        r#","Condition":{"StringEquals":{"aws:SourceOrgID":"o-abcdefghij"},"ForAnyValue:StringLike":{"aws:SourceOrgPaths":"o-abcdefghij/r-ab12/*"}}"#,
    );
    let world = World::new();
    assert!(instance_role(&world, &trust("")) && !instance_role(&world, &of_organization));
    world.organize(PolicyType::ServiceControl, &statement("Deny", "sts:AssumeRole", ""));
    assert!(instance_role(&world, &of_organization), "service control policies bind no services");
    let deny = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Resource":"*","Condition":{"Bool":{"aws:PrincipalIsAWSService":"true"}}}]}"#;
    world.organize(PolicyType::ResourceControl, deny);
    assert!(!instance_role(&world, &trust("")));
    let denial = world.authorization.denial_of(RequestId::from_bits(8).as_str()).unwrap();
    assert_eq!(
        (denial.principal.as_str(), denial.operation.as_str()),
        ("ec2.amazonaws.com", "sts:AssumeRole")
    );
    assert!(
        denial.message.contains("with an explicit deny in a resource control policy"),
        "{}",
        denial.message
    );
}

fn put_by_service(world: &World, policy: Option<&str>) -> Result<(), String> {
    let request_id = RequestId::from_bits(9);
    let by = ServiceAsking {
        request_id: &request_id,
        service: "cloudtrail.amazonaws.com",
        account: account(MEMBER),
        partition: P,
        region: &"eu-central-1".parse().unwrap(),
        now: NOW,
    };
    let object = TargetResource {
        arn: "arn:aws:s3:::b/k".to_owned(),
        owner: Some(account(OTHER)),
        policy: policy.map(Into::into),
        ..TargetResource::default()
    };
    let needed = NeededPermission {
        action: "s3:PutObject".into(),
        resources: vec![object],
        keys: vec![("aws:SourceArn".to_owned(), vec!["arn:aws:cloudtrail:::t".to_owned()])],
    };
    world.authorization.decide_for_service(&by, ("s3", "PutObject"), &needed)
}

#[test]
fn a_service_writes_where_the_resources_policy_lets_it_for_whom_it_says() {
    let world = World::new();
    let allow = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"cloudtrail.amazonaws.com"}},"Action":"s3:PutObject","Resource":"*","Condition":{{"StringEquals":{condition}}}}}]}}"#
        )
    };
    let good = allow(&format!(
        r#"{{"aws:SourceAccount":"{MEMBER}","aws:SourceArn":"arn:aws:cloudtrail:::t","aws:ResourceAccount":"{OTHER}"}}"#
    ));
    assert_eq!(put_by_service(&world, Some(&good)), Ok(()));
    let denied = put_by_service(&world, None).unwrap_err();
    assert!(denied.contains("cloudtrail.amazonaws.com") && denied.contains("s3:PutObject"), "{denied}");
    for policy in [
        allow(&format!(r#"{{"aws:SourceAccount":"{OTHER}"}}"#)),
        good.replace("cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com"),
        "no policy".to_owned(),
    ] {
        put_by_service(&world, Some(&policy)).unwrap_err();
    }
    let denial = world.authorization.denial_of(RequestId::from_bits(9).as_str()).unwrap();
    assert_eq!(
        (denial.principal.as_str(), denial.operation.as_str()),
        ("cloudtrail.amazonaws.com", "s3:PutObject")
    );
}
