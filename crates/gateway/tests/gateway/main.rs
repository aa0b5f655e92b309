//! The gateway as clients see it: over sockets, with requests signed by hand.

#![allow(clippy::unwrap_used)]

mod bodies;
mod boto3;
mod boto3_s3;
mod browsers;
mod bucket_logs;
mod calls;
mod client;
mod cloud;
mod connections;
mod forms;
mod inside;
mod logs;
mod objects;
mod records;
mod s3;
mod signatures;
mod speed;
mod streams;
mod tls;
