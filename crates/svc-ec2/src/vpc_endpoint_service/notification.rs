//! Who is told about connections: CreateVpcEndpointConnectionNotification, ModifyVpcEndpointConnectionNotification,
//! DeleteVpcEndpointConnectionNotifications, DescribeVpcEndpointConnectionNotifications.
//!
//! Owns the record. Refuses to know topics: it keeps their ARNs, and nothing is sent to them.
//! <https://docs.aws.amazon.com/vpc/latest/privatelink/create-notification-endpoint-service.html>

use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{Arn, ConnectionNotificationId, Tags, VpcEndpointId, VpcEndpointServiceId};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::{invalid, named};
use crate::filter::{Filters, text};
use crate::idempotency::Attempt;
use crate::page::{LIMITS_FROM_ONE, Page};
use crate::state::{Edit, Naming, State, resource};
use crate::vpc_endpoint::{self, unsuccessful};
use crate::{Ec2, error};

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotificationSource {
    /// A service of the account.
    Service(VpcEndpointServiceId),
    /// An endpoint of the account.
    Endpoint(VpcEndpointId),
}

/// What is told to a topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionNotification {
    /// Its id.
    pub id: ConnectionNotificationId,
    /// What it is about.
    pub source: NotificationSource,
    /// The ARN of the SNS topic.
    pub topic: String,
    /// Of what: `Accept`, `Connect`, `Delete`, `Reject`.
    pub events: Vec<String>,
    /// None: notifications carry no tags.
    pub tags: Tags,
}

resource!(
    ConnectionNotification,
    ConnectionNotificationId,
    "ec2.vpc-endpoint-connection-notification",
    Naming {
        resource_type: "vpc-endpoint-connection-notification",
        noun: "connection notification",
        not_found: "InvalidConnectionNotification",
        malformed: "InvalidConnectionNotification",
    }
);

const EVENTS: [&str; 4] = ["Accept", "Connect", "Delete", "Reject"];

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateVpcEndpointConnectionNotification>(create)
        .with::<op::ModifyVpcEndpointConnectionNotification>(modify)
        .with::<op::DeleteVpcEndpointConnectionNotifications>(delete)
        .with::<op::DescribeVpcEndpointConnectionNotifications>(describe)
}

/// Removes the notifications about what is deleted.
pub(crate) fn forget(edit: &mut Edit<'_>, source: NotificationSource) {
    let held: Vec<_> = edit.all::<ConnectionNotification>().filter(|held| held.source == source).collect();
    held.iter().for_each(|held| edit.remove::<ConnectionNotification>(held.id));
}

fn check_topic(context: &RequestContext, topic: &str) -> Result<(), ServiceError> {
    let prefix = Arn::new(context.partition, "sns", &context.region, context.principal.account, "");
    let is_name = |name: &str| {
        (1..=256).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if topic.strip_prefix(prefix.as_str()).is_some_and(is_name) {
        return Ok(());
    }
    Err(invalid(format!(
        "The connection notification ARN '{topic}' is not the ARN of an SNS topic of the account"
    )))
}

fn check_events(events: &[String]) -> Result<Vec<String>, ServiceError> {
    if events.is_empty() {
        return Err(error::missing("ConnectionEvents"));
    }
    if let Some(unknown) = events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        return Err(invalid(format!(
            "'{unknown}' is not a connection event: expecting {}",
            EVENTS.join(", ")
        )));
    }
    let mut events = events.to_vec();
    events.sort();
    events.dedup();
    Ok(events)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateVpcEndpointConnectionNotificationRequest,
) -> Result<api::CreateVpcEndpointConnectionNotificationResult, ServiceError> {
    check_topic(context, &input.connection_notification_arn)?;
    let events = check_events(&input.connection_events)?;
    let dry_run = input.dry_run.take();
    let attempt =
        Attempt::new("CreateVpcEndpointConnectionNotification", input.client_token.as_ref(), &input)?;
    ec2.edit(context, dry_run, |edit| {
        let answer = |edit: &Edit<'_>, held: &ConnectionNotification| {
            api::CreateVpcEndpointConnectionNotificationResult {
                client_token: input.client_token.clone(),
                connection_notification: Some(shown(edit, held)),
            }
        };
        if let Some(attempt) = &attempt
            && let Some(held) = attempt.made::<ConnectionNotification>(edit)?
        {
            return Ok(answer(edit, &held));
        }
        let source = match (&input.service_id, &input.vpc_endpoint_id) {
            (Some(service), None) => NotificationSource::Service(named(edit, service)?.id),
            (None, Some(endpoint)) => NotificationSource::Endpoint(vpc_endpoint::named(edit, endpoint)?.id),
            (None, None) => return Err(error::missing_either("ServiceId", "VpcEndpointId")),
            (Some(_), Some(_)) => {
                return Err(error::combination("ServiceId cannot be used with VpcEndpointId"));
            }
        };
        let topic = input.connection_notification_arn.clone();
        let held = ConnectionNotification { id: edit.new_id(), source, topic, events, tags: Tags::default() };
        edit.put(held.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![held.id.to_string()]);
        }
        Ok(answer(edit, &held))
    })
}

fn modify(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcEndpointConnectionNotificationRequest,
) -> Result<api::ModifyVpcEndpointConnectionNotificationResult, ServiceError> {
    if let Some(topic) = &input.connection_notification_arn {
        check_topic(context, topic)?;
    }
    let events = input.connection_events.as_deref().map(check_events).transpose()?;
    ec2.edit(context, input.dry_run, |edit| {
        let held = edit.named::<ConnectionNotification>(&input.connection_notification_id)?;
        let mut held = Arc::unwrap_or_clone(held);
        if let Some(topic) = input.connection_notification_arn {
            held.topic = topic;
        }
        if let Some(events) = events {
            held.events = events;
        }
        edit.put(held);
        Ok(api::ModifyVpcEndpointConnectionNotificationResult { return_value: Some(true) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteVpcEndpointConnectionNotificationsRequest,
) -> Result<api::DeleteVpcEndpointConnectionNotificationsResult, ServiceError> {
    if input.connection_notification_ids.is_empty() {
        return Err(error::missing("ConnectionNotificationId"));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let items = unsuccessful(edit, &input.connection_notification_ids, |edit, text| {
            let held = edit.named::<ConnectionNotification>(text)?;
            edit.remove::<ConnectionNotification>(held.id);
            Ok(())
        });
        Ok(api::DeleteVpcEndpointConnectionNotificationsResult { unsuccessful: Some(items) })
    })
}

fn shown(state: &impl State, held: &ConnectionNotification) -> api::ConnectionNotification {
    let (service, endpoint) = match held.source {
        NotificationSource::Service(id) => (Some(id.to_string()), None),
        NotificationSource::Endpoint(id) => (None, Some(id.to_string())),
    };
    api::ConnectionNotification {
        connection_events: Some(held.events.clone()),
        connection_notification_arn: Some(held.topic.clone()),
        connection_notification_id: Some(held.id.to_string()),
        connection_notification_state: Some("Enabled".to_owned()),
        connection_notification_type: Some("Topic".to_owned()),
        service_id: service,
        service_region: Some(state.region().to_string()),
        vpc_endpoint_id: endpoint,
    }
}

static FILTERS: Filters<api::ConnectionNotification> = Filters {
    tags: None,
    named: &[
        ("connection-notification-arn", |held| text(&held.connection_notification_arn)),
        ("connection-notification-id", |held| text(&held.connection_notification_id)),
        ("connection-notification-state", |held| text(&held.connection_notification_state)),
        ("connection-notification-type", |held| text(&held.connection_notification_type)),
        ("service-id", |held| text(&held.service_id)),
        ("vpc-endpoint-id", |held| text(&held.vpc_endpoint_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcEndpointConnectionNotificationsRequest,
) -> Result<api::DescribeVpcEndpointConnectionNotificationsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.connection_notification_id.map(|id| vec![id]);
    let page = Page::capped(
        "DescribeVpcEndpointConnectionNotifications",
        input.max_results,
        input.next_token.as_ref(),
        LIMITS_FROM_ONE,
    );
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (all, next_token) =
        page.of(&view, ids.as_ref(), wanted, |held: &ConnectionNotification| shown(&view, held))?;
    let answer = api::DescribeVpcEndpointConnectionNotificationsResult {
        connection_notification_set: Some(all),
        next_token,
    };
    ec2.answer(input.dry_run, answer)
}
