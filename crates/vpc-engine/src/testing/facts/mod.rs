//! The facts about a VPC as rows of what is sent and what becomes of it; the numbers are those of `docs/facts.md`.
//!
//! Owns the rows. Refuses to know where they are played: in the engine alone, or beside that over wires, where each packet is
//! a frame that has to come out where the engine says ([`super::wires`]).
#![allow(missing_docs, reason = "each row has its number")]
#![allow(clippy::unwrap_used, reason = "a row that is written wrongly may panic")]

pub mod connections;
pub mod flows;
pub mod gateways;
pub mod routes;
