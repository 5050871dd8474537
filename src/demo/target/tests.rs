//! The demo target as the real `ssh` meets it.

mod access;

mod commands;

mod harness;
