//! Hosts with the sudo gate: real sudo, real PAM, set up by what `countersign target setup` prints.

use super::bastion::{Bastion, Options, TargetHost};
use super::idp::Idp;
use super::person::Person;
use super::sshd::Sshd;

/// A bastion in front of `db1`, a production target with the sudo gate, and maybe more of them.
pub(crate) struct Gated {
    // Dropped in this order: the bastion before what it talks to.
    pub(crate) bastion: Bastion,
    pub(crate) hosts: Vec<(&'static str, Sshd)>,
    pub(crate) idp: Idp,
    layers: &'static [&'static str],
}

impl Gated {
    /// One that serves, with hosts of these names.
    pub(crate) fn with(policy: &'static str, names: &[&'static str]) -> Self {
        Self::layered(Some(policy), names, &["sudo"])
    }

    /// One host whose typed lines are read as well, under the policies that come with Countersign.
    pub(crate) fn with_lines() -> Self {
        Self::layered(None, &["db1"], &["line", "sudo"])
    }

    fn layered(
        policy: Option<&'static str>,
        names: &[&'static str],
        layers: &'static [&'static str],
    ) -> Self {
        let bastion = Bastion::prepare(Options {
            policy,
            ..Options::default()
        });
        let idp = Idp::start(&bastion.callback());
        bastion.configure(&idp, &[]);
        bastion.make_keys();
        let hosts = names.iter().map(|name| (*name, Sshd::on_host(name)));
        let mut gated = Self {
            hosts: hosts.collect(),
            bastion,
            idp,
            layers,
        };
        gated.bastion.configure(&gated.idp, &gated.targets());
        for (name, host) in &gated.hosts {
            let setup = gated.bastion.command(&["target", "setup", name]);
            host.set_up(&setup.expect_success().text());
        }
        gated.bastion.serve();
        gated
    }

    fn targets(&self) -> Vec<TargetHost<'_>> {
        let target = |(name, sshd)| TargetHost {
            name,
            environment: "production",
            layers: self.layers,
            sshd,
        };
        self.hosts
            .iter()
            .map(|(name, sshd)| target((*name, sshd)))
            .collect()
    }

    /// The first host.
    pub(crate) fn host(&self) -> &Sshd {
        &self.hosts[0].1
    }

    /// Somebody who has signed in.
    pub(crate) fn person(&self, name: &'static str) -> Person {
        let person = Person::new(&self.bastion, name);
        person.sign_in(&self.idp);
        person
    }
}
