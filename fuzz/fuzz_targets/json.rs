#![no_main]

include!("../program.rs");

program!(targets::json, tokens::TABLE);
