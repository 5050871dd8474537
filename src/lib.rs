//! Countersign.

pub mod domain;

pub mod config;

pub mod authority;
