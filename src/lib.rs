//! Countersign.

pub mod domain;

pub mod config;
