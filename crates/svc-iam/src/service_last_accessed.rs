//! Which services an identity can use, and when it last did.
//!
//! Owns the jobs and what is in their reports. Whoever sees requests says what was used ([`ServiceUse`]).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>

use std::collections::{BTreeMap, BTreeSet};

use aws_api::iam::{
    EntityDetails, EntityInfo, GenerateServiceLastAccessedDetailsRequest,
    GenerateServiceLastAccessedDetailsResponse, GetServiceLastAccessedDetailsRequest,
    GetServiceLastAccessedDetailsResponse, GetServiceLastAccessedDetailsWithEntitiesRequest,
    GetServiceLastAccessedDetailsWithEntitiesResponse, ServiceLastAccessed, TrackedActionLastAccessed,
    operation as op,
};
use aws_types::{AccountId, Arn, Timestamp};
use identities::{FoundPolicy, Group, Role, User, name_key};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, RequestId, ServiceError};
use store::{Read as _, Record, Snapshot};

use crate::entity::Entity;
use crate::granted_service::{grants, namespaces};
use crate::{State, error, page, retention, scope};

/// How long a report is kept.
const KEPT_MILLIS: i64 = 7 * 24 * 60 * 60 * 1000;
/// How many reports an account can have; the oldest make room.
const MAX_REPORTS: usize = 100;

/// That a user or role used a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccess {
    /// The ARN of the user or role.
    pub principal: Arn,
    /// The service's namespace, such as `ec2`.
    pub namespace: String,
    /// The operation, such as `DescribeVpcs`.
    pub action: String,
    /// When it was last called.
    pub at: Timestamp,
    /// In which region.
    pub region: String,
}

/// Whoever sees requests.
pub trait ServiceUse: Send + Sync + 'static {
    /// The last call of each operation by each user and role of an account.
    fn of(&self, account: AccountId) -> Vec<ServiceAccess>;
}

/// Where nobody sees requests, as in tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingUsed;

impl ServiceUse for NothingUsed {
    fn of(&self, _: AccountId) -> Vec<ServiceAccess> {
        Vec::new()
    }
}

/// A report. Kept under the account's global scope, by the id of its job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastAccessedReport {
    created: Timestamp,
    /// `SERVICE_LEVEL` or `ACTION_LEVEL`.
    granularity: String,
    /// The users and roles whose calls count.
    members: Vec<Member>,
    /// The services that can be used.
    namespaces: Vec<String>,
    accesses: Vec<ServiceAccess>,
}

/// What is shown of a user or role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Member {
    arn: Arn,
    name: String,
    id: String,
    path: String,
    is_role: bool,
}

impl Record for LastAccessedReport {
    const KIND: &'static str = "iam.last-accessed-report";
}

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::GenerateServiceLastAccessedDetails>(generate)
        .with::<op::GetServiceLastAccessedDetails>(get)
        .with::<op::GetServiceLastAccessedDetailsWithEntities>(get_with_entities)
}

impl Member {
    fn of_user(user: &User) -> Self {
        Self {
            arn: user.arn.clone(),
            name: user.name.clone(),
            id: user.id.clone(),
            path: user.path.clone(),
            is_role: false,
        }
    }

    fn of_role(role: &Role) -> Self {
        Self {
            arn: role.arn.clone(),
            name: role.name.clone(),
            id: role.id.clone(),
            path: role.path.clone(),
            is_role: true,
        }
    }
}

/// The users and roles that have a managed policy, by themselves or by a group.
fn holders(snapshot: &Snapshot, context: &RequestContext, arn: &str) -> Vec<Member> {
    let scope = scope(context);
    let has = |attached: &BTreeSet<String>| attached.contains(arn);
    let by_group = |user: &User| {
        let mut groups = user.groups.iter().filter_map(|key| snapshot.get::<Group>(&scope, key));
        groups.any(|group| has(&group.attached_policies))
    };
    let users = snapshot.scan::<User>(&scope).map(|(_, user)| user);
    let users = users.filter(|user| has(&user.attached_policies) || by_group(user));
    let roles = snapshot.scan::<Role>(&scope).map(|(_, role)| role);
    let roles = roles.filter(|role| has(&role.attached_policies));
    users.map(|user| Member::of_user(&user)).chain(roles.map(|role| Member::of_role(&role))).collect()
}

/// Whom a report is about: the users and roles, and the texts of the policies.
fn about(
    snapshot: &Snapshot,
    context: &RequestContext,
    arn: &str,
) -> Result<(Vec<Member>, Vec<String>), ServiceError> {
    let scope = scope(context);
    if arn.splitn(6, ':').nth(5).is_some_and(|resource| resource.starts_with("policy/")) {
        let missing = || error::no_such_entity(format!("Policy {arn} was not found."));
        let policy = FoundPolicy::find(snapshot, &scope, arn).ok_or_else(missing)?;
        return Ok((holders(snapshot, context, arn), vec![policy.policy().text().to_owned()]));
    }
    let entity = Entity::find(snapshot, context, arn)?;
    let members = match &entity {
        Entity::User(user) => vec![Member::of_user(user)],
        Entity::Role(role) => vec![Member::of_role(role)],
        Entity::Group(group) => {
            let key = name_key(&group.name);
            let users = snapshot.scan::<User>(&scope).map(|(_, user)| user);
            users.filter(|user| user.groups.contains(&key)).map(|user| Member::of_user(&user)).collect()
        }
    };
    let held = entity.policies(snapshot, context);
    let texts = held.identity().iter().map(|one| one.policy.text().to_owned()).collect();
    Ok((members, texts))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateServiceLastAccessedDetails.html>
fn generate(
    state: &State,
    context: &RequestContext,
    request: GenerateServiceLastAccessedDetailsRequest,
) -> Result<GenerateServiceLastAccessedDetailsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let (members, texts) = about(&snapshot, context, &request.arn)?;
    let is_granted = |namespace: &&str| texts.iter().any(|text| grants(text, namespace));
    let namespaces: Vec<String> = namespaces().into_iter().filter(is_granted).map(str::to_owned).collect();
    let mut accesses = state.service_use.of(context.account());
    let granted: BTreeSet<&str> = namespaces.iter().map(String::as_str).collect();
    let principals: BTreeSet<&Arn> = members.iter().map(|member| &member.arn).collect();
    accesses.retain(|access| {
        granted.contains(access.namespace.as_str()) && principals.contains(&access.principal)
    });
    let granularity = request.granularity.unwrap_or_else(|| "SERVICE_LEVEL".to_owned());
    let report = LastAccessedReport { created: context.now, granularity, members, namespaces, accesses };
    let id = RequestId::from_bits(state.ids.bits()).to_string();
    state.store.transact(|transaction| {
        let scope = scope(context);
        let held = transaction.scan::<LastAccessedReport>(&scope);
        let held = held.map(|(id, report)| (report.created, id.to_owned())).collect();
        for id in retention::gone(held, context.now, KEPT_MILLIS, MAX_REPORTS - 1) {
            transaction.delete::<LastAccessedReport>(&scope, &id);
        }
        transaction.put(&scope, &id, report);
        Ok(GenerateServiceLastAccessedDetailsResponse { job_id: Some(id.clone()) })
    })
}

fn find(state: &State, context: &RequestContext, id: &str) -> Result<LastAccessedReport, ServiceError> {
    let found = state.store.snapshot().get::<LastAccessedReport>(&scope(context), id);
    let found = found.map(|report| (*report).clone());
    found.ok_or_else(|| error::no_such_entity(format!("The job with id {id} cannot be found.")))
}

/// What the last of some calls was.
fn last<'a>(accesses: impl IntoIterator<Item = &'a ServiceAccess>) -> Option<&'a ServiceAccess> {
    accesses.into_iter().max_by_key(|access| access.at)
}

impl LastAccessedReport {
    fn by_service(&self) -> BTreeMap<&str, Vec<&ServiceAccess>> {
        let mut found: BTreeMap<&str, Vec<&ServiceAccess>> = BTreeMap::new();
        for access in &self.accesses {
            found.entry(&access.namespace).or_default().push(access);
        }
        found
    }

    fn service(&self, namespace: &str, accesses: &[&ServiceAccess]) -> ServiceLastAccessed {
        let last_access = last(accesses.iter().copied());
        let principals: BTreeSet<&Arn> = accesses.iter().map(|access| &access.principal).collect();
        let mut by_action: BTreeMap<&str, Vec<&ServiceAccess>> = BTreeMap::new();
        for &access in accesses {
            by_action.entry(&access.action).or_default().push(access);
        }
        let actions = by_action.into_iter().filter_map(|(action, accesses)| {
            let last = last(accesses)?;
            Some(TrackedActionLastAccessed {
                action_name: Some(action.to_owned()),
                last_accessed_entity: Some(last.principal.to_string()),
                last_accessed_time: Some(last.at),
                last_accessed_region: Some(last.region.clone()),
            })
        });
        ServiceLastAccessed {
            // AWS has a name for people here, which the models of services do not have.
            service_name: namespace.to_owned(),
            service_namespace: namespace.to_owned(),
            last_authenticated: last_access.map(|access| access.at),
            last_authenticated_entity: last_access.map(|access| access.principal.to_string()),
            last_authenticated_region: last_access.map(|access| access.region.clone()),
            total_authenticated_entities: i32::try_from(principals.len()).ok(),
            tracked_actions_last_accessed: (self.granularity == "ACTION_LEVEL").then(|| actions.collect()),
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLastAccessedDetails.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetServiceLastAccessedDetailsRequest,
) -> Result<GetServiceLastAccessedDetailsResponse, ServiceError> {
    let report = find(state, context, &request.job_id)?;
    let accesses = report.by_service();
    let services = report.namespaces.iter().map(|namespace| {
        let accesses = accesses.get(namespace.as_str()).map_or(&[][..], Vec::as_slice);
        (namespace.clone(), report.service(namespace, accesses))
    });
    let page = page::take(services, request.marker.as_deref(), request.max_items)?;
    Ok(GetServiceLastAccessedDetailsResponse {
        job_status: "COMPLETED".to_owned(),
        job_type: Some(report.granularity.clone()),
        job_creation_date: report.created,
        job_completion_date: report.created,
        is_truncated: page.is_truncated(),
        services_last_accessed: page.items,
        marker: page.marker,
        error: None,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetServiceLastAccessedDetailsWithEntities.html>
fn get_with_entities(
    state: &State,
    context: &RequestContext,
    request: GetServiceLastAccessedDetailsWithEntitiesRequest,
) -> Result<GetServiceLastAccessedDetailsWithEntitiesResponse, ServiceError> {
    let report = find(state, context, &request.job_id)?;
    if !report.namespaces.contains(&request.service_namespace) {
        let message = format!("The report has no service {}.", request.service_namespace);
        return Err(error::no_such_entity(message));
    }
    let mut by_member: BTreeMap<&Arn, Vec<&ServiceAccess>> = BTreeMap::new();
    for access in report.accesses.iter().filter(|access| access.namespace == request.service_namespace) {
        by_member.entry(&access.principal).or_default().push(access);
    }
    let details = report.members.iter().map(|member| {
        let of_member = by_member.get(&member.arn).into_iter().flatten().copied();
        let entity_info = EntityInfo {
            arn: member.arn.to_string(),
            name: member.name.clone(),
            r#type: if member.is_role { "ROLE" } else { "USER" }.to_owned(),
            id: member.id.clone(),
            path: Some(member.path.clone()),
        };
        let last_authenticated = last(of_member).map(|access| access.at);
        (member.id.clone(), EntityDetails { entity_info, last_authenticated })
    });
    let mut details: Vec<_> = details.collect();
    details.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(details, request.marker.as_deref(), request.max_items)?;
    Ok(GetServiceLastAccessedDetailsWithEntitiesResponse {
        job_status: "COMPLETED".to_owned(),
        job_creation_date: report.created,
        job_completion_date: report.created,
        is_truncated: page.is_truncated(),
        entity_details_list: page.items,
        marker: page.marker,
        error: None,
    })
}
