//! Public facts of the cloud: regions, zones, images, instance types.
