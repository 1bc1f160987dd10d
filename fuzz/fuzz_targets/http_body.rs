#![no_main]

#[path = "../../tests/it/fuzz/mutation.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod mutation;
#[path = "../../tests/it/fuzz/targets.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod targets;
#[path = "../../tests/it/fuzz/tokens.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod tokens;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| {
    targets::http_body(bytes);
});

// libFuzzer's own changes find the short tokens; these put whole keys, cells and shapes in.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if !seed.is_multiple_of(4) {
        return fuzzer_mutate(data, size, max_size);
    }
    let input = data[..size].to_vec();
    let changed =
        mutation::bytes(&mut mutation::Dice::new(u64::from(seed)), input.clone(), &input, tokens::HTTP);
    let size = changed.len().min(max_size);
    data[..size].copy_from_slice(&changed[..size]);
    size
});
