#![cfg_attr(fuzzing, no_main)]
fuzz::target!(rest_json);
