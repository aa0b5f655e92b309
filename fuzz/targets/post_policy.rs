#![cfg_attr(fuzzing, no_main)]
fuzz::target!(post_policy);
