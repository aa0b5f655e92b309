//! The grammar of `brume events`.

use aws_types::AccountId;
use clap::Args;

use super::DataDirOption;

pub(super) const EXAMPLES: &str = "\
Examples:
  brume events                              the last 50 calls
  brume events --follow --errors            calls that fail, as they come
  brume events --service iam --json -n 1    the last call of IAM as CloudTrail tells it

Every call is there that was authenticated, refused ones too, for 90 days or 256 MiB. `aws cloudtrail lookup-events` tells
an account the same of itself, but for calls on the content of resources.";

#[derive(Debug, Args)]
pub(crate) struct EventsOptions {
    #[command(flatten)]
    pub(crate) data_dir: DataDirOption,
    /// How many, the newest; at most 1000
    #[arg(short = 'n', long = "last", value_name = "COUNT", default_value_t = 50, value_parser = count)]
    pub(crate) last: usize,
    /// Go on with those that come, until it is interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only of this account
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<AccountId>,
    /// Only of this service: ec2, iam, sts, …
    #[arg(long, value_name = "SERVICE", value_parser = service)]
    pub(crate) service: Option<String>,
    /// Only calls that were refused or failed
    #[arg(long)]
    pub(crate) errors: bool,
    /// Print each as CloudTrail's JSON, a line each
    #[arg(long)]
    pub(crate) json: bool,
}

fn count(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count <= node::EVENTS_TOLD_MAX);
    count.ok_or_else(|| format!("it is a number from 0 to {}", node::EVENTS_TOLD_MAX))
}

fn service(text: &str) -> Result<String, String> {
    if node::is_event_source(text) {
        Ok(text.to_owned())
    } else {
        Err("no service is called so in events; it is a name such as ec2 or monitoring".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_event_can_match_is_refused() {
        // None is for who wants those that come alone.
        assert_eq!((count("0"), count("1000")), (Ok(0), Ok(1000)));
        for bad in ["1001", "-1", "x"] {
            assert!(count(bad).is_err(), "{bad}");
        }
        for good in ["ec2", "iam.amazonaws.com", "monitoring"] {
            assert!(service(good).is_ok(), "{good}");
        }
        for bad in ["nope", "ec2.example.com", ""] {
            assert!(service(bad).is_err(), "{bad}");
        }
    }
}
