//! The compressions that a topic or a producer can choose.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;

/// The most bytes of a batch's records once they are decompressed. Producers bound a batch before compression, to 1 MB by default;
/// a small batch could otherwise fill the function's memory.
const MAX_CONTENT_BYTES: usize = 64 * 1024 * 1024;

/// The beginning of the frame in which Java's Snappy, and so Kafka's own client, puts its blocks. Other clients send one
/// block without a frame.
const SNAPPY_FRAME: &[u8] = b"\x82SNAPPY\0";

/// The size of the frame's version and of the version that can read it.
const SNAPPY_VERSIONS: usize = 8;

/// Decompresses a batch's records. `codec` is the number in the batch's attributes.
pub(super) fn decompress(codec: i16, compressed: &Bytes) -> io::Result<Bytes> {
    match codec {
        0 => Ok(compressed.clone()),
        1 => bounded(MultiGzDecoder::new(&compressed[..])),
        2 => unsnap(compressed),
        3 => bounded(lz4::Decoder::new(&compressed[..])?),
        4 => bounded(zstd::stream::Decoder::with_buffer(&compressed[..])?),
        _ => Err(io::Error::other(format!("unknown compression {codec}"))),
    }
}

/// Reads all of `content`, which must not have more than [`MAX_CONTENT_BYTES`].
fn bounded(content: impl Read) -> io::Result<Bytes> {
    let mut read = Vec::new();
    // One byte above the limit shows that there is more.
    content.take(MAX_CONTENT_BYTES as u64 + 1).read_to_end(&mut read)?;
    if read.len() > MAX_CONTENT_BYTES { Err(too_large()) } else { Ok(read.into()) }
}

fn too_large() -> io::Error {
    io::Error::other(format!("more than {MAX_CONTENT_BYTES} bytes of records"))
}

fn unsnap(compressed: &[u8]) -> io::Result<Bytes> {
    let Some(framed) = compressed.strip_prefix(SNAPPY_FRAME) else {
        return unsnap_block(compressed, MAX_CONTENT_BYTES).map(Bytes::from);
    };
    let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut blocks = framed.get(SNAPPY_VERSIONS..).ok_or_else(cut_off)?;
    let mut content = Vec::new();
    while !blocks.is_empty() {
        let length = usize::try_from(blocks.try_get_u32().map_err(|_| cut_off())?).map_err(io::Error::other)?;
        let (block, rest) = blocks.split_at_checked(length).ok_or_else(cut_off)?;
        content.append(&mut unsnap_block(block, MAX_CONTENT_BYTES - content.len())?);
        blocks = rest;
    }
    Ok(content.into())
}

/// Decompresses a block of `most` bytes at most. Its own first bytes state its size.
fn unsnap_block(block: &[u8], most: usize) -> io::Result<Vec<u8>> {
    if snap::raw::decompress_len(block)? > most {
        return Err(too_large());
    }
    Ok(snap::raw::Decoder::new().decompress_vec(block)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    #[test]
    fn content_above_the_limit_is_an_error_whatever_the_compression() {
        let zeros = vec![0; MAX_CONTENT_BYTES + 1];
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&zeros).unwrap();
        let zstd = zstd::stream::encode_all(&zeros[..], 1).unwrap();
        let snappy = snap::raw::Encoder::new().compress_vec(&zeros).unwrap();
        for (codec, bomb) in [(1, gzip.finish().unwrap()), (2, snappy), (4, zstd)] {
            let error = decompress(codec, &bomb.into()).unwrap_err().to_string();
            assert!(error.starts_with("more than 67108864 bytes"), "{codec}: {error}");
        }
        let within = snap::raw::Encoder::new().compress_vec(&zeros[1..]).unwrap();
        assert_eq!(decompress(2, &within.into()).unwrap().len(), MAX_CONTENT_BYTES);
    }
}
