//! Asking for more, and the history of that: RequestServiceQuotaIncrease and what shows its requests.
//!
//! Owns the record of a request. A request is decided at once: it is approved, and the value holds, or it is an error and
//! nothing is kept of it. Refuses to lower a quota, as AWS does.

use applied_quotas::{Quota, RULES_PER_SECURITY_GROUP, SECURITY_GROUPS_PER_INTERFACE};
use aws_api::service_quotas::{
    GetRequestedServiceQuotaChangeRequest, GetRequestedServiceQuotaChangeResponse,
    ListRequestedServiceQuotaChangeHistoryByQuotaRequest,
    ListRequestedServiceQuotaChangeHistoryByQuotaResponse, ListRequestedServiceQuotaChangeHistoryRequest,
    ListRequestedServiceQuotaChangeHistoryResponse, RequestServiceQuotaIncreaseRequest,
    RequestServiceQuotaIncreaseResponse, RequestedServiceQuotaChange,
};
use aws_types::Timestamp;
use serde::{Deserialize, Serialize};
use service_api::{Page, RequestContext, ServiceError};
use store::{Read as _, Record, Scope, Transaction};

use crate::quota::{LEVEL, arn, check_context, is_level, named, number, service_name};
use crate::{State, error, page};

/// The status of every request that is kept.
const STATUS: &str = "APPROVED";

/// For how long a request is in the history.
/// <https://docs.aws.amazon.com/servicequotas/latest/userguide/request-quota-increase.html>
const KEPT_MILLIS: i64 = 90 * 24 * 60 * 60 * 1000;

/// How many rules can apply to one interface: what the rules of a group times the groups of an interface can be.
/// <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>
const MOST_RULES_PER_INTERFACE: u64 = 1000;

/// A request for more that was approved. Stored under the time and the id ([`QuotaChange::key`]), so that the records are
/// in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaChange {
    /// The request's id.
    pub id: String,
    /// The code of the service.
    pub service: String,
    /// The code of the quota.
    pub quota: String,
    /// The value asked for.
    pub desired: u64,
    /// When it was asked for, and approved.
    pub created: Timestamp,
    /// Who asked, in the JSON that AWS shows.
    pub requester: String,
}

impl Record for QuotaChange {
    const KIND: &'static str = "service-quotas.change";
}

impl QuotaChange {
    fn key(&self) -> String {
        format!("{:016}-{}", self.created.unix_millis().max(0), self.id)
    }

    fn is_kept(&self, now: Timestamp) -> bool {
        self.created.plus_millis(KEPT_MILLIS) >= now
    }
}

fn shown(context: &RequestContext, change: &QuotaChange) -> RequestedServiceQuotaChange {
    // A quota that a later build no longer has is shown without its name.
    let quota = named(&change.service, &change.quota).ok();
    RequestedServiceQuotaChange {
        id: Some(change.id.clone()),
        service_code: Some(change.service.clone()),
        service_name: service_name(&change.service).ok().map(str::to_owned),
        quota_code: Some(change.quota.clone()),
        quota_name: quota.map(|quota| quota.name.to_owned()),
        desired_value: Some(number(change.desired)),
        status: Some(STATUS.to_owned()),
        created: Some(change.created),
        last_updated: Some(change.created),
        requester: Some(change.requester.clone()),
        quota_arn: quota.map(|quota| arn(context, quota)),
        global_quota: Some(false),
        unit: Some("None".to_owned()),
        quota_requested_at_level: Some(LEVEL.to_owned()),
        ..RequestedServiceQuotaChange::default()
    }
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_RequestServiceQuotaIncrease.html>
pub(crate) fn request(
    state: &State,
    context: &RequestContext,
    request: RequestServiceQuotaIncreaseRequest,
) -> Result<RequestServiceQuotaIncreaseResponse, ServiceError> {
    let quota = named(&request.service_code, &request.quota_code)?;
    check_context(request.context_id.as_deref())?;
    let desired = whole(request.desired_value)?;
    let scope = context.scope();
    let principal = &context.principal;
    let change = QuotaChange {
        id: format!("{:032x}{:08x}", state.ids.bits(), context.now.unix_secs() & 0xffff_ffff),
        service: quota.service.to_owned(),
        quota: quota.code.to_owned(),
        desired,
        created: context.now,
        requester: format!(r#"{{"accountId":"{}","callerArn":"{}"}}"#, principal.account, principal.arn),
    };
    state.store.transact(|transaction| {
        raise(transaction, &scope, quota, desired)?;
        forget_old(transaction, &scope, context.now);
        transaction.put(&scope, &change.key(), change.clone());
        Ok::<_, ServiceError>(())
    })?;
    Ok(RequestServiceQuotaIncreaseResponse { requested_quota: Some(shown(context, &change)) })
}

/// A quota counts things.
fn whole(desired: f64) -> Result<u64, ServiceError> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the comparison finds what is lost"
    )]
    let value = desired as u64;
    #[expect(clippy::float_cmp, reason = "whole numbers are exact")]
    let is_whole = number(value) == desired;
    if is_whole {
        Ok(value)
    } else {
        Err(error::illegal_argument("The desired value must be a whole number."))
    }
}

/// Lets a greater value hold, for a quota and those that rise with it.
fn raise(
    transaction: &mut Transaction,
    scope: &Scope,
    quota: &'static Quota,
    desired: u64,
) -> Result<(), ServiceError> {
    let current = quota.value(transaction, scope);
    if desired <= current {
        return Err(error::illegal_argument(format!(
            "The desired value must be greater than the current quota value of {current}."
        )));
    }
    if let Some(most) = quota.most.filter(|most| desired > *most) {
        return Err(error::illegal_argument(format!("The quota can be raised to {most} at most.")));
    }
    quota.apply(transaction, scope, desired);
    let rules = RULES_PER_SECURITY_GROUP.value(transaction, scope);
    let groups = SECURITY_GROUPS_PER_INTERFACE.value(transaction, scope);
    if rules.saturating_mul(groups) > MOST_RULES_PER_INTERFACE {
        return Err(error::illegal_argument(format!(
            "The quota for rules per security group multiplied by the quota for security groups per network interface \
             cannot exceed {MOST_RULES_PER_INTERFACE}."
        )));
    }
    for raised in quota.raises {
        let value = raised.value(transaction, scope) + (desired - current);
        raised.apply(transaction, scope, value);
    }
    Ok(())
}

fn forget_old(transaction: &mut Transaction, scope: &Scope, now: Timestamp) {
    // They are in the order of time.
    let old = transaction.scan::<QuotaChange>(scope).take_while(|(_, change)| !change.is_kept(now));
    let old: Vec<String> = old.map(|(key, _)| key.to_owned()).collect();
    for key in old {
        transaction.delete::<QuotaChange>(scope, &key);
    }
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetRequestedServiceQuotaChange.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetRequestedServiceQuotaChangeRequest,
) -> Result<GetRequestedServiceQuotaChangeResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let found = snapshot
        .scan::<QuotaChange>(&context.scope())
        .find(|(_, change)| change.id == request.request_id && change.is_kept(context.now));
    let (_, change) = found.ok_or_else(|| error::no_such("request"))?;
    Ok(GetRequestedServiceQuotaChangeResponse { requested_quota: Some(shown(context, &change)) })
}

/// What a history is asked for.
struct Wanted<'a> {
    service: Option<&'a str>,
    quota: Option<&'a str>,
    status: Option<&'a str>,
    level: Option<&'a str>,
}

fn history(
    state: &State,
    context: &RequestContext,
    wanted: &Wanted<'_>,
    token: Option<&str>,
    max_results: Option<i32>,
) -> Result<Page<RequestedServiceQuotaChange>, ServiceError> {
    let is_any = is_level(wanted.level) && wanted.status.is_none_or(|status| status == STATUS);
    let snapshot = state.store.snapshot();
    let changes = snapshot
        .scan::<QuotaChange>(&context.scope())
        .filter(|(_, change)| is_any && change.is_kept(context.now))
        .filter(|(_, change)| wanted.service.is_none_or(|service| change.service == service))
        .filter(|(_, change)| wanted.quota.is_none_or(|quota| change.quota == quota))
        .map(|(key, change)| (key.to_owned(), shown(context, &change)));
    page::take(changes, token, max_results)
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListRequestedServiceQuotaChangeHistory.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListRequestedServiceQuotaChangeHistoryRequest,
) -> Result<ListRequestedServiceQuotaChangeHistoryResponse, ServiceError> {
    if let Some(service) = &request.service_code {
        service_name(service)?;
    }
    let wanted = Wanted {
        service: request.service_code.as_deref(),
        quota: None,
        status: request.status.as_deref(),
        level: request.quota_requested_at_level.as_deref(),
    };
    let page = history(state, context, &wanted, request.next_token.as_deref(), request.max_results)?;
    Ok(ListRequestedServiceQuotaChangeHistoryResponse {
        requested_quotas: Some(page.items),
        next_token: page.next_token,
    })
}

/// <https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_ListRequestedServiceQuotaChangeHistoryByQuota.html>
pub(crate) fn list_by_quota(
    state: &State,
    context: &RequestContext,
    request: ListRequestedServiceQuotaChangeHistoryByQuotaRequest,
) -> Result<ListRequestedServiceQuotaChangeHistoryByQuotaResponse, ServiceError> {
    named(&request.service_code, &request.quota_code)?;
    let wanted = Wanted {
        service: Some(&request.service_code),
        quota: Some(&request.quota_code),
        status: request.status.as_deref(),
        level: request.quota_requested_at_level.as_deref(),
    };
    let page = history(state, context, &wanted, request.next_token.as_deref(), request.max_results)?;
    Ok(ListRequestedServiceQuotaChangeHistoryByQuotaResponse {
        requested_quotas: Some(page.items),
        next_token: page.next_token,
    })
}
