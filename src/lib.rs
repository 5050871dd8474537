//! Countersign.

pub mod domain;

pub mod config;

pub mod algorithms;

pub mod certificate;

pub mod flow;

pub mod accept;

pub mod authority;

pub mod target;
