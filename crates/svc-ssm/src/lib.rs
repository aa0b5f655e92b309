//! AWS Systems Manager: Parameter Store, Run Command, managed instances.
