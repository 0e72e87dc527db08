#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| opentop::fuzzing::run("output", input));
