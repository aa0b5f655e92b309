//! What Prometheus is told: counters and gauges of the network and of objects, over HTTP on a loopback port.
//!
//! Owns the names of the metrics and the one page that there is. Refuses to know who reads it, and serves nothing else.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::fmt::Write as _;
use std::io;
use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use data_plane::{Counters, DataPlane};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use vpc_engine::DropReason;
use vpc_model::Port;

use crate::directory::Directory;
use crate::objects::{Objects, ObjectsStatus};

/// How long a request and its answer may take together.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest request, in bytes.
const REQUEST_BYTES_MAX: usize = 8192;
/// How many requests are answered at one time.
const CONNECTIONS_MAX: usize = 8;
/// A pause after a failed accept, so that a lasting failure does not spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Whom is asked for numbers.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) plane: Arc<DataPlane>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) objects: Arc<Objects>,
}

/// Listens, for this machine alone.
pub(crate) async fn listen(port: NonZeroU16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.get())).await
}

/// Answers until it is told to end.
pub(crate) async fn serve(listener: TcpListener, told: Told) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    let told = told.clone();
                    open.spawn(async move {
                        let _ = tokio::time::timeout(TIMEOUT, answer(stream, told)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection for metrics could not be accepted");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn answer(mut stream: TcpStream, told: Told) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|window| window == b"\r\n\r\n") {
        if request.len() > REQUEST_BYTES_MAX || stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let (status, body) = match request.split(|byte| *byte == b' ').take(2).collect::<Vec<_>>()[..] {
        [b"GET", b"/metrics"] => {
            let page = tokio::task::spawn_blocking(move || page(&told)).await;
            ("200 OK", page.map_err(io::Error::other)?)
        }
        [b"GET", _] => ("404 Not Found", "What there is is at /metrics.\n".to_owned()),
        _ => ("405 Method Not Allowed", "What there is can be read.\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

/// The packets that were dropped, by the reason's code and name; those of the services' own network stack are nobody's.
fn drops(plane: &DataPlane) -> Vec<(u16, &'static str, u64)> {
    let mut drops: Vec<(u16, &'static str, u64)> =
        DropReason::CODES.iter().map(|(code, name)| (*code, *name, 0)).collect();
    for drop in plane.drops().iter().filter(|drop| drop.port != Port::SERVICES) {
        if let Some((.., count)) = drops.iter_mut().find(|(code, ..)| *code == drop.last.code()) {
            *count += drop.count;
        }
    }
    drops
}

fn page(told: &Told) -> String {
    let plane = &told.plane;
    let mut page = render(&drops(plane), plane.counters(), told.directory.interface_count());
    page.push_str(&render_objects(&told.objects.status()));
    page
}

fn render_objects(objects: &ObjectsStatus) -> String {
    let mut page = String::new();
    let mut gauge = |name: &str, help: &str, value: u64| {
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    };
    gauge("brume_object_contents", "Contents of objects, each once.", objects.contents);
    gauge("brume_object_content_bytes", "How long contents of objects are together.", objects.content_bytes);
    gauge("brume_object_stored_bytes", "How long they are as they are stored.", objects.stored_bytes);
    if let Some(scrub) = &objects.last_scrub {
        let ended_secs = u64::try_from(scrub.ended.unix_millis() / 1000).unwrap_or_default();
        gauge(
            "brume_objects_scrubbed_timestamp_seconds",
            "When the last scrub of objects ended.",
            ended_secs,
        );
        gauge("brume_objects_damaged", "Contents that it found missing or damaged.", scrub.damaged);
    }
    page
}

fn render(drops: &[(u16, &str, u64)], counters: Counters, interfaces: usize) -> String {
    let mut page = String::new();
    let mut metric = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(page, "{name}{labels} {value}");
        }
    };
    let plain = |value: u64| [(String::new(), value)];
    let of_reason: Vec<(String, u64)> = drops
        .iter()
        .map(|(code, name, count)| (format!("{{code=\"{code}\",reason=\"{name}\"}}"), *count))
        .collect();
    metric(
        "brume_dropped_packets_total",
        "counter",
        "Packets that were dropped since the daemon was started, of interfaces that there are.",
        &of_reason,
    );
    metric(
        "brume_frames_decided_total",
        "counter",
        "Frames that came to the slow path since the daemon was started.",
        &plain(counters.frames_decided),
    );
    metric(
        "brume_connections_admitted_total",
        "counter",
        "Connections that the flow cache has let in by itself since the daemon was started.",
        &plain(counters.connections_admitted),
    );
    metric(
        "brume_connections_tracked",
        "gauge",
        "Connections that are tracked, counted at each interface that tracks them.",
        &plain(counters.connections_tracked as u64),
    );
    metric(
        "brume_cache_entries",
        "gauge",
        "Entries of the flow cache, two for most connections.",
        &plain(counters.entries_cached as u64),
    );
    metric(
        "brume_slow_path_queue_bytes",
        "gauge",
        "Memory of frames that wait for the slow path.",
        &plain(counters.queued_bytes),
    );
    metric(
        "brume_slow_path_lost_frames_total",
        "counter",
        "Frames that were lost since the daemon was started, because too many waited for the slow path.",
        &plain(counters.frames_lost),
    );
    metric("brume_interfaces", "gauge", "Interfaces that the data plane knows.", &plain(interfaces as u64));
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_help_and_type_of_each_metric() {
        let counters = Counters {
            frames_decided: 7,
            connections_admitted: 1,
            entries_cached: 4,
            connections_tracked: 2,
            queued_bytes: 0,
            frames_lost: 9,
        };
        let page = render(&[(21, "NoIngressRule", 3)], counters, 5);
        assert!(
            page.contains("brume_dropped_packets_total{code=\"21\",reason=\"NoIngressRule\"} 3\n"),
            "{page}"
        );
        assert!(
            page.contains("\nbrume_frames_decided_total 7\n")
                && page.contains("\nbrume_slow_path_lost_frames_total 9\n")
                && page.ends_with("brume_interfaces 5\n"),
            "{page}"
        );
        let scrub = crate::objects::ScrubSummary {
            began: aws_types::Timestamp::from_unix_millis(1),
            ended: aws_types::Timestamp::from_unix_millis(7_000),
            cause: crate::objects::ScrubCause::Background,
            contents: 3,
            bytes: 9,
            without_secret: 0,
            damaged: 2,
        };
        let objects = ObjectsStatus { contents: 3, last_scrub: Some(scrub), ..ObjectsStatus::default() };
        let of_objects = render_objects(&objects);
        assert!(
            of_objects.contains("\nbrume_object_contents 3\n")
                && of_objects.contains("\nbrume_objects_scrubbed_timestamp_seconds 7\n")
                && of_objects.ends_with("brume_objects_damaged 2\n"),
            "{of_objects}"
        );
        let page = page + &of_objects;
        let names: Vec<&str> = page
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split(['{', ' ']).next().unwrap())
            .collect();
        for name in names {
            for of_it in ["HELP", "TYPE"] {
                assert_eq!(page.matches(&format!("# {of_it} {name} ")).count(), 1, "{of_it} {name}");
            }
            assert_eq!(name.ends_with("_total"), page.contains(&format!("# TYPE {name} counter")), "{name}");
        }
    }
}
