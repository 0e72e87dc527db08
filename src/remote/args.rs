//! The options that name other hosts.

use std::path::PathBuf;

use clap::Args;

use crate::error::Error;

const SSH: &str = "ssh";
const REMOTE: &str = "sudo -n opentop";

/// Which hosts, and how they are reached.
#[derive(Clone, Debug, Args)]
pub struct RemoteArgs {
    /// Show these hosts instead of this one, by ssh: names as ssh knows them, user@host too. Each needs opentop in its
    /// PATH and leave to run it with sudo without a password. Needs no privileges here
    #[arg(long, value_name = "HOST[,HOST]", value_delimiter = ',', help_heading = "Hosts")]
    pub host: Vec<String>,
    /// The same of all hosts in this file, one a line; # begins a comment
    #[arg(long, value_name = "FILE", help_heading = "Hosts")]
    pub hosts: Option<PathBuf>,
    /// How to call ssh, such as "ssh -F /etc/ssh/fleet.conf"; blanks separate its arguments
    #[arg(long, value_name = "COMMAND", default_value = SSH, help_heading = "Hosts")]
    pub ssh: String,
    /// How opentop is called on those hosts, such as /opt/opentop where it has the capabilities
    #[arg(long, value_name = "COMMAND", default_value = REMOTE, help_heading = "Hosts")]
    pub remote: String,
}

impl RemoteArgs {
    /// Whether there are other hosts.
    pub fn is_given(&self) -> bool {
        !self.host.is_empty() || self.hosts.is_some()
    }

    /// Refuses what says how hosts are reached: none is named.
    pub(super) fn without_hosts(&self) -> Result<(), Error> {
        if self.ssh == SSH && self.remote == REMOTE {
            return Ok(());
        }
        let what = "--ssh and --remote are for other hosts, and none is named: add --host or --hosts".to_owned();
        Err(Error::Unfit { options: &["ssh", "remote"], what })
    }
}
