//! The Helm chart: what is generated in it, how it renders, and what the API server makes of it.

mod files;
mod generated;
