//! What is wrong with a policy, in the words that AWS has for it.

use crate::PolicyKind;

/// A policy that AWS refuses. Its text is the message of `MalformedPolicyDocument`; of policies of an organization, that of
/// `MalformedPolicyDocumentException`, with the reason as its source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not JSON, or not the grammar of the language.
    #[error("Syntax errors in policy.")]
    Syntax,
    /// No version, or that of 2008, where the newer is needed.
    #[error("Policy document must be version 2012-10-17 or greater.")]
    Version,
    /// What the oldest parser of AWS does not take: cases of effects, dates, ARNs with too few parts.
    #[error("The policy failed legacy parsing")]
    LegacyParsing,
    /// Two statements have one id.
    #[error("Statement IDs (SID) in a single policy must be unique.")]
    DuplicateSid,
    /// An id has other characters than letters and digits.
    #[error(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
    )]
    SidCharacters,
    /// A statement is about no action.
    #[error("Policy statement must contain actions.")]
    NoActions,
    /// A statement is about no resource.
    #[error("Policy statement must contain resources.")]
    NoResources,
    /// A policy that hangs on whom it is about names somebody.
    #[error("Policy document should not specify a principal.")]
    HasPrincipal,
    /// An action without a service before it.
    #[error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")]
    NoVendor,
    /// A service with characters that no service has.
    #[error("Vendor {0} is not valid")]
    Vendor(String),
    /// An action with more than one colon.
    #[error("Actions/Condition can contain only one colon.")]
    Colons,
    /// A resource that is neither an ARN nor everything.
    #[error("Resource {0} must be in ARN format or \"*\".")]
    ResourceNotArn(String),
    /// A partition that there is not.
    #[error("Partition \"{partition}\" is not valid for resource \"{resource}\".")]
    Partition {
        /// The partition.
        partition: String,
        /// The ARN as AWS reads it.
        resource: String,
    },
    /// An ARN that ends before its service.
    #[error("Resource vendor must be fully qualified and cannot contain regexes.")]
    ResourceVendor,
    /// A region in an ARN of IAM.
    #[error("IAM resource {0} cannot contain region information.")]
    IamRegion(String),
    /// A region in an ARN of S3.
    #[error("Resource {0} can not contain region information.")]
    S3Region(String),
    /// A kind of resource that IAM does not have.
    #[error("IAM resource path must either be \"*\" or start with {}.", crate::validate::IAM_RESOURCES.join(", "))]
    IamResourcePath,
    /// An element that this kind of policy does not have.
    #[error("Has prohibited field {0}")]
    ProhibitedField(&'static str),
    /// An element that this kind of policy needs.
    #[error("Missing required field {0}")]
    MissingField(&'static str),
    /// A trust policy about something else than assuming the role.
    #[error("AssumeRole policy may only specify STS AssumeRole actions.")]
    TrustActions,
    /// Everybody in the place of an object, which trust policies do not take.
    #[error("AssumeRolepolicy contained an invalid principal: \"STAR\":\"*\".")]
    TrustEveryone,
    /// Somebody whom there cannot be.
    #[error("Invalid principal in policy: \"{kind}\":\"{name}\"")]
    Principal {
        /// `AWS`, `SERVICE` and so on, in capitals as AWS has them.
        kind: String,
        /// Whom the policy names.
        name: String,
    },
    /// An operator that there is not.
    #[error("Invalid Condition type : {0}.")]
    ConditionType(String),
    /// Any of these in a policy of an organization.
    #[error("The provided policy document does not meet the requirements of the specified policy type.")]
    OfOrganization(#[source] Box<PolicyError>),
    /// In a resource control policy: another effect than to deny.
    #[error("Resource control policies may only deny.")]
    OnlyDeny,
    /// In a resource control policy: other principals than everyone.
    #[error("The principal of a resource control policy is \"*\".")]
    OnlyEveryone,
    /// In a resource control policy: every action of every service.
    #[error("A resource control policy names the service of its actions.")]
    EveryAction,
}

impl PolicyError {
    /// The error as policies of this kind show it.
    pub(crate) fn of_kind(self, kind: PolicyKind) -> Self {
        match kind {
            PolicyKind::ServiceControl | PolicyKind::ResourceControl => Self::OfOrganization(Box::new(self)),
            PolicyKind::Identity
            | PolicyKind::Inline
            | PolicyKind::Trust
            | PolicyKind::Resource
            | PolicyKind::Session
            | PolicyKind::Endpoint => self,
        }
    }
}
