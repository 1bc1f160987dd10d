#![no_main]

include!("../program.rs");

program!(targets::http_body, tokens::HTTP);
