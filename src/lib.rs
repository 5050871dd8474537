//! Countersign.

pub mod domain;
