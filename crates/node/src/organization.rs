//! What services ask of the organization that an account is in.
//!
//! Owns the answers: effective tag and backup policies, the members whom an administrator sees, and who manages trails. Refuses
//! to know how organizations come to be (`svc-organizations`), how policies merge (`management-policies`) and what follows
//! from them (the service that asks).

use std::sync::Arc;

use aws_api::Operation;
use aws_api::organizations::{self as api, operation as op};
use aws_model::Value;
use aws_types::{AccountId, Partition, Timestamp};
use management_policies::{BackupPlans, PolicyKind, TagRules};
use organization::{
    BrokenOrganization, FeatureSet, Level, Member as OrganizationMember, PolicyType, effective_policy,
    is_administrator_of, levels,
};
use service_api::{RequestContext, Service as _, ServiceError};
use store::{Read as _, Snapshot, Store};
use svc_backup::EffectiveBackupPolicy;
use svc_iam::OrganizationPolicy;
use svc_organizations::Organizations;
use svc_resourcegroupstaggingapi::{EffectiveTagPolicy, Member, NoMembers};

/// The service principals that act for an organization.
const TAG_POLICIES: &str = "tagpolicies.tag.amazonaws.com";
const CLOUD_TRAIL: &str = "cloudtrail.amazonaws.com";
const IAM: &str = "iam.amazonaws.com";

/// The policies that an account's organization sets for it.
#[derive(Clone, Copy)]
pub(crate) struct OfOrganization;

impl EffectiveTagPolicy for OfOrganization {
    fn rules(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Result<TagRules, ServiceError> {
        let found =
            effective_policy(snapshot, partition, account, PolicyKind::Tag).map_err(|one| fault(&one))?;
        Ok(found.map(|found| TagRules::of(&found.effective)).unwrap_or_default())
    }

    fn members(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Result<Vec<Member>, NoMembers> {
        let organization = organization::organization_of(snapshot, partition, account);
        let organization = organization
            .filter(|_| is_administrator_of(snapshot, partition, account, TAG_POLICIES))
            .ok_or(NoMembers::NotManagement)?;
        if !organization.trusted_services.contains_key(TAG_POLICIES) {
            return Err(NoMembers::NotTrusted);
        }
        let members = snapshot.scan::<OrganizationMember>(&organization.scope(partition));
        let ancestors = |account: AccountId| {
            let path = organization::path_of(snapshot, partition, account).unwrap_or_default();
            // Behind the organization's own id.
            path.split('/').skip(1).filter(|id| !id.is_empty()).map(str::to_owned).collect()
        };
        Ok(members
            .map(|(_, member)| Member { account: member.account, ancestors: ancestors(member.account) })
            .collect())
    }
}

impl EffectiveBackupPolicy for OfOrganization {
    fn plans(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Result<Option<(BackupPlans, Timestamp)>, ServiceError> {
        let found = effective_policy(snapshot, partition, account, PolicyKind::Backup);
        let found = found.map_err(|broken| fault(&broken))?;
        Ok(found.map(|found| (BackupPlans::of(&found.effective, &account.to_string()), found.updated)))
    }
}

impl svc_iam::Organization for OfOrganization {
    fn membership(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Option<svc_iam::Membership> {
        let organization = organization::organization_of(snapshot, partition, account)?;
        let is_management = organization.management == account;
        Some(svc_iam::Membership {
            organization_id: organization.id.as_str().to_owned(),
            has_all_features: organization.feature_set == FeatureSet::All,
            is_management,
            is_delegated_administrator: !is_management
                && is_administrator_of(snapshot, partition, account, IAM),
            trusts_iam: organization.trusted_services.contains_key(IAM),
        })
    }

    fn service_control(
        &self,
        snapshot: &Snapshot,
        partition: Partition,
        account: AccountId,
    ) -> Vec<Vec<OrganizationPolicy>> {
        let levels = match levels(snapshot, partition, account, PolicyType::ServiceControl) {
            Ok(levels) => levels.unwrap_or_default(),
            // As it is for requests: what is not known denies.
            Err(broken) => {
                let id = broken.to_string();
                return vec![vec![OrganizationPolicy { id, policy: BrokenOrganization::policy().clone() }]];
            }
        };
        let of_level = |level: &Level| {
            let policies = level.policies.iter();
            let found = policies.filter_map(|policy| {
                let id = policy.arn.to_string();
                Some(OrganizationPolicy { id, policy: policy.permissions()?.clone() })
            });
            found.collect()
        };
        levels.iter().map(of_level).collect()
    }
}

/// What is answered where an account's organization cannot be told: the log has the cause.
fn fault(broken: &BrokenOrganization) -> ServiceError {
    ServiceError::internal(format!("the policies of an organization: {broken}"))
}

/// Who manages the trails of organizations.
pub(crate) struct TrailAdministrators {
    pub(crate) store: Store,
    pub(crate) organizations: Arc<Organizations>,
}

impl svc_cloudtrail::Organizations for TrailAdministrators {
    fn membership(&self, account: AccountId) -> Option<svc_cloudtrail::Membership> {
        let snapshot = self.store.snapshot();
        let organization = organization::organization_of(&snapshot, Partition::Aws, account)?;
        Some(svc_cloudtrail::Membership {
            organization: organization.id.as_str().to_owned(),
            management: organization.management,
            has_all_features: organization.feature_set == FeatureSet::All,
            trusts_cloudtrail: organization.trusted_services.contains_key(CLOUD_TRAIL),
        })
    }

    fn set_administrator(
        &self,
        context: &RequestContext,
        account: AccountId,
        is_administrator: bool,
    ) -> Result<(), ServiceError> {
        let (operation, input) = administrator_request(account.to_string(), is_administrator);
        self.organizations.call(context, operation, input).map(drop)
    }
}

/// The request to the organization that makes an account an administrator of trails, or no longer.
fn administrator_request(account_id: String, is_administrator: bool) -> (&'static str, Value) {
    let service_principal = CLOUD_TRAIL.to_owned();
    if is_administrator {
        let request = api::RegisterDelegatedAdministratorRequest { account_id, service_principal };
        (op::RegisterDelegatedAdministrator::NAME, request.into())
    } else {
        let request = api::DeregisterDelegatedAdministratorRequest { account_id, service_principal };
        (op::DeregisterDelegatedAdministrator::NAME, request.into())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use aws_api::cloudtrail::{self, operation as trail};
    use service_api::{OsRandom, Principal, RequestId};
    use svc_cloudtrail::{CloudTrail, Gathering, History, NoBuckets};

    use super::*;

    struct NoHistory;

    impl History for NoHistory {
        fn lookup(&self, _: &cloudtrail_events::Query) -> cloudtrail_events::Page {
            cloudtrail_events::Page::default()
        }
    }

    const MANAGEMENT: &str = "123456789012";

    /// CloudTrail and Organizations over one store.
    struct Cloud {
        organizations: Arc<Organizations>,
        trail: CloudTrail,
        now: Cell<Timestamp>,
    }

    impl Cloud {
        fn new() -> Self {
            let store = Store::open(store::MemoryBackend::new()).unwrap();
            let put = |transaction: &mut store::Transaction| {
                let id: AccountId = MANAGEMENT.parse().unwrap();
                let account = identities::Account {
                    id,
                    created: Timestamp::default(),
                    name: None,
                    is_further: false,
                    email: None,
                    state: identities::AccountState::Active,
                    contact: None,
                };
                transaction.put(&store::Scope::global(Partition::Aws, id), MANAGEMENT, account);
                Ok::<_, store::StoreError>(())
            };
            store.transact(put).unwrap();
            let config = svc_organizations::Config { realistic_timing: false, max_accounts: 20 };
            let organizations = Arc::new(Organizations::new(store.clone(), Arc::new(OsRandom), config));
            let administrators =
                TrailAdministrators { store: store.clone(), organizations: Arc::clone(&organizations) };
            let trail = CloudTrail::new(
                store,
                // Nothing is gathered here.
                Gathering { directory: "/nonexistent".into(), period_millis: Gathering::AWS_MILLIS },
                Arc::new(NoHistory),
                Arc::new(NoBuckets),
                Arc::new(administrators),
            );
            Self { organizations, trail, now: Cell::new(Timestamp::from_unix_secs(1_800_000_000)) }
        }

        fn context(&self, account: &str) -> RequestContext {
            RequestContext {
                partition: Partition::Aws,
                region: "us-east-1".parse().unwrap(),
                principal: Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
                request_id: RequestId::from_bits(0),
                now: self.now.get(),
                source_ip: [127, 0, 0, 1].into(),
                user_agent: String::new(),
                secure_transport: false,
                way: service_api::Way::default(),
            }
        }

        fn organization<O: Operation>(&self, input: O::Input) -> O::Output
        where
            O::Input: Into<Value>,
            O::Output: TryFrom<Value>,
        {
            let answer = self.organizations.call(&self.context(MANAGEMENT), O::NAME, input.into());
            O::Output::try_from(answer.unwrap_or_else(|error| panic!("{}: {error}", O::NAME))).ok().unwrap()
        }

        fn member(&self, name: &str) -> String {
            let request = api::CreateAccountRequest {
                account_name: name.to_owned(),
                email: format!("{name}@example.com"),
                ..Default::default()
            };
            let status = self.organization::<op::CreateAccount>(request).create_account_status.unwrap();
            // It is made in a moment.
            self.now.set(self.now.get().plus_millis(1000));
            let status =
                api::DescribeCreateAccountStatusRequest { create_account_request_id: status.id.unwrap() };
            let status = self.organization::<op::DescribeCreateAccountStatus>(status);
            status.create_account_status.unwrap().account_id.unwrap()
        }

        /// The code that CloudTrail answers with, and that its model has for the operation.
        fn code<O: Operation>(&self, caller: &str, input: O::Input) -> Option<String>
        where
            O::Input: Into<Value>,
        {
            let error = self.trail.call(&self.context(caller), O::NAME, input.into()).err()?;
            let model = aws_model::service("cloudtrail").unwrap().model();
            let errors = &model.operation(O::NAME).unwrap().errors;
            let names: Vec<&str> = errors.iter().map(|id| model.shape(*id).name).collect();
            assert!(names.contains(&error.code.as_ref()), "{} has no {error}", O::NAME);
            Some(error.code.into_owned())
        }

        fn register(&self, caller: &str, account: &str) -> Option<String> {
            let member_account_id = account.to_owned();
            let request = cloudtrail::RegisterOrganizationDelegatedAdminRequest { member_account_id };
            self.code::<trail::RegisterOrganizationDelegatedAdmin>(caller, request)
        }

        fn deregister(&self, account: &str) -> Option<String> {
            let delegated_admin_account_id = account.to_owned();
            let request =
                cloudtrail::DeregisterOrganizationDelegatedAdminRequest { delegated_admin_account_id };
            self.code::<trail::DeregisterOrganizationDelegatedAdmin>(MANAGEMENT, request)
        }

        fn create_trail(&self) -> Option<String> {
            let request = cloudtrail::CreateTrailRequest {
                name: "all".to_owned(),
                s3_bucket_name: "logs".to_owned(),
                is_organization_trail: Some(true),
                ..Default::default()
            };
            self.code::<trail::CreateTrail>(MANAGEMENT, request)
        }
    }

    #[test]
    fn administrators_of_trails_are_refused_in_cloudtrails_words() {
        let cloud = Cloud::new();
        let some = |code: &str| Some(code.to_owned());
        assert_eq!(cloud.register(MANAGEMENT, MANAGEMENT), some("OrganizationsNotInUseException"));
        let create = |feature_set: &str| {
            let request = api::CreateOrganizationRequest { feature_set: Some(feature_set.to_owned()) };
            cloud.organization::<op::CreateOrganization>(request);
        };
        create("CONSOLIDATED_BILLING");
        let no_features = some("OrganizationNotInAllFeaturesModeException");
        assert_eq!(cloud.register(MANAGEMENT, MANAGEMENT), no_features);
        assert_eq!(cloud.create_trail(), no_features);
        cloud.organization::<op::DeleteOrganization>(aws_api::Unit);
        create("ALL");
        let members: Vec<String> = (0..6).map(|number| cloud.member(&format!("member{number}"))).collect();
        let not_trusted = some("CloudTrailAccessNotEnabledException");
        assert_eq!(cloud.register(MANAGEMENT, &members[0]), not_trusted);
        assert_eq!(cloud.create_trail(), not_trusted);
        let request = api::EnableAWSServiceAccessRequest { service_principal: CLOUD_TRAIL.to_owned() };
        cloud.organization::<op::EnableAWSServiceAccess>(request);
        // The organization would let it be made now; the bucket is not there.
        assert_eq!(cloud.create_trail(), some("S3BucketDoesNotExistException"));
        let member = &members[0];
        let not_management = some("NotOrganizationManagementAccountException");
        assert_eq!(cloud.register(member, member), not_management);
        let management = cloud.register(MANAGEMENT, MANAGEMENT);
        assert_eq!(management, some("CannotDelegateManagementAccountException"));
        assert_eq!(cloud.register(MANAGEMENT, "999999999999"), some("AccountNotFoundException"));
        assert_eq!(cloud.deregister(member), some("AccountNotRegisteredException"));
        for member in &members[..5] {
            assert_eq!(cloud.register(MANAGEMENT, member), None);
        }
        assert_eq!(cloud.register(MANAGEMENT, member), some("AccountRegisteredException"));
        let limit = some("DelegatedAdminAccountLimitExceededException");
        assert_eq!(cloud.register(MANAGEMENT, &members[5]), limit);
        assert_eq!(cloud.deregister(member), None);
    }

    #[test]
    fn an_account_outside_organizations_has_no_policies_and_sees_no_members() {
        let store = Store::open(store::MemoryBackend::new()).unwrap();
        let (snapshot, account) = (store.snapshot(), "123456789012".parse().unwrap());
        assert!(OfOrganization.rules(&snapshot, Partition::Aws, account).unwrap().is_empty());
        assert!(OfOrganization.plans(&snapshot, Partition::Aws, account).unwrap().is_none());
        assert!(
            svc_iam::Organization::membership(&OfOrganization, &snapshot, Partition::Aws, account).is_none()
        );
        let members = OfOrganization.members(&snapshot, Partition::Aws, account);
        assert!(matches!(members, Err(NoMembers::NotManagement)));
    }
}
