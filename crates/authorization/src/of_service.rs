//! What services of AWS may do with resources by themselves, such as write into somebody's bucket.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html>

use std::collections::HashMap;

use iam_policy::{Attached, Caller, Policies, Request, ResourceRule, evaluate};
use service_api::NeededPermission;

use crate::read_policies::ResourcePolicies;
use crate::standing::Standing;
use crate::{Asked, Authorization, Owner, ServiceAsking, keys, set_all};

impl Authorization {
    /// Decides whether a service may do what an operation of a service (by the name of its model) needs. The policies of the
    /// resources have the say, and the resource control policies of their accounts. A resource without an owner is of the account
    /// that the service acts for.
    ///
    /// # Errors
    /// The words of the denial.
    pub fn decide_for_service(
        &self,
        by: &ServiceAsking<'_>,
        (service, operation): (&str, &str),
        needed: &NeededPermission,
    ) -> Result<(), String> {
        let snapshot = self.store.snapshot();
        let standing = Standing::of(&snapshot, by.partition, by.account);
        let asked = Asked {
            request_id: by.request_id,
            at: by.now,
            partition: by.partition,
            region: by.region,
            account: by.account,
            arn: by.service,
            service,
            operation,
            standing: &standing,
            snapshot: &snapshot,
        };
        let caller = Caller::Service { name: by.service.to_owned(), account: Some(by.account) };
        let (mut owners, mut read) = (HashMap::new(), ResourcePolicies::default());
        for resource in &needed.resources {
            let mut keys = keys::of_service(by.now, by.region, by.service, by.account, &standing);
            // Services speak to each other by TLS alone.
            keys.set("aws:SecureTransport", "true");
            set_all(&mut keys, &needed.keys);
            set_all(&mut keys, &resource.keys);
            let account = resource.owner.unwrap_or(by.account);
            let owner = Owner::among(&mut owners, &asked, account);
            owner.set(&mut keys);
            let policy = resource.policy.as_ref().map(|text| read.read(text));
            let policies = Policies {
                resource: policy.as_ref().map(|policy| Attached {
                    name: &resource.arn,
                    owner: &resource.arn,
                    policy,
                }),
                resource_rule: ResourceRule::Required,
                resource_owner: Some(account),
                resource_control: owner.controls.attached(),
                ..Policies::default()
            };
            let question =
                Request { caller: &caller, action: &needed.action, resource: &resource.arn, context: &keys };
            let decision = evaluate(&policies, &question);
            if !decision.is_allowed() {
                return Err(self.remember(&asked, &policies, &question, &decision));
            }
        }
        Ok(())
    }
}
