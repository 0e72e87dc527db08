//! The man page, made from the tables that the program itself uses.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use opentop::cli::Cli;
use opentop::filter::FIELDS;
use opentop::message::Cause;
use opentop::tui::app::keymap::{PROMPT_HELP, SECTIONS};

use super::{EXAMPLES, EXIT_STATUS, JSON_FIELDS, OPTIONAL, REPORT_LINES, about, own_arguments, value_name};

pub fn man_page() -> Vec<u8> {
    let command = Cli::command();
    let man = Man::new(command.clone().disable_help_subcommand(true)).manual("User Commands");
    let mut page = Vec::new();
    let parts = [Man::render_title, Man::render_name_section, Man::render_synopsis_section];
    let more = [Man::render_description_section, Man::render_options_section];
    for part in parts.into_iter().chain(more) {
        part(&man, &mut page).expect("a vector takes all that is written");
    }
    let reports = listed("REPORTS IN JSON", &REPORT_LINES);
    let losses = listed("LOSSES BY CAUSE", &Cause::ALL.map(|cause| (cause.name(), cause.about())));
    for section in [
        subcommands(&command),
        filters(),
        keys(),
        json(),
        losses,
        reports,
        listed("EXIT STATUS", &EXIT_STATUS),
        examples(),
    ] {
        page.extend_from_slice(section.to_roff().as_bytes());
    }
    page
}

/// What each subcommand does, and the arguments that only it has.
fn subcommands(command: &Command) -> Roff {
    let mut page = section("SUBCOMMANDS");
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        entry(&mut page, &format!("opentop {}", sub.get_name()), &about(sub.get_about()));
        for arg in own_arguments(command, sub) {
            let name = match (arg.get_long(), value_name(arg)) {
                (Some(long), None) => format!("--{long}"),
                (Some(long), Some(value)) => format!("--{long} {value}"),
                (None, value) => value.unwrap_or_default().to_owned(),
            };
            page.control("RS", []);
            entry(&mut page, &name, &about(arg.get_help()));
            page.control("RE", []);
        }
    }
    page.control("PP", []);
    page.text([roman(
        "Record takes all options but those of the screen and of lines, replay those that do not concern the kernel.",
    )]);
    page
}

fn filters() -> Roff {
    let mut page = section("FILTER LANGUAGE");
    page.text([
        roman("Of "),
        bold("--filter"),
        roman(" and of the prompt behind "),
        bold("/"),
        roman(
            ". Terms are separated by blanks and all must hold; ! before a term negates it. OR stands between \
             alternatives and binds less tightly than a blank, and brackets group, as in (comm:cat OR comm:less) \
             err:any; a bracket that is closed within its word is one of a regex. A term is FIELD:VALUE, @NAME for a \
             filter that has this name, or a regex alone, which matches the command or the path. Values with commas \
             are alternatives. A regex ignores case unless an upper-case letter stands in it; = before a text asks for \
             exactly that text. Quotes keep blanks. Names are matched as they are, not as they are shown: ",
        ),
        bold(r"\\"),
        roman(" finds a backslash, "),
        bold(r"\x1b"),
        roman(" an ESC, and "),
        bold(r"(?-u:\xff)"),
        roman(" the byte 0xff, which is no character."),
    ]);
    for field in &FIELDS {
        entry(&mut page, &format!("{}:{}", field.names.join(": or "), field.value), field.about);
    }
    page
}

fn keys() -> Roff {
    let mut page = section("KEYS");
    for part in &SECTIONS {
        page.control("SS", [part.title]);
        for binding in part.bindings {
            let keys: Vec<_> = binding.keys.iter().map(|key| key.label()).collect();
            entry(&mut page, &keys.join("  "), binding.does);
        }
    }
    page.control("SS", ["In the filter prompt"]);
    PROMPT_HELP.iter().for_each(|(keys, does)| entry(&mut page, keys, does));
    page
}

fn json() -> Roff {
    let mut page = section("JSON");
    page.text([
        roman("With "),
        bold("-o json"),
        roman(
            " each line is an object. An open has the fields below. Besides there are lines of type lost (cause and \
             count, when it happens) and, last, summary (opens, failed, delivered, dropped, hooks, filtered, hidden, \
             lost). With --host those of type host tell how a host is, and what it has counted. With --batch a line of \
             type table is followed by one of type opener for each row. A recording is the same, compressed by zstd, \
             behind a line of type header.",
        ),
    ]);
    JSON_FIELDS.iter().chain(&OPTIONAL).for_each(|(name, what)| entry(&mut page, name, what));
    page
}

fn examples() -> Roff {
    listed("EXAMPLES", &EXAMPLES)
}

fn listed(title: &str, entries: &[(&str, &str)]) -> Roff {
    let mut page = section(title);
    entries.iter().for_each(|(name, what)| entry(&mut page, name, what));
    page
}

pub fn section(title: &str) -> Roff {
    let mut page = Roff::new();
    page.control("SH", [title]);
    page
}

fn entry(page: &mut Roff, name: &str, what: &str) {
    let (name, value) = name.split_once(' ').filter(|(name, _)| name.starts_with('-')).unwrap_or((name, ""));
    page.control("TP", []);
    match value {
        "" => page.text([bold(name)]),
        value => page.text([bold(name), roman(" "), italic(value)]),
    };
    page.text([roman(what)]);
}
