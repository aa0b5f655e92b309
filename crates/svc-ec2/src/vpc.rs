//! VPCs: CreateVpc, DeleteVpc, DescribeVpcs, DescribeVpcAttribute, ModifyVpcAttribute,
//! ModifyVpcTenancy.
//!
//! Owns the VPC record and what comes with a new VPC: a main route table, a default security group and a default
//! network ACL. Its address blocks are in [`cidr_block`]. Refuses to know subnets.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/configure-your-vpc.html>

pub(crate) mod cidr_block;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{AccountId, DhcpOptionsId, Tags, Timestamp, VpcId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Scope};

use crate::block_public_access::exclusion::{self, Excluded};
use crate::cidr::{Ipv6Source, VpcCidrAssociation, VpcIpv6CidrAssociation};
use crate::filter::{Filters, each, flag, text};
use crate::flow_log::{self, FlowLogResource};
use crate::page::Page;
use crate::sharing::{self, Sharing};
use crate::state::{Edit, Naming, State, resource};
use crate::vpc::cidr_block::Ipv6Wish;
use crate::{
    Ec2, block_public_access, default_vpc, dependency, error, network_acl, quota, route_table,
    security_group, tag, vpc_peering_connection,
};

/// On what hardware instances run that do not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tenancy {
    /// Shared.
    Default,
    /// The account's own.
    Dedicated,
}

impl Tenancy {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Dedicated => "dedicated",
        }
    }
}

/// A virtual private cloud.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// Its IPv4 blocks; the first is the primary one. Ended ones may still be in the list.
    pub cidr_associations: Vec<VpcCidrAssociation>,
    /// Its IPv6 blocks. Ended ones may still be in the list.
    pub ipv6_associations: Vec<VpcIpv6CidrAssociation>,
    /// Its DHCP options; `None` stands for `default`, which is no options at all.
    pub dhcp_options: Option<DhcpOptionsId>,
    /// Its tenancy.
    pub tenancy: Tenancy,
    /// Whether it is the region's default VPC.
    pub is_default: bool,
    /// Whether the resolver answers in it.
    pub enable_dns_support: bool,
    /// Whether instances with public addresses get public names.
    pub enable_dns_hostnames: bool,
    /// Whether usage metrics are kept.
    pub enable_network_address_usage_metrics: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    Vpc,
    VpcId,
    "ec2.vpc",
    Naming {
        resource_type: "vpc",
        noun: "vpc",
        not_found: "InvalidVpcID.NotFound",
        malformed: "InvalidVpcID.Malformed",
    },
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        sharing::subnets(reader, owner, account, self.id).next().is_some()
    },
    const SHARING: Sharing = Sharing::Vpc;
);

impl Vpc {
    /// Its blocks that count, of both families.
    pub(crate) fn all_blocks(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.blocks().map(IpNet::V4).chain(self.ipv6_blocks().map(IpNet::V6))
    }

    /// The primary IPv4 block.
    pub fn primary_block(&self) -> Ipv4Net {
        self.cidr_associations.first().expect("a VPC keeps its primary block for life").block
    }

    /// The IPv4 blocks that count now, the primary one first.
    pub fn blocks(&self) -> impl Iterator<Item = Ipv4Net> + '_ {
        self.cidr_associations
            .iter()
            .filter(|association| association.is_current())
            .map(|association| association.block)
    }

    /// The IPv6 blocks that count now.
    pub fn ipv6_blocks(&self) -> impl Iterator<Item = Ipv6Net> + '_ {
        self.ipv6_associations
            .iter()
            .filter(|association| association.is_current())
            .map(|association| association.block)
    }

    /// Where a part of its IPv6 blocks is from.
    pub(crate) fn ipv6_source(&self, part: Ipv6Net) -> Option<Ipv6Source> {
        let held = self.ipv6_associations.iter().find(|held| held.is_current() && held.block.contains(&part));
        held.and_then(|held| held.source)
    }

    /// The address of the router's DNS: the base of the primary block plus two.
    /// <https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html>
    pub fn resolver_address(&self) -> std::net::Ipv4Addr {
        (u32::from(self.primary_block().network()) + 2).into()
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::CreateVpc>(create)
        .with::<op::DeleteVpc>(delete)
        .with::<op::DescribeVpcs>(describe)
        .with::<op::DescribeVpcAttribute>(describe_attribute)
        .with::<op::ModifyVpcAttribute>(modify_attribute)
        .with::<op::ModifyVpcTenancy>(modify_tenancy);
    cidr_block::operations(table)
}

/// A VPC that is to be made.
pub(crate) struct NewVpc {
    pub(crate) block: Ipv4Net,
    pub(crate) ipv6: Option<Ipv6Wish>,
    pub(crate) tenancy: Tenancy,
    pub(crate) is_default: bool,
    pub(crate) tags: Tags,
}

/// Makes a VPC and what comes with it.
///
/// # Errors
/// `VpcLimitExceeded`, or those of the pool that its IPv6 block is from.
pub(crate) fn make(edit: &mut Edit<'_>, new: NewVpc) -> Result<Vpc, ServiceError> {
    quota::VPCS_PER_REGION.check(edit, edit.all::<Vpc>().count() + 1)?;
    let now = edit.now();
    let mut vpc = Vpc {
        id: edit.new_id(),
        cidr_associations: vec![VpcCidrAssociation::original(edit.new_id(), new.block, now)],
        ipv6_associations: Vec::new(),
        dhcp_options: default_vpc::dhcp_options(edit),
        tenancy: new.tenancy,
        is_default: new.is_default,
        enable_dns_support: true,
        enable_dns_hostnames: new.is_default,
        enable_network_address_usage_metrics: false,
        created_at: now,
        tags: new.tags,
    };
    if let Some(wish) = &new.ipv6 {
        vpc.ipv6_associations.push(cidr_block::take_ipv6(edit, wish)?);
    }
    edit.put(vpc.clone());
    route_table::make_main(edit, vpc.id);
    security_group::make_default(edit, &vpc);
    network_acl::make_default(edit, &vpc);
    Ok(vpc)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateVpcRequest,
) -> Result<api::CreateVpcResult, ServiceError> {
    if input.ipv4_ipam_pool_id.is_some() || input.ipv4_netmask_length.is_some() {
        return Err(error::unsupported("IPAM pools are not supported."));
    }
    if input.vpc_encryption_control.is_some() {
        return Err(error::unsupported("VPC encryption control is not supported."));
    }
    let members = cidr_block::Ipv6Members {
        is_amazon_provided: input.amazon_provided_ipv6_cidr_block,
        pool: input.ipv6_pool.as_ref(),
        block: input.ipv6_cidr_block.as_ref(),
        ipam_pool: input.ipv6_ipam_pool_id.as_ref(),
        netmask_length: input.ipv6_netmask_length,
        border_group: input.ipv6_cidr_block_network_border_group.as_ref(),
    };
    let ipv6 = members.wish(&context.region)?;
    let text =
        input.cidr_block.as_deref().ok_or_else(|| error::missing_either("cidrBlock", "ipv4IpamPoolId"))?;
    let block = cidr_block::parse(text)?;
    let tenancy = match input.instance_tenancy.as_deref() {
        None | Some("default") => Tenancy::Default,
        Some("dedicated") => Tenancy::Dedicated,
        Some(other) => {
            return Err(error::invalid_value_for(
                other,
                "instanceTenancy",
                "The tenancy of a VPC is default or dedicated.",
            ));
        }
    };
    let tags = tag::specified(input.tag_specifications.as_ref(), "vpc")?;
    ec2.edit(context, input.dry_run, |edit| {
        let vpc = make(edit, NewVpc { block, ipv6, tenancy, is_default: false, tags })?;
        Ok(api::CreateVpcResult { vpc: Some(shown_as_made(edit, &vpc)) })
    })
}

fn delete(ec2: &Ec2, context: &RequestContext, input: api::DeleteVpcRequest) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let vpc = edit.named::<Vpc>(&input.vpc_id)?;
        dependency::check_vpc(edit, vpc.id)?;
        vpc_peering_connection::delete_those_of(edit, vpc.id);
        let tables: Vec<_> =
            edit.all::<route_table::RouteTable>().filter(|table| table.vpc == vpc.id).collect();
        let groups: Vec<_> =
            edit.all::<security_group::SecurityGroup>().filter(|group| group.vpc == vpc.id).collect();
        let acls: Vec<_> = edit.parts::<network_acl::NetworkAcl, _>(vpc.id).collect();
        tables.iter().for_each(|table| edit.remove::<route_table::RouteTable>(table.id));
        groups.iter().for_each(|group| edit.remove::<security_group::SecurityGroup>(group.id));
        acls.iter().for_each(|acl| edit.remove::<network_acl::NetworkAcl>(acl.id));
        flow_log::forget(edit, FlowLogResource::Vpc(vpc.id));
        exclusion::forget(edit, Excluded::Vpc(vpc.id));
        security_group::vpc_association::forget(edit, |held| held.vpc == vpc.id);
        edit.remove::<Vpc>(vpc.id);
        Ok(Unit)
    })
}

/// A VPC as the answer to its making has it: `pending`, which no request after it finds it in.
pub(crate) fn shown_as_made(state: &impl State, vpc: &Vpc) -> api::Vpc {
    api::Vpc { state: Some("pending".to_owned()), ..shown(state, vpc) }
}

/// A VPC as answers have it.
pub(crate) fn shown(state: &impl State, vpc: &Vpc) -> api::Vpc {
    let now = state.now();
    let blocks = vpc.cidr_associations.iter().filter(|association| association.is_shown(now));
    let ipv6 = vpc.ipv6_associations.iter().filter(|association| association.is_shown(now));
    let ipv6: Vec<_> = ipv6.map(|association| cidr_block::shown_v6(state, association)).collect();
    api::Vpc {
        block_public_access_states: Some(block_public_access::states(state, vpc.id, None)),
        cidr_block: Some(vpc.primary_block().to_string()),
        cidr_block_association_set: Some(
            blocks.map(|association| cidr_block::shown(state, association)).collect(),
        ),
        dhcp_options_id: Some(vpc.dhcp_options.map_or_else(|| "default".to_owned(), |id| id.to_string())),
        instance_tenancy: Some(vpc.tenancy.as_str().to_owned()),
        ipv6_cidr_block_association_set: Some(ipv6).filter(|blocks| !blocks.is_empty()),
        is_default: Some(vpc.is_default),
        owner_id: Some(state.account().to_string()),
        state: Some("available".to_owned()),
        tags: tag::shown(&vpc.tags),
        vpc_id: Some(vpc.id.to_string()),
        ..Default::default()
    }
}

static FILTERS: Filters<api::Vpc> = Filters {
    tags: Some(|vpc| vpc.tags.as_deref().unwrap_or_default()),
    named: &[
        ("cidr", |vpc| text(&vpc.cidr_block)),
        ("cidr-block", |vpc| text(&vpc.cidr_block)),
        ("cidrBlock", |vpc| text(&vpc.cidr_block)),
        ("cidr-block-association.association-id", |vpc| {
            each(&vpc.cidr_block_association_set, |block| block.association_id.clone())
        }),
        ("cidr-block-association.cidr-block", |vpc| {
            each(&vpc.cidr_block_association_set, |block| block.cidr_block.clone())
        }),
        ("cidr-block-association.state", |vpc| {
            each(&vpc.cidr_block_association_set, |block| block.cidr_block_state.as_ref()?.state.clone())
        }),
        ("dhcp-options-id", |vpc| text(&vpc.dhcp_options_id)),
        ("ipv6-cidr-block-association.association-id", |vpc| {
            each(&vpc.ipv6_cidr_block_association_set, |block| block.association_id.clone())
        }),
        ("ipv6-cidr-block-association.ipv6-cidr-block", |vpc| {
            each(&vpc.ipv6_cidr_block_association_set, |block| block.ipv6_cidr_block.clone())
        }),
        ("ipv6-cidr-block-association.ipv6-pool", |vpc| {
            each(&vpc.ipv6_cidr_block_association_set, |block| block.ipv6_pool.clone())
        }),
        ("ipv6-cidr-block-association.state", |vpc| {
            each(&vpc.ipv6_cidr_block_association_set, |block| {
                block.ipv6_cidr_block_state.as_ref()?.state.clone()
            })
        }),
        ("is-default", |vpc| flag(vpc.is_default)),
        ("isDefault", |vpc| flag(vpc.is_default)),
        ("owner-id", |vpc| text(&vpc.owner_id)),
        ("state", |vpc| text(&vpc.state)),
        ("vpc-id", |vpc| text(&vpc.vpc_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcsRequest,
) -> Result<api::DescribeVpcsResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeVpcs", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (vpcs, next_token) =
        page.of_seen(&view, input.vpc_ids.as_ref(), wanted, |view, vpc: &Vpc| shown(view, vpc))?;
    ec2.answer(input.dry_run, api::DescribeVpcsResult { next_token, vpcs: Some(vpcs) })
}

fn describe_attribute(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcAttributeRequest,
) -> Result<api::DescribeVpcAttributeResult, ServiceError> {
    let vpc = ec2.view(context).usable::<Vpc>(&input.vpc_id)?.resource;
    let mut answer =
        api::DescribeVpcAttributeResult { vpc_id: Some(vpc.id.to_string()), ..Default::default() };
    let value = |value| Some(api::AttributeBooleanValue { value: Some(value) });
    match input.attribute.as_str() {
        "enableDnsSupport" => answer.enable_dns_support = value(vpc.enable_dns_support),
        "enableDnsHostnames" => answer.enable_dns_hostnames = value(vpc.enable_dns_hostnames),
        "enableNetworkAddressUsageMetrics" => {
            answer.enable_network_address_usage_metrics = value(vpc.enable_network_address_usage_metrics);
        }
        other => return Err(error::invalid_value_for(other, "attribute", "Unknown vpc attribute")),
    }
    ec2.answer(input.dry_run, answer)
}

fn modify_attribute(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcAttributeRequest,
) -> Result<Unit, ServiceError> {
    let given =
        [&input.enable_dns_support, &input.enable_dns_hostnames, &input.enable_network_address_usage_metrics];
    match given.iter().filter(|attribute| attribute.is_some()).count() {
        0 => return Err(error::missing("attribute")),
        1 => {}
        // AWS changes one attribute in a request.
        _ => return Err(error::combination("Fields for multiple attribute types specified")),
    }
    ec2.edit(context, None, |edit| {
        let mut vpc = Vpc::clone(&*edit.named::<Vpc>(&input.vpc_id)?);
        let value =
            |attribute: &Option<api::AttributeBooleanValue>| attribute.as_ref().and_then(|held| held.value);
        if let Some(value) = value(&input.enable_dns_support) {
            vpc.enable_dns_support = value;
        }
        if let Some(value) = value(&input.enable_dns_hostnames) {
            // AWS publishes the rule, and not its error. The other way around support can go while names stay.
            // <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html>
            if value && !vpc.enable_dns_support {
                return Err(error::combination(
                    "DNS hostnames can be enabled only where DNS support is enabled.",
                ));
            }
            vpc.enable_dns_hostnames = value;
        }
        if let Some(value) = value(&input.enable_network_address_usage_metrics) {
            vpc.enable_network_address_usage_metrics = value;
        }
        edit.put(vpc);
        Ok(Unit)
    })
}

/// A VPC can go from dedicated hardware to shared, and not back.
fn modify_tenancy(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ModifyVpcTenancyRequest,
) -> Result<api::ModifyVpcTenancyResult, ServiceError> {
    if input.instance_tenancy != Tenancy::Default.as_str() {
        let why = "The tenancy of a VPC can be changed to default only.";
        return Err(error::invalid_value_for(&input.instance_tenancy, "instanceTenancy", why));
    }
    ec2.edit(context, input.dry_run, |edit| {
        let mut vpc = Vpc::clone(&*edit.named::<Vpc>(&input.vpc_id)?);
        vpc.tenancy = Tenancy::Default;
        edit.put(vpc);
        Ok(api::ModifyVpcTenancyResult { return_value: Some(true) })
    })
}
