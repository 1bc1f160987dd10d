#![no_main]

include!("../program.rs");

program!(targets::typed, tokens::BINARY, caught: ["/arrow-", "/flatbuffers-"]);
