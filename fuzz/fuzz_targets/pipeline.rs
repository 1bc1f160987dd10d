#![no_main]

include!("../program.rs");

program!(targets::pipeline, &tokens::YAML);
