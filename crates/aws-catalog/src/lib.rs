//! Public facts of the cloud: regions, services without one, zones, images, instance types, public parameters, AWS-managed prefix lists.
//!
//! Owns the tables that are the same for every account, or a pure function of the account. Refuses to know what exists
//! in an account, what is enabled there, and where an image's files come from: a built-in image is the host's own
//! userland whatever its name, and which driver starts it is the sandbox's to decide.
//!
//! ```
//! let region: aws_types::Region = "us-east-1".parse().unwrap();
//! let account: aws_types::AccountId = "123456789012".parse().unwrap();
//! assert_eq!(aws_catalog::zones(&region, account).len(), 6);
//! let parameter = aws_catalog::parameter(&region, "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64");
//! # #[cfg(target_arch = "x86_64")]
//! assert!(aws_catalog::image(&region, parameter.unwrap().value.parse().unwrap()).is_some());
//! ```

mod endpoint_service;
mod global_service;
mod image;
mod instance_type;
mod parameter;
mod prefix_list;
mod region;
mod stable_hash;
mod zone;

pub use endpoint_service::{EndpointService, endpoint_services};
pub use global_service::{global_services, region_of_service};
pub use image::{AMAZON_OWNER_ALIAS, AMAZON_OWNER_ID, Image, image, images};
pub use instance_type::{
    DEFAULT_INSTANCE_TYPE, EbsPerformance, Hypervisor, InstanceType, VolumeLimit, foreign_instance_type,
    instance_type, instance_types,
};
pub use parameter::{PublicParameter, parameter, parameters, parameters_below};
pub use prefix_list::{AwsPrefixList, prefix_lists};
pub use region::{OptIn, RegionFacts, number as region_number, region, regions};
pub use zone::{Zone, ZoneType, zones};
