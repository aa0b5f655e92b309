//! Which hosts can be declared beside each other and beside the public addresses, and what the network is told of them.

use store::MemoryBackend;

use super::*;

fn host(name: &str, addresses: &[&str]) -> Host {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Host { name: name.parse().unwrap(), addresses, content: Content::Name, latency_ms: None }
}

fn names(store: &Store) -> Vec<String> {
    store.snapshot().scan_all::<HostRecord>().map(|(_, id, _)| id.to_owned()).collect()
}

#[test]
fn names_and_addresses_are_had_once_and_a_file_replaces_what_it_names() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let workstation = ["192.0.2.1".parse().unwrap()];
    let declare =
        |hosts: &[Host]| declare(&store, hosts, &[], &workstation).map_err(|error| error.to_string());
    declare(&[host("a.example", &["198.51.100.7"]), host("b.example", &["198.51.100.8"])]).unwrap();
    let check = |hosts: &[Host], expected: &str| {
        let before = names(&store);
        assert_eq!(declare(hosts), Err(expected.to_owned()));
        assert_eq!(names(&store), before, "something was written");
    };
    let taken = "b.example and c.example cannot both have the address 198.51.100.8";
    check(&[host("0.example", &["203.0.113.1"]), host("c.example", &["198.51.100.8"])], taken);
    check(
        &[host("c.example", &["192.0.2.1"])],
        "the workstation and c.example cannot both have the address 192.0.2.1",
    );
    let dns = "the internet's DNS server and c.example cannot both have the address 192.0.2.53";
    check(&[host("c.example", &["192.0.2.53"])], dns);
    assert!(declare(&[host("c.example", &["10.0.0.1"])]).unwrap_err().starts_with("10.0.0.1 is private"));
    let gone =
        Host { content: Content::Directory("/nowhere/at/all".into()), ..host("c.example", &["203.0.113.1"]) };
    check(&[gone], "/nowhere/at/all is no directory");
    // Two that exchange their addresses in one step never have the same.
    declare(&[host("a.example", &["198.51.100.8"]), host("b.example", &["198.51.100.7"])]).unwrap();
    let many: Vec<Host> = (0..MAX_HOSTS)
        .map(|number| host(&format!("h{number}"), &[&format!("2001:db8::{number:x}")]))
        .collect();
    check(&many, "there are 256 hosts, and no more are possible");
    assert_eq!(names(&store), ["a.example", "b.example"]);
    // Another address of the workstation's at the next start is looked at too.
    let moved = super::declare(&store, &[], &[], &["198.51.100.7".parse().unwrap()]).unwrap_err();
    assert_eq!(moved.to_string(), "the workstation and b.example cannot both have the address 198.51.100.7");
}

#[test]
fn the_engine_is_told_of_addresses_that_come_stay_and_go() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let mut tail = store.tail(store.snapshot().revision());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut told = || -> Vec<Delta> {
        runtime.block_on(tail.changed()).unwrap().changes.iter().flat_map(changed).collect()
    };
    let put = |address: &str| declared(address.parse().unwrap());
    let remove = |address: &str| Delta::Remove(ObjectId::InternetHost(address.parse().unwrap()));
    declare(&store, &[host("a.example", &["198.51.100.7", "2001:db8::7"])], &[], &[]).unwrap();
    assert_eq!(told(), [put("198.51.100.7"), put("2001:db8::7")]);
    assert_eq!(everything(&store.snapshot()), [put("198.51.100.7"), put("2001:db8::7")]);
    declare(&store, &[host("a.example", &["198.51.100.8", "2001:db8::7"])], &[], &[]).unwrap();
    assert_eq!(told(), [remove("198.51.100.7"), put("198.51.100.8"), put("2001:db8::7")]);
    store
        .transact(|transaction| {
            transaction.delete::<HostRecord>(&scope(), "a.example");
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(told(), [remove("198.51.100.8"), remove("2001:db8::7")]);
    assert_eq!(everything(&store.snapshot()), []);
}

#[test]
fn a_latency_that_is_newly_declared_holds_and_what_was_set_since_stays() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let declare = |latency_ms: Option<u32>| {
        let declared = Host { latency_ms, ..host("a.example", &["198.51.100.7"]) };
        declare(&store, &[declared], &[], &[]).unwrap();
    };
    let told = || {
        let told = conditions(&store.snapshot()).next();
        told.map(|(_, condition)| (condition.latency.micros(), condition.loss.millionths()))
    };
    let set = |condition: Condition| {
        let put = store.transact(|transaction| {
            let record = transaction.get::<HostRecord>(&scope(), "a.example").unwrap();
            transaction.put(&scope(), "a.example", HostRecord { condition, ..(*record).clone() });
            Ok::<_, StoreError>(())
        });
        put.unwrap();
    };
    declare(None);
    assert_eq!(told(), None);
    declare(Some(20));
    assert_eq!(told(), Some((20_000, 0)));
    let loss = "1%".parse().unwrap();
    set(Condition { loss, ..Condition::default() });
    assert_eq!(told(), Some((0, 10_000)));
    declare(Some(20));
    assert_eq!(told(), Some((0, 10_000)), "it was cleared since, and the file says what it said");
    declare(Some(30));
    assert_eq!(told(), Some((30_000, 10_000)), "the file says something else");
    declare(None);
    assert_eq!(told(), Some((0, 10_000)), "the file no longer says so");
    declare(Some(20));
    set(Condition { latency: "100ms".parse().unwrap(), ..Condition::default() });
    declare(Some(20));
    assert_eq!(told(), Some((100_000, 0)), "it was set since");
    declare(None);
    assert_eq!(told(), Some((100_000, 0)), "what the file no longer says was not in force");
    set(Condition { latency: "5ms".parse().unwrap(), ..Condition::default() });
    declare(None);
    assert_eq!(told(), Some((5000, 0)), "the file says nothing of it");
    let is_path = |delta: &Delta| matches!(delta, Delta::Put(vpc_model::Object::Path(_)));
    assert_eq!(everything(&store.snapshot()).iter().filter(|delta| is_path(delta)).count(), 1);
}

#[test]
fn public_addresses_and_hosts_are_apart() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let workstation = ["192.0.2.1".parse().unwrap()];
    let declare = |hosts: &[Host], block: &str| {
        let public = [("us-east-1".parse().unwrap(), block.parse().unwrap())];
        declare(&store, hosts, &public, &workstation).map_err(|error| error.to_string())
    };
    for (host, block, expected) in [
        (
            "203.0.113.9",
            "203.0.113.0/24",
            "203.0.113.9 of a.example is among the public addresses 203.0.113.0/24",
        ),
        ("198.51.100.7", "192.0.2.0/28", "192.0.2.1 of the workstation is among"),
        ("198.51.100.7", "192.0.2.48/28", "192.0.2.53 of the internet's DNS server is among"),
        (
            "198.51.100.7",
            "10.0.0.0/16",
            "--public-addresses: 10.0.0.0/16 overlaps 10.0.0.0/8, which is private",
        ),
    ] {
        let error = declare(&[self::host("a.example", &[host])], block).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
        assert!(names(&store).is_empty(), "something was written");
    }
    declare(&[host("a.example", &["198.51.100.7"])], "203.0.113.0/24").unwrap();
    let public = public_addresses(&store.snapshot());
    assert_eq!(public, ["198.18.0.0/15", "3fff::/20", "203.0.113.0/24"].map(|block| block.parse().unwrap()));
    // A host that is declared later.
    let later = super::declare(&store, &[host("b.example", &["203.0.113.9"])], &[], &workstation);
    assert!(later.unwrap_err().to_string().contains("of us-east-1"));
}

#[test]
fn every_region_has_public_names() {
    let store = Store::open(MemoryBackend::new()).unwrap();
    let names = public_names(&store.snapshot());
    let check = |address: &str, name: &str| {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(names.name(address).as_deref(), Some(name));
        assert_eq!(names.addresses(name), Some(vec![address]));
    };
    for facts in aws_catalog::regions() {
        let block = svc_ec2::public_block(&store.snapshot(), &facts.region()).unwrap();
        assert!(::internet::PUBLIC_IPV4.contains(&block), "the workstation has no route to {block}");
        let address = block.hosts().next().unwrap();
        let dashed = address.to_string().replace('.', "-");
        check(&address.to_string(), &format!("ec2-{dashed}.{}", facts.public_domain()));
    }
}
