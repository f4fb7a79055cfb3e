//! What the code alone costs: to read, validate and compact rows, next to the least that any reader has to do.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up ends")]

mod handler;
mod rows;

criterion::criterion_group!(benches, rows::bench, handler::bench);
criterion::criterion_main!(benches);
