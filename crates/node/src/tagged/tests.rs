//! Tags over all services, and a tag policy in front of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use aws_api::resourcegroupstaggingapi::{self as api, operation as op};
use aws_types::{AccountId, Partition};
use iam_policy::Policy;
use identities::User;
use management_policies::{Attached, Document, PolicyKind, TagRules, effective};
use service_api::{Principal, PrincipalKind};
use session_tokens::Tokens;
use store::{MemoryBackend, Store, StoreError};
use svc_backup::EffectiveBackupPolicy;
use svc_resourcegroupstaggingapi::{EffectiveTagPolicy, Member, NoMembers, ResourceGroupsTagging};

use super::*;
use crate::organization::OfOrganization;
use crate::shareable::Shareable;
use crate::tag_policy;
use crate::testing::{Ids, NoHost, context};

const POLICY: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},
    "tag_value":{"@@assign":["Production"]},"enforced_for":{"@@assign":["ec2:vpc","ssm:*"]}}}}"#;

/// One policy for everybody.
#[derive(Clone)]
struct Everybody(TagRules);

impl EffectiveTagPolicy for Everybody {
    fn rules(&self, _: &Snapshot, _: Partition, _: AccountId) -> Result<TagRules, ServiceError> {
        Ok(self.0.clone())
    }

    fn members(&self, _: &Snapshot, _: Partition, _: AccountId) -> Result<Vec<Member>, NoMembers> {
        Err(NoMembers::NotManagement)
    }
}

/// A service that is asked as the gateway asks it: behind the tag policy.
struct Admitted<P> {
    service: Arc<dyn Service>,
    store: Store,
    policy: P,
}

impl<P: EffectiveTagPolicy> Service for Admitted<P> {
    fn model(&self) -> &'static str {
        self.service.model()
    }

    fn implements(&self, operation: &str) -> bool {
        self.service.implements(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        let model = aws_model::service(self.model()).unwrap().model();
        let operation = model.operation(operation).unwrap().name;
        let service = &*self.service;
        let asked = gateway::AccessRequest { context, service, operation, input: &input };
        tag_policy::check(&self.policy, &self.store, asked)?;
        service.call(context, operation, input)
    }
}

fn guarded(service: Arc<dyn Service>, store: Store, policy: impl EffectiveTagPolicy) -> Arc<dyn Service> {
    Arc::new(Admitted { service, store, policy })
}

fn rules() -> TagRules {
    let document = Document::parse(PolicyKind::Tag, POLICY).unwrap();
    let level = vec![Attached { policy_id: "p-12345678", document: &document }];
    TagRules::of(&effective(PolicyKind::Tag, &[level]).unwrap())
}

struct Cloud {
    services: Vec<Arc<dyn Service>>,
    store: Store,
}

impl Cloud {
    /// All services that carry tags, and the one over them, under a tag policy.
    fn new(policy: impl EffectiveTagPolicy + Clone) -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = Arc::new(Ec2::new(store.clone(), Ids::default(), NoHost, svc_ec2::Config::default()));
        ec2.ensure_region(&context().scope(), context().now).unwrap();
        let ids = Arc::new(Ids::default());
        let tagged = Tagged {
            ssm: Arc::new(Ssm::new(store.clone(), ids.clone())),
            ram: Arc::new(Ram::new(store.clone(), ids.clone(), Shareable)),
            authorizing: ByPolicies::new(store.clone(), Tokens::with_key(&[7; 32])),
            backup: Arc::new(Backup::new(store.clone(), ids, OfOrganization)),
            ec2,
        };
        let services: [Arc<dyn Service>; 4] =
            [tagged.ec2.clone(), tagged.ssm.clone(), tagged.ram.clone(), tagged.backup.clone()];
        let guard = |service| guarded(service, store.clone(), policy.clone());
        let mut services: Vec<_> = services.into_iter().map(guard).collect();
        services.push(Arc::new(ResourceGroupsTagging::new(store.clone(), tagged, policy)));
        Self { services, store }
    }

    fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        self.call_by::<O>(&context(), input)
    }

    /// Calls a service past the gateway, which would ask for the permission to call it.
    fn call_by<O: Operation>(
        &self,
        context: &RequestContext,
        input: O::Input,
    ) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        let service = self.services.iter().find(|service| service.model() == O::SERVICE).unwrap();
        Ok(O::Output::try_from(service.call(context, O::NAME, input.into())?).unwrap())
    }

    /// A request of a user with this policy.
    fn user(&self, policy: &str) -> RequestContext {
        let root = context();
        let arn: Arn = "arn:aws:iam::123456789012:user/ann".parse().unwrap();
        let user = User {
            id: "AIDAANN".to_owned(),
            name: "ann".to_owned(),
            path: "/".to_owned(),
            arn: arn.clone(),
            created: root.now,
            password_last_used: None,
            permissions_boundary: None,
            inline_policies: [("p".to_owned(), Policy::parse_stored(policy).unwrap())].into(),
            attached_policies: BTreeSet::new(),
            groups: BTreeSet::new(),
            tags: Tags::default(),
        };
        let scope = Scope::global(Partition::Aws, root.account());
        let put = self.store.transact(|transaction| {
            transaction.put(&scope, "ann", user.clone());
            Ok::<_, StoreError>(())
        });
        put.unwrap();
        let kind = PrincipalKind::User { name: "ann".to_owned() };
        let principal = Principal { kind, arn, user_id: user.id, ..root.principal };
        RequestContext { principal, ..root }
    }

    #[track_caller]
    fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        self.call::<O>(input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    /// A resource of each service.
    fn fill(&self) -> [String; 4] {
        let vpc = ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".to_owned()), ..Default::default() };
        let vpc = self.ok::<ec2::operation::CreateVpc>(vpc).vpc.unwrap().vpc_id.unwrap();
        self.ok::<ssm::operation::PutParameter>(ssm::PutParameterRequest {
            name: "/app/port".to_owned(),
            value: "80".to_owned(),
            r#type: Some("String".to_owned()),
            ..Default::default()
        });
        let share = ram::CreateResourceShareRequest { name: "net".to_owned(), ..Default::default() };
        let share = self.ok::<ram::operation::CreateResourceShare>(share).resource_share.unwrap();
        let vault =
            backup::CreateBackupVaultInput { backup_vault_name: "vault".to_owned(), ..Default::default() };
        let vault = self.ok::<backup::operation::CreateBackupVault>(vault).backup_vault_arn.unwrap();
        [
            vault,
            format!("arn:aws:ec2:us-east-1:123456789012:vpc/{vpc}"),
            share.resource_share_arn.unwrap(),
            "arn:aws:ssm:us-east-1:123456789012:parameter/app/port".to_owned(),
        ]
    }

    fn tag(&self, arns: &[String], key: &str, value: &str) -> BTreeMap<String, api::FailureInfo> {
        let tags = BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let input = api::TagResourcesInput { resource_arn_list: arns.to_vec(), tags };
        self.ok::<op::TagResources>(input).failed_resources_map.unwrap()
    }

    fn tagged(&self) -> Vec<String> {
        let found = self.ok::<op::GetResources>(api::GetResourcesInput::default());
        found.resource_tag_mapping_list.unwrap().into_iter().map(|one| one.resource_arn.unwrap()).collect()
    }
}

#[test]
fn the_resources_of_all_services_are_tagged_found_and_untagged() {
    let cloud = Cloud::new(OfOrganization);
    let arns = cloud.fill();
    assert_eq!(cloud.tagged(), [] as [&str; 0]);
    assert_eq!(cloud.tag(&arns, "Stage", "prod"), BTreeMap::new());
    assert_eq!(cloud.tagged(), arns);
    // The services have the tags themselves.
    let held = cloud.ok::<ec2::operation::DescribeTags>(Default::default()).tags.unwrap();
    assert_eq!((held.len(), held[0].value.as_deref()), (1, Some("prod")));
    let held = ssm::ListTagsForResourceRequest {
        resource_type: "Parameter".to_owned(),
        resource_id: "/app/port".to_owned(),
    };
    assert_eq!(cloud.ok::<ssm::operation::ListTagsForResource>(held).tag_list.unwrap().len(), 1);
    for (wrong, message) in [
        ("arn:aws:ec2:us-east-1:123456789012:vpc/vpc-0123456789abcdef0", "does not exist"),
        ("arn:aws:ec2:us-east-1:123456789012:vpc/subnet-0123456789abcdef0", "no resource of EC2"),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/none", "not valid"),
        ("arn:aws:backup:us-east-1:123456789012:backup-vault:none", "does not exist"),
        ("arn:aws:s3:::bucket", "cannot be tagged here"),
    ] {
        let failed = cloud.tag(&[wrong.to_owned()], "Stage", "prod");
        assert!(failed[wrong].error_message.as_ref().unwrap().contains(message), "{failed:?}");
    }
    let untag =
        api::UntagResourcesInput { resource_arn_list: arns.to_vec(), tag_keys: vec!["Stage".to_owned()] };
    assert_eq!(cloud.ok::<op::UntagResources>(untag).failed_resources_map, Some(BTreeMap::new()));
    assert_eq!(cloud.tagged(), [] as [&str; 0]);
}

/// What was not done: `CODE STATUS`, by service.
fn failures(failed: &BTreeMap<String, api::FailureInfo>) -> BTreeMap<&str, String> {
    let told = |info: &api::FailureInfo| {
        format!("{} {}", info.error_code.as_deref().unwrap(), info.status_code.unwrap())
    };
    failed.iter().map(|(arn, info)| (arn.split(':').nth(2).unwrap(), told(info))).collect()
}

#[test]
fn who_tags_by_this_api_needs_the_permission_of_each_resources_service() {
    let cloud = Cloud::new(OfOrganization);
    let arns = cloud.fill();
    let [vault, vpc, share, parameter] = &arns;
    // The permission to call this API does not reach any resource.
    let tag = |policy: &str, key: &str| {
        let tags = BTreeMap::from([(key.to_owned(), "x".to_owned())]);
        let input = api::TagResourcesInput { resource_arn_list: arns.to_vec(), tags };
        cloud.call_by::<op::TagResources>(&cloud.user(policy), input).unwrap().failed_resources_map.unwrap()
    };
    let untag = |policy: &str, key: &str| {
        let tag_keys = vec![key.to_owned()];
        let input = api::UntagResourcesInput { resource_arn_list: arns.to_vec(), tag_keys };
        cloud.call_by::<op::UntagResources>(&cloud.user(policy), input).unwrap().failed_resources_map.unwrap()
    };
    let statement = |action: &str, resource: &str| {
        format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
    };
    let policy = |statements: &[String]| {
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
    };
    let this_api = statement("tag:*", "*");
    let rest = "AccessDeniedException 403".to_owned();
    let denied = BTreeMap::from([
        ("backup", rest.clone()),
        ("ec2", "UnauthorizedOperation 403".to_owned()),
        ("ram", rest.clone()),
        ("ssm", "AccessDeniedException 400".to_owned()),
    ]);
    let failed = tag(&policy(std::slice::from_ref(&this_api)), "Stage");
    assert_eq!(failures(&failed), denied);
    let told = failed[vpc].error_message.as_deref().unwrap();
    assert!(
        told.contains(&format!("user/ann is not authorized to perform: ec2:CreateTags on resource: {vpc}")),
        "{told}"
    );
    assert_eq!(cloud.tagged(), [] as [&str; 0]);
    // Each is asked for by itself: those that may be tagged are.
    let some =
        policy(&[this_api, statement("ec2:CreateTags", vpc), statement("ssm:AddTagsToResource", parameter)]);
    let two: BTreeMap<_, _> = [("backup", rest.clone()), ("ram", rest)].into();
    assert_eq!(failures(&tag(&some, "Stage")), two);
    assert_eq!(cloud.tagged(), [vpc.clone(), parameter.clone()]);
    let rest_of_them = [statement("backup:TagResource", vault), statement("ram:TagResource", share)];
    let failed = tag(&policy(&rest_of_them), "Stage");
    assert_eq!(failed.keys().collect::<Vec<_>>(), [vpc, parameter]);
    assert_eq!(cloud.tagged(), arns);
    // Tags are taken away by actions of their own.
    assert_eq!(failures(&untag(&some, "Stage")), denied);
    assert_eq!(cloud.tagged(), arns);
    let all = policy(&[
        statement("ec2:DeleteTags", vpc),
        statement("ssm:RemoveTagsFromResource", parameter),
        statement("backup:UntagResource", vault),
        statement("ram:UntagResource", share),
    ]);
    assert_eq!(untag(&all, "Stage"), BTreeMap::new());
    assert_eq!(cloud.tagged(), [] as [&str; 0]);
    // Conditions see the tags of requests and of resources.
    let of_keys = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":
        {"ForAllValues:StringEquals":{"aws:TagKeys":["Stage"]}}}]}"#;
    assert_eq!(failures(&tag(of_keys, "Owner")), denied);
    assert_eq!(tag(of_keys, "Stage"), BTreeMap::new());
    let of_tagged = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":
        {"StringEquals":{"aws:ResourceTag/Stage":"x"}}}]}"#;
    assert_eq!(untag(of_tagged, "Stage"), BTreeMap::new());
    assert_eq!(failures(&tag(of_tagged, "Stage")), denied);
}

#[test]
fn tags_that_a_policy_forbids_do_not_reach_the_service() {
    let cloud = Cloud::new(Everybody(rules()));
    let arns = cloud.fill();
    let vpc = arns[1].rsplit('/').next().unwrap();
    let create = |id: &str, key: &str, value: &str| {
        cloud.call::<ec2::operation::CreateTags>(ec2::CreateTagsRequest {
            resources: vec![id.to_owned()],
            tags: vec![ec2::Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) }],
            dry_run: None,
        })
    };
    let error = create(vpc, "CostCenter", "Prod").unwrap_err();
    assert_eq!(error.code, "TagPolicyViolation");
    assert_eq!(create(vpc, "costcenter", "Production").unwrap_err().code, "TagPolicyViolation");
    let with_tag = ec2::CreateVpcRequest {
        cidr_block: Some("10.1.0.0/16".to_owned()),
        tag_specifications: Some(vec![ec2::TagSpecification {
            resource_type: Some("vpc".to_owned()),
            tags: Some(vec![ec2::Tag { key: Some("CostCenter".to_owned()), value: Some("Prod".to_owned()) }]),
        }]),
        ..Default::default()
    };
    assert_eq!(cloud.call::<ec2::operation::CreateVpc>(with_tag).unwrap_err().code, "TagPolicyViolation");
    let failed = cloud.tag(&arns, "CostCenter", "Prod");
    assert_eq!(failed.keys().collect::<Vec<_>>(), [&arns[1], &arns[3]], "it is enforced for these two");
    assert_eq!(cloud.tagged(), [arns[0].clone(), arns[2].clone()]);
    create(vpc, "CostCenter", "Production").unwrap();
    assert_eq!(cloud.tagged().len(), 3);
}

#[test]
fn without_an_organization_no_policy_is_in_force() {
    let (snapshot, account) = (Store::open(MemoryBackend::new()).unwrap().snapshot(), context().account());
    assert!(OfOrganization.rules(&snapshot, Partition::Aws, account).unwrap().is_empty());
    assert_eq!(OfOrganization.members(&snapshot, Partition::Aws, account), Err(NoMembers::NotManagement));
    assert_eq!(OfOrganization.plans(&snapshot, Partition::Aws, account).unwrap(), None);
}
