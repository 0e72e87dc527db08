//! Who a process is, as fields of a popup: a process of the ranking, and what the details of an event add about its
//! own.

use super::context::Context;
use super::popup::{Popup, fields_popup, wrap_anywhere};
use crate::clock::time;
use crate::escape::escape;
use crate::event::ProcessName;
use crate::format::{group_digits, percent, rate, uptime};
use crate::names::Cgroup;
use crate::names::process::{COUNTED_MAX, Descriptors, Identity, Unknown};
use crate::ranking::descriptors::Level;
use crate::ranking::openers::Row;
use crate::tui::app::App;
use crate::tui::app::who::{IdentityState, Who};

const WIDTH: u16 = 100;
const DATE: &str = "%Y-%m-%d %H:%M:%S %Z";

type Fields = Vec<(&'static str, String)>;

/// A process of the ranking.
pub(super) fn popup(app: &App, who: &Who, row: &Row, whose: &str, context: &Context<'_>) -> Popup {
    let ((_, pid), start_ns) = who.id;
    let mut fields = vec![("process", format!("{pid} {}{}", name(&row.comm), if row.ended { " (ended)" } else { "" }))];
    if let Some(uid) = row.uid {
        fields.push(("user", format!("{} ({uid})", context.names.user_of(row.host, uid))));
    }
    fields.extend(self::fields(who));
    let sample = row.last.and_then(|id| app.events.live().log.get(id));
    let known = sample.and_then(|event| context.names.cgroup(event.cgroup)).cloned();
    let cgroup = match &who.identity {
        IdentityState::Running(identity) => identity.cgroup.as_ref().ok().map(|path| Cgroup::new(path)),
        _ => None,
    };
    // The events know the names of containers, too.
    if let Some(cgroup) = known.or(cgroup) {
        let text = |text: &Option<Vec<u8>>| text.as_ref().map(|text| escape(text));
        fields.extend(text(&cgroup.container).map(|container| ("container", container)));
        fields.extend(text(&cgroup.unit).map(|unit| ("unit", unit)));
        fields.push(("cgroup", escape(&cgroup.path)));
    }
    if let (Some(event), 1..) =
        (sample.or_else(|| app.events.live().log.iter_from(0).next().map(|(_, event)| event)), start_ns)
    {
        let at_ns = event.time_ns.saturating_sub(event.ts_ns).saturating_add(start_ns);
        let age = app.ranking.read_ns().saturating_sub(start_ns);
        let age = uptime(std::time::Duration::from_nanos(age));
        fields.push(("started", format!("{}, {age} ago", time(at_ns, context.time_zone, DATE))));
    }
    let failed = percent(row.failed_share());
    let per_second = row.rate.map_or_else(String::new, |per_second| format!(", {} a second", rate(per_second)));
    fields.push(("opens", format!("{}{whose}{per_second}, {failed}% failed", group_digits(row.opens))));
    if let Some(level) = row.descriptors
        && let Some(growth) = level.growth
    {
        let remark = match level {
            _ if level.is_full() => ": the limit is reached",
            Level { grows: true, .. } => ": it grows all the time",
            _ => "",
        };
        let growth = match growth.abs() {
            0.0..0.05 => "none".to_owned(),
            _ => format!("{growth:+.1} descriptors a second"),
        };
        fields.push(("growth", format!("{growth} in the last minute{remark}")));
    }
    fields_popup(format!("process {pid}"), &fields, wrap_anywhere, WIDTH, app.size)
}

fn name(comm: &[u8]) -> String {
    if comm.is_empty() { "(unknown)".to_owned() } else { escape(comm) }
}

/// The label of why a file may not be opened.
pub(super) const DENIED: &str = "denied";

/// What is told of a process.
pub(super) fn fields(who: &Who) -> Fields {
    let mut fields = Vec::new();
    match &who.identity {
        IdentityState::Running(identity) => fields.extend(of_running(identity)),
        identity => {
            let now = match identity {
                IdentityState::Unavailable(why) => (*why).to_owned(),
                IdentityState::Asked => "asking /proc ...".to_owned(),
                IdentityState::Ended | IdentityState::Running(_) => {
                    "ended: this is what its events and the counts know".to_owned()
                }
            };
            fields.push(("now", now));
            let (exe, parent) = named(who);
            let ran = |path: &Vec<u8>| ("ran", format!("{} (by its exec event)", escape(path)));
            fields.extend(exe.map(|exe| ("exe", exe)).or_else(|| who.executed.as_ref().map(ran)));
            if !who.parents.is_empty() {
                fields.push(("parents", format!("{} (by the counts)", chain(&who.parents))));
            } else if let Some(parent) = parent {
                fields.push(("parents", parent));
            }
        }
    }
    fields.extend(who.denied_by.as_ref().map(|denied| (DENIED, denied.clone())));
    fields
}

/// The program and the parent that were told.
fn named(who: &Who) -> (Option<String>, Option<String>) {
    let Some((ProcessName { exe, parent, ppid, .. }, from)) = &who.named else { return (None, None) };
    let exe = exe.as_ref().map(|exe| format!("{} ({from})", escape(exe)));
    (exe, parent.as_ref().map(|parent| format!("{} ({ppid}) ({from})", escape(parent))))
}

fn of_running(identity: &Identity) -> Fields {
    let or_why = |text: &Result<Vec<u8>, Unknown>| text.as_ref().map_or_else(|why| words(*why), |text| escape(text));
    let command_line = match &identity.command_line {
        // Only a thread of the kernel runs no file; a program may have wiped its own arguments.
        Ok(line) if line.is_empty() && identity.executable == Err(Unknown::None) => {
            "- (a thread of the kernel)".to_owned()
        }
        Ok(line) if line.is_empty() => "- (none is left)".to_owned(),
        Ok(line) => shown_command_line(line, identity.cut),
        Err(why) => words(*why),
    };
    vec![
        ("cmdline", command_line),
        ("exe", or_why(&identity.executable)),
        ("cwd", or_why(&identity.directory)),
        ("parents", if identity.parents.is_empty() { "none".to_owned() } else { chain(&identity.parents) }),
        ("fds", identity.descriptors.map_or_else(words, |found| shown_descriptors(&found))),
        ("threads", group_digits(identity.threads.into())),
    ]
}

fn words(why: Unknown) -> String {
    match why {
        Unknown::NotPermitted => "not permitted: needs CAP_SYS_PTRACE".to_owned(),
        Unknown::None => "-".to_owned(),
        Unknown::Many => format!("more than {}", group_digits(COUNTED_MAX as u64)),
    }
}

/// Arguments as a shell would need them, as far as blanks go.
fn shown_command_line(line: &[u8], cut: bool) -> String {
    let line = line.strip_suffix(b"\0").unwrap_or(line);
    let arguments = line.split(|byte| *byte == 0).map(|argument| match escape(argument) {
        plain if plain.is_empty() || plain.contains(' ') => format!("\"{plain}\""),
        plain => plain,
    });
    let mut shown = arguments.collect::<Vec<_>>().join(" ");
    if cut {
        shown.push_str(" ... (cut)");
    }
    shown
}

fn chain(parents: &[(u32, Vec<u8>)]) -> String {
    let parents: Vec<_> = parents.iter().map(|(pid, comm)| format!("{} ({pid})", name(comm))).collect();
    parents.join(" < ")
}

/// As `812/1024`.
fn shown_descriptors(&Descriptors { open, limit }: &Descriptors) -> String {
    match limit {
        Some(limit) => format!("{open}/{limit}"),
        None => format!("{open}, no limit"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_can_be_told_apart_and_hold_nothing_that_a_terminal_obeys() {
        assert_eq!(shown_command_line(b"cat\0a b\0\0-\0", false), r#"cat "a b" "" -"#);
        assert_eq!(shown_command_line(b"\x1b[2Jx\0", false), r"\x1b[2Jx");
        assert_eq!(shown_command_line(b"sh\0aaa", true), "sh aaa ... (cut)");
    }
}
