//! Event notifications of buckets: stored, where their destinations can be told something.
//!
//! There are no queues, topics and functions yet, so that a destination is told to be missing, as AWS tells it of one that is.
//! Who asks for destinations not to be looked at gets the configuration stored, and nobody is told anything: as on AWS of
//! destinations that are not there. EventBridge is there in every account of AWS and takes everything; that cannot be done.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html>

use aws_api::Unit;
use aws_api::s3::{
    FilterRule, GetBucketNotificationConfigurationRequest, LambdaFunctionConfiguration,
    NotificationConfiguration, NotificationConfigurationFilter, PutBucketNotificationConfigurationRequest,
    QueueConfiguration, S3KeyFilter, TopicConfiguration,
};
use bucket_rules::{DestinationKind, Notification, Notifications};
use service_api::RequestContext;

use crate::error::{self, Failure};
use crate::{State, bucket, configuration};

fn filter_rules(filter: Option<NotificationConfigurationFilter>) -> Result<Vec<(String, String)>, Failure> {
    let rules = filter.and_then(|filter| filter.key).and_then(|key| key.filter_rules);
    let read = |rule: FilterRule| Some((rule.name?, rule.value.unwrap_or_default()));
    let rules = rules.unwrap_or_default().into_iter();
    rules.map(|rule| Ok(read(rule).ok_or_else(error::malformed_xml)?)).collect()
}

/// Makes notifications of the elements of one kind.
macro_rules! read {
    ($configurations:expr, $kind:ident, $destination:ident) => {
        $configurations.unwrap_or_default().into_iter().map(|one| {
            Ok::<_, Failure>(Notification {
                id: one.id,
                kind: DestinationKind::$kind,
                destination: one.$destination,
                events: one.events,
                filter_rules: filter_rules(one.filter)?,
            })
        })
    };
}

/// Makes elements of one kind of the notifications that have it.
macro_rules! show {
    ($held:expr, $kind:ident, $element:ident, $destination:ident) => {{
        let all = $held.all().iter().filter(|one| one.kind == DestinationKind::$kind);
        let all = all.map(|one| $element {
            id: one.id.clone(),
            $destination: one.destination.clone(),
            events: one.events.clone(),
            filter: shown_filter(&one.filter_rules),
        });
        Some(all.collect::<Vec<_>>()).filter(|all| !all.is_empty())
    }};
}

fn shown_filter(rules: &[(String, String)]) -> Option<NotificationConfigurationFilter> {
    if rules.is_empty() {
        return None;
    }
    let shown = |(name, value): &(String, String)| FilterRule {
        name: Some(name.clone()),
        value: Some(value.clone()),
    };
    let key = S3KeyFilter { filter_rules: Some(rules.iter().map(shown).collect()) };
    Some(NotificationConfigurationFilter { key: Some(key) })
}

fn why_not(notification: &Notification) -> String {
    let what = match notification.kind {
        DestinationKind::Topic => "topic",
        DestinationKind::Queue => "queue",
        DestinationKind::CloudFunction => "Lambda",
    };
    format!("The destination {what} does not exist")
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutBucketNotificationConfigurationRequest,
) -> Result<Unit, Failure> {
    let written = request.notification_configuration;
    if written.event_bridge_configuration.is_some() {
        let what = "there is no EventBridge that events could go to";
        return Err(error::not_implemented(what).into());
    }
    let all = read!(written.topic_configurations, Topic, topic_arn)
        .chain(read!(written.queue_configurations, Queue, queue_arn))
        .chain(read!(written.lambda_function_configurations, CloudFunction, lambda_function_arn));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    let notifications = Notifications::new(all, false, || hex::encode(state.ids.bits().to_be_bytes()));
    let notifications = notifications?;
    if request.skip_destination_validation != Some(true) {
        notifications.check_destinations(|one| Some(why_not(one)))?;
    }
    let named = (request.bucket.as_str(), request.expected_bucket_owner.as_deref());
    configuration::change(state, context, named, |_, held| {
        held.notifications = Some(notifications).filter(|held| !held.all().is_empty());
        Ok(())
    })?;
    Ok(Unit)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetBucketNotificationConfigurationRequest,
) -> Result<NotificationConfiguration, Failure> {
    let bucket = bucket::find(state, context, &request.bucket, request.expected_bucket_owner.as_deref())?;
    let held = bucket.configuration.notifications.clone().unwrap_or_default();
    Ok(NotificationConfiguration {
        topic_configurations: show!(held, Topic, TopicConfiguration, topic_arn),
        queue_configurations: show!(held, Queue, QueueConfiguration, queue_arn),
        lambda_function_configurations: show!(
            held,
            CloudFunction,
            LambdaFunctionConfiguration,
            lambda_function_arn
        ),
        event_bridge_configuration: None,
    })
}
