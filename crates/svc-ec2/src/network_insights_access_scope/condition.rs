//! The conditions of access scopes: which paths are findings, and which are not.
//!
//! Owns of what a condition consists. Refuses to know which paths there are.
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/match-paths.html>
//! <https://docs.aws.amazon.com/vpc/latest/network-access-analyzer/exclude-paths.html>

use aws_api::ec2 as api;
use serde::{Deserialize, Serialize};
use service_api::ServiceError;

use super::packet_header::PacketHeaderStatement;
use super::resource::{Place, ResourceStatement};
use crate::error;
use crate::state::State;

/// What holds at one end of a path. One of the two is there at least.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStatement {
    /// What its packets look like there; anything if it is not said.
    pub packet_header: Option<PacketHeaderStatement>,
    /// At which component; at any if it is not said.
    pub resource: Option<ResourceStatement>,
}

impl PathStatement {
    fn read(
        state: &impl State,
        input: &api::PathStatementRequest,
        place: Place,
    ) -> Result<Self, ServiceError> {
        let header = input.packet_header_statement.as_ref();
        let resource = input.resource_statement.as_ref();
        if header.is_none() && resource.is_none() {
            return Err(error::missing_either("packetHeaderStatement", "resourceStatement"));
        }
        Ok(Self {
            packet_header: header.map(|input| PacketHeaderStatement::read(state, input)).transpose()?,
            resource: resource.map(|input| ResourceStatement::read(state, input, place)).transpose()?,
        })
    }

    fn shown(&self, state: &impl State) -> api::PathStatement {
        api::PathStatement {
            packet_header_statement: self.packet_header.as_ref().map(|held| held.shown(state)),
            resource_statement: self.resource.as_ref().map(|held| held.shown(state)),
        }
    }
}

/// A condition for paths: each part that is there holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessScopePath {
    /// What holds where they begin.
    pub source: Option<PathStatement>,
    /// What holds where they end.
    pub destination: Option<PathStatement>,
    /// What they pass anywhere, the ends included. A condition for findings has none.
    pub through: Option<ResourceStatement>,
}

/// What a condition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Paths that match are findings.
    Match,
    /// Paths that match are none.
    Exclude,
}

impl AccessScopePath {
    pub(super) fn read(
        state: &impl State,
        input: &api::AccessScopePathRequest,
        purpose: Purpose,
    ) -> Result<Self, ServiceError> {
        let statement = |input: &Option<api::PathStatementRequest>, place| {
            input.as_ref().map(|input| PathStatement::read(state, input, place)).transpose()
        };
        let through = input.through_resources.as_deref().unwrap_or_default();
        let through = match (purpose, through) {
            (_, []) => None,
            (Purpose::Match, _) => {
                return Err(error::invalid_value("A match path cannot have throughResources."));
            }
            (Purpose::Exclude, [one]) => {
                let input = one.resource_statement.as_ref();
                let input = input.ok_or_else(|| error::missing("throughResource.1.resourceStatement"))?;
                Some(ResourceStatement::read(state, input, Place::Through)?)
            }
            (Purpose::Exclude, _) => {
                return Err(error::invalid_value("An exclude path can have one of throughResources."));
            }
        };
        let path = Self {
            source: statement(&input.source, Place::Source)?,
            destination: statement(&input.destination, Place::Destination)?,
            through,
        };
        match (&path.source, &path.destination, &path.through) {
            (None, None, None) => Err(error::missing_either("source", "destination")),
            _ => Ok(path),
        }
    }

    pub(super) fn shown(&self, state: &impl State) -> api::AccessScopePath {
        let through = self
            .through
            .as_ref()
            .map(|held| vec![api::ThroughResourcesStatement { resource_statement: Some(held.shown(state)) }]);
        api::AccessScopePath {
            source: self.source.as_ref().map(|held| held.shown(state)),
            destination: self.destination.as_ref().map(|held| held.shown(state)),
            through_resources: through,
        }
    }
}
