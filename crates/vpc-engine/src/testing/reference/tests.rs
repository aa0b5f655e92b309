//! The reference by itself: the facts about gateways as rows, and random traffic that shows what it is to show.

mod choices;
mod coverage;
mod edges;
mod filters;
mod world;
