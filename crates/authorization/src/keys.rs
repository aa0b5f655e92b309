//! The global condition keys: what is known of every request, whichever service it is for.
//!
//! Owns how they are named and written. Refuses to know the keys of resources and of services, which a service tells.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>

use aws_types::{AccountId, Region, Tags, Timestamp};
use iam_policy::Context;
use service_api::{Principal, PrincipalKind, RequestContext};

use crate::standing::Standing;
use crate::subject::Subject;

/// The keys of one request to a service (by the name of its model), before those of its resources.
pub(crate) fn of_request(request: &RequestContext, service: &str, subject: &Subject) -> Context {
    let mut keys = Context::new();
    let now = request.now;
    keys.set("aws:CurrentTime", date(now));
    keys.set("aws:EpochTime", now.unix_secs().to_string());
    match &request.way.endpoint {
        // Who comes through an endpoint has an address of a VPC, which is no address of the network outside.
        Some(endpoint) => {
            keys.set("aws:SourceVpce", endpoint.endpoint_id.clone());
            keys.set("aws:SourceVpc", endpoint.vpc_id.clone());
            keys.set("aws:VpcSourceIp", endpoint.source_ip.to_canonical().to_string());
        }
        None => keys.set("aws:SourceIp", request.source_ip.to_canonical().to_string()),
    }
    keys.set("aws:SecureTransport", truth(request.secure_transport));
    // Of a service without regions it is the one where it is.
    keys.set("aws:RequestedRegion", aws_catalog::region_of_service(service, &request.region).to_string());
    if !request.user_agent.is_empty() {
        keys.set("aws:UserAgent", request.user_agent.clone());
    }
    if let Some(referer) = &request.way.referer {
        keys.set("aws:Referer", referer.clone());
    }
    // Every call is somebody's own: no service calls another one on behalf of a caller yet.
    keys.set("aws:ViaAWSService", "false");
    keys.set("aws:PrincipalIsAWSService", "false");
    of_principal(&mut keys, &request.principal, now);
    of_subject(&mut keys, subject);
    keys
}

/// The keys of a service of AWS that asks for something by itself, for an account.
pub(crate) fn of_service(
    now: Timestamp,
    region: &Region,
    service: &str,
    account: AccountId,
    standing: &Standing,
) -> Context {
    let mut keys = Context::new();
    keys.set("aws:CurrentTime", date(now));
    keys.set("aws:EpochTime", now.unix_secs().to_string());
    keys.set("aws:RequestedRegion", region.to_string());
    keys.set("aws:PrincipalType", "Service");
    keys.set("aws:PrincipalServiceName", service.to_owned());
    keys.set("aws:PrincipalIsAWSService", "true");
    keys.set("aws:SourceAccount", account.to_string());
    standing.set(&mut keys, "aws:SourceOrgID", "aws:SourceOrgPaths");
    keys
}

fn of_principal(keys: &mut Context, principal: &Principal, now: Timestamp) {
    if !principal.is_anonymous() {
        keys.set("aws:PrincipalAccount", principal.account.to_string());
        keys.set("aws:userid", principal.user_id.clone());
    }
    match &principal.kind {
        PrincipalKind::Root => {
            keys.set("aws:PrincipalType", "Account");
            keys.set("aws:PrincipalArn", principal.arn.as_str().to_owned());
        }
        PrincipalKind::User { name } => {
            keys.set("aws:PrincipalType", "User");
            keys.set("aws:PrincipalArn", principal.arn.as_str().to_owned());
            keys.set("aws:username", name.clone());
        }
        PrincipalKind::AssumedRole { role_arn, .. } => {
            keys.set("aws:PrincipalType", "AssumedRole");
            keys.set("aws:PrincipalArn", role_arn.as_str().to_owned());
        }
        PrincipalKind::FederatedUser { .. } => {
            keys.set("aws:PrincipalType", "FederatedUser");
            keys.set("aws:PrincipalArn", principal.arn.as_str().to_owned());
        }
        PrincipalKind::Anonymous => keys.set("aws:PrincipalType", "Anonymous"),
    }
    let Some(session) = &principal.session else { return };
    keys.set("aws:TokenIssueTime", date(session.issued));
    if let Some(is_present) = session.mfa_authenticated {
        keys.set("aws:MultiFactorAuthPresent", truth(is_present));
        if is_present {
            let age_secs = now.unix_secs().saturating_sub(session.issued.unix_secs());
            keys.set("aws:MultiFactorAuthAge", age_secs.max(0).to_string());
        }
    }
    if let Some(identity) = &session.source_identity {
        keys.set("aws:SourceIdentity", identity.clone());
    }
    if let Some(provider) = &session.federated_provider {
        keys.set("aws:FederatedProvider", provider.clone());
    }
    for (key, value) in &session.federated_keys {
        keys.set(key.clone(), value.clone());
    }
    if let Some(instance) = &session.source_instance_arn {
        keys.set("ec2:SourceInstanceARN", instance.clone());
        keys.set("ec2:RoleDelivery", "2.0");
    }
}

fn of_subject(keys: &mut Context, subject: &Subject) {
    set_tags(keys, "aws:PrincipalTag/", &subject.tags);
    subject.standing.set(keys, "aws:PrincipalOrgID", "aws:PrincipalOrgPaths");
}

/// One key for each tag, but for those whose keys differ in case alone, which have one together.
pub(crate) fn set_tags(keys: &mut Context, prefix: &str, tags: &Tags) {
    for (key, value) in tags.iter() {
        keys.set_tag(format!("{prefix}{key}"), value.to_owned());
    }
}

fn date(time: Timestamp) -> String {
    jiff::Timestamp::from_second(time.unix_secs()).unwrap_or_default().to_string()
}

fn truth(is_true: bool) -> &'static str {
    if is_true { "true" } else { "false" }
}
