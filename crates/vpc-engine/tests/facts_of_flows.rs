//! The facts about connections, services and interfaces, in the engine. The rows are in `vpc_engine::testing::facts::flows`.

use vpc_engine::testing::facts::flows as rows;

#[test]
fn tracked_and_untracked() {
    rows::tracked_and_untracked();
}

#[test]
fn services_of_the_link() {
    rows::services_of_the_link();
}

#[test]
fn services_tell_interfaces_of_different_vpcs_apart() {
    rows::services_tell_interfaces_of_different_vpcs_apart();
}

#[test]
fn requests_that_differ_only_in_what_the_service_cannot_see_stay_apart() {
    rows::requests_that_differ_only_in_what_the_service_cannot_see_stay_apart();
}

#[test]
fn idle_timeouts() {
    rows::idle_timeouts();
}

#[test]
fn interfaces() {
    rows::interfaces();
}

#[test]
fn what_arrives_is_what_was_sent() {
    rows::what_arrives_is_what_was_sent();
}
