//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

/// Its media type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page of metrics that is being written.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric. `kind`: `counter`, `gauge`, `histogram`.
    pub fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One series.
    pub fn series(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{}\"", quoted(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{end} {value}");
    }

    /// A metric that is one series without labels.
    pub fn single(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.series(name, &[], value);
    }

    pub fn finish(self) -> String {
        self.0
    }
}

/// The value of a label as the format quotes it.
fn quoted(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_leave_their_quotes() {
        let mut page = Page::default();
        page.metric("a_total", "counter", "What it is.");
        page.series("a_total", &[("x", "q\"} 1\nb_total 2"), ("y", r"back\slash")], 3);
        page.single("b", "gauge", "Another.", 0.5);
        assert_eq!(
            page.finish(),
            "# HELP a_total What it is.\n# TYPE a_total counter\n\
             a_total{x=\"q\\\"} 1\\nb_total 2\",y=\"back\\\\slash\"} 3\n\
             # HELP b Another.\n# TYPE b gauge\nb 0.5\n"
        );
    }
}
