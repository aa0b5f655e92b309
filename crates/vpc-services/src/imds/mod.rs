//! The instance metadata service at 169.254.169.254, versions 1 and 2.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html>

mod answer;
mod document;
mod metadata;
mod server;
mod token;
mod tree;

pub use metadata::{
    AttachedInterface, BlockDevice, InstanceMetadata, InstanceProfile, InstanceRole, MetadataDirectory,
    MetadataOptions, PublicKey, SecurityCredentials, TokenPolicy,
};
pub use server::MetadataServer;
