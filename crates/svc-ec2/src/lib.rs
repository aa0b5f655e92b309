//! Amazon EC2: VPC networking and instances, as intent.
