use crate::cloud::{Cloud, api, filters, input, op};

fn create(cloud: &Cloud, vpc: &str) -> String {
    let table = cloud
        .ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc }))
        .route_table
        .unwrap();
    table.route_table_id.unwrap()
}

fn associate(cloud: &Cloud, table: &str, subnet: &str) -> String {
    let input = input!(AssociateRouteTableRequest { route_table_id: table, subnet_id: subnet });
    cloud.ok::<op::AssociateRouteTable>(input).association_id.unwrap()
}

fn describe(cloud: &Cloud, table: &str) -> api::RouteTable {
    let input = input!(DescribeRouteTablesRequest { route_table_ids: [table] });
    cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().remove(0)
}

fn main_table(cloud: &Cloud, vpc: &str) -> (String, String) {
    let filters = filters(&[("vpc-id", &[vpc]), ("association.main", &["true"])]);
    let mut tables = cloud
        .ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters }))
        .route_tables
        .unwrap();
    assert_eq!(tables.len(), 1);
    let table = tables.remove(0);
    let association = table.associations.unwrap()[0].route_table_association_id.clone().unwrap();
    (table.route_table_id.unwrap(), association)
}

#[test]
fn a_table_lists_its_associations_and_one_local_route_for_each_block() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.10.0.0/23");
    let (one, other) = (cloud.subnet(&vpc, "10.10.0.0/24"), cloud.subnet(&vpc, "10.10.1.0/24"));
    let table = create(&cloud, &vpc);
    associate(&cloud, &table, &one);
    associate(&cloud, &table, &other);
    let described = describe(&cloud, &table);
    let subnets: Vec<_> =
        described.associations.unwrap().into_iter().map(|held| held.subnet_id.unwrap()).collect();
    assert_eq!(subnets, [one, other]);
    assert_eq!(described.routes.unwrap().len(), 1);

    cloud.ok::<op::AssociateVpcCidrBlock>(input!(AssociateVpcCidrBlockRequest {
        vpc_id: &vpc,
        cidr_block: "10.11.0.0/16"
    }));
    let routes = describe(&cloud, &table).routes.unwrap();
    let local: Vec<_> = routes
        .iter()
        .map(|route| (route.destination_cidr_block.as_deref().unwrap(), route.gateway_id.as_deref().unwrap()))
        .collect();
    assert_eq!(local, [("10.10.0.0/23", "local"), ("10.11.0.0/16", "local")]);
    assert!(routes.iter().all(|route| route.state.as_deref() == Some("active")));
}

#[test]
fn a_subnet_has_at_most_one_table_of_its_own() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let (one, other) = (create(&cloud, &vpc), create(&cloud, &vpc));
    let association = associate(&cloud, &one, &subnet);
    assert_eq!(associate(&cloud, &one, &subnet), association);
    let message =
        format!("the specified association for route table {other} conflicts with an existing association");
    let input = input!(AssociateRouteTableRequest { route_table_id: &other, subnet_id: &subnet });
    cloud.refuses::<op::AssociateRouteTable>(input, "Resource.AlreadyAssociated", &message);

    let delete = |table: &str| input!(DeleteRouteTableRequest { route_table_id: table });
    let message = format!("The routeTable '{one}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteRouteTable>(delete(&one), "DependencyViolation", &message);

    let replace =
        input!(ReplaceRouteTableAssociationRequest { association_id: &association, route_table_id: &other });
    let new = cloud.ok::<op::ReplaceRouteTableAssociation>(replace).new_association_id.unwrap();
    assert_ne!(new, association);
    cloud.ok::<op::DeleteRouteTable>(delete(&one));
    cloud.ok::<op::DisassociateRouteTable>(input!(DisassociateRouteTableRequest { association_id: &new }));
    let message = format!("The association ID '{new}' does not exist");
    let input = input!(DisassociateRouteTableRequest { association_id: &new });
    cloud.refuses::<op::DisassociateRouteTable>(input, "InvalidAssociationID.NotFound", &message);
}

#[test]
fn the_main_table_is_replaced_and_never_missing() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (main, association) = main_table(&cloud, &vpc);
    let delete = |table: &str| input!(DeleteRouteTableRequest { route_table_id: table });
    let message = format!("The routeTable '{main}' has dependencies and cannot be deleted.");
    cloud.refuses::<op::DeleteRouteTable>(delete(&main), "DependencyViolation", &message);
    let message = format!("cannot disassociate the main route table association {association}");
    let input = input!(DisassociateRouteTableRequest { association_id: &association });
    cloud.refuses::<op::DisassociateRouteTable>(input, "InvalidParameterValue", &message);

    let new = create(&cloud, &vpc);
    let input =
        input!(ReplaceRouteTableAssociationRequest { association_id: &association, route_table_id: &new });
    cloud.ok::<op::ReplaceRouteTableAssociation>(input);
    assert_eq!(main_table(&cloud, &vpc).0, new);
    cloud.ok::<op::DeleteRouteTable>(delete(&main));
}

#[test]
fn tables_and_subnets_of_different_vpcs() {
    let cloud = Cloud::new();
    let (one, other) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let table = create(&cloud, &one);
    let subnet = cloud.subnet(&other, "10.1.0.0/24");
    let message = format!("route table {table} and subnet {subnet} belong to different networks");
    let input = input!(AssociateRouteTableRequest { route_table_id: &table, subnet_id: &subnet });
    cloud.refuses::<op::AssociateRouteTable>(input, "InvalidParameterValue", &message);
}
