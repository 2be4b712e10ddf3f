//! Does the simulator behave as Salesforce is documented to? Raw HTTP, no client of this project.

#[cfg(test)]
mod addresses;
#[cfg(test)]
mod app_credentials;
#[cfg(test)]
mod authorize;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod control;
#[cfg(test)]
mod data;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod grants;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod introspection;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod support;
#[cfg(test)]
mod switches;
