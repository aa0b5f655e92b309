//! Managed instances: who can be sent commands.
//!
//! An instance is registered by whoever runs it when its agent is up, disconnected when it stops, and deregistered when
//! it is terminated. There is no heartbeat to store: an instance is online from its registration until the other.

use std::net::IpAddr;

use aws_api::ssm::{
    DescribeInstanceInformationRequest, DescribeInstanceInformationResult, InstanceInformation,
    InstanceInformationFilter, InstanceInformationStringFilter,
};
use aws_types::{InstanceId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};
use store::{Read as _, Record, Scope, StoreError};

use crate::command;
use crate::error::invalid_filter_key;
use crate::page;
use crate::{Ssm, State};

/// How many instances are answered by default, and at most.
const PAGE: usize = 50;

/// An instance that an agent runs in. Its id is the instance's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedInstance {
    /// The instance.
    pub instance_id: InstanceId,
    /// Its private address.
    pub ip_address: IpAddr,
    /// Its host name.
    pub computer_name: String,
    /// The operating system's name, such as `Amazon Linux`.
    pub platform_name: String,
    /// The operating system's version.
    pub platform_version: String,
    /// The version of the agent.
    pub agent_version: String,
    /// A copy of the instance's tags, by which commands find it.
    pub tags: Tags,
    /// When it was first registered.
    pub registered_at: Timestamp,
    /// When it stopped answering; `None` while it is online.
    pub disconnected_at: Option<Timestamp>,
}

impl Record for ManagedInstance {
    const KIND: &'static str = "ssm.managed-instance";
}

impl ManagedInstance {
    /// Whether commands reach it now.
    pub fn is_online(&self) -> bool {
        self.disconnected_at.is_none()
    }

    fn ping_status(&self) -> &'static str {
        if self.is_online() { "Online" } else { "ConnectionLost" }
    }
}

impl Ssm {
    /// Registers an instance, or brings a registered one back online; then its first registration's time is kept.
    ///
    /// # Errors
    /// The store could not write it.
    pub fn register_instance(&self, scope: &Scope, mut instance: ManagedInstance) -> Result<(), StoreError> {
        let id = instance.instance_id.to_string();
        self.state.store.transact(|transaction| {
            if let Some(known) = transaction.get::<ManagedInstance>(scope, &id) {
                instance.registered_at = known.registered_at;
            }
            transaction.put(scope, &id, instance);
            Ok(())
        })
    }

    /// Notes that an instance no longer answers, because it stopped. Its commands wait for it until they time out.
    /// Answers whether it was registered and online.
    ///
    /// # Errors
    /// The store could not write it.
    pub fn disconnect_instance(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change_instance(scope, id, |instance| {
            let was_online = instance.is_online();
            instance.disconnected_at.get_or_insert(at);
            was_online
        })
    }

    /// Replaces the copy of an instance's tags. Answers whether it is registered.
    ///
    /// # Errors
    /// The store could not write it.
    pub fn set_instance_tags(&self, scope: &Scope, id: InstanceId, tags: &Tags) -> Result<bool, StoreError> {
        self.change_instance(scope, id, |instance| {
            instance.tags = tags.clone();
            true
        })
    }

    /// Forgets an instance, because it was terminated. Commands that it had not finished have failed. Answers whether it
    /// was registered.
    ///
    /// # Errors
    /// The store could not write it.
    pub fn deregister_instance(
        &self,
        scope: &Scope,
        id: InstanceId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.state.store.transact(|transaction| {
            let was_registered = transaction.delete::<ManagedInstance>(scope, &id.to_string());
            command::abandon_instance(transaction, scope, id, at);
            Ok(was_registered)
        })
    }

    fn change_instance(
        &self,
        scope: &Scope,
        id: InstanceId,
        change: impl FnOnce(&mut ManagedInstance) -> bool,
    ) -> Result<bool, StoreError> {
        let id = id.to_string();
        self.state.store.transact(|transaction| {
            let Some(known) = transaction.get::<ManagedInstance>(scope, &id) else { return Ok(false) };
            let mut instance = ManagedInstance::clone(&known);
            let changed = change(&mut instance);
            transaction.put(scope, &id, instance);
            Ok(changed)
        })
    }
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_DescribeInstanceInformation.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeInstanceInformationRequest,
) -> Result<DescribeInstanceInformationResult, ServiceError> {
    let old = request.instance_information_filter_list.as_deref().unwrap_or_default();
    let new = request.filters.as_deref().unwrap_or_default();
    if !old.is_empty() && !new.is_empty() {
        return Err(invalid_filter_key("Filters and InstanceInformationFilterList can't be used together."));
    }
    let old = old.iter().map(|InstanceInformationFilter { key, value_set }| Filter::read(key, value_set));
    let new = new.iter().map(|InstanceInformationStringFilter { key, values }| Filter::read(key, values));
    let filters: Vec<Filter<'_>> = old.chain(new).collect::<Result<_, _>>()?;
    let snapshot = state.store.snapshot();
    let items = snapshot
        .scan::<ManagedInstance>(&context.scope())
        .filter(|(_, instance)| filters.iter().all(|filter| filter.matches(instance)))
        .map(|(id, instance)| (id.to_owned(), show(context, &instance)));
    let page = page::take(items, request.next_token.as_deref(), page::size(request.max_results, PAGE))?;
    Ok(DescribeInstanceInformationResult {
        instance_information_list: Some(page.items),
        next_token: page.next_token,
    })
}

/// A filter of either style: any of the values has to match.
struct Filter<'a> {
    key: FilterKey<'a>,
    values: &'a [String],
}

enum FilterKey<'a> {
    InstanceIds,
    AgentVersion,
    PingStatus,
    PlatformTypes,
    ResourceType,
    /// Keys about what no instance here has: activations, roles, associations.
    Absent,
    Tag(&'a str),
    TagKey,
}

impl<'a> Filter<'a> {
    fn read(key: &'a str, values: &'a [String]) -> Result<Self, ServiceError> {
        let key = match key {
            "InstanceIds" => FilterKey::InstanceIds,
            "AgentVersion" => FilterKey::AgentVersion,
            "PingStatus" => FilterKey::PingStatus,
            "PlatformTypes" => FilterKey::PlatformTypes,
            "ResourceType" => FilterKey::ResourceType,
            "ActivationIds" | "IamRole" | "AssociationStatus" | "SourceIds" | "SourceTypes" => {
                FilterKey::Absent
            }
            "tag-key" => FilterKey::TagKey,
            other => match other.strip_prefix("tag:") {
                Some(tag) => FilterKey::Tag(tag),
                None => return Err(invalid_filter_key(format!("The filter key {other} is not valid."))),
            },
        };
        let valid: &[&str] = match key {
            FilterKey::PingStatus => &["Online", "ConnectionLost", "Inactive"],
            FilterKey::PlatformTypes => &["Windows", "Linux", "MacOS"],
            FilterKey::ResourceType => &["ManagedInstance", "EC2Instance"],
            _ => &[],
        };
        match values.iter().find(|value| !valid.is_empty() && !valid.contains(&value.as_str())) {
            Some(value) => {
                let message =
                    format!("The filter value {value} is not valid. Valid values: [{}].", valid.join(", "));
                Err(ServiceError::new("InvalidInstanceInformationFilterValue", message))
            }
            None => Ok(Self { key, values }),
        }
    }

    fn matches(&self, instance: &ManagedInstance) -> bool {
        let is = |found: &str| self.values.iter().any(|value| value == found);
        match self.key {
            FilterKey::InstanceIds => is(&instance.instance_id.to_string()),
            FilterKey::AgentVersion => is(&instance.agent_version),
            FilterKey::PingStatus => is(instance.ping_status()),
            FilterKey::PlatformTypes => is("Linux"),
            FilterKey::ResourceType => is("EC2Instance"),
            FilterKey::Absent => false,
            FilterKey::Tag(key) => instance.tags.get(key).is_some_and(is),
            FilterKey::TagKey => instance.tags.iter().any(|(key, _)| is(key)),
        }
    }
}

fn show(context: &RequestContext, instance: &ManagedInstance) -> InstanceInformation {
    InstanceInformation {
        instance_id: Some(instance.instance_id.to_string()),
        ping_status: Some(instance.ping_status().to_owned()),
        last_ping_date_time: Some(instance.disconnected_at.unwrap_or(context.now)),
        agent_version: Some(instance.agent_version.clone()),
        is_latest_version: Some(true),
        platform_type: Some("Linux".to_owned()),
        platform_name: Some(instance.platform_name.clone()),
        platform_version: Some(instance.platform_version.clone()),
        registration_date: Some(instance.registered_at),
        resource_type: Some("EC2Instance".to_owned()),
        ip_address: Some(instance.ip_address.to_string()),
        computer_name: Some(instance.computer_name.clone()),
        source_id: Some(instance.instance_id.to_string()),
        source_type: Some("AWS::EC2::Instance".to_owned()),
        ..InstanceInformation::default()
    }
}
