//! The facts about routes, rules and ACLs, in the engine. The rows are in `vpc_engine::testing::facts::routes`.

use vpc_engine::testing::facts::routes as rows;

#[test]
fn addressing() {
    rows::addressing();
}

#[test]
fn routing() {
    rows::routing();
}

#[test]
fn the_order_of_the_gates() {
    rows::the_order_of_the_gates();
}

#[test]
fn network_acls() {
    rows::network_acls();
}

#[test]
fn security_group_rules() {
    rows::security_group_rules();
}

#[test]
fn an_interface_owns_all_of_its_prefixes() {
    rows::an_interface_owns_all_of_its_prefixes();
}
