//! The two tunnels of a VPN connection, and their options.
//!
//! Owns which values each option may have, and what a tunnel gets that nobody asked for. Refuses to know IPsec.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNTunnels.html>

use std::net::Ipv4Addr;

use aws_api::ec2 as api;
use aws_types::VpnConnectionId;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use super::{TUNNELS, TargetGateway, VpnConnection};
use crate::elastic_ip::pool;
use crate::error;
use crate::state::{Edit, State};

/// What the insides of tunnels are from.
const LINK_LOCAL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16);
const INSIDE_LENGTH: u8 = 30;
const KEY_CHARACTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
const KEY_LENGTH: usize = 32;
const ENCRYPTION: &[&str] = &["AES128", "AES256", "AES128-GCM-16", "AES256-GCM-16"];
const INTEGRITY: &[&str] = &["SHA1", "SHA2-256", "SHA2-384", "SHA2-512"];
const PHASE1_GROUPS: &[i32] = &[2, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];
const PHASE2_GROUPS: &[i32] = &[2, 5, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24];
pub(super) const DEFAULT_PHASE1_SECS: i32 = 28_800;
pub(super) const DEFAULT_PHASE2_SECS: i32 = 3600;
/// The shortest time after which a silent peer is dead, which is also the default.
pub(super) const DEFAULT_DPD_SECS: i32 = 30;

/// The options that a request gives; the others have AWS's defaults and are not shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnTunnelSettings {
    /// The addresses inside, where they are asked for.
    pub inside: Option<Ipv4Net>,
    /// The key, where one is given.
    pub pre_shared_key: Option<String>,
    /// How long the keys of phase 1 are used.
    pub phase1_lifetime_secs: Option<i32>,
    /// How long the keys of phase 2 are used.
    pub phase2_lifetime_secs: Option<i32>,
    /// How long before its end a key is changed.
    pub rekey_margin_secs: Option<i32>,
    /// By how many percent that varies.
    pub rekey_fuzz_percentage: Option<i32>,
    /// How many packets may overtake each other.
    pub replay_window_size: Option<i32>,
    /// After how long a silent peer is dead.
    pub dpd_timeout_secs: Option<i32>,
    /// What happens then.
    pub dpd_timeout_action: Option<String>,
    /// Ciphers of phase 1.
    pub phase1_encryption: Vec<String>,
    /// Ciphers of phase 2.
    pub phase2_encryption: Vec<String>,
    /// Hashes of phase 1.
    pub phase1_integrity: Vec<String>,
    /// Hashes of phase 2.
    pub phase2_integrity: Vec<String>,
    /// Diffie-Hellman groups of phase 1.
    pub phase1_groups: Vec<i32>,
    /// Diffie-Hellman groups of phase 2.
    pub phase2_groups: Vec<i32>,
    /// Versions of IKE.
    pub ike_versions: Vec<String>,
    /// Who begins.
    pub startup_action: Option<String>,
}

/// A tunnel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnTunnel {
    /// The address of AWS's end.
    pub outside: Ipv4Addr,
    /// The addresses inside: the first is AWS's, the second the customer's.
    pub inside: Ipv4Net,
    /// The key.
    pub pre_shared_key: String,
    /// What was asked for.
    pub settings: VpnTunnelSettings,
}

fn among<T: PartialEq + std::fmt::Display>(
    value: &T,
    allowed: &[T],
    parameter: &str,
) -> Result<(), ServiceError> {
    if allowed.contains(value) {
        return Ok(());
    }
    let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
    let why = format!("It has to be one of {}.", allowed.join(", "));
    Err(error::invalid_value_for(value, parameter, &why))
}

fn between(value: Option<i32>, least: i32, most: i32, parameter: &str) -> Result<(), ServiceError> {
    match value {
        Some(value) if !(least..=most).contains(&value) => {
            let why = format!("It has to be between {least} and {most}.");
            Err(error::invalid_value_for(value, parameter, &why))
        }
        _ => Ok(()),
    }
}

fn texts(values: &[String], allowed: &[&str], parameter: &str) -> Result<(), ServiceError> {
    values.iter().try_for_each(|value| among(&value.as_str(), allowed, parameter))
}

/// Whether no tunnel can have a block inside, because AWS uses it itself.
fn is_reserved(block: Ipv4Net) -> bool {
    let [_, _, third, fourth] = block.network().octets();
    (third <= 5 && fourth == 0) || (third, fourth) == (169, 252)
}

fn inside(text: &str) -> Result<Ipv4Net, ServiceError> {
    let refused = |why| error::invalid_value_for(text, "tunnelInsideCidr", why);
    let block = text.parse::<Ipv4Net>().ok().filter(|block| block.trunc() == *block);
    let block = block.filter(|block| block.prefix_len() == INSIDE_LENGTH && LINK_LOCAL.contains(block));
    let block = block.ok_or_else(|| refused("It has to be a block of size /30 in 169.254.0.0/16."))?;
    if is_reserved(block) { Err(refused("This block is reserved.")) } else { Ok(block) }
}

fn check_key(key: &str) -> Result<(), ServiceError> {
    let is_key = (8..=64).contains(&key.len())
        && key.bytes().all(|byte| KEY_CHARACTERS.contains(&byte))
        && !key.starts_with('0');
    // The key itself stays out of the message.
    if is_key {
        return Ok(());
    }
    Err(error::invalid_value(
        "The value for parameter preSharedKey is invalid. It has to have 8 to 64 characters, which are letters, digits, \
         periods and underscores, and cannot begin with 0.",
    ))
}

/// # Errors
/// `InvalidParameterValue` for a block that another tunnel of the gateway has.
pub(super) fn check_free(inside: Ipv4Net, taken: &[Ipv4Net]) -> Result<(), ServiceError> {
    if taken.contains(&inside) {
        let why = "Another tunnel of the gateway has this block.";
        return Err(error::invalid_value_for(inside, "tunnelInsideCidr", why));
    }
    Ok(())
}

/// Reads the options from either of the two requests that have them.
macro_rules! settings {
    ($given:ident) => {{
        let texts = |list: &mut Vec<String>, value: &Option<String>| list.extend(value.clone());
        let mut settings = VpnTunnelSettings {
            inside: $given.tunnel_inside_cidr.as_deref().map(inside).transpose()?,
            pre_shared_key: $given.pre_shared_key.clone(),
            phase1_lifetime_secs: $given.phase1_lifetime_seconds,
            phase2_lifetime_secs: $given.phase2_lifetime_seconds,
            rekey_margin_secs: $given.rekey_margin_time_seconds,
            rekey_fuzz_percentage: $given.rekey_fuzz_percentage,
            replay_window_size: $given.replay_window_size,
            dpd_timeout_secs: $given.dpd_timeout_seconds,
            dpd_timeout_action: $given.dpd_timeout_action.clone(),
            startup_action: $given.startup_action.clone(),
            ..Default::default()
        };
        $given
            .phase1_encryption_algorithms
            .iter()
            .flatten()
            .for_each(|held| texts(&mut settings.phase1_encryption, &held.value));
        $given
            .phase2_encryption_algorithms
            .iter()
            .flatten()
            .for_each(|held| texts(&mut settings.phase2_encryption, &held.value));
        $given
            .phase1_integrity_algorithms
            .iter()
            .flatten()
            .for_each(|held| texts(&mut settings.phase1_integrity, &held.value));
        $given
            .phase2_integrity_algorithms
            .iter()
            .flatten()
            .for_each(|held| texts(&mut settings.phase2_integrity, &held.value));
        $given.ike_versions.iter().flatten().for_each(|held| texts(&mut settings.ike_versions, &held.value));
        $given
            .phase1_dh_group_numbers
            .iter()
            .flatten()
            .for_each(|held| settings.phase1_groups.extend(held.value));
        $given
            .phase2_dh_group_numbers
            .iter()
            .flatten()
            .for_each(|held| settings.phase2_groups.extend(held.value));
        if $given.tunnel_inside_ipv6_cidr.is_some() {
            return Err(error::combination(
                "TunnelInsideIpv6Cidr cannot be given for a tunnel with IPv4 inside.",
            ));
        }
        let logs = $given.log_options.as_ref().and_then(|logs| logs.cloud_watch_log_options.as_ref());
        if logs.is_some_and(|logs| logs.log_enabled == Some(true) || logs.bgp_log_enabled == Some(true)) {
            return Err(error::unsupported("Logs of VPN tunnels are not supported."));
        }
        if $given.enable_tunnel_lifecycle_control == Some(true) {
            return Err(error::unsupported("The lifecycle of tunnels cannot be controlled."));
        }
        let exchanges =
            $given.phase1_additional_key_exchanges.iter().chain(&$given.phase2_additional_key_exchanges);
        if exchanges.flatten().next().is_some() {
            return Err(error::unsupported("Additional key exchanges are not supported."));
        }
        settings
    }};
}

impl VpnTunnelSettings {
    /// Reads what a new connection is to have.
    pub(super) fn created(given: &api::VpnTunnelOptionsSpecification) -> Result<Self, ServiceError> {
        let settings: Self = settings!(given);
        settings.check()?;
        Ok(settings)
    }

    /// Reads what a tunnel is to have from now on. Whether it can have that is seen with what it has already
    /// ([`VpnTunnel::change`]).
    pub(super) fn modified(given: &api::ModifyVpnTunnelOptionsSpecification) -> Result<Self, ServiceError> {
        Ok(settings!(given))
    }

    fn check(&self) -> Result<(), ServiceError> {
        self.pre_shared_key.as_deref().map_or(Ok(()), check_key)?;
        between(self.phase1_lifetime_secs, 900, 28_800, "phase1LifetimeSeconds")?;
        between(self.phase2_lifetime_secs, 900, 3600, "phase2LifetimeSeconds")?;
        let phase1 = self.phase1_lifetime_secs.unwrap_or(DEFAULT_PHASE1_SECS);
        let phase2 = self.phase2_lifetime_secs.unwrap_or(DEFAULT_PHASE2_SECS);
        if self.phase2_lifetime_secs.is_some() && phase2 >= phase1 {
            let why = "It has to be less than phase1LifetimeSeconds.";
            return Err(error::invalid_value_for(phase2, "phase2LifetimeSeconds", why));
        }
        between(self.rekey_margin_secs, 60, phase2 / 2, "rekeyMarginTimeSeconds")?;
        between(self.rekey_fuzz_percentage, 0, 100, "rekeyFuzzPercentage")?;
        between(self.replay_window_size, 64, 2048, "replayWindowSize")?;
        between(self.dpd_timeout_secs, DEFAULT_DPD_SECS, i32::MAX, "dpdTimeoutSeconds")?;
        let action = self.dpd_timeout_action.as_deref();
        action.map_or(Ok(()), |action| among(&action, &["clear", "none", "restart"], "dpdTimeoutAction"))?;
        let startup = self.startup_action.as_deref();
        startup.map_or(Ok(()), |action| among(&action, &["add", "start"], "startupAction"))?;
        texts(&self.phase1_encryption, ENCRYPTION, "phase1EncryptionAlgorithms")?;
        texts(&self.phase2_encryption, ENCRYPTION, "phase2EncryptionAlgorithms")?;
        texts(&self.phase1_integrity, INTEGRITY, "phase1IntegrityAlgorithms")?;
        texts(&self.phase2_integrity, INTEGRITY, "phase2IntegrityAlgorithms")?;
        texts(&self.ike_versions, &["ikev1", "ikev2"], "ikeVersions")?;
        self.phase1_groups
            .iter()
            .try_for_each(|number| among(number, PHASE1_GROUPS, "phase1DHGroupNumbers"))?;
        self.phase2_groups.iter().try_for_each(|number| among(number, PHASE2_GROUPS, "phase2DHGroupNumbers"))
    }
}

impl VpnTunnel {
    /// Takes over the options that are given.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a value that an option cannot have, with the tunnel's others.
    pub(super) fn change(&mut self, new: VpnTunnelSettings) -> Result<(), ServiceError> {
        self.inside = new.inside.unwrap_or(self.inside);
        if let Some(key) = &new.pre_shared_key {
            self.pre_shared_key.clone_from(key);
        }
        let old = std::mem::take(&mut self.settings);
        let list = |new: Vec<String>, old| if new.is_empty() { old } else { new };
        let numbers = |new: Vec<i32>, old| if new.is_empty() { old } else { new };
        self.settings = VpnTunnelSettings {
            inside: new.inside.or(old.inside),
            pre_shared_key: new.pre_shared_key.or(old.pre_shared_key),
            phase1_lifetime_secs: new.phase1_lifetime_secs.or(old.phase1_lifetime_secs),
            phase2_lifetime_secs: new.phase2_lifetime_secs.or(old.phase2_lifetime_secs),
            rekey_margin_secs: new.rekey_margin_secs.or(old.rekey_margin_secs),
            rekey_fuzz_percentage: new.rekey_fuzz_percentage.or(old.rekey_fuzz_percentage),
            replay_window_size: new.replay_window_size.or(old.replay_window_size),
            dpd_timeout_secs: new.dpd_timeout_secs.or(old.dpd_timeout_secs),
            dpd_timeout_action: new.dpd_timeout_action.or(old.dpd_timeout_action),
            phase1_encryption: list(new.phase1_encryption, old.phase1_encryption),
            phase2_encryption: list(new.phase2_encryption, old.phase2_encryption),
            phase1_integrity: list(new.phase1_integrity, old.phase1_integrity),
            phase2_integrity: list(new.phase2_integrity, old.phase2_integrity),
            phase1_groups: numbers(new.phase1_groups, old.phase1_groups),
            phase2_groups: numbers(new.phase2_groups, old.phase2_groups),
            ike_versions: list(new.ike_versions, old.ike_versions),
            startup_action: new.startup_action.or(old.startup_action),
        };
        self.settings.check()
    }

    /// The tunnel's options as answers have them: those that were given, and the generated ones.
    pub(crate) fn shown(&self) -> api::TunnelOption {
        macro_rules! list {
            ($shape:ident, $values:ident) => {
                Some(&self.settings.$values).filter(|values| !values.is_empty()).map(|values| {
                    values.iter().map(|value| api::$shape { value: Some(value.to_owned()) }).collect()
                })
            };
        }
        let settings = &self.settings;
        let logs = api::CloudWatchLogOptions {
            log_enabled: Some(false),
            bgp_log_enabled: Some(false),
            ..Default::default()
        };
        api::TunnelOption {
            outside_ip_address: Some(self.outside.to_string()),
            tunnel_inside_cidr: Some(self.inside.to_string()),
            pre_shared_key: Some(self.pre_shared_key.clone()),
            phase1_lifetime_seconds: settings.phase1_lifetime_secs,
            phase2_lifetime_seconds: settings.phase2_lifetime_secs,
            rekey_margin_time_seconds: settings.rekey_margin_secs,
            rekey_fuzz_percentage: settings.rekey_fuzz_percentage,
            replay_window_size: settings.replay_window_size,
            dpd_timeout_seconds: settings.dpd_timeout_secs,
            dpd_timeout_action: settings.dpd_timeout_action.clone(),
            phase1_encryption_algorithms: list!(Phase1EncryptionAlgorithmsListValue, phase1_encryption),
            phase2_encryption_algorithms: list!(Phase2EncryptionAlgorithmsListValue, phase2_encryption),
            phase1_integrity_algorithms: list!(Phase1IntegrityAlgorithmsListValue, phase1_integrity),
            phase2_integrity_algorithms: list!(Phase2IntegrityAlgorithmsListValue, phase2_integrity),
            phase1_dh_group_numbers: list!(Phase1DHGroupNumbersListValue, phase1_groups),
            phase2_dh_group_numbers: list!(Phase2DHGroupNumbersListValue, phase2_groups),
            ike_versions: list!(IKEVersionsListValue, ike_versions),
            startup_action: settings.startup_action.clone(),
            log_options: Some(api::VpnTunnelLogOptions { cloud_watch_log_options: Some(logs) }),
            enable_tunnel_lifecycle_control: Some(false),
            ..Default::default()
        }
    }
}

/// The blocks inside of a gateway's tunnels, but for those of one connection.
pub(super) fn of_gateway(edit: &Edit<'_>, gateway: TargetGateway, but: VpnConnectionId) -> Vec<Ipv4Net> {
    let now = edit.now();
    let is_there = |held: &VpnConnection| held.gateway == gateway && held.id != but && !held.is_deleted(now);
    let connections = edit.all::<VpnConnection>().filter(|held| is_there(held));
    connections.flat_map(|held| held.tunnels.iter().map(|tunnel| tunnel.inside).collect::<Vec<_>>()).collect()
}

fn any_inside(edit: &Edit<'_>, taken: &[Ipv4Net]) -> Ipv4Net {
    // There are 16,384 blocks, and a gateway has few tunnels.
    loop {
        let bits = u32::try_from(edit.new_bits() >> 96).expect("the upper quarter has 32 bits");
        let network = Ipv4Addr::from(u32::from(LINK_LOCAL.network()) | (bits & 0xfffc));
        let block = Ipv4Net::new_assert(network, INSIDE_LENGTH);
        if !is_reserved(block) && !taken.contains(&block) {
            return block;
        }
    }
}

/// A key of six random bits a character. The first is never `0`.
fn any_key(edit: &Edit<'_>) -> String {
    let bits = [edit.new_bits(), edit.new_bits()];
    let key: String = (0..KEY_LENGTH)
        .map(|place| {
            let index = (bits[place / 16] >> (place % 16 * 8)) & 63;
            char::from(KEY_CHARACTERS[index as usize])
        })
        .collect();
    if key.starts_with('0') { key.replacen('0', "O", 1) } else { key }
}

/// The tunnels of a new connection.
///
/// # Errors
/// `InvalidParameterValue` for a block that another tunnel of the gateway has.
pub(super) fn make(
    edit: &mut Edit<'_>,
    gateway: TargetGateway,
    mut settings: Vec<VpnTunnelSettings>,
) -> Result<Vec<VpnTunnel>, ServiceError> {
    settings.resize(TUNNELS, VpnTunnelSettings::default());
    let mut taken = of_gateway(edit, gateway, edit.new_id());
    for inside in settings.iter().filter_map(|settings| settings.inside) {
        check_free(inside, &taken)?;
        taken.push(inside);
    }
    let mut tunnels = Vec::with_capacity(TUNNELS);
    for settings in settings {
        let inside = settings.inside.unwrap_or_else(|| any_inside(edit, &taken));
        taken.push(inside);
        let pre_shared_key = settings.pre_shared_key.clone().unwrap_or_else(|| any_key(edit));
        let outside = pool::take_any(edit).ok_or_else(error::no_free_address)?;
        tunnels.push(VpnTunnel { outside, inside, pre_shared_key, settings });
    }
    Ok(tunnels)
}
