//! What is known of several hosts, where there are several.

use std::sync::Arc;

use super::{App, Dirty, Mode};
use crate::message::HostNews;

impl App {
    pub(super) fn take_host(&mut self, news: HostNews) {
        match news {
            HostNews::User { host, uid, name } => Arc::make_mut(&mut self.names).learn_user(host, uid, &name),
            HostNews::State { host, state } => {
                if let Some(known) = usize::from(host).checked_sub(1).and_then(|at| self.hosts.get_mut(at)) {
                    *known = state;
                }
            }
            HostNews::Gone(source) => self.ranking.lose(source),
        }
        self.touch(Dirty::Data);
    }

    pub(super) fn show_hosts(&mut self) {
        if self.hosts.is_empty() {
            self.say("only this host is shown: opentop --host web1,web2 shows several");
        } else {
            self.open_over(Mode::Hosts { scroll: 0 });
        }
    }

    /// The terms of the filter in force that events are left out by before they come here: other hosts do all of it.
    pub(super) fn left_out_terms(&self) -> Vec<String> {
        if self.hosts.is_empty() {
            return self.filter.kernel_terms();
        }
        self.filter.checked_by().into_iter().map(|(part, _)| part).collect()
    }

    /// How many of the hosts are seen, and how many there are; `None` where there is but one.
    pub fn hosts_up(&self) -> Option<(usize, usize)> {
        let up = self.hosts.iter().filter(|host| host.link.is_up()).count();
        (!self.hosts.is_empty()).then_some((up, self.hosts.len()))
    }
}
