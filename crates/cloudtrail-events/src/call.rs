//! How a call becomes an event, or two.
//!
//! Owns which fields come from where, and in which accounts a call is an event. Refuses to know who keeps it.

use std::borrow::Cow;

use aws_model::{Model, Operation, Value};
use aws_types::AccountId;
use serde_json::Value as Json;
use service_api::{RequestContext, RequestId};

use crate::event::{EVENT_VERSION, cut, within_limits};
use crate::{
    Category, Event, EventType, Resource, TlsDetails, UserIdentity, ec2, names, parameters, s3, secrets,
};

/// A call that was answered.
#[derive(Clone, Copy, Debug)]
pub struct ApiCall<'a> {
    /// Who asked, where, when and from where.
    pub context: &'a RequestContext,
    /// Who asked, where the context does not say it.
    pub caller: Caller<'a>,
    /// The service's model.
    pub model: &'static Model,
    /// What was asked.
    pub operation: &'static Operation,
    /// The input, where it could be decoded.
    pub input: Option<&'a Value>,
    /// What came of it.
    pub outcome: Outcome<'a>,
    /// How it came.
    pub connection: Connection<'a>,
    /// Whose the bucket is that it names, where somebody knows.
    pub bucket_owner: Option<AccountId>,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Whoever signed.
    Signer,
    /// A service, for the account of the context.
    Service(&'a str),
    /// Somebody without a signature who brought a token of an OpenID Connect provider. Nothing is told of one that was no good.
    WebIdentity(Option<WebIdentity<'a>>),
    /// The same, with a SAML assertion.
    Saml(Option<SamlSubject<'a>>),
}

/// Whom a provider of web identities vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebIdentity<'a> {
    /// The provider: its ARN, or the name of one that AWS knows, such as `accounts.google.com`.
    pub provider: &'a str,
    /// For whom the token was made.
    pub audience: &'a str,
    /// Whose it is.
    pub subject: &'a str,
}

/// Whom a SAML provider vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SamlSubject<'a> {
    /// The ARN of the provider.
    pub provider: &'a str,
    /// The hash that stands for issuer, account and provider.
    pub qualifier: &'a str,
    /// The subject of the assertion.
    pub subject: &'a str,
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// It was done.
    Done(&'a Value),
    /// It was refused, or failed.
    Failed {
        /// The API's error code.
        code: &'a str,
        /// The message that the caller got.
        message: &'a str,
        /// Whether the fault is the cloud's.
        is_fault: bool,
    },
}

/// How a call came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection<'a> {
    /// The version of TLS and the cipher suite, where it is encrypted.
    pub tls: Option<(&'a str, &'a str)>,
    /// The `Host` header.
    pub host: Option<&'a str>,
}

/// The events of a call: one in the caller's account, and one in the account of the resource where that is another and it was
/// done; the latter alone, where nobody signed. `bits` gives random bits for their ids.
pub fn events(call: &ApiCall<'_>, mut bits: impl FnMut() -> u128) -> Vec<Event> {
    let mut id = || RequestId::from_bits(bits()).to_string();
    let mut event = event_of(call, id());
    let owner = match (call.caller, call.outcome) {
        (Caller::Signer, Outcome::Done(_)) => owner_of(call),
        _ => None,
    };
    let Some(owner) = owner.filter(|owner| *owner != call.context.account()) else { return vec![event] };
    if call.context.principal.is_anonymous() {
        // Who asked has no account that could be told.
        return vec![Event { recipient_account_id: owner, ..event }];
    }
    event.shared_event_id = Some(id());
    let seen_there = Event {
        user_identity: UserIdentity::of_other_account(&call.context.principal),
        event_id: id(),
        recipient_account_id: owner,
        ..event.clone()
    };
    vec![event, seen_there]
}

fn event_of(call: &ApiCall<'_>, event_id: String) -> Event {
    let ApiCall { context, model, operation, .. } = call;
    let service = model.metadata.name;
    let read_only = names::is_read_only(service, operation.name);
    let category = names::category(service, operation.name);
    let (error_code, error_message) = match call.outcome {
        Outcome::Done(_) => (None, None),
        Outcome::Failed { code, message, is_fault } => {
            let code = error_code(model, code, is_fault);
            let message = secrets::without_values(message);
            (Some(cut(&code).to_owned()), (!message.is_empty()).then(|| cut(&message).to_owned()))
        }
    };
    let (user_identity, invoked_by) = match call.caller {
        Caller::Signer => (UserIdentity::of(&context.principal), None),
        Caller::Service(name) => (UserIdentity::of_service(name), Some(name)),
        Caller::WebIdentity(proved) => (UserIdentity::of_web_identity(proved), None),
        Caller::Saml(proved) => (UserIdentity::of_saml(proved), None),
    };
    // Who does not sign is of no account: the event is of that whose role is asked for.
    let recipient = match call.caller {
        Caller::WebIdentity(_) | Caller::Saml(_) => owner_of(call).unwrap_or(context.account()),
        Caller::Signer | Caller::Service(_) => context.account(),
    };
    let tls = call.connection.tls.filter(|_| invoked_by.is_none());
    let endpoint = context.way.endpoint.as_ref().filter(|_| invoked_by.is_none());
    Event {
        event_version: EVENT_VERSION.to_owned(),
        user_identity,
        event_time: context.now,
        event_source: names::event_source(model),
        event_name: names::event_name(service, operation.name).to_owned(),
        aws_region: aws_catalog::region_of_service(service, &context.region),
        source_ip_address: invoked_by.map_or_else(|| context.source_ip.to_string(), str::to_owned),
        user_agent: cut(invoked_by.unwrap_or(&context.user_agent)).to_owned(),
        error_code,
        error_message,
        request_parameters: within_limits("requestParameters", request_parameters(call)),
        response_elements: within_limits("responseElements", response_elements(call)),
        additional_event_data: (service == s3::MODEL).then(|| s3::additional(context)).flatten(),
        request_id: context.request_id.to_string(),
        event_id,
        read_only,
        resources: resources_of(call),
        event_type: EventType::AwsApiCall,
        management_event: category == Category::Management,
        recipient_account_id: recipient,
        shared_event_id: None,
        vpc_endpoint_id: endpoint.map(|endpoint| endpoint.endpoint_id.clone()),
        vpc_endpoint_account_id: endpoint.map(|endpoint| endpoint.account),
        event_category: category,
        tls_details: tls.map(|(version, suite)| {
            TlsDetails::of(version, suite, call.connection.host.map(|host| cut(host).to_owned()))
        }),
    }
}

fn request_parameters(call: &ApiCall<'_>) -> Option<Json> {
    let shape = call.operation.input.as_ref()?.shape;
    let input = call.input?;
    match call.model.metadata.name {
        "ec2" => return ec2::request(call.model, call.operation.name, shape, input),
        s3::MODEL => return s3::request(call.model, call.operation.name, shape, input, call.connection.host),
        _ => {}
    }
    parameters::told(call.model, shape, input)
}

fn response_elements(call: &ApiCall<'_>) -> Option<Json> {
    let Outcome::Done(output) = call.outcome else { return None };
    let service = call.model.metadata.name;
    if !names::tells_response(service, call.operation.name) {
        return None;
    }
    let shape = call.operation.output.as_ref()?.shape;
    match service {
        "ec2" => return Some(ec2::response(call.model, shape, output, call.context.request_id.as_str())),
        s3::MODEL => return s3::response(call.model, shape, output),
        _ => {}
    }
    parameters::told(call.model, shape, output)
}

/// The code as events have it: EC2's say whose fault it is, and most others are the names of exceptions.
fn error_code<'a>(model: &Model, code: &'a str, is_fault: bool) -> Cow<'a, str> {
    if model.metadata.name == "ec2" {
        let whose = if is_fault { "Server" } else { "Client" };
        return Cow::Owned(format!("{whose}.{code}"));
    }
    match code {
        "AccessDeniedException" => Cow::Borrowed("AccessDenied"),
        _ => match model.error(code) {
            Some((shape, _)) if model.metadata.name == "iam" => Cow::Owned(shape.name.to_owned()),
            _ => Cow::Borrowed(code),
        },
    }
}

pub(crate) fn text_of<'a>(value: Option<&'a Value>, member: &str) -> Option<&'a str> {
    match value? {
        Value::Structure(fields) => match fields.get(member)? {
            Value::String(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Calls on something that can be another account's, by the member that has its ARN.
const ON_OTHERS: [(&str, &str, &str); 3] = [
    ("sts", "RoleArn", "AWS::IAM::Role"),
    ("kms", "KeyId", "AWS::KMS::Key"),
    ("secretsmanager", "SecretId", "AWS::SecretsManager::Secret"),
];

/// What a call touches, with its ARN and its kind.
fn touched<'a>(call: &ApiCall<'a>) -> Option<(&'a str, &'static str)> {
    let service = call.model.metadata.name;
    let (_, member, kind) = ON_OTHERS.iter().find(|(owner, _, _)| *owner == service)?;
    let arn = text_of(call.input, member)?;
    arn.starts_with("arn:").then_some((arn, kind))
}

fn account_of(arn: &str) -> Option<AccountId> {
    arn.split(':').nth(4)?.parse().ok()
}

fn owner_of(call: &ApiCall<'_>) -> Option<AccountId> {
    if call.model.metadata.name == s3::MODEL {
        return call.bucket_owner;
    }
    account_of(touched(call)?.0)
}

fn resources_of(call: &ApiCall<'_>) -> Vec<Resource> {
    if call.model.metadata.name == s3::MODEL {
        return s3::resources(call);
    }
    let resource =
        |(arn, kind): (&str, &str)| Resource { account_id: account_of(arn), ..Resource::new(kind, arn) };
    touched(call).map(resource).into_iter().collect()
}
