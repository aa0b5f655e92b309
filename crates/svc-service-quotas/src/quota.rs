//! What quotas there are, and which values hold: the Get and List operations.
//!
//! Owns how a quota is shown. Refuses to know how its value came to be; that is [`crate::change`]'s.

use applied_quotas::{ALL, Quota};
use aws_api::service_quotas::{
    GetAWSDefaultServiceQuotaRequest, GetAWSDefaultServiceQuotaResponse, GetServiceQuotaRequest,
    GetServiceQuotaResponse, ListAWSDefaultServiceQuotasRequest, ListAWSDefaultServiceQuotasResponse,
    ListServiceQuotasRequest, ListServiceQuotasResponse, ListServicesRequest, ListServicesResponse,
    ServiceInfo, ServiceQuota,
};
use service_api::{RequestContext, ServiceError};

use crate::{State, error, page};

/// The services whose quotas are here, sorted, with AWS's names for them.
const SERVICES: [(&str, &str); 2] = [
    ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
    ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)"),
];

/// Every quota here is of an account, none of a single resource.
pub(crate) const LEVEL: &str = "ACCOUNT";

/// The name of a service.
///
/// # Errors
/// `NoSuchResourceException`.
pub(crate) fn service_name(code: &str) -> Result<&'static str, ServiceError> {
    let service = SERVICES.iter().find(|(service, _)| *service == code);
    service.map(|(_, name)| *name).ok_or_else(|| error::no_such("service"))
}

/// The quota of these codes.
///
/// # Errors
/// `NoSuchResourceException`.
pub(crate) fn named(service: &str, code: &str) -> Result<&'static Quota, ServiceError> {
    service_name(service)?;
    let quota = ALL.iter().find(|quota| quota.service == service && quota.code == code);
    quota.copied().ok_or_else(|| error::no_such("quota"))
}

/// Whether quotas of this level are asked for.
pub(crate) fn is_level(wanted: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| wanted == LEVEL || wanted == "ALL")
}

/// Refuses a resource's quota.
///
/// # Errors
/// `IllegalArgumentException`.
pub(crate) fn check_context(context_id: Option<&str>) -> Result<(), ServiceError> {
    match context_id {
        None => Ok(()),
        Some(_) => Err(error::illegal_argument(
            "The quota is not applied at the resource level: leave ContextId out.",
        )),
    }
}

/// The ARN of an account's quota.
pub(crate) fn arn(context: &RequestContext, quota: &Quota) -> String {
    arn_of(context, &context.account().to_string(), quota)
}

fn arn_of(context: &RequestContext, account: &str, quota: &Quota) -> String {
    let (partition, region) = (context.partition, &context.region);
    format!("arn:{partition}:servicequotas:{region}:{account}:{}", quota.id())
}

/// Values are whole numbers far below 2^53, so that none changes on the way.
#[expect(clippy::cast_precision_loss, reason = "the model's range ends at 10^10")]
pub(crate) fn number(value: u64) -> f64 {
    value as f64
}

fn shown(quota: &Quota, arn: String, value: u64) -> ServiceQuota {
    ServiceQuota {
        service_code: Some(quota.service.to_owned()),
        service_name: service_name(quota.service).ok().map(str::to_owned),
        quota_arn: Some(arn),
        quota_code: Some(quota.code.to_owned()),
        quota_name: Some(quota.name.to_owned()),
        value: Some(number(value)),
        unit: Some("None".to_owned()),
        adjustable: Some(true),
        global_quota: Some(false),
        quota_applied_at_level: Some(LEVEL.to_owned()),
        ..ServiceQuota::default()
    }
}

fn shown_default(context: &RequestContext, quota: &Quota) -> ServiceQuota {
    shown(quota, arn_of(context, "", quota), quota.default)
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetAWSDefaultServiceQuota.html>
pub(crate) fn get_default(
    _: &State,
    context: &RequestContext,
    request: GetAWSDefaultServiceQuotaRequest,
) -> Result<GetAWSDefaultServiceQuotaResponse, ServiceError> {
    let quota = named(&request.service_code, &request.quota_code)?;
    Ok(GetAWSDefaultServiceQuotaResponse { quota: Some(shown_default(context, quota)) })
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetServiceQuotaRequest,
) -> Result<GetServiceQuotaResponse, ServiceError> {
    let quota = named(&request.service_code, &request.quota_code)?;
    check_context(request.context_id.as_deref())?;
    let value = quota.value(&state.store.snapshot(), &context.scope());
    Ok(GetServiceQuotaResponse { quota: Some(shown(quota, arn(context, quota), value)) })
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListAWSDefaultServiceQuotas.html>
pub(crate) fn list_defaults(
    _: &State,
    context: &RequestContext,
    request: ListAWSDefaultServiceQuotasRequest,
) -> Result<ListAWSDefaultServiceQuotasResponse, ServiceError> {
    service_name(&request.service_code)?;
    let quotas = ALL.iter().filter(|quota| quota.service == request.service_code);
    let quotas = quotas.map(|quota| (quota.id(), shown_default(context, quota)));
    let page = page::take(quotas, request.next_token.as_deref(), request.max_results)?;
    Ok(ListAWSDefaultServiceQuotasResponse { quotas: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServiceQuotas.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListServiceQuotasRequest,
) -> Result<ListServiceQuotasResponse, ServiceError> {
    service_name(&request.service_code)?;
    if let Some(code) = &request.quota_code {
        named(&request.service_code, code)?;
    }
    let (snapshot, scope) = (state.store.snapshot(), context.scope());
    let is_level = is_level(request.quota_applied_at_level.as_deref());
    let quotas = ALL
        .iter()
        .filter(|quota| is_level && quota.service == request.service_code)
        .filter(|quota| request.quota_code.as_ref().is_none_or(|code| quota.code == code))
        .map(|quota| (quota.id(), shown(quota, arn(context, quota), quota.value(&snapshot, &scope))));
    let page = page::take(quotas, request.next_token.as_deref(), request.max_results)?;
    Ok(ListServiceQuotasResponse { quotas: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListServices.html>
pub(crate) fn list_services(
    _: &State,
    _: &RequestContext,
    request: ListServicesRequest,
) -> Result<ListServicesResponse, ServiceError> {
    let services = SERVICES.iter().map(|(code, name)| {
        let info =
            ServiceInfo { service_code: Some((*code).to_owned()), service_name: Some((*name).to_owned()) };
        ((*code).to_owned(), info)
    });
    let page = page::take(services, request.next_token.as_deref(), request.max_results)?;
    Ok(ListServicesResponse { services: Some(page.items), next_token: page.next_token })
}
