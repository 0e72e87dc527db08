//! How recordings are compressed: what a frame begins with, how much memory one may ask for, and the text without it.

use std::io::{self, BufRead, BufReader, Read};

/// What a zstd frame begins with.
pub(super) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The largest zstd window, as a power of two: that of `zstd -19`. A frame may ask for gigabytes.
pub(super) const WINDOW_LOG_MAX: u32 = 23;

/// The zstd window of a stream, as a power of two.
pub(super) const STREAM_WINDOW_LOG: u32 = 19;

/// `input` without its compression, if it has any.
pub(super) fn decompressed(
    mut input: impl Read + Send + 'static,
    window_log: u32,
) -> io::Result<Box<dyn BufRead + Send>> {
    let mut magic = Vec::new();
    input.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let compressed = magic == ZSTD_MAGIC;
    let input = BufReader::new(io::Cursor::new(magic).chain(input));
    if !compressed {
        return Ok(Box::new(input));
    }
    let mut decoder = zstd::Decoder::with_buffer(input)?;
    decoder.window_log_max(window_log)?;
    Ok(Box::new(BufReader::new(decoder)))
}
