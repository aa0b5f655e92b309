//! What a device at the customer's end is told.

use super::{create, customer, delete, made, request, with_tunnel};
use crate::cloud::{Cloud, api, input, op};
use crate::vpn_gateway;

fn sample(id: &str) -> api::GetVpnConnectionDeviceSampleConfigurationRequest {
    input!(GetVpnConnectionDeviceSampleConfigurationRequest {
        vpn_connection_id: id,
        vpn_connection_device_type_id: "00000001"
    })
}

fn text(cloud: &Cloud, input: api::GetVpnConnectionDeviceSampleConfigurationRequest) -> String {
    let answer = cloud.ok::<op::GetVpnConnectionDeviceSampleConfiguration>(input);
    answer.vpn_connection_device_sample_configuration.unwrap()
}

#[test]
fn there_is_one_kind_of_device() {
    let cloud = Cloud::new();
    let types =
        |input| cloud.ok::<op::GetVpnConnectionDeviceTypes>(input).vpn_connection_device_types.unwrap();
    let all = types(input!(GetVpnConnectionDeviceTypesRequest {}));
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].vpn_connection_device_type_id.as_deref(), Some("00000001"));
    assert_eq!(types(input!(GetVpnConnectionDeviceTypesRequest { max_results: 200 })), all);
    let small = input!(GetVpnConnectionDeviceTypesRequest { max_results: 199 });
    cloud.refuses::<op::GetVpnConnectionDeviceTypes>(small, "InvalidParameterValue", "…");
    let dry_run = input!(GetVpnConnectionDeviceTypesRequest { dry_run: true });
    cloud.refuses::<op::GetVpnConnectionDeviceTypes>(dry_run, "DryRunOperation", "…");
}

#[test]
fn a_sample_has_the_values_of_the_connection() {
    let cloud = Cloud::new();
    let customer = customer(&cloud, "203.0.113.1");
    let tunnel = input!(VpnTunnelOptionsSpecification {
        tunnel_inside_cidr: "169.254.77.0/30",
        pre_shared_key: "secret_of_two",
        phase1_encryption_algorithms: vec![api::Phase1EncryptionAlgorithmsRequestListValue {
            value: Some("AES256".to_owned())
        }]
    });
    let wanted = with_tunnel(request(&customer, &vpn_gateway::create(&cloud), true), tunnel);
    let connection = create(&cloud, wanted);
    let id = connection.vpn_connection_id.unwrap();
    let outside = connection.options.unwrap().tunnel_options.unwrap()[0].outside_ip_address.clone().unwrap();
    let compatible = text(&cloud, sample(&id));
    for line in [
        "ike.version = ikev2",
        "ike.local_address = 203.0.113.1",
        &format!("ike.remote_address = {outside}"),
        "ike.pre_shared_key = secret_of_two",
        "ike.encryption = AES256",
        "esp.encryption = AES128",
        "esp.integrity = SHA1",
        "inside.local_address = 169.254.77.2/30",
        "inside.remote_address = 169.254.77.1",
        "routing = static",
    ] {
        assert!(compatible.lines().any(|held| held == line), "{line} is not in\n{compatible}");
    }
    assert_eq!(compatible.matches("[tunnel ").count(), 2);
    assert!(!compatible.contains("bgp"));
    let recommended = api::GetVpnConnectionDeviceSampleConfigurationRequest {
        sample_type: Some("recommended".to_owned()),
        ..sample(&id)
    };
    assert!(text(&cloud, recommended.clone()).contains("esp.integrity = SHA2-256"));
    let old = api::GetVpnConnectionDeviceSampleConfigurationRequest {
        internet_key_exchange_version: Some("ikev1".to_owned()),
        ..sample(&id)
    };
    assert!(text(&cloud, old).contains("ike.version = ikev1"));
    let neither = api::GetVpnConnectionDeviceSampleConfigurationRequest {
        internet_key_exchange_version: Some("ikev1".to_owned()),
        ..recommended
    };
    let check = |input, code: &str| {
        cloud.refuses::<op::GetVpnConnectionDeviceSampleConfiguration>(input, code, "…");
    };
    check(neither, "UnsupportedOperation");
    check(
        api::GetVpnConnectionDeviceSampleConfigurationRequest {
            internet_key_exchange_version: Some("ikev3".to_owned()),
            ..sample(&id)
        },
        "InvalidParameterValue",
    );
    check(
        api::GetVpnConnectionDeviceSampleConfigurationRequest {
            sample_type: Some("best".to_owned()),
            ..sample(&id)
        },
        "InvalidParameterValue",
    );
    check(
        api::GetVpnConnectionDeviceSampleConfigurationRequest {
            vpn_connection_device_type_id: "00000002".to_owned(),
            ..sample(&id)
        },
        "InvalidParameterValue",
    );
    check(
        api::GetVpnConnectionDeviceSampleConfigurationRequest { dry_run: Some(true), ..sample(&id) },
        "DryRunOperation",
    );
    check(sample("vpn-0123456789abcdef0"), "InvalidVpnConnectionID.NotFound");
    check(sample("vpn-x"), "InvalidVpnConnectionId.Malformed");
    cloud.wait(100);
    cloud.ok::<op::DeleteVpnConnection>(delete(&id));
    check(sample(&id), "InvalidVpnConnectionID.NotFound");
}

#[test]
fn a_sample_of_dynamic_routing_has_both_systems() {
    let cloud = Cloud::new();
    let (_, customer, gateway) = made(&cloud);
    let other = vpn_gateway::create(&cloud);
    assert_ne!(gateway, other);
    let id = create(&cloud, request(&customer, &other, false)).vpn_connection_id.unwrap();
    let text = text(&cloud, sample(&id));
    for line in ["routing = bgp", "bgp.local_asn = 65010", "bgp.remote_asn = 64512"] {
        assert!(text.lines().any(|held| held == line), "{line} is not in\n{text}");
    }
}
