//! AssumeRoot: a short session of a member's root user, for one task.
//!
//! Owns who may have one and what it may do. Refuses to know how the feature is turned on, which IAM does
//! (`identities::RootAccess`).
//!
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html>

use aws_api::sts::{AssumeRootRequest, AssumeRootResponse};
use aws_types::{AccountId, Arn, Partition};
use identities::{Account, RootAccess, RootFeature, cloud_scope};
use organization::{FeatureSet, Member, is_administrator_of, organization_of};
use service_api::{PrincipalKind, RequestContext, ServiceError, Session};
use session_tokens::NewSession;
use store::{Read as _, Scope};

use crate::State;
use crate::error::{access_denied, not_supported, validation};
use crate::session::{credentials, lasting, seal};

/// The tasks that there are, by the names of their policies, each with what has to be turned on for it.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html#id_root-user-access-management>
const TASKS: [(&str, RootFeature); 5] = [
    ("IAMAuditRootUserCredentials", RootFeature::RootCredentialsManagement),
    ("IAMCreateRootUserPassword", RootFeature::RootCredentialsManagement),
    ("IAMDeleteRootUserCredentials", RootFeature::RootCredentialsManagement),
    ("S3UnlockBucketPolicy", RootFeature::RootSessions),
    ("SQSUnlockQueuePolicy", RootFeature::RootSessions),
];
/// How long a session is at most, and where the request does not say.
const SECS_MAX: u32 = 900;
/// As whom IAM acts for an organization.
const IAM: &str = "iam.amazonaws.com";
/// A task's policy says what its session may not do: of everything that a root user may, the rest is left.
const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

pub(crate) fn assume_root(
    state: &State,
    context: &RequestContext,
    request: AssumeRootRequest,
) -> Result<AssumeRootResponse, ServiceError> {
    if request.minimum_session_token_size.is_some_and(|bytes| bytes > 0) {
        return Err(not_supported("MinimumSessionTokenSize"));
    }
    let principal = &context.principal;
    match principal.kind {
        PrincipalKind::User { .. } | PrincipalKind::AssumedRole { .. } => {}
        PrincipalKind::Root | PrincipalKind::FederatedUser { .. } | PrincipalKind::Anonymous => {
            return Err(access_denied("AssumeRoot cannot be called with the credentials of a root user."));
        }
    }
    let target = target(context.partition, &request.target_principal).ok_or_else(|| {
        validation("TargetPrincipal must be the account ID or the root user's ARN of a member account")
    })?;
    let task = request.task_policy_arn.arn.unwrap_or_default();
    let feature = feature_of(context.partition, &task)
        .ok_or_else(|| validation(format!("The policy {task} is not one of the policies for root tasks.")))?;
    check_access(state, context, target, feature)?;
    let source_identity = principal.session.as_ref().and_then(|session| session.source_identity.clone());
    let session = Session {
        source_identity: source_identity.clone(),
        policies: vec![EVERYTHING.to_owned()],
        policy_arns: vec![task],
        ..Session::default()
    };
    let secs = request.duration_seconds.and_then(|secs| u32::try_from(secs).ok()).unwrap_or(SECS_MAX);
    let made = seal(
        state,
        NewSession {
            account: target,
            kind: PrincipalKind::Root,
            arn: Arn::global(context.partition, "iam", target, "root"),
            user_id: target.to_string(),
            session: lasting(context.now, secs.min(SECS_MAX), session),
        },
    )?;
    Ok(AssumeRootResponse {
        credentials: Some(credentials(&made)),
        source_identity,
        ..AssumeRootResponse::default()
    })
}

/// The account whose root user a request names, by its id or by the user's ARN.
pub(crate) fn target(partition: Partition, text: &str) -> Option<AccountId> {
    if let Ok(account) = text.parse() {
        return Some(account);
    }
    let account: AccountId = text.split(':').nth(4)?.parse().ok()?;
    (text == Arn::global(partition, "iam", account, "root").as_str()).then_some(account)
}

/// What has to be turned on for the task with this policy.
fn feature_of(partition: Partition, arn: &str) -> Option<RootFeature> {
    let name = arn.strip_prefix(&format!("arn:{partition}:iam::aws:policy/root-task/"))?;
    TASKS.iter().find(|(task, _)| *task == name).map(|(_, feature)| *feature)
}

/// The management account, or a delegated administrator for IAM, has sessions of the other accounts of its organization once
/// these are turned on.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-enable-root-access.html>
fn check_access(
    state: &State,
    context: &RequestContext,
    target: AccountId,
    feature: RootFeature,
) -> Result<(), ServiceError> {
    let snapshot = state.store.snapshot();
    let (partition, account) = (context.partition, context.account());
    let Some(organization) = organization_of(&snapshot, partition, account) else {
        return Err(access_denied("Your account is not a member of an organization."));
    };
    if !is_administrator_of(&snapshot, partition, account, IAM) {
        return Err(access_denied(
            "AssumeRoot is for the management account of an organization and for a delegated administrator for IAM.",
        ));
    }
    let access = snapshot.get::<RootAccess>(&cloud_scope(partition), organization.id.as_str());
    let is_on = organization.feature_set == FeatureSet::All
        && organization.trusted_services.contains_key(IAM)
        && access.is_some_and(|access| access.features.contains(&feature));
    if !is_on {
        return Err(access_denied(format!(
            "The feature {name} is not enabled in your organization. Enable it with EnableOrganizations{name} of IAM.",
            name = feature.name()
        )));
    }
    let is_member = snapshot.contains::<Member>(&organization.scope(partition), &target.to_string());
    if !is_member || target == organization.management {
        return Err(access_denied(format!("{target} is not a member account of your organization.")));
    }
    let found = snapshot.get::<Account>(&Scope::global(partition, target), &target.to_string());
    if found.is_none_or(|account| !account.is_active()) {
        return Err(access_denied(format!("The account {target} is closed.")));
    }
    Ok(())
}
