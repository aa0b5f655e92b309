//! Availability zones and regions: DescribeAvailabilityZones, DescribeRegions.
//!
//! Owns how they are shown and chosen. Refuses to know which exist: the catalog does.

use aws_api::ec2::{self as api, operation as op};
use aws_catalog::Zone;
use aws_types::Region;
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, text};
use crate::state::State;
use crate::{Ec2, error};

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeAvailabilityZones>(describe).with::<op::DescribeRegions>(describe_regions)
}

/// The zones of the region, as the account names them.
pub(crate) fn zones(state: &impl State) -> Vec<Zone> {
    aws_catalog::zones(state.region(), state.account())
}

/// Checks from where a public address is to be advertised: a region is one border group here.
///
/// # Errors
/// `InvalidParameterValue` for another group.
pub(crate) fn check_border_group(region: &Region, group: Option<&str>) -> Result<(), ServiceError> {
    check_border_group_of(region, "networkBorderGroup", group)
}

/// The same for a parameter of another name.
pub(crate) fn check_border_group_of(
    region: &Region,
    parameter: &str,
    group: Option<&str>,
) -> Result<(), ServiceError> {
    match group.filter(|group| *group != region.as_str()) {
        Some(group) => {
            let why = "The region is the only network border group.";
            Err(error::invalid_value_for(group, parameter, why))
        }
        None => Ok(()),
    }
}

/// The region that a parameter names.
///
/// # Errors
/// `InvalidParameterValue` where there is none of that name.
pub(crate) fn region_named(text: &str, parameter: &str) -> Result<Region, ServiceError> {
    let region = text.parse().ok().filter(|region| aws_catalog::region(region).is_some());
    region.ok_or_else(|| error::invalid_value_for(text, parameter, "There is no such region."))
}

/// The domain of a region's private names.
pub(crate) fn private_domain(region: &Region) -> String {
    aws_catalog::region(region).map(|facts| facts.private_domain()).unwrap_or_default()
}

/// The domain of a region's public names.
pub(crate) fn public_domain(region: &Region) -> String {
    aws_catalog::region(region).map(|facts| facts.public_domain()).unwrap_or_default()
}

/// The zone that a request names by name or id; `None` when it names none.
///
/// # Errors
/// `InvalidParameterValue` for a zone that the region does not have.
pub(crate) fn choose(
    state: &impl State,
    name: Option<&str>,
    id: Option<&str>,
) -> Result<Option<Zone>, ServiceError> {
    let zones = zones(state);
    let (wanted, parameter, found) = match (name, id) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(error::combination(
                "The parameter availabilityZone cannot be used with the parameter availabilityZoneId",
            ));
        }
        (Some(name), None) => {
            (name, "availabilityZone", zones.iter().find(|zone| zone.name.as_str() == name))
        }
        (None, Some(id)) => (id, "availabilityZoneId", zones.iter().find(|zone| zone.zone_id == id)),
    };
    if let Some(zone) = found {
        return Ok(Some(zone.clone()));
    }
    let known: Vec<&str> = if name.is_some() {
        zones.iter().map(|zone| zone.name.as_str()).collect()
    } else {
        zones.iter().map(|zone| zone.zone_id.as_str()).collect()
    };
    let why = format!(
        "Subnets can currently only be created in the following availability zones: {}.",
        known.join(", ")
    );
    Err(error::invalid_value_for(wanted, parameter, &why))
}

fn shown(zone: &Zone, opt_in_status: &str) -> api::AvailabilityZone {
    api::AvailabilityZone {
        group_name: Some(zone.group_name.clone()),
        messages: Some(Vec::new()),
        network_border_group: Some(zone.network_border_group.clone()),
        opt_in_status: Some(opt_in_status.to_owned()),
        region_name: Some(zone.region.to_string()),
        state: Some("available".to_owned()),
        zone_id: Some(zone.zone_id.clone()),
        zone_name: Some(zone.name.to_string()),
        zone_type: Some(zone.zone_type.as_str().to_owned()),
        ..Default::default()
    }
}

static ZONE_FILTERS: Filters<api::AvailabilityZone> = Filters {
    tags: None,
    named: &[
        ("group-long-name", |zone| text(&zone.group_long_name)),
        ("group-name", |zone| text(&zone.group_name)),
        ("opt-in-status", |zone| text(&zone.opt_in_status)),
        ("parent-zone-id", |zone| text(&zone.parent_zone_id)),
        ("parent-zone-name", |zone| text(&zone.parent_zone_name)),
        ("region-name", |zone| text(&zone.region_name)),
        ("state", |zone| text(&zone.state)),
        ("zone-id", |zone| text(&zone.zone_id)),
        ("zone-name", |zone| text(&zone.zone_name)),
        ("zone-type", |zone| text(&zone.zone_type)),
    ],
    absent: &["message"],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeAvailabilityZonesRequest,
) -> Result<api::DescribeAvailabilityZonesResult, ServiceError> {
    let view = ec2.view(context);
    // Zones do not need enabling, whatever the region needs.
    let mut zones: Vec<_> = zones(&view).iter().map(|zone| shown(zone, "opt-in-not-required")).collect();
    select(&mut zones, input.zone_names.as_ref(), "availability zone", |zone| &zone.zone_name)?;
    select(&mut zones, input.zone_ids.as_ref(), "availability zone id", |zone| &zone.zone_id)?;
    ZONE_FILTERS.apply(&mut zones, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribeAvailabilityZonesResult { availability_zones: Some(zones) })
}

/// Keeps the items that are named.
fn select<T>(
    items: &mut Vec<T>,
    names: Option<&Vec<String>>,
    noun: &str,
    name: impl Fn(&T) -> &Option<String>,
) -> Result<(), ServiceError> {
    let Some(names) = names.filter(|names| !names.is_empty()) else { return Ok(()) };
    if let Some(unknown) =
        names.iter().find(|wanted| !items.iter().any(|item| name(item).as_ref() == Some(wanted)))
    {
        return Err(error::invalid_value(format!("Invalid {noun}: [{unknown}]")));
    }
    items.retain(|item| name(item).as_ref().is_some_and(|held| names.contains(held)));
    Ok(())
}

static REGION_FILTERS: Filters<api::Region> = Filters {
    tags: None,
    named: &[
        ("endpoint", |region| text(&region.endpoint)),
        ("opt-in-status", |region| text(&region.opt_in_status)),
        ("region-name", |region| text(&region.region_name)),
    ],
    absent: &[],
};

fn describe_regions(
    ec2: &Ec2,
    _: &RequestContext,
    input: api::DescribeRegionsRequest,
) -> Result<api::DescribeRegionsResult, ServiceError> {
    // Every region is enabled in every account, so that `AllRegions` makes no difference.
    let regions = aws_catalog::regions().iter().map(|facts| api::Region {
        endpoint: Some(facts.endpoint("ec2")),
        opt_in_status: Some(facts.opt_in_status(true).to_owned()),
        region_name: Some(facts.name.to_owned()),
        ..Default::default()
    });
    let mut regions: Vec<_> = regions.collect();
    if let Some(names) = input.region_names.filter(|names| !names.is_empty()) {
        let is_known = |name: &String| regions.iter().any(|region| region.region_name.as_ref() == Some(name));
        if let Some(unknown) = names.iter().find(|name| !is_known(name)) {
            return Err(error::invalid_value(format!("Invalid region: [{unknown}]")));
        }
        regions.retain(|region| region.region_name.as_ref().is_some_and(|name| names.contains(name)));
    }
    REGION_FILTERS.apply(&mut regions, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribeRegionsResult { regions: Some(regions) })
}
