//! A sudo whose very words others approved a moment ago, as a command or a line of the same session: they are not asked
//! again.
//!
//! Why that is safe: what they approved is the text that starts this sudo, word by word, for this login on this host in
//! this session; it was cleared to run once, and the approval is used up by the first sudo that asks. A function or alias
//! that stands between them can make no other words pass: these are compared as the target's PAM reports them. Nobody
//! approved a folder: a dotfile can change a command's, and a line may have been approved for the one on its screen, so
//! only what means the same in every folder follows. And those who approved must be people who may approve this sudo, as
//! the gate reads it, with all that policy asks of it now.

use jiff::{SignedDuration, Timestamp};

use super::{NotSigned, SudoGate};
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Reading};
use crate::domain::hold::{Clearance, Resolved};
use crate::domain::id::HoldId;
use crate::domain::request::ApprovalRequest;
use crate::domain::sudo::SudoRequest;

/// How long after an approval its sudo may come: a login shell starts in between.
const MOMENT: SignedDuration = SignedDuration::from_secs(60);
/// Programs that mean the same in every folder, unless a word of theirs is a path or changes where they look.
const ANYWHERE: [&str; 7] = [
    "systemctl",
    "service",
    "reboot",
    "shutdown",
    "id",
    "whoami",
    "true",
];
/// Words of [`ANYWHERE`] that take a path which need not look like one.
const PLACES: [&str; 4] = ["link", "--root", "--image", "-D"];

/// Requests that ended last, among which one is looked for.
const LOOKED_AT: u32 = 100;

impl SudoGate {
    /// The clearance by an approval of the same words, with the hold it was given for.
    pub(super) async fn precedent(
        &self,
        request: &SudoRequest,
        command: &Command,
        reading: &Reading,
        (action, requirements): (Action, &Requirements),
    ) -> Result<Option<(Clearance, HoldId)>, NotSigned> {
        // In company it is not known whose sudo it is.
        let alone = reading
            .sudo
            .as_ref()
            .is_some_and(|facts| facts.company.is_empty());
        if !alone || !request.is_whole() {
            return Ok(None);
        }
        let services = &self.of.visit.services;
        let ended = services
            .approvals
            .history(LOOKED_AT)
            .await
            .map_err(NotSigned::because)?;
        let now = Timestamp::now();
        let policy = services.policy.current();
        for resolved in ended {
            let request_now = ApprovalRequest {
                action,
                command: command.clone(),
                reading: reading.clone(),
                ..resolved.hold().request().clone()
            };
            let approvals = resolved.hold().approvals();
            let enough = policy.would_do(approvals, &request_now, requirements, now);
            if !enough || !may_follow(&resolved, reading, now) {
                continue;
            }
            let Ok(clearance) = resolved.clear_sudo(command.clone(), request.arguments()) else {
                continue;
            };
            let hold = resolved.hold().request().hold.clone();
            if self.memory.use_up(&hold) {
                let event = AuditEvent::Released {
                    hold: hold.clone(),
                    session: self.of.session,
                    digest: command.digest(),
                };
                services
                    .audit
                    .append(event, now)
                    .await
                    .map_err(NotSigned::because)?;
                return Ok(Some((clearance, hold)));
            }
        }
        Ok(None)
    }
}

/// Whether a sudo may follow from what was approved: lately, as a sudo, and whatever folder it is called in.
fn may_follow(resolved: &Resolved, reading: &Reading, now: Timestamp) -> bool {
    let recent = now.duration_since(resolved.at()) <= MOMENT;
    resolved.hold().request().action == Action::Sudo && recent && means_the_same_anywhere(reading)
}

fn means_the_same_anywhere(reading: &Reading) -> bool {
    let [only] = reading.commands.as_slice() else {
        return false;
    };
    let elsewhere =
        |word: &String| word.contains('/') || PLACES.iter().any(|place| word.starts_with(place));
    ANYWHERE.contains(&only.program.as_str())
        && !reading.is_opaque()
        && !only.words.iter().skip(1).any(elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect;

    #[test]
    fn what_may_depend_on_the_folder_does_not_follow() {
        let follows = |words: &[&str]| {
            means_the_same_anywhere(&inspect::sudo::read(&SudoRequest::for_tests(words)))
        };
        assert!(follows(&["sudo", "systemctl", "restart", "a@1.service"]));
        assert!(follows(&["sudo", "-u", "root", "/usr/bin/id", "-u"]));
        for words in [
            &["sudo", "./systemctl", "restart", "a"][..],
            &["sudo", "systemctl", "link", "a.service"],
            &["sudo", "systemctl", "--root=x", "enable", "a"],
            &["sudo", "systemctl", "enable", "./a.service"],
            &["sudo", "dpkg", "-i", "a.deb"],
            &["sudo", "make"],
            &["sudo", "rm", "-rf", "postgresql"],
            &["sudo", "journalctl", "--file", "x"],
            &["sudo", "bash", "-c", "id; id"],
            &["sudo", "-i"],
        ] {
            assert!(!follows(words), "{words:?}");
        }
    }
}
