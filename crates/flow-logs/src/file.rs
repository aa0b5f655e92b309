//! Files in a bucket: their names, and what is in them before they are compressed.
//!
//! Owns both. Refuses to know buckets, and when a file is made.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html>
//!
//! ```text
//!  [FOLDER/]AWSLogs/ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/[HH/]ACCOUNT_vpcflowlogs_REGION_fl-…_YYYYMMDDTHHmmZ_HASH.log.gz
//!  [FOLDER/]AWSLogs/aws-account-id=ACCOUNT/aws-service=vpcflowlogs/aws-region=REGION/year=YYYY/month=MM/day=DD/[hour=HH/]…
//! ```

use aws_types::{AccountId, FlowLogId, Region, Timestamp};

use crate::field::Format;

const SERVICE: &str = "vpcflowlogs";

/// The files of one account in one folder of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFolder {
    /// The folder, without slashes at its ends; none where it is empty.
    pub folder: String,
    /// Whose logs they are.
    pub account: AccountId,
    /// Whether the names of folders are as Hive has them.
    pub is_hive_compatible: bool,
    /// Whether there is a folder for each hour.
    pub is_per_hour: bool,
}

impl LogFolder {
    /// What the names of all files begin with, without a slash at the end.
    pub fn root(&self) -> String {
        let account = if self.is_hive_compatible { "aws-account-id=" } else { "" };
        let folder = if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) };
        format!("{folder}AWSLogs/{account}{}", self.account)
    }

    /// The name of a file of a log that is made then. What is behind it makes it its own.
    pub fn key(&self, region: &Region, log: FlowLogId, at: Timestamp, hash: &str) -> String {
        // 2026-11-22T14:28:00.000Z
        let time = at.to_string();
        let [year, month, day, hour, minute] =
            [(0, 4), (5, 7), (8, 10), (11, 13), (14, 16)].map(|(begin, end)| &time[begin..end]);
        let mut path = if self.is_hive_compatible {
            format!("aws-service={SERVICE}/aws-region={region}/year={year}/month={month}/day={day}")
        } else {
            format!("{SERVICE}/{region}/{year}/{month}/{day}")
        };
        if self.is_per_hour {
            path.push_str(if self.is_hive_compatible { "/hour=" } else { "/" });
            path.push_str(hour);
        }
        let (root, account) = (self.root(), self.account);
        format!(
            "{root}/{path}/{account}_{SERVICE}_{region}_{log}_{year}{month}{day}T{hour}{minute}Z_{hash}.log.gz"
        )
    }
}

/// The text of a file: the names of the fields, and a line for each record.
pub fn file_text<'a>(format: &Format, lines: impl IntoIterator<Item = &'a String>) -> String {
    let mut text = format!("{format}\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use aws_types::ResourceId as _;

    use super::*;

    fn key(folder: &str, is_hive_compatible: bool, is_per_hour: bool) -> String {
        let account = "123456789012".parse().unwrap();
        let place = LogFolder { folder: folder.to_owned(), account, is_hive_compatible, is_per_hour };
        let log = FlowLogId::from_bits(1);
        let at = Timestamp::from_unix_secs(1_795_357_680);
        place.key(&"us-east-1".parse().unwrap(), log, at, "fe123456").replace(&log.to_string(), "fl-1234abcd")
    }

    #[test]
    fn names_are_as_aws_has_them() {
        let file = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20261122T1428Z_fe123456.log.gz";
        let plain = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/22";
        let hive = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/\
                    month=11/day=22";
        assert_eq!(key("", false, false), format!("{plain}/{file}"));
        assert_eq!(key("my/flows", false, true), format!("my/flows/{plain}/14/{file}"));
        assert_eq!(key("", true, false), format!("{hive}/{file}"));
        assert_eq!(key("", true, true), format!("{hive}/hour=14/{file}"));
    }

    #[test]
    fn a_file_begins_with_the_names_of_the_fields() {
        let format = Format::parse("${version} ${srcaddr} ${log-status}").unwrap();
        let lines = ["2 10.0.0.4 OK".to_owned(), "2 - NODATA".to_owned()];
        assert_eq!(file_text(&format, &lines), "version srcaddr log-status\n2 10.0.0.4 OK\n2 - NODATA\n");
    }
}
