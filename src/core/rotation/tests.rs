//! Rotations over many passes, in a world that may stop the process anywhere: is there always a pair that Salesforce accepts, and
//! does each rotation come to its end?

mod crashes;
mod records;
mod scenes;
mod world;
