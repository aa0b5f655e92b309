//! Quotas as clients see and raise them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "service_quotas/old_state.rs"]
mod old_state;
#[path = "../../store/tests/state_file/mod.rs"]
mod state_file;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use applied_quotas::{
    ALL, EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION, INTERNET_GATEWAYS_PER_REGION, RULES_PER_NETWORK_ACL,
    RULES_PER_SECURITY_GROUP, SECURITY_GROUPS_PER_INTERFACE, SUBNETS_PER_VPC, VPCS_PER_REGION,
};
use aws_api::Operation;
use aws_api::service_quotas::{self as api, operation as op};
use aws_model::Value;
use aws_types::{Partition, Timestamp};
use service_api::{IdSource, Principal, RequestContext, RequestId, Service as _, ServiceError};
use store::{MemoryBackend, Store};
use svc_service_quotas::ServiceQuotas;

struct Counting(AtomicU64);

impl IdSource for Counting {
    fn bits(&self) -> u128 {
        u128::from(self.0.fetch_add(1, Ordering::Relaxed)) << 64
    }
}

struct Cloud {
    store: Store,
    service: ServiceQuotas,
    context: RequestContext,
}

impl Cloud {
    fn new() -> Self {
        Self::on(Store::open(MemoryBackend::new()).unwrap())
    }

    fn on(store: Store) -> Self {
        let service = ServiceQuotas::new(store.clone(), Arc::new(Counting(AtomicU64::new(1))));
        Self { store, service, context: context("123456789012", "us-east-1") }
    }

    fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, ServiceError>
    where
        O::Input: Into<Value>,
        O::Output: TryFrom<Value>,
    {
        let answer = self.service.call(&self.context, O::NAME, input.into())?;
        Ok(O::Output::try_from(answer).ok().unwrap())
    }

    fn refused<O: Operation>(&self, input: O::Input) -> (String, String)
    where
        O::Input: Into<Value>,
    {
        let before = self.store.snapshot().revision();
        let error = self.service.call(&self.context, O::NAME, input.into()).unwrap_err();
        assert!(!error.is_fault, "{error}");
        assert_eq!(self.store.snapshot().revision(), before, "{error}");
        (error.code.into_owned(), error.message)
    }

    fn get(&self, quota: &applied_quotas::Quota) -> api::ServiceQuota {
        let input = api::GetServiceQuotaRequest {
            service_code: quota.service.to_owned(),
            quota_code: quota.code.to_owned(),
            context_id: None,
        };
        self.call::<op::GetServiceQuota>(input).unwrap().quota.unwrap()
    }

    fn raise(&self, quota: &applied_quotas::Quota, desired: f64) -> api::RequestedServiceQuotaChange {
        let answer = self.call::<op::RequestServiceQuotaIncrease>(increase(quota, desired));
        answer.unwrap().requested_quota.unwrap()
    }

    fn history(&self, request: api::ListRequestedServiceQuotaChangeHistoryRequest) -> Vec<String> {
        let answer = self.call::<op::ListRequestedServiceQuotaChangeHistory>(request).unwrap();
        ids(answer.requested_quotas)
    }

    fn history_of(&self, quota: &applied_quotas::Quota) -> Vec<String> {
        let input = api::ListRequestedServiceQuotaChangeHistoryByQuotaRequest {
            service_code: quota.service.to_owned(),
            quota_code: quota.code.to_owned(),
            ..Default::default()
        };
        let answer = self.call::<op::ListRequestedServiceQuotaChangeHistoryByQuota>(input).unwrap();
        ids(answer.requested_quotas)
    }
}

fn ids(changes: Option<Vec<api::RequestedServiceQuotaChange>>) -> Vec<String> {
    changes.unwrap().into_iter().map(|change| change.id.unwrap()).collect()
}

fn increase(quota: &applied_quotas::Quota, desired: f64) -> api::RequestServiceQuotaIncreaseRequest {
    api::RequestServiceQuotaIncreaseRequest {
        service_code: quota.service.to_owned(),
        quota_code: quota.code.to_owned(),
        desired_value: desired,
        ..Default::default()
    }
}

fn context(account: &str, region: &str) -> RequestContext {
    RequestContext {
        partition: Partition::Aws,
        region: region.parse().unwrap(),
        principal: Principal::root(Partition::Aws, account.parse().unwrap(), "AKIAIOSFODNN7EXAMPLE"),
        request_id: RequestId::from_bits(0),
        now: Timestamp::from_unix_secs(1_800_000_000),
        source_ip: [127, 0, 0, 1].into(),
        user_agent: String::new(),
        secure_transport: false,
        way: service_api::Way::default(),
    }
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

#[test]
fn quotas_are_shown_with_aws_codes_and_names() {
    let cloud = Cloud::new();
    let quota = cloud.get(&VPCS_PER_REGION);
    assert_eq!(quota.quota_name.as_deref(), Some("VPCs per Region"));
    assert_eq!(quota.service_name.as_deref(), Some("Amazon Virtual Private Cloud (Amazon VPC)"));
    let arn = "arn:aws:servicequotas:us-east-1:123456789012:vpc/L-F678F1CE";
    assert_eq!(quota.quota_arn.as_deref(), Some(arn));
    assert_eq!((quota.value, quota.adjustable, quota.global_quota), (Some(5.0), Some(true), Some(false)));
    assert_eq!(quota.quota_applied_at_level.as_deref(), Some("ACCOUNT"));

    let services = cloud.call::<op::ListServices>(Default::default()).unwrap().services.unwrap();
    let codes: Vec<_> = services.iter().map(|service| service.service_code.as_deref().unwrap()).collect();
    assert_eq!(codes, ["ec2", "vpc"]);
    let mut listed = 0;
    for service in codes {
        let input = api::ListServiceQuotasRequest { service_code: service.to_owned(), ..Default::default() };
        let quotas = cloud.call::<op::ListServiceQuotas>(input).unwrap().quotas.unwrap();
        assert!(quotas.iter().all(|quota| quota.service_code.as_deref() == Some(service)));
        listed += quotas.len();
    }
    assert_eq!(listed, ALL.len());
}

#[test]
fn lists_are_narrowed_and_come_in_pages() {
    let cloud = Cloud::new();
    let list = |request: api::ListServiceQuotasRequest| {
        let request = api::ListServiceQuotasRequest { service_code: "vpc".to_owned(), ..request };
        let answer = cloud.call::<op::ListServiceQuotas>(request).unwrap();
        let codes: Vec<String> =
            answer.quotas.unwrap().into_iter().map(|quota| quota.quota_code.unwrap()).collect();
        (codes, answer.next_token)
    };
    let all = list(Default::default()).0;
    let some = |text: &str| Some(text.to_owned());
    let code = api::ListServiceQuotasRequest { quota_code: some("L-407747CB"), ..Default::default() };
    assert_eq!(list(code).0, ["L-407747CB"]);
    for (level, expect) in [("ACCOUNT", all.len()), ("ALL", all.len()), ("RESOURCE", 0)] {
        let request =
            api::ListServiceQuotasRequest { quota_applied_at_level: some(level), ..Default::default() };
        assert_eq!(list(request).0.len(), expect, "{level}");
    }
    let (mut seen, mut next_token) = (Vec::new(), None);
    loop {
        let (codes, token) =
            list(api::ListServiceQuotasRequest { max_results: Some(5), next_token, ..Default::default() });
        assert!(codes.len() == 5 || token.is_none());
        seen.extend(codes);
        next_token = token;
        if next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
    let bad = api::ListServiceQuotasRequest {
        service_code: "vpc".to_owned(),
        next_token: some("nonsense"),
        ..Default::default()
    };
    assert_eq!(cloud.refused::<op::ListServiceQuotas>(bad).0, "InvalidPaginationTokenException");
}

#[test]
fn an_increase_holds_at_once_in_its_account_and_region() {
    let mut cloud = Cloud::new();
    let change = cloud.raise(&SUBNETS_PER_VPC, 250.0);
    assert_eq!(change.status.as_deref(), Some("APPROVED"));
    assert_eq!((change.desired_value, change.quota_name.as_deref()), (Some(250.0), Some("Subnets per VPC")));
    let requester = r#"{"accountId":"123456789012","callerArn":"arn:aws:iam::123456789012:root"}"#;
    assert_eq!(change.requester.as_deref(), Some(requester));
    assert_eq!(cloud.get(&SUBNETS_PER_VPC).value, Some(250.0));
    assert_eq!(SUBNETS_PER_VPC.value(&cloud.store.snapshot(), &cloud.context.scope()), 250);
    let input = api::GetRequestedServiceQuotaChangeRequest { request_id: change.id.clone().unwrap() };
    let got = cloud.call::<op::GetRequestedServiceQuotaChange>(input.clone()).unwrap().requested_quota;
    assert_eq!(got, Some(change));

    let default = api::GetAWSDefaultServiceQuotaRequest {
        service_code: "vpc".to_owned(),
        quota_code: SUBNETS_PER_VPC.code.to_owned(),
    };
    let default = cloud.call::<op::GetAWSDefaultServiceQuota>(default).unwrap().quota.unwrap();
    assert_eq!(default.value, Some(200.0));
    assert_eq!(default.quota_arn.as_deref(), Some("arn:aws:servicequotas:us-east-1::vpc/L-407747CB"));
    let defaults =
        api::ListAWSDefaultServiceQuotasRequest { service_code: "vpc".to_owned(), ..Default::default() };
    let defaults = cloud.call::<op::ListAWSDefaultServiceQuotas>(defaults).unwrap().quotas.unwrap();
    assert!(defaults.contains(&default));

    for elsewhere in [context("123456789012", "us-west-2"), context("210987654321", "us-east-1")] {
        cloud.context = elsewhere;
        assert_eq!(cloud.get(&SUBNETS_PER_VPC).value, Some(200.0));
        let code = cloud.refused::<op::GetRequestedServiceQuotaChange>(input.clone()).0;
        assert_eq!(code, "NoSuchResourceException");
        assert!(cloud.history(Default::default()).is_empty());
    }
}

#[test]
fn every_quota_can_be_raised() {
    for quota in ALL {
        let cloud = Cloud::new();
        let default = f64::from(u32::try_from(quota.default).unwrap());
        assert_eq!(cloud.get(quota).value, Some(default), "{}", quota.name);
        cloud.raise(quota, default + 1.0);
        assert_eq!(cloud.get(quota).value, Some(default + 1.0), "{}", quota.name);
    }
}

#[test]
fn gateways_follow_the_vpcs() {
    let cloud = Cloud::new();
    cloud.raise(&INTERNET_GATEWAYS_PER_REGION, 6.0);
    cloud.raise(&VPCS_PER_REGION, 25.0);
    assert_eq!(cloud.get(&INTERNET_GATEWAYS_PER_REGION).value, Some(26.0));
    assert_eq!(cloud.get(&EGRESS_ONLY_INTERNET_GATEWAYS_PER_REGION).value, Some(25.0));
}

#[test]
fn what_cannot_be_raised_so_is_refused() {
    let cloud = Cloud::new();
    let refused = |quota: &applied_quotas::Quota, desired: f64, said: &str| {
        let (code, message) = cloud.refused::<op::RequestServiceQuotaIncrease>(increase(quota, desired));
        assert_eq!(code, "IllegalArgumentException", "{message}");
        assert!(message.contains(said), "{message}");
    };
    for desired in [0.0, 4.0, 5.0] {
        refused(&VPCS_PER_REGION, desired, "greater than the current quota value of 5");
    }
    refused(&VPCS_PER_REGION, 5.5, "whole number");
    refused(&RULES_PER_NETWORK_ACL, 41.0, "40 at most");
    refused(&SECURITY_GROUPS_PER_INTERFACE, 17.0, "16 at most");
    refused(&RULES_PER_SECURITY_GROUP, 201.0, "cannot exceed 1000");
    cloud.raise(&RULES_PER_SECURITY_GROUP, 200.0);
    refused(&SECURITY_GROUPS_PER_INTERFACE, 6.0, "cannot exceed 1000");
    cloud.raise(&RULES_PER_NETWORK_ACL, 40.0);
    let of_resource = api::RequestServiceQuotaIncreaseRequest {
        context_id: Some("vpc-0123456789abcdef0".to_owned()),
        ..increase(&VPCS_PER_REGION, 6.0)
    };
    assert_eq!(cloud.refused::<op::RequestServiceQuotaIncrease>(of_resource).0, "IllegalArgumentException");
}

#[test]
fn what_is_not_there_is_said() {
    let cloud = Cloud::new();
    for (service, quota, missing) in
        [("nothing", "L-F678F1CE", "service"), ("vpc", "L-00000000", "quota"), ("ec2", "L-F678F1CE", "quota")]
    {
        let message = format!("The request failed because the specified {missing} does not exist.");
        let expect = ("NoSuchResourceException".to_owned(), message);
        let (service_code, quota_code) = (service.to_owned(), quota.to_owned());
        let get = api::GetServiceQuotaRequest {
            service_code: service_code.clone(),
            quota_code: quota_code.clone(),
            context_id: None,
        };
        assert_eq!(cloud.refused::<op::GetServiceQuota>(get), expect);
        let default = api::GetAWSDefaultServiceQuotaRequest {
            service_code: service_code.clone(),
            quota_code: quota_code.clone(),
        };
        assert_eq!(cloud.refused::<op::GetAWSDefaultServiceQuota>(default), expect);
        let raise = api::RequestServiceQuotaIncreaseRequest {
            service_code: service_code.clone(),
            quota_code: quota_code.clone(),
            desired_value: 100.0,
            ..Default::default()
        };
        assert_eq!(cloud.refused::<op::RequestServiceQuotaIncrease>(raise), expect);
        let history = api::ListRequestedServiceQuotaChangeHistoryByQuotaRequest {
            service_code: service_code.clone(),
            quota_code: quota_code.clone(),
            ..Default::default()
        };
        assert_eq!(cloud.refused::<op::ListRequestedServiceQuotaChangeHistoryByQuota>(history), expect);
        let list = api::ListServiceQuotasRequest {
            service_code,
            quota_code: Some(quota_code),
            ..Default::default()
        };
        assert_eq!(cloud.refused::<op::ListServiceQuotas>(list), expect);
    }
    let service_code = "nothing".to_owned();
    let defaults =
        api::ListAWSDefaultServiceQuotasRequest { service_code: service_code.clone(), ..Default::default() };
    assert_eq!(cloud.refused::<op::ListAWSDefaultServiceQuotas>(defaults).0, "NoSuchResourceException");
    let history = api::ListRequestedServiceQuotaChangeHistoryRequest {
        service_code: Some(service_code),
        ..Default::default()
    };
    let refused = cloud.refused::<op::ListRequestedServiceQuotaChangeHistory>(history);
    assert_eq!(refused.0, "NoSuchResourceException");
    let get = api::GetRequestedServiceQuotaChangeRequest { request_id: "none".to_owned() };
    assert_eq!(cloud.refused::<op::GetRequestedServiceQuotaChange>(get).0, "NoSuchResourceException");
}

#[test]
fn the_history_is_of_ninety_days_and_in_order() {
    let mut cloud = Cloud::new();
    let raise = |cloud: &Cloud, quota, desired| cloud.raise(quota, desired).id.unwrap();
    let first = raise(&cloud, &SUBNETS_PER_VPC, 201.0);
    cloud.context.now = cloud.context.now.plus_millis(DAY_MILLIS);
    let second = raise(&cloud, &VPCS_PER_REGION, 6.0);
    let third = raise(&cloud, &applied_quotas::ELASTIC_IPS_PER_REGION, 6.0);
    assert_eq!(cloud.history(Default::default()), [&*first, &*second, &*third]);
    assert_eq!(cloud.history_of(&VPCS_PER_REGION), [&*second]);
    let some = |text: &str| Some(text.to_owned());
    let request = api::ListRequestedServiceQuotaChangeHistoryRequest::default;
    let of_ec2 =
        api::ListRequestedServiceQuotaChangeHistoryRequest { service_code: some("ec2"), ..request() };
    assert_eq!(cloud.history(of_ec2), [&*third]);
    for (status, expect) in [("APPROVED", 3), ("PENDING", 0)] {
        let of_status =
            api::ListRequestedServiceQuotaChangeHistoryRequest { status: some(status), ..request() };
        assert_eq!(cloud.history(of_status).len(), expect, "{status}");
    }
    for (level, expect) in [("ACCOUNT", 3), ("ALL", 3), ("RESOURCE", 0)] {
        let of_level = api::ListRequestedServiceQuotaChangeHistoryRequest {
            quota_requested_at_level: some(level),
            ..request()
        };
        assert_eq!(cloud.history(of_level).len(), expect, "{level}");
    }
    let page = api::ListRequestedServiceQuotaChangeHistoryRequest { max_results: Some(2), ..request() };
    let page = cloud.call::<op::ListRequestedServiceQuotaChangeHistory>(page).unwrap();
    assert_eq!(ids(page.requested_quotas).len(), 2);
    let rest = api::ListRequestedServiceQuotaChangeHistoryRequest {
        next_token: Some(page.next_token.unwrap()),
        ..request()
    };
    assert_eq!(cloud.history(rest), [&*third]);

    cloud.context.now = cloud.context.now.plus_millis(90 * DAY_MILLIS);
    assert_eq!(cloud.history(request()), [&*second, &*third]);
    let fourth = raise(&cloud, &SUBNETS_PER_VPC, 202.0);
    assert_eq!(cloud.history_of(&SUBNETS_PER_VPC), [&*fourth]);
    use store::Read as _;
    let kept = cloud.store.snapshot().count::<svc_service_quotas::QuotaChange>(&cloud.context.scope());
    assert_eq!(kept, 3, "old requests are deleted");
    assert_eq!(cloud.get(&VPCS_PER_REGION).value, Some(6.0), "the value stays");
}

#[test]
fn a_quota_is_named_by_its_service_and_its_code() {
    let cloud = Cloud::new();
    let input = api::GetServiceQuotaRequest {
        service_code: "vpc".to_owned(),
        quota_code: "L-F678F1CE".to_owned(),
        ..Default::default()
    };
    let needed = cloud.service.needed_permissions(&cloud.context, "GetServiceQuota", &input.into()).unwrap();
    assert_eq!((needed.len(), &*needed[0].action), (1, "servicequotas:GetServiceQuota"));
    let [resource] = &needed[0].resources[..] else { panic!("{needed:?}") };
    assert_eq!(resource.arn, "arn:aws:servicequotas:us-east-1:123456789012:vpc/L-F678F1CE");
    assert_eq!(resource.keys, [("servicequotas:service".to_owned(), vec!["vpc".to_owned()])]);
}
