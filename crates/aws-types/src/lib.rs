//! Checked AWS names: accounts, regions, resource ids, ARNs, tags, timestamps.
//!
//! Owns the newtypes that stand for AWS's nouns everywhere behind the codecs. Refuses to know wire formats, models,
//! storage, clocks and randomness: an id is made from bits that the caller brings.

mod account;
mod arn;
mod id;
mod mac;
mod region;
mod tag;
mod time;

pub use account::{AccountId, ParseAccountIdError};
pub use arn::{Arn, ParseArnError};
pub use id::*;
pub use mac::{MacAddress, ParseMacAddressError};
pub use region::{AvailabilityZone, ParseRegionError, Partition, Region};
pub use tag::{Tag, Tags};
pub use time::Timestamp;
