//! The fields of a record, and formats made of them.
//!
//! Owns their names, the version that brought each, and how a format is read. Refuses to know what a field's value is.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html#flow-logs-fields>

use std::fmt;

macro_rules! fields {
    ($($version:literal { $($variant:ident $name:literal,)* })*) => {
        /// A field of a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Field {
            $($(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*)*
        }

        impl Field {
            /// Every field that AWS documents for the logs of VPCs, subnets and interfaces, by the version that brought it.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The version of the records that brought it.
            pub const fn version(self) -> u8 {
                match self {
                    $($(Self::$variant)|* => $version,)*
                }
            }

            /// Its name, as a format has it between `${` and `}`.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)*)*
                }
            }
        }
    };
}

fields! {
    2 {
        Version "version",
        AccountId "account-id",
        InterfaceId "interface-id",
        SourceAddress "srcaddr",
        DestinationAddress "dstaddr",
        SourcePort "srcport",
        DestinationPort "dstport",
        Protocol "protocol",
        Packets "packets",
        Bytes "bytes",
        Start "start",
        End "end",
        Action "action",
        LogStatus "log-status",
    }
    3 {
        VpcId "vpc-id",
        SubnetId "subnet-id",
        InstanceId "instance-id",
        TcpFlags "tcp-flags",
        Type "type",
        PacketSourceAddress "pkt-srcaddr",
        PacketDestinationAddress "pkt-dstaddr",
    }
    4 {
        Region "region",
        ZoneId "az-id",
        SublocationType "sublocation-type",
        SublocationId "sublocation-id",
    }
    5 {
        PacketSourceService "pkt-src-aws-service",
        PacketDestinationService "pkt-dst-aws-service",
        FlowDirection "flow-direction",
        TrafficPath "traffic-path",
    }
    7 {
        EcsClusterArn "ecs-cluster-arn",
        EcsClusterName "ecs-cluster-name",
        EcsContainerInstanceArn "ecs-container-instance-arn",
        EcsContainerInstanceId "ecs-container-instance-id",
        EcsContainerId "ecs-container-id",
        EcsSecondContainerId "ecs-second-container-id",
        EcsServiceName "ecs-service-name",
        EcsTaskDefinitionArn "ecs-task-definition-arn",
        EcsTaskArn "ecs-task-arn",
        EcsTaskId "ecs-task-id",
    }
    8 {
        RejectReason "reject-reason",
    }
    9 {
        ResourceId "resource-id",
    }
    10 {
        EncryptionStatus "encryption-status",
    }
}

/// The fields of version 2, which are the default (fact 67).
pub const DEFAULT_FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} \
                                  ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

/// Which fields a record has, in order; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format(Vec<Field>);

/// A text is no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It has no field.
    #[error("a format has at least one field")]
    Empty,
    /// Not a field, or none that is known.
    #[error("there is no field '{0}'")]
    UnknownField(String),
}

impl Format {
    /// Reads a list of `${field}`.
    ///
    /// # Errors
    /// [`FormatError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let field = |word: &str| {
            let name = word.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
            let field = Field::ALL.iter().copied().find(|field| Some(field.name()) == name);
            field.ok_or_else(|| FormatError::UnknownField(word.to_owned()))
        };
        let fields: Vec<Field> = text.split_whitespace().map(field).collect::<Result<_, _>>()?;
        if fields.is_empty() { Err(FormatError::Empty) } else { Ok(Self(fields)) }
    }

    /// Its fields, in order.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// The version of its records: the highest that brought a field of it (fact 67).
    pub fn version(&self) -> u8 {
        self.0.iter().map(|field| field.version()).max().unwrap_or(2)
    }
}

impl fmt::Display for Format {
    /// The names of its fields, as the first line of a file has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, field) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{}", field.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_highest_of_a_field() {
        let version = |text| Format::parse(text).map(|format| format.version());
        assert_eq!(version(DEFAULT_FORMAT), Ok(2));
        assert_eq!(version("${srcaddr} ${traffic-path} ${vpc-id}"), Ok(5));
        assert_eq!(version("${encryption-status}"), Ok(10));
        assert_eq!(version(" "), Err(FormatError::Empty));
        for text in ["${srcaddr} dstaddr", "${nothing}", "$srcaddr", "${srcaddr", "${srcaddr},${dstaddr}"] {
            assert!(matches!(version(text), Err(FormatError::UnknownField(_))), "{text}");
        }
    }

    #[test]
    fn the_default_has_the_fields_of_version_2_in_order() {
        let format = Format::parse(DEFAULT_FORMAT).unwrap();
        let of_version_2: Vec<Field> =
            Field::ALL.iter().copied().filter(|field| field.version() == 2).collect();
        assert_eq!(format.fields(), of_version_2);
        assert_eq!(of_version_2.len(), 14);
    }
}
