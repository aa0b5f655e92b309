//! The time service at 169.254.169.123 and `fd00:ec2::123`.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/set-time.html>

mod packet;
mod server;

pub use packet::{PACKET_BYTES, answer};
pub use server::NtpServer;
