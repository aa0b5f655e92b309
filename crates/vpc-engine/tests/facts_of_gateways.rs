//! The facts about gateways, peerings, transit gateways and endpoints, in the engine. The rows are in
//! `vpc_engine::testing::facts`, in `gateways` and `connections`.

use vpc_engine::testing::facts::{connections, gateways as rows};

#[test]
fn facts_33_and_37_an_internet_gateway_translates_one_to_one() {
    rows::facts_33_and_37_an_internet_gateway_translates_one_to_one();
}

#[test]
fn fact_34_in_through_an_internet_gateway_needs_a_public_address() {
    rows::fact_34_in_through_an_internet_gateway_needs_a_public_address();
}

#[test]
fn public_addresses_are_those_that_the_cloud_says_it_has() {
    connections::public_addresses_are_those_that_the_cloud_says_it_has();
}

#[test]
fn facts_35_and_36_private_addresses_do_not_pass() {
    rows::facts_35_and_36_private_addresses_do_not_pass();
}

#[test]
fn fact_38_a_public_address_inside_the_vpc_shows_the_senders_public_one() {
    rows::fact_38_a_public_address_inside_the_vpc_shows_the_senders_public_one();
}

#[test]
fn fact_39_block_public_access() {
    rows::fact_39_block_public_access();
}

#[test]
fn fact_40_ipv6_is_not_translated_and_an_egress_only_gateway_opens_from_inside_alone() {
    rows::fact_40_ipv6_is_not_translated_and_an_egress_only_gateway_opens_from_inside_alone();
}

#[test]
fn facts_11_to_13_a_gateway_route_table_leads_through_a_middlebox() {
    rows::facts_11_to_13_a_gateway_route_table_leads_through_a_middlebox();
}

#[test]
fn facts_41_to_50_a_nat_gateway() {
    rows::facts_41_to_50_a_nat_gateway();
}

#[test]
fn fact_7_a_route_for_a_whole_subnet_leads_to_a_nat_gateway() {
    rows::fact_7_a_route_for_a_whole_subnet_leads_to_a_nat_gateway();
}

#[test]
fn fact_21_a_group_of_a_peered_vpc_that_is_gone_matches_nothing() {
    rows::fact_21_a_group_of_a_peered_vpc_that_is_gone_matches_nothing();
}

#[test]
fn fact_26_what_passes_certain_gateways_is_always_tracked() {
    rows::fact_26_what_passes_certain_gateways_is_always_tracked();
}

#[test]
fn fact_32_gateways_drop_spoofed_sources() {
    rows::fact_32_gateways_drop_spoofed_sources();
}

#[test]
fn fact_53_addresses_that_two_vpcs_have_are_each_ones_own() {
    rows::fact_53_addresses_that_two_vpcs_have_are_each_ones_own();
}

#[test]
fn facts_60_and_61_an_interface_endpoint_is_an_interface_with_groups() {
    rows::facts_60_and_61_an_interface_endpoint_is_an_interface_with_groups();
}

#[test]
fn fact_41_ports_run_out_for_one_destination_alone() {
    rows::fact_41_ports_run_out_for_one_destination_alone();
}

#[test]
fn fact_43_what_a_cache_carries_keeps_a_translation_alive() {
    rows::fact_43_what_a_cache_carries_keeps_a_translation_alive();
}

#[test]
fn fact_45_fragments_at_a_nat_gateway() {
    rows::fact_45_fragments_at_a_nat_gateway();
}

#[test]
fn fact_49_a_private_nat_gateway_has_no_way_to_the_internet() {
    rows::fact_49_a_private_nat_gateway_has_no_way_to_the_internet();
}

#[test]
fn facts_51_and_52_a_peering_carries_its_two_vpcs_alone() {
    rows::facts_51_and_52_a_peering_carries_its_two_vpcs_alone();
}

#[test]
fn facts_54_to_58_a_transit_gateway_routes_by_its_tables() {
    rows::facts_54_to_58_a_transit_gateway_routes_by_its_tables();
}

#[test]
fn recipe_1_10_a_shared_nat_gateway_behind_a_transit_gateway() {
    rows::recipe_1_10_a_shared_nat_gateway_behind_a_transit_gateway();
}

#[test]
fn fact_20_groups_across_a_transit_gateway_need_support_on_both_sides() {
    rows::fact_20_groups_across_a_transit_gateway_need_support_on_both_sides();
}

#[test]
fn fact_57_appliance_mode_keeps_both_directions_in_one_zone() {
    rows::fact_57_appliance_mode_keeps_both_directions_in_one_zone();
}

#[test]
fn facts_59_and_60_a_gateway_endpoint() {
    rows::facts_59_and_60_a_gateway_endpoint();
}

#[test]
fn a_gateway_load_balancer_endpoint_and_a_vpn_gateway_lead_nowhere_yet() {
    rows::a_gateway_load_balancer_endpoint_and_a_vpn_gateway_lead_nowhere_yet();
}

#[test]
fn the_workstation_is_a_host_like_others() {
    rows::the_workstation_is_a_host_like_others();
}

#[test]
fn fact_64_sizes() {
    rows::fact_64_sizes();
}

#[test]
fn errors_are_translated_with_what_they_quote() {
    rows::errors_are_translated_with_what_they_quote();
}

#[test]
fn a_change_between_vpcs_makes_the_domain_stale_and_no_port() {
    rows::a_change_between_vpcs_makes_the_domain_stale_and_no_port();
}

#[test]
fn fact_54_of_two_vpcs_with_one_block_the_older_attachment_has_it() {
    connections::fact_54_of_two_vpcs_with_one_block_the_older_attachment_has_it();
}

#[test]
fn fact_59_a_gateway_endpoint_serves_its_own_vpc_alone() {
    connections::fact_59_a_gateway_endpoint_serves_its_own_vpc_alone();
}

#[test]
fn what_a_service_answers_does_not_follow_an_interface_to_another_subnet() {
    connections::what_a_service_answers_does_not_follow_an_interface_to_another_subnet();
}

#[test]
fn an_address_that_a_nat_gateway_loses_takes_its_connections_with_it() {
    connections::an_address_that_a_nat_gateway_loses_takes_its_connections_with_it();
}

#[test]
fn a_service_does_not_answer_what_the_asker_has_forgotten() {
    connections::a_service_does_not_answer_what_the_asker_has_forgotten();
}

#[test]
fn what_is_decided_of_a_connection_holds_for_other_ports_of_its_opener() {
    connections::what_is_decided_of_a_connection_holds_for_other_ports_of_its_opener();
}

#[test]
fn a_closed_account_is_out_of_reach_until_it_is_opened_again() {
    connections::a_closed_account_is_out_of_reach_until_it_is_opened_again();
}
