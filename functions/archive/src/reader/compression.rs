//! The compressions that a topic or a producer can choose.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use flate2::read::MultiGzDecoder;

/// The beginning of the frame in which Java's Snappy, and so Kafka's own client, puts its blocks. Other clients send one
/// block without a frame.
const SNAPPY_FRAME: &[u8] = b"\x82SNAPPY\0";

/// The size of the frame's version and of the version that can read it.
const SNAPPY_VERSIONS: usize = 8;

/// Decompresses a batch's records. `codec` is the number in the batch's attributes.
pub(super) fn decompress(codec: i16, compressed: &Bytes) -> io::Result<Bytes> {
    let mut content = Vec::new();
    match codec {
        0 => return Ok(compressed.clone()),
        1 => drop(MultiGzDecoder::new(&compressed[..]).read_to_end(&mut content)?),
        2 => return unsnap(compressed),
        3 => drop(lz4::Decoder::new(&compressed[..])?.read_to_end(&mut content)?),
        4 => zstd::stream::copy_decode(&compressed[..], &mut content)?,
        _ => return Err(io::Error::other(format!("unknown compression {codec}"))),
    }
    Ok(content.into())
}

fn unsnap(compressed: &[u8]) -> io::Result<Bytes> {
    let mut decoder = snap::raw::Decoder::new();
    let Some(framed) = compressed.strip_prefix(SNAPPY_FRAME) else {
        return Ok(decoder.decompress_vec(compressed)?.into());
    };
    let cut_off = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut blocks = framed.get(SNAPPY_VERSIONS..).ok_or_else(cut_off)?;
    let mut content = Vec::new();
    while !blocks.is_empty() {
        let length = usize::try_from(blocks.try_get_u32().map_err(|_| cut_off())?).map_err(io::Error::other)?;
        let (block, rest) = blocks.split_at_checked(length).ok_or_else(cut_off)?;
        content.append(&mut decoder.decompress_vec(block)?);
        blocks = rest;
    }
    Ok(content.into())
}
