//! What policies can ask of the tunnels of a VPN connection.
//!
//! Owns what their options are called in policies. Refuses to know which values they may have.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/security-iam.html>

use aws_model::Value;
use service_api::ConditionKeys;

use super::said::{scalar, texts};

/// The condition key of each option, and the option.
const OPTIONS: [(&str, &str); 15] = [
    ("ec2:DPDTimeoutSeconds", "DPDTimeoutSeconds"),
    ("ec2:IKEVersions", "IKEVersions"),
    ("ec2:InsideTunnelCidr", "TunnelInsideCidr"),
    ("ec2:Phase1DHGroup", "Phase1DHGroupNumbers"),
    ("ec2:Phase1EncryptionAlgorithms", "Phase1EncryptionAlgorithms"),
    ("ec2:Phase1IntegrityAlgorithms", "Phase1IntegrityAlgorithms"),
    ("ec2:Phase1LifetimeSeconds", "Phase1LifetimeSeconds"),
    ("ec2:Phase2DHGroup", "Phase2DHGroupNumbers"),
    ("ec2:Phase2EncryptionAlgorithms", "Phase2EncryptionAlgorithms"),
    ("ec2:Phase2IntegrityAlgorithms", "Phase2IntegrityAlgorithms"),
    ("ec2:Phase2LifetimeSeconds", "Phase2LifetimeSeconds"),
    ("ec2:RekeyFuzzPercentage", "RekeyFuzzPercentage"),
    ("ec2:RekeyMarginTimeSeconds", "RekeyMarginTimeSeconds"),
    ("ec2:ReplayWindowSizePackets", "ReplayWindowSize"),
    ("ec2:InsideTunnelIpv6Cidr", "TunnelInsideIpv6Cidr"),
];

/// What can be asked of tunnels with these options, which are a request's or an answer's: the two differ in the case of
/// letters. A key has the values of all of them.
pub(super) fn of_tunnels(tunnels: &[Value]) -> ConditionKeys {
    let of_option = |(key, option): &(&str, &str)| {
        let mut values = Vec::new();
        for tunnel in tunnels {
            let Value::Structure(fields) = tunnel else { continue };
            let found = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(option));
            match found.map(|(_, value)| value) {
                Some(list @ Value::List(_)) => values.extend(texts(Some(list))),
                Some(value) => values.extend(scalar(value)),
                None => {}
            }
        }
        (!values.is_empty()).then(|| ((*key).to_owned(), values))
    };
    OPTIONS.iter().filter_map(of_option).collect()
}
