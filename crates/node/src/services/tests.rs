//! All services together, under the tag policy of an organization.

use std::fmt::Debug;

use aws_api::organizations::{self as orgs, operation as of_orgs};
use aws_api::resourcegroupstaggingapi::{self as tagging, operation as of_tagging};
use aws_api::{Operation, iam, iam::operation as of_iam};
use aws_model::Value;
use aws_types::{Partition, Timestamp};
use gateway::{AccessRequest, Authorizer as _};
use service_api::ServiceError;
use store::{MemoryBackend, StoreError};

use super::*;
use crate::testing::{NoHost, context, s3};

const TAG_POLICY: &str = r#"{"tags":{"CostCenter":{"tag_key":{"@@assign":"CostCenter"},
    "tag_value":{"@@assign":["Production"]},
    "enforced_for":{"@@assign":["iam:policy","organizations:ou"]}}}}"#;
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;

struct Cloud {
    services: Services,
    authorizing: ByPolicies,
    _directory: tempfile::TempDir,
}

impl Cloud {
    /// The first account manages an organization.
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let put = store.transact(|transaction| {
            let id = context().account();
            let account = identities::Account {
                id,
                created: Timestamp::default(),
                name: None,
                is_further: false,
                email: None,
                state: identities::AccountState::Active,
                contact: None,
            };
            transaction.put(&Scope::global(Partition::Aws, id), &id.to_string(), account);
            Ok::<_, StoreError>(())
        });
        put.unwrap();
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
        let services = Services::new(behaviour, NoHost, shared);
        Self { services, authorizing, _directory: directory }
    }

    fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        let service = self.services.all.iter().find(|service| service.model() == O::SERVICE).unwrap();
        let (context, input) = (context(), input.into());
        let asked =
            AccessRequest { context: &context, service: &**service, operation: O::NAME, input: &input };
        self.authorizing.admit(asked)?;
        Ok(O::Output::try_from(service.call(&context, O::NAME, input)?).unwrap())
    }

    #[track_caller]
    fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value, Error: Debug>,
    {
        self.call::<O>(input).unwrap_or_else(|error| panic!("{}: {error}", O::NAME))
    }
}

#[test]
fn tag_policies_bear_on_what_belongs_to_no_region() {
    let cloud = Cloud::new();
    cloud.ok::<of_orgs::CreateOrganization>(Default::default());
    let root = cloud.ok::<of_orgs::ListRoots>(Default::default()).roots.unwrap().remove(0).id.unwrap();
    let enable =
        orgs::EnablePolicyTypeRequest { root_id: root.clone(), policy_type: "TAG_POLICY".to_owned() };
    cloud.ok::<of_orgs::EnablePolicyType>(enable);
    let policy = orgs::CreatePolicyRequest {
        content: TAG_POLICY.to_owned(),
        description: "x".to_owned(),
        name: "cost".to_owned(),
        r#type: "TAG_POLICY".to_owned(),
        ..Default::default()
    };
    let policy =
        cloud.ok::<of_orgs::CreatePolicy>(policy).policy.unwrap().policy_summary.unwrap().id.unwrap();
    cloud.ok::<of_orgs::AttachPolicy>(orgs::AttachPolicyRequest {
        policy_id: policy,
        target_id: root.clone(),
    });

    let create = |value: &str| iam::CreatePolicyRequest {
        policy_name: "deny".to_owned(),
        policy_document: DENY.to_owned(),
        tags: Some(vec![iam::Tag { key: "CostCenter".to_owned(), value: value.to_owned() }]),
        ..Default::default()
    };
    assert_eq!(cloud.call::<of_iam::CreatePolicy>(create("Prod")).unwrap_err().code, "AccessDenied");
    let arn = cloud.ok::<of_iam::CreatePolicy>(create("Production")).policy.unwrap().arn.unwrap();
    let unit = |value: &str| orgs::CreateOrganizationalUnitRequest {
        parent_id: root.clone(),
        name: "Core".to_owned(),
        tags: Some(vec![orgs::Tag { key: "CostCenter".to_owned(), value: value.to_owned() }]),
    };
    let refused = cloud.call::<of_orgs::CreateOrganizationalUnit>(unit("Prod")).unwrap_err();
    assert_eq!(refused.code, "ConstraintViolationException");
    let unit = cloud.ok::<of_orgs::CreateOrganizationalUnit>(unit("Production")).organizational_unit.unwrap();
    let found = cloud.ok::<of_tagging::GetResources>(tagging::GetResourcesInput::default());
    let found: Vec<_> =
        found.resource_tag_mapping_list.unwrap().into_iter().map(|one| one.resource_arn).collect();
    assert_eq!(found, [Some(arn), unit.arn]);
}
