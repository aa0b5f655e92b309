//! The services of a cloud, each with what it asks of the others.
//!
//! Owns which services there are. Refuses to know how they are reached, and what makes their intent happen.

use std::sync::Arc;

use aws_types::Partition;
use identities::{AccessKeyUse, InstanceProfile, Role, RoleUse, cloud_scope, name_key};
use service_api::{OsRandom, PassedRoles, RequestContext, Service};
use session_tokens::Tokens;
use store::{Read as _, RecordKind, Scope, Store};
use svc_account::AccountManagement;
use svc_backup::Backup;
use svc_cloudtrail::{CloudTrail, Gathering};
use svc_ec2::{Ec2, HostView};
use svc_iam::{Iam, KeyUse, Uses};
use svc_organizations::Organizations;
use svc_ram::Ram;
use svc_resourcegroupstaggingapi::ResourceGroupsTagging;
use svc_s3::S3;
use svc_service_quotas::ServiceQuotas;
use svc_ssm::Ssm;
use svc_sts::Sts;

use crate::authorizing::ByPolicies;
use crate::deliveries::{Deliveries, LogBuckets};
use crate::events::Events;
use crate::organization::{OfOrganization, TrailAdministrators};
use crate::service_use::ServiceUseLog;
use crate::tagged::Tagged;
use crate::{mail, shareable};

/// How long events are gathered for a file of a trail where nobody waits as long as on AWS.
const GATHERING_MILLIS: i64 = 10 * 1000;

/// The services, and those of them that other parts work with.
pub(crate) struct Services {
    pub(crate) all: Vec<Arc<dyn Service>>,
    pub(crate) ec2: Arc<Ec2>,
    pub(crate) ssm: Arc<Ssm>,
    pub(crate) deliveries: Arc<Deliveries>,
}

/// How services behave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Behaviour {
    /// Whether AWS's default quotas hold.
    pub(crate) enforce_quotas: bool,
    /// Whether states move at the pace they have on AWS, rather than at once.
    pub(crate) realistic_timing: bool,
}

/// What services are made on, and share with other parts.
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    pub(crate) store: &'a Store,
    pub(crate) tokens: &'a Tokens,
    pub(crate) authorizing: &'a ByPolicies,
    pub(crate) events: &'a Arc<Events>,
    pub(crate) uses: &'a Arc<ServiceUseLog>,
    pub(crate) s3: &'a Arc<S3>,
}

impl Services {
    /// Makes all services. Quotas are enforced and states take their time as `behaviour` says.
    pub(crate) fn new(
        behaviour: Behaviour,
        host: impl HostView,
        Shared { store, tokens, authorizing, events, uses, s3 }: Shared<'_>,
    ) -> Self {
        let ids = || Arc::new(OsRandom);
        let ec2_config = svc_ec2::Config {
            enforce_quotas: behaviour.enforce_quotas,
            hot_plug: true,
            realistic_timing: behaviour.realistic_timing,
        };
        let ec2 = Ec2::new(store.clone(), OsRandom, host, ec2_config);
        let deliveries =
            Arc::new(Deliveries::new(store.clone(), Arc::clone(s3), authorizing.authorization()));
        let ec2 = ec2.with_passed_roles(Passed(store.clone()));
        let ec2 = Arc::new(ec2.with_log_buckets(LogBuckets(Arc::clone(&deliveries))));
        let ssm = Arc::new(Ssm::new(store.clone(), ids()));
        let ram = Arc::new(Ram::new(store.clone(), ids(), shareable::Shareable));
        let backup = Arc::new(Backup::new(store.clone(), ids(), OfOrganization));
        let tagged = Tagged {
            ec2: ec2.clone(),
            ssm: ssm.clone(),
            ram: ram.clone(),
            backup: backup.clone(),
            authorizing: authorizing.clone(),
        };
        let organizations_config = svc_organizations::Config {
            realistic_timing: behaviour.realistic_timing,
            max_accounts: if behaviour.enforce_quotas {
                svc_organizations::DEFAULT_MAX_ACCOUNTS
            } else {
                usize::MAX
            },
        };
        let organizations = Arc::new(Organizations::new(store.clone(), ids(), organizations_config));
        let administrators =
            TrailAdministrators { store: store.clone(), organizations: Arc::clone(&organizations) };
        let period_millis = if behaviour.realistic_timing { Gathering::AWS_MILLIS } else { GATHERING_MILLIS };
        let trail = Arc::new(CloudTrail::new(
            store.clone(),
            Gathering { directory: events.trail_files(), period_millis },
            Arc::clone(events) as _,
            Arc::clone(&deliveries) as _,
            Arc::new(administrators),
        ));
        events.tell(&trail);
        let sts = Sts::new(store.clone(), tokens.clone(), ids(), authorizing.authorization());
        let sts = sts.with_proved_identities(events.proved());
        let iam = Iam::new(store.clone(), ids(), Arc::new(Recorded(store.clone())));
        let iam = iam.with_organization(Arc::new(OfOrganization)).with_service_use(Arc::clone(uses) as _);
        let iam = Arc::new(iam);
        let all: Vec<Arc<dyn Service>> = vec![
            backup,
            ec2.clone(),
            ram,
            ssm.clone(),
            Arc::new(AccountManagement::new(store.clone(), ids(), mail::Log)),
            iam,
            organizations,
            Arc::new(ResourceGroupsTagging::new(store.clone(), tagged, OfOrganization)),
            Arc::clone(s3) as _,
            Arc::new(ServiceQuotas::new(store.clone(), ids())),
            Arc::new(sts),
            trail,
        ];
        Self { all, ec2, ssm, deliveries }
    }
}

/// Every kind of record that services write, and what they share.
pub(crate) fn record_kinds() -> impl Iterator<Item = RecordKind> {
    identities::RECORDS
        .iter()
        .copied()
        .chain(session_tokens::RECORDS.iter().copied())
        .chain(AccountManagement::record_kinds())
        .chain(Backup::record_kinds())
        .chain(CloudTrail::record_kinds())
        .chain(Ec2::record_kinds())
        .chain(Iam::record_kinds())
        .chain(Organizations::record_kinds())
        .chain(Ram::record_kinds())
        .chain(S3::record_kinds())
        .chain(ServiceQuotas::record_kinds())
        .chain(Ssm::record_kinds())
}

/// The roles that instance profiles pass to instances.
struct Passed(Store);

impl PassedRoles for Passed {
    fn role_of_profile(&self, context: &RequestContext, profile: &str) -> Option<String> {
        let scope = Scope::global(context.partition, context.account());
        let snapshot = self.0.snapshot();
        let name = profile.rsplit('/').next().unwrap_or(profile);
        let profile = snapshot.get::<InstanceProfile>(&scope, &name_key(name))?;
        let role = snapshot.get::<Role>(&scope, &name_key(profile.role.as_deref()?))?;
        Some(role.arn.to_string())
    }
}

/// When credentials were last used, as it was recorded: at most a minute late.
struct Recorded(Store);

impl Uses for Recorded {
    fn key(&self, partition: Partition, id: &str) -> Option<KeyUse> {
        let found = self.0.snapshot().get::<AccessKeyUse>(&cloud_scope(partition), id)?;
        Some(KeyUse { at: found.at, service: found.service.clone(), region: found.region.to_string() })
    }

    fn role(&self, scope: &Scope, id: &str) -> Option<RoleUse> {
        self.0.snapshot().get::<RoleUse>(scope, id).map(|found| RoleUse::clone(&found))
    }
}

#[cfg(test)]
mod tests;
