//! What several tests need.

pub(crate) mod golden;
pub(crate) mod local;
pub(crate) mod pipeline;
pub(crate) mod recorder;
pub(crate) mod rows;
