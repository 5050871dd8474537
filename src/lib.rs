//! Countersign: a checkpoint inside the SSH session.
//!
//! A person logs in with the company's identity provider, reaches targets with plain `ssh`, and everything they do
//! is inspected as it happens. What policy does not simply allow is *held* until somebody else countersigns it.
//! Sessions are recorded and replayed, and an audit chain names federated people and can be proved.
//!
//! # The tour
//!
//! One connection flows from top to bottom through the modules below; a file imports only modules that are declared
//! above its own here, which `tests/architecture.rs` holds.
//!
//! ```text
//!  client ── ssh ──▶ accept ──▶ identity ──▶ policy: connect? ──▶ authority ──▶ target ── ssh ──▶ sshd
//!                      │           (OIDC)                        (certificate)     │
//!                      ▼                                                           ▼
//!                    flow ◀─────────────── relay: one session ───────────────▶   flow
//!                                 domain::gate · inspect · policy
//!                                 approval (holds) · record · audit
//!                                          ▲
//!               dashboard · console ───────┘   somebody else answers
//! ```
//!
//! * [`domain`] holds the words and rules, pure: identities, commands and their digests, verdicts, holds that end
//!   exactly once, the gate's state machine, the audit chain. Its proofs cannot be made by hand: a
//!   [`Permit`](domain::verdict::Permit) comes from policy only, a [`Clearance`](domain::hold::Clearance) from a permit
//!   or an approved hold only, and the gate lets nothing submit without one.
//! * [`config`] and [`store`] are what a node is told and what it remembers (SQLite or PostgreSQL).
//! * [`algorithms`], [`certificate`], [`flow`] are SSH between the library and us: what is offered, what a certificate
//!   must be, and how a stalled peer costs bounded memory and nobody else's time.
//! * [`signature`] is what an approver's own key signs, and the proof that it did.
//! * [`agent`] is the protocol of SSH agents: what the sudo gate is asked, and answers, and what an approver's is asked.
//! * [`accept`] turns the library's callbacks into questions; [`target`] dials and verifies host keys.
//! * [`emulator`] is the terminal that output of others is fed to, at a bounded cost, for [`inspect`] and for replays.
//! * [`identity`] is OpenID Connect, [`authority`] the only code near private keys, [`inspect`] reads commands,
//!   [`transfer`] follows SFTP and scp operation by operation, [`policy`] asks Cedar, [`approval`] keeps holds,
//!   [`record`] writes and plays asciicast v3, [`audit`] keeps the chain, [`dashboard`] is the approver's screen.
//! * [`relay`] is where they meet: one connection, top to bottom. Start reading there.
//! * [`web`] serves the sign-in pages, [`node`] puts everything together, [`demo`] does so on one machine, [`cli`] and
//!   [`command`] are the program.
//!
//! # Invariants
//!
//! 1. Nothing that could submit a command reaches a target without a clearance for exactly those bytes.
//! 2. What the approver saw is what runs: a hold is bound to a digest, and any change is a new hold.
//! 3. Nobody approves their own request, whatever policy says.
//! 4. No session without a running recording, no action without its audit record.
//! 5. Default deny: an error anywhere is a refusal with a message.
//! 6. A hold ends exactly once.
//! 7. Secrets reach neither logs nor recordings nor the audit.

pub mod domain;

pub mod config;

pub mod store;

pub mod algorithms;

pub mod certificate;

pub mod signature;

pub mod flow;

pub mod agent;

pub mod accept;

pub mod identity;

pub mod authority;

pub mod target;

pub mod emulator;

pub mod inspect;

pub mod transfer;

pub mod policy;

pub mod approval;

pub mod record;

pub mod audit;

pub mod dashboard;

pub mod relay;

pub mod web;

pub mod node;

pub mod demo;

pub mod cli;

pub mod command;
