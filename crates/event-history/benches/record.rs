//! What recording costs who answers a call: a copy of its input, and a place in the queue.

use std::hint::black_box;
use std::sync::Arc;

use aws_model::{Fields, Value};
use aws_types::{Partition, Timestamp};
use cloudtrail_events::Event;
use divan::Bencher;
use event_history::{EventHistory, Importance, Limits, Writer};
use gateway::{Call, Outcome};
use service_api::{Principal, RequestContext, RequestId};

fn main() {
    divan::main();
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn input() -> Value {
    let tag = Value::Structure(Fields::from_iter([("Key", text("Name")), ("Value", text("web"))]));
    let tags = Value::Structure(Fields::from_iter([
        ("ResourceType", text("vpc")),
        ("Tags", Value::List(vec![tag.clone(), tag])),
    ]));
    Value::Structure(Fields::from_iter([
        ("CidrBlock", text("10.0.0.0/16")),
        ("TagSpecifications", Value::List(vec![tags])),
    ]))
}

fn call() -> Call {
    let account = "123456789012".parse().expect("twelve digits");
    let model = aws_model::service("ec2").expect("its model is built in").model();
    Call {
        context: RequestContext {
            partition: Partition::Aws,
            region: "us-east-1".parse().expect("a region"),
            principal: Principal::root(Partition::Aws, account, "AKIAIOSFODNN7EXAMPLE"),
            request_id: RequestId::from_bits(1),
            now: Timestamp::from_unix_secs(1_795_357_680),
            source_ip: [127, 0, 0, 1].into(),
            user_agent: "aws-cli/2.31".to_owned(),
            secure_transport: false,
            way: service_api::Way::default(),
        },
        model,
        operation: model.operation("CreateVpc").expect("an operation"),
        input: None,
        outcome: Outcome::Done(Value::Null),
        tls: None,
        host: Some("127.0.0.1:4566".to_owned()),
    }
}

/// The copy of the input, the move of everything else, and the queue. The thread throws calls away, as fast as it may.
#[divan::bench]
fn record(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().expect("a directory");
    let history = Arc::new(EventHistory::new(directory.path().to_owned(), Limits::default()));
    let throw_away = |call: Call| -> Vec<Event> {
        drop(call);
        Vec::new()
    };
    let writer = Writer::start(history, || Timestamp::from_unix_secs(0), throw_away, |_| {});
    let writer = writer.expect("there can be a thread");
    let input = input();
    bencher.with_inputs(call).bench_local_values(|mut call| {
        call.input = Some(black_box(&input).clone());
        writer.push(call, 4096, Importance::MayBeDropped);
    });
}

/// What the thread does of one call: the event, its JSON and the write, without the disk.
#[divan::bench]
fn write(bencher: Bencher<'_, '_>) {
    let directory = tempfile::tempdir().expect("a directory");
    let history = EventHistory::new(directory.path().to_owned(), Limits::default());
    history.load().expect("an empty history");
    let mut call = call();
    call.input = Some(input());
    bencher.bench_local(|| {
        let Outcome::Done(output) = &call.outcome else { return };
        let told = cloudtrail_events::ApiCall {
            context: &call.context,
            caller: cloudtrail_events::Caller::Signer,
            model: call.model,
            operation: call.operation,
            input: call.input.as_ref(),
            outcome: cloudtrail_events::Outcome::Done(output),
            connection: cloudtrail_events::Connection::default(),
            bucket_owner: None,
        };
        let events = cloudtrail_events::events(&told, || 7);
        history.append(&events, call.context.now).expect("there is room");
    });
}
