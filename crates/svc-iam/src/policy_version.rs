//! Versions of managed policies.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreatePolicyVersionRequest, CreatePolicyVersionResponse, DeletePolicyVersionRequest,
    GetPolicyVersionRequest, GetPolicyVersionResponse, ListPolicyVersionsRequest, ListPolicyVersionsResponse,
    SetDefaultPolicyVersionRequest, operation as op,
};
use aws_types::Timestamp;
use iam_policy::Policy;
use identities::PolicyVersion;
use service_api::{Operations, RequestContext, ServiceError};

use crate::managed_policy::{self, Managed, version_id};
use crate::{State, document, error, page, quota};

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreatePolicyVersion>(create)
        .with::<op::GetPolicyVersion>(get)
        .with::<op::ListPolicyVersions>(list)
        .with::<op::SetDefaultPolicyVersion>(set_default)
        .with::<op::DeletePolicyVersion>(delete)
}

/// A version of a policy, whoever's it is.
struct Version<'a> {
    number: u32,
    is_default: bool,
    created: Timestamp,
    policy: &'a Policy,
}

impl Version<'_> {
    /// A version without its document, as all but two operations have it.
    fn listed(&self) -> api::PolicyVersion {
        api::PolicyVersion {
            document: None,
            version_id: Some(version_id(self.number)),
            is_default_version: Some(self.is_default),
            create_date: Some(self.created),
        }
    }

    fn shown(&self) -> api::PolicyVersion {
        api::PolicyVersion { document: Some(document::shown(self.policy)), ..self.listed() }
    }
}

/// The versions that there are, the newest first.
fn versions(managed: &Managed) -> Vec<Version<'_>> {
    match managed {
        Managed::Own(policy) => {
            let version = |(number, version): (&u32, &'_ PolicyVersion)| (*number, version.created);
            policy
                .versions
                .iter()
                .rev()
                .map(|held| {
                    let (number, created) = version(held);
                    let is_default = number == policy.default_version;
                    Version { number, is_default, created, policy: &held.1.policy }
                })
                .collect()
        }
        Managed::Aws(policy) => vec![Version {
            number: policy.default_version,
            is_default: true,
            created: policy.updated,
            policy: policy.policy(),
        }],
    }
}

/// All versions with their documents, as GetAccountAuthorizationDetails has them.
pub(crate) fn details(managed: &Managed) -> Vec<api::PolicyVersion> {
    versions(managed).iter().map(Version::shown).collect()
}

fn missing(arn: &str, version: &str) -> ServiceError {
    error::no_such_entity(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

fn number(arn: &str, version: &str) -> Result<u32, ServiceError> {
    let number = version.strip_prefix('v').and_then(|number| number.parse().ok());
    number.ok_or_else(|| missing(arn, version))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreatePolicyVersionRequest,
) -> Result<CreatePolicyVersionResponse, ServiceError> {
    let document = managed_policy::read_document(&request.policy_document)?;
    managed_policy::change(state, context, "CreatePolicyVersion", &request.policy_arn, |policy| {
        if policy.versions.len() >= quota::VERSIONS_PER_POLICY.1 {
            return Err(error::limit_exceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.",
            ));
        }
        let number = policy.next_version;
        policy.next_version += 1;
        policy.updated = context.now;
        if request.set_as_default == Some(true) {
            policy.default_version = number;
        }
        let created = context.now;
        policy.versions.insert(number, PolicyVersion { policy: document, created });
        let is_default = policy.default_version == number;
        let version = Version { number, is_default, created, policy: &policy.versions[&number].policy };
        Ok(CreatePolicyVersionResponse { policy_version: Some(version.listed()) })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetPolicyVersionRequest,
) -> Result<GetPolicyVersionResponse, ServiceError> {
    let (arn, wanted) = (&request.policy_arn, &request.version_id);
    let managed = managed_policy::find(&state.store.snapshot(), context, arn)?;
    let number = number(arn, wanted)?;
    let found = versions(&managed).into_iter().find(|version| version.number == number);
    let found = found.ok_or_else(|| missing(arn, wanted))?;
    Ok(GetPolicyVersionResponse { policy_version: Some(found.shown()) })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyVersions.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListPolicyVersionsRequest,
) -> Result<ListPolicyVersionsResponse, ServiceError> {
    let managed = managed_policy::find(&state.store.snapshot(), context, &request.policy_arn)?;
    // The newest comes first, so that keys count down.
    let key = |version: &Version<'_>| format!("{:010}", u32::MAX - version.number);
    let found = versions(&managed).into_iter().map(|version| (key(&version), version.listed()));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    let is_truncated = page.is_truncated();
    Ok(ListPolicyVersionsResponse { versions: Some(page.items), is_truncated, marker: page.marker })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetDefaultPolicyVersion.html>
fn set_default(
    state: &State,
    context: &RequestContext,
    request: SetDefaultPolicyVersionRequest,
) -> Result<Unit, ServiceError> {
    let (arn, wanted) = (&request.policy_arn, &request.version_id);
    managed_policy::change(state, context, "SetDefaultPolicyVersion", arn, |policy| {
        let number = number(arn, wanted)?;
        if !policy.versions.contains_key(&number) {
            return Err(missing(arn, wanted));
        }
        if policy.default_version != number {
            policy.default_version = number;
            policy.updated = context.now;
        }
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeletePolicyVersionRequest,
) -> Result<Unit, ServiceError> {
    let (arn, wanted) = (&request.policy_arn, &request.version_id);
    managed_policy::change(state, context, "DeletePolicyVersion", arn, |policy| {
        let number = number(arn, wanted)?;
        if policy.default_version == number {
            return Err(error::delete_conflict("Cannot delete the default version of a policy."));
        }
        policy.versions.remove(&number).map(|_| Unit).ok_or_else(|| missing(arn, wanted))
    })
}
