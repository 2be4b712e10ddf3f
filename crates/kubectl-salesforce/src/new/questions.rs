//! How is a value asked for that no flag gives? At a terminal, secrets without echo; without one, the flag is named.

use std::io::{BufRead as _, Write as _};

use secrecy::SecretString;

use crate::command_error::CommandError;

/// Whoever answers.
pub trait Questions {
    /// A value that may be seen; empty if the person gives none.
    fn ask(&mut self, question: &str, flag: &str) -> Result<String, CommandError>;
    /// A value that must not be seen.
    fn ask_secret(&mut self, question: &str, flag: &str) -> Result<SecretString, CommandError>;
    /// Whether optional values are asked for.
    fn is_patient(&self) -> bool;
}

/// A person at a terminal. Questions go to standard error: standard output may be a file.
pub struct Terminal;

impl Questions for Terminal {
    fn ask(&mut self, question: &str, _flag: &str) -> Result<String, CommandError> {
        let mut answer = String::new();
        let mut err = std::io::stderr();
        let asked = write!(err, "{question}: ").and_then(|()| err.flush());
        let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
        match read {
            Ok(0) => Err(CommandError::Usage(format!("no answer to: {question}"))),
            Ok(_) => Ok(answer.trim().to_owned()),
            Err(error) => Err(CommandError::Output(error)),
        }
    }

    fn ask_secret(&mut self, question: &str, _flag: &str) -> Result<SecretString, CommandError> {
        let answer = rpassword::prompt_password(format!("{question} (not shown): "));
        answer.map(SecretString::from).map_err(CommandError::Output)
    }

    fn is_patient(&self) -> bool {
        true
    }
}

/// A script.
pub struct NoTerminal;

impl Questions for NoTerminal {
    fn ask(&mut self, question: &str, flag: &str) -> Result<String, CommandError> {
        Err(CommandError::Usage(format!(
            "{question} is required, and there is no terminal to ask at. Set {flag}."
        )))
    }

    fn ask_secret(&mut self, question: &str, flag: &str) -> Result<SecretString, CommandError> {
        self.ask(question, flag).map(SecretString::from)
    }

    fn is_patient(&self) -> bool {
        false
    }
}
