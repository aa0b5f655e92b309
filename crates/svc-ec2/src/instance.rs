//! Instances.
//!
//! Owns the record, which is what an instance is to be and what was last seen of it. The operations are in the modules
//! below: [`run`], [`describe`], [`change`], [`attribute`]; what reconcilers write back is in [`observed`]. Refuses to
//! know how an instance is run.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Instances.html>

mod attribute;
mod change;
mod console;
mod credit_specification;
mod describe;
mod filters;
pub(crate) mod lifecycle;
mod monitoring;
mod network;
mod observed;
mod options;
pub(crate) mod placement;
pub(crate) mod profile;
mod run;
mod status;

use aws_types::{
    AvailabilityZone, ImageId, InstanceId, NetworkInterfaceId, ReservationId, SubnetId, Tags, Timestamp,
    VolumeId, VpcId,
};
use serde::{Deserialize, Serialize};
use service_api::Operations;
use store::Scope;

pub(crate) use run::user_data;

pub use placement::InstancePlacement;

pub use options::{MetadataOptions, PrivateDnsNameOptions, ShutdownBehavior};

use crate::instance::lifecycle::{DesiredState, InstanceState, StateReason};
use crate::network_interface::NetworkInterface;
use crate::state::{Naming, State, resource};
use crate::subnet::HostnameType;
use crate::{Ec2, zone};

/// How long a terminated instance is shown.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html>
const SHOWN_AFTER_TERMINATION_MILLIS: i64 = 60 * 60 * 1000;

/// An instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The RunInstances call that made it.
    pub reservation: ReservationId,
    /// Its place among the instances of that call.
    pub launch_index: u32,
    /// The image that it was made of.
    pub image: ImageId,
    /// Its type, such as `t3.micro`.
    pub instance_type: String,
    /// The subnet of its primary interface.
    pub subnet: SubnetId,
    /// The VPC of that subnet.
    pub vpc: VpcId,
    /// The zone that it runs in.
    pub zone: AvailabilityZone,
    /// The id of that zone.
    pub zone_id: String,
    /// What it is doing.
    pub state: InstanceState,
    /// Since when it is doing that.
    pub state_since: Timestamp,
    /// Why, when there is something to say.
    pub state_reason: Option<StateReason>,
    /// Who brought that about; empty while it runs.
    pub state_transition_reason: String,
    /// When it was launched, or started last.
    pub launched_at: Timestamp,
    /// How many times it was to boot: 1 from the launch on, one more with each start after a stop.
    pub boots: u64,
    /// How many reboots were asked for.
    pub reboots_requested: u64,
    /// How many of them were seen to have been done.
    pub reboots_done: u64,
    /// From when on its status checks have passed, while it runs. Instances of before checks took time have passed them.
    #[serde(default)]
    pub checked_at: Timestamp,
    /// Its interfaces in the order of their device indexes.
    pub interfaces: Vec<NetworkInterfaceId>,
    /// Its volumes, the root volume first; those that were detached may still be in the list. Instances of before there
    /// were volumes have none.
    #[serde(default)]
    pub volumes: Vec<VolumeId>,
    /// Where it was to be put.
    #[serde(default)]
    pub placement: InstancePlacement,
    /// Whether it was to run in no capacity reservation, which it does in any case.
    #[serde(default)]
    pub avoids_capacity_reservations: bool,
    /// The name of its key pair.
    pub key_name: Option<String>,
    /// The key pair's public key, as of the launch: a line for `authorized_keys`.
    pub public_key: Option<String>,
    /// Its user data, decoded.
    #[serde(with = "base64_bytes")]
    pub user_data: Option<Vec<u8>>,
    /// How its metadata can be read.
    pub metadata_options: MetadataOptions,
    /// How it is named.
    pub private_dns_name_options: PrivateDnsNameOptions,
    /// What a shutdown from inside means.
    pub shutdown_behavior: ShutdownBehavior,
    /// Whether its stop or termination gives the guest no time to shut down: a request said `SkipOsShutdown`, or said
    /// `Force` of an instance that was stopping or shutting down already. A start takes it back.
    #[serde(default)]
    pub skip_os_shutdown: bool,
    /// Whether it is not to be recovered when its host fails, which no host here does.
    #[serde(default)]
    pub auto_recovery_disabled: bool,
    /// Whether requests cannot terminate it.
    pub disable_api_termination: bool,
    /// Whether requests cannot stop it.
    pub disable_api_stop: bool,
    /// Whether detailed monitoring was asked for.
    pub monitoring: bool,
    /// Whether it was to be optimized for EBS.
    pub ebs_optimized: bool,
    /// How a burstable type spends CPU credits: `standard` or `unlimited`.
    pub cpu_credits: Option<String>,
    /// The client token of its launch.
    pub client_token: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    Instance,
    InstanceId,
    "ec2.instance",
    Naming {
        resource_type: "instance",
        noun: "instance",
        not_found: "InvalidInstanceID.NotFound",
        malformed: "InvalidInstanceID.Malformed",
    },
    fn attribute(&self, filter: &str) -> Option<String> {
        match filter {
            "instance-id" => Some(self.id.to_string()),
            "subnet-id" => Some(self.subnet.to_string()),
            "vpc-id" => Some(self.vpc.to_string()),
            _ => None,
        }
    },
    fn ends_at(&self) -> Option<Timestamp> {
        (self.state == InstanceState::Terminated)
            .then(|| self.state_since.plus_millis(SHOWN_AFTER_TERMINATION_MILLIS))
    }
);

impl Instance {
    /// The private DNS name, made of the address of its primary interface or of its id as its launch chose. It is what
    /// answers show, what the guest's system calls itself, and what its metadata and agents say.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-naming.html>
    pub fn private_dns_name(&self, primary: &NetworkInterface, scope: &Scope) -> String {
        match self.private_dns_name_options.hostname_type {
            HostnameType::IpName => primary.private_dns_name(scope),
            HostnameType::ResourceName => format!("{}.{}", self.id, zone::private_domain(&scope.region)),
        }
    }

    /// What a reconciler is to bring about.
    pub fn desired(&self) -> DesiredState {
        self.state.desired()
    }

    /// Whether it is to reboot.
    pub fn wants_reboot(&self) -> bool {
        self.state == InstanceState::Running && self.reboots_done < self.reboots_requested
    }

    /// Whether it boots for the first time.
    pub fn is_launching(&self) -> bool {
        self.state == InstanceState::Pending && self.boots == 1
    }

    pub(crate) fn enter(&mut self, state: InstanceState, at: Timestamp) {
        if self.state != state {
            self.state = state;
            self.state_since = at;
        }
    }
}

/// How many vCPUs the instances have that run or are about to: what counts for [`crate::quota::check_vcpus`]. One that is asked
/// to stop does not count.
fn running_vcpus(state: &impl State) -> u64 {
    let vcpus = |name: &str| aws_catalog::instance_type(name).map_or(0, |kind| u64::from(kind.vcpus));
    let running = state.all::<Instance>().filter(|instance| instance.desired() == DesiredState::Running);
    running.map(|instance| vcpus(&instance.instance_type)).sum()
}

/// User data in records: base64, because bytes as JSON numbers would be four times as long.
mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| STANDARD.decode(text).map_err(serde::de::Error::custom)).transpose()
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    [
        attribute::operations,
        change::operations,
        console::operations,
        credit_specification::operations,
        describe::operations,
        monitoring::operations,
        options::operations,
        placement::operations,
        profile::operations,
        run::operations,
        status::operations,
    ]
    .into_iter()
    .fold(table, |table, add| add(table))
}
