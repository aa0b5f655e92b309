//! What the metadata service asks of the state.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use aws_types::{
    AccountId, AvailabilityZone, ImageId, InstanceId, MacAddress, NetworkInterfaceId, Partition, Region,
    ReservationId, SecurityGroupId, SubnetId, Tags, Timestamp, VpcId,
};
use bytes::Bytes;
use ipnet::{Ipv4Net, Ipv6Net};

/// The state as the metadata service needs it. Called for every request, from the server's task: it must not block.
pub trait MetadataDirectory: Send + Sync + 'static {
    /// The instance that the interface with that link address is attached to.
    fn instance(&self, peer: IpAddr) -> Option<Arc<InstanceMetadata>>;
}

/// Whether requests without a session token are answered (`HttpTokens`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenPolicy {
    /// Version 1 and version 2.
    #[default]
    Optional,
    /// Version 2 only.
    Required,
}

/// The instance's metadata options.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsResponse.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataOptions {
    /// `HttpEndpoint`: whether the service answers this instance at all.
    pub is_enabled: bool,
    /// `HttpProtocolIpv6`: whether it also answers at its IPv6 address.
    pub is_ipv6_enabled: bool,
    /// `HttpTokens`.
    pub tokens: TokenPolicy,
    /// `HttpPutResponseHopLimit`, 1 to 64: the time to live, or the IPv6 hop limit, of packets that carry a
    /// token.
    pub hop_limit: u8,
    /// `InstanceMetadataTags`.
    pub has_tags: bool,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self {
            is_enabled: true,
            is_ipv6_enabled: false,
            tokens: TokenPolicy::Optional,
            hop_limit: 1,
            has_tags: false,
        }
    }
}

/// A key pair's public half.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// The name of the key pair.
    pub name: String,
    /// The key in the format of `authorized_keys`, with or without a comment.
    pub openssh: String,
}

/// One entry of the block device mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDevice {
    /// The virtual name, such as `ami`, `root` or `ebs1`.
    pub virtual_name: String,
    /// The device, such as `/dev/xvda`.
    pub device: String,
}

/// The instance profile of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceProfile {
    /// Its ARN.
    pub arn: String,
    /// Its id.
    pub id: String,
    /// When it came to be the instance's.
    pub updated_at: Timestamp,
    /// Whether the profile is still there.
    pub is_found: bool,
    /// The role in it, and what the instance has of it.
    pub role: Option<InstanceRole>,
}

/// The role of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceRole {
    /// Its name.
    pub name: String,
    /// Its credentials, or since when there are none because it does not let instances in.
    pub credentials: Result<SecurityCredentials, Timestamp>,
}

/// Temporary credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct SecurityCredentials {
    /// `ASIA…`
    pub access_key_id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token.
    pub token: String,
    /// Since when they are good.
    pub issued: Timestamp,
    /// Until when.
    pub expires: Timestamp,
}

/// Never prints the secret.
impl std::fmt::Debug for SecurityCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecurityCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// An interface of the instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedInterface {
    /// Its MAC address.
    pub mac: MacAddress,
    /// Its id.
    pub id: NetworkInterfaceId,
    /// Its index among the instance's interfaces; the primary one has 0.
    pub device_index: u32,
    /// The index of its network card.
    pub network_card_index: u32,
    /// The account that owns it.
    pub owner: AccountId,
    /// The private DNS name of the primary address.
    pub local_hostname: String,
    /// Private addresses, the primary one first.
    pub private_ipv4s: Vec<Ipv4Addr>,
    /// IPv6 addresses.
    pub ipv6s: Vec<Ipv6Addr>,
    /// Blocks of addresses that it has whole.
    pub ipv4_prefixes: Vec<Ipv4Net>,
    /// Blocks of IPv6 addresses that it has whole.
    pub ipv6_prefixes: Vec<Ipv6Net>,
    /// Public addresses, each with the private one that it stands for.
    pub public_ipv4s: Vec<(Ipv4Addr, Ipv4Addr)>,
    /// The public DNS name of the primary private address's public one, when the VPC has such names.
    pub public_hostname: Option<String>,
    /// Security groups and their names.
    pub security_groups: Vec<(SecurityGroupId, String)>,
    /// The subnet.
    pub subnet: SubnetId,
    /// Its IPv4 block.
    pub subnet_ipv4_block: Ipv4Net,
    /// Its IPv6 blocks.
    pub subnet_ipv6_blocks: Vec<Ipv6Net>,
    /// The VPC.
    pub vpc: VpcId,
    /// The VPC's IPv4 blocks, the primary one first.
    pub vpc_ipv4_blocks: Vec<Ipv4Net>,
    /// The VPC's IPv6 blocks.
    pub vpc_ipv6_blocks: Vec<Ipv6Net>,
}

/// Everything about an instance that it can ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceMetadata {
    /// Who may ask, and how.
    pub options: MetadataOptions,
    /// The partition, for `services/partition`.
    pub partition: Partition,
    /// The region.
    pub region: Region,
    /// The zone's name in the account.
    pub availability_zone: AvailabilityZone,
    /// The zone's id.
    pub availability_zone_id: String,
    /// The name of its placement group.
    pub placement_group: Option<String>,
    /// Its partition of the placement group, counted from 1.
    pub placement_partition: Option<u8>,
    /// The account that owns the instance.
    pub account: AccountId,
    /// The instance.
    pub instance: InstanceId,
    /// Its type, such as `t3.micro`.
    pub instance_type: String,
    /// The image it was launched from.
    pub image: ImageId,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// What the type runs on: `nitro` or `xen`.
    pub hypervisor: String,
    /// The reservation.
    pub reservation: ReservationId,
    /// Its place among the instances of its launch.
    pub launch_index: u32,
    /// When it was last started.
    pub pending_at: Timestamp,
    /// Its private DNS name.
    pub hostname: String,
    /// Its key pair, if it was launched with one.
    pub public_keys: Vec<PublicKey>,
    /// Whether detailed monitoring is on.
    pub is_monitored: bool,
    /// Its instance profile.
    pub profile: Option<InstanceProfile>,
    /// Credentials that tell which instance it is and let it do nothing, for what runs below the instance's software.
    pub identity_credentials: Option<SecurityCredentials>,
    /// What it was given to run, decoded from base64.
    pub user_data: Option<Bytes>,
    /// Its tags; shown only when the options say so.
    pub tags: Tags,
    /// Its interfaces, the primary one first.
    pub interfaces: Vec<AttachedInterface>,
    /// Its block devices; the directory is absent when there are none.
    pub block_devices: Vec<BlockDevice>,
}
