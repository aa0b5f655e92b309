//! The services that have service-linked roles: how the role is called and what it may do.
//!
//! Owns the facts. A service that is not here has no role in this cloud.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-services-that-work-with-iam.html>

/// A service that has a role in accounts.
#[derive(Debug)]
pub(crate) struct LinkedService {
    /// Who assumes the role, such as `autoscaling.amazonaws.com`.
    pub(crate) principal: &'static str,
    /// What follows `AWSServiceRoleFor` in the role's name.
    pub(crate) role: &'static str,
    /// The managed policy under `/aws-service-role/` that the role has.
    pub(crate) policy: &'static str,
    /// Whether there can be further roles, with a suffix.
    pub(crate) takes_suffix: bool,
}

/// The service with this principal.
pub(crate) fn find(principal: &str) -> Option<&'static LinkedService> {
    SERVICES.iter().find(|service| service.principal == principal)
}

const fn one(principal: &'static str, role: &'static str, policy: &'static str) -> LinkedService {
    LinkedService { principal, role, policy, takes_suffix: false }
}

const fn many(principal: &'static str, role: &'static str, policy: &'static str) -> LinkedService {
    LinkedService { principal, role, policy, takes_suffix: true }
}

#[rustfmt::skip]
pub(crate) const SERVICES: &[LinkedService] = &[
    one("access-analyzer.amazonaws.com", "AccessAnalyzer", "AccessAnalyzerServiceRolePolicy"),
    one("apidestinations.events.amazonaws.com", "AmazonEventBridgeApiDestinations", "AmazonEventBridgeApiDestinationsServiceRolePolicy"),
    many("autoscaling.amazonaws.com", "AutoScaling", "AutoScalingServiceRolePolicy"),
    one("backup.amazonaws.com", "Backup", "AWSBackupServiceLinkedRolePolicyForBackup"),
    one("batch.amazonaws.com", "Batch", "BatchServiceRolePolicy"),
    one("cks.kms.amazonaws.com", "KeyManagementServiceCustomKeyStores", "AWSKeyManagementServiceCustomKeyStoresServiceRolePolicy"),
    one("clientvpn-connections.amazonaws.com", "ClientVPNConnections", "ClientVPNServiceConnectionsRolePolicy"),
    one("clientvpn.amazonaws.com", "ClientVPN", "ClientVPNServiceRolePolicy"),
    one("cloudhsm.amazonaws.com", "CloudHSM", "CloudHSMServiceRolePolicy"),
    one("cloudtrail.amazonaws.com", "CloudTrail", "CloudTrailServiceRolePolicy"),
    one("config.amazonaws.com", "Config", "AWSConfigServiceRolePolicy"),
    many("connect.amazonaws.com", "AmazonConnect", "AmazonConnectServiceLinkedRolePolicy"),
    one("delivery.logs.amazonaws.com", "LogDelivery", "AWSServiceRoleForLogDeliveryPolicy"),
    one("directconnect.amazonaws.com", "DirectConnect", "AWSDirectConnectServiceRolePolicy"),
    one("dynamodb.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_DynamoDBTable", "AWSApplicationAutoscalingDynamoDBTablePolicy"),
    one("ec2-instance-connect.amazonaws.com", "EC2InstanceConnect", "Ec2InstanceConnectEndpoint"),
    one("ec2.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_EC2SpotFleetRequest", "AWSApplicationAutoscalingEC2SpotFleetRequestPolicy"),
    one("ec2fleet.amazonaws.com", "EC2Fleet", "AWSEC2FleetServiceRolePolicy"),
    one("ec2scheduled.amazonaws.com", "EC2ScheduledInstances", "AWSServiceRoleForEC2ScheduledInstances"),
    one("ecs.amazonaws.com", "ECS", "AmazonECSServiceRolePolicy"),
    one("ecs.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_ECSService", "AWSApplicationAutoscalingECSServicePolicy"),
    one("eks-fargate.amazonaws.com", "AmazonEKSForFargate", "AmazonEKSForFargateServiceRolePolicy"),
    one("eks-nodegroup.amazonaws.com", "AmazonEKSNodegroup", "AWSServiceRoleForAmazonEKSNodegroup"),
    one("eks.amazonaws.com", "AmazonEKS", "AmazonEKSServiceRolePolicy"),
    one("elasticache.amazonaws.com", "ElastiCache", "ElastiCacheServiceRolePolicy"),
    one("elasticfilesystem.amazonaws.com", "AmazonElasticFileSystem", "AmazonElasticFileSystemServiceRolePolicy"),
    one("elasticloadbalancing.amazonaws.com", "ElasticLoadBalancing", "AWSElasticLoadBalancingServiceRolePolicy"),
    one("es.amazonaws.com", "AmazonElasticsearchService", "AmazonElasticsearchServiceRolePolicy"),
    one("events.amazonaws.com", "CloudWatchEvents", "CloudWatchEventsServiceRolePolicy"),
    one("globalaccelerator.amazonaws.com", "GlobalAccelerator", "AWSGlobalAcceleratorSLRPolicy"),
    one("guardduty.amazonaws.com", "AmazonGuardDuty", "AmazonGuardDutyServiceRolePolicy"),
    one("ipam.amazonaws.com", "IPAM", "AWSIPAMServiceRolePolicy"),
    one("kafka.amazonaws.com", "Kafka", "KafkaServiceRolePolicy"),
    one("lambda.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_LambdaConcurrency", "AWSApplicationAutoscalingLambdaConcurrencyPolicy"),
    one("lightsail.amazonaws.com", "Lightsail", "LightsailExportAccess"),
    one("logger.cloudfront.amazonaws.com", "CloudFrontLogger", "AWSCloudFrontLogger"),
    one("member.org.stacksets.cloudformation.amazonaws.com", "CloudFormationStackSetsOrgMember", "CloudFormationStackSetsOrgMemberServiceRolePolicy"),
    one("mrk.kms.amazonaws.com", "KeyManagementServiceMultiRegionKeys", "AWSKeyManagementServiceMultiRegionKeysServiceRolePolicy"),
    one("network-firewall.amazonaws.com", "NetworkFirewall", "AWSNetworkFirewallServiceRolePolicy"),
    one("networkmanager.amazonaws.com", "NetworkManager", "AWSNetworkManagerServiceRolePolicy"),
    one("opensearchservice.amazonaws.com", "AmazonOpenSearchService", "AmazonOpenSearchServiceRolePolicy"),
    one("ops.apigateway.amazonaws.com", "APIGateway", "APIGatewayServiceRolePolicy"),
    one("organizations.amazonaws.com", "Organizations", "AWSOrganizationsServiceTrustPolicy"),
    one("pullthroughcache.ecr.amazonaws.com", "ECRPullThroughCache", "AWSECRPullThroughCache_ServiceRolePolicy"),
    one("ram.amazonaws.com", "ResourceAccessManager", "AWSResourceAccessManagerServiceRolePolicy"),
    one("rds.amazonaws.com", "RDS", "AmazonRDSServiceRolePolicy"),
    one("rds.application-autoscaling.amazonaws.com", "ApplicationAutoScaling_RDSCluster", "AWSApplicationAutoscalingRDSClusterPolicy"),
    one("reachabilityanalyzer.networkinsights.amazonaws.com", "ReachabilityAnalyzer", "AWSReachabilityAnalyzerServiceRolePolicy"),
    one("redshift.amazonaws.com", "Redshift", "AmazonRedshiftServiceLinkedRolePolicy"),
    one("replication.dynamodb.amazonaws.com", "DynamoDBReplication", "DynamoDBReplicationServiceRolePolicy"),
    one("replication.ecr.amazonaws.com", "ECRReplication", "ECRReplicationServiceRolePolicy"),
    one("replicator.lambda.amazonaws.com", "LambdaReplicator", "AWSLambdaReplicator"),
    one("route53resolver.amazonaws.com", "Route53Resolver", "Route53ResolverServiceRolePolicy"),
    one("s2svpn.amazonaws.com", "VPCS2SVPN", "AWSVPCS2SVpnServiceRolePolicy"),
    one("securityhub.amazonaws.com", "SecurityHub", "AWSSecurityHubServiceRolePolicy"),
    one("servicequotas.amazonaws.com", "ServiceQuotas", "ServiceQuotasServiceRolePolicy"),
    one("shield.amazonaws.com", "AWSShield", "AWSShieldServiceRolePolicy"),
    one("spot.amazonaws.com", "EC2Spot", "AWSEC2SpotServiceRolePolicy"),
    one("spotfleet.amazonaws.com", "EC2SpotFleet", "AWSEC2SpotFleetServiceRolePolicy"),
    one("ssm.amazonaws.com", "AmazonSSM", "AmazonSSMServiceRolePolicy"),
    one("sso.amazonaws.com", "SSO", "AWSSSOServiceRolePolicy"),
    one("stacksets.cloudformation.amazonaws.com", "CloudFormationStackSetsOrgAdmin", "CloudFormationStackSetsOrgAdminServiceRolePolicy"),
    one("support.amazonaws.com", "Support", "AWSSupportServiceRolePolicy"),
    one("transitgateway.amazonaws.com", "VPCTransitGateway", "AWSVPCTransitGatewayServiceRolePolicy"),
    one("trustedadvisor.amazonaws.com", "TrustedAdvisor", "AWSTrustedAdvisorServiceRolePolicy"),
    one("vpc-lattice.amazonaws.com", "VpcLattice", "AWSVpcLatticeServiceRolePolicy"),
    one("wafv2.amazonaws.com", "WAFV2Logging", "WAFV2LoggingServiceRolePolicy"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_a_policy_of_aws_and_a_place_in_the_order() {
        assert!(SERVICES.is_sorted_by(|one, other| one.principal < other.principal));
        for service in SERVICES {
            let policy = aws_managed_policies::by_name(service.policy);
            assert!(policy.is_some_and(|policy| policy.is_of_service_linked_role()), "{}", service.policy);
        }
    }
}
