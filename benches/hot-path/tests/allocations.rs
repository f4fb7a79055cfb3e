//! The heap memory that a request takes between event and Kafka.

use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use hot_path::{USER_ID, app, payload};
use lambda_runtime::{Context, LambdaEvent};
use shared::kind::PIN;

/// Returns the length of a body with this many pins, and what its request allocates from event to response.
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
    // The first request also fills what lasts.
    request();
    (body.len(), measure(request))
}

/// The numbers are exact, so that one allocation more is seen. Lower them with the allocations.
#[test]
fn a_request_allocates_as_often_as_before() {
    for (records, expected) in [(1, 82), (500, 106)] {
        assert_eq!(allocations(records).1.count_total, expected, "{records} records");
    }
}

/// Each copy of the body would add one.
#[test]
fn a_request_of_500_allocates_few_bytes_for_each_byte_of_its_body() {
    let (body, allocated) = allocations(500);
    let (total, peak) = (allocated.bytes_total as f64 / body as f64, allocated.bytes_max as f64 / body as f64);
    assert!(total < 5.6 && peak < 2.4, "{total} bytes in total, {peak} at once");
}
