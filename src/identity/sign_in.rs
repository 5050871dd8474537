//! One sign-in as its terminal sees it: what to show, and waiting in slices.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::domain::principal::VerifiedIdentity;
use crate::identity::error::IdentityError;
use crate::identity::pending::Outcome;

/// A sign-in in progress. Dropping it withdraws it.
pub struct SignIn {
    instructions: String,
    way: Way,
}

/// Where a sign-in stands after a slice of waiting.
#[derive(Debug)]
pub enum Progress {
    /// Nobody has signed in yet.
    Waiting,
    /// Somebody did.
    Done(VerifiedIdentity),
    /// It is over, and nothing was granted.
    Failed(IdentityError),
}

enum Way {
    Browser {
        outcome: oneshot::Receiver<Outcome>,
        deadline: Instant,
    },
    /// A task of its own: an answer that arrives between two slices is not lost.
    Device(AbortOnDropHandle<Outcome>),
    Over,
}

impl SignIn {
    pub(super) fn browser(
        instructions: String,
        outcome: oneshot::Receiver<Outcome>,
        ttl: Duration,
    ) -> Self {
        let deadline = Instant::now() + ttl;
        Self {
            instructions,
            way: Way::Browser { outcome, deadline },
        }
    }

    pub(super) fn device(instructions: String, polling: AbortOnDropHandle<Outcome>) -> Self {
        Self {
            instructions,
            way: Way::Device(polling),
        }
    }

    /// What to show in the terminal, without a line end at its end.
    pub fn instructions(&self) -> &str {
        &self.instructions
    }

    /// Waits for the outcome, at the most for `slice`. After the outcome there is nothing more to wait for.
    pub async fn wait(&mut self, slice: Duration) -> Progress {
        let outcome = match &mut self.way {
            Way::Over => Some(Err(IdentityError::Expired)),
            Way::Device(polling) => match timeout(slice, polling).await {
                Ok(ended) => Some(ended.unwrap_or(Err(IdentityError::Interrupted))),
                Err(_) => None,
            },
            Way::Browser { outcome, deadline } => {
                let until = (*deadline).min(Instant::now() + slice);
                match timeout_at(until, outcome).await {
                    Ok(Ok(outcome)) => Some(outcome),
                    Ok(Err(_)) if Instant::now() >= *deadline => Some(Err(IdentityError::Expired)),
                    // Its other half was dropped without a word: a callback was cut off.
                    Ok(Err(_)) => Some(Err(IdentityError::Interrupted)),
                    Err(_) if Instant::now() >= *deadline => Some(Err(IdentityError::Expired)),
                    Err(_) => None,
                }
            }
        };
        let Some(outcome) = outcome else {
            return Progress::Waiting;
        };
        self.way = Way::Over;
        match outcome {
            Ok(identity) => Progress::Done(identity),
            Err(error) => Progress::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_terminal_that_leaves_stops_the_polling() {
        let (polling, mut stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let _polling = polling;
            std::future::pending().await
        });
        let mut sign_in = SignIn::device(String::new(), AbortOnDropHandle::new(task));
        let progress = sign_in.wait(Duration::from_millis(1)).await;
        assert!(matches!(progress, Progress::Waiting));
        assert_eq!(stopped.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        drop(sign_in);
        assert!(stopped.await.is_err());
    }

    #[tokio::test]
    async fn a_callback_that_was_cut_off_ends_the_sign_in() {
        let (callback, outcome) = oneshot::channel();
        let mut sign_in = SignIn::browser(String::new(), outcome, Duration::from_secs(300));
        drop(callback);
        for expected in [IdentityError::Interrupted, IdentityError::Expired] {
            match sign_in.wait(Duration::from_secs(5)).await {
                Progress::Failed(error) => assert_eq!(error, expected),
                Progress::Waiting | Progress::Done(_) => panic!("it goes on"),
            }
        }
    }
}
