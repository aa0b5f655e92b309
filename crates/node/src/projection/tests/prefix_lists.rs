//! Rules and routes that name prefix lists.

use store::{MemoryBackend, Store, StoreError, Transaction};

use svc_ec2::record as ec2;

use super::*;

fn scope() -> Scope {
    let account = "123456789012".parse().unwrap();
    Scope::new(aws_types::Partition::Aws, account, "us-east-1".parse().unwrap())
}

fn write(store: &Store, change: impl FnOnce(&mut Transaction)) {
    let done = store.transact(|transaction| {
        change(transaction);
        Ok::<_, StoreError>(())
    });
    done.unwrap();
}

fn group(peers: &[ec2::Peer]) -> ec2::SecurityGroup {
    let rules = peers.iter().map(|peer| ec2::SecurityGroupRule {
        id: "sgr-00000000000000001".parse().unwrap(),
        egress: false,
        protocol: ec2::IpProtocol::ALL,
        ports: None,
        peer: *peer,
        description: None,
        tags: aws_types::Tags::default(),
    });
    ec2::SecurityGroup {
        id: "sg-00000000000000001".parse().unwrap(),
        vpc: "vpc-00000000000000001".parse().unwrap(),
        name: "g".to_owned(),
        description: "d".to_owned(),
        rules: rules.collect(),
        tags: aws_types::Tags::default(),
    }
}

fn list(blocks: &[&str]) -> ec2::PrefixList {
    let entries =
        blocks.iter().map(|block| ec2::PrefixListEntry { block: block.parse().unwrap(), description: None });
    ec2::PrefixList {
        id: "pl-00000000000000001".parse().unwrap(),
        name: "l".to_owned(),
        family: ec2::AddressFamily::Ipv4,
        max_entries: 10,
        version: 1,
        entries: entries.collect(),
        change: ec2::PrefixListChange::Create,
        changed_at: aws_types::Timestamp::default(),
        version_before: None,
        failure: None,
        tags: aws_types::Tags::default(),
    }
}

/// The blocks of the groups' rules among the deltas.
fn blocks(projection: &Projection) -> Vec<String> {
    let mut blocks = Vec::new();
    for delta in &projection.deltas {
        let Delta::Put(Object::SecurityGroup(group)) = delta else { continue };
        for rule in &group.rules {
            let Peer::Cidr(block) = rule.peer else { panic!("{rule:?}") };
            blocks.push(block.to_string());
        }
    }
    blocks
}

#[test]
fn a_rule_that_names_a_prefix_list_follows_it() {
    let (scope, first) = (scope(), list(&["10.1.0.0/16", "10.2.0.0/16"]));
    let of_aws = aws_catalog::prefix_lists(&scope.region).remove(0);
    let peers = [ec2::Peer::PrefixList(first.id), ec2::Peer::PrefixList(of_aws.id)];
    let store = Store::open(MemoryBackend::new()).unwrap();
    let mut tail = store.tail(store.snapshot().revision());
    let mut next = || {
        let commit = tail.try_next().unwrap().unwrap();
        changed(&store.snapshot(), &commit)
    };
    write(&store, |transaction| {
        transaction.put(&scope, &first.id.to_string(), first.clone());
        let group = group(&peers);
        transaction.put(&scope, &group.id.to_string(), group);
    });
    let held: Vec<String> = of_aws.blocks.iter().map(ToString::to_string).collect();
    let with_held = |blocks: &[&str]| -> Vec<String> {
        blocks.iter().map(|block| (*block).to_owned()).chain(held.clone()).collect()
    };
    assert_eq!(blocks(&everything(&store.snapshot())), with_held(&["10.1.0.0/16", "10.2.0.0/16"]));
    next();
    let second = ec2::PrefixList { version: 2, ..list(&["10.3.0.0/16"]) };
    write(&store, |transaction| transaction.put(&scope, &second.id.to_string(), second.clone()));
    assert_eq!(blocks(&next()), with_held(&["10.3.0.0/16"]));
    // A list that only looks different is nothing to the engine.
    let renamed = ec2::PrefixList { name: "other".to_owned(), ..second };
    write(&store, |transaction| transaction.put(&scope, &renamed.id.to_string(), renamed));
    assert!(next().deltas.is_empty());
}

/// The destinations of the tables' routes among the deltas.
fn destinations(projection: &Projection) -> Vec<String> {
    let mut destinations = Vec::new();
    for delta in &projection.deltas {
        let Delta::Put(Object::RouteTable(table)) = delta else { continue };
        destinations.extend(table.routes.iter().map(|route| route.destination.to_string()));
    }
    destinations
}

#[test]
fn a_route_to_a_prefix_list_follows_it() {
    let (scope, first) = (scope(), list(&["10.1.0.0/16", "10.2.0.0/16"]));
    let interface = "eni-00000000000000001".parse().unwrap();
    let route =
        |destination| ec2::Route { destination, target: ec2::RouteTarget::NetworkInterface(interface) };
    let table = ec2::RouteTable {
        id: "rtb-00000000000000001".parse().unwrap(),
        vpc: "vpc-00000000000000001".parse().unwrap(),
        associations: Vec::new(),
        routes: vec![
            route(ec2::Destination::PrefixList(first.id)),
            route(ec2::Destination::Block("10.2.0.0/16".parse().unwrap())),
        ],
        propagating: Vec::new(),
        tags: aws_types::Tags::default(),
    };
    let store = Store::open(MemoryBackend::new()).unwrap();
    let mut tail = store.tail(store.snapshot().revision());
    let mut next = || {
        let commit = tail.try_next().unwrap().unwrap();
        changed(&store.snapshot(), &commit)
    };
    write(&store, |transaction| {
        transaction.put(&scope, &first.id.to_string(), first.clone());
        transaction.put(&scope, &table.id.to_string(), table);
    });
    // The route for a block comes before the list that has it too.
    assert_eq!(destinations(&everything(&store.snapshot())), ["10.2.0.0/16", "10.1.0.0/16"]);
    next();
    let second = ec2::PrefixList { version: 2, ..list(&["10.3.0.0/16"]) };
    write(&store, |transaction| transaction.put(&scope, &second.id.to_string(), second.clone()));
    assert_eq!(destinations(&next()), ["10.2.0.0/16", "10.3.0.0/16"]);
}

#[test]
fn of_lists_with_the_same_block_the_first_route_counts() {
    // Fact 4.
    let (scope, first) = (scope(), list(&["10.1.0.0/16", "10.2.0.0/16"]));
    let second = ec2::PrefixList { id: "pl-00000000000000002".parse().unwrap(), ..list(&["10.2.0.0/16"]) };
    let interfaces = ["eni-00000000000000001", "eni-00000000000000002"].map(|id| id.parse().unwrap());
    let route = |list, interface| ec2::Route {
        destination: ec2::Destination::PrefixList(list),
        target: ec2::RouteTarget::NetworkInterface(interface),
    };
    let table = ec2::RouteTable {
        id: "rtb-00000000000000001".parse().unwrap(),
        vpc: "vpc-00000000000000001".parse().unwrap(),
        associations: Vec::new(),
        routes: vec![route(first.id, interfaces[0]), route(second.id, interfaces[1])],
        propagating: Vec::new(),
        tags: aws_types::Tags::default(),
    };
    let store = Store::open(MemoryBackend::new()).unwrap();
    write(&store, |transaction| {
        transaction.put(&scope, &first.id.to_string(), first.clone());
        transaction.put(&scope, &second.id.to_string(), second.clone());
        transaction.put(&scope, &table.id.to_string(), table);
    });
    let told = everything(&store.snapshot());
    let tables = told.deltas.iter().filter_map(|delta| match delta {
        Delta::Put(Object::RouteTable(table)) => Some(&table.routes),
        _ => None,
    });
    let targets: Vec<_> =
        tables.flatten().map(|route| (route.destination.to_string(), route.target)).collect();
    let to_first = vpc_model::RouteTarget::Interface(interfaces[0]);
    assert_eq!(targets, [("10.1.0.0/16".to_owned(), to_first), ("10.2.0.0/16".to_owned(), to_first)]);
}
