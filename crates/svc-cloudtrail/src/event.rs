//! LookupEvents: the history of an account in a region.
//!
//! Owns what can be asked and how often. Refuses to know how events are found.

use std::collections::HashMap;

use aws_api::cloudtrail::{
    Event as Shown, LookupAttribute, LookupEventsRequest, LookupEventsResponse, Resource,
};
use aws_types::{AccountId, Region, Timestamp};
use cloudtrail_events::{Attribute, Found, Query};
use service_api::{RequestContext, ServiceError, page_size, position, token_after};

use crate::{State, error};

/// How many events a page has at most, and when the request names no number.
const MAX_RESULTS: usize = 50;
/// How many lookups an account can make in a region in a second.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>
const LOOKUPS_PER_SECOND: usize = 2;
const SECOND_MILLIS: i64 = 1000;

/// When lookups were made in the last second, by account and region.
#[derive(Default)]
pub(crate) struct Rates(HashMap<(AccountId, Region), Vec<Timestamp>>);

impl Rates {
    /// Counts a lookup; refuses one that is too many.
    fn take(&mut self, account: AccountId, region: &Region, now: Timestamp) -> Result<(), ServiceError> {
        let since = now.plus_millis(-SECOND_MILLIS);
        // Clocks are set back, too: what is of later than now does not count for ever.
        self.0.retain(|_, times| {
            times.retain(|time| *time > since && *time <= now);
            !times.is_empty()
        });
        let times = self.0.entry((account, region.clone())).or_default();
        if times.len() >= LOOKUPS_PER_SECOND {
            return Err(ServiceError::new("ThrottlingException", "Rate exceeded"));
        }
        times.push(now);
        Ok(())
    }
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>
pub(crate) fn lookup(
    state: &State,
    context: &RequestContext,
    request: LookupEventsRequest,
) -> Result<LookupEventsResponse, ServiceError> {
    if request.event_category.is_some() {
        return Err(error::not_here("InvalidEventCategoryException", "The history of Insights events"));
    }
    let attribute = match request.lookup_attributes.as_deref().unwrap_or_default() {
        [] => None,
        [one] => Some(attribute(one)?),
        _ => {
            return Err(invalid_attribute("You can specify only one lookup attribute."));
        }
    };
    if let (Some(start), Some(end)) = (request.start_time, request.end_time)
        && start > end
    {
        let message = "The start time must not be later than the end time.";
        return Err(ServiceError::new("InvalidTimeRangeException", message));
    }
    let before = request.next_token.as_deref().map(|token| {
        let place = position(token).and_then(|place| place.parse().ok());
        place.ok_or_else(|| ServiceError::new("InvalidNextTokenException", "The token is not valid."))
    });
    let before = before.transpose()?;
    state.rates.lock().take(context.account(), &context.region, context.now)?;
    let page = state.history.lookup(&Query {
        account: context.account(),
        region: context.region.clone(),
        attribute,
        start: request.start_time,
        end: request.end_time,
        before,
        limit: page_size(request.max_results, MAX_RESULTS),
        now: context.now,
    });
    Ok(LookupEventsResponse {
        events: Some(page.events.into_iter().map(shown).collect()),
        next_token: page.next.map(|next| token_after(&next.to_string())),
    })
}

fn invalid_attribute(message: &str) -> ServiceError {
    ServiceError::new("InvalidLookupAttributesException", message)
}

fn attribute(asked: &LookupAttribute) -> Result<Attribute, ServiceError> {
    let value = asked.attribute_value.clone();
    if value.is_empty() {
        return Err(invalid_attribute("The value of a lookup attribute must not be empty."));
    }
    Ok(match asked.attribute_key.as_str() {
        "EventId" => Attribute::EventId(value),
        "EventName" => Attribute::EventName(value),
        "ReadOnly" => Attribute::ReadOnly(match value.as_str() {
            "true" => true,
            "false" => false,
            _ => return Err(invalid_attribute("The value of ReadOnly is true or false.")),
        }),
        "Username" => Attribute::Username(value),
        "ResourceType" => Attribute::ResourceType(value),
        "ResourceName" => Attribute::ResourceName(value),
        "EventSource" => Attribute::EventSource(value),
        "AccessKeyId" => Attribute::AccessKeyId(value),
        _ => return Err(invalid_attribute("There is no such lookup attribute.")),
    })
}

fn shown(found: Found) -> Shown {
    let facts = found.facts;
    let resource = |one: cloudtrail_events::LookupResource| Resource {
        resource_type: Some(one.kind),
        resource_name: Some(one.name),
    };
    Shown {
        event_id: Some(facts.event_id),
        event_name: Some(facts.event_name),
        read_only: Some(facts.read_only.to_string()),
        access_key_id: facts.access_key_id,
        event_time: Some(facts.event_time),
        event_source: Some(facts.event_source),
        username: facts.username,
        resources: Some(facts.resources.into_iter().map(resource).collect()),
        cloud_trail_event: Some(found.json),
    }
}
