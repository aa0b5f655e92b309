//! Endpoint services of customers: CreateVpcEndpointServiceConfiguration, DeleteVpcEndpointServiceConfigurations,
//! ModifyVpcEndpointServiceConfiguration, ModifyVpcEndpointServicePayerResponsibility,
//! StartVpcEndpointServicePrivateDnsVerification.
//!
//! Owns the record, and the list of all services of a region, by which other accounts find them. Who may use a service,
//! which endpoints do, what is told about that, and how a service is shown are in files of their own. Refuses to know load
//! balancers: it keeps their ARNs.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-share-your-services.html>

pub(crate) mod connection;
mod describe;
pub(crate) mod notification;
pub(crate) mod offer;
pub(crate) mod permission;

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, Arn, Region, Tags, Timestamp, VpcEndpointServiceId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Record, RecordKind};

pub use connection::VpcEndpointConnection;
pub use notification::ConnectionNotification;
pub use permission::ServicePermission;

use crate::idempotency::Attempt;
use crate::progress::{Change, Progress};
use crate::state::{Edit, Naming, Resource as _, State, nobody, resource};
use crate::vpc_endpoint::{VpcEndpointKind, unsuccessful};
use crate::{Ec2, error, pace, tag};

/// The one payer that a request can name: a service owner who pays does so for good.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpointServicePayerResponsibility.html>
const SERVICE_OWNER: &str = "ServiceOwner";

/// The private DNS name of a service, and how far the proof has come that the domain is its owner's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrivateDnsName {
    /// The name.
    pub name: String,
    /// The label of the TXT record that proves it.
    pub record_name: String,
    /// The text of that record.
    pub record_value: String,
    /// When a look for the record is over that was asked for; it never finds one, as there is no public DNS.
    pub looked_at: Option<Timestamp>,
}

impl PrivateDnsName {
    fn new(edit: &Edit<'_>, name: &str) -> Self {
        let bits = format!("{:032x}", edit.new_bits());
        Self {
            name: name.to_owned(),
            record_name: format!("_{}", &bits[..20]),
            record_value: format!("vpce:{}", &bits[12..]),
            looked_at: None,
        }
    }

    /// `pendingVerification` or `failed`.
    pub(crate) fn state(&self, now: Timestamp) -> &'static str {
        if self.looked_at.is_some_and(|at| at <= now) { "failed" } else { "pendingVerification" }
    }
}

/// A service that its owner offers to endpoints in other VPCs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcEndpointService {
    /// Its id.
    pub id: VpcEndpointServiceId,
    /// What endpoints reach it: interface endpoints, or Gateway Load Balancer endpoints.
    pub kind: VpcEndpointKind,
    /// The ARNs of the load balancers behind it, network or gateway ones as its kind says; at least one.
    pub load_balancers: Vec<String>,
    /// Whether its owner is to accept each endpoint.
    pub acceptance_required: bool,
    /// Whether it has IPv4 addresses.
    pub has_ipv4: bool,
    /// Whether it has IPv6 addresses.
    pub has_ipv6: bool,
    /// Its private DNS name.
    pub private_dns_name: Option<PrivateDnsName>,
    /// Whether its owner pays for the endpoints to it.
    #[serde(default)]
    pub owner_pays: bool,
    /// Who may use it beside its owner.
    pub permissions: Vec<ServicePermission>,
    /// Whether it is being made or deleted, and until when.
    #[serde(flatten)]
    pub progress: Progress,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    VpcEndpointService,
    VpcEndpointServiceId,
    "ec2.vpc-endpoint-service",
    Naming {
        resource_type: "vpc-endpoint-service",
        noun: "VpcEndpointService",
        not_found: "InvalidVpcEndpointServiceId.NotFound",
        malformed: "InvalidVpcEndpointServiceId.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("The VpcEndpointService Id '{id}' does not exist")
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.is_ended().then_some(self.progress.done_at)
    }
);

impl VpcEndpointService {
    /// The state that describe operations show.
    fn state(&self, now: Timestamp) -> &'static str {
        self.progress.in_words(now, ["Pending", "Available", "Deleting", "Deleted"])
    }

    /// The name by which endpoints name it.
    pub fn name(&self, region: &Region) -> String {
        format!("com.amazonaws.vpce.{region}.{}", self.id)
    }

    fn base_dns_name(&self, region: &Region) -> String {
        format!("{}.{region}.vpce.amazonaws.com", self.id)
    }

    /// Who pays for the endpoints to it; answers say nothing where that is their owners.
    pub(crate) fn payer(&self) -> Option<String> {
        self.owner_pays.then(|| SERVICE_OWNER.to_owned())
    }

    pub(crate) fn ip_address_types(&self) -> Vec<String> {
        let types = [("ipv4", self.has_ipv4), ("ipv6", self.has_ipv6)];
        types.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect()
    }
}

/// That a service is an account's; kept for every service of a region in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ServiceOwner {
    account: AccountId,
}

impl Record for ServiceOwner {
    const KIND: &'static str = "ec2.vpc-endpoint-service-owner";
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] =
    &[RecordKind::of::<ServiceOwner>(), RecordKind::of::<ConnectionNotification>()];

/// The owner of a service in the region.
pub(crate) fn owner(state: &impl State, id: VpcEndpointServiceId) -> Option<AccountId> {
    let held = state.reader().get::<ServiceOwner>(&state.part_of(nobody()), &id.to_string())?;
    Some(held.account)
}

/// Lets nobody find a service that is gone.
fn forget(edit: &mut Edit<'_>, id: VpcEndpointServiceId) {
    let region = edit.region().clone();
    edit.elsewhere(nobody(), region).remove_record::<ServiceOwner>(&id.to_string());
    connection::forget_service(edit, id);
    notification::forget(edit, notification::NotificationSource::Service(id));
}

/// Takes a service of an account that is closed for good from those who use it.
pub(crate) fn withdraw(edit: &mut Edit<'_>, service: &VpcEndpointService) {
    connection::reject_all(edit, service.id);
    forget(edit, service.id);
}

/// A service of any account in the region that is not closed, with its owner.
pub(crate) fn find(
    state: &impl State,
    id: VpcEndpointServiceId,
) -> Option<(AccountId, Arc<VpcEndpointService>)> {
    let owner = owner(state, id).filter(|owner| state.is_open(*owner))?;
    let service = state.reader().get::<VpcEndpointService>(&state.part_of(owner), &id.to_string())?;
    service.is_visible(state.now()).then_some((owner, service))
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateVpcEndpointServiceConfiguration>(create)
        .with::<op::DeleteVpcEndpointServiceConfigurations>(delete)
        .with::<op::ModifyVpcEndpointServiceConfiguration>(modify)
        .with::<op::ModifyVpcEndpointServicePayerResponsibility>(modify_payer)
        .with::<op::StartVpcEndpointServicePrivateDnsVerification>(verify);
    [
        connection::operations,
        describe::operations,
        notification::operations,
        offer::operations,
        permission::operations,
    ]
    .into_iter()
    .fold(table, |table, add| add(table))
}

/// A parameter is refused, as operations on endpoints do.
pub(crate) fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new("InvalidParameter", message)
}

/// Checks that a text has the form of the ARN of a load balancer of the account in the region.
fn check_load_balancer(
    context: &RequestContext,
    kind: VpcEndpointKind,
    text: &str,
) -> Result<(), ServiceError> {
    let letters = if kind == VpcEndpointKind::GatewayLoadBalancer { "gwy" } else { "net" };
    let resource = format!("loadbalancer/{letters}/");
    let prefix = Arn::new(
        context.partition,
        "elasticloadbalancing",
        &context.region,
        context.principal.account,
        &resource,
    );
    let rest = text.strip_prefix(prefix.as_str()).and_then(|rest| rest.split_once('/'));
    let is_name = |name: &str| {
        (1..=32).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let is_id = |id: &str| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if rest.is_some_and(|(name, id)| is_name(name) && is_id(id)) {
        return Ok(());
    }
    Err(invalid(format!("The load balancer ARN '{text}' is not valid: expecting {}NAME/ID", prefix.as_str())))
}

/// Reads which families a service has.
fn families(types: &[String]) -> Result<(bool, bool), ServiceError> {
    let unknown = types.iter().find(|text| !matches!(text.as_str(), "ipv4" | "ipv6"));
    match unknown {
        Some(text) => {
            Err(invalid(format!("The IP address type '{text}' is not valid: expecting ipv4 or ipv6")))
        }
        None => Ok((types.iter().any(|text| text == "ipv4"), types.iter().any(|text| text == "ipv6"))),
    }
}

fn check_regions(context: &RequestContext, regions: Option<&Vec<String>>) -> Result<(), ServiceError> {
    match regions.into_iter().flatten().find(|region| region.as_str() != context.region.as_str()) {
        Some(region) => Err(error::unsupported(format!(
            "Endpoint services in other Regions ({region}) are not supported."
        ))),
        None => Ok(()),
    }
}

fn check_private_dns_name(name: &str, kind: VpcEndpointKind) -> Result<(), ServiceError> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let labels = name.strip_prefix("*.").unwrap_or(name);
    if name.len() > 255 || !labels.contains('.') || !labels.split('.').all(is_label) {
        return Err(invalid(format!("The private DNS name '{name}' is not a valid domain name")));
    }
    if kind == VpcEndpointKind::GatewayLoadBalancer {
        return Err(invalid("Private DNS names are not supported for services with Gateway Load Balancers"));
    }
    Ok(())
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateVpcEndpointServiceConfigurationRequest,
) -> Result<api::CreateVpcEndpointServiceConfigurationResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpc-endpoint-service")?;
    let network = input.network_load_balancer_arns.clone().unwrap_or_default();
    let gateway = input.gateway_load_balancer_arns.clone().unwrap_or_default();
    let (kind, mut load_balancers) = match (network.is_empty(), gateway.is_empty()) {
        (false, true) => (VpcEndpointKind::Interface, network),
        (true, false) => (VpcEndpointKind::GatewayLoadBalancer, gateway),
        _ => {
            return Err(invalid(
                "exactly one of network_load_balancer_arn or gateway_load_balancer_arn is a required member",
            ));
        }
    };
    load_balancers.iter().try_for_each(|text| check_load_balancer(context, kind, text))?;
    load_balancers.sort();
    load_balancers.dedup();
    let (has_ipv4, has_ipv6) = match input.supported_ip_address_types.as_deref().unwrap_or_default() {
        [] => (true, false),
        types => families(types)?,
    };
    check_regions(context, input.supported_regions.as_ref())?;
    if let Some(name) = &input.private_dns_name {
        check_private_dns_name(name, kind)?;
    }
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateVpcEndpointServiceConfiguration", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, service: &VpcEndpointService| {
            api::CreateVpcEndpointServiceConfigurationResult {
                client_token: input.client_token.clone(),
                service_configuration: Some(describe::shown(edit, service)),
            }
        };
        if let Some(attempt) = &attempt
            && let Some(service) = attempt.made::<VpcEndpointService>(edit)?
        {
            return Ok(answer(edit, &service));
        }
        let service = VpcEndpointService {
            id: edit.new_id(),
            kind,
            load_balancers,
            acceptance_required: input.acceptance_required.unwrap_or(true),
            has_ipv4,
            has_ipv6,
            private_dns_name: input.private_dns_name.as_ref().map(|name| PrivateDnsName::new(edit, name)),
            owner_pays: false,
            permissions: Vec::new(),
            progress: Progress::new(Change::Create, pace::ENDPOINT_SERVICE_CHANGE.done_at(edit)),
            tags,
        };
        edit.put(service.clone());
        let (account, region) = (edit.account(), edit.region().clone());
        edit.elsewhere(nobody(), region).put_record(&service.id.to_string(), ServiceOwner { account });
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![service.id.to_string()]);
        }
        Ok(answer(edit, &service))
    })
}

/// The service of a request that is not being deleted.
pub(super) fn named(edit: &Edit<'_>, text: &str) -> Result<VpcEndpointService, ServiceError> {
    let service = edit.named::<VpcEndpointService>(text)?;
    if service.progress.is_ended() {
        return Err(crate::state::not_found::<VpcEndpointService>(text));
    }
    Ok(Arc::unwrap_or_clone(service))
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpcEndpointServiceConfigurationsRequest,
) -> Result<api::DeleteVpcEndpointServiceConfigurationsResult, ServiceError> {
    if input.service_ids.is_empty() {
        return Err(error::missing("ServiceId"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let each = unsuccessful(edit, &input.service_ids, |edit, text| {
            let mut service = named(edit, text)?;
            if connection::of_service(edit, service.id).any(|(_, endpoint)| !endpoint.is_ended()) {
                return Err(ServiceError::new(
                    "ExistingVpcEndpointConnections",
                    format!("Service {text} has existing active VPC Endpoint connections!"),
                ));
            }
            service.progress = Progress::new(Change::Delete, pace::ENDPOINT_SERVICE_CHANGE.done_at(edit));
            let id = service.id;
            edit.put(service);
            forget(edit, id);
            Ok(())
        });
        Ok(api::DeleteVpcEndpointServiceConfigurationsResult { unsuccessful: Some(each) })
    })
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcEndpointServiceConfigurationRequest,
) -> Result<api::ModifyVpcEndpointServiceConfigurationResult, ServiceError> {
    check_regions(context, input.add_supported_regions.as_ref())?;
    if input.remove_supported_regions.as_ref().is_some_and(|regions| !regions.is_empty()) {
        return Err(error::unsupported("The Regions of an endpoint service cannot be changed."));
    }
    if input.remove_private_dns_name == Some(true) && input.private_dns_name.is_some() {
        return Err(error::combination("PrivateDnsName cannot be used with RemovePrivateDnsName."));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut service = named(edit, &input.service_id)?;
        let (added, removed, others) = match service.kind {
            VpcEndpointKind::GatewayLoadBalancer => (
                &input.add_gateway_load_balancer_arns,
                &input.remove_gateway_load_balancer_arns,
                [&input.add_network_load_balancer_arns, &input.remove_network_load_balancer_arns],
            ),
            VpcEndpointKind::Interface | VpcEndpointKind::Gateway => (
                &input.add_network_load_balancer_arns,
                &input.remove_network_load_balancer_arns,
                [&input.add_gateway_load_balancer_arns, &input.remove_gateway_load_balancer_arns],
            ),
        };
        if others.iter().any(|list| list.as_ref().is_some_and(|list| !list.is_empty())) {
            return Err(invalid("A service has Network Load Balancers or Gateway Load Balancers, not both"));
        }
        for text in removed.iter().flatten() {
            if !service.load_balancers.contains(text) {
                return Err(invalid(format!(
                    "The load balancer '{text}' is not one of service {}",
                    service.id
                )));
            }
            service.load_balancers.retain(|held| held != text);
        }
        for text in added.iter().flatten() {
            check_load_balancer(context, service.kind, text)?;
            if !service.load_balancers.contains(text) {
                service.load_balancers.push(text.clone());
            }
        }
        if service.load_balancers.is_empty() {
            return Err(invalid("A service must have at least one load balancer"));
        }
        let (add_v4, add_v6) = families(input.add_supported_ip_address_types.as_deref().unwrap_or_default())?;
        let (no_v4, no_v6) =
            families(input.remove_supported_ip_address_types.as_deref().unwrap_or_default())?;
        service.has_ipv4 = (service.has_ipv4 && !no_v4) || add_v4;
        service.has_ipv6 = (service.has_ipv6 && !no_v6) || add_v6;
        if !service.has_ipv4 && !service.has_ipv6 {
            return Err(invalid("A service must support at least one IP address type"));
        }
        if let Some(name) = &input.private_dns_name {
            check_private_dns_name(name, service.kind)?;
            service.private_dns_name = Some(PrivateDnsName::new(edit, name));
        }
        if input.remove_private_dns_name == Some(true) {
            service.private_dns_name = None;
        }
        service.acceptance_required = input.acceptance_required.unwrap_or(service.acceptance_required);
        edit.put(service);
        Ok(api::ModifyVpcEndpointServiceConfigurationResult { r#return: Some(true) })
    })
}

fn modify_payer(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcEndpointServicePayerResponsibilityRequest,
) -> Result<api::ModifyVpcEndpointServicePayerResponsibilityResult, ServiceError> {
    if input.payer_responsibility != SERVICE_OWNER {
        let why = "It has to be ServiceOwner.";
        return Err(error::invalid_value_for(&input.payer_responsibility, "PayerResponsibility", why));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut service = named(edit, &input.service_id)?;
        service.owner_pays = true;
        edit.put(service);
        Ok(api::ModifyVpcEndpointServicePayerResponsibilityResult { return_value: Some(true) })
    })
}

/// Looks for the record that proves whose the domain is. There is no public DNS that could have it, so the look fails.
fn verify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::StartVpcEndpointServicePrivateDnsVerificationRequest,
) -> Result<api::StartVpcEndpointServicePrivateDnsVerificationResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let mut service = named(edit, &input.service_id)?;
        let done_at = pace::ENDPOINT_SERVICE_CHANGE.done_at(edit);
        match &mut service.private_dns_name {
            Some(name) => name.looked_at = Some(done_at),
            None => return Err(invalid(format!("Service {} does not have a private DNS name", service.id))),
        }
        edit.put(service);
        Ok(api::StartVpcEndpointServicePrivateDnsVerificationResult { return_value: Some(true) })
    })
}
