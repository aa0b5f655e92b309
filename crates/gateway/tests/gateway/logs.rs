//! One line for each request, and nothing above it for what clients do wrong.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;
use tracing::Level;

use crate::client::{Answer, Call};
use crate::cloud::{ACCOUNT, Cloud};

/// Where all tests of this binary log to; each looks for its own request's id.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(Level::INFO)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    })
}

/// The lines about a request.
fn lines(answer: &Answer) -> Vec<Value> {
    let id = answer.header("x-amzn-requestid").unwrap();
    // The line is written just before the answer is sent, by another thread.
    let text = String::from_utf8(log().0.lock().unwrap().clone()).unwrap();
    text.lines().filter(|line| line.contains(id)).map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_request_has_one_line() {
    log();
    let cloud = Cloud::start();
    let answer = Call::ec2("DescribeVpcs").signed().send(&cloud);
    let [line] = &lines(&answer)[..] else { panic!("{:?}", lines(&answer)) };
    assert_eq!((&line["level"], &line["target"]), (&"INFO".into(), &"brume::access".into()));
    let fields = &line["fields"];
    for (name, expect) in
        [("service", "ec2"), ("operation", "DescribeVpcs"), ("account", ACCOUNT), ("source", "127.0.0.1")]
    {
        assert_eq!(fields[name], expect, "{line}");
    }
    assert_eq!(fields["status"], 200);
    assert!(fields["micros"].as_u64().unwrap() > 0);
}

#[test]
fn what_clients_do_wrong_is_no_warning_and_faults_are_errors() {
    log();
    let cloud = Cloud::start();
    let mut wrong_key = Call::ec2("DescribeVpcs");
    wrong_key.secret = "other";
    let mistakes = [
        (wrong_key.signed(), "AuthFailure"),
        (Call::ec2("DescribeVpcs"), "AuthFailure"),
        (Call::ec2("DescribeEverything").signed(), "InvalidAction"),
        (Call::ec2("DescribeImages").signed(), "InvalidAction"),
        (Call::ec2("DescribeSubnets").signed(), "InvalidSubnetID.NotFound"),
        (Call::ssm("GetParameter", "{").signed(), "SerializationException"),
    ];
    for (call, code) in mistakes {
        let lines = lines(&call.send(&cloud));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert_eq!(
            (&lines[0]["level"], &lines[0]["fields"]["code"]),
            (&"INFO".into(), &code.into()),
            "{lines:?}"
        );
    }
    let lines = lines(&Call::ec2("DescribeRegions").signed().send(&cloud));
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    assert_eq!(lines[0]["fields"]["cause"], "the handler panicked: a bug in DescribeRegions");
    assert_eq!(lines[1]["fields"]["status"], 500);
}
