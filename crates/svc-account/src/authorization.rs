//! What requests to Account Management touch, as policies see it.
//!
//! Owns the ARN of an account that a request names, which is that of a member of its organization, and the condition keys of
//! requests. Refuses to know policies, and who administers whom.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsaccountmanagement.html>

use aws_model::Value;
use aws_types::Arn;
use organization::organization_of;
use service_api::{ConditionKeys, RequestContext, ResourceFacts};
use store::Read;

/// What is known of an account that a request names by its number. Nothing outside organizations, where an account can mean
/// itself alone.
pub(crate) fn facts(reader: &impl Read, context: &RequestContext, number: &str) -> Option<ResourceFacts> {
    let organization = organization_of(reader, context.partition, context.account())?;
    let management = organization.management;
    let place = format!("account/{}/{number}", organization.id);
    let arn = Arn::global(context.partition, "account", management, &place);
    let owner = Some(management).filter(|owner| *owner != context.account());
    Some(ResourceFacts { arn: Some(arn.to_string()), owner, ..ResourceFacts::default() })
}

/// What a request says of the account: which contact, which region and which domain of a new e-mail address it is about.
pub(crate) fn said(input: &Value) -> ConditionKeys {
    let Value::Structure(fields) = input else { return Vec::new() };
    let text = |member: &str| match fields.get(member) {
        Some(Value::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let domain = text("PrimaryEmail").and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
    let keys = [
        ("account:AlternateContactTypes", text("AlternateContactType")),
        ("account:EmailTargetDomain", domain),
        ("account:TargetRegion", text("RegionName")),
    ];
    keys.into_iter().filter_map(|(key, value)| Some((key.to_owned(), vec![value?.to_owned()]))).collect()
}
