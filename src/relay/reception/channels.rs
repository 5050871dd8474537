//! What a client wants of its connection once it is known: sessions, connections inside it, forwards.

use std::sync::Arc;

use super::{Door, Inside, Visit};
use crate::accept::{ClientChannel, Offer};
use crate::domain::name::TargetName;
use crate::domain::target::Asked;
use crate::relay::forwards::Forwards;
use crate::relay::opening::{self, Ahead};
use crate::relay::{console, listener, session};

impl Door {
    /// Serves the SSH connection that a client speaks inside a channel.
    pub(super) fn jump(&self, visit: Arc<Visit>, channel: ClientChannel, host: String) {
        let Ok(name) = host.to_ascii_lowercase().parse::<TargetName>() else {
            return;
        };
        let config = self.services.config();
        let known = config.target(&name);
        let predialled = known
            .filter(|target| opening::may_connect(&visit, target))
            .and_then(|target| opening::predial(&self.services, target));
        let target = known.map_or(name, |target| target.info.name.clone());
        let services = Arc::clone(&self.services);
        let inside = Inside {
            visit,
            typed: host,
            target,
            predialled,
        };
        let tasks = &self.services.tasks;
        tasks.spawn(async move { listener::serve_inside(services, channel, inside).await });
    }

    pub(super) fn reach(&mut self, visit: &Arc<Visit>, offer: Offer) {
        match self.forwards(visit) {
            Ok(forwards) => forwards.reach(offer),
            // Dropped, the channel is refused.
            Err(reason) => visit.notices.say(&reason),
        }
    }

    pub(super) fn forwards(&mut self, visit: &Arc<Visit>) -> Result<&Forwards, String> {
        let forwards = match self.forwards.take() {
            Some(forwards) => forwards,
            None => match self.asked()? {
                Asked::Target(destination) => Forwards::new(visit, &destination)?,
                Asked::Bastion => {
                    return Err("the bastion itself forwards nothing: name a target".to_owned());
                }
            },
        };
        Ok(self.forwards.insert(forwards))
    }
}

/// Runs what a session channel is for.
pub(super) async fn session_channel(
    visit: Arc<Visit>,
    asked: Result<Asked, String>,
    channel: ClientChannel,
    ahead: Option<Result<Ahead, String>>,
) {
    match (asked, ahead) {
        (Ok(Asked::Bastion), _) => console::run(visit, channel).await,
        (Ok(Asked::Target(_)), Some(Err(refusal))) | (Err(refusal), _) => {
            console::refuse(channel, visit.pulse.clone(), &refusal).await
        }
        (Ok(Asked::Target(destination)), Some(Ok(ahead))) => {
            session::run(visit, destination, channel, Some(ahead)).await;
        }
        (Ok(Asked::Target(destination)), None) => {
            session::run(visit, destination, channel, None).await
        }
    }
}
