//! Requests whose tags an account's tag policy does not allow do not reach their service.
//!
//! Owns where the question is asked: behind the decision whether a request may be made, in front of every service. Refuses to
//! know what a policy says, and where requests have tags.

use gateway::AccessRequest;
use service_api::ServiceError;
use store::Store;
use svc_resourcegroupstaggingapi::{EffectiveTagPolicy, refusal};

/// Whether the tag policy of its caller's account lets a request reach its service.
///
/// # Errors
/// What the service would answer to tags that the policy does not allow; a fault, where nobody can tell what the policy says.
pub(crate) fn check(
    policy: &impl EffectiveTagPolicy,
    store: &Store,
    call: AccessRequest<'_>,
) -> Result<(), ServiceError> {
    let AccessRequest { context, service, operation, input } = call;
    let rules = || policy.rules(&store.snapshot(), context.partition, context.account());
    refusal(rules, service.model(), operation, input, svc_ec2::resource_type_of).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use aws_api::ec2::{self, operation as op};
    use aws_api::{Operation, ssm};
    use aws_model::Value;
    use aws_types::{Partition, Tags};
    use gateway::Authorizer as _;
    use organization::{
        FeatureSet, JoinedMethod, ManagementPolicy, Member, Organization, PolicyContent, PolicyRecord,
        PolicyType,
    };
    use service_api::Service;
    use session_tokens::Tokens;
    use store::{MemoryBackend, StoreError};

    use super::*;
    use crate::authorizing::ByPolicies;
    use crate::testing::{Ids, NoHost, context};

    const POLICY: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},
        "tag_value":{"@@assign":["Production"]},"enforced_for":{"@@assign":["ec2:vpc","ssm:*"]}}}}"#;
    const ID: &str = "p-0123456789";

    /// An organization whose management account has this tag policy.
    fn organize(store: &Store, text: &str) {
        let account = context().account();
        let attached = BTreeMap::from([(PolicyType::Tag, vec![ID.parse().unwrap()])]);
        let organization = Organization {
            id: "o-abcdefghij".parse().unwrap(),
            management: account,
            feature_set: FeatureSet::All,
            created: context().now,
            root: "r-ab12".parse().unwrap(),
            policy_types: BTreeSet::from([PolicyType::Tag]),
            root_policies: attached,
            root_tags: Tags::default(),
            trusted_services: BTreeMap::new(),
            resource_policy: None,
            closures: Vec::new(),
        };
        let policy = PolicyRecord {
            id: ID.parse().unwrap(),
            arn: organization.arn_of(Partition::Aws, "policy", &format!("tag_policy/{ID}")),
            name: "tags".to_owned(),
            description: String::new(),
            policy_type: PolicyType::Tag,
            content: PolicyContent::Management(ManagementPolicy::new(text)),
            is_aws_managed: false,
            updated: context().now,
            tags: Tags::default(),
        };
        let member = Member {
            account,
            parent: "r-ab12".parse().unwrap(),
            method: JoinedMethod::Invited,
            joined: context().now,
            policies: BTreeMap::new(),
            tags: Tags::default(),
            delegated_services: BTreeMap::new(),
        };
        let put = store.transact(|transaction| {
            transaction.put(&organization.scope(Partition::Aws), ID, policy.clone());
            organization::join(transaction, Partition::Aws, &organization, member.clone());
            organization.clone().put(transaction, Partition::Aws);
            Ok::<_, StoreError>(())
        });
        put.unwrap();
    }

    fn admit<O: Operation>(store: &Store, service: &dyn Service, input: O::Input) -> Result<(), ServiceError>
    where
        O::Input: Into<Value>,
    {
        let authorizing = ByPolicies::new(store.clone(), Tokens::with_key(&[7; 32]));
        let (context, input) = (context(), input.into());
        authorizing.admit(AccessRequest { context: &context, service, operation: O::NAME, input: &input })
    }

    fn vpc(value: &str) -> ec2::CreateVpcRequest {
        let tag = ec2::Tag { key: Some("CostCenter".to_owned()), value: Some(value.to_owned()) };
        ec2::CreateVpcRequest {
            cidr_block: Some("10.0.0.0/16".to_owned()),
            tag_specifications: Some(vec![ec2::TagSpecification {
                resource_type: Some("vpc".to_owned()),
                tags: Some(vec![tag]),
            }]),
            ..Default::default()
        }
    }

    /// Whichever service is asked, as it is given to the gateway: none has to be wrapped for it.
    #[test]
    fn tags_are_looked_at_in_front_of_every_service() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = svc_ec2::Ec2::new(store.clone(), Ids::default(), NoHost, svc_ec2::Config::default());
        let ssm = svc_ssm::Ssm::new(store.clone(), Arc::new(Ids::default()));
        let parameter = || ssm::PutParameterRequest {
            name: "a".to_owned(),
            value: "b".to_owned(),
            tags: Some(vec![ssm::Tag { key: "costcenter".to_owned(), value: "Production".to_owned() }]),
            ..Default::default()
        };
        assert_eq!(admit::<op::CreateVpc>(&store, &ec2, vpc("Prod")), Ok(()), "no organization, no policy");
        organize(&store, POLICY);
        assert_eq!(admit::<op::CreateVpc>(&store, &ec2, vpc("Production")), Ok(()));
        let refused = admit::<op::CreateVpc>(&store, &ec2, vpc("Prod")).unwrap_err();
        assert_eq!(refused.code, "TagPolicyViolation");
        let refused = admit::<ssm::operation::PutParameter>(&store, &ssm, parameter()).unwrap_err();
        assert_eq!(refused.code, "AccessDeniedException");
    }

    /// What nobody can read does not mean that everything is right.
    #[test]
    fn a_policy_that_cannot_be_read_lets_no_tag_pass() {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = svc_ec2::Ec2::new(store.clone(), Ids::default(), NoHost, svc_ec2::Config::default());
        organize(&store, "{");
        let refused = admit::<op::CreateVpc>(&store, &ec2, vpc("Production")).unwrap_err();
        assert!(refused.is_fault && refused.message.contains(ID), "{refused}");
        let plain = ec2::CreateVpcRequest { tag_specifications: None, ..vpc("Production") };
        assert_eq!(admit::<op::CreateVpc>(&store, &ec2, plain), Ok(()), "it has no tags");
        let gone = store.transact(|transaction| {
            let scope = store::Scope::global(Partition::Aws, context().account());
            transaction.delete::<PolicyRecord>(&scope, ID);
            Ok::<_, StoreError>(())
        });
        gone.unwrap();
        assert!(admit::<op::CreateVpc>(&store, &ec2, vpc("Production")).unwrap_err().is_fault);
    }
}
