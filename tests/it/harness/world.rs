//! The usual set of parts: one identity provider, one bastion, one `sshd` that is two targets.

use super::bastion::{Bastion, Options, TargetHost};
use super::idp::Idp;
use super::person::Person;
use super::sshd::{Sshd, login};

/// A bastion that serves, in front of `db1` (production) and `web1` (staging).
pub(crate) struct World {
    // Dropped in this order: the bastion before what it talks to.
    pub(crate) bastion: Bastion,
    pub(crate) sshd: Sshd,
    pub(crate) idp: Idp,
}

impl World {
    /// With the usual options.
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    /// With options of the test's own.
    pub(crate) fn with(options: Options) -> Self {
        let mut world = Self::configured(options);
        world.bastion.serve();
        world
    }

    /// With a bastion that is configured and does not serve yet.
    pub(crate) fn configured(options: Options) -> Self {
        let bastion = Bastion::prepare(options);
        let idp = Idp::start(&bastion.callback());
        bastion.configure(&idp, &[]);
        bastion.make_keys();
        let sshd = match bastion.host() {
            Some(name) => Sshd::on_host(name),
            None => Sshd::with_shell(&bastion.user_ca(), bastion.shell()),
        };
        let world = Self { bastion, sshd, idp };
        world.bastion.configure(&world.idp, &world.targets());
        if world.bastion.host().is_some() {
            let setup = world.bastion.command(&["target", "setup", "db1"]);
            world.sshd.set_up(&setup.expect_success().text());
        }
        world
    }

    /// The targets that the bastion is told of.
    pub(crate) fn targets(&self) -> [TargetHost<'_>; 2] {
        [("db1", "production"), ("web1", "staging")].map(|(name, environment)| TargetHost {
            name,
            environment,
            layers: &["line"],
            sshd: &self.sshd,
        })
    }

    /// Somebody who has not signed in.
    pub(crate) fn stranger(&self, name: &'static str) -> Person {
        Person::new(&self.bastion, name)
    }

    /// Somebody who has signed in.
    pub(crate) fn person(&self, name: &'static str) -> Person {
        let person = self.stranger(name);
        person.sign_in(&self.idp);
        person
    }
}

/// Both ways to name the staging target to OpenSSH: through `ProxyJump`, and in the user name.
pub(crate) fn routes() -> [String; 2] {
    ["web1".to_owned(), format!("{}@web1@bastion", login())]
}
