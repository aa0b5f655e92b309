//! Model-driven codecs for the AWS wire protocols.
