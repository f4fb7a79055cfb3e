//! The heap allocations of a request, from event to response.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use hot_path::{USER_ID, app, payload};
use lambda_runtime::{Context, LambdaEvent};
use shared::kind::PIN;

/// Returns the length of a body of `records` pins, and the allocations of its request.
fn allocations(records: usize) -> (usize, AllocationInfo) {
    let app = app();
    let body = payload::body(payload::rows(&PIN).take(records));
    let event = payload::event(&format!("{USER_ID}.{PIN}"), &body).unwrap().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let request = || {
        let event = LambdaEvent::new(serde_json::from_str(&event).unwrap(), Context::default());
        let answer = runtime.block_on(ingest::event::handle(&app, Duration::ZERO, event));
        assert_eq!(answer.status_code, 200);
    };
    // The first request fills caches that later ones reuse.
    request();
    (body.len(), measure(request))
}

/// Exact, so one more allocation fails the test. Lower the numbers when you remove allocations.
#[test]
fn the_number_of_allocations_is_the_recorded_one() {
    for (records, expected) in [(1, 82), (500, 106)] {
        assert_eq!(allocations(records).1.count_total, expected, "{records} records");
    }
}

/// Another copy of the body would add 1 to the total. The bounds are a little above the measured ratios.
#[test]
fn a_request_of_500_copies_its_body_only_a_few_times() {
    let (body, allocated) = allocations(500);
    let (total, peak) = (allocated.bytes_total as f64 / body as f64, allocated.bytes_max as f64 / body as f64);
    assert!(total < 5.6 && peak < 2.4, "{total} bytes in total, {peak} at once");
}
