//! Countersign.

pub mod domain;

pub mod config;

pub mod store;

pub mod algorithms;

pub mod certificate;

pub mod flow;

pub mod accept;

pub mod identity;

pub mod authority;

pub mod target;

pub mod inspect;

pub mod policy;

pub mod approval;

pub mod record;

pub mod audit;

pub mod dashboard;

pub mod relay;

pub mod web;

pub mod demo;

pub mod node;

pub mod cli;

pub mod command;
