//! A sudo whose very words others approved a moment ago, as a command or a line of the same session: they are not asked
//! again.
//!
//! Why that is safe: what they approved is the text that starts this sudo, word by word, for this login on this host in
//! this session; it was cleared to run once, and the approval is used up by the first sudo that asks. A function or alias
//! that stands between them can make no other words pass: these are compared as the target's PAM reports them. What
//! policy asks of the sudo now must not be more than they gave. A command starts in the login's home, where the requester
//! can put what they like anyway; a line may have been approved for the folder on its screen, so only what means the same
//! in every folder follows from one.

use jiff::{SignedDuration, Timestamp};

use super::{NotSigned, SudoGate};
use crate::domain::action::{Action, Requirements};
use crate::domain::audit::AuditEvent;
use crate::domain::command::{Command, Layer, Reading};
use crate::domain::hold::{Clearance, Resolved};
use crate::domain::id::HoldId;
use crate::domain::sudo::SudoRequest;

/// How long after an approval its sudo may come: a login shell starts in between.
const MOMENT: SignedDuration = SignedDuration::from_secs(60);
/// Programs that mean the same in every folder, unless a word of theirs is a path or changes where they look.
const ANYWHERE: [&str; 8] = [
    "systemctl",
    "service",
    "journalctl",
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
        requirements: &Requirements,
    ) -> Result<Option<(Clearance, HoldId)>, NotSigned> {
        // In company it is not known whose sudo it is.
        let alone = reading
            .sudo
            .as_ref()
            .is_some_and(|facts| facts.company.is_empty());
        if !alone || !request.is_whole() {
            return Ok(None);
        }
        let services = &self.visit.services;
        let ended = services
            .approvals
            .history(LOOKED_AT)
            .await
            .map_err(NotSigned::because)?;
        let now = Timestamp::now();
        for resolved in ended {
            let enough =
                resolved.hold().approvals().len() >= usize::from(requirements.approvals.get());
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
                    session: self.session,
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

/// Whether a sudo may follow from what was approved: lately, as a sudo, and for the folder that it is called in.
fn may_follow(resolved: &Resolved, reading: &Reading, now: Timestamp) -> bool {
    let request = resolved.hold().request();
    let recent = now.duration_since(resolved.at()) <= MOMENT;
    let here = match request.command.layer {
        Layer::Line => means_the_same_anywhere(reading),
        Layer::Connect
        | Layer::Exec
        | Layer::Shell
        | Layer::Subsystem
        | Layer::Forward
        | Layer::Transfer
        | Layer::Sudo => true,
    };
    request.action == Action::Sudo && recent && here
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
    fn what_may_depend_on_the_folder_does_not_follow_from_a_line() {
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
            &["sudo", "bash", "-c", "id; id"],
            &["sudo", "-i"],
        ] {
            assert!(!follows(words), "{words:?}");
        }
    }
}
