// What the programs in `fuzz_targets/` have in common, which include it: how inputs reach a target, and how libFuzzer changes them.

#[path = "../tests/it/fuzz/mutation.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod mutation;
#[path = "../tests/it/fuzz/targets.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod targets;
#[path = "../tests/it/fuzz/tokens.rs"]
#[expect(dead_code, reason = "each program runs one of the targets")]
mod tokens;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

/// A program that runs one target. libFuzzer's own changes find the short tokens; ours put in whole ones, and pieces of other places.
macro_rules! program {
    ($target:path, $tokens:expr) => {
        program!($target, $tokens, init: ());
    };
    // Of these crates the product catches panics: an input breaks a promise only where one gets through.
    ($target:path, $tokens:expr, caught: $crates:expr) => {
        program!($target, $tokens, init: {
            let abort = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                let of = |name: &&str| panic.location().is_some_and(|place| place.file().contains(*name));
                if !$crates.iter().any(of) {
                    abort(panic);
                }
            }));
        });
    };
    ($target:path, $tokens:expr, init: $init:expr) => {
        fuzz_target!(init: $init, |bytes: &[u8]| {
            $target(bytes);
        });

        fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
            if !seed.is_multiple_of(4) {
                return fuzzer_mutate(data, size, max_size);
            }
            let input = data[..size].to_vec();
            let changed = mutation::bytes(&mut mutation::Dice::new(u64::from(seed)), input.clone(), &input, $tokens);
            let size = changed.len().min(max_size);
            data[..size].copy_from_slice(&changed[..size]);
            size
        });
    };
}
