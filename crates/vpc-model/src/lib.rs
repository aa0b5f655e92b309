//! What the network engine is told: VPCs, subnets, interfaces, groups, and the deltas between them.
