//! The signature of an approver's own key under an answer, asked of the agent on their machine (`ssh -A`).
//!
//! Invariant: the agent is asked for one thing, the text of one answer, by the key that was proved in this connection, and
//! what it gives counts only once it was verified. Whatever the agent says costs a bounded time and memory. Whether an
//! answer counts is not decided here: the hold does that.

use std::time::Duration;

use jiff::Timestamp;
use russh::ChannelMsg;
use russh::keys::PublicKey;

use super::{Operations, Refusal, failed};
use crate::accept::{ClientChannel, ClientConnection};
use crate::agent::{self, AgentError, Messages};
use crate::certificate::fingerprint;
use crate::domain::answer::{SignedAnswer, Statement};
use crate::domain::command::CommandDigest;
use crate::domain::hold::Reply;
use crate::domain::id::HoldId;
use crate::flow::Item;
use crate::relay::client::Client;
use crate::relay::start::Start;
use crate::signature;

/// How long an agent may take to tell its keys, and a person to touch one or to allow its use.
const SIGNING_TIME: Duration = Duration::from_secs(60);
/// How long the end of the agent's channel may take.
const ENDING_TIME: Duration = Duration::from_secs(5);

/// The way to an approver's agent.
pub enum ApproverAgent {
    /// The client passes it on.
    Forwarded(ClientConnection),
    /// The client does not.
    Absent,
}

impl ApproverAgent {
    /// That of the client who started one of the bastion's own commands.
    pub fn of(start: &Start, client: &Client) -> Self {
        match start.agent {
            true => Self::Forwarded(client.connection().clone()),
            false => Self::Absent,
        }
    }
}

/// When an answer is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// Where policy asks for it: nobody touches a key for nothing.
    WhereRequired,
    /// Always: the person asked for it.
    Always,
}

impl Operations<'_> {
    /// The reply with the signature that it needs; `tell`s that a key is asked for one. `shown` is the digest of what the person saw, as in
    /// [`Operations::answer`], which also refuses what comes without a signature that it needs.
    ///
    /// # Errors
    /// When the request does not wait any more, is another, or the agent does not sign.
    pub async fn signed(
        &self,
        id: &HoldId,
        shown: Option<&CommandDigest>,
        reply: Reply,
        agent: &ApproverAgent,
        sign: Sign,
        tell: impl AsyncFnOnce(&str),
    ) -> Result<Reply, Refusal> {
        let approvals = &self.visit.services.approvals;
        let hold = approvals.waiting_hold(id).await.map_err(failed)?;
        // Nobody touches a key for what is refused anyway.
        let counts = shown.is_none_or(|shown| shown == hold.digest())
            && hold.request().requester.subject != self.me().subject
            && self.may_answer(hold.request());
        let wanted = sign == Sign::Always || hold.needs_signature(reply.answer);
        let connection = match (wanted && counts, agent, sign) {
            (true, ApproverAgent::Forwarded(connection), _) => connection,
            (true, ApproverAgent::Absent, Sign::Always) => {
                return Err("there is no agent to sign with: connect with `ssh -A`".to_owned());
            }
            (false, _, _) | (true, ApproverAgent::Absent, Sign::WhereRequired) => {
                return Ok(reply);
            }
        };
        // To the second: it is read by people, in what they sign.
        let now = Timestamp::from_second(Timestamp::now().as_second()).map_err(failed)?;
        let statement = hold.statement(self.me(), &reply, now);
        tell(&format!(
            "your agent is asked to sign with {}: allow it, or touch the key",
            fingerprint(&self.visit.key)
        ))
        .await;
        let signed = self.ask_agent(connection, statement).await?;
        Ok(Reply {
            signed: Some(Box::new(signed)),
            ..reply
        })
    }

    async fn ask_agent(
        &self,
        connection: &ClientConnection,
        statement: Statement,
    ) -> Result<SignedAnswer, Refusal> {
        let key = &self.visit.key;
        let mut agent = Conversation::open(connection).await?;
        let signed = tokio::time::timeout(SIGNING_TIME, agent.sign(key, &statement)).await;
        agent.close().await;
        let late = |_| {
            let seconds = SIGNING_TIME.as_secs();
            format!("your agent did not sign within {seconds} s")
        };
        let armored = signed.map_err(late)??;
        signature::verify(statement, key, armored)
            .map_err(|error| format!("what your agent signed does not count: {error}"))
    }
}

/// One channel to the agent.
struct Conversation {
    channel: ClientChannel,
    messages: Messages,
}

impl Conversation {
    async fn open(connection: &ClientConnection) -> Result<Self, Refusal> {
        let opened = connection.open_agent().await;
        let channel = opened.map_err(|error| format!("your agent is not reached: {error}"))?;
        Ok(Self {
            channel,
            messages: Messages::default(),
        })
    }

    /// The signature of a key over a statement, in its armor; not verified.
    async fn sign(&mut self, key: &PublicKey, statement: &Statement) -> Result<String, Refusal> {
        let keys = self.ask(&agent::identities_request()).await?;
        if !agent::has(&keys, key).map_err(unreadable)? {
            return Err(format!(
                "your agent does not have the key {} that you log in with: `ssh-add` it",
                fingerprint(key)
            ));
        }
        let data = signature::to_sign(statement).map_err(failed)?;
        let request = agent::sign_request(key, &data).map_err(failed)?;
        let answer = self.ask(&request).await?;
        let signature = agent::signature_in(&answer).map_err(unreadable)?;
        let signature = signature.ok_or("your agent refused to sign")?;
        signature::armored(key, signature).map_err(failed)
    }

    async fn ask(&mut self, message: &[u8]) -> Result<Vec<u8>, Refusal> {
        let gone = || "your agent went away".to_owned();
        let framed = agent::framed(message).map_err(failed)?;
        let sent = self.channel.output.data_bytes(framed).await;
        sent.map_err(|_| gone())?;
        loop {
            if let Some(answer) = self.messages.take().map_err(unreadable)? {
                return Ok(answer);
            }
            match self.channel.input.next().await.ok_or_else(gone)? {
                Item::Data(data) => self.messages.push(data.bytes()),
                Item::Message(ChannelMsg::Eof) => return Err(gone()),
                Item::Extended(..) | Item::Message(_) => {}
            }
        }
    }

    async fn close(self) {
        let ending = async {
            let _ = self.channel.output.eof().await;
            let _ = self.channel.output.close().await;
        };
        let _ = tokio::time::timeout(ENDING_TIME, ending).await;
    }
}

fn unreadable(error: AgentError) -> Refusal {
    format!("your agent's answer cannot be read: {error}")
}
