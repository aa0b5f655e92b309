//! Prefixes of interfaces: blocks of a subnet that an interface has as a whole.
//!
//! Owns what requests say of them, and how they are shown. Refuses to choose them: the subnet does.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-prefix-eni.html>

use aws_api::ec2 as api;
use ipnet::{Ipv4Net, Ipv6Net};
use service_api::ServiceError;

use super::NewInterface;
use crate::error;
use crate::state::Edit;
use crate::subnet::address::Addresses;
use crate::subnet::prefix;

/// The prefixes that a request wants for an interface.
#[derive(Clone, Debug, Default)]
pub(crate) struct WantedPrefixes {
    v4: Vec<Ipv4Net>,
    v4_count: usize,
    v6: Vec<Ipv6Net>,
    v6_count: usize,
}

/// The prefixes that an interface got.
#[derive(Debug, Default)]
pub(super) struct TakenPrefixes {
    pub(super) v4: Vec<Ipv4Net>,
    pub(super) v6: Vec<Ipv6Net>,
}

/// Reads the names or the number of prefixes of one family.
fn wanted<N: PartialEq>(
    named: &[String],
    count: Option<i32>,
    parse: fn(&str) -> Result<N, ServiceError>,
    (names, number): (&str, &str),
) -> Result<(Vec<N>, usize), ServiceError> {
    let count = count.unwrap_or(0);
    let count =
        usize::try_from(count).map_err(|_| error::invalid_value_for(count, number, "It is negative."))?;
    if !named.is_empty() && count > 0 {
        return Err(error::combination(format!(
            "The parameter {names} cannot be used with the parameter {number}"
        )));
    }
    let mut prefixes = Vec::with_capacity(named.len());
    for text in named {
        let prefix = parse(text)?;
        if prefixes.contains(&prefix) {
            return Err(error::invalid_value_for(text, names, "It is there more than once."));
        }
        prefixes.push(prefix);
    }
    super::check_address_count(prefixes.len().max(count))?;
    Ok((prefixes, count))
}

impl WantedPrefixes {
    /// IPv4 prefixes alone.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidParameterCombination`, `PrivateIpAddressLimitExceeded`.
    pub(super) fn of_ipv4(named: Option<&Vec<String>>, count: Option<i32>) -> Result<Self, ServiceError> {
        let named = named.map_or(&[][..], Vec::as_slice);
        let (v4, v4_count) = wanted(named, count, prefix::parse, ("ipv4Prefixes", "ipv4PrefixCount"))?;
        Ok(Self { v4, v4_count, ..Self::default() })
    }

    /// IPv6 prefixes alone.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidParameterCombination`, `PrivateIpAddressLimitExceeded`.
    pub(super) fn of_ipv6(named: Option<&Vec<String>>, count: Option<i32>) -> Result<Self, ServiceError> {
        let named = named.map_or(&[][..], Vec::as_slice);
        let (v6, v6_count) = wanted(named, count, prefix::parse_v6, ("ipv6Prefixes", "ipv6PrefixCount"))?;
        Ok(Self { v6, v6_count, ..Self::default() })
    }

    /// Those of an interface that is to be made.
    ///
    /// # Errors
    /// `InvalidParameterValue`, `InvalidParameterCombination`, `PrivateIpAddressLimitExceeded`.
    pub(crate) fn of_new(
        v4: Option<&Vec<api::Ipv4PrefixSpecificationRequest>>,
        v4_count: Option<i32>,
        v6: Option<&Vec<api::Ipv6PrefixSpecificationRequest>>,
        v6_count: Option<i32>,
    ) -> Result<Self, ServiceError> {
        let names =
            |text: Option<&String>, parameter: &str| text.cloned().ok_or_else(|| error::missing(parameter));
        let v4 = v4.into_iter().flatten();
        let v4 = v4.map(|held| names(held.ipv4_prefix.as_ref(), "Ipv4Prefix")).collect::<Result<_, _>>()?;
        let v6 = v6.into_iter().flatten();
        let v6 = v6.map(|held| names(held.ipv6_prefix.as_ref(), "Ipv6Prefix")).collect::<Result<_, _>>()?;
        let ipv4 = Self::of_ipv4(Some(&v4), v4_count)?;
        let ipv6 = Self::of_ipv6(Some(&v6), v6_count)?;
        Ok(Self { v6: ipv6.v6, v6_count: ipv6.v6_count, ..ipv4 })
    }

    /// Whether any is named.
    pub(crate) fn is_named(&self) -> bool {
        !self.v4.is_empty() || !self.v6.is_empty()
    }

    /// The parameters by which any are wanted, of IPv4 and of IPv6.
    pub(super) fn parameters(&self) -> [Option<&'static str>; 2] {
        let parameter = |is_named: bool, count: usize, [names, number]: [&'static str; 2]| match count {
            _ if is_named => Some(names),
            0 => None,
            1.. => Some(number),
        };
        [
            parameter(!self.v4.is_empty(), self.v4_count, ["ipv4Prefixes", "ipv4PrefixCount"]),
            parameter(!self.v6.is_empty(), self.v6_count, ["ipv6Prefixes", "ipv6PrefixCount"]),
        ]
    }

    /// How many are wanted, of IPv4 and of IPv6.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.v4.len() + self.v4_count, self.v6.len() + self.v6_count)
    }

    /// Leaves out what an interface has already.
    pub(super) fn without(mut self, v4: &[Ipv4Net], v6: &[Ipv6Net]) -> Self {
        self.v4.retain(|prefix| !v4.contains(prefix));
        self.v6.retain(|prefix| !v6.contains(prefix));
        self
    }

    /// Takes what is named, so that nothing else takes it.
    ///
    /// # Errors
    /// Prefixes that the subnet does not give.
    pub(super) fn take_named(&self, addresses: &mut Addresses) -> Result<TakenPrefixes, ServiceError> {
        Ok(TakenPrefixes {
            v4: self.v4.iter().map(|held| addresses.take_prefix(*held)).collect::<Result<_, _>>()?,
            v6: self.v6.iter().map(|held| addresses.take_prefix_v6(*held)).collect::<Result<_, _>>()?,
        })
    }

    /// Takes the others.
    ///
    /// # Errors
    /// `InsufficientCidrBlocks`, `InvalidParameterValue` for IPv6 in a subnet that has none.
    pub(super) fn take_others(
        &self,
        edit: &Edit<'_>,
        addresses: &mut Addresses,
        taken: &mut TakenPrefixes,
    ) -> Result<(), ServiceError> {
        for _ in 0..self.v4_count {
            taken.v4.push(addresses.take_any_prefix()?);
        }
        for _ in 0..self.v6_count {
            taken.v6.push(addresses.take_any_prefix_v6(edit.new_bits())?);
        }
        Ok(())
    }
}

impl NewInterface {
    /// Checks that prefixes are not asked for together with further addresses of their family.
    /// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html>
    ///
    /// # Errors
    /// `InvalidParameterCombination`.
    pub(crate) fn check_prefixes(&self) -> Result<(), ServiceError> {
        let first = |wanted: &[(bool, &'static str)]| {
            wanted.iter().find(|(is_wanted, _)| *is_wanted).map(|(_, parameter)| *parameter)
        };
        let v4 = first(&[
            (!self.secondaries.is_empty(), "privateIpAddresses"),
            (self.secondary_count > 0, "secondaryPrivateIpAddressCount"),
        ]);
        let v6 = first(&[
            (!self.ipv6.is_empty(), "ipv6Addresses"),
            (self.ipv6_count.is_some_and(|count| count > 0), "ipv6AddressCount"),
        ]);
        for (prefixes, addresses) in self.prefixes.parameters().into_iter().zip([v4, v6]) {
            if let (Some(prefixes), Some(addresses)) = (prefixes, addresses) {
                return Err(error::combination(format!(
                    "The parameter {prefixes} cannot be used with the parameter {addresses}"
                )));
            }
        }
        Ok(())
    }
}

/// IPv4 prefixes as answers about interfaces have them.
pub(super) fn shown(prefixes: &[Ipv4Net]) -> Option<Vec<api::Ipv4PrefixSpecification>> {
    let shown = |prefix: &Ipv4Net| api::Ipv4PrefixSpecification { ipv4_prefix: Some(prefix.to_string()) };
    Some(prefixes.iter().map(shown).collect()).filter(|all: &Vec<_>| !all.is_empty())
}

/// IPv6 prefixes as answers about interfaces have them.
pub(super) fn shown_v6(prefixes: &[Ipv6Net]) -> Option<Vec<api::Ipv6PrefixSpecification>> {
    let shown = |prefix: &Ipv6Net| api::Ipv6PrefixSpecification { ipv6_prefix: Some(prefix.to_string()) };
    Some(prefixes.iter().map(shown).collect()).filter(|all: &Vec<_>| !all.is_empty())
}
