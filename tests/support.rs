//! What several tests need.

pub(crate) mod aws;
pub(crate) mod cloudformation;
pub(crate) mod deployed;
pub(crate) mod gateway;
pub(crate) mod golden;
pub(crate) mod local;
pub(crate) mod log;
pub(crate) mod msk;
pub(crate) mod pipeline;
pub(crate) mod recorder;
pub(crate) mod rows;
pub(crate) mod stub;
pub(crate) mod template;
