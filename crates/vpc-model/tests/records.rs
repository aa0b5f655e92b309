//! Objects survive being written and read, and checked values stay checked on the way in.

use vpc_model::{AclRuleNumber, Delta, DhcpOptions, IdleTimeouts, Port, PortRange, Resolver};

#[test]
fn deltas_survive_json() {
    let options = DhcpOptions {
        id: "dopt-00000000000000001".parse().unwrap(),
        domain_name: Some("ec2.internal".to_owned()),
        resolvers: vec![Resolver::AmazonProvided, Resolver::Address("10.0.0.9".parse().unwrap())],
        ntp_servers: Vec::new(),
        netbios_name_servers: Vec::new(),
        netbios_node_type: None,
        mtu_bytes: DhcpOptions::VPC_MTU_BYTES,
        ipv6_preferred_lease_secs: DhcpOptions::IPV6_PREFERRED_LEASE_SECS,
    };
    let delta = Delta::from(options);
    let json = serde_json::to_string(&delta).unwrap();
    assert_eq!(serde_json::from_str::<Delta>(&json).unwrap(), delta);
}

#[test]
fn what_is_out_of_range_is_refused() {
    assert!(serde_json::from_str::<Port>("4194304").is_err());
    assert!(serde_json::from_str::<PortRange>("[2, 1]").is_err());
    assert!(serde_json::from_str::<AclRuleNumber>("0").is_err());
    assert!(serde_json::from_str::<AclRuleNumber>("32767").is_err());
    let short = r#"{"tcp_established_secs": 59, "udp_stream_secs": 180, "udp_secs": 30}"#;
    assert!(serde_json::from_str::<IdleTimeouts>(short).is_err());
    assert_eq!(IdleTimeouts::new(60, 60, 60).unwrap().udp_secs(), 60);
}
