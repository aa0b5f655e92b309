//! Trails: made, shown, changed, deleted, started and stopped.
//!
//! Owns the record, which trails an account sees in a region, and that they are changed in their home region alone. Refuses
//! to know selectors ([`crate::selector`]) and files ([`crate::delivery`]).

use aws_api::cloudtrail::{
    CreateTrailRequest, CreateTrailResponse, DeleteTrailRequest, DeleteTrailResponse, DescribeTrailsRequest,
    DescribeTrailsResponse, GetTrailRequest, GetTrailResponse, GetTrailStatusRequest, GetTrailStatusResponse,
    ListTrailsRequest, ListTrailsResponse, StartLoggingRequest, StartLoggingResponse, StopLoggingRequest,
    StopLoggingResponse, Trail as Shown, TrailInfo, UpdateTrailRequest, UpdateTrailResponse,
};
use aws_types::{AccountId, Partition, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ResourceFacts, ServiceError, take_page};
use store::{Read, Record, Scope};

use crate::selector::Selectors;
use crate::trail_name::{Arn, check, check_bucket, check_other_services, check_prefix};
use crate::{DeliveryError, State, delivery, error, tag};

/// How many trails an account can have in a region as their home.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html>
const MAX_TRAILS: usize = 5;
/// How many trails a page of ListTrails has.
const PAGE_TRAILS: usize = 100;

/// A trail. Kept in its account and home region, by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trail {
    /// The name.
    pub name: String,
    /// Where log files go.
    pub bucket: String,
    /// What their names begin with.
    pub prefix: Option<String>,
    /// Whether events of services without regions are in it.
    pub has_global_events: bool,
    /// Whether events of all regions are in it.
    pub is_multi_region: bool,
    /// Whether digest files were asked for.
    pub validates_log_files: bool,
    /// Whether events of all accounts of the organization are in it.
    pub is_organization: bool,
    /// Which events are in it.
    pub selectors: Selectors,
    /// The tags.
    pub tags: Tags,
    /// When it was made.
    pub created: Timestamp,
    /// Whether events are delivered.
    pub is_logging: bool,
    /// When that was begun last.
    pub started: Option<Timestamp>,
    /// When that was ended last.
    pub stopped: Option<Timestamp>,
    /// When a file was last delivered.
    pub delivered: Option<Timestamp>,
    /// When a delivery was last tried.
    pub delivery_tried: Option<Timestamp>,
    /// Why that failed.
    pub delivery_error: Option<String>,
}

impl Record for Trail {
    const KIND: &'static str = "cloudtrail.trail";
}

fn arn_of(partition: Partition, scope: &Scope, name: &str) -> String {
    Arn::text(partition, &scope.region, scope.account, name)
}

/// The accounts whose trails an account sees: its own, and those of the organization that it is in.
fn owners(state: &State, account: AccountId) -> Vec<(AccountId, bool)> {
    let management = state.organizations.membership(account).map(|membership| membership.management);
    let other = management.filter(|management| *management != account);
    std::iter::once((account, false)).chain(other.map(|management| (management, true))).collect()
}

/// The trails that an account sees in a region, with where they are at home: the region's own first, then those of other
/// regions that are in all of them.
fn seen(state: &State, reader: &impl Read, context: &RequestContext) -> Vec<(Scope, Trail)> {
    let mut trails = Vec::new();
    for (owner, is_other) in owners(state, context.account()) {
        let of_owner = reader
            .scan_all::<Trail>()
            .filter(|(scope, _, _)| scope.partition == context.partition && scope.account == owner)
            .filter(|(scope, _, trail)| scope.region == context.region || trail.is_multi_region)
            .filter(|(_, _, trail)| trail.is_organization || !is_other)
            .map(|(scope, _, trail)| (scope.clone(), (*trail).clone()));
        trails.extend(of_owner);
    }
    trails.sort_by(|(one, a), (other, b)| {
        let is_away = |scope: &Scope| scope.region != context.region;
        (is_away(one), &a.name, &one.region).cmp(&(is_away(other), &b.name, &other.region))
    });
    trails
}

/// The trail of a name or an ARN, with where it is at home.
///
/// # Errors
/// `InvalidTrailNameException`, `CloudTrailARNInvalidException`, `TrailNotFoundException`.
pub(crate) fn find(
    state: &State,
    reader: &impl Read,
    context: &RequestContext,
    name_or_arn: &str,
) -> Result<(Scope, Trail), ServiceError> {
    let unknown = || error::unknown_trail(name_or_arn, context.account());
    if !name_or_arn.starts_with("arn:") {
        check(name_or_arn)?;
        let mut found = seen(state, reader, context).into_iter();
        return found.find(|(_, trail)| trail.name == name_or_arn).ok_or_else(unknown);
    }
    let arn = Arn::parse(name_or_arn).ok_or_else(|| error::invalid_arn(name_or_arn))?;
    let scope = Scope::new(context.partition, arn.account, arn.region);
    let trail = reader.get::<Trail>(&scope, &arn.name).ok_or_else(unknown)?;
    let is_seen = owners(state, context.account())
        .into_iter()
        .any(|(owner, is_other)| owner == arn.account && (trail.is_organization || !is_other));
    if is_seen { Ok((scope, (*trail).clone())) } else { Err(unknown()) }
}

/// What policies see of a trail: of the region and the account where a request names it by its name, which another may have
/// elsewhere.
pub(crate) fn facts(state: &State, context: &RequestContext, name_or_arn: &str) -> Option<ResourceFacts> {
    let snapshot = state.store.snapshot();
    let (scope, trail) = if name_or_arn.starts_with("arn:") {
        find(state, &snapshot, context, name_or_arn).ok()?
    } else {
        let scope = context.scope();
        let trail = snapshot.get::<Trail>(&scope, name_or_arn)?;
        (scope, (*trail).clone())
    };
    let is_own = scope.account == context.account();
    Some(ResourceFacts {
        arn: Some(arn_of(context.partition, &scope, &trail.name)),
        owner: (!is_own).then_some(scope.account),
        tags: trail.tags,
        ..ResourceFacts::default()
    })
}

/// Refuses to change a trail from elsewhere than its home, or somebody else's.
///
/// # Errors
/// `NotOrganizationMasterAccountException`, `InvalidHomeRegionException`.
pub(crate) fn require_own(
    context: &RequestContext,
    scope: &Scope,
    trail: &Trail,
) -> Result<(), ServiceError> {
    if scope.account != context.account() {
        return Err(error::not_administrator());
    }
    if scope.region == context.region {
        return Ok(());
    }
    let message = format!(
        "The trail {} can only be changed in its home region, which is {}.",
        trail.name, scope.region
    );
    Err(ServiceError::new("InvalidHomeRegionException", message))
}

/// Changes a trail of the caller's, in its home region.
pub(crate) fn change<T>(
    state: &State,
    context: &RequestContext,
    name: &str,
    change: impl Fn(&Scope, &mut Trail) -> Result<T, ServiceError>,
) -> Result<(Scope, Trail, T), ServiceError> {
    state.store.transact(|transaction| {
        let (scope, mut trail) = find(state, transaction, context, name)?;
        require_own(context, &scope, &trail)?;
        let done = change(&scope, &mut trail)?;
        transaction.put(&scope, &trail.name.clone(), trail.clone());
        Ok((scope, trail, done))
    })
}

/// Only who may manage the organization's trails makes one of them, once the organization lets CloudTrail see its members.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/creating-trail-organization.html>
fn check_organization(state: &State, context: &RequestContext) -> Result<(), ServiceError> {
    let membership = state.organizations.membership(context.account()).ok_or_else(error::no_organization)?;
    if membership.management != context.account() {
        // AWS keeps such a trail in the management account; this cloud does not make one there for another yet.
        return Err(error::not_administrator());
    }
    error::check_trusted(&membership)
}

/// The bucket has to be there and let CloudTrail in, as it is now.
fn check_delivery(state: &State, scope: &Scope, trail: &Trail, now: Timestamp) -> Result<(), ServiceError> {
    let bucket = &trail.bucket;
    check_bucket(bucket)?;
    trail.prefix.as_ref().map_or(Ok(()), |prefix| check_prefix(prefix))?;
    let place = delivery::place_now(state, scope, trail, now);
    state.delivery.check(&place, now).map_err(|error| match error {
        DeliveryError::NoSuchBucket => {
            let message = format!("S3 bucket {bucket} does not exist!");
            ServiceError::new("S3BucketDoesNotExistException", message)
        }
        DeliveryError::AccessDenied => {
            let message = format!("Incorrect S3 bucket policy is detected for bucket: {bucket}");
            ServiceError::new("InsufficientS3BucketPolicyException", message)
        }
        DeliveryError::Other(error) => {
            ServiceError::internal(format!("the bucket {bucket} cannot be looked at: {error}"))
        }
    })
}

fn check_kind(trail: &Trail) -> Result<(), ServiceError> {
    if trail.is_multi_region && !trail.has_global_events {
        let message = "Multi-Region trail must include global service events.";
        return Err(ServiceError::new("InvalidParameterCombinationException", message));
    }
    Ok(())
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html>
pub(crate) fn create(
    state: &State,
    context: &RequestContext,
    request: CreateTrailRequest,
) -> Result<CreateTrailResponse, ServiceError> {
    check(&request.name)?;
    let logs = [request.cloud_watch_logs_log_group_arn.as_ref(), request.cloud_watch_logs_role_arn.as_ref()];
    check_other_services(request.sns_topic_name.as_ref(), logs, request.kms_key_id.as_ref())?;
    check_recursive_logging(request.recursive_logging.is_some())?;
    let is_organization = request.is_organization_trail.unwrap_or(false);
    if is_organization {
        check_organization(state, context)?;
    }
    let mut tags = Tags::default();
    tag::set(&mut tags, request.tags_list.unwrap_or_default())?;
    let trail = Trail {
        name: request.name,
        bucket: request.s3_bucket_name,
        prefix: not_empty(request.s3_key_prefix),
        has_global_events: request.include_global_service_events.unwrap_or(true),
        is_multi_region: request.is_multi_region_trail.unwrap_or(false),
        validates_log_files: request.enable_log_file_validation.unwrap_or(false),
        is_organization,
        selectors: Selectors::default(),
        tags,
        created: context.now,
        is_logging: false,
        started: None,
        stopped: None,
        delivered: None,
        delivery_tried: None,
        delivery_error: None,
    };
    check_kind(&trail)?;
    let scope = context.scope();
    check_delivery(state, &scope, &trail, context.now)?;
    check_validation(&trail)?;
    state.store.transact(|transaction| {
        let seen = seen(state, transaction, context);
        if seen.iter().any(|(_, other)| other.name == trail.name) {
            let message = format!("Trail {} already exists for customer: {}", trail.name, scope.account);
            return Err(ServiceError::new("TrailAlreadyExistsException", message));
        }
        if transaction.count::<Trail>(&scope) >= MAX_TRAILS {
            let message =
                format!("User: {} already has {MAX_TRAILS} trails in {}.", scope.account, scope.region);
            return Err(ServiceError::new("MaximumNumberOfTrailsExceededException", message));
        }
        transaction.put(&scope, &trail.name.clone(), trail.clone());
        Ok(())
    })?;
    let arn = arn_of(context.partition, &scope, &trail.name);
    Ok(CreateTrailResponse {
        name: Some(trail.name),
        s3_bucket_name: Some(trail.bucket),
        s3_key_prefix: trail.prefix,
        include_global_service_events: Some(trail.has_global_events),
        is_multi_region_trail: Some(trail.is_multi_region),
        trail_arn: Some(arn),
        log_file_validation_enabled: Some(trail.validates_log_files),
        is_organization_trail: Some(trail.is_organization),
        ..CreateTrailResponse::default()
    })
}

/// Whether a trail has the events of its own deliveries cannot be chosen: deliveries are no events.
fn check_recursive_logging(is_given: bool) -> Result<(), ServiceError> {
    if is_given {
        return Err(error::not_here("UnsupportedOperationException", "RecursiveLogging"));
    }
    Ok(())
}

/// Digest files are not made.
fn check_validation(trail: &Trail) -> Result<(), ServiceError> {
    if trail.validates_log_files {
        return Err(error::not_here("UnsupportedOperationException", "Validation of log files"));
    }
    Ok(())
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_UpdateTrail.html>
pub(crate) fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateTrailRequest,
) -> Result<UpdateTrailResponse, ServiceError> {
    let logs = [request.cloud_watch_logs_log_group_arn.as_ref(), request.cloud_watch_logs_role_arn.as_ref()];
    check_other_services(request.sns_topic_name.as_ref(), logs, request.kms_key_id.as_ref())?;
    check_recursive_logging(request.recursive_logging.is_some())?;
    let (scope, trail, ()) = change(state, context, &request.name, |scope, trail| {
        if let Some(bucket) = not_empty(request.s3_bucket_name.clone()) {
            trail.bucket = bucket;
        }
        if request.s3_key_prefix.is_some() {
            trail.prefix = not_empty(request.s3_key_prefix.clone());
        }
        let set = |place: &mut bool, wanted: Option<bool>| *place = wanted.unwrap_or(*place);
        let was_organization = trail.is_organization;
        set(&mut trail.has_global_events, request.include_global_service_events);
        set(&mut trail.is_multi_region, request.is_multi_region_trail);
        set(&mut trail.validates_log_files, request.enable_log_file_validation);
        set(&mut trail.is_organization, request.is_organization_trail);
        if trail.is_organization != was_organization {
            check_organization(state, context)?;
        }
        check_kind(trail)?;
        check_validation(trail)?;
        check_delivery(state, scope, trail, context.now)
    })?;
    let arn = arn_of(context.partition, &scope, &trail.name);
    Ok(UpdateTrailResponse {
        name: Some(trail.name),
        s3_bucket_name: Some(trail.bucket),
        s3_key_prefix: trail.prefix,
        include_global_service_events: Some(trail.has_global_events),
        is_multi_region_trail: Some(trail.is_multi_region),
        trail_arn: Some(arn),
        log_file_validation_enabled: Some(trail.validates_log_files),
        is_organization_trail: Some(trail.is_organization),
        ..UpdateTrailResponse::default()
    })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DeleteTrail.html>
pub(crate) fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteTrailRequest,
) -> Result<DeleteTrailResponse, ServiceError> {
    state.store.transact(|transaction| {
        let (scope, trail) = find(state, transaction, context, &request.name)?;
        require_own(context, &scope, &trail)?;
        transaction.delete::<Trail>(&scope, &trail.name);
        Ok::<_, ServiceError>(())
    })?;
    Ok(DeleteTrailResponse {})
}

fn shown(partition: Partition, scope: &Scope, trail: Trail) -> Shown {
    Shown {
        trail_arn: Some(arn_of(partition, scope, &trail.name)),
        has_custom_event_selectors: Some(trail.selectors != Selectors::default()),
        name: Some(trail.name),
        s3_bucket_name: Some(trail.bucket),
        s3_key_prefix: trail.prefix,
        include_global_service_events: Some(trail.has_global_events),
        is_multi_region_trail: Some(trail.is_multi_region),
        home_region: Some(scope.region.to_string()),
        log_file_validation_enabled: Some(trail.validates_log_files),
        has_insight_selectors: Some(false),
        is_organization_trail: Some(trail.is_organization),
        ..Shown::default()
    }
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrail.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetTrailRequest,
) -> Result<GetTrailResponse, ServiceError> {
    let (scope, trail) = find(state, &state.store.snapshot(), context, &request.name)?;
    Ok(GetTrailResponse { trail: Some(shown(context.partition, &scope, trail)) })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html>
pub(crate) fn describe(
    state: &State,
    context: &RequestContext,
    request: DescribeTrailsRequest,
) -> Result<DescribeTrailsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let names = request.trail_name_list.filter(|names| !names.is_empty());
    let found = match names {
        None => seen(state, &snapshot, context),
        Some(names) => {
            let mut found = Vec::new();
            for name in names {
                match find(state, &snapshot, context, &name) {
                    Ok(trail) => found.push(trail),
                    // One that is not there is left out.
                    Err(error) if error.code == "TrailNotFoundException" => {}
                    Err(error) => return Err(error),
                }
            }
            found
        }
    };
    let with_shadows = request.include_shadow_trails.unwrap_or(true);
    let is_shown = |scope: &Scope| {
        with_shadows || (scope.region == context.region && scope.account == context.account())
    };
    let trails = found.into_iter().filter(|(scope, _)| is_shown(scope));
    let trails = trails.map(|(scope, trail)| shown(context.partition, &scope, trail)).collect();
    Ok(DescribeTrailsResponse { trail_list: Some(trails) })
}

/// All trails of the account, in whatever region they are at home.
///
/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_ListTrails.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListTrailsRequest,
) -> Result<ListTrailsResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let owners = owners(state, context.account());
    let trails = snapshot.scan_all::<Trail>().filter(|(scope, _, trail)| {
        let is_owners = |(owner, is_other): &(AccountId, bool)| {
            *owner == scope.account && (trail.is_organization || !is_other)
        };
        scope.partition == context.partition && owners.iter().any(is_owners)
    });
    let infos = trails.map(|(scope, name, _)| {
        let arn = arn_of(context.partition, scope, name);
        let info = TrailInfo {
            trail_arn: Some(arn.clone()),
            name: Some(name.to_owned()),
            home_region: Some(scope.region.to_string()),
        };
        (arn, info)
    });
    let mut infos: Vec<_> = infos.collect();
    infos.sort_by(|(one, _), (other, _)| one.cmp(other));
    let refused = || ServiceError::new("InvalidTokenException", "The token is not valid.");
    let page = take_page(infos, request.next_token.as_deref(), PAGE_TRAILS, refused)?;
    Ok(ListTrailsResponse { trails: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html>
pub(crate) fn status(
    state: &State,
    context: &RequestContext,
    request: GetTrailStatusRequest,
) -> Result<GetTrailStatusResponse, ServiceError> {
    let (_, trail) = find(state, &state.store.snapshot(), context, &request.name)?;
    let text = |time: Option<Timestamp>| {
        Some(time.map_or_else(String::new, |time| time.to_string().replace(".000Z", "Z")))
    };
    let succeeded = trail.delivery_tried.filter(|_| trail.delivery_error.is_none());
    Ok(GetTrailStatusResponse {
        is_logging: Some(trail.is_logging),
        latest_delivery_error: trail.delivery_error,
        latest_delivery_time: trail.delivered,
        start_logging_time: trail.started,
        stop_logging_time: trail.stopped,
        latest_delivery_attempt_time: text(trail.delivery_tried),
        latest_delivery_attempt_succeeded: text(succeeded),
        latest_notification_attempt_time: text(None),
        latest_notification_attempt_succeeded: text(None),
        time_logging_started: text(trail.started),
        time_logging_stopped: text(trail.stopped),
        ..GetTrailStatusResponse::default()
    })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html>
pub(crate) fn start(
    state: &State,
    context: &RequestContext,
    request: StartLoggingRequest,
) -> Result<StartLoggingResponse, ServiceError> {
    change(state, context, &request.name, |_, trail| {
        if !trail.is_logging {
            trail.is_logging = true;
            trail.started = Some(context.now);
        }
        Ok(())
    })?;
    Ok(StartLoggingResponse {})
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StopLogging.html>
pub(crate) fn stop(
    state: &State,
    context: &RequestContext,
    request: StopLoggingRequest,
) -> Result<StopLoggingResponse, ServiceError> {
    change(state, context, &request.name, |_, trail| {
        if trail.is_logging {
            trail.is_logging = false;
            trail.stopped = Some(context.now);
        }
        Ok(())
    })?;
    Ok(StopLoggingResponse {})
}
