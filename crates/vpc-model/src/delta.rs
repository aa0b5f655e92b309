//! Changes of the network's intent. Refuses to know their cause and their effect.

use aws_types::{
    DhcpOptionsId, NetworkAclId, NetworkInterfaceId, RouteTableId, SecurityGroupId, SubnetId, VpcId,
};
use serde::{Deserialize, Serialize};

use crate::{DhcpOptions, Interface, NetworkAcl, RouteTable, SecurityGroup, Subnet, Vpc};

/// One change. The later of two about the same object counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "a list of deltas is short and lives as long as one change")]
pub enum Delta {
    /// The object is there, and is this.
    Put(Object),
    /// The object is gone.
    Remove(ObjectId),
}

macro_rules! objects {
    ($($(#[$doc:meta])* $name:ident($id:ty),)*) => {
        /// Something that the engine is told about.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Object {
            $($(#[$doc])* $name($name),)*
        }

        /// The id of an [`Object`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum ObjectId {
            $($(#[$doc])* $name($id),)*
        }

        impl Object {
            /// The id of the object.
            pub fn id(&self) -> ObjectId {
                match self {
                    $(Self::$name(object) => ObjectId::$name(object.id),)*
                }
            }
        }

        impl std::fmt::Display for ObjectId {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(Self::$name(id) => id.fmt(f),)*
                }
            }
        }

        $(
            impl From<$name> for Object {
                fn from(object: $name) -> Self {
                    Self::$name(object)
                }
            }

            impl From<$id> for ObjectId {
                fn from(id: $id) -> Self {
                    Self::$name(id)
                }
            }

            impl From<$name> for Delta {
                fn from(object: $name) -> Self {
                    Self::Put(Object::$name(object))
                }
            }
        )*
    };
}

objects! {
    /// A VPC.
    Vpc(VpcId),
    /// A subnet.
    Subnet(SubnetId),
    /// A route table.
    RouteTable(RouteTableId),
    /// A network ACL.
    NetworkAcl(NetworkAclId),
    /// A security group.
    SecurityGroup(SecurityGroupId),
    /// A network interface.
    Interface(NetworkInterfaceId),
    /// A DHCP option set.
    DhcpOptions(DhcpOptionsId),
}
