//! What an ffmpeg may print: of its text nothing is believed that it does not begin a line with.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vessel_transcoder::ffmpeg::log;

fuzz_target!(|bytes: &[u8]| {
    let facts = futures::executor::block_on(log::read(bytes));
    assert!(facts.errors.len() as u64 <= facts.error_count);
    assert!(facts.errors.iter().map(String::len).sum::<usize>() < 64 << 10);
    let _ = facts.summary();
});
