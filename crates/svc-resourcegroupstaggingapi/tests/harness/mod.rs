//! A cloud of few resources, whose tags are in memory.

#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_api::Operation;
use aws_model::Value;
use aws_types::{AccountId, Arn, Partition, Region, Tag, Tags, Timestamp};
use management_policies::{Attached, Document, PolicyKind, TagRules, effective};
use parking_lot::Mutex;
use service_api::{Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Scope, Snapshot, Store};
use svc_resourcegroupstaggingapi::{
    EffectiveTagPolicy, Member, NoMembers, ResourceGroupsTagging, TaggedResource, TaggedResources,
};

pub const ACCOUNT: &str = "123456789012";
pub const OTHER: &str = "210987654321";
pub const POLICY: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},
    "tag_value":{"@@assign":["Production","Sandbox"]},"enforced_for":{"@@assign":["ec2:vpc"]},
    "report_required_tag_for":{"@@assign":["ec2:instance"]}}}}"#;

#[derive(Clone, Default)]
pub struct Resources(pub Arc<Mutex<BTreeMap<String, Tags>>>);

fn resource((arn, tags): (&String, &Tags)) -> TaggedResource {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let kind = parts[5].split('/').next().unwrap();
    TaggedResource {
        arn: arn.parse().unwrap(),
        resource_type: format!("{}:{kind}", parts[2]),
        tags: tags.clone(),
    }
}

impl Resources {
    fn change(&self, arn: &Arn, change: impl Fn(&mut Tags)) -> Result<(), ServiceError> {
        let mut held = self.0.lock();
        let missing = || ServiceError::new("InvalidID.NotFound", format!("{arn} does not exist"));
        change(held.get_mut(arn.as_str()).ok_or_else(missing)?);
        Ok(())
    }
}

impl TaggedResources for Resources {
    fn regions(&self) -> Vec<Region> {
        ["us-east-1", "eu-west-1"].map(|region| region.parse().unwrap()).to_vec()
    }

    fn list(&self, _: &Snapshot, scope: &Scope, _: Timestamp) -> Vec<TaggedResource> {
        let place = format!(":{}:{}:", scope.region, scope.account);
        // In an order that is not that of the ARNs.
        self.0.lock().iter().rev().filter(|(arn, _)| arn.contains(&place)).map(resource).collect()
    }

    fn tag(&self, _: &RequestContext, arn: &Arn, tags: &Tags) -> Result<(), ServiceError> {
        self.change(arn, |held| {
            tags.iter().for_each(|(key, value)| held.set(Tag { key: key.into(), value: value.into() }));
        })
    }

    fn untag(&self, _: &RequestContext, arn: &Arn, keys: &[String]) -> Result<(), ServiceError> {
        self.change(arn, |held| keys.iter().for_each(|key| held.remove(key, None)))
    }
}

/// What both accounts of the organization have to keep to.
pub struct Policy {
    rules: TagRules,
    no_members: Option<NoMembers>,
}

impl EffectiveTagPolicy for Policy {
    fn rules(&self, _: &Snapshot, _: Partition, _: AccountId) -> Result<TagRules, ServiceError> {
        Ok(self.rules.clone())
    }

    fn members(&self, _: &Snapshot, _: Partition, account: AccountId) -> Result<Vec<Member>, NoMembers> {
        if account.to_string() != ACCOUNT {
            return Err(NoMembers::NotManagement);
        }
        if let Some(reason) = self.no_members {
            return Err(reason);
        }
        let member = |account: &str, unit: &str| Member {
            account: account.parse().unwrap(),
            ancestors: vec!["r-1234".to_owned(), unit.to_owned()],
        };
        Ok(vec![member(ACCOUNT, "ou-1234-aaaaaaaa"), member(OTHER, "ou-1234-bbbbbbbb")])
    }
}

pub fn rules(policy: &str) -> TagRules {
    let document = Document::parse(PolicyKind::Tag, policy).unwrap();
    let level = vec![Attached { policy_id: "p-12345678", document: &document }];
    TagRules::of(&effective(PolicyKind::Tag, &[level]).unwrap())
}

pub struct Cloud {
    pub resources: Resources,
    service: ResourceGroupsTagging,
}

impl Cloud {
    pub fn new(policy: &str) -> Self {
        Self::with(policy, None)
    }

    pub fn with(policy: &str, no_members: Option<NoMembers>) -> Self {
        let resources = Resources::default();
        let store = Store::open(MemoryBackend::new()).unwrap();
        let policy = Policy { rules: rules(policy), no_members };
        Self { resources: resources.clone(), service: ResourceGroupsTagging::new(store, resources, policy) }
    }

    /// Puts in a resource by the end of its ARN: of `ACCOUNT` in us-east-1.
    pub fn put(&self, service: &str, name: &str, tags: &[(&str, &str)]) -> String {
        self.put_in("us-east-1", ACCOUNT, service, name, tags)
    }

    pub fn put_in(
        &self,
        region: &str,
        account: &str,
        service: &str,
        name: &str,
        tags: &[(&str, &str)],
    ) -> String {
        let arn = format!("arn:aws:{service}:{region}:{account}:{name}");
        let tags =
            tags.iter().map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() }).collect();
        self.resources.0.lock().insert(arn.clone(), tags);
        arn
    }

    pub fn tags(&self, arn: &str) -> Vec<(String, String)> {
        self.resources.0.lock()[arn].iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    pub fn call<O: Operation>(&self, account: &str, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let context = RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal: Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(0),
            now: Timestamp::from_unix_secs(1_800_000_000),
            source_ip: [127, 0, 0, 1].into(),
            user_agent: String::new(),
            secure_transport: false,
            way: service_api::Way::default(),
        };
        let answer = self.service.call(&context, O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    #[track_caller]
    pub fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        self.call::<O>(ACCOUNT, input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }

    #[track_caller]
    pub fn refuses<O: Operation>(&self, input: O::Input, code: &str, message: &str)
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let Err(error) = self.call::<O>(ACCOUNT, input) else { panic!("{} did it", O::NAME) };
        assert_eq!(error.code, code, "{error}");
        assert!(error.message.contains(message) && !error.is_fault, "{error}");
    }
}

pub fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}
