//! Events are found by what they have, as long as they are kept, and files say no secrets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use aws_model::{Fields, Value};
use aws_types::{Partition, Timestamp};
use cloudtrail_events::{ApiCall, Attribute, Caller, Connection, Event, Outcome, Page, Query};
use event_history::{EventHistory, Importance, Limits, QUEUE_BYTES, QUEUE_CALLS, Recent, Writer};
use service_api::{Principal, PrincipalKind, RequestContext, RequestId};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";
const NOW_SECS: i64 = 1_795_357_680;

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn of<const N: usize>(members: [(&'static str, Value); N]) -> Value {
    Value::Structure(Fields::from_iter(members))
}

/// What a test records.
#[derive(Clone)]
struct Told {
    account: &'static str,
    service: &'static str,
    operation: &'static str,
    input: Value,
    output: Result<Value, &'static str>,
    user: Option<&'static str>,
    key: &'static str,
    at_secs: i64,
    number: u128,
}

impl Told {
    fn new(number: u128, service: &'static str, operation: &'static str, input: Value) -> Self {
        Self {
            account: ACCOUNT,
            service,
            operation,
            input,
            output: Ok(of([])),
            user: None,
            key: "AKIAIOSFODNN7EXAMPLE",
            at_secs: NOW_SECS + i64::try_from(number).unwrap(),
            number,
        }
    }

    fn vpc(number: u128) -> Self {
        Self::new(number, "ec2", "CreateVpc", of([("CidrBlock", text("10.0.0.0/16"))]))
    }

    fn events(&self) -> Vec<Event> {
        let account = self.account.parse().unwrap();
        let mut principal = Principal::root(Partition::Aws, account, self.key);
        if let Some(name) = self.user {
            principal.kind = PrincipalKind::User { name: name.to_owned() };
        }
        let context = RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().unwrap(),
            principal,
            request_id: RequestId::from_bits(self.number),
            now: Timestamp::from_unix_secs(self.at_secs),
            source_ip: [192, 0, 2, 7].into(),
            user_agent: "tester/1".to_owned(),
            secure_transport: false,
            way: service_api::Way::default(),
        };
        let model = aws_model::service(self.service).unwrap().model();
        let outcome = match &self.output {
            Ok(output) => Outcome::Done(output),
            Err(code) => Outcome::Failed { code, message: "no", is_fault: false },
        };
        let call = ApiCall {
            context: &context,
            caller: Caller::Signer,
            model,
            operation: model.operation(self.operation).unwrap(),
            input: Some(&self.input),
            outcome,
            connection: Connection::default(),
            bucket_owner: None,
        };
        cloudtrail_events::events(&call, || self.number)
    }
}

fn now() -> Timestamp {
    Timestamp::from_unix_secs(NOW_SECS + 1000)
}

fn open(directory: &Path, limits: Limits) -> EventHistory {
    let history = EventHistory::new(directory.to_owned(), limits);
    history.load().unwrap();
    history
}

fn append(history: &EventHistory, told: &Told) {
    history.append(&told.events(), now()).unwrap();
}

fn query() -> Query {
    Query {
        account: ACCOUNT.parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        attribute: None,
        start: None,
        end: None,
        before: None,
        limit: 50,
        now: now(),
    }
}

/// The seconds at which the events of a page were, after the first that there can be.
fn seconds(page: &Page) -> Vec<i64> {
    page.events.iter().map(|found| found.facts.event_time.unix_secs() - NOW_SECS).collect()
}

fn found(history: &EventHistory, attribute: Attribute) -> Vec<i64> {
    seconds(&history.lookup(&Query { attribute: Some(attribute), ..query() }))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn events_are_found_by_each_attribute() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    let subnet = of([("VpcId", text("vpc-0123456789abcdef0")), ("CidrBlock", text("10.0.0.0/24"))]);
    append(&history, &Told::vpc(1));
    append(&history, &Told { user: Some("alice"), ..Told::new(2, "ec2", "CreateSubnet", subnet) });
    append(&history, &Told::new(3, "ec2", "DescribeVpcs", of([])));
    append(
        &history,
        &Told { key: "AKIAOTHER", ..Told::new(4, "iam", "CreateUser", of([("UserName", text("bob"))])) },
    );
    append(&history, &Told { account: OTHER, ..Told::vpc(5) });
    // What is about the content of a resource is not in the history.
    append(&history, &Told::new(6, "dynamodb", "GetItem", of([])));

    let text = str::to_owned;
    let id = RequestId::from_bits(2).to_string();
    for (attribute, expect) in [
        (Attribute::EventId(id), vec![2]),
        (Attribute::EventName(text("CreateVpc")), vec![1]),
        (Attribute::ReadOnly(true), vec![3]),
        (Attribute::ReadOnly(false), vec![4, 2, 1]),
        (Attribute::Username(text("alice")), vec![2]),
        (Attribute::Username(text("root")), vec![4, 3, 1]),
        (Attribute::ResourceType(text("AWS::EC2::VPC")), vec![2]),
        (Attribute::ResourceName(text("vpc-0123456789abcdef0")), vec![2]),
        (Attribute::ResourceName(text("bob")), vec![4]),
        (Attribute::EventSource(text("iam.amazonaws.com")), vec![4]),
        (Attribute::AccessKeyId(text("AKIAOTHER")), vec![4]),
        (Attribute::AccessKeyId(text("AKIANOBODY")), vec![]),
    ] {
        assert_eq!(found(&history, attribute.clone()), expect, "{attribute:?}");
    }
    let at = |secs| Some(Timestamp::from_unix_secs(NOW_SECS + secs));
    let between = |start, end| seconds(&history.lookup(&Query { start, end, ..query() }));
    assert_eq!(between(at(2), at(3)), [3, 2]);
    assert_eq!(between(at(4), None), [4]);
    assert_eq!(between(None, at(1)), [1]);
    // What is found is what was written.
    let page = history.lookup(&Query { end: at(1), ..query() });
    assert_eq!(page.events[0].json, Told::vpc(1).events()[0].to_json());
}

#[test]
fn pages_go_back_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    (1..=7).for_each(|number| append(&history, &Told::vpc(number)));
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = history.lookup(&Query { before, limit: 3, ..query() });
        // What comes meanwhile is on no later page.
        append(&history, &Told::vpc(8));
        seen.extend(seconds(&page));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, [7, 6, 5, 4, 3, 2, 1]);
}

/// However much of the last line is missing, the others are there, and more can be written.
#[test]
fn a_torn_end_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    append(&history, &Told::vpc(1));
    let whole = fs::metadata(&files(directory.path())[0]).unwrap().len();
    append(&history, &Told::vpc(2));
    let bytes = fs::read(&files(directory.path())[0]).unwrap();
    drop(history);
    for length in (usize::try_from(whole).unwrap()..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        let torn = tempfile::tempdir().unwrap();
        fs::write(torn.path().join("00000000000000000001.log"), &bytes[..length]).unwrap();
        let history = open(torn.path(), Limits::default());
        assert_eq!(seconds(&history.lookup(&query())), [1], "{length}");
        assert_eq!(fs::metadata(&files(torn.path())[0]).unwrap().len(), whole);
        append(&history, &Told::vpc(3));
        assert_eq!(seconds(&open(torn.path(), Limits::default()).lookup(&query())), [3, 1]);
    }
    // A line that is damaged in the middle is left out, and the others are there.
    let damaged = tempfile::tempdir().unwrap();
    let mut bytes = bytes;
    bytes[60] ^= 1;
    fs::write(damaged.path().join("00000000000000000001.log"), &bytes).unwrap();
    assert_eq!(seconds(&open(damaged.path(), Limits::default()).lookup(&query())), [2]);
}

#[test]
fn the_oldest_segment_goes_whole() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { history_bytes: 6000, segment_bytes: 1500, ..Limits::default() };
    let history = open(directory.path(), limits);
    for number in 1..=60 {
        append(&history, &Told::vpc(number));
        let bytes: u64 = files(directory.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        // The one that is written may be over.
        assert!(bytes < 6000 + 1500, "{number}: {bytes}");
    }
    let kept = seconds(&history.lookup(&query()));
    assert!(kept.len() < 20 && kept[0] == 60, "{kept:?}");
    assert!(kept.windows(2).all(|pair| pair[0] == pair[1] + 1), "no gap: {kept:?}");
    assert_eq!(history.len(), kept.len());
    assert!(files(directory.path())[0].ends_with("00000000000000000001.log").eq(&false));
    // The same is read by the next daemon, which goes on.
    drop(history);
    let history = open(directory.path(), limits);
    assert_eq!(seconds(&history.lookup(&query())), kept);
    append(&history, &Told::vpc(61));
    assert_eq!(seconds(&history.lookup(&query()))[0], 61);
}

#[test]
fn what_is_older_than_ninety_days_is_not_told() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { segment_bytes: 1, ..Limits::default() };
    let history = open(directory.path(), limits);
    const DAY_SECS: i64 = 24 * 60 * 60;
    let old = |days: i64| Told { at_secs: NOW_SECS - days * DAY_SECS, ..Told::vpc(1) };
    history.append(&old(89).events(), Timestamp::from_unix_secs(NOW_SECS - 89 * DAY_SECS)).unwrap();
    append(&history, &Told::vpc(2));
    assert_eq!(history.len(), 2);
    let later = Query { now: Timestamp::from_unix_secs(NOW_SECS + 2 * DAY_SECS), ..query() };
    assert_eq!(seconds(&history.lookup(&later)), [2]);
    // Its file goes with the next write.
    history.append(&Told::vpc(3).events(), later.now).unwrap();
    assert_eq!((history.len(), files(directory.path()).len()), (2, 2));
}

#[test]
fn the_newest_of_all_accounts_are_told_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    append(&history, &Told::vpc(1));
    append(&history, &Told { account: OTHER, ..Told::vpc(2) });
    append(&history, &Told { output: Err("VpcLimitExceeded"), ..Told::vpc(3) });
    append(&history, &Told::new(4, "iam", "ListUsers", of([])));
    let told = |wanted: Recent| {
        let page = history.recent(&wanted);
        assert_eq!((page.last, page.has_more), (4, false));
        page.events.iter().map(|found| found.sequence).collect::<Vec<_>>()
    };
    let any = Recent::default;
    assert_eq!(told(any()), [1, 2, 3, 4]);
    assert_eq!(told(Recent { after: Some(2), ..any() }), [3, 4]);
    assert_eq!(told(Recent { account: Some(OTHER.parse().unwrap()), ..any() }), [2]);
    assert_eq!(told(Recent { errors_only: true, ..any() }), [3]);
    for service in ["iam", "iam.amazonaws.com"] {
        assert_eq!(told(Recent { service: Some(service.to_owned()), ..any() }), [4]);
    }
    let last = history.recent(&Recent { limit: 2, ..any() });
    assert_eq!(last.events.iter().map(|found| found.sequence).collect::<Vec<_>>(), [3, 4]);
}

/// Whoever follows is told every event, however many come between two questions and however little fits into an answer.
#[test]
fn who_follows_misses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    for number in 1..=20 {
        let account = if number % 3 == 0 { OTHER } else { ACCOUNT };
        append(&history, &Told { account, ..Told::vpc(number) });
    }
    let length = Told::vpc(1).events()[0].to_json().len() as u64;
    for (limit, bytes) in [(3, u64::MAX), (usize::MAX, 3 * length), (usize::MAX, 1)] {
        let (mut seen, mut after) = (Vec::new(), 0);
        loop {
            let wanted = Recent {
                after: Some(after),
                account: Some(ACCOUNT.parse().unwrap()),
                limit,
                bytes,
                ..Recent::default()
            };
            let page = history.recent(&wanted);
            assert!(page.events.len() <= 3 && page.last >= after, "{page:?}");
            seen.extend(page.events.iter().map(|found| found.sequence));
            after = page.last;
            if !page.has_more {
                break;
            }
        }
        assert_eq!(seen, (1..=20).filter(|number| number % 3 != 0).collect::<Vec<_>>());
        assert_eq!(after, 20);
    }
    // What is asked for without a number is the newest.
    let newest = history.recent(&Recent { bytes: 2 * length + 40, ..Recent::default() });
    assert_eq!(newest.events.iter().map(|found| found.sequence).collect::<Vec<_>>(), [19, 20]);
}

/// One account can record what it wants: what others did stays, and so do its own newest events.
#[test]
fn one_account_does_not_push_out_the_events_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let limits = Limits { history_bytes: 12_000, segment_bytes: 3000, ..Limits::default() };
    let history = open(directory.path(), limits);
    let quiet = |number: u128| Told { account: OTHER, ..Told::vpc(number) };
    let mut done = Vec::new();
    for number in 1..=400 {
        if number % 80 == 1 {
            append(&history, &quiet(number));
            done.push(i64::try_from(number).unwrap());
        } else {
            append(&history, &Told::vpc(number));
        }
        let bytes: u64 = files(directory.path()).iter().map(|file| fs::metadata(file).unwrap().len()).sum();
        assert!(bytes < 12_000 + 3000, "{number}: {bytes}");
    }
    done.reverse();
    let of_other = Query { account: OTHER.parse().unwrap(), ..query() };
    let check = |history: &EventHistory| {
        assert_eq!(seconds(&history.lookup(&of_other)), done);
        let page = history.lookup(&query());
        let own = seconds(&page);
        assert!(own.len() < 40 && own[0] == 400, "{own:?}");
        assert_eq!(history.len(), own.len() + done.len());
        // What is found is what was written, wherever it is now.
        let told = &history.lookup(&of_other).events[4].json;
        assert_eq!(*told, quiet(1).events()[0].to_json());
        let id = RequestId::from_bits(81).to_string();
        let by_id = Query { attribute: Some(Attribute::EventId(id)), ..of_other.clone() };
        assert_eq!(seconds(&history.lookup(&by_id)), [81]);
    };
    check(&history);
    assert!(files(directory.path()).len() <= 11, "{:?}", files(directory.path()));
    drop(history);
    check(&open(directory.path(), limits));
}

/// A machine that ends between the two steps of moving events has them twice.
#[test]
fn what_is_in_two_files_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    (1..=2).for_each(|number| append(&history, &Told::vpc(number)));
    drop(history);
    let first = &files(directory.path())[0];
    fs::copy(first, directory.path().join("00000000000000000002.log")).unwrap();
    let history = open(directory.path(), Limits::default());
    assert_eq!((seconds(&history.lookup(&query())), history.len()), (vec![2, 1], 2));
    append(&history, &Told::vpc(3));
    assert_eq!(seconds(&history.lookup(&query())), [3, 2, 1]);
}

/// What a lookup need not look at, it does not need to read; what is out of order is found all the same.
#[test]
fn events_out_of_order_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let history = open(directory.path(), Limits::default());
    for number in [1, 2, 9, 3, 4] {
        append(&history, &Told::vpc(number));
    }
    let from = |secs| {
        let start = Some(Timestamp::from_unix_secs(NOW_SECS + secs));
        seconds(&history.lookup(&Query { start, ..query() }))
    };
    assert_eq!(from(4), [4, 9]);
    assert_eq!(from(9), [9]);
    assert_eq!(from(10), Vec::<i64>::new());
}

/// Trails have what the history could not take.
#[test]
fn events_that_cannot_be_written_are_told_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "no directory").unwrap();
    let history = Arc::new(EventHistory::new(file, Limits::default()));
    let (told, learned) = std::sync::mpsc::channel();
    let tell = move |events: &[Event]| told.send(events.len()).unwrap();
    let writer = Writer::start(Arc::clone(&history), now, |told: Told| told.events(), tell).unwrap();
    writer.push(Told::vpc(1), 0, Importance::Kept);
    writer.settle();
    assert_eq!((learned.try_iter().sum::<usize>(), history.len()), (1, 0));
}

/// There are too many of them, and no lookup finds them.
#[test]
fn data_events_are_told_and_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let history = Arc::new(EventHistory::new(directory.path().to_owned(), Limits::default()));
    let (told, learned) = std::sync::mpsc::channel();
    let tell =
        move |events: &[Event]| events.iter().for_each(|one| told.send(one.event_name.clone()).unwrap());
    let writer = Writer::start(Arc::clone(&history), now, |told: Told| told.events(), tell).unwrap();
    writer.push(Told::new(1, "s3", "GetObject", of([])), 0, Importance::Kept);
    writer.push(Told::vpc(2), 0, Importance::Kept);
    writer.settle();
    let mut names: Vec<String> = learned.try_iter().collect();
    names.sort();
    assert_eq!(names, ["CreateVpc", "GetObject"]);
    assert_eq!(history.len(), 1);
}

/// The secret of an access key is in the answer, and not in the files.
#[test]
fn files_have_no_secrets() {
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let directory = tempfile::tempdir().unwrap();
    let history = Arc::new(EventHistory::new(directory.path().to_owned(), Limits::default()));
    let writer = Writer::start(Arc::clone(&history), now, |told: Told| told.events(), |_| {}).unwrap();
    let key =
        of([("AccessKeyId", text("AKIAMADE")), ("SecretAccessKey", text(SECRET)), ("UserName", text("bob"))]);
    let made = Told {
        output: Ok(of([("AccessKey", key)])),
        ..Told::new(1, "iam", "CreateAccessKey", of([("UserName", text("bob"))]))
    };
    writer.push(made, 0, Importance::Kept);
    writer.finish();
    assert!(!writer.is_working());
    let written = fs::read_to_string(&files(directory.path())[0]).unwrap();
    assert!(written.contains("AKIAMADE") && !written.contains(SECRET), "{written}");
    // Nobody else reads it.
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(&files(directory.path())[0]).unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

/// When there is no room, calls that change something wait, and the others are left out.
#[test]
fn no_change_is_left_out() {
    let directory = tempfile::tempdir().unwrap();
    let history = Arc::new(EventHistory::new(directory.path().to_owned(), Limits::default()));
    let (go, may_go) = sync_channel::<()>(0);
    let mut is_held = true;
    let events_of = move |told: Told| {
        if std::mem::take(&mut is_held) {
            may_go.recv().unwrap();
        }
        told.events()
    };
    let (told, learned) = std::sync::mpsc::channel();
    let tell = move |events: &[Event]| told.send(events.len()).unwrap();
    let writer = Arc::new(Writer::start(Arc::clone(&history), now, events_of, tell).unwrap());
    let mut pushed = 0_u64;
    // The thread holds some; the queue is full at some point after, and takes no more of these.
    for number in 0..2 * QUEUE_CALLS {
        writer.push(Told::vpc(number as u128 % 900), 0, Importance::MayBeDropped);
        pushed += 1;
    }
    let waiting = {
        let writer = Arc::clone(&writer);
        let told = Told { key: "AKIAKEPT", ..Told::vpc(950) };
        std::thread::spawn(move || (0..100).for_each(|_| writer.push(told.clone(), 0, Importance::Kept)))
    };
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!waiting.is_finished(), "there is no room yet");
    go.send(()).unwrap();
    waiting.join().unwrap();
    writer.settle();
    let kept = found(&history, Attribute::AccessKeyId("AKIAKEPT".to_owned())).len();
    let all = history.len() as u64;
    assert_eq!(kept, 50, "a page");
    assert!((QUEUE_CALLS as u64 + 100..pushed).contains(&all), "{all}");
    let page = Query { start: Some(Timestamp::from_unix_secs(NOW_SECS + 950)), limit: 1000, ..query() };
    assert_eq!(history.lookup(&page).events.len(), 100);
    assert_eq!(learned.try_iter().sum::<usize>() as u64, all);
}

/// Large calls fill the queue before it has many: the memory of the daemon is nobody's to fill.
#[test]
fn what_waits_is_bounded_by_bytes_too() {
    let directory = tempfile::tempdir().unwrap();
    let history = Arc::new(EventHistory::new(directory.path().to_owned(), Limits::default()));
    let (go, may_go) = sync_channel::<()>(0);
    let mut is_held = true;
    let events_of = move |told: Told| {
        if std::mem::take(&mut is_held) {
            may_go.recv().unwrap();
        }
        told.events()
    };
    let writer = Arc::new(Writer::start(Arc::clone(&history), now, events_of, |_| {}).unwrap());
    // Four have room, whether the thread holds one of them or not.
    (1..=20).for_each(|number| writer.push(Told::vpc(number), QUEUE_BYTES / 4, Importance::MayBeDropped));
    let waiting = {
        let writer = Arc::clone(&writer);
        // The second is larger than all the room.
        let sizes = [QUEUE_BYTES / 4, 2 * QUEUE_BYTES, 1];
        std::thread::spawn(move || {
            let numbered = sizes.into_iter().zip(21..);
            numbered.for_each(|(bytes, number)| writer.push(Told::vpc(number), bytes, Importance::Kept));
        })
    };
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(!waiting.is_finished(), "there is no room yet");
    go.send(()).unwrap();
    waiting.join().unwrap();
    writer.settle();
    assert_eq!(seconds(&history.lookup(&query())), [23, 22, 21, 4, 3, 2, 1]);
}

/// An event that cannot be made is its own loss.
#[test]
fn a_panic_over_one_call_is_not_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let history = Arc::new(EventHistory::new(directory.path().to_owned(), Limits::default()));
    let events_of = |told: Told| if told.number == 1 { panic!("a bug") } else { told.events() };
    let writer = Writer::start(Arc::clone(&history), now, events_of, |_| {}).unwrap();
    (1..=2).for_each(|number| writer.push(Told::vpc(number), 0, Importance::Kept));
    writer.settle();
    assert!(writer.is_working());
    assert_eq!(seconds(&history.lookup(&query())), [2]);
}
