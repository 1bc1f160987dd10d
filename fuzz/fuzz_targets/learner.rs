#![no_main]

#[path = "../../tests/it/fuzz/mutation.rs"]
mod mutation;
#[path = "../../tests/it/fuzz/targets.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod targets;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| {
    targets::learner(bytes);
});

// Changes of bytes alone hardly ever leave a header that is JSON of the length it says.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed.is_multiple_of(4) {
        return fuzzer_mutate(data, size, max_size);
    }
    let changed = mutation::artifact(&mut mutation::Dice::new(u64::from(seed)), &data[..size]);
    let size = changed.len().min(max_size);
    data[..size].copy_from_slice(&changed[..size]);
    size
});
