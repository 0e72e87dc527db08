//! The short form: the corpus of past failures first, then inputs made of the corpus, of words and of noise. Which they
//! are is fixed, so that a failure comes again.

use super::{TARGETS, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::PathBuf;

/// Inputs for each target: half a minute in all.
const CASES: u32 = 15_000;

/// Bytes of an input at most.
const LONGEST: usize = 8 << 10;

fn corpus(target: &Target) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target.name)
}

/// The inputs that are kept, each of which has gone wrong once or shows the way to what is deep inside.
fn kept(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = corpus(target);
    let entries = std::fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Pieces one behind the other: parts of what is kept, words, noise, and the same many times.
fn inputs(target: &'static Target, kept: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let word = prop::sample::select(target.words).prop_map(|word| word.as_bytes().to_vec());
    let noise = vec(any::<u8>(), 0..40);
    let part = (prop::sample::select(kept), any::<prop::sample::Index>(), any::<prop::sample::Index>());
    let part = part.prop_map(|(bytes, from, len)| {
        let from = from.index(bytes.len() + 1);
        bytes[from..from + len.index(bytes.len() - from + 1)].to_vec()
    });
    let piece = prop_oneof![4 => word, 2 => noise, 2 => part];
    let repeated = (piece, prop_oneof![8 => Just(1usize), 1 => 1usize..200]);
    vec(repeated.prop_map(|(piece, times)| piece.repeat(times)), 0..24)
        .prop_map(|pieces| pieces.concat().into_iter().take(LONGEST).collect())
}

fn throw(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let kept = kept(target);
    assert!(!kept.is_empty(), "no corpus for {name}");
    for (path, input) in &kept {
        println!("{}", path.display());
        (target.run)(input);
    }
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let inputs = inputs(target, kept.into_iter().map(|(_, bytes)| bytes).collect());
    let thrown = runner.run(&inputs, |input| {
        let thrown = std::panic::catch_unwind(|| (target.run)(&input));
        thrown.map_err(|_| TestCaseError::fail("a promise is broken"))
    });
    if let Err(TestError::Fail(_, input)) = thrown {
        let mut hasher = DefaultHasher::new();
        input.hash(&mut hasher);
        let path = corpus(target).join(format!("found-{:016x}", hasher.finish()));
        std::fs::write(&path, &input).unwrap();
        panic!("{name} breaks a promise, told above, on {} bytes kept as {}", input.len(), path.display());
    }
    thrown.unwrap();
}

#[test]
fn records_of_the_ring_buffer() {
    throw("record");
}

#[test]
fn recordings() {
    throw("recording");
}

#[test]
fn filters() {
    throw("filter");
}

#[test]
fn terminal_input() {
    throw("terminal");
}

#[test]
fn escapes() {
    throw("escape");
}

#[test]
fn outputs() {
    throw("output");
}
