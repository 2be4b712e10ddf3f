//! What does the callback page answer, and what does it write? Functions of a request, of what was read, and of the time.
//!
//! ```text
//! request  path and query                      -> what is asked for
//! flow     connector, Secret, browser, time    -> a changed Secret, or why not
//! pages    what came of it                     -> a page
//! ```

pub mod attempt;
pub mod browser;
pub mod flow;
pub mod notice;
pub mod page;
pub mod pages;
pub mod rate;
pub mod request;
#[cfg(test)]
mod tests;
pub mod url;
