//! The end-to-end tests, one module per promise, in one binary that links once.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod analytics;
mod answers;
mod any_record;
mod broker;
mod built;
mod compose;
mod conformance_output;
mod contract;
mod custom_resources;
mod database;
mod delivery;
mod docs;
mod emulator;
mod end_to_end;
mod events;
mod freeze;
mod hostile_input;
mod http;
mod iam;
mod image;
mod keys;
mod lambda;
mod live;
mod local;
mod metadata;
mod metrics;
mod openapi;
mod page;
mod pass_through;
mod properties;
mod questions;
mod read_back;
mod replicas;
mod sbom;
mod security;
mod smoke_output;
mod table_memory;
mod tables;
mod template;
mod v3;
mod validation;
mod wheel;
