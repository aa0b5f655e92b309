//! DHCP option sets: CreateDhcpOptions, DeleteDhcpOptions, DescribeDhcpOptions, AssociateDhcpOptions.
//!
//! Owns the record of sets, the region's default one among them, and what each option can hold. Refuses to know leases
//! and what a guest does with them.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSet.html>

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, DhcpOptionsId, Tags};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use crate::filter::{Filters, each, text};
use crate::page::Page;
use crate::sharing::Sharing;
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::Vpc;
use crate::{Ec2, dependency, error, tag};

/// How many servers of a kind a set can name; of time servers, so many for IPv4 and for IPv6 each.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateDhcpOptions.html>
const MOST_SERVERS: usize = 4;

/// How long a domain name can be (RFC 1035 section 2.3.4), which is also what one DHCP option holds (RFC 2132
/// section 2).
const MOST_DOMAIN_BYTES: usize = 255;

/// How short an IPv6 lease can be, in seconds.
const SHORTEST_IPV6_LEASE_SECS: i32 = 140;

/// The resolver of the VPC, as a value of `domain-name-servers`.
const AMAZON_PROVIDED_DNS: &str = "AmazonProvidedDNS";

/// What stands for no set at all in AssociateDhcpOptions.
const NO_OPTIONS: &str = "default";

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
    },
    /// With the VPCs that use it.
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        reader.scan::<Vpc>(owner).any(|(_, vpc)| {
            vpc.dhcp_options == Some(self.id)
                && crate::state::Resource::is_seen_by(&*vpc, reader, owner, account)
        })
    },
    const SHARING: Sharing = Sharing::Vpc;
);

impl DhcpOptions {
    /// The set that every region has from the start: Amazon's resolver, and the domain of private names.
    pub(crate) fn of_amazon(edit: &Edit<'_>) -> Self {
        let options = [
            ("domain-name".to_owned(), vec![crate::zone::private_domain(edit.region())]),
            ("domain-name-servers".to_owned(), vec![AMAZON_PROVIDED_DNS.to_owned()]),
        ];
        Self { id: edit.new_id(), options: options.into(), tags: Tags::default() }
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::AssociateDhcpOptions>(associate)
        .with::<op::CreateDhcpOptions>(create)
        .with::<op::DeleteDhcpOptions>(delete)
        .with::<op::DescribeDhcpOptions>(describe)
}

/// What one option can hold.
enum Content {
    /// One domain name, or several apart by spaces.
    Domain,
    /// Servers, each of which passes this test.
    Servers(fn(&str) -> bool),
    /// One number that passes this test.
    Number(fn(i32) -> bool),
}

fn content(key: &str) -> Option<Content> {
    Some(match key {
        "domain-name" => Content::Domain,
        "domain-name-servers" => {
            Content::Servers(|server| server == AMAZON_PROVIDED_DNS || server.parse::<IpAddr>().is_ok())
        }
        "ntp-servers" => Content::Servers(|server| server.parse::<IpAddr>().is_ok()),
        "netbios-name-servers" => Content::Servers(|server| server.parse::<Ipv4Addr>().is_ok()),
        "netbios-node-type" => Content::Number(|kind| matches!(kind, 1 | 2 | 4 | 8)),
        "ipv6-address-preferred-lease-time" => Content::Number(|secs| secs >= SHORTEST_IPV6_LEASE_SECS),
        _ => return None,
    })
}

fn is_domain_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.strip_suffix('.').unwrap_or(name).split('.').all(is_label)
}

/// Reads one option.
///
/// # Errors
/// `InvalidParameterValue` with the value that is not one of the option's.
fn parse_option(key: &str, values: &[String]) -> Result<Vec<String>, ServiceError> {
    let Some(content) = content(key) else {
        return Err(error::invalid_value_for(key, "key", "It is not a DHCP option that can be set."));
    };
    let invalid = |value: &str, why: &str| Err(error::invalid_value_for(value, key, why));
    if values.is_empty() {
        return invalid("", "An option has at least one value.");
    }
    match content {
        Content::Domain | Content::Number(_) if values.len() > 1 => {
            invalid(&values.join(", "), "The option has one value.")
        }
        Content::Domain => {
            let value = values[0].trim();
            let mut names = value.split_whitespace();
            let is_valid = !value.is_empty()
                && value.len() <= MOST_DOMAIN_BYTES
                && !value.contains(char::is_control)
                && names.all(is_domain_name);
            if is_valid { Ok(vec![value.to_owned()]) } else { invalid(value, "It is not a domain name.") }
        }
        Content::Number(is_valid) => match values[0].parse() {
            Ok(number) if is_valid(number) => Ok(vec![number.to_string()]),
            _ => invalid(&values[0], "It is not a number that the option can have."),
        },
        Content::Servers(is_valid) => {
            // AWS takes several servers in one value, too.
            let servers: Vec<&str> =
                values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
            if let Some(server) = servers.iter().find(|server| !is_valid(server)) {
                return invalid(server, "It is not the address of a server.");
            }
            if let Some((index, _)) =
                servers.iter().enumerate().find(|(index, server)| servers[..*index].contains(server))
            {
                return invalid(servers[index], "The server is named more than once.");
            }
            let ipv6 = servers.iter().filter(|server| server.contains(':')).count();
            let most = match key {
                "ntp-servers" => ipv6.max(servers.len() - ipv6),
                _ => servers.len(),
            };
            if most > MOST_SERVERS {
                return invalid(&servers.join(", "), "There can be four servers at most.");
            }
            Ok(servers.into_iter().map(str::to_owned).collect())
        }
    }
}

/// Reads the options of a request.
///
/// # Errors
/// `MissingParameter` when there are none, `InvalidParameterValue` for one that is given twice or cannot be.
fn parse_options(
    configurations: &[api::NewDhcpConfiguration],
) -> Result<BTreeMap<String, Vec<String>>, ServiceError> {
    if configurations.is_empty() {
        return Err(error::missing("dhcpConfiguration"));
    }
    let mut options = BTreeMap::new();
    for configuration in configurations {
        let key = configuration.key.as_deref().ok_or_else(|| error::missing("key"))?;
        let values = parse_option(key, configuration.values.as_deref().unwrap_or_default())?;
        if options.insert(key.to_owned(), values).is_some() {
            return Err(error::invalid_value_for(key, "key", "The option is given more than once."));
        }
    }
    Ok(options)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateDhcpOptionsRequest,
) -> Result<api::CreateDhcpOptionsResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "dhcp-options")?;
    let options = parse_options(&input.dhcp_configurations)?;
    ec2.edit(context, input.dry_run, |edit| {
        let set = DhcpOptions { id: edit.new_id(), options, tags };
        edit.put(set.clone());
        Ok(api::CreateDhcpOptionsResult { dhcp_options: Some(shown(edit, &set)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteDhcpOptionsRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let set = edit.named::<DhcpOptions>(&input.dhcp_options_id)?;
        dependency::check_dhcp_options(edit, set.id)?;
        edit.remove::<DhcpOptions>(set.id);
        Ok(Unit)
    })
}

fn associate(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AssociateDhcpOptionsRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let set = match input.dhcp_options_id.as_str() {
            NO_OPTIONS => None,
            id => Some(edit.named::<DhcpOptions>(id)?.id),
        };
        let mut vpc = Vpc::clone(&*edit.named::<Vpc>(&input.vpc_id)?);
        vpc.dhcp_options = set;
        edit.put(vpc);
        Ok(Unit)
    })
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
    let page = Page::new("DescribeDhcpOptions", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (sets, next_token) =
        page.of_seen(&view, input.dhcp_options_ids.as_ref(), wanted, |view, set: &DhcpOptions| {
            shown(view, set)
        })?;
    ec2.answer(input.dry_run, api::DescribeDhcpOptionsResult { dhcp_options: Some(sets), next_token })
}
