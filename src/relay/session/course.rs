//! What a session is kept in: its recording, its row in the store and its records in the audit, from before anything runs
//! until everything that it left is told.
//!
//! Invariant: nothing runs before all of them are durable; what fails of the end keeps nothing else of it from being told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::Session;
use crate::domain::audit::AuditEvent;
use crate::domain::command::visible;
use crate::domain::hold::Hold;
use crate::domain::recording::{LiveRecording, SessionEnd, SessionSummary};
use crate::domain::request::ApprovalRequest;
use crate::record::{Opening as RecordOpening, Origin, Outcome, RecordLimit, Recorder};
use crate::relay::client::{Ending, Side};
use crate::relay::input::Suspended;
use crate::relay::start::{Start, What};
use crate::relay::transfer::Transfer;

/// What a session that runs is kept in.
pub(super) struct Course {
    pub(super) recorder: Recorder,
    pub(super) recording: LiveRecording,
    pub(super) counts: Counts,
    /// What is suspended, to be taken back at the end.
    pub(super) held: Mutex<Suspended>,
    pub(super) transfer: Option<Transfer>,
}

/// Bytes that passed.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) to_target: AtomicU64,
    pub(super) to_client: AtomicU64,
}

impl Session<'_> {
    /// Recording, then session row and audit record, all of them before anything runs. What began and could not go on
    /// is ended again.
    pub(super) async fn begin(&self, start: &Start) -> Result<Course, String> {
        let services = &self.visit.services;
        let config = services.config();
        let now = Timestamp::now();
        let transfer = Transfer::of(self.visit, self.attached.session(), start);
        if transfer.is_some() && self.side == Side::Terminal {
            return Err("a transfer takes no terminal; leave out `-t`".to_owned());
        }
        let summary = self.summary(start, now);
        let limit = match self.side {
            Side::Terminal => RecordLimit::Everything,
            Side::Pipes => RecordLimit::Bytes(config.recordings.stream_bytes),
        };
        let event = AuditEvent::SessionStarted {
            session: summary.id,
            person: summary.subject.clone(),
            name: summary.person.clone(),
            destination: summary.destination.clone(),
            source: summary.source.clone(),
        };
        let recording =
            Recorder::start(&config.recordings.folder, self.recording(start, now), limit).await;
        let (recorder, recording) = recording.map_err(|error| error.to_string())?;
        let (counts, held) = (Counts::default(), Mutex::new(Suspended::Nothing));
        let course = Course {
            recorder,
            recording,
            counts,
            held,
            transfer,
        };
        let (row, told) = tokio::join!(
            services.store.session_started(&services.node, &summary),
            services.audit.append(event, now),
        );
        let failed = row
            .map_err(|error| error.to_string())
            .and(told.map(drop).map_err(|error| error.to_string()));
        match failed {
            Ok(()) => Ok(course),
            Err(reason) => {
                self.finish(&course, &Ending::Refused(reason.clone())).await;
                Err(reason)
            }
        }
    }

    fn summary(&self, start: &Start, now: Timestamp) -> SessionSummary {
        let principal = self.attached.grant().principal();
        SessionSummary {
            id: self.attached.session(),
            person: principal.name.to_string(),
            subject: principal.subject.clone(),
            destination: self.attached.grant().destination().clone(),
            target: self.target.clone(),
            host: Some(self.host.clone()),
            source: self.visit.source.to_string(),
            asked: start.shown(),
            started: now,
            ended: None,
        }
    }

    fn recording(&self, start: &Start, now: Timestamp) -> RecordOpening {
        let grant = self.attached.grant();
        RecordOpening {
            origin: Origin {
                session: self.attached.session(),
                person: grant.principal().name.clone(),
                destination: grant.destination().clone(),
                source: self.visit.source,
                started: now,
            },
            size: start.size(),
            term: start.pty.as_ref().map(|pty| visible(pty.term.as_bytes())),
            title: format!("{} on {}", grant.principal().name, grant.destination()),
            command: match start.what {
                What::Shell => None,
                What::Exec(_) | What::Subsystem(_) => Some(start.shown()),
            },
        }
    }

    /// What a session leaves behind is told in full, whatever fails of it.
    pub(super) async fn finish(&self, course: &Course, ending: &Ending) {
        let Course {
            recorder,
            counts,
            held,
            transfer,
            ..
        } = course;
        let services = &self.visit.services;
        let session = self.attached.session();
        let suspended = std::mem::take(&mut *held.lock().unwrap_or_else(PoisonError::into_inner));
        self.withdraw(suspended, &ending.shown()).await;
        if let Some(transfer) = transfer {
            transfer.finish().await;
        }
        let now = Timestamp::now();
        let outcome = match ending {
            Ending::Status(status) => Outcome::Exited(*status),
            Ending::Signal { .. }
            | Ending::Refused(_)
            | Ending::ClientGone
            | Ending::TargetGone => Outcome::Cut(ending.shown()),
        };
        let recording = match recorder.finish(outcome, now).await {
            Ok(finished) => Some(finished.sha256),
            Err(error) => {
                tracing::error!(%session, %error, "the recording could not be finished");
                None
            }
        };
        let end = SessionEnd {
            at: now,
            how: ending.shown(),
        };
        let event = AuditEvent::SessionEnded {
            session,
            how: end.how.clone(),
            bytes_in: counts.to_target.load(Ordering::Relaxed),
            bytes_out: counts.to_client.load(Ordering::Relaxed),
            recording,
            looks: transfer.as_ref().map_or(0, Transfer::looks),
        };
        let (row, told) = tokio::join!(
            services.store.session_ended(&session, &end),
            services.audit.append(event, now)
        );
        if let Err(error) = row {
            tracing::error!(%session, %error, "the session's end could not be stored");
        }
        if let Err(error) = told {
            tracing::error!(%session, %error, "the session's end could not be audited");
        }
    }

    /// Takes back whatever the session left suspended.
    async fn withdraw(&self, suspended: Suspended, why: &str) {
        let approvals = &self.visit.services.approvals;
        let holds = match suspended {
            Suspended::Nothing => Vec::new(),
            Suspended::Waiting(hold) => vec![hold],
            Suspended::Opening => match approvals.waiting().await {
                Ok(waiting) => waiting
                    .iter()
                    .map(Hold::request)
                    .filter(|request| self.owns(request))
                    .map(|request| request.hold.clone())
                    .collect(),
                Err(error) => return tracing::error!(%error, "a request may be left waiting"),
            },
        };
        for hold in holds {
            self.visit.services.withdraw(&hold, why).await;
        }
    }

    fn owns(&self, request: &ApprovalRequest) -> bool {
        request.command.scope.session == self.attached.session()
    }
}
