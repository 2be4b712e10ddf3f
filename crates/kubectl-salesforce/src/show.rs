//! How does a result reach the terminal? Coloured where there is one, as JSON or YAML where that is asked for.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::builder::styling::{AnsiColor, Style};
use kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::cli::OutputFormat;
use crate::command_error::CommandError;

/// Colours, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    colours: bool,
}

impl Paint {
    pub const PLAIN: Self = Self { colours: false };
    pub const COLOURED: Self = Self { colours: true };

    /// Colours where standard output is a terminal and `NO_COLOR` is unset or empty (<https://no-color.org>).
    pub fn of_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            colours: std::io::stdout().is_terminal() && !unwanted,
        }
    }

    pub fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    pub fn doubtful(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.colours {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Prints a whole text at once.
pub fn print(text: &str) -> Result<ExitCode, CommandError> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map(|()| ExitCode::SUCCESS).map_err(CommandError::Output)
}

/// Objects as kubectl prints them: without the record of who manages which field.
pub fn objects(objects: &[DynamicObject], single: bool, format: OutputFormat) -> String {
    let mut items = objects.iter().map(clean);
    let value = match (single, items.len()) {
        (true, 1) => items.next().unwrap_or_default(),
        _ => {
            json!({ "apiVersion": "v1", "kind": "List", "metadata": {}, "items": items.collect::<Vec<_>>() })
        }
    };
    text(&value, format)
}

/// A value in a format; both end with a line break.
pub fn text(value: &Value, format: OutputFormat) -> String {
    match format {
        OutputFormat::Json => format!("{value:#}\n"),
        OutputFormat::Yaml => serde_yaml::to_string(value).unwrap_or_default(),
    }
}

fn clean(object: &DynamicObject) -> Value {
    let mut object = object.clone();
    object.metadata.managed_fields = None;
    serde_json::to_value(object).unwrap_or_default()
}

/// The next state of something that is watched: in place of the one before on a terminal, else below it.
pub fn next(text: &str, redraw: bool) -> String {
    if redraw && std::io::stdout().is_terminal() {
        format!("\x1b[H\x1b[2J{text}")
    } else if redraw {
        format!("{text}\n")
    } else {
        text.to_owned()
    }
}
