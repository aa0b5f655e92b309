//! DHCP option sets: DescribeDhcpOptions.
//!
//! Owns the record of the region's default set. Refuses to know what a guest does with it.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html>

use std::collections::BTreeMap;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{DhcpOptionsId, Tags};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, each, text};
use crate::page::Page;
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, tag};

/// A set of DHCP options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DhcpOptions {
    /// Its id.
    pub id: DhcpOptionsId,
    /// The options by name, such as `domain-name-servers`, in the order of the names.
    pub options: BTreeMap<String, Vec<String>>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    DhcpOptions,
    DhcpOptionsId,
    "ec2.dhcp-options",
    Naming {
        resource_type: "dhcp-options",
        noun: "dhcpOption",
        not_found: "InvalidDhcpOptionID.NotFound",
        malformed: "InvalidDhcpOptionsId.Malformed",
    }
);

impl DhcpOptions {
    /// The set that every region has from the start: Amazon's resolver, and the domain of private names.
    pub(crate) fn of_amazon(edit: &Edit<'_>) -> Self {
        let options = [
            ("domain-name".to_owned(), vec![crate::zone::private_domain(edit.region())]),
            ("domain-name-servers".to_owned(), vec!["AmazonProvidedDNS".to_owned()]),
        ];
        Self { id: edit.new_id(), options: options.into(), tags: Tags::default() }
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeDhcpOptions>(describe)
}

fn shown(state: &impl State, set: &DhcpOptions) -> api::DhcpOptions {
    let configurations = set.options.iter().map(|(key, values)| api::DhcpConfiguration {
        key: Some(key.clone()),
        values: Some(values.iter().map(|value| api::AttributeValue { value: Some(value.clone()) }).collect()),
    });
    api::DhcpOptions {
        dhcp_configurations: Some(configurations.collect()),
        dhcp_options_id: Some(set.id.to_string()),
        owner_id: Some(state.account().to_string()),
        tags: tag::shown(&set.tags),
    }
}

static FILTERS: Filters<api::DhcpOptions> = Filters {
    tags: Some(|set| set.tags.as_deref().unwrap_or_default()),
    named: &[
        ("dhcp-options-id", |set| text(&set.dhcp_options_id)),
        ("key", |set| each(&set.dhcp_configurations, |option| option.key.clone())),
        ("owner-id", |set| text(&set.owner_id)),
        ("value", |set| {
            let options = set.dhcp_configurations.iter().flatten();
            options.flat_map(|option| each(&option.values, |value| value.value.clone())).collect()
        }),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeDhcpOptionsRequest,
) -> Result<api::DescribeDhcpOptionsResult, ServiceError> {
    let view = ec2.view(context);
    let sets = view.selected::<DhcpOptions>(input.dhcp_options_ids.as_ref())?;
    let mut sets: Vec<_> = sets.iter().map(|set| shown(&view, set)).collect();
    FILTERS.apply(&mut sets, input.filters.as_ref())?;
    let page = Page::new("DescribeDhcpOptions", input.max_results, input.next_token.as_ref());
    let (sets, next_token) = page.cut(sets, |set| set.dhcp_options_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeDhcpOptionsResult { dhcp_options: Some(sets), next_token })
}
