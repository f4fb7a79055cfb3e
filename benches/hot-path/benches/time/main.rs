//! What the code alone costs: to read, validate and compact rows, next to the least that any reader has to do and to what
//! people would write by hand.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up ends")]

mod request;
mod rows;

criterion::criterion_group!(benches, rows::bench, request::bench);
criterion::criterion_main!(benches);
