//! The smaller options of instances: maintenance, metadata, names, shutdown. ModifyInstanceMaintenanceOptions,
//! ModifyInstanceMetadataOptions, ModifyPrivateDnsNameOptions.

use aws_api::ec2::{self as api, operation as op};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::lifecycle::InstanceState;
use super::{Instance, run};
use crate::state::State;
use crate::subnet::{HostnameType, Subnet};
use crate::{Ec2, error};

/// How far an answer to a metadata request may travel.
const HOP_LIMITS: std::ops::RangeInclusive<i32> = 1..=64;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::ModifyInstanceMaintenanceOptions>(modify_maintenance)
        .with::<op::ModifyInstanceMetadataOptions>(modify_metadata_options)
        .with::<op::ModifyPrivateDnsNameOptions>(modify_names)
}

/// How an instance's metadata can be read.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataOptions {
    /// Whether a session token is required (IMDSv2 only).
    pub http_tokens_required: bool,
    /// How many hops an answer with a token may travel.
    pub http_put_response_hop_limit: u8,
    /// Whether the endpoint answers at all.
    pub http_endpoint_enabled: bool,
    /// Whether the IPv6 endpoint answers.
    pub http_protocol_ipv6_enabled: bool,
    /// Whether the instance's tags are among the metadata.
    pub instance_metadata_tags: bool,
}

/// The options as requests have them; both requests have the same members.
#[derive(Default)]
pub(super) struct WantedMetadataOptions<'a> {
    pub(super) tokens: Option<&'a str>,
    pub(super) hop_limit: Option<i32>,
    pub(super) endpoint: Option<&'a str>,
    pub(super) ipv6: Option<&'a str>,
    pub(super) tags: Option<&'a str>,
}

fn switch(text: Option<&str>, on: &str, off: &str, parameter: &str) -> Result<Option<bool>, ServiceError> {
    match text {
        None => Ok(None),
        Some(text) if text == on => Ok(Some(true)),
        Some(text) if text == off => Ok(Some(false)),
        Some(other) => Err(error::invalid_value_for(other, parameter, &format!("It must be {on} or {off}."))),
    }
}

impl MetadataOptions {
    /// What an image asks for that the launch does not.
    pub(super) fn of_image(image: &aws_catalog::Image) -> Self {
        Self {
            http_tokens_required: image.imds_v2_required,
            http_put_response_hop_limit: if image.imds_v2_required { 2 } else { 1 },
            http_endpoint_enabled: true,
            http_protocol_ipv6_enabled: false,
            instance_metadata_tags: false,
        }
    }

    /// These options with those changed that a request has.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub(super) fn with(self, wanted: &WantedMetadataOptions<'_>) -> Result<Self, ServiceError> {
        let hop_limit = match wanted.hop_limit {
            None => self.http_put_response_hop_limit,
            Some(limit) if HOP_LIMITS.contains(&limit) => u8::try_from(limit).expect("it was just checked"),
            Some(limit) => {
                return Err(error::invalid_value_for(
                    limit,
                    "HttpPutResponseHopLimit",
                    "It must be between 1 and 64.",
                ));
            }
        };
        let enabled = |text, parameter| switch(text, "enabled", "disabled", parameter);
        Ok(Self {
            http_tokens_required: switch(wanted.tokens, "required", "optional", "HttpTokens")?
                .unwrap_or(self.http_tokens_required),
            http_put_response_hop_limit: hop_limit,
            http_endpoint_enabled: enabled(wanted.endpoint, "HttpEndpoint")?
                .unwrap_or(self.http_endpoint_enabled),
            http_protocol_ipv6_enabled: enabled(wanted.ipv6, "HttpProtocolIpv6")?
                .unwrap_or(self.http_protocol_ipv6_enabled),
            instance_metadata_tags: enabled(wanted.tags, "InstanceMetadataTags")?
                .unwrap_or(self.instance_metadata_tags),
        })
    }

    /// As answers have it. Metadata is served from the record, so that a change is applied at once.
    pub(crate) fn shown(self) -> api::InstanceMetadataOptionsResponse {
        let enabled = |on: bool| Some(if on { "enabled" } else { "disabled" }.to_owned());
        api::InstanceMetadataOptionsResponse {
            http_endpoint: enabled(self.http_endpoint_enabled),
            http_protocol_ipv6: enabled(self.http_protocol_ipv6_enabled),
            http_put_response_hop_limit: Some(self.http_put_response_hop_limit.into()),
            http_tokens: Some(if self.http_tokens_required { "required" } else { "optional" }.to_owned()),
            instance_metadata_tags: enabled(self.instance_metadata_tags),
            state: Some("applied".to_owned()),
        }
    }
}

fn modify_metadata_options(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyInstanceMetadataOptionsRequest,
) -> Result<api::ModifyInstanceMetadataOptionsResult, ServiceError> {
    let wanted = WantedMetadataOptions {
        tokens: input.http_tokens.as_deref(),
        hop_limit: input.http_put_response_hop_limit,
        endpoint: input.http_endpoint.as_deref(),
        ipv6: input.http_protocol_ipv6.as_deref(),
        tags: input.instance_metadata_tags.as_deref(),
    };
    ec2.edit(context, input.dry_run, |edit| {
        let mut instance = Instance::clone(&*edit.named::<Instance>(&input.instance_id)?);
        instance.metadata_options = instance.metadata_options.with(&wanted)?;
        let answer = api::ModifyInstanceMetadataOptionsResult {
            instance_id: Some(instance.id.to_string()),
            instance_metadata_options: Some(instance.metadata_options.shown()),
        };
        edit.put(instance);
        Ok(answer)
    })
}

/// Changes whether an instance is recovered when its hardware fails.
fn modify_maintenance(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyInstanceMaintenanceOptionsRequest,
) -> Result<api::ModifyInstanceMaintenanceOptionsResult, ServiceError> {
    if input.reboot_migration.as_deref().is_some_and(|wanted| wanted != "default") {
        return Err(error::unsupported("Reboot migration cannot be disabled."));
    }
    let is_disabled = input.auto_recovery.as_deref();
    let is_disabled =
        is_disabled.map(|wanted| run::auto_recovery_disabled(wanted, "AutoRecovery")).transpose()?;
    if is_disabled.is_none() && input.reboot_migration.is_none() {
        return Err(error::missing_either("AutoRecovery", "RebootMigration"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut instance = Instance::clone(&*edit.named::<Instance>(&input.instance_id)?);
        instance.auto_recovery_disabled = is_disabled.unwrap_or(instance.auto_recovery_disabled);
        let auto_recovery = if instance.auto_recovery_disabled { "disabled" } else { "default" };
        let answer = api::ModifyInstanceMaintenanceOptionsResult {
            auto_recovery: Some(auto_recovery.to_owned()),
            instance_id: Some(instance.id.to_string()),
            reboot_migration: input.reboot_migration,
        };
        edit.put(instance);
        Ok(answer)
    })
}

/// How an instance is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateDnsNameOptions {
    /// By its address or by its id.
    pub hostname_type: HostnameType,
    /// Whether the name by its id resolves to its IPv4 address.
    pub resource_name_dns_a: bool,
    /// Whether the name by its id resolves to its IPv6 address.
    pub resource_name_dns_aaaa: bool,
}

impl PrivateDnsNameOptions {
    /// What a launch asks for, or else its subnet.
    ///
    /// # Errors
    /// `InvalidParameterValue`.
    pub(super) fn wanted(
        wanted: Option<&api::PrivateDnsNameOptionsRequest>,
        subnet: &Subnet,
    ) -> Result<Self, ServiceError> {
        let hostname_type = wanted.and_then(|wanted| wanted.hostname_type.as_deref());
        let hostname_type =
            hostname_type.map(|text| HostnameType::parse(text, "HostnameType")).transpose()?;
        Ok(Self {
            hostname_type: hostname_type.unwrap_or(subnet.hostname_type),
            resource_name_dns_a: wanted
                .and_then(|wanted| wanted.enable_resource_name_dns_a_record)
                .unwrap_or(subnet.resource_name_dns_a),
            resource_name_dns_aaaa: wanted
                .and_then(|wanted| wanted.enable_resource_name_dns_aaaa_record)
                .unwrap_or(subnet.resource_name_dns_aaaa),
        })
    }

    pub(crate) fn shown(self) -> api::PrivateDnsNameOptionsResponse {
        api::PrivateDnsNameOptionsResponse {
            enable_resource_name_dns_aaaa_record: Some(self.resource_name_dns_aaaa),
            enable_resource_name_dns_a_record: Some(self.resource_name_dns_a),
            hostname_type: Some(self.hostname_type.as_str().to_owned()),
        }
    }
}

/// Changes how an instance is named. What it calls itself is settled when it starts, so that the kind of name can be changed
/// only while it is stopped.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html>
fn modify_names(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyPrivateDnsNameOptionsRequest,
) -> Result<api::ModifyPrivateDnsNameOptionsResult, ServiceError> {
    let hostname_type = input.private_dns_hostname_type.as_deref();
    let hostname_type =
        hostname_type.map(|text| HostnameType::parse(text, "PrivateDnsHostnameType")).transpose()?;
    ec2.edit(context, input.dry_run, |edit| {
        let mut instance = Instance::clone(&*edit.named::<Instance>(&input.instance_id)?);
        let held = instance.private_dns_name_options;
        let options = PrivateDnsNameOptions {
            hostname_type: hostname_type.unwrap_or(held.hostname_type),
            resource_name_dns_a: input.enable_resource_name_dns_a_record.unwrap_or(held.resource_name_dns_a),
            resource_name_dns_aaaa: input
                .enable_resource_name_dns_aaaa_record
                .unwrap_or(held.resource_name_dns_aaaa),
        };
        if options.hostname_type != held.hostname_type && instance.state != InstanceState::Stopped {
            let message = format!("The instance '{}' is not in the 'stopped' state.", instance.id);
            return Err(ServiceError::new("IncorrectInstanceState", message));
        }
        instance.private_dns_name_options = options;
        edit.put(instance);
        Ok(api::ModifyPrivateDnsNameOptionsResult { r#return: Some(true) })
    })
}

/// What a shutdown from inside means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ShutdownBehavior {
    /// The instance stops.
    #[default]
    Stop,
    /// The instance is terminated.
    Terminate,
}

impl ShutdownBehavior {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Terminate => "terminate",
        }
    }

    /// # Errors
    /// `InvalidParameterValue`.
    pub(super) fn parse(text: &str) -> Result<Self, ServiceError> {
        match text {
            "stop" => Ok(Self::Stop),
            "terminate" => Ok(Self::Terminate),
            other => {
                let why = "It must be stop or terminate.";
                Err(error::invalid_value_for(other, "instanceInitiatedShutdownBehavior", why))
            }
        }
    }
}
