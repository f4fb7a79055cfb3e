//! The code alone: parsing, validating and compacting rows, compared with a syntax-only pass and with what one would
//! write by hand.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up ends")]

mod request;
mod rows;

criterion::criterion_group!(benches, rows::bench, request::bench);
criterion::criterion_main!(benches);
