//! File transfers as operations: what an SFTP client asks for, one request at a time, and what passes of each file.
//!
//! It owns the following of transfer streams: [`sftp`] reads both directions of an SFTP session and tells which of its
//! requests have to be asked about, [`scp`] reads the old protocol of `scp`, [`FarEnd`] says which commands are nothing
//! but the far end of a transfer. Invariants: a request that does something comes out as an [`Operation`] and leaves
//! only with a clearance for exactly that operation; one that is not known never leaves; contents of files are neither
//! kept nor copied, they are counted and digested as they flow.
//!
//! Everything here is pure: bytes in, slices of them and effects out. It asks no policy and waits for nobody.

mod content;

mod far_end;

mod operation;

mod path;

pub mod scp;

pub mod sftp;

pub use content::{Direction, Transferred, Unproved};
pub use far_end::{FarEnd, placed};
pub use operation::{Operation, Verb, actions};

/// A stream that does not hold to its protocol: nothing of it can be trusted any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The client's fault.
    #[error("the client does not speak the protocol: {0}")]
    Client(&'static str),
    /// The target's fault.
    #[error("the target does not speak the protocol: {0}")]
    Target(&'static str),
}
