#![no_main]

include!("../program.rs");

program!(targets::csv, tokens::TABLE);
