//! What files say, and what is wrong with those that say nothing.

use proptest::prelude::*;

use super::*;

#[track_caller]
fn one(line: &str) -> Assertion {
    let read = parse(line.as_bytes(), false).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(read.len(), 1, "{line}");
    read.into_iter().next().expect("one")
}

fn name(value: &str) -> Selector {
    Selector::Tag { key: "Name".to_owned(), value: value.to_owned() }
}

#[test]
fn a_line_says_who_reaches_whom() {
    let expect = Assertion {
        line: 1,
        from: name("web"),
        to: name("db"),
        family: None,
        traffic: Traffic::Tcp(Ports::one(5432)),
        client_ports: CLIENT_PORTS,
        expect: Expectation::Allow,
    };
    assert_eq!(one("web -> db tcp/5432 allow"), expect);
    assert_eq!(one("\tweb  ->  db tcp/5432 allow  # the shop"), expect);
    let full = one("\"the web\" -> 10.0.1.5 ipv4 udp/53-60 from 32768-60999 deny");
    assert_eq!((full.from, full.family), (name("the web"), Some(Family::Ipv4)));
    assert_eq!(full.traffic, Traffic::Udp(Ports { first: 53, last: 60 }));
    assert_eq!((full.client_ports.first, full.client_ports.last), (32768, 60999));
    assert_eq!((full.to, full.expect), (Selector::Address("10.0.1.5".parse().unwrap()), Expectation::Deny));
}

#[test]
fn a_word_means_one_thing() {
    let check = |word: &str, expect: Selector| {
        assert_eq!(one(&format!("{word} -> x ping allow")).from, expect, "{word}");
    };
    check("internet", Selector::Internet);
    check("\"internet\"", name("internet"));
    check("workstation", Selector::Workstation);
    check("host:example.org", Selector::Host("example.org".to_owned()));
    check("2001:db8::8", Selector::Address("2001:db8::8".parse().unwrap()));
    check("i-0123456789abcdef0", Selector::Id("i-0123456789abcdef0".to_owned()));
    check("sg-01234567", Selector::Id("sg-01234567".to_owned()));
    check("i-web", name("i-web"));
    check("\"i-01\"", name("i-01"));
    let tag = |key: &str, value: &str| Selector::Tag { key: key.to_owned(), value: value.to_owned() };
    check("tag:Role=web", tag("Role", "web"));
    check("tag:aws:x=a=b", tag("aws:x", "a=b"));
    check("tag:\"My = Key\"=\"a \\\"b\\\" \\\\\"", tag("My = Key", "a \"b\" \\"));
    check("tag:Role=", tag("Role", ""));
    check("web#1", name("web#1"));
}

#[test]
fn traffic_is_what_the_word_says() {
    let check = |word: &str, expect: Traffic| {
        assert_eq!(one(&format!("a -> b {word} deny")).traffic, expect, "{word}");
    };
    check("tcp", Traffic::Tcp(Ports::ALL));
    check("udp/0-65535", Traffic::Udp(Ports::ALL));
    check("icmp", Traffic::Ping);
    check("all", Traffic::All);
    check("protocol/47", Traffic::Protocol(47));
}

/// Every problem as `line:column+length message`.
fn wrong(text: &str, is_json: bool) -> Vec<String> {
    let problems = parse(text.as_bytes(), is_json).expect_err(text);
    let shown = problems
        .listed()
        .iter()
        .map(|problem| format!("{}:{}+{} {}", problem.line, problem.column, problem.length, problem.message));
    shown.collect()
}

#[test]
fn everything_that_is_wrong_is_told_with_its_place() {
    let text = "\
web -> db tpc/5432 alow
web db tcp/1 allow
# fine
web -> 10.0.0.0/8 tcp/70000 allow
web -> db tcp/9-2 allow more
web -> db
\"web -> db tcp/1 allow
i-01 -> db tcp/1
é -> eni-0123456789abcdef0 ping/3 from x allow
";
    assert_eq!(
        wrong(text, false),
        [
            "1:11+8 there is no protocol `tpc`",
            "1:20+4 here should be `allow` or `deny`",
            "2:5+2 here `->` is missing",
            "4:8+10 10.0.0.0/8 is a block, and nobody has one",
            "4:19+9 `70000` is no port from 0 to 65535",
            "5:11+7 the first port 9 comes after the last",
            "5:25+4 the assertion ends before this",
            "6:10+0 here the protocol is missing",
            "7:1+1 this quote is not closed",
            "8:1+4 i-01 looks like an id and has 2 digits",
            "8:17+0 here `allow` or `deny` is missing",
            "9:28+6 ping has no ports",
            "9:40+1 `x` is no port from 0 to 65535",
        ]
    );
}

#[test]
fn a_problem_is_shown_below_its_line() {
    let text = "# shop\nweb -> db\ttpc/1 allow\n";
    let problems = parse(text.as_bytes(), false).unwrap_err();
    assert_eq!(
        problems.shown("shop.assert", text.as_bytes()),
        "\
error: there is no protocol `tpc`
 --> shop.assert:2:11
  |
2 | web -> db tpc/1 allow
  |           ^^^^^
  = write tcp/PORT, udp/PORT, ping, all, or protocol/NUMBER

"
    );
}

#[test]
fn what_is_no_text_or_too_much_of_it_is_refused() {
    let problems = parse(b"a -> b ping allow\nx\xff", false).unwrap_err();
    let problem = &problems.listed()[0];
    assert_eq!((problem.line, problem.column), (2, 2));
    assert!(parse(&vec![b'#'; FILE_BYTES_MAX + 1], false).is_err());
    let many = "a -> b ping allow\n".repeat(ASSERTIONS_MAX + 1);
    let problems = parse(many.as_bytes(), false).unwrap_err();
    assert_eq!(problems.listed()[0].line, ASSERTIONS_MAX + 1);
    let problems = parse("x\n".repeat(PROBLEMS_MAX + 7).as_bytes(), false).unwrap_err();
    assert_eq!((problems.listed().len(), problems.left_out()), (PROBLEMS_MAX, 7));
    assert!(problems.shown("x", b"").ends_with("and 7 more\n"));
}

#[test]
fn json_says_the_same() {
    let text = r#"{
  "$schema": "https://example.org/assertions.schema.json",
  "assertions": [
    {"from": "the web", "to": "tag:Role=d\u0062", "traffic": "tcp/5432", "expect": "allow"},
    {"from": "internet", "to": "10.0.0.5", "family": "ipv4", "traffic": "udp/53",
     "client_ports": "53", "expect": "deny"}
  ]
}"#;
    let lines =
        "\n\n\n\"the web\" -> tag:Role=db tcp/5432 allow\ninternet -> 10.0.0.5 ipv4 udp/53 from 53 deny";
    assert_eq!(parse(text.as_bytes(), true), parse(lines.as_bytes(), false));
}

#[test]
fn what_is_wrong_in_json_is_told_with_its_place() {
    let text = r#"{
  "assertions": [
    {"from": "web", "to": "10.0.0.0/8", "traffic": "tpc/1", "expect": 7},
    {"from": "web", "from": "web", "port": 3},
    "web -> db"
  ],
  "version": 1
}"#;
    assert_eq!(
        wrong(text, true),
        [
            "7:3+9 there is no such member",
            "3:27+12 10.0.0.0/8 is a block, and nobody has one",
            "3:52+7 there is no protocol `tpc`",
            "3:71+1 7 is no string",
            "4:21+6 this is said twice",
            "4:36+6 an assertion has no such member",
            "4:5+1 the assertion has no \"to\"",
            "4:5+1 the assertion has no \"traffic\"",
            "4:5+1 the assertion has no \"expect\"",
            "5:5+11 an assertion is an object",
        ]
    );
    assert_eq!(wrong("{\n  \"a\": }", true), ["2:8+1 this is no JSON: expected value"]);
    assert_eq!(wrong("[]", true), ["1:1+2 this is no object"]);
    assert_eq!(wrong("{}", true), ["1:1+1 the member \"assertions\" is missing"]);
    let deep = format!("{{\"assertions\": {}{}}}", "[".repeat(99), "]".repeat(99));
    assert_eq!(wrong(&deep, true).len(), 1);
}

fn a_selector() -> impl Strategy<Value = Selector> {
    let word = "[ -~é]{1,12}";
    prop_oneof![
        Just(Selector::Internet),
        Just(Selector::Workstation),
        word.prop_map(Selector::Host),
        (word, "[ -~]{0,12}").prop_map(|(key, value)| Selector::Tag { key, value }),
        word.prop_map(|value| name(&value)),
        "(i|eni|sg|vpc|subnet)-[0-9a-f]{17}".prop_map(Selector::Id),
        any::<u32>().prop_map(|bits| Selector::Address(std::net::Ipv4Addr::from_bits(bits).into())),
        any::<u128>().prop_map(|bits| Selector::Address(std::net::Ipv6Addr::from_bits(bits).into())),
    ]
}

fn some_ports() -> impl Strategy<Value = Ports> {
    (any::<u16>(), any::<u16>())
        .prop_map(|(one, other)| Ports { first: one.min(other), last: one.max(other) })
}

fn an_assertion() -> impl Strategy<Value = Assertion> {
    let traffic = prop_oneof![
        some_ports().prop_map(Traffic::Tcp),
        some_ports().prop_map(Traffic::Udp),
        Just(Traffic::Ping),
        Just(Traffic::All),
        (100_u8..=255).prop_map(Traffic::Protocol),
    ];
    let family = prop::option::of(prop_oneof![Just(Family::Ipv4), Just(Family::Ipv6)]);
    let expect = prop_oneof![Just(Expectation::Allow), Just(Expectation::Deny)];
    (a_selector(), a_selector(), family, traffic, some_ports(), expect).prop_map(
        |(from, to, family, traffic, client_ports, expect)| Assertion {
            line: 1,
            from,
            to,
            family,
            traffic,
            client_ports,
            expect,
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(assertion in an_assertion()) {
        prop_assert_eq!(parse(assertion.to_string().as_bytes(), false), Ok(vec![assertion]));
    }

    #[test]
    fn whatever_is_read_is_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), is_json: bool) {
        if let Err(problems) = parse(&bytes, is_json) {
            prop_assert!(!problems.listed().is_empty());
            problems.shown("x", &bytes);
        }
    }

    #[test]
    fn lines_of_words_are_answered(text in "([a-z\"#=:/> -]|->|allow|tcp|\n){0,60}") {
        if let Err(problems) = parse(text.as_bytes(), false) {
            for problem in problems.listed() {
                let line = text.lines().nth(problem.line - 1).unwrap();
                prop_assert!(problem.column + problem.length <= line.chars().count() + 2, "{problem:?} {line:?}");
            }
        }
    }
}
