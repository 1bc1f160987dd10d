#![no_main]

include!("../program.rs");

program!(targets::resp, tokens::RESP);
